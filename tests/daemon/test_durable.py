"""Writes that are refused: nothing of them is seen or done, the daemon goes on, and later ones work again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from sdn.controller.core import Controller
from sdn.controller.effects import SendBatch, SwitchEffect
from sdn.controller.events import SwitchUp
from sdn.controller.settings import Settings
from sdn.daemon import durable
from sdn.daemon.engine import Engine
from sdn.daemon.views import DaemonViews
from sdn.model.command import Create, Delete, Transaction, Update
from sdn.model.errors import AlreadyExists, NotFound, StorageFull, WriteRefused
from sdn.model.ids import Dpid, Kind
from sdn.model.intent import Network, Tenant
from sdn.model.program import Installed

FULL = StorageFull.of("", "cannot write state.db: database or disk is full", "Free disk space.")


class Disk:
    """A journal with so much room: the number of characters that one commit may write. attempted: called at each."""

    def __init__(self, attempted: Callable[[], object] = lambda: None) -> None:
        self.attempted = attempted
        self.room = 10**9
        self.records: dict[tuple[str, str], str] = {}
        self.attempts = 0

    def commit(self, puts: Iterable[tuple[str, str, str]], deletes: Iterable[tuple[str, str]]) -> None:
        self.attempts += 1
        self.attempted()
        puts = list(puts)
        if sum(len(text) for _, _, text in puts) >= self.room:
            raise FULL
        for record in deletes:
            self.records.pop(record, None)
        self.records |= {(bucket, key): text for bucket, key, text in puts}

    def buckets(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for (bucket, key), text in self.records.items():
            found.setdefault(bucket, {})[key] = text
        return found


class Rig:
    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.disk = Disk(lambda: loop.call_soon_threadsafe(self.changed.set))
        self.performed: list[SwitchEffect] = []
        self.told: list[WriteRefused | None] = []
        self.changed = asyncio.Event()
        settings = Settings(start_grace=0)
        self.controller = Controller({}, key=b"k" * 32, random_bytes=bytes, now=0.0, settings=settings)
        self.views = DaemonViews(self.controller, "test", 0.0)
        self.engine = Engine(self.controller, self.views, self.disk, self.perform, self.tell)

    def perform(self, effect: SwitchEffect) -> None:
        self.performed.append(effect)
        self.changed.set()

    def tell(self, error: WriteRefused | None) -> None:
        self.views.trouble = error
        self.told.append(error)
        self.changed.set()

    async def until_told(self, error: WriteRefused | None) -> None:
        async with asyncio.timeout(20):
            while not self.told or self.told[-1] is not error:
                self.changed.clear()
                await self.changed.wait()

    @property
    def batches(self) -> list[SendBatch]:
        return [effect for effect in self.performed if isinstance(effect, SendBatch)]


@asynccontextmanager
async def running(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    monkeypatch.setattr(durable, "RETRY_SECONDS", 0.0)
    rig = Rig()
    task = asyncio.create_task(rig.engine.run())
    try:
        yield rig
        assert not task.done(), "the engine must go on"
    finally:
        task.cancel()
        await asyncio.wait([task])


def create(name: str, text: str = "", request_id: str = "", dry_run: bool = False) -> Transaction:
    return Transaction((Create(Tenant(name=f"tenants/{name}", description=text)),), request_id, dry_run)


async def test_a_refused_write_is_told_and_was_never_there(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(monkeypatch) as rig:
        await rig.engine.submit(create("a"))
        before, stored = rig.controller.store.records(), dict(rig.disk.records)
        stream = rig.engine.watch(Kind.TENANT)
        assert [item.resource and item.resource.name for item in (await anext(stream), await anext(stream))] == [
            "tenants/a",
            None,
        ]
        rig.disk.room = 0
        for transaction in (
            create("b", request_id="one"),
            Transaction((Delete("tenants/a"),)),
            Transaction((Update(Tenant(name="tenants/a", description="new")),)),
        ):
            with pytest.raises(StorageFull, match="disk is full"):
                await rig.engine.submit(transaction)
            assert rig.controller.store.records() == before
        assert rig.disk.records == stored
        rig.disk.room = 10**9
        await rig.engine.submit(create("c", request_id="one"))
        found = (await anext(stream)).resource
        assert found is not None
        assert found.name == "tenants/c"


async def test_the_present_stays_readable_while_a_write_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(monkeypatch) as rig:
        seen: list[bool] = []
        commit = rig.disk.commit

        def looking(puts: Iterable[tuple[str, str, str]], deletes: Iterable[tuple[str, str]]) -> None:
            seen.append("tenants/a" in rig.controller.store.objects)
            commit(puts, deletes)

        monkeypatch.setattr(rig.disk, "commit", looking)
        await rig.engine.submit(create("a"))
        assert seen == [False]


async def test_status_tells_until_a_write_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(monkeypatch) as rig:
        rig.disk.room = 0
        with pytest.raises(StorageFull):
            await rig.engine.submit(create("a"))
        assert rig.told == [FULL]
        view = rig.views.system()
        assert not view.ready
        assert "store refuses writes" in view.not_ready[0]
        assert "Free disk space" in view.not_ready[0]
        rig.disk.room = 10**9
        await rig.until_told(None)  # nobody has to write for this
        assert not any("store" in reason for reason in rig.views.system().not_ready)
        assert ("probe", "room") not in rig.disk.records


async def test_it_asks_for_the_room_that_was_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(monkeypatch) as rig:
        rig.disk.room = 800
        with pytest.raises(StorageFull):
            await rig.engine.submit(create("a", "x" * 1000))
        attempts = rig.disk.attempts
        await rig.engine.submit(create("b"))  # a small one finds room
        assert rig.told == [FULL, None]
        with pytest.raises(StorageFull):
            await rig.engine.submit(create("a", "x" * 1000))
        async with asyncio.timeout(20):
            while rig.disk.attempts < attempts + 5:
                rig.changed.clear()
                rig.engine.emit(SwitchUp(1, Dpid(1), "", (), Installed({}, {}, {})))
                await rig.changed.wait()
        assert rig.told[-1] is FULL, "a probe smaller than what was refused says nothing"


async def test_of_many_at_once_each_is_told_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(monkeypatch) as rig:
        await rig.engine.submit(create("there"))
        rig.disk.room = 1000
        results = await asyncio.gather(
            rig.engine.submit(create("big", "x" * 1000)),
            rig.engine.submit(create("big", "small now")),
            rig.engine.submit(create("there")),
            rig.engine.submit(create("other", dry_run=True)),
            rig.engine.submit(Transaction((Delete("tenants/nowhere"),))),
            return_exceptions=True,
        )
        big, small, there, dry, nowhere = results
        assert big is FULL
        assert not isinstance(small, BaseException)
        assert isinstance(there, AlreadyExists)
        assert not isinstance(dry, BaseException)
        assert dry.changed == ("tenants/other",)
        assert isinstance(nowhere, NotFound)
        assert set(rig.controller.store.objects) == {"tenants/there", "tenants/big"}
        assert rig.controller.store.objects["tenants/big"].description == "small now"


async def test_what_the_controller_must_write_is_held_and_switches_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new switch gets a number, and no flow before that number is durable."""
    async with running(monkeypatch) as rig:
        rig.disk.room = 0
        rig.engine.emit(SwitchUp(7, Dpid(5), "", (), Installed({}, {}, {})))
        await rig.until_told(FULL)
        assert rig.views.topology().switches[0].connected
        with pytest.raises(StorageFull):
            await rig.engine.submit(create("a"))
        assert rig.batches == []
        assert rig.disk.records == {}
        rig.disk.room = 10**9
        await rig.until_told(None)
        async with asyncio.timeout(20):
            while not rig.batches:
                rig.changed.clear()
                await rig.changed.wait()
        assert rig.disk.buckets()["numbers"] == {"switch/0000000000000005": "1"}


