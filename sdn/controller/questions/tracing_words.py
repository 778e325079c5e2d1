"""Traces with names: of switches, interfaces and ports, entries with their owners, what registers hold, and reasons."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from sdn.controller.core import Controller
from sdn.controller.hosts.heard import announced
from sdn.model.ids import Dpid
from sdn.model.intent import Port
from sdn.model.notation import format_body, format_buckets, format_match, split_key
from sdn.model.program import Entry, Unit
from sdn.model.topology import LinkEnd
from sdn.model.tracing import TraceChange, TraceDelivery, TracePart, TraceStep
from sdn.pipeline.layout import DESTINATION, NETWORK, REASON, ROUTER, SOURCE, TABLE_NAMES, Table
from sdn.pipeline.meaning import Names, why_dropped, why_missed
from sdn.trace import Doing, Step, Switch, Trace, Why
from sdn.trace.fields import shown

Place = tuple[int, int]
"""Datapath id and OpenFlow port number."""
_REGISTERS = {
    NETWORK.name: ("network", "network"),
    SOURCE.name: ("sender", "service"),
    ROUTER.name: ("router", "router"),
    DESTINATION.name: ("receiver", "service"),
    REASON.name: ("reason", ""),
}
"""What a register is called, and the pool of numbers that it holds."""
_MAX_ENDS = 5
"""Reasons that are told together."""
_PLAIN = {
    Why.NO_OUTPUT: "it is not sent anywhere",
    Why.TTL: "the TTL ends here",
    Why.INGRESS: "not sent back to where it came from",
    Why.NO_GROUP: "the group is not there",
    Why.NO_BUCKET: "no bucket of the group is alive",
    Why.LOOP: "it goes round for ever",
    Why.TOO_DEEP: "Open vSwitch gives up",
    Why.TOO_LONG: "the trace is too long to be told",
    Why.UNKNOWN: "cannot be interpreted",
    Why.NO_SWITCH: "this switch has no program",
}
_NO_LOSS = (Why.DELIVERED, Why.CONTROLLER, Why.INGRESS)


class World:
    """The switches as a packet would find them now: programs as compiled, ports and links as last seen."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._switches: dict[int, Switch | None] = {}
        self._far: dict[LinkEnd, LinkEnd] = {}
        for link in controller.topology.links():
            self._far[link.a], self._far[link.b] = link.b, link.a

    def __call__(self, dpid: int) -> Switch | None:
        """A switch by its datapath id, None if it has no program."""
        if dpid not in self._switches:
            self._switches[dpid] = self._make(Dpid(dpid))
        return self._switches[dpid]

    def is_link(self, place: Place) -> bool:
        """Whether a port leads to another switch."""
        return LinkEnd(Dpid(place[0]), place[1]) in self._far

    def _make(self, dpid: Dpid) -> Switch | None:
        program = self._controller.compiler.programs.get(dpid)
        if program is None:
            return None
        ports = {port.number: port.up for port in self._controller.topology.discovery.ports(dpid)}
        links = {}
        for number in ports:
            far = self._far.get(LinkEnd(dpid, number))
            if far is not None:
                links[number] = (int(far.dpid), far.port)
        return Switch(program.flows, program.groups, ports, links)


