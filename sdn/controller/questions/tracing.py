"""What would become of a packet: the question as frames, the programs of all switches, and the answer in words.

Nothing is sent here and nothing changes. Costs: the flows of each table visited are looked at once for each packet, and
all links once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sdn.controller.core import Controller
from sdn.controller.errands import Seen
from sdn.controller.questions import livetrace
from sdn.controller.questions.livetrace import Comparison, Wish
from sdn.controller.questions.narrowing import Narrowing
from sdn.controller.questions.tracing_plan import Plan, Planner, packed_mac, pair_of, title_of_question
from sdn.controller.questions.tracing_words import Place, World, Writer
from sdn.model.errors import InvalidInput, NotFound
from sdn.model.intent import Port
from sdn.model.program import Entry, Unit
from sdn.model.tracing import LiveTrace, Protocol, TracePart, TraceQuestion, TraceView, Verdict
from sdn.trace import Doing, Limits, Step, Trace, Why, trace
from sdn.trace.build import answer_of

OwnerOf = Callable[[tuple[Unit, ...]], tuple[str, str]]
StateOf = Callable[[int], Callable[[Entry], str]]
_LIMITS = Limits(steps=5000)
"""More than anybody reads; a broadcast to 100 switches through three tiers has about 3,000."""


@dataclass(frozen=True, slots=True)
class _Followed:
    """An answer, and what it is about: where the packet enters, the frame and its way, if there is a packet."""

    view: TraceView
    start: Place
    frame: bytes = b""
    found: Trace | None = None


class Tracing:
    """Answers questions. owner_of, state_of: how owners and states of entries are told, as for lists of flows."""

    def __init__(self, controller: Controller, owner_of: OwnerOf, state_of: StateOf) -> None:
        self._controller = controller
        self._owner_of, self._state_of = owner_of, state_of

    def answer(self, asked: TraceQuestion) -> TraceView:
        """Raises InvalidInput or NotFound, naming the field."""
        return self._follow(asked).view

    def prepare(self, asked: TraceQuestion) -> tuple[TraceView, Wish | None]:
        """The same, and the probe to be sent; None if there can be none: then the view says why."""
        followed = self._follow(asked, live=True)
        made = livetrace.wish(followed.start, followed.frame, followed.found, self._controller.parts)
        if isinstance(made, LiveTrace):
            return replace(followed.view, live=made), None
        return followed.view, made

    def compare(self, wish: Wish, seen: Sequence[Seen]) -> tuple[LiveTrace, Narrowing | None]:
        """What was seen of a probe beside what the programs say, which are looked at again; and how to learn more."""
        now = trace(World(self._controller), wish.start, wish.frame, _LIMITS)
        comparison = Comparison(wish, self._controller.parts)
        live = comparison.judge(seen, now)
        return live, comparison.narrowing(live, seen)

    def _follow(self, asked: TraceQuestion, *, live: bool = False) -> _Followed:
        port, start = self._sender(asked.source)
        known = self._controller.parts
        plan = Planner(known.store, port, known.attachments.facts, known.announcements.announcer).plan(asked)
        if live:
            _check_live(asked, plan)
        world = World(self._controller)
        writer = Writer(self._controller, world, self._owner_of, self._state_of)
        if plan.refusal:
            return _Followed(TraceView(Verdict.NOT_DELIVERED, plan.refusal, ()), start)
        parts: list[TracePart] = []
        mac = b""
        if plan.ask is not None and asked.protocol is not Protocol.ARP:
            found = trace(world, start, plan.question, _LIMITS)
            parts.append(writer.part(title_of_question(plan.ask), plan.question, found))
            told = self._answered(found, start, plan)
            if told is None:
                reason = f"nobody answers {title_of_question(plan.ask)}"
                verdict = Verdict.NOT_DELIVERED if found.sure else Verdict.UNSURE
                return _Followed(TraceView(verdict, _joined(reason, writer.ends(found)), tuple(parts)), start)
            mac = told
        frame = plan.frame(mac)
        found = trace(world, start, frame, _LIMITS)
        parts.append(writer.part(plan.title, frame, found))
        verdict, reason = self._judge(found, plan, start, writer)
        return _Followed(TraceView(verdict, reason, tuple(parts)), start, frame, found)

    def _sender(self, name: str) -> tuple[Port, Place]:
        port = self._controller.store.objects.get(name)
        if not isinstance(port, Port):
            raise NotFound.of("source", f"there is no port {name}", "List the ports to find its name.")
        facts = self._controller.attachments.facts(name)
        if facts is None or facts.ofport is None:
            why = self._controller.attachments.why_not(name)
            message = why.message if why else "Its switch is away, and port numbers are not known."
            raise NotFound.of("source", f"{name} is not attached to a switch", message)
        return port, (facts.dpid, facts.ofport)

    def _place(self, name: str) -> Place | None:
        facts = self._controller.attachments.facts(name)
        return None if facts is None or facts.ofport is None else (facts.dpid, facts.ofport)

    def _answered(self, found: Trace, start: Place, plan: Plan) -> bytes | None:
        """The MAC that comes back, or that the owner would tell if the question reaches it."""
        assert plan.ask is not None
        for step in found.steps:
            if step.why is not Why.DELIVERED:
                continue
            mac = answer_of(step.frame, plan.ask) if (step.dpid, step.port) == start else None
            if mac is not None:
                return mac
        for step in found.steps:
            if step.why is Why.DELIVERED and (step.dpid, step.port) != start:
                name = self._controller.attachments.at(step.dpid, step.port)  # type: ignore[arg-type]
                port = self._controller.store.objects.get(name or "")
                pair = pair_of(port, plan.ask)
                if isinstance(port, Port) and (plan.ask in port.addresses or pair is not None):
                    return packed_mac(pair.mac if pair is not None and pair.mac else port.mac)
        return None

    def _judge(self, found: Trace, plan: Plan, start: Place, writer: Writer) -> tuple[Verdict, str]:
        always, perhaps = self._arrives(found, plan, start)
        if always:
            return Verdict.DELIVERED, self._success(plan, found, start)
        ends = writer.ends(found)
        if not found.sure:
            return Verdict.UNSURE, _joined("it is not known what becomes of it", ends)
        if perhaps:
            return Verdict.PERHAPS, _joined("it arrives on some of several equal ways", ends)
        if not ends:
            ends = ["no port of a tenant has this destination"]
        missed = [name for name in plan.targets if self._place(name) is None]
        if missed:
            why = self._controller.attachments.why_not(missed[0])
            ends = [f"{missed[0]} is not attached: {why.message if why else 'its switch is away'}", *ends]
        return Verdict.NOT_DELIVERED, _joined("it does not arrive", ends)

    def _arrives(self, found: Trace, plan: Plan, start: Place) -> tuple[bool, bool]:
        """Whether the packet arrives on every way, and whether it does on any."""
        if plan.anybody:
            return found.must(lambda step: step.why is Why.DELIVERED), found.may(lambda step: step.why is Why.DELIVERED)
        certain, possible = found.certain(_place_of), set(map(_place_of, found.steps))
        places = [self._place(name) for name in plan.targets]
        # The answer comes back, or the question reaches whoever has the address, which then answers.
        goals = [{start, *places}] if plan.back else [{place} for place in places]
        reached = [({place for place in goal if place in certain}, goal & possible - {None}) for goal in goals]
        return bool(goals) and all(a for a, _ in reached), bool(goals) and all(b for _, b in reached)

    def _success(self, plan: Plan, found: Trace, start: Place) -> str:
        if plan.anybody:
            return "somebody gets it"
        if plan.back:
            back = found.may(lambda step: _place_of(step) == start)
            return "it is answered by the switch" if back else f"it reaches {plan.targets[0]}, which answers"
        switches = len({step.dpid for step in found.steps if step.doing is Doing.ARRIVE})
        if len(plan.targets) > 1:
            return f"it reaches all {len(plan.targets)} other members of the network"
        return f"it reaches {plan.targets[0]}; {switches} switch{'es' if switches != 1 else ''} may take part"


def _check_live(asked: TraceQuestion, plan: Plan) -> None:
    """Raises InvalidInput for what cannot be a probe: the answers of switches, and copies to several ports."""
    what, field = "", "destination"
    if asked.frame:
        what, field = "a whole frame", "frame"
    elif asked.protocol is Protocol.ARP:
        what, field = "the question for a MAC, which the first switch answers,", "protocol"
    elif plan.back:
        what = "a packet to a gateway, which the first switch answers,"
    elif plan.frame(bytes(6))[0] & 1:
        what = "a packet to a group"
    if what:
        remedy = "Send a packet to a single port, or trace without a probe."
        raise InvalidInput.of(field, f"{what} cannot be sent as a probe", remedy)


def _place_of(step: Step) -> Place | None:
    """Where a step delivers the frame."""
    return (step.dpid, step.port) if step.why is Why.DELIVERED else None


def _joined(what: str, ends: list[str]) -> str:
    return f"{what}: {'; '.join(ends)}" if ends else what
