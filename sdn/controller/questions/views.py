"""What the northbound may read, answered from memory."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from sdn.controller.core import Controller
from sdn.controller.errands import Seen
from sdn.controller.questions.livetrace import Wish
from sdn.controller.questions.narrowing import Narrowing
from sdn.controller.questions.pathviews import PathViews
from sdn.controller.questions.tracing import Tracing
from sdn.controller.questions.whatif import WhatIf
from sdn.controller.reader import (
    CheckedConnection,
    FlowView,
    FoundPath,
    LinkView,
    PathQuery,
    SwitchView,
    SystemView,
    TopologyView,
)
from sdn.model.errors import NotFound, Thing
from sdn.model.ids import Dpid, Kind, thing_of
from sdn.model.intent import Connection, Port, Quota, Resource
from sdn.model.maintenance import MaintenanceView, Target
from sdn.model.notation import format_body, format_buckets, format_match, format_meter, split_key
from sdn.model.notice import Filter, NoticePage
from sdn.model.program import Entry, Unit, cookie_of
from sdn.model.selector import EVERYTHING, Selector
from sdn.model.status import Status
from sdn.model.topology import LinkEnd
from sdn.model.tracing import TraceQuestion, TraceView
from sdn.model.whatif import Consequence, WhatIfQuery
from sdn.pipeline.layout import TABLE_NAMES
from sdn.pipeline.program import SwitchProgram
from sdn.topology.linkstate import LinkState


class Views:
    """A Reader of a controller. version: of the daemon; started: Unix time in seconds."""

    def __init__(self, controller: Controller, version: str, started: float) -> None:
        self._controller = controller
        self.version = version
        self._started = started
        self._tracing = Tracing(controller, _owner, lambda dpid: self._state_of(Dpid(dpid)))
        self._paths = PathViews(controller.store, controller.connections, self._place)

    # Objects

    def get(self, name: str) -> tuple[Resource, Status]:
        """One object by full name; raises NotFound."""
        resource = self._controller.store.objects.get(name)
        if resource is None:
            remedy = "List the objects of this kind to find its name."
            raise NotFound.of("name", f"{name} does not exist", remedy, thing_of(name))
        history = self._controller.parts.lives.history(name)
        return resource, replace(self._controller.statuses.of(resource), history=history)

    def list(
        self, kind: Kind, tenant: str = "", selector: Selector = EVERYTHING, after: str = ""
    ) -> Iterator[tuple[Resource, Status]]:
        """Objects of a kind, ordered by name, from behind ``after`` on. O(those looked at)."""
        objects, of = self._controller.store.objects, self._controller.statuses.of
        names = self._controller.store.names(kind, tenant)
        for index in range(bisect_right(names, after), len(names)):
            resource = objects[names[index]]
            if selector.matches(resource.labels):
                yield resource, of(resource)

    def quota(self, tenant: str) -> tuple[Quota, Quota]:
        """What a tenant has, and how much it may have."""
        return self._controller.store.quota(tenant)

    # Topology

    def topology(self) -> TopologyView:
        """Switches, links and wiring faults."""
        topology = self._controller.topology
        return TopologyView(
            tuple(self._switch(dpid) for dpid in topology.switches()),
            tuple(self._link(state) for state in topology.link_states()),
            topology.faults(),
            topology.declared.name if topology.declared is not None else "",
        )

    def _switch(self, dpid: Dpid) -> SwitchView:
        controller = self._controller
        switch = controller.fleet.get(dpid)
        program = controller.compiler.programs.get(dpid)
        repair, repair_pending = controller.parts.readiness.of(dpid)
        return SwitchView(
            dpid=dpid,
            name=controller.topology.name_of(dpid),
            connected=switch is not None and switch.session is not None,
            peer=switch.peer if switch else "",
            ports=controller.topology.discovery.ports(dpid),
            flows=len(program.flows) if program else 0,
            groups=len(program.groups) if program else 0,
            pending=self._pending(dpid),
            alien=switch.alien if switch else 0,
            alien_groups=switch.alien_groups if switch else 0,
            drained=controller.topology.maintenance.drained_switch(dpid),
            meters=len(program.meters) if program else 0,
            repair=repair,
            repair_pending=repair_pending,
        )

    def _pending(self, dpid: Dpid) -> int:
        """Entries of a switch that are not known to be there."""
        switch = self._controller.fleet.get(dpid)
        if switch is not None and switch.live:
            return switch.sync.pending
        program = self._controller.compiler.programs.get(dpid)
        return len(program.flows) + len(program.groups) + len(program.meters) if program else 0

    def _link(self, state: LinkState) -> LinkView:
        link, declared = state.link, state.declared
        facts = link or declared
        assert facts is not None
        reserved = (0, 0)
        if link is not None:
            ends = (link.a, link.b) if self._is_first(link.a, state) else (link.b, link.a)
            reserved = self._reserved(ends[0]), self._reserved(ends[1])
        return LinkView(
            a=state.a,
            b=state.b,
            up=link is not None,
            declared=declared is not None,
            cost=facts.cost,
            capacity=facts.capacity,
            latency=facts.latency,
            reserved=reserved,
            away=state.away,
            damped=state.damped,
            drained=state.drained,
            oversubscription=0.0 if link is None else link.oversubscription,
            unused=state.unused,
            measured=(found.microseconds, found.error, found.samples) if (found := state.measured) else None,
        )

    def _is_first(self, end: LinkEnd, state: LinkState) -> bool:
        topology = self._controller.topology
        return (topology.name_of(end.dpid), topology.discovery.interface(end.dpid, end.port)) == state.a

    def _reserved(self, end: LinkEnd) -> int:
        return self._controller.connections.ledger.reserved(end)

    def check_connection(self, connection: Connection) -> CheckedConnection:
        """Whether a connection would be admitted now."""
        return self._paths.check(connection)

    def find_paths(self, query: PathQuery) -> Iterator[FoundPath]:
        """The best paths, one at a time."""
        return self._paths.find(query)

    def what_if(self, query: WhatIfQuery) -> Iterator[Consequence | None]:
        """What would become of connections; raises NotFound at the call."""
        controller = self._controller
        return WhatIf(query, controller.store, controller.topology, controller.connections).steps()

    def maintenance(self, target: Target) -> MaintenanceView:
        """What operators say about a link or switch, and what has become of it."""
        return self._controller.maintaining.view(target)

    def _place(self, name: str, field: str) -> tuple[Dpid, str]:
        """The switch and (of a port) the interface that a name means."""
        port = self._controller.store.objects.get(name)
        if isinstance(port, Port):
            dpid = self._controller.attachments.locate(port)
            if dpid is None:
                raise NotFound.of(field, f"{name} is not attached to a switch", "Bind the port, or name a switch.")
            return dpid, self._controller.attachments.interface(name)
        if "/" in name:
            remedy = "Give the full name of a bound port, or a switch."
            raise NotFound.of(field, f"there is no port {name}", remedy, Thing("Port", name))
        return self._resolve(name, field), ""

    def _resolve(self, switch: str, field: str) -> Dpid:
        topology = self._controller.topology
        dpid = topology.resolve(switch)
        if dpid is None or dpid not in topology.switches():
            remedy = "List the topology for names and datapath ids."
            raise NotFound.of(field, f"there is no switch {switch!r}", remedy, Thing("Switch", switch))
        return dpid

    # Programs

    def flows(self, switch: str) -> Iterable[FlowView]:
        """The program of a switch: flows by table and falling priority, then groups, then meters."""
        dpid = self._resolve(switch, "switch")
        program = self._controller.compiler.programs.get(dpid)
        return () if program is None else self._entries(dpid, program)

    def _entries(self, dpid: Dpid, program: SwitchProgram) -> Iterator[FlowView]:
        state = self._state_of(dpid)
        for key in sorted(program.flows, key=_reading_order):
            table, priority, match = split_key(key)
            body = program.flows[key]
            entry = Entry("flow", key)
            name = TABLE_NAMES.get(table, str(table))
            said = _said(program, entry, state(entry))
            yield FlowView("flow", name, priority, format_match(match), format_body(body), cookie_of(body), *said)
        for number, group in sorted(program.groups.items()):
            entry = Entry("group", number)
            text = format_buckets(group.type, group.buckets)
            yield FlowView("group", "", 0, f"group_id={number}", text, 0, *_said(program, entry, state(entry)))
        for number, meter in sorted(program.meters.items()):
            entry = Entry("meter", number)
            text = format_meter(meter.rate, meter.burst, meter.bits)
            yield FlowView("meter", "", 0, f"meter={number}", text, 0, *_said(program, entry, state(entry)))

    def trace(self, asked: TraceQuestion) -> TraceView:
        """What would become of a packet; raises InvalidInput or NotFound."""
        return self._tracing.answer(asked)

    def prepare_trace(self, asked: TraceQuestion) -> tuple[TraceView, Wish | None]:
        """The same, and the probe to be sent, if there is one."""
        return self._tracing.prepare(asked)

    def finish_trace(self, view: TraceView, wish: Wish, seen: Sequence[Seen]) -> tuple[TraceView, Narrowing | None]:
        """The answer with what was seen of the probe, and how to learn what is to blame if it was lost."""
        live, narrowing = self._tracing.compare(wish, seen)
        return replace(view, live=live), narrowing

    def _state_of(self, dpid: Dpid) -> Callable[[Entry], str]:
        switch = self._controller.fleet.get(dpid)
        if switch is None or not switch.live:
            return lambda entry: "pending"
        return lambda entry: "pending" if switch.sync.is_pending(entry) else "installed"

    # Notices

    def notices(self, start: int, wanted: Filter, size: int) -> NoticePage:
        """Kept notices from a number on (0: from the oldest); raises Gone."""
        return self._controller.notices.page(start, wanted, size)

    # System

    def system(self) -> SystemView:
        """The daemon at a glance. O(objects)."""
        controller = self._controller
        objects = {kind: len(controller.store.select(kind)) for kind in Kind}
        states = Counter(str(controller.statuses.state(resource)) for resource in controller.store.objects.values())
        not_ready = tuple(self._not_ready())
        return SystemView(
            version=self.version,
            started=self._started,
            revision=controller.store.revision,
            switches=len(controller.topology.switches()),
            switches_connected=sum(switch.session is not None for switch in controller.fleet),
            links=len(controller.topology.links()),
            objects=objects,
            objects_by_state=dict(states),
            ready=not not_ready,
            not_ready=not_ready,
        )

    def switches_missing(self) -> Iterator[str]:
        """What switches lack. O(switches)."""
        controller = self._controller
        topology = controller.topology
        if not controller.started:
            yield controller.statuses.starting
        for dpid in topology.switches():
            switch = controller.fleet.get(dpid)
            if switch is None or switch.session is None:
                yield f"switch {topology.name_of(dpid)} is not connected"
            elif not switch.live or switch.sync.pending:
                yield f"switch {topology.name_of(dpid)} has {self._pending(dpid)} entries to confirm"
        for dpid in controller.parts.strangers.returning:
            yield f"switch {topology.name_of(dpid)} was cut off: its links are used when it knows nothing of before"
        if controller.parts.ready_links:
            yield "routes follow when both ends of new links are listened at"
        if controller.repairs.busy or controller.repairs.changing:
            yield "repair trees follow a change of links"
        for unit in controller.compiler.blocked_units:
            yield f"switch {topology.name_of(Dpid(unit.dpid))} refuses entries of {unit.object} ({unit.feature})"

    def missing(self) -> Iterator[str]:
        """What is missing for ready. O(switches + links)."""
        return self._not_ready()

    def _not_ready(self) -> Iterator[str]:
        topology = self._controller.topology
        yield from self.switches_missing()
        for state in topology.link_states():
            if state.link is None:
                yield f"link {':'.join(state.a)} - {':'.join(state.b)} is not up"


def _reading_order(key: bytes) -> tuple[int, int, bytes]:
    """By table, then falling priority, then match."""
    return key[0], -int.from_bytes(key[1:3], "big"), key[3:]


def _said(program: SwitchProgram, entry: Entry, state: str) -> tuple[str, str, str, tuple[str, ...]]:
    """Owner, feature, state and sharers of an entry, as of a FlowView."""
    units = program.owners(entry)
    return *_owner(units), state, tuple(unit.object for unit in units) if len(units) > 1 else ()


def _owner(units: tuple[Unit, ...]) -> tuple[str, str]:
    """Owner and feature as text; of what is shared the first owner and how many more there are."""
    if not units:
        return "", ""
    more = f" and {len(units) - 1} more" if len(units) > 1 else ""
    return units[0].object + more, units[0].feature
