"""Switches that do what Open vSwitch never does, over a real socket: nobody but themselves must suffer."""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Sequence

import pytest
from southbound_rig import (
    BARRIER_REPLY,
    BARRIER_REQUEST,
    BUNDLE_ADD,
    BUNDLE_CONTROL,
    ECHO_REPLY,
    ECHO_REQUEST,
    ERROR,
    EXPERIMENTER,
    FEATURES_REPLY,
    HELLO,
    METER_MOD,
    MULTIPART_REQUEST,
    PACKET_OUT,
    FakeSwitch,
    bundle_reply,
    error,
    experiment,
    multipart,
    onf_error,
    packet_in,
    port_description,
    port_status,
    raw,
    serving,
    xid_of,
)

from sdn.controller.effects import CloseSession, RequestReadBack, SendBatch, SendPacket
from sdn.controller.events import BatchDone, PacketIn, PortChanged, ReadBack, SwitchDown, SwitchUp
from sdn.model.program import Batch, Group, Installed, Meter, WriteFailure
from sdn.southbound import Limits


def flows(count: int) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((b"\0" + n.to_bytes(2, "big"), b"") for n in range(count))


async def take_bundle(switch: FakeSwitch) -> tuple[bytes, list[bytes], bytes]:
    """The open message, what is added, and the barrier behind it."""
    opening = await switch.until(EXPERIMENTER)
    assert experiment(opening) == (BUNDLE_CONTROL, 0)
    switch.send(bundle_reply(xid_of(opening), 1))
    added = []
    while (message := await switch.read()) is not None and message[1] == EXPERIMENTER:
        assert experiment(message)[0] == BUNDLE_ADD
        assert message[4:8] == message[28:32], "inner and outer xid"
        added.append(message[24:])
    assert message is not None
    assert message[1] == BARRIER_REQUEST
    return opening, added, message


def answer(switch: FakeSwitch, barrier: bytes) -> None:
    switch.send(raw(BARRIER_REPLY, xid_of(barrier)))


async def test_messages_of_a_batch_in_their_order() -> None:
    batch = Batch(
        meters=((1, Meter(1, 2), False), (2, Meter(3, 4), True)),
        groups=((7, Group(1, b"")),),
        flows=flows(300),
        deletes=(b"\1\0\1", b"\2\0\2"),
        group_deletes=(8,),
        meter_deletes=(9,),
    )
    async with serving() as rig:
        switch = await FakeSwitch.connect(rig.port)
        up = await switch.come_up(rig, 5)
        rig.server.perform(SendBatch(up.session, 42, batch))
        meters = [await switch.until(METER_MOD), await switch.until(METER_MOD)]
        assert [message[8:10] for message in meters] == [b"\0\0", b"\0\1"]
        answer(switch, await switch.until(BARRIER_REQUEST))
        _, added, barrier = await take_bundle(switch)
        commands = [(message[1], message[8:10].hex() if message[1] == 15 else message[25]) for message in added]
        assert commands == [(15, "8000"), *[(14, 0)] * 300, *[(14, 4)] * 2, (15, "0002")]
        answer(switch, barrier)
        commit = await switch.until(EXPERIMENTER)
        assert experiment(commit) == (BUNDLE_CONTROL, 4)
        switch.send(bundle_reply(xid_of(commit), 5))
        deletion = await switch.until(METER_MOD)
        assert (deletion[8:10], deletion[12:16]) == (b"\0\2", b"\0\0\0\x09")
        assert rig.of(BatchDone) == []
        switch.send(error(xid_of(deletion), 12, 3))  # changes nothing of the result
        answer(switch, await switch.until(BARRIER_REQUEST))
        assert await rig.expect(BatchDone) == BatchDone(up.session, up.dpid, 42, ())


@pytest.mark.usefixtures("patient")
async def test_refused_adds_are_all_named_and_the_bundle_discarded() -> None:
    batch = Batch(groups=((7, Group(1, b"")),), flows=flows(10), deletes=(b"\1\0\1",), group_deletes=(8,))
    async with serving() as rig:
        switch = await FakeSwitch.connect(rig.port)
        up = await switch.come_up(rig, 5)
        rig.server.perform(SendBatch(up.session, 1, batch))
        _, added, barrier = await take_bundle(switch)
        for index in (0, 3, 3, 11, 12):
            switch.send(error(xid_of(added[index]), 4, 9))
        answer(switch, barrier)
        discard = await switch.until(EXPERIMENTER)
        assert experiment(discard) == (BUNDLE_CONTROL, 6)
        assert rig.of(BatchDone) == []
        switch.send(bundle_reply(xid_of(discard), 7))
        done = await rig.expect(BatchDone)
        names = [("group", 7), ("flow", b"\0\0\2"), ("flow", b"\1\0\1"), ("group", 8)]
        text = "OFPBMC_BAD_PREREQ (4, 9)"
        assert done.failures == tuple(WriteFailure(kind, key, 4, 9, text) for kind, key in names)


