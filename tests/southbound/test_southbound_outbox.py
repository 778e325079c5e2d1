"""Packets of one turn leave together, in order, and those that are timed with an echo request behind them."""

from __future__ import annotations

from southbound_rig import ECHO_REPLY, ECHO_REQUEST, PACKET_OUT, FakeSwitch, packet_in, raw, serving, xid_of

from sdn.controller.effects import SendPacket
from sdn.controller.events import PacketIn, PacketsSent

FRAME = bytes(60)


async def test_when_timed_packets_left_and_how_long_the_way_was() -> None:
    async with serving() as rig:
        switch = await FakeSwitch.connect(rig.port)
        up = await switch.come_up(rig, 7)
        for number, token in enumerate((0, 11, 0, 12), 1):
            rig.server.perform(SendPacket(up.session, number, FRAME, token))
        messages = [await switch.read() for _ in range(5)]
        assert all(messages)
        kinds = [message[1] for message in messages if message]
        assert kinds == [PACKET_OUT, PACKET_OUT, ECHO_REQUEST, PACKET_OUT, PACKET_OUT]
        assert rig.of(PacketsSent) == []
        assert messages[2] is not None
        switch.send(raw(ECHO_REPLY, 4711), raw(ECHO_REPLY, xid_of(messages[2])))
        sent = await rig.expect(PacketsSent)
        assert (sent.session, sent.dpid, sent.tokens) == (up.session, 7, (11, 12))
        assert sent.round_trip > 0
        switch.send(packet_in(FRAME), raw(ECHO_REPLY, xid_of(messages[2])))
        found = await rig.expect(PacketIn)
        assert found.at >= sent.at + sent.round_trip
        assert rig.of(PacketsSent) == [], "each echo is answered once"
        switch.close()


async def test_a_switch_that_answers_no_echo_is_timed_no_more_and_gets_its_packets() -> None:
    async with serving() as rig:
        switch = await FakeSwitch.connect(rig.port)
        up = await switch.come_up(rig, 7)
        kinds = []
        for token in range(1, 31):
            rig.server.perform(SendPacket(up.session, 1, FRAME, token))
            while not kinds or kinds.count(PACKET_OUT) < token:
                message = await switch.read()
                assert message is not None
                kinds.append(message[1])
        assert kinds.count(PACKET_OUT) == 30
        assert 1 <= kinds.count(ECHO_REQUEST) <= 16
        switch.close()


async def test_packets_of_a_session_that_ends_in_the_same_turn_go_nowhere() -> None:
    async with serving() as rig:
        switch = await FakeSwitch.connect(rig.port)
        up = await switch.come_up(rig, 7)
        rig.server.perform(SendPacket(up.session, 1, FRAME, 5))
        await rig.server.close()
        assert await switch.ended()
        assert rig.of(PacketsSent) == []