class Writer:
    """Puts names into traces."""

    def __init__(
        self,
        controller: Controller,
        world: World,
        owner_of: Callable[[tuple[Unit, ...]], tuple[str, str]],
        state_of: Callable[[int], Callable[[Entry], str]],
    ) -> None:
        self._controller, self._world = controller, world
        self._owner_of, self._state_of = owner_of, state_of

    def part(self, title: str, frame: bytes, found: Trace) -> TracePart:
        """One packet and its way."""
        return TracePart(title, frame, tuple(map(self._step, found.steps)), tuple(self._deliveries(found)))

    def ends(self, found: Trace) -> list[str]:
        """Why copies of the packet were lost, each reason once, at most five of them."""
        reasons: dict[str, None] = {}
        for step in found.steps:
            if step.why is not None and step.why not in _NO_LOSS:
                reasons[f"{self._reason(step)} ({self._switch(step.dpid)})"] = None
            elif step.why is Why.CONTROLLER and announced(step.frame) is not None:
                reasons["a copy of it goes to the controller, as it is an announcement"] = None
            elif step.why is Why.CONTROLLER:
                reasons["its TTL ends at the router, and the sender is told so"] = None
        told = list(reasons)
        return told if len(told) <= _MAX_ENDS else [*told[:_MAX_ENDS], f"and {len(told) - _MAX_ENDS} more"]

    def _deliveries(self, found: Trace) -> list[TraceDelivery]:
        always = found.certain(_delivered)
        result = []
        for key in dict.fromkeys(key for step in found.steps if (key := _delivered(step)) is not None):
            dpid, port, frame = key
            name = self._controller.attachments.at(Dpid(dpid), port) or ""
            result.append(TraceDelivery(self._switch(dpid), self._interface(dpid, port), name, key in always, frame))
        return result

    def _step(self, step: Step) -> TraceStep:
        entry = self._entry(step)
        owner, feature, state = "", "", ""
        if entry is not None:
            program = self._controller.compiler.programs[step.dpid]
            owner, feature = self._owner_of(program.owners(entry))
            state = self._state_of(step.dpid)(entry)
        priority, match, actions = self._text(step)
        has_port = step.doing in (Doing.ARRIVE, Doing.OUTPUT) and step.why is not Why.CONTROLLER
        return TraceStep(
            number=step.number + 1,
            doing=step.doing.value,
            switch=self._switch(step.dpid),
            away=not self._controller.topology.discovery.connected(Dpid(step.dpid)),
            interface=self._interface(step.dpid, step.port) if has_port else "",
            port=(self._controller.attachments.at(Dpid(step.dpid), step.port) or "") if has_port else "",
            table=TABLE_NAMES.get(step.table, str(step.table)) if step.doing is Doing.TABLE else "",
            priority=priority,
            match=match,
            actions=actions,
            owner=owner,
            feature=feature,
            state=state,
            choice=step.is_choice,
            share=step.share,
            changes=tuple(self._change(c.field, c.before, c.after) for c in step.changes),
            end="".join(word.capitalize() for word in step.why.value.split()) if step.why else "",
            reason=self._reason(step) if step.why else "",
            frame=step.frame,
            next=tuple(number + 1 for number in step.next),
        )

    def _entry(self, step: Step) -> Entry | None:
        if step.key is not None:
            return Entry("flow", step.key)
        program = self._controller.compiler.programs.get(step.dpid)
        if step.doing is Doing.GROUP and program is not None and step.group in program.groups:
            return Entry("group", step.group)
        return None

    def _text(self, step: Step) -> tuple[int, str, str]:
        """Priority, match and actions of the flow, or the group."""
        program = self._controller.compiler.programs.get(step.dpid)
        if step.key is not None and program is not None:
            _, priority, match = split_key(step.key)
            return priority, format_match(match), format_body(program.flows[step.key])
        if step.doing is Doing.GROUP:
            group = program.groups.get(step.group) if program is not None else None
            return 0, f"group_id={step.group}", format_buckets(group.type, group.buckets) if group else ""
        if step.doing is Doing.BUCKET:
            return 0, f"bucket {step.bucket + 1} of group_id={step.group}", ""
        return 0, "", ""

    def _change(self, name: str, before: int, after: int) -> TraceChange:
        if name in _REGISTERS:
            word, pool = _REGISTERS[name]
            return TraceChange(word, self._named(pool, before), self._named(pool, after))
        return TraceChange(name, shown(name, before), shown(name, after))

    def _named(self, pool: str, number: int) -> str:
        """The object that a number stands for."""
        if not number:
            return ""
        key = self._controller.store.numbers.key_of(pool, number) if pool else None
        return key.partition("|")[0] if key else str(number)

    # Reasons

    def _reason(self, step: Step) -> str:
        assert step.why is not None
        where = f"{self._switch(step.dpid)}:{self._interface(step.dpid, step.port)}"
        if step.why is Why.DELIVERED:
            name = self._controller.attachments.at(Dpid(step.dpid), step.port)
            return f"to {name}" if name else f"out of {where}, where no port of a tenant is"
        if step.why is Why.CONTROLLER:
            return "to the controller"
        if step.why is Why.NO_PORT:
            return f"{self._switch(step.dpid)} has no port {step.port}"
        if step.why is Why.PORT_DOWN:
            return f"{where} is down"
        if step.why in (Why.NO_MATCH, Why.DROPPED):
            return self._verdict_of_table(step)
        plain = _PLAIN[step.why]
        return f"{plain}: {step.note}" if step.note else plain

    def _verdict_of_table(self, step: Step) -> str:
        values = step.values
        place = step.dpid, values.get("in_port", 0)
        if step.table == Table.CLASSIFY and self._world.is_link(place):
            return "a frame from another switch that bears no label"
        names = self._names(step, values)
        if step.key is None:
            return why_missed(step.table, values, names)
        return why_dropped(step.table, split_key(step.key)[1], values, names)

    def _names(self, step: Step, values: Mapping[str, int]) -> Names:
        number = values.get("in_port", 0)
        sender = self._named("service", values.get(SOURCE.name, 0))
        if not sender:
            sender = self._controller.attachments.at(Dpid(step.dpid), number) or ""
        port = self._controller.store.objects.get(sender)
        allowed = ", ".join(_allowed(port)) if isinstance(port, Port) else ""
        return Names(
            sender=sender,
            allowed=allowed,
            network=self._named("network", values.get(NETWORK.name, 0)),
            router=self._named("router", values.get(ROUTER.name, 0)),
            switch=self._switch(step.dpid),
            interface=self._interface(step.dpid, number),
        )

    def _switch(self, dpid: int) -> str:
        return self._controller.topology.name_of(Dpid(dpid))

    def _interface(self, dpid: int, number: int) -> str:
        return self._controller.topology.discovery.interface(Dpid(dpid), number) or str(number)


def _allowed(port: Port) -> Iterator[str]:
    """What a port may send from."""
    yield port.mac
    yield from map(str, port.addresses)
    for pair in port.allowed_address_pairs:
        yield str(pair.prefix) + (f" with {pair.mac}" if pair.mac else "")


def _delivered(step: Step) -> tuple[int, int, bytes] | None:
    """Where a step delivers a frame, and which; None if it delivers none."""
    return (step.dpid, step.port, step.frame) if step.why is Why.DELIVERED else None