@pytest.mark.usefixtures("patient")
async def test_refused_commit_names_its_entry_and_the_next_batch_goes_on() -> None:
    async with serving() as rig:
        switch = await FakeSwitch.connect(rig.port)
        up = await switch.come_up(rig, 5)
        for number in (1, 2):
            rig.server.perform(SendBatch(up.session, number, Batch(flows=flows(3))))
        _, added, barrier = await take_bundle(switch)
        answer(switch, barrier)
        commit = await switch.until(EXPERIMENTER)
        switch.send(error(xid_of(added[1]), 5, 1), onf_error(xid_of(commit), 2313))
        done = await rig.expect(BatchDone)
        assert (done.batch_id, [failure.key for failure in done.failures]) == (1, [b"\0\0\1"])
        _, _, barrier = await take_bundle(switch)
        answer(switch, barrier)
        switch.send(bundle_reply(xid_of(await switch.until(EXPERIMENTER)), 5))
        assert await rig.expect(BatchDone) == BatchDone(up.session, up.dpid, 2, ())


async def test_switch_without_bundles_loses_its_session() -> None:
    async with serving() as rig:
        switch = await FakeSwitch.connect(rig.port)
        up = await switch.come_up(rig, 5)
        rig.server.perform(SendBatch(up.session, 1, Batch(flows=flows(3))))
        switch.send(error(xid_of(await switch.until(EXPERIMENTER)), 1, 3))
        assert "OFPBRC_BAD_EXPERIMENTER (1, 3)" in (await rig.expect(SwitchDown)).reason
        assert await switch.ended()


@pytest.mark.parametrize("answers", [[5], [7], [0], [9]])
async def test_bundle_replies_out_of_turn_end_the_session(answers: Sequence[int]) -> None:
    async with serving() as rig:
        switch = await FakeSwitch.connect(rig.port)
        up = await switch.come_up(rig, 5)
        rig.server.perform(SendBatch(up.session, 1, Batch(flows=flows(3))))
        opening = await switch.until(EXPERIMENTER)
        switch.send(*(bundle_reply(xid_of(opening), action) for action in answers))
        assert "bundle reply" in (await rig.expect(SwitchDown)).reason
        assert rig.of(BatchDone) == []


async def test_barrier_replies_nobody_asked_for() -> None:
    async with serving() as rig:
        switch = await FakeSwitch.connect(rig.port)
        up = await switch.come_up(rig, 5)
        switch.send(raw(BARRIER_REPLY, 77), multipart(9, 1, b"x"), raw(FEATURES_REPLY, 1, bytes(24)), error(3, 1, 1))
        rig.server.perform(SendBatch(up.session, 1, Batch(flows=flows(3))))
        opening = await switch.until(EXPERIMENTER)
        switch.send(raw(BARRIER_REPLY, xid_of(opening)))
        assert "barrier reply" in (await rig.expect(SwitchDown)).reason


