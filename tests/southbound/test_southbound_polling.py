"""Counters of ports are asked for beside everything else, and nothing else waits for them."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from southbound_rig import (
    BARRIER_REPLY,
    BARRIER_REQUEST,
    DEADLINE,
    MULTIPART_REQUEST,
    FakeSwitch,
    Rig,
    error,
    multipart,
    raw,
    xid_of,
)

from sdn.controller.effects import RequestReadBack, SendBatch
from sdn.controller.events import BatchDone, ReadBack, SwitchDown, SwitchUp
from sdn.lab import PrivateOvs
from sdn.model.counters import PortSample
from sdn.model.program import Batch, Meter
from sdn.southbound import Limits, OpenFlowServer, Polling, polling

PORT_STATS = 4
METERS = Batch(meters=((1, Meter(1, 2), False),))


class Counters(Rig):
    """The rig with what was counted."""

    def __init__(self, interval: float, limits: Limits) -> None:
        super().__init__(limits)
        self.samples: asyncio.Queue[PortSample] = asyncio.Queue()
        self.server = OpenFlowServer(self._emit, limits, Polling(interval, self.samples.put_nowait))

    async def sample(self) -> PortSample:
        async with asyncio.timeout(DEADLINE):
            return await self.samples.get()


@asynccontextmanager
async def counting(interval: float = 0.05, limits: Limits | None = None) -> AsyncIterator[Counters]:
    rig = Counters(interval, limits or Limits())
    rig.port = await rig.server.start("127.0.0.1", 0)
    try:
        yield rig
    finally:
        await rig.server.close()


def entry(number: int, packets: int) -> bytes:
    return struct.pack("!I4x12QII", number, packets, *[2**64 - 1] * 11, 1, 2)


async def asked(switch: FakeSwitch) -> int:
    """The xid of the next question for counters."""
    message = await switch.until(MULTIPART_REQUEST)
    assert message[8:] == struct.pack("!HH4xI4x", PORT_STATS, 0, 0xFFFFFFFF)
    return xid_of(message)


async def test_a_switch_is_asked_again_and_again_and_answers_in_pieces() -> None:
    async with counting() as rig:
        switch = await FakeSwitch.connect(rig.port)
        await switch.come_up(rig, 5)
        for packets in (1, 2, 3):
            xid = await asked(switch)
            switch.send(multipart(xid, PORT_STATS, entry(1, packets), more=True))
            switch.send(multipart(xid, PORT_STATS, entry(2, 0)))
            found = await rig.sample()
            assert (found.dpid, found.ports[1][0], found.ports[1][1], found.ports[2][0]) == (5, packets, None, 0)
            assert found.wall > 0


async def test_a_silent_switch_is_programmed_and_asked_anew_when_the_question_is_old() -> None:
    async with counting(limits=Limits(reply_seconds=0.4)) as rig:
        switch = await FakeSwitch.connect(rig.port)
        up = await switch.come_up(rig, 5)
        first = await asked(switch)
        rig.server.perform(SendBatch(up.session, 1, METERS))
        barrier = await switch.until(BARRIER_REQUEST)
        switch.send(raw(BARRIER_REPLY, xid_of(barrier)))
        assert (await rig.expect(BatchDone)).failures == ()
        second = await asked(switch)
        assert second != first
        switch.send(multipart(first, PORT_STATS, entry(1, 1)))  # too late: nobody waits for it
        switch.send(multipart(second, PORT_STATS, entry(1, 2)))
        assert (await rig.sample()).ports[1][0] == 2
        assert rig.of(SwitchDown) == []


async def test_a_batch_that_is_never_done_delays_a_question_by_one_interval_at_most() -> None:
    async with counting(interval=0.05) as rig:
        switch = await FakeSwitch.connect(rig.port)
        up = await switch.come_up(rig, 5)
        switch.send(multipart(await asked(switch), PORT_STATS, b""))
        await rig.sample()
        rig.server.perform(SendBatch(up.session, 1, METERS))
        await switch.until(BARRIER_REQUEST)
        for _ in range(3):
            switch.send(multipart(await asked(switch), PORT_STATS, b""))
            await rig.sample()
        assert rig.of(BatchDone) == []


async def test_counters_are_not_asked_for_while_a_batch_is_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """The switch answers the batch only when questions would have come many times."""
    monkeypatch.setattr(polling, "_FIRST_WITHIN", 0.0)
    async with counting(interval=1000.0) as rig:
        switch = await FakeSwitch.connect(rig.port)
        up = await switch.come_up(rig, 5)
        await asked(switch)
        session = rig.server._sessions[up.session]
        assert not session.busy
        rig.server.perform(SendBatch(up.session, 1, METERS))
        assert session.busy
        poll = session._poll
        assert poll is not None
        poll._reading = None
        poll._due = asyncio.get_running_loop().time()
        poll._tick()
        assert poll._reading is None
        switch.send(raw(BARRIER_REPLY, xid_of(await switch.until(BARRIER_REQUEST))))
        await rig.expect(BatchDone)
        poll._tick()
        await asked(switch)


async def test_a_switch_that_refuses_is_not_asked_again_and_keeps_its_session(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with counting(interval=0.02) as rig:
        switch = await FakeSwitch.connect(rig.port)
        up = await switch.come_up(rig, 5)
        switch.send(error(await asked(switch), 1, 2))
        for number in range(3):  # questions would come between these
            rig.server.perform(SendBatch(up.session, number, METERS))
            while (message := await switch.read()) is not None and message[1] != BARRIER_REQUEST:
                assert message[1] != MULTIPART_REQUEST
            assert message is not None
            await asyncio.get_running_loop().run_in_executor(None, lambda: None)
            switch.send(raw(BARRIER_REPLY, xid_of(message)))
            await rig.expect(BatchDone)
        poll = rig.server._sessions[up.session]._poll
        assert poll is not None
        assert poll._timer is None
        assert [r.message for r in caplog.records].count("switch refuses to tell counters") == 1


@pytest.mark.parametrize(
    ("type_", "body"), [(PORT_STATS, entry(1, 1)[:-1]), (1, b"")], ids=["cut off", "of another type"]
)
async def test_a_malformed_answer_ends_the_session_and_no_other(type_: int, body: bytes) -> None:
    async with counting() as rig:
        bad, good = await FakeSwitch.connect(rig.port), await FakeSwitch.connect(rig.port)
        await bad.come_up(rig, 5)
        await good.come_up(rig, 6)
        bad.send(multipart(await asked(bad), type_, body))
        assert (await rig.expect(SwitchDown)).dpid == 5
        assert await bad.ended()
        good.send(multipart(await asked(good), PORT_STATS, entry(1, 9)))
        assert (await rig.sample()).dpid == 6


async def test_a_session_that_ended_is_asked_no_more() -> None:
    async with counting() as rig:
        switch = await FakeSwitch.connect(rig.port)
        up = await switch.come_up(rig, 5)
        session = rig.server._sessions[up.session]
        switch.close()
        await rig.expect(SwitchDown)
        assert session._poll is not None
        assert session._poll._timer is None


async def test_without_polling_nobody_is_asked() -> None:
    async with counting() as rig:
        rig.server.polling = None
        switch = await FakeSwitch.connect(rig.port)
        up = await switch.come_up(rig, 5)
        assert rig.server._sessions[up.session]._poll is None


@pytest.fixture
def ovs() -> Iterator[PrivateOvs]:
    with PrivateOvs() as ovs:
        bridge = ("set", "bridge", "br0", "datapath_type=dummy", "fail_mode=secure", "protocols=OpenFlow13")
        ovs.vsctl("add-br", "br0", "--", *bridge, "other_config:datapath-id=0000000000000abc")
        for n in (1, 2):
            port = ("add-port", "br0", f"p{n}", "--", "set", "interface", f"p{n}", "type=dummy")
            ovs.vsctl(*port, f"ofport_request={n}")
        yield ovs


@pytest.mark.lab
async def test_open_vswitch_counts(ovs: PrivateOvs) -> None:
    async with counting(interval=0.05) as rig:
        ovs.vsctl("set-controller", "br0", f"tcp:127.0.0.1:{rig.port}")
        assert {port.name for port in (await rig.expect(SwitchUp)).ports} >= {"p1", "p2"}
        first = (await rig.sample()).ports[1]
        frames = 7
        for _ in range(frames):
            ovs.appctl("netdev-dummy/receive", "p1", "ff" * 6 + "02" * 6 + "0800" + "00" * 46)
        async with asyncio.timeout(DEADLINE):
            while True:
                now = (await rig.sample()).ports[1]
                assert now[0] is not None
                assert first[0] is not None
                if now[0] - first[0] == frames:
                    break
        assert now[2] is not None
        assert first[2] is not None
        assert now[2] - first[2] == frames * 60


@pytest.mark.lab
async def test_open_vswitch_is_programmed_while_it_is_asked_all_the_time(ovs: PrivateOvs) -> None:
    async with counting(interval=0.005) as rig:
        ovs.vsctl("set-controller", "br0", f"tcp:127.0.0.1:{rig.port}")
        up = await rig.expect(SwitchUp)
        for number in range(5):
            flows = tuple((bytes([number]) + n.to_bytes(2, "big"), b"") for n in range(2000))
            rig.server.perform(SendBatch(up.session, number, Batch(flows=flows)))
            assert (await rig.expect(BatchDone)).failures == ()
            await rig.sample()
        rig.server.perform(RequestReadBack(up.session))
        assert len((await rig.expect(ReadBack)).installed.flows) == 10_000
