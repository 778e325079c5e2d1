"""A daemon without switches: the real store, and programmed at once unless a test says otherwise."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any, TypeVar

from sdn.controller.effects import Publish
from sdn.controller.notices import Notices
from sdn.controller.reader import (
    FlowView,
    FoundPath,
    LinkView,
    PathQuery,
    SwitchView,
    SystemView,
    TopologyView,
    Watched,
)
from sdn.controller.rehearsal import differences_of
from sdn.daemon.watch import NoticeHub, WatchHub
from sdn.model.command import Create, Transaction, TransactionResult
from sdn.model.errors import InUse, NotFound, SdnError, Unavailable
from sdn.model.ids import Dpid, Kind, thing_of
from sdn.model.intent import Binding, Connection, Network, Port, Quota, Resource, Router, Subnet, Tenant
from sdn.model.maintenance import ForgottenView, MaintenanceView, Target
from sdn.model.notice import AuditReport, Filter, Finding, Notice, NoticePage, Severity
from sdn.model.plan import Plan, SwitchPlan, Tally
from sdn.model.resilience import Coverage, FailureCoverage, Resilience
from sdn.model.selector import EVERYTHING, Selector
from sdn.model.status import ChangeType, PathHop, State, Status
from sdn.model.topology import SwitchPort, WiringFault
from sdn.model.tracing import Fault, LiveHop, LiveLoss, LiveTrace, LiveVerdict, TraceQuestion, TraceView
from sdn.northbound import Server
from sdn.store import Store

T = TypeVar("T")
HOPS = (PathHop("leaf1", "h1-eth0", "up1"), PathHop("spine1", "d1", "d2"), PathHop("leaf2", "up1", "h2-eth0"))
NOW = 1_700_000_000.25
FIRST = 1000
"""Revision of the daemon before its first change."""


class FakeReader:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.statuses: dict[str, Status] = {}
        self.failure: Exception | None = None
        self.flow_count = 3
        self.kept = Notices({}, kept=50)
        self.maintained = MaintenanceView(Target(), False, 0, True)

    def maintenance(self, target: Target) -> MaintenanceView:
        if target.switch == "leaf9":
            raise NotFound.of("target.switch", "there is no switch 'leaf9'", "List the topology for names.")
        return self.maintained

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure

    def get(self, name: str) -> tuple[Resource, Status]:
        self._fail()
        if name not in self.store.objects:
            raise NotFound.of("name", f"{name} does not exist", "Create it first.", thing_of(name))
        return self.store.objects[name], self.statuses.get(name, Status(State.PROGRAMMED))

    def list(
        self, kind: Kind, tenant: str = "", selector: Selector = EVERYTHING, after: str = ""
    ) -> Iterable[tuple[Resource, Status]]:
        self._fail()
        found = (self.get(name) for name in self.store.names(kind, tenant) if name > after)
        return (item for item in found if selector.matches(item[0].labels))

    def quota(self, tenant: str) -> tuple[Quota, Quota]:
        return self.store.quota(tenant)

    def topology(self) -> TopologyView:
        ports = (SwitchPort(1, "up1", b"\2\0\0\0\0\1", True, 10**10),)
        switches = (
            SwitchView(Dpid(1), "leaf1", True, "127.0.0.1:4711", ports, 12, 3, 1, 2),
            SwitchView(Dpid(0xFF), "spine1", False, "", (), 0, 0, 0, 0),
        )
        link = LinkView(("leaf1", "up1"), ("spine1", "d1"), True, True, 10, 10**10, 50, (100, 200))
        return TopologyView(switches, (link,), (WiringFault("MissingSwitch", "spine1 is away"),))

    def find_paths(self, query: PathQuery) -> Iterator[FoundPath]:
        if query.source != "leaf1":
            raise NotFound.of("source", f"{query.source} is not known", "Name a switch.")
        yield FoundPath(HOPS, cost=2, latency=100, free=10**9, reverse_free=10**9)

    def flows(self, switch: str) -> Iterable[FlowView]:
        if switch != "leaf1":
            raise NotFound.of("switch", f"{switch} is not known", "Name a switch.")
        return [
            FlowView("flow", "classify", 9, f"in_port={n}", "drop", 2**64 - 1 - n, "tenants/red", "x", "installed")
            for n in range(self.flow_count)
        ]

    def system(self) -> SystemView:
        self._fail()
        objects = {kind: len(self.store.names(kind)) for kind in Kind}
        return SystemView("1.2.3", NOW, self.store.revision, 2, 1, 1, objects, {"PROGRAMMED": 4}, False, ("spine1",))

    def notices(self, start: int, wanted: Filter, size: int) -> NoticePage:
        return self.kept.page(start, wanted, size)


class FakeBackend:
    def __init__(self) -> None:
        self.store = Store()
        self.fake = FakeReader(self.store)
        self.transactions: list[Transaction] = []
        self.waits: list[tuple[tuple[str, ...], float]] = []
        self.failure: Exception | None = None
        self.changes = WatchHub(FIRST)
        self.watch_failure: SdnError | None = None
        self.unknown = ""
        self.watching = asyncio.Event()
        self.submitted = asyncio.Event()
        self.closed = asyncio.Event()
        self.hold: asyncio.Event | None = None
        self.hub = NoticeHub(self.fake.notices)

    @property
    def reader(self) -> FakeReader:
        return self.fake

    async def submit(self, transaction: Transaction) -> TransactionResult:
        self.transactions.append(transaction)
        self.submitted.set()
        if self.hold is not None:
            await self.hold.wait()
        if self.failure is not None:
            raise self.failure
        prepared = self.store.prepare(transaction, NOW)
        if not transaction.dry_run:
            self.store.commit(prepared)
            for change in [] if prepared.replayed else prepared.changes:
                self._publish(*change)
        return TransactionResult(prepared.revision, prepared.resources, prepared.changed, 1)

    def _publish(self, old: Resource | None, new: Resource | None) -> None:
        resource = new or old
        assert resource is not None
        change = ChangeType.DELETED if new is None else ChangeType.MODIFIED if old else ChangeType.ADDED
        self.changes.publish(Publish(self.store.revision, change, resource, Status(State.PENDING, "New"), old))

    async def rehearse(self, transaction: Transaction) -> Plan:
        plan = SwitchPlan("leaf1", Tally(12, 1, 3), Tally(2, 0, 1), Tally())
        return Plan(differences_of(self.store.prepare(transaction, NOW).changes), (plan,), self.unknown)

    async def wait_programmed(self, names: tuple[str, ...], timeout: float) -> None:  # noqa: ASYNC109 - the Backend's signature
        self.waits.append((names, timeout))
        for name in names:
            self.fake.statuses[name] = Status(State.PENDING, "SwitchAway", "leaf9 is away", ("leaf9",), HOPS)

    async def resilience(self) -> Resilience:
        link = FailureCoverage(
            (("leaf1", "up1"), ("spine1", "d1")),
            False,
            Coverage(4, 3, 2, 1),
            (("leaf2", "a repair way ends at leaf9"),),
        )
        return Resilience(True, False, (link,), (FailureCoverage((("spine1", ""),), True, Coverage(2, 0, 0, 0), ()),))

    async def maintain(
        self, target: Target, drained: bool | None, cost: int | None, oversubscription: float | None = None
    ) -> MaintenanceView:
        self.fake.maintained = MaintenanceView(
            target,
            bool(drained),
            cost or 0,
            True,
            ("leaf2",),
            (("tenants/t/connections/c", "no other way"),),
            oversubscription or 0.0,
        )
        return self.fake.maintenance(target)

    async def forget(self, switch: str) -> ForgottenView:
        if switch != "leaf9":
            raise InUse.of(
                "switch", f"switch {switch} is connected", "End its connection first.", word="SwitchConnected"
            )
        return ForgottenView(switch, Dpid(9), ("tenants/t/ports/h9",), 101)

    async def trace_live(self, asked: TraceQuestion, caller: str) -> TraceView:
        strange = LiveHop("leaf2", "passed", "eth1", after=(300, 20), expected=False)
        arrived = LiveHop("leaf3", "arrived", port="tenants/red/ports/h2")
        hops = (LiveHop("leaf1", "sent", after=(0, 0)), strange, arrived)
        view: TraceView = self.fake.trace(asked)  # type: ignore[attr-defined]
        loss = LiveLoss("leaf1", "leaf2", "up1", "up2", Fault.SWITCH, "leaf2", (1, 5))
        return replace(view, live=LiveTrace(LiveVerdict.DETOURED, "it strayed", hops, loss if caller else None))

    async def audit(self, switch: str) -> AuditReport:
        if switch != "leaf1":
            raise Unavailable.of("switch", f"switch {switch} is not connected", "Ask again when it is connected.")
        findings = (
            Finding("missing", "flow", "classify", 100, "in_port=1", "tenants/red/ports/h1"),
            Finding("extra", "group", "", 0, "group_id=536870919", ""),
        )
        return AuditReport("leaf1", 1200, 1, 0, 1, 2, 1, findings)

    def tell(self, severity: Severity, reason: str, object_: str, **details: str | int) -> None:
        """Something happened."""
        self.fake.kept.add(NOW, severity, reason, object_, f"{reason} of {object_}", details)
        self.hub.wake(self.fake.kept.newest)

    def watch_notices(self, start: int, wanted: Filter) -> AsyncIterator[Notice]:
        return self.hub.watch(start, wanted)

    async def watch(
        self, kind: Kind, tenant: str = "", selector: Selector = EVERYTHING, start: int = 0
    ) -> AsyncIterator[Watched]:
        existing = (
            Publish(self.store.revision, ChangeType.ADDED, resource, status)
            for resource, status in self.fake.list(kind, tenant, selector)
        )
        try:
            async for item in self.changes.watch(kind, tenant, existing, selector, start):
                if item.type is ChangeType.SYNCED:
                    self.watching.set()
                elif self.watch_failure is not None:
                    raise self.watch_failure
                yield item
        finally:
            self.closed.set()


def seed(backend: FakeBackend) -> None:
    """Two tenants; red has a network with a subnet, a router, two ports and a connection."""
    red = "tenants/red"
    for resource in (
        Tenant(name=red),
        Tenant(name="tenants/blue"),
        Network(name=f"{red}/networks/web", labels=(("env", "lab"),)),
        Subnet(name=f"{red}/subnets/v4", network="web", cidr=ip_network("10.0.0.0/24"), gateway=ip_address("10.0.0.1")),
        Router(name=f"{red}/routers/r", subnets=("v4",)),
        Port(name=f"{red}/ports/h1", network="web", mac="", binding=Binding(switch="leaf1", interface="h1-eth0")),
        Port(name=f"{red}/ports/h2", network="web", mac="02:00:00:00:aa:02"),
        Connection(name=f"{red}/connections/c", a="h1", b="h2", bandwidth=10**8),
    ):
        backend.store.commit(backend.store.prepare(Transaction((Create(resource),)), NOW))
    backend.fake.statuses[f"{red}/connections/c"] = Status(State.PROGRAMMED, path=HOPS)


class ServerThread:
    """A server with its own event loop in a thread, for blocking clients."""

    def __init__(self) -> None:
        self.backend = FakeBackend()
        seed(self.backend)
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()
        self.server = self.run(self._make())
        self.port = self.run(self.server.start())
        self.address = f"127.0.0.1:{self.port}"

    async def _make(self) -> Server:
        return Server(self.backend, "127.0.0.1:0")

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(20)

    def stop(self, grace: float = 0.0) -> None:
        self.run(self.server.stop(grace))

    def close(self) -> None:
        self.stop()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()