async def test_batch_bigger_than_all_buffers_waits_for_the_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The switch reads nothing at first: encoding stops at the high-water mark, and goes on when it reads."""
    body = bytes.fromhex("0004004800000000") + bytes.fromhex("0000001000000001ffff000000000000") * 4
    many = tuple((b"\0\0\1" + bytes.fromhex("80000004") + n.to_bytes(4, "big"), body) for n in range(100_000))
    async with serving() as rig:
        switch = await FakeSwitch.connect(rig.port)
        up = await switch.come_up(rig, 5)
        switch.reader._transport.pause_reading()  # type: ignore[attr-defined]
        session = rig.server._sessions[up.session]
        full = asyncio.Event()
        monkeypatch.setattr(session, "pause_writing", lambda: (session._pump.pause(), full.set()))
        rig.server.perform(SendBatch(up.session, 1, Batch(flows=many)))
        async with asyncio.timeout(20):
            await full.wait()
        assert session._transport.get_write_buffer_size() < 1 << 20
        rig.server.perform(SendPacket(up.session, 1, b"frame"))
        assert session.packets_dropped == 1
        switch.reader._transport.resume_reading()  # type: ignore[attr-defined]
        _, added, barrier = await take_bundle(switch)
        assert len(added) == 100_000
        assert {xid_of(message) for message in added} == set(range(xid_of(added[0]), xid_of(added[0]) + 100_000))
        answer(switch, barrier)
        switch.send(bundle_reply(xid_of(await switch.until(EXPERIMENTER)), 5))
        assert (await rig.expect(BatchDone)).failures == ()


async def test_read_back_waits_for_the_batch_before_it() -> None:
    async with serving() as rig:
        switch = await FakeSwitch.connect(rig.port)
        up = await switch.come_up(rig, 5)
        rig.server.perform(SendBatch(up.session, 1, Batch(meter_deletes=(1,))))
        rig.server.perform(RequestReadBack(up.session))
        barrier = await switch.until(BARRIER_REQUEST)
        switch.send(raw(ECHO_REQUEST, 1))
        assert (await switch.read() or b"")[1] == ECHO_REPLY
        answer(switch, barrier)
        requests = [await switch.until(MULTIPART_REQUEST) for _ in range(3)]
        switch.send(*(multipart(xid_of(request), int.from_bytes(request[8:10], "big"), b"") for request in requests))
        assert (await rig.expect(ReadBack)).installed == Installed({}, {}, {}, {})


async def test_keepalive_and_silence() -> None:
    async with serving(Limits(idle_seconds=0.05, dead_seconds=1)) as rig:
        switch = await FakeSwitch.connect(rig.port)
        await switch.come_up(rig, 5)
        for _ in range(3):
            request = await switch.until(ECHO_REQUEST)
            switch.send(raw(ECHO_REPLY, xid_of(request), request[8:]))
        assert "no reply to an echo request" in (await rig.expect(SwitchDown)).reason
        assert await switch.ended()


async def test_deadlines_of_the_handshake() -> None:
    async with serving(Limits(hello_seconds=0.1)) as rig:
        assert await (await FakeSwitch.connect(rig.port)).ended()
    async with serving(Limits(handshake_seconds=1)) as rig:
        switch = await FakeSwitch.connect(rig.port)
        await switch.greet(5)
        assert await switch.ended()
        assert rig.events == []


async def test_batch_that_stands_still_ends_the_session() -> None:
    async with serving(Limits(reply_seconds=0.2)) as rig:
        switch = await FakeSwitch.connect(rig.port)
        up = await switch.come_up(rig, 5)
        rig.server.perform(SendBatch(up.session, 1, Batch(flows=flows(1))))
        assert "a batch stood still" in (await rig.expect(SwitchDown)).reason
    async with serving(Limits(reply_seconds=0.2)) as rig:
        switch = await FakeSwitch.connect(rig.port)
        up = await switch.come_up(rig, 5)
        rig.server.perform(RequestReadBack(up.session))
        assert "a read-back stood still" in (await rig.expect(SwitchDown)).reason


async def test_second_switch_with_the_same_dpid_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as rig:
        older = await FakeSwitch.connect(rig.port)
        up = await older.come_up(rig, 5)
        newer = await FakeSwitch.connect(rig.port)
        await newer.greet(5)
        probe = await older.until(ECHO_REQUEST)
        older.send(raw(ECHO_REPLY, xid_of(probe)))
        with caplog.at_level(logging.ERROR, "sdn.southbound"):
            assert await newer.ended()
        assert "second switch with the same datapath id" in caplog.text
        older.send(port_status(0, port_description(1, b"eth1")))
        assert (await rig.expect(PortChanged)).session == up.session
        assert rig.of(SwitchDown) == rig.of(SwitchUp) == []


async def test_switch_that_connects_anew_replaces_its_dead_connection() -> None:
    async with serving(Limits(probe_seconds=1)) as rig:
        older = await FakeSwitch.connect(rig.port)
        up = await older.come_up(rig, 5)
        newcomers = [await FakeSwitch.connect(rig.port) for _ in range(2)]
        for newcomer in newcomers:
            await newcomer.greet(5)
        down = await rig.expect(SwitchDown)
        assert down.session == up.session
        assert "connected anew" in down.reason
        assert await older.ended()
        # Exactly one of the two gets in; it answers, so that the other is refused.
        first, second = newcomers
        telling = asyncio.create_task(first.tell())
        again = await rig.expect(SwitchUp)
        await telling
        assert again.session not in (0, up.session)
        alive = asyncio.create_task(answer_echoes(first))
        assert await second.ended()
        alive.cancel()
        assert rig.of(SwitchUp) == []


async def answer_echoes(switch: FakeSwitch) -> None:
    while True:
        request = await switch.until(ECHO_REQUEST)
        switch.send(raw(ECHO_REPLY, xid_of(request)))


async def test_older_connection_that_ends_by_itself_makes_room() -> None:
    async with serving(Limits(probe_seconds=20)) as rig:
        older = await FakeSwitch.connect(rig.port)
        await older.come_up(rig, 5)
        newer = await FakeSwitch.connect(rig.port)
        await newer.greet(5)
        await older.until(ECHO_REQUEST)
        older.close()
        await rig.expect(SwitchDown)
        await newer.tell()
        await rig.expect(SwitchUp)


async def test_sessions_are_numbered_anew_and_old_effects_go_nowhere() -> None:
    async with serving() as rig:
        switch = await FakeSwitch.connect(rig.port)
        first = await switch.come_up(rig, 5)
        switch.close()
        await rig.expect(SwitchDown)
        switch = await FakeSwitch.connect(rig.port)
        second = await switch.come_up(rig, 5)
        assert second.session > first.session
        for session in (first.session, 999):
            rig.server.perform(SendBatch(session, 1, Batch(flows=flows(1))))
            rig.server.perform(SendPacket(session, 1, b"frame"))
            rig.server.perform(RequestReadBack(session))
            rig.server.perform(CloseSession(session, "test"))
        rig.server.perform(SendPacket(second.session, 3, b"frame"))
        message = await switch.read()
        assert message is not None
        assert message[1] == PACKET_OUT
        assert message.endswith(b"frame")


async def test_ports_of_the_handshake_and_after() -> None:
    async with serving() as rig:
        switch = await FakeSwitch.connect(rig.port)
        await switch.greet(5)
        requests = [await switch.until(MULTIPART_REQUEST) for _ in range(5)]
        for request in requests:
            type_ = int.from_bytes(request[8:10], "big")
            if type_ == 13:
                both = port_description(2, b"eth2") + port_description(1, b"eth1")
                switch.send(multipart(xid_of(request), 13, both))
                switch.send(port_status(0, port_description(3, b"eth3")), port_status(1, port_description(2, b"eth2")))
                switch.send(port_status(2, port_description(1, b"eth1", state=1)))
            else:
                switch.send(multipart(xid_of(request), type_, bytes(1056) if type_ == 0 else b""))
        up = await rig.expect(SwitchUp)
        assert [(port.number, port.name, port.up) for port in up.ports] == [(1, "eth1", False), (3, "eth3", True)]
        assert up.ports[1].speed == 10_000_000_000
        assert rig.of(PortChanged) == []


async def test_packet_ins_are_metered_and_others_are_not_touched() -> None:
    async with serving(Limits(packet_ins_per_second=50)) as rig:
        flood, quiet = [await FakeSwitch.connect(rig.port) for _ in range(2)]
        flood_up = await flood.come_up(rig, 5)
        quiet_up = await quiet.come_up(rig, 6)
        flood.send(packet_in(b"early") * 3000)
        quiet.send(packet_in(b"quiet"))
        found = await rig.expect(PacketIn, lambda event: event.session == quiet_up.session)
        assert (found.in_port, found.table, found.cookie, found.registers) == (5, 60, 77, {3: 7})
        flood.send(port_status(0, port_description(1, b"eth1")))
        await rig.expect(PortChanged)
        passed = len(rig.of(PacketIn))
        assert passed >= 50
        assert rig.server._sessions[flood_up.session].packets_dropped == 3000 - passed > 0


HOSTILE = {
    "another protocol": b"GET / HTTP/1.1\r\n\r\n",
    "length zero": b"\x04\x00\x00\x00" + bytes(4),
    "nested length zero": raw(HELLO, 1, bytes(8)),
    "old version": b"\x01\x00\x00\x08" + bytes(4),
    "features first": raw(FEATURES_REPLY, 2, bytes(24)),
    "hello failed": raw(ERROR, 1, bytes(4)),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_what_comes_instead_of_hello(name: str) -> None:
    async with serving() as rig:
        good, bad = [await FakeSwitch.connect(rig.port) for _ in range(2)]
        bad.send(HOSTILE[name])
        assert await bad.ended()
        await good.come_up(rig, 6)
        assert rig.events == []


async def test_version_mismatch_is_answered_with_hello_failed() -> None:
    async with serving() as rig:
        switch = await FakeSwitch.connect(rig.port)
        switch.send(b"\x01\x00\x00\x08" + bytes(4))
        message = await switch.until(ERROR)
        assert message[8:12] == bytes(4)
        assert b"not OpenFlow 1.3" in message


@pytest.mark.parametrize(("dpid", "auxiliary"), [(0, 0), (5, 1)])
async def test_connections_without_a_datapath_of_their_own_are_refused(dpid: int, auxiliary: int) -> None:
    async with serving() as rig:
        switch = await FakeSwitch.connect(rig.port)
        await switch.greet(dpid, auxiliary)
        assert await switch.ended()
        assert rig.events == []


MALFORMED = {
    1: struct.pack("!H", 0) + bytes(62),
    7: bytes(8),
    10: struct.pack("!HHI", 24, 6, 1) + bytes(16),
    13: bytes(63),
    0: bytes(10),
}


@pytest.mark.parametrize("type_", MALFORMED)
async def test_malformed_read_back_ends_the_handshake(type_: int) -> None:
    async with serving() as rig:
        switch = await FakeSwitch.connect(rig.port)
        await switch.greet(5)
        request = await switch.until(MULTIPART_REQUEST)
        while int.from_bytes(request[8:10], "big") != type_:
            request = await switch.until(MULTIPART_REQUEST)
        switch.send(multipart(xid_of(request), type_, MALFORMED[type_]))
        assert await switch.ended()
        assert rig.events == []


async def test_malformed_message_ends_a_session_that_is_up() -> None:
    async with serving() as rig:
        switch = await FakeSwitch.connect(rig.port)
        up = await switch.come_up(rig, 5)
        rig.server.perform(SendBatch(up.session, 1, Batch(flows=flows(1))))
        switch.send(port_status(3, port_description(1, b"eth1")))
        down = await rig.expect(SwitchDown)
        assert (down.session, down.dpid) == (up.session, 5)
        assert "unknown reason 3" in down.reason
        assert rig.events == []
        assert await switch.ended()


async def test_echo_flood_of_a_switch_that_reads_nothing_is_bounded() -> None:
    async with serving(Limits(waiting_bytes=1 << 16)) as rig:
        switch = await FakeSwitch.connect(rig.port)
        await switch.come_up(rig, 5)
        switch.reader._transport.pause_reading()  # type: ignore[attr-defined]
        flood = raw(ECHO_REQUEST, 1, bytes(60_000)) * 500
        switch.send(flood)
        assert "takes no replies" in (await rig.expect(SwitchDown)).reason


async def test_too_many_connections() -> None:
    async with serving(Limits(connections=2)) as rig:
        first, second = [await FakeSwitch.connect(rig.port) for _ in range(2)]
        await first.come_up(rig, 5)
        await second.come_up(rig, 6)
        third = await FakeSwitch.connect(rig.port)
        assert await third.ended()
        first.close()
        await rig.expect(SwitchDown)
        await (await FakeSwitch.connect(rig.port)).come_up(rig, 7)


async def test_close_ends_every_session(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as rig:
        up, shaking = [await FakeSwitch.connect(rig.port) for _ in range(2)]
        await up.come_up(rig, 5)
        await shaking.greet(6)
        await shaking.until(MULTIPART_REQUEST)
        rig.server.perform(SendBatch(1, 1, Batch(flows=flows(1))))
        await rig.server.close()
        assert [event.reason for event in rig.of(SwitchDown)] == ["the controller stops"]
        assert await up.ended()
        assert await shaking.ended()
        with pytest.raises(OSError, match=r"Connect|refused"):
            await FakeSwitch.connect(rig.port)


@pytest.mark.usefixtures("patient")
async def test_xids_wrap_without_touching_those_of_the_handshake() -> None:
    async with serving() as rig:
        switch = await FakeSwitch.connect(rig.port)
        up = await switch.come_up(rig, 5)
        rig.server._sessions[up.session]._xid = 0xFFFFFFFF - 5
        rig.server.perform(SendBatch(up.session, 1, Batch(flows=flows(3))))
        _, added, _ = await take_bundle(switch)
        assert 10 <= xid_of(added[0]) < 100
