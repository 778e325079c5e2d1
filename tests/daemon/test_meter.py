"""What the daemon tells of its own work: turns, writes, and how long a request takes to be programmed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from time import monotonic

import pytest

from sdn.controller.core import Controller
from sdn.controller.effects import Publish, SendBatch, SwitchEffect
from sdn.controller.events import BatchDone, SwitchUp
from sdn.controller.questions.views import Views
from sdn.controller.statuses import DONE, PROGRAMMING
from sdn.daemon.engine import Engine
from sdn.daemon.meter import Latency
from sdn.model.command import Create, Transaction
from sdn.model.errors import StorageFull
from sdn.model.ids import Dpid
from sdn.model.intent import Binding, Network, Port, Tenant
from sdn.model.program import Installed
from sdn.model.status import ChangeType, State, Status
from sdn.model.topology import SwitchPort

H1 = Port(name="tenants/t/ports/h1", network="tenants/t/networks/n", mac="02:00:00:00:00:01")
WAITING = Status(State.PENDING, PROGRAMMING)
AWAY = Status(State.PENDING, "SwitchAway", "", ("leaf1",))
DEADLINE = 20


class Told:
    def __init__(self) -> None:
        self.turns: list[int] = []
        self.writes: list[bool] = []
        self.times: list[float] = []

    def turned(self, inputs: int, seconds: float) -> None:
        assert seconds >= 0
        self.turns.append(inputs)

    def wrote(self, seconds: float, *, refused: bool) -> None:
        assert seconds >= 0
        self.writes.append(refused)

    def programmed(self, seconds: float) -> None:
        self.times.append(seconds)


def change(status: Status, type_: ChangeType = ChangeType.MODIFIED) -> Publish:
    return Publish(1, type_, H1, status)


@pytest.mark.parametrize(
    ("story", "times"),
    [
        ([(change(WAITING), 10.0, 10.1), (change(DONE), None, 12.5)], [2.5]),
        ([(change(DONE, ChangeType.ADDED), 10.0, 10.1)], []),
        ([(change(WAITING), None, 10.1), (change(DONE), None, 12.0)], []),
        ([(change(WAITING), 10.0, 10.0), (change(WAITING), 11.0, 11.0), (change(DONE), None, 12.0)], [2.0]),
        ([(change(WAITING), 10.0, 10.0), (change(AWAY), None, 11.0), (change(DONE), None, 99.0)], []),
        ([(change(WAITING), 10.0, 10.0), (change(DONE, ChangeType.DELETED), 11.0, 11.0)], []),
        ([(change(WAITING), 10.0, 10.0), (change(Status(State.FAILED, "SwitchRefused")), None, 11.0)], []),
    ],
    ids=["programmed", "nothing to write", "not by a request", "twice", "switch away", "deleted", "refused"],
)
def test_from_a_request_to_programmed(story: list[tuple[Publish, float | None, float]], times: list[float]) -> None:
    told = Told()
    latency = Latency(told)
    for publish, asked, now in story:
        latency.published(publish, asked, now)
    assert told.times == times
    assert latency._since == {}


class Journal:
    full = False

    def commit(self, puts: Iterable[tuple[str, str, str]], deletes: Iterable[tuple[str, str]]) -> None:
        if self.full:
            raise StorageFull.of("", "no room", "Make room.")


class Running:
    """An engine with one switch, which answers a batch when the test says so."""

    def __init__(self) -> None:
        self.told = Told()
        self.journal = Journal()
        self.batches: asyncio.Queue[SendBatch] = asyncio.Queue()
        controller = Controller({}, key=b"k" * 32, random_bytes=bytes, now=monotonic())
        self.engine = Engine(controller, Views(controller, "test", 0.0), self.journal, self._perform, meter=self.told)

    def _perform(self, effect: SwitchEffect) -> None:
        if isinstance(effect, SendBatch):
            self.batches.put_nowait(effect)

    async def settled(self, *names: str) -> None:
        """Confirm whatever is sent until these are programmed."""
        waiting = asyncio.create_task(self.engine.wait_programmed(names, DEADLINE))
        while not waiting.done():
            answer = asyncio.create_task(self.batches.get())
            await asyncio.wait({waiting, answer}, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                batch = answer.result()
                self.engine.emit(BatchDone(batch.session, Dpid(1), batch.batch_id, ()))
            else:
                answer.cancel()
        await waiting


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    found = Running()
    task = asyncio.create_task(found.engine.run())
    yield found
    task.cancel()
    await asyncio.wait([task])


async def test_the_engine_tells(running: Running) -> None:
    engine, told = running.engine, running.told
    port = SwitchPort(1, "h1", b"\2\0\0\0\0\1", True)
    engine.emit(SwitchUp(1, Dpid(1), "peer", (port,), Installed({}, {}, {}, None)))
    bound = Port(name=H1.name, network=H1.network, mac=H1.mac, binding=Binding(switch="1", interface="h1"))
    objects = (Tenant(name="tenants/t"), Network(name=H1.network), bound)
    await engine.submit(Transaction(tuple(map(Create, objects))))
    await running.settled(H1.name)
    assert told.times
    assert all(0 < seconds < DEADLINE for seconds in told.times)
    assert sum(told.turns) >= 3
    assert told.writes
    assert not any(told.writes)
    assert engine.queues() == {"inputs": 0, "requests": 0, "waiters": 0, "held_records": 0, "held_batches": 0}


async def test_refused_writes_are_told(running: Running) -> None:
    running.journal.full = True
    with pytest.raises(StorageFull):
        await running.engine.submit(Transaction((Create(Tenant(name="tenants/t")),)))
    assert running.told.writes == [True]
