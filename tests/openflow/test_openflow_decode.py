"""What a switch sends: well-formed messages give what is in them, everything else ProtocolError and nothing else."""

from __future__ import annotations

import struct
from contextlib import suppress

import openflow_samples as sample
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openflow_samples import ALL, APPLY, GOTO, IN_PORT, REG3, raw

from sdn.openflow import Framer, Handshake, ProtocolError, Reading, State, decode, error_text, multipart, wire
from sdn.openflow.messages import (
    BarrierReply,
    BundleReply,
    EchoReply,
    EchoRequest,
    Error,
    Features,
    Hello,
    Message,
    MultipartReply,
    Other,
    PacketReceived,
    PortDescription,
    PortStatus,
)

ETH1 = PortDescription(1, "eth1", b"\x02\0\0\0\0\x01", True, 10_000_000_000)
PARSERS = (multipart.flows, multipart.groups, multipart.meters, multipart.ports)


def read(message: bytes) -> list[Message]:
    """Everything that is done with a message from a switch, until ProtocolError."""
    messages = [decode(part) for part in Framer().feed(message)]
    for found in messages:
        if isinstance(found, MultipartReply):
            for parse in PARSERS:
                try:
                    list(parse(found.body))
                except ProtocolError:
                    continue
            multipart.description(found.body + bytes(2000))
    return messages


def test_each_kind() -> None:
    assert [decode(message) for message in ALL if message[1] != wire.MULTIPART_REPLY] == [
        Hello(4, None),
        Hello(6, frozenset({4, 5, 6})),
        Error(9, 4, 9, bytes(64)),
        Error(9, 0xFFFF, 2313, b"", wire.ONF),
        EchoRequest(1, b"ping"),
        EchoReply(1, b"pong"),
        Features(2, 5, 0, 254),
        PacketReceived(1, 60, 77, 5, {3: 7}, b"frame"),
        PortStatus(ETH1, False),
        BarrierReply(8),
        BundleReply(8, 1, wire.BUNDLE_COMMITTED),
        Other(8, 11),
    ]


def test_packet_in_with_other_fields_and_double_registers() -> None:
    oxm = bytes.fromhex("80000a02 0800") + bytes.fromhex("80010208") + struct.pack("!II", 1, 2) + IN_PORT
    found = decode(sample.packet_in(b"", oxm))
    assert isinstance(found, PacketReceived)
    assert (found.in_port, found.registers, found.data) == (5, {2: 1, 3: 2}, b"")


def test_port_state_and_hostile_name() -> None:
    down = decode(raw(12, 0, bytes([1]) + bytes(7) + sample.port(2, b"a\x1b[31m\xff\n", state=1)))
    assert isinstance(down, PortStatus)
    assert (down.port.name, down.port.up, down.removed) == ("a?[31m??", False, True)


def test_multipart_bodies() -> None:
    key = bytes([0, 0xFF, 0xFF]) + IN_PORT + REG3
    assert list(multipart.flows(sample.FLOWS)) == [
        (b"\x04\x00\x32" + IN_PORT, 9, GOTO),
        (b"\x3c\x00\x00", 10, APPLY + GOTO),
        (key, 11, b""),
    ]
    one, two = sample.bucket(sample.OUTPUT), sample.bucket()
    assert list(multipart.groups(sample.GROUPS)) == [(1, 1, one + two), (2, 0, b"")]
    assert list(multipart.meters(sample.METERS)) == [(1, (100, 10, False)), (2, (100, 10, True)), (3, None), (4, None)]
    assert [(p.name, p.up) for p in multipart.ports(sample.PORTS)] == [("eth1", True), ("br0", False)]
    assert multipart.description(sample.DESC) == "Nicira, Inc., Open vSwitch, 3.1.0"


@pytest.mark.parametrize(
    ("type_", "body"),
    [
        (wire.MP_FLOW, struct.pack("!H", 0) + bytes(62)),
        (wire.MP_FLOW, struct.pack("!H", 55) + bytes(62)),
        (wire.MP_FLOW, struct.pack("!H", 72) + bytes(62)),
        (wire.MP_FLOW, sample.flow(0, 0, b"", bytes(8))),
        (wire.MP_FLOW, sample.flow(0, 0, b"", b"\0\1\0\x10" + bytes(4))),
        (wire.MP_FLOW, sample.flow(0, 0, b"", b"\0\1\0\x04" + bytes(4))),
        (wire.MP_FLOW, sample.flow(0, 0, b"\x80\0\0\xff", b"")),
        (wire.MP_FLOW, sample.flow(0, 0, b"\x80\0\0", b"")),
        (wire.MP_FLOW, sample.flow(0, 0, b"\x80\0\1\3abc", b"")),
        (wire.MP_FLOW, sample.flow(0, 0, b"", b"")[:48] + struct.pack("!HH4x", 0, 4)),
        (wire.MP_FLOW, sample.flow(0, 0, b"", b"")[:48] + struct.pack("!HH4x", 1, 3)),
        (wire.MP_FLOW, sample.flow(0, 0, b"", b"")[:48] + struct.pack("!HH4x", 1, 9)),
        (wire.MP_GROUP_DESC, sample.group(1, 0, bytes(16))),
        (wire.MP_GROUP_DESC, sample.group(1, 0, struct.pack("!H", 24) + bytes(14))),
        (wire.MP_GROUP_DESC, sample.group(1, 0, bytes(7))),
        (wire.MP_GROUP_DESC, bytes(8)),
        (wire.MP_GROUP_DESC, b"\0"),
        (wire.MP_METER_CONFIG, sample.meter(1, 6, bytes(16))),
        (wire.MP_METER_CONFIG, bytes(8)),
        (wire.MP_PORT_DESC, bytes(63)),
        (wire.MP_DESC, bytes(1055)),
    ],
)
def test_malformed_bodies(type_: int, body: bytes) -> None:
    reading = Reading(3, with_ports=True, with_bodies=True)
    order = [wire.MP_DESC, wire.MP_PORT_DESC, wire.MP_FLOW, wire.MP_GROUP_DESC, wire.MP_METER_CONFIG]
    with pytest.raises(ProtocolError):
        reading.reply(MultipartReply(3 + order.index(type_), type_, False, body))


