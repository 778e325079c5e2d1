"""The program against the real API over a real socket; behind it the real store, and no switches."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sdn.cli.main import cli
from sdn.controller.notices import Notices
from sdn.controller.reader import (
    CheckedConnection,
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
from sdn.daemon.config import Config
from sdn.daemon.effective import Effective
from sdn.daemon.logs import LogLevels
from sdn.model.command import Transaction, TransactionResult
from sdn.model.errors import NotFound, Refused, SdnError, Unavailable, Violation
from sdn.model.ids import Dpid, Kind
from sdn.model.intent import Connection, Quota, Resource
from sdn.model.maintenance import ForgottenView, MaintenanceView, Target
from sdn.model.notice import AuditReport, Filter, Notice, NoticePage
from sdn.model.plan import Plan, SwitchPlan, Tally
from sdn.model.resilience import Resilience
from sdn.model.selector import EVERYTHING, Selector
from sdn.model.status import ChangeType, PathHop, State, Status
from sdn.model.topology import SwitchPort, WiringFault
from sdn.northbound import Server
from sdn.store import Store

NOW = 1_700_000_000.0
HOPS = (PathHop("leaf1", "h1-eth0", "up1"), PathHop("spine1", "d1", "d2"), PathHop("leaf2", "up1", "h2-eth0"))
GIGA = 10**9


class Daemon:
    """What a test can set: ``statuses`` by name (PROGRAMMED otherwise), ``ready``, ``failure`` of every write."""

    def __init__(self) -> None:
        self.store = Store()
        self.statuses: dict[str, Status] = {}
        self.after_wait: dict[str, Status] = {}
        self.waits: list[float] = []
        self.missing: tuple[str, ...] = ()
        self.failure: SdnError | None = None
        self.kept = Notices({})
        self.reports: dict[str, AuditReport] = {}
        self.coming: list[Watched] = []
        self.unknown = ""
        self.survey = Resilience(True, False, (), ())
        self.maintained = MaintenanceView(Target(), False, 0, True)
        self.forgotten = ForgottenView("leaf9", Dpid(9), (), 0)
        self.asked: object = None

    @property
    def reader(self) -> Daemon:
        return self

    def get(self, name: str) -> tuple[Resource, Status]:
        if name not in self.store.objects:
            raise NotFound.of("name", f"{name} does not exist", "List what there is.")
        return self.store.objects[name], self.statuses.get(name, Status(State.PROGRAMMED))

    def list(
        self, kind: Kind, tenant: str = "", selector: Selector = EVERYTHING, after: str = ""
    ) -> Iterable[tuple[Resource, Status]]:
        found = (self.get(name) for name in self.store.names(kind, tenant) if name > after)
        return [item for item in found if selector.matches(item[0].labels)]

    def quota(self, tenant: str) -> tuple[Quota, Quota]:
        return self.store.quota(tenant)

    def topology(self) -> TopologyView:
        ports = (SwitchPort(1, "up1", b"\2\0\0\0\0\1", True, 10 * GIGA),)
        switches = (
            SwitchView(Dpid(1), "leaf1", True, "127.0.0.1:4711", ports, 12345, 3, 1, 2),
            SwitchView(Dpid(0xFF), "spine1", False, "", (), 0, 0, 0, 0),
        )
        link = LinkView(("leaf1", "up1"), ("spine1", "d1"), True, True, 10, 10 * GIGA, 1500, (100_000_000, 0))
        return TopologyView(switches, (link,), (WiringFault("MissingSwitch", "spine1 is away\x1b[2J"),))

    def find_paths(self, query: PathQuery) -> Iterator[FoundPath]:
        if query.destination == "island":
            raise Refused.of("", "no path", "Mend a link.")
        for end in (query.source, query.destination):
            if "/" in end:
                self.get(end)
            elif not end.startswith("leaf"):
                raise NotFound.of("source", f"{end} is not known", "Name a switch.")
        yield FoundPath(HOPS, cost=20, latency=3000, free=GIGA, reverse_free=2 * GIGA)

    def check_connection(self, connection: Connection) -> CheckedConnection:
        if connection.bandwidth > GIGA:
            wrong = Violation("bandwidth_bps", "too much", "Ask for 1 Gbit/s.", word="NoCapacity")
            return CheckedConnection(None, None, (wrong,))
        return CheckedConnection(FoundPath(HOPS, 20, 3000, GIGA, 2 * GIGA), None, ())

    def flows(self, switch: str) -> Iterable[FlowView]:
        if switch != "leaf1":
            raise NotFound.of("switch", f"{switch} is not known", "Name a switch.")
        owners = ("tenants/red/ports/h1", "tenants/red/ports/h2", "switches/0000000000000001")
        flows = [
            FlowView("flow", "classify", 100, f"in_port={n}", f"load:{n}->reg1", 2**63 + n, owner, "classify", state)
            for n, (owner, state) in enumerate(zip(owners, ("installed", "pending", "installed"), strict=True))
        ]
        several = owners[2], "switches/0000000000000002"
        said = f"{owners[2]} and 1 more", "fabric", "installed", several
        return [*flows, FlowView("group", "", 0, "group_id=7", "type=select", 0, *said)]

    def system(self) -> SystemView:
        objects = {kind: len(self.store.names(kind)) for kind in Kind}
        states = {"PROGRAMMED": sum(objects.values())}
        ready = not self.missing
        return SystemView("1.2.3", NOW, self.store.revision, 2, 2, 1, objects, states, ready, self.missing)

    async def submit(self, transaction: Transaction) -> TransactionResult:
        if self.failure is not None:
            raise self.failure
        prepared = self.store.prepare(transaction, NOW)
        if not transaction.dry_run:
            self.store.commit(prepared)
        return TransactionResult(prepared.revision, prepared.resources, prepared.changed, 1)

    async def rehearse(self, transaction: Transaction) -> Plan:
        plan = SwitchPlan("leaf1", Tally(12, 1, 3), Tally(2, 0, 1), Tally())
        return Plan(differences_of(self.store.prepare(transaction, NOW).changes), (plan,), self.unknown)

    async def wait_programmed(self, names: tuple[str, ...], timeout: float) -> None:  # noqa: ASYNC109 - the Backend's
        self.waits.append(timeout)
        self.statuses.update(self.after_wait)

    def notices(self, start: int, wanted: Filter, size: int) -> NoticePage:
        return self.kept.page(start, wanted, size)

    async def watch_notices(self, start: int, wanted: Filter) -> AsyncIterator[Notice]:
        """What there is, then the end of the daemon."""
        for notice in self.kept.page(start, wanted, 100).notices:
            yield notice
        raise Unavailable.of("", "the daemon is stopping", "Connect again in a moment.")

    async def resilience(self) -> Resilience:
        return self.survey

    async def maintain(
        self, target: Target, drained: bool | None, cost: int | None, oversubscription: float | None = None
    ) -> MaintenanceView:
        self.asked = target, drained, cost
        if self.failure is not None:
            raise self.failure
        return replace(
            self.maintained,
            target=target,
            drained=bool(drained),
            cost=cost or 0,
            oversubscription=oversubscription or 0.0,
        )

    def maintenance(self, target: Target) -> MaintenanceView:
        return replace(self.maintained, target=target, drained=True, settled=True)

    async def forget(self, switch: str) -> ForgottenView:
        self.asked = switch
        if self.failure is not None:
            raise self.failure
        return self.forgotten

    async def audit(self, switch: str) -> AuditReport:
        if switch == "leaf9":
            raise Unavailable.of("switch", "switch leaf9 is not connected", "Ask again when it is connected.")
        return self.reports.get(switch, AuditReport(switch, 1200, 0, 0, 0, 0, 0))

    async def watch(
        self, kind: Kind, tenant: str = "", selector: Selector = EVERYTHING, start: int = 0
    ) -> AsyncIterator[Watched]:
        """What there is, what comes next, then the end of the daemon."""
        for resource, status in self.list(kind, tenant, selector):
            yield Watched(0, ChangeType.ADDED, resource, status)
        yield Watched(7, ChangeType.SYNCED)
        for item in self.coming:
            yield item
        raise Unavailable.of("", "the daemon is stopping", "Connect again in a moment.")


class Api:
    """A daemon's API in a thread with its own loop."""

    def __init__(self, counters: Any) -> None:
        self.daemon = Daemon()
        self._counters = counters
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server, port = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(20)
        self.address = f"127.0.0.1:{port}"

    async def _start(self) -> tuple[Server, int]:
        server = Server(
            self.daemon,
            "127.0.0.1:0",
            counters=self._counters,
            logs=LogLevels(),
            settings=Effective(Config(grpc="127.0.0.1:1")),
        )
        return server, await server.start()

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._server.stop(0), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)
        self._loop.close()


