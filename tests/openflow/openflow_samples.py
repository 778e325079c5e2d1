"""Messages of a switch, made with os-ken, for tests of the decoder."""

from __future__ import annotations

import struct

from os_ken.ofproto import ofproto_v1_3 as ofp
from os_ken.ofproto import ofproto_v1_3_parser as parser


class Datapath:
    """What os-ken's messages need of a datapath."""

    ofproto = ofp
    ofproto_parser = parser


DATAPATH = Datapath()


def wire_of(message: parser.MsgBase, xid: int) -> bytes:
    message.set_xid(xid)
    message.serialize()
    return bytes(message.buf)


def raw(type_: int, xid: int, body: bytes = b"") -> bytes:
    return struct.pack("!BBHI", 4, type_, 8 + len(body), xid) + body


def multipart(xid: int, type_: int, body: bytes, *, more: bool = False) -> bytes:
    return raw(19, xid, struct.pack("!HH4x", type_, int(more)) + body)


def match(oxm: bytes) -> bytes:
    size = 4 + len(oxm)
    return struct.pack("!HH", 1, size) + oxm + bytes(-size % 8)


def flow(table: int, priority: int, oxm: bytes, instructions: bytes, cookie: int = 0) -> bytes:
    rest = match(oxm) + instructions
    head = struct.pack("!HBxIIHHHH4xQQQ", 48 + len(rest), table, 1, 2, priority, 0, 0, 0, cookie, 3, 4)
    return head + rest


def port(number: int, name: bytes, *, config: int = 0, state: int = 4, speed: int = 10_000_000) -> bytes:
    mac = b"\x02\0\0\0\0" + bytes([number & 0xFF])
    return struct.pack("!I4x6s2x16sIIIIIIII", number, mac, name, config, state, 0, 0, 0, 0, speed, 0)


def group(number: int, type_: int, *buckets: bytes) -> bytes:
    body = b"".join(buckets)
    return struct.pack("!HBxI", 8 + len(body), type_, number) + body


def bucket(actions: bytes = b"") -> bytes:
    return struct.pack("!HHII4x", 16 + len(actions), 0, 0xFFFFFFFF, 0xFFFFFFFF) + actions


def meter(number: int, flags: int, *bands: bytes) -> bytes:
    body = b"".join(bands)
    return struct.pack("!HHI", 8 + len(body), flags, number) + body


def band(rate: int, burst: int, type_: int = 1) -> bytes:
    return struct.pack("!HHII4x", type_, 16, rate, burst)


REG3 = bytes.fromhex("00010604") + struct.pack("!I", 7)
IN_PORT = bytes.fromhex("80000004") + struct.pack("!I", 5)
GOTO = bytes.fromhex("0001000804000000")
OUTPUT = bytes.fromhex("0000001000000001ffff000000000000")
APPLY = struct.pack("!HH4x", 4, 24) + OUTPUT


def packet_in(data: bytes = b"frame", oxm: bytes = IN_PORT + REG3) -> bytes:
    return raw(10, 0, struct.pack("!IHBBQ", 0xFFFFFFFF, len(data), 1, 60, 77) + match(oxm) + bytes(2) + data)


def features(dpid: int, auxiliary: int = 0, xid: int = 2) -> bytes:
    return raw(6, xid, struct.pack("!QIBB2xII", dpid, 0, 254, auxiliary, 0x4F, 0))


def hello(version: int = 4, elements: bytes = b"") -> bytes:
    return struct.pack("!BBHI", version, 0, 8 + len(elements), 1) + elements


DESC = struct.pack("!256s256s256s32s256s", b"Nicira, Inc.", b"Open vSwitch", b"3.1.0", b"None", b"None")
FLOWS = flow(4, 50, IN_PORT, GOTO, 9) + flow(60, 0, b"", APPLY + GOTO, 10) + flow(0, 65535, IN_PORT + REG3, b"", 11)
GROUPS = group(1, 1, bucket(OUTPUT), bucket()) + group(2, 0)
METERS = meter(1, 6, band(100, 10)) + meter(2, 5, band(100, 10)) + meter(3, 6, band(1, 1), band(2, 2)) + meter(4, 6)
PORTS = port(1, b"eth1") + port(0xFFFFFFFE, b"br0", config=1, state=1)

ALL = [
    hello(),
    hello(6, bytes.fromhex("0001000800000070")),
    raw(1, 9, struct.pack("!HH", 4, 9) + bytes(64)),
    raw(1, 9, struct.pack("!HHI", 0xFFFF, 2313, 0x4F4E4600)),
    raw(2, 1, b"ping"),
    raw(3, 1, b"pong"),
    features(5),
    packet_in(),
    raw(12, 0, bytes([2]) + bytes(7) + port(1, b"eth1")),
    multipart(3, 0, DESC),
    multipart(3, 13, PORTS),
    multipart(3, 1, FLOWS),
    multipart(3, 7, GROUPS),
    multipart(3, 10, METERS),
    raw(21, 8),
    raw(4, 8, struct.pack("!IIIHH", 0x4F4E4600, 2300, 1, 5, 3)),
    raw(11, 8, bytes(48)),
]
"""One of each kind, all well-formed."""
