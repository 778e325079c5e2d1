"""A trace in the data plane: a packet that was followed on paper goes as a probe, and both ways are compared.

The probe enters in CLASSIFY, where the flow is chosen by the sender's port, and meets what a tenant's packet meets; all
that is done is as for a packet of the controller, so nothing is sent back to that port (docs/probes.md). One that is
lost against the programs is followed by more, which tell what is to blame (narrowing.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from sdn.controller.errands import Errand, Seen, sealed
from sdn.controller.parts import Parts
from sdn.controller.questions.hops import hops
from sdn.controller.questions.narrowing import Narrowing, words
from sdn.model.ids import Dpid
from sdn.model.tracing import LiveHop, LiveLoss, LiveTrace, LiveVerdict
from sdn.pipeline.layout import PROBE_HOPS, Table
from sdn.trace import CONTROLLER, Doing, Step, Trace, Why

Place = tuple[int, int]
"""Datapath id and OpenFlow port number."""
_MAX_NAMED = 5
_EVENTS = {Table.FABRIC: "passed", Table.OUTPUT: "arrived", Table.PUNT: "returned"}


@dataclass(frozen=True, slots=True)
class Wish:
    """A probe to be sent. start: where its packet enters; frame: that packet; found: its way on paper."""

    errand: Errand
    start: Place
    frame: bytes
    found: Trace

    @property
    def ends(self) -> int:
        """How many copies of it must arrive; one where that depends on the way."""
        return max(1, len(self.found.certain(_delivered)))


def wish(start: Place, frame: bytes, found: Trace | None, parts: Parts) -> Wish | LiveTrace:
    """The probe of a packet that was followed, or why there is none.

    A switch that lacks the entries for probes would hand it to a host, one that is away tells nothing: neither may be
    on the way.
    """
    if found is None:
        return LiveTrace(LiveVerdict.NOT_SENT, "there is no packet that the sender could send")
    unable = [dpid for dpid in {hop.dpid: None for hop in hops(found).values()} if not parts.prober.can([dpid])]
    if unable:
        names = ", ".join(parts.topology.name_of(Dpid(dpid)) for dpid in unable[:_MAX_NAMED])
        reason = "takes no probes now: not connected, or the entries for probes are not confirmed"
        return LiveTrace(LiveVerdict.NOT_SENT, f"{names} {reason}")
    seal = partial(sealed, frame)
    errand = Errand(Dpid(start[0]), Table.CLASSIFY, (), seal, PROBE_HOPS, look_up=start[1])
    return Wish(errand, start, frame, found)


class Comparison:
    """What was seen of a probe beside its way on paper."""

    def __init__(self, wish: Wish, parts: Parts) -> None:
        self._wish, self._found, self._parts = wish, wish.found, parts
        self._must = self._found.certain(_delivered)
        self._may = {place for step in self._found.steps if (place := _delivered(step)) is not None}

    def judge(self, seen: Sequence[Seen], now: Trace) -> LiveTrace:
        """seen: in the order of the way; now: its way by the programs as they are now."""
        hops = (LiveHop(self._name(self._wish.start[0]), "sent", after=(0, 0)), *map(self._hop, seen))
        arrived = {place for one in seen for place in self._ends(one)}
        verdict, reason = self._verdict(hops, arrived, seen)
        if verdict in (LiveVerdict.LOST, LiveVerdict.DETOURED) and now.steps != self._found.steps:
            verdict, reason = LiveVerdict.UNSURE, f"programs changed while it was on its way; {reason}"
        return LiveTrace(verdict, reason, hops)

    def narrowing(self, live: LiveTrace, seen: Sequence[Seen]) -> Narrowing | None:
        """How to find what is to blame; None where nothing is, or where copies arrived."""
        if live.verdict is not LiveVerdict.LOST or any(hop.event == "arrived" for hop in live.hops):
            return None
        return Narrowing(self._found, seen, self._parts)

    def _verdict(self, hops: Sequence[LiveHop], arrived: set[Place], seen: Sequence[Seen]) -> tuple[LiveVerdict, str]:
        strange = next((hop for hop in hops if not hop.expected), None)
        if strange is not None:
            where = f"{strange.switch}:{strange.interface}" if strange.interface else strange.switch
            for_whom = f" for {strange.port}" if strange.port else ""
            return LiveVerdict.DETOURED, f"it {strange.event} {where}{for_whom}, where the programs do not lead"
        if arrived and self._must <= arrived:
            names = ", ".join(dict.fromkeys(hop.port for hop in hops if hop.port))
            return LiveVerdict.ARRIVED, f"it reaches {names}"
        if self._must:
            return LiveVerdict.LOST, self._where_lost(seen)
        if not self._found.sure:
            return LiveVerdict.UNSURE, "it did not arrive, and it is not known what the programs do with it"
        if self._may:
            return LiveVerdict.ENDED, "it did not arrive; by the programs it does on some of several equal ways only"
        return LiveVerdict.ENDED, "it did not arrive, as the programs say"

    # Hops

    def _hop(self, one: Seen) -> LiveHop:
        sighting = one.sighting
        after = None if one.after is None else (max(0, round(one.after[0] * 1e6)), round(one.after[1] * 1e6))
        name, event = self._name(sighting.dpid), _EVENTS[Table(sighting.table)]
        if sighting.table == Table.FABRIC and (sighting.dpid, sighting.in_port) == (self._wish.start[0], CONTROLLER):
            return LiveHop(name, event, after=after)  # from the switch where it was sent it is about to leave
        if sighting.table == Table.FABRIC:
            interface = self._parts.topology.discovery.interface(sighting.dpid, sighting.in_port)
            expected = (sighting.dpid, sighting.in_port) in self._entered()
            return LiveHop(name, event, interface or str(sighting.in_port), "", after, expected)
        if sighting.table == Table.PUNT:
            expected = any(step.dpid == sighting.dpid and step.why is Why.CONTROLLER for step in self._found.steps)
            return LiveHop(name, event, "", "", after, expected)
        return LiveHop(name, event, "", self._receiver(one), after, bool(self._ends(one)))

    def _entered(self) -> set[Place]:
        return {(step.dpid, step.port) for step in self._found.steps if step.doing is Doing.ARRIVE}

    def _receiver(self, one: Seen) -> str:
        key = self._parts.store.numbers.key_of("service", one.sighting.receiver)
        return key.partition("|")[0] if key else str(one.sighting.receiver)

    def _ends(self, one: Seen) -> set[Place]:
        """Where on paper it is delivered, if it arrived there."""
        if one.sighting.table != Table.OUTPUT:
            return set()
        facts = self._parts.attachments.facts(self._receiver(one))
        sites = facts.sites if facts is not None else ()
        here: set[Place] = {(dpid, port) for dpid, port in sites if dpid == one.sighting.dpid and port is not None}
        return here & self._may

    def _name(self, dpid: int) -> str:
        return self._parts.topology.name_of(Dpid(dpid))

    # Where it was lost

    def _where_lost(self, seen: Sequence[Seen]) -> str:
        passed = [one.sighting for one in seen if one.sighting.table == Table.FABRIC]
        last, port = self._wish.start
        if passed and passed[-1].in_port != CONTROLLER:
            last, port = int(passed[-1].dpid), passed[-1].in_port
        text = f"it was seen last in {self._name(last)}"
        arrivals = (step for step in self._found.steps if step.doing is Doing.ARRIVE)
        goals = self._goals([step for step in arrivals if (step.dpid, step.port) == (last, port)])
        if goals:
            text += f", which should have sent it to {' or '.join(goals)}"
        switch = self._parts.fleet.get(Dpid(last))
        if switch is None or not switch.live or switch.sync.pending:
            text += "; that switch has not confirmed its entries"
        return text

    def _goals(self, begin: Sequence[Step]) -> list[str]:
        """The switches and ports that a packet reaches next from a switch, on paper."""
        goals: dict[str, None] = {}
        known: set[int] = set()
        stack = [number for step in begin for number in step.next]
        while stack:
            step = self._found.steps[stack.pop()]
            if step.number in known:
                continue
            known.add(step.number)
            place = _delivered(step)
            if place is not None:
                goals[self._parts.attachments.at(Dpid(step.dpid), step.port) or self._name(step.dpid)] = None
            elif step.doing is Doing.ARRIVE:
                goals[self._name(step.dpid)] = None
            else:
                stack += step.next
        return sorted(goals)


def _delivered(step: Step) -> Place | None:
    return (step.dpid, step.port) if step.why is Why.DELIVERED else None


def with_loss(live: LiveTrace, loss: LiveLoss) -> LiveTrace:
    """The answer with what is to blame."""
    blamed = words(loss)
    return replace(live, reason=f"{live.reason}; {blamed}" if blamed else live.reason, loss=loss)