@pytest.mark.parametrize(
    "message",
    [
        b"",
        bytes(7),
        raw(2, 1)[:-1],
        raw(2, 1) + b"x",
        b"\x01\x02\x00\x08" + bytes(4),
        raw(30, 1),
        raw(255, 1),
        sample.hello(4, bytes(4)),
        sample.hello(4, b"\0\1\0\3" + bytes(4)),
        sample.hello(4, b"\0\1\0\x09" + bytes(4)),
        sample.hello(4, b"\0\1"),
        raw(1, 1, bytes(3)),
        raw(1, 1, b"\xff\xff\0\1\0"),
        raw(6, 1, bytes(23)),
        raw(10, 1, bytes(25)),
        sample.packet_in(b"")[:2] + b"\0\x2a" + sample.packet_in(b"")[4:42],
        raw(12, 1, bytes(71)),
        raw(12, 1, b"\x03" + bytes(71)),
        raw(19, 1, bytes(7)),
        raw(4, 1, bytes(7)),
        raw(4, 1, struct.pack("!IIIHH", wire.ONF, 2300, 1, 5, 3)[:-1]),
    ],
)
def test_malformed_messages(message: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(message)


def test_truncation_of_every_message_at_every_byte() -> None:
    for message in ALL:
        for end in range(8, len(message)):
            cut = message[:2] + end.to_bytes(2, "big") + message[4:end]
            with suppress(ProtocolError):
                read(cut)


def test_every_byte_of_every_message_set_to_extremes() -> None:
    for message in ALL:
        for at in range(min(len(message), 400)):
            for value in (0, 1, 7, 0x7F, 0xFF, message[at] ^ 1):
                with suppress(ProtocolError):
                    read(message[:at] + bytes([value]) + message[at + 1 :])


@settings(max_examples=500)
@given(message=st.sampled_from(ALL), edits=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=6))
def test_mutation(message: bytes, edits: list[tuple[int, int]]) -> None:
    changed = bytearray(message)
    for at, value in edits:
        if at % len(changed) not in (2, 3):
            changed[at % len(changed)] = value
    with suppress(ProtocolError):
        read(bytes(changed))


@given(type_=st.integers(0, 32), body=st.binary(max_size=300))
def test_random_bodies(type_: int, body: bytes) -> None:
    with suppress(ProtocolError):
        read(raw(type_, 1, body))