async def test_what_is_on_disk_is_what_is_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bursts with room for some of them: after each the disk holds exactly the state."""
    async with running(monkeypatch) as rig:
        for burst in range(6):
            rig.disk.room = 0 if burst % 2 else 2500
            transactions = [create(f"t{burst}-{n}", "x" * (n * 140), f"{burst}-{n}") for n in range(8)]
            transactions += [
                Transaction((Create(Network(name=f"tenants/t{burst}-{n}/networks/n")),), f"{burst}-n{n}")
                for n in range(8)
            ]
            await asyncio.gather(*map(rig.engine.submit, transactions), return_exceptions=True)
            records = {bucket: keys for bucket, keys in rig.controller.store.records().items() if keys}
            stored = {bucket: keys for bucket, keys in rig.disk.buckets().items() if bucket != "probe"}
            assert stored == records
        assert 0 < len(rig.controller.store.objects) < 96


async def test_a_request_made_late_sees_what_came_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(monkeypatch) as rig:

        def rest() -> Transaction:
            return Transaction(tuple(Delete(name) for name in rig.controller.store.objects))

        await asyncio.gather(
            rig.engine.submit(create("a")), rig.engine.submit(create("b")), rig.engine.submit_made(rest)
        )
        assert dict(rig.controller.store.objects) == {}
        tenant = replace(Tenant(name="tenants/a"), description="again")
        await rig.engine.submit(Transaction((Create(tenant),)))
