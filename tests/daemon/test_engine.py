"""The engine: durable before anything else, one reply per request, waits that end, watchers that hear all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from time import monotonic

import pytest

from sdn.controller.core import Controller
from sdn.controller.effects import Publish, RequestReadBack, SwitchEffect
from sdn.controller.events import ReadBack, SwitchDown, SwitchUp
from sdn.controller.questions.views import Views
from sdn.controller.reader import Watched
from sdn.controller.statuses import DONE
from sdn.daemon import watch
from sdn.daemon.engine import Engine
from sdn.daemon.watch import WatchHub
from sdn.model.command import Create, Delete, Transaction
from sdn.model.errors import AlreadyExists, NotFound, SdnError, Unavailable
from sdn.model.ids import Dpid, Kind
from sdn.model.intent import Network, Port, Tenant
from sdn.model.notice import Filter
from sdn.model.program import Installed
from sdn.model.status import ChangeType


class MemoryJournal:
    def __init__(self) -> None:
        self.keys: set[tuple[str, str]] = set()
        self.error: SdnError | None = None

    def commit(self, puts: Iterable[tuple[str, str, str]], deletes: Iterable[tuple[str, str]]) -> None:
        if self.error is not None:
            raise self.error
        self.keys |= {(bucket, key) for bucket, key, _ in puts}
        self.keys -= set(deletes)


@asynccontextmanager
async def running(
    journal: MemoryJournal, perform: Callable[[SwitchEffect], None] = lambda effect: None
) -> AsyncIterator[tuple[Engine, asyncio.Task[None]]]:
    controller = Controller({}, key=b"k" * 32, random_bytes=bytes, now=monotonic())
    engine = Engine(controller, Views(controller, "test", 0.0), journal, perform)
    task = asyncio.create_task(engine.run())
    try:
        yield engine, task
    finally:
        task.cancel()
        await asyncio.wait([task])


def named(item: Watched) -> str:
    assert item.resource is not None
    return item.resource.name


def create(name: str) -> Transaction:
    return Transaction((Create(Tenant(name=f"tenants/{name}")),))


async def test_a_reply_comes_when_the_records_are_durable() -> None:
    journal = MemoryJournal()
    async with running(journal) as (engine, _):
        result = await engine.submit(create("a"))
        assert result.changed == ("tenants/a",)
        assert ("objects", "tenants/a") in journal.keys
        with pytest.raises(AlreadyExists):
            await engine.submit(create("a"))


async def test_many_requests_at_once_all_get_their_own_answer() -> None:
    async with running(MemoryJournal()) as (engine, _):
        results = await asyncio.gather(*(engine.submit(create(f"t{n}")) for n in range(200)))
        assert [result.changed for result in results] == [(f"tenants/t{n}",) for n in range(200)]


async def test_records_that_cannot_be_written_end_the_daemon_and_are_told() -> None:
    journal = MemoryJournal()
    async with running(journal) as (engine, task):
        await engine.submit(create("a"))
        journal.error = Unavailable.of("state_dir", "the disk is full", "Make room.")
        with pytest.raises(Unavailable, match="disk is full"):
            await engine.submit(create("b"))
        await asyncio.wait([task])
        assert task.exception() is journal.error
        with pytest.raises(Unavailable):
            await engine.submit(create("c"))


async def test_waits_end_with_what_is_programmed_gone_or_not_to_be_programmed() -> None:
    async with running(MemoryJournal()) as (engine, _):
        await engine.submit(create("a"))
        network, port = "tenants/a/networks/n", "tenants/a/ports/p"
        await engine.submit(
            Transaction((Create(Network(name=network)), Create(Port(name=port, network=network, mac=""))))
        )
        await asyncio.wait_for(engine.wait_programmed(("tenants/a", network, port), 60), 20)
        await engine.submit(Transaction((Delete(port),)))
        await asyncio.wait_for(engine.wait_programmed((port,), 60), 20)


async def test_watchers_see_what_is_and_what_comes() -> None:
    async with running(MemoryJournal()) as (engine, _):
        await engine.submit(create("a"))
        stream = engine.watch(Kind.TENANT)
        assert named(await anext(stream)) == "tenants/a"
        assert (await anext(stream)).type is ChangeType.SYNCED
        other = engine.watch(Kind.TENANT, "b")
        assert (await anext(other)).type is ChangeType.SYNCED
        pending = asyncio.create_task(anext(other))
        await engine.submit(create("b"))
        change = await asyncio.wait_for(anext(stream), 20)
        assert (change.type, named(change)) == (ChangeType.ADDED, "tenants/b")
        assert named(await asyncio.wait_for(pending, 20)) == "tenants/b"


async def test_a_watcher_that_falls_behind_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "MAX_BEHIND", 3)
    async with running(MemoryJournal()) as (engine, _):
        stream = engine.watch(Kind.TENANT)
        first = asyncio.create_task(anext(stream))
        await engine.submit(create("a"))
        await first
        for n in range(10):
            await engine.submit(create(f"t{n}"))
        with pytest.raises(Unavailable, match="waiting to be read"):
            async for _ in stream:
                pass


async def test_the_hub_forgets_a_watcher_that_is_cancelled_while_it_waits() -> None:
    hub = WatchHub()
    there = Publish(1, ChangeType.ADDED, Tenant(name="tenants/a"), DONE)
    stream = hub.watch(Kind.TENANT, "", [there])
    assert (await anext(stream)).resource is there.resource
    assert (await anext(stream)).type is ChangeType.SYNCED
    assert len(hub._watchers) == 1
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await anext(stream)
    assert not hub._watchers


async def test_notices_reach_watchers_and_an_unknown_switch_is_told() -> None:
    async with running(MemoryJournal()) as (engine, _):
        stream = engine.watch_notices(0, Filter())
        coming = asyncio.create_task(anext(stream))
        up = SwitchUp(1, Dpid(1), "127.0.0.1:1", (), Installed({}, {}, {}))
        engine.emit(up)
        first = await asyncio.wait_for(coming, 20)
        assert (first.reason, first.object) == ("SwitchConnected", "0000000000000001")
        with pytest.raises(NotFound, match="no switch 'leaf1'"):
            await asyncio.wait_for(engine.audit("leaf1"), 20)


async def test_an_audit_is_answered_by_the_read_back_or_the_end_of_the_session() -> None:
    asked = asyncio.Event()

    def perform(effect: SwitchEffect) -> None:
        if isinstance(effect, RequestReadBack):
            asked.set()

    async with running(MemoryJournal(), perform) as (engine, _):
        engine.emit(SwitchUp(1, Dpid(1), "127.0.0.1:1", (), Installed({}, {}, {})))
        stream = engine.watch_notices(0, Filter(reason="SwitchAdopted"))
        await asyncio.wait_for(anext(stream), 20)
        audit = asyncio.create_task(engine.audit("1"))
        await asyncio.wait_for(asked.wait(), 20)
        engine.emit(ReadBack(1, Dpid(1), Installed({}, {}, {}, {})))
        report = await asyncio.wait_for(audit, 20)
        assert (report.switch, report.missing) == ("0000000000000001", 0), "what was being written is not judged"
        asked.clear()
        audit = asyncio.create_task(engine.audit("1"))
        await asyncio.wait_for(asked.wait(), 20)
        engine.emit(SwitchDown(1, Dpid(1), "gone"))
        with pytest.raises(Unavailable, match="went away"):
            await asyncio.wait_for(audit, 20)


async def test_a_failed_daemon_answers_no_audit() -> None:
    journal = MemoryJournal()
    async with running(journal) as (engine, task):
        journal.error = Unavailable.of("state_dir", "the disk is full", "Make room.")
        with pytest.raises(Unavailable):
            await engine.submit(create("b"))
        await asyncio.wait([task])
        with pytest.raises(Unavailable, match="disk is full"):
            await engine.audit("1")