@given(chosen=st.lists(st.sampled_from(ALL), max_size=6), cuts=st.lists(st.integers(1, 3000), max_size=20))
def test_framer_in_pieces(chosen: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(chosen)
    framer = Framer()
    found: list[bytes] = []
    at = 0
    for cut in [*cuts, len(stream)]:
        found += framer.feed(stream[at : at + cut])
        at += cut
        assert framer.pending < 65_536
    assert found == chosen
    assert framer.pending == 0


def test_framer_byte_by_byte() -> None:
    framer = Framer()
    found = [message for message in ALL for byte in message for message in framer.feed(bytes([byte]))]
    assert found == ALL


@pytest.mark.parametrize("head", [b"\x04\x02\x00\x07", b"\x04\x02\x00\x00", b"\x01\x02\x00\x08", b"GET / HTTP/1.1"])
def test_framer_refuses(head: bytes) -> None:
    with pytest.raises(ProtocolError):
        Framer().feed(head + bytes(4))


def test_error_text() -> None:
    assert error_text(4, 9) == "OFPBMC_BAD_PREREQ (4, 9)"
    assert error_text(12, 3) == "OFPMMFC_UNKNOWN_METER (12, 3)"
    assert error_text(0xFFFF, 2313, wire.ONF) == "OFPBFC_MSG_FAILED (ONF 2313)"
    assert error_text(0xFFFF, 1, 0x2320) == "experimenter 0x00002320 error 1"
    assert error_text(4, 99) == "error (4, 99)"
    assert error_text(99, 0) == "error (99, 0)"


def shake(*messages: bytes) -> Handshake:
    handshake = Handshake()
    handshake.begin()
    for message in messages:
        if handshake.state is State.IDENTIFIED:
            handshake.accept()
        handshake.receive(decode(message))
    return handshake


def reading(**changes: bytes) -> list[bytes]:
    bodies = {"desc": sample.DESC, "ports": sample.PORTS, "flows": sample.FLOWS, "groups": b"", "meters": b""} | changes
    types = (wire.MP_DESC, wire.MP_PORT_DESC, wire.MP_FLOW, wire.MP_GROUP_DESC, wire.MP_METER_CONFIG)
    return [sample.multipart(5 + n, types[n], body) for n, body in enumerate(bodies.values())]


def test_handshake_to_the_end() -> None:
    handshake = shake(sample.hello(6), sample.features(5), *reading(groups=sample.GROUPS))
    assert handshake.state is State.UP
    assert handshake.features == Features(2, 5, 0, 254)
    contents = handshake.contents
    assert (len(contents.flows), contents.bodies, len(contents.groups), contents.meters) == (3, {}, 2, {})
    assert set(contents.ports) == {1, 0xFFFFFFFE}


def test_handshake_answers_echo_in_every_state_and_ignores_packets() -> None:
    handshake = Handshake()
    for message in [sample.hello(), sample.features(5), *reading()]:
        assert handshake.receive(EchoRequest(9, b"x")) == raw(3, 9, b"x")
        if handshake.state is State.IDENTIFIED:
            handshake.accept()
        handshake.receive(decode(message))
        assert handshake.receive(decode(sample.packet_in())) == b""
    assert handshake.state is State.UP


def test_replies_in_pieces_and_port_status_between() -> None:
    desc, ports, flows, groups, meters = reading()
    more = sample.multipart(6, wire.MP_PORT_DESC, sample.port(7, b"eth7"), more=True)
    removed = raw(12, 0, bytes([1]) + bytes(7) + sample.port(7, b"eth7"))
    added = raw(12, 0, bytes([0]) + bytes(7) + sample.port(8, b"eth8"))
    handshake = shake(sample.hello(), sample.features(5), desc, more, ports, removed, flows, added, groups, meters)
    assert handshake.state is State.UP
    assert sorted(handshake.contents.ports) == [1, 8, 0xFFFFFFFE]


def test_switch_without_groups_and_meters() -> None:
    messages = reading()
    refused = [raw(1, xid, struct.pack("!HH", 1, 2)) for xid in (8, 9)]
    handshake = shake(sample.hello(), sample.features(5), *messages[:3], *refused)
    assert handshake.state is State.UP


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ([sample.features(5)], "first message"),
        ([sample.hello(1)], "version 1, not OpenFlow 1.3"),
        ([sample.hello(6, bytes.fromhex("0001000800000040"))], r"versions \[6\]"),
        ([sample.hello(), sample.features(0)], "datapath id 0"),
        ([sample.hello(), sample.features(5, auxiliary=1)], "auxiliary"),
        ([sample.hello(), sample.features(5, xid=99)], "not asked for"),
        ([raw(1, 1, bytes(4))], "OFPHFC_INCOMPATIBLE"),
        ([sample.hello(), sample.features(5), raw(1, 5, struct.pack("!HH", 1, 2))], "refuses multipart request 0"),
        ([sample.hello(), sample.features(5), sample.multipart(5, 1, b"")], "not asked for"),
        ([sample.hello(), sample.features(5), reading()[0], reading()[0]], "not asked for"),
        ([sample.hello(), *[raw(12, 0, bytes(8) + sample.port(1, b"e"))] * 1025], "port status"),
    ],
)
def test_handshakes_that_fail(messages: list[bytes], why: str) -> None:
    with pytest.raises(ProtocolError, match=why):
        shake(*messages)


def test_reading_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdn.openflow.readback.MAX_BYTES", 3 * len(sample.FLOWS))
    monkeypatch.setattr("sdn.openflow.readback.MAX_PIECES", 5)
    monkeypatch.setattr("sdn.openflow.readback.MAX_PORTS", 1)
    piece = MultipartReply(1, wire.MP_FLOW, True, sample.FLOWS)
    found = Reading(1, with_ports=False, with_bodies=True)
    for _ in range(3):
        found.reply(piece)
    with pytest.raises(ProtocolError, match="more than"):
        found.reply(piece)
    found = Reading(1, with_ports=False, with_bodies=True)
    for _ in range(5):
        found.reply(MultipartReply(1, wire.MP_FLOW, True, b""))
    with pytest.raises(ProtocolError, match="more than"):
        found.reply(MultipartReply(1, wire.MP_FLOW, True, b""))
    with pytest.raises(ProtocolError, match="ports"):
        Reading(1, with_ports=True, with_bodies=False).reply(MultipartReply(2, wire.MP_PORT_DESC, True, sample.PORTS))