@pytest.fixture
def counters() -> Any:
    """What the daemon of the test knows of counters; None: it does not read them."""
    return None


@pytest.fixture
def api(counters: Any) -> Iterator[Api]:
    api = Api(counters)
    yield api
    api.close()


@pytest.fixture
def daemon(api: Api) -> Daemon:
    return api.daemon


Run = Callable[..., Result]


@pytest.fixture
def run(api: Api) -> Run:
    """``run("get", "ports", stdin="…")``: the program with these arguments, against the daemon of the test."""

    def run(*arguments: str, stdin: str | bytes = "", address: str = api.address) -> Result:
        result = CliRunner().invoke(cli, arguments, input=stdin, env={"SDN_ADDRESS": address}, prog_name="sdnctl")
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        return result

    return run


MANIFEST = """\
kind: Tenant
name: tenants/red
metadata: {description: the first}
---
kind: Network
name: tenants/red/networks/web
---
kind: Subnet
name: tenants/red/subnets/v4
network: web
cidr: 10.0.0.0/24
---
kind: Port
name: tenants/red/ports/h1
network: web
mac: 02:00:00:00:00:11
addresses: [10.0.0.11]
binding: {switch: leaf1, interface: h1-eth0}
labels: {env: lab}
---
kind: Port
name: tenants/red/ports/h2
network: web
addresses: [10.0.0.12]
"""


@pytest.fixture
def hops() -> tuple[PathHop, ...]:
    return HOPS


@pytest.fixture
def red(run: Run) -> str:
    """The tenant of the manifest, in the store; returns its manifest."""
    assert run("apply", "-f", "-", stdin=MANIFEST).exit_code == 0
    return MANIFEST
