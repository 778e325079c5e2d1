"""What the northbound may ask: reads are answered at once from the controller's memory, writes are awaited."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from sdn.controller.errands import Seen
from sdn.controller.questions.livetrace import Wish
from sdn.controller.questions.narrowing import Narrowing
from sdn.model.command import Transaction, TransactionResult
from sdn.model.errors import Violation
from sdn.model.ids import Dpid, Kind
from sdn.model.intent import Connection, Constraints, Quota, Resource
from sdn.model.maintenance import ForgottenView, MaintenanceView, Target
from sdn.model.notice import AuditReport, Filter, Notice, NoticePage
from sdn.model.plan import Plan
from sdn.model.request import Protect
from sdn.model.resilience import Resilience
from sdn.model.selector import EVERYTHING, Selector
from sdn.model.status import ChangeType, PathHop, Status
from sdn.model.topology import SwitchPort, WiringFault
from sdn.model.tracing import TraceQuestion, TraceView
from sdn.model.whatif import Consequence, WhatIfQuery


@dataclass(frozen=True, slots=True)
class SwitchView:
    """One switch as an operator sees it.

    pending: entries not yet confirmed; alien, alien_groups: flows and groups that are not ours. repair, repair_pending:
    see sdn.controller.convergence.readiness.
    """

    dpid: Dpid
    name: str
    connected: bool
    peer: str
    ports: tuple[SwitchPort, ...]
    flows: int
    groups: int
    pending: int
    alien: int
    alien_groups: int = 0
    meters: int = 0
    repair: str = ""
    repair_pending: int = 0
    drained: bool = False


@dataclass(frozen=True, slots=True)
class LinkView:
    """One link; ends are (switch name, interface name). reserved: bits/s from a to b and from b to a.

    away, damped, drained, unused: see sdn.topology.linkstate.LinkState. measured: latency one way and its error in
    microseconds, and the number of samples; None while it is not known. oversubscription: 0 for that of all links.
    """

    a: tuple[str, str]
    b: tuple[str, str]
    up: bool
    declared: bool
    cost: int
    capacity: int
    latency: int
    reserved: tuple[int, int]
    away: bool = False
    damped: bool = False
    drained: bool = False
    unused: bool = False
    measured: tuple[int, int, int] | None = None
    oversubscription: float = 0.0


@dataclass(frozen=True, slots=True)
class TopologyView:
    """All switches and links, and where they differ from what was declared.

    declaration: name of the declared topology, '' if there is none.
    """

    switches: tuple[SwitchView, ...]
    links: tuple[LinkView, ...]
    faults: tuple[WiringFault, ...]
    declaration: str = ""


@dataclass(frozen=True, slots=True)
class FlowView:
    """One entry of a switch's program in ovs-ofctl notation, with its owner.

    kind: 'flow', 'group' or 'meter'; state: 'installed' or 'pending'; cookie: 0 for groups and meters. sharers: all
    owners, where there are several.
    """

    kind: str
    table: str
    priority: int
    match: str
    actions: str
    cookie: int
    owner: str
    feature: str
    state: str
    sharers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PathQuery:
    """Paths between two switches (name or datapath id) or bound ports (full name).

    bandwidth, reverse: bits/s to be free there and back (reverse 0: as bandwidth). disjoint: what no two share.
    """

    source: str
    destination: str
    bandwidth: int
    reverse: int
    constraints: Constraints
    count: int
    disjoint: Protect | None = None


@dataclass(frozen=True, slots=True)
class FoundPath:
    """A path with its cost, its latency in microseconds, and the bits/s that are free there and back."""

    hops: tuple[PathHop, ...]
    cost: int
    latency: int
    free: int
    reverse_free: int


@dataclass(frozen=True, slots=True)
class CheckedConnection:
    """The paths that a connection would get (none while an end is attached nowhere), or why it would be refused.

    displaced: full names of connections that would lose a path for it. legs: by name, of one of many ends: its primary
    and backup path.
    """

    path: FoundPath | None
    backup: FoundPath | None
    obstacles: tuple[Violation, ...]
    displaced: tuple[str, ...] = ()
    legs: tuple[tuple[str, FoundPath, FoundPath | None], ...] = ()


@dataclass(frozen=True, slots=True)
class SystemView:
    """The daemon at a glance. ready: every known switch is connected, in sync, and all declared links are up."""

    version: str
    started: float
    revision: int
    switches: int
    switches_connected: int
    links: int
    objects: dict[Kind, int]
    objects_by_state: dict[str, int]
    ready: bool
    not_ready: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Watched:
    """One message of a watch. revision: from which to go on watching after it; 0 within the initial list.

    resource, status: None where nothing changed and only the revision is told (SYNCED).
    """

    revision: int
    type: ChangeType
    resource: Resource | None = None
    status: Status | None = None


class Reader(Protocol):
    """Reads; all raise sdn.model.errors.NotFound for unknown names."""

    def get(self, name: str) -> tuple[Resource, Status]:
        """One object by full name."""
        ...

    def list(
        self, kind: Kind, tenant: str = "", selector: Selector = EVERYTHING, after: str = ""
    ) -> Iterable[tuple[Resource, Status]]:
        """Objects of a kind, ordered by name; ``tenant``: id to restrict to, '' for all.

        selector: only what it selects; after: only names behind this one.
        """
        ...

    def quota(self, tenant: str) -> tuple[Quota, Quota]:
        """What a tenant (its full name) has, and how much it may have."""
        ...

    def topology(self) -> TopologyView:
        """Switches, links and wiring faults."""
        ...

    def check_connection(self, connection: Connection) -> CheckedConnection:
        """Whether a connection would be admitted now; its name may be empty. Raises SdnError for a wrong request."""
        ...

    def find_paths(self, query: PathQuery) -> Iterator[FoundPath]:
        """The best paths, one at a time, each by a bounded search; raises SdnError, also Refused when there is none."""
        ...

    def maintenance(self, target: Target) -> MaintenanceView:
        """What operators say about a link or switch, and what has become of it. Raises NotFound, Refused."""
        ...

    def what_if(self, query: WhatIfQuery) -> Iterator[Consequence | None]:
        """What would become of connections, failure by failure; None after each bounded step between two answers.

        Raises NotFound at the call, for what it names.
        """
        ...

    def flows(self, switch: str) -> Iterable[FlowView]:
        """The program of a switch (name or dpid)."""
        ...

    def trace(self, asked: TraceQuestion) -> TraceView:
        """What would become of a packet. Raises sdn.model.errors.InvalidInput too, naming the field."""
        ...

    def prepare_trace(self, asked: TraceQuestion) -> tuple[TraceView, Wish | None]:
        """As ``trace``, and the probe to be sent; None if there can be none, and then the answer is whole."""
        ...

    def finish_trace(self, view: TraceView, wish: Wish, seen: Sequence[Seen]) -> tuple[TraceView, Narrowing | None]:
        """The answer with what was seen of the probe, and how to learn what is to blame if it was lost."""
        ...

    def system(self) -> SystemView:
        """The daemon at a glance."""
        ...

    def notices(self, start: int, wanted: Filter, size: int) -> NoticePage:
        """At most ``size`` kept notices from a number on (0: from the oldest).

        Raises sdn.model.errors.Gone when some of them are not kept any more.
        """
        ...


class Backend(Protocol):
    """All that the northbound needs of the daemon."""

    @property
    def reader(self) -> Reader:
        """Reads from memory."""
        ...

    async def submit(self, transaction: Transaction) -> TransactionResult:
        """Carry out a transaction; returns when it is durable. Raises SdnError."""
        ...

    async def rehearse(self, transaction: Transaction) -> Plan:
        """What a transaction would do, also to the switches; nothing changes. Raises Unavailable."""
        ...

    async def wait_programmed(self, names: tuple[str, ...], timeout: float) -> None:  # noqa: ASYNC109 - part of the answer, not an abort
        """Return when all these are PROGRAMMED or settled otherwise (REJECTED, FAILED, gone), or after ``timeout``.

        timeout: seconds.
        """
        ...

    async def resilience(self) -> Resilience:
        """Which failures are repaired without the controller, by what is in the programs. Raises Unavailable."""
        ...

    async def maintain(
        self, target: Target, drained: bool | None, cost: int | None, oversubscription: float | None = None
    ) -> MaintenanceView:
        """Drain a link or switch (or end that), or give a link another cost; None: as before. Raises SdnError."""
        ...

    async def forget(self, switch: str) -> ForgottenView:
        """A switch (name or datapath id) that is away is gone for good; what was bound there.

        Raises NotFound, or InUse when it is connected or declared.
        """
        ...

    async def audit(self, switch: str) -> AuditReport:
        """Read a switch (name or datapath id) back, compare it with its program and repair it; what was found.

        Raises NotFound, or Unavailable when it is not connected.
        """
        ...

    async def trace_live(self, asked: TraceQuestion, caller: str) -> TraceView:
        """What would become of a packet, and what becomes of a probe that is made of it. caller: who is metered.

        Raises as Reader.trace, and Exhausted when too many are asked for, Unavailable when its switch goes away.
        """
        ...

    def watch_notices(self, start: int, wanted: Filter) -> AsyncIterator[Notice]:
        """Those kept from a number on (0: all), then each new one.

        Raises Gone when some of them are not kept any more, also later, for a consumer that is too slow.
        """
        ...

    def watch(
        self, kind: Kind, tenant: str = "", selector: Selector = EVERYTHING, start: int = 0
    ) -> AsyncIterator[Watched]:
        """First every existing object as ADDED, unless there is a revision to ``start`` from, then each change.

        What leaves the selection is DELETED, what enters it ADDED. Raises Gone when what came after ``start`` is not
        known any more, Unavailable when the consumer falls too far behind.
        """
        ...
