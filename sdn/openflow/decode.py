"""Messages from a switch. What comes is not trusted: each length is checked against what surrounds it before use.

Raises ProtocolError and nothing else; time and memory are linear in the length of the message.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from sdn.openflow import wire
from sdn.openflow.errors import ProtocolError
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
    RoleReply,
)

PORT_SIZE = 64
_HEADER = struct.Struct("!BBHI")
_FEATURES = struct.Struct("!QIBB")
_PACKET_IN = struct.Struct("!IHBBQHH")
_ROLE = struct.Struct("!I4xQ")
_MULTIPART = struct.Struct("!HH")
_BUNDLE = struct.Struct("!IIIH")
_PORT = struct.Struct("!I4x6s2x16sII16xI")
_LIVE = 4
"""OFPPS_LIVE."""

_IN_PORT = 0x8000 << 16 | 0 << 9 | 4
_REGISTERS = {0x0001 << 16 | number << 9 | 4: number for number in range(16)}
"""NXM header → register."""
_DOUBLE_REGISTERS = {0x8001 << 16 | number << 9 | 8: number for number in range(8)}
"""Header of the 64-bit packet registers of OpenFlow 1.5, which newer switches may report: two registers each."""


def decode(message: bytes) -> Message:
    """Decode one whole message, as ``Framer`` gives it."""
    if len(message) < wire.HEADER:
        raise ProtocolError(f"message of {len(message)} bytes is shorter than its header")
    version, type_, length, xid = _HEADER.unpack_from(message)
    if length != len(message):
        raise ProtocolError(f"message of {len(message)} bytes says it has {length}")
    if type_ == wire.HELLO:
        return _hello(version, message)
    if type_ == wire.ERROR:
        return _error(xid, message)
    if version != wire.VERSION:
        raise ProtocolError(f"version 0x{version:02x} of message type {type_} is not OpenFlow 1.3")
    if type_ > wire.LAST_TYPE:
        raise ProtocolError(f"message type {type_} does not exist in OpenFlow 1.3")
    decoder = _DECODERS.get(type_)
    return Other(xid, type_) if decoder is None else decoder(xid, message)


def _need(message: bytes, size: int, what: str) -> None:
    if len(message) < size:
        raise ProtocolError(f"{what} of {len(message)} bytes is shorter than {size}")


def _hello(version: int, message: bytes) -> Hello:
    """Unknown elements are skipped (section 7.5.1)."""
    at = wire.HEADER
    versions: frozenset[int] | None = None
    while at < len(message):
        if len(message) - at < 4:
            raise ProtocolError(f"Hello element cut off at byte {at}")
        kind, length = struct.unpack_from("!HH", message, at)
        padded = (length + 7) // 8 * 8
        if length < 4 or at + padded > len(message):
            raise ProtocolError(f"Hello element at byte {at} says it has {length} bytes")
        if kind == 1 and versions is None:
            bitmap = int.from_bytes(message[at + 4 : at + 8], "big") if length >= 8 else 0
            versions = frozenset(bit for bit in range(32) if bitmap >> bit & 1)
        at += padded
    return Hello(version, versions)


def _error(xid: int, message: bytes) -> Error:
    _need(message, 12, "Error")
    type_, code = struct.unpack_from("!HH", message, 8)
    if type_ != wire.ERROR_EXPERIMENTER:
        return Error(xid, type_, code, message[12:])
    _need(message, 16, "experimenter Error")
    return Error(xid, type_, code, message[16:], int.from_bytes(message[12:16], "big"))


def _features(xid: int, message: bytes) -> Features:
    _need(message, 32, "features reply")
    dpid, _, tables, auxiliary = _FEATURES.unpack_from(message, 8)
    return Features(xid, dpid, auxiliary, tables)


def _role(xid: int, message: bytes) -> RoleReply:
    _need(message, 24, "role reply")
    return RoleReply(xid, *_ROLE.unpack_from(message, 8))


def oxm_end(data: bytes, at: int, end: int) -> None:
    """Check that the OXM fields of ``data[at:end]`` fill it exactly."""
    while at < end:
        if end - at < 4:
            raise ProtocolError(f"match field cut off at byte {at}")
        length = data[at + 3]
        if data[at + 2] & 1 and length & 1:
            raise ProtocolError(f"masked match field at byte {at} has the odd length {length}")
        at += 4 + length
    if at > end:
        raise ProtocolError(f"match field goes {at - end} bytes beyond its match")


def match_of(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Check the match at ``at``; returns where its OXM fields end, and where the padding behind ends (<= ``end``)."""
    if end - at < 8:
        raise ProtocolError(f"match cut off at byte {at}")
    kind, length = struct.unpack_from("!HH", data, at)
    padded = at + (length + 7) // 8 * 8
    if kind != 1:
        raise ProtocolError(f"match type {kind} is not OXM")
    if length < 4 or padded > end:
        raise ProtocolError(f"match at byte {at} says it has {length} bytes")
    oxm_end(data, at + 4, at + length)
    return at + length, padded


def _packet_in(xid: int, message: bytes) -> PacketReceived:
    _need(message, 34, "packet-in")
    _, _, reason, table, cookie, _, _ = _PACKET_IN.unpack_from(message, 8)
    end, padded = match_of(message, 24, len(message))
    if padded + 2 > len(message):
        raise ProtocolError("packet-in ends before its data")
    in_port = 0
    registers: dict[int, int] = {}
    at = 28
    while at < end:
        header = int.from_bytes(message[at : at + 4], "big")
        size = header & 0xFF
        if header == _IN_PORT:
            in_port = int.from_bytes(message[at + 4 : at + 8], "big")
        elif header in _REGISTERS:
            registers[_REGISTERS[header]] = int.from_bytes(message[at + 4 : at + 8], "big")
        elif header in _DOUBLE_REGISTERS:
            first = _DOUBLE_REGISTERS[header] * 2
            registers[first], registers[first + 1] = struct.unpack_from("!II", message, at + 4)
        at += 4 + size
    return PacketReceived(reason, table, cookie, in_port, registers, message[padded + 2 :])


def printable(raw: bytes) -> str:
    """The text before the first NUL; what is not printable ASCII becomes ``?``."""
    return "".join(chr(c) if 32 <= c < 127 else "?" for c in raw.split(b"\0", 1)[0])


def port_of(data: bytes, at: int) -> PortDescription:
    """The port at ``at``; the caller has checked that 64 bytes are there."""
    number, mac, name, config, state, speed = _PORT.unpack_from(data, at)
    up = not config & 1 and not state & 1
    return PortDescription(number, printable(name), mac, up, speed * 1000, bool(state & _LIVE))


def _port_status(xid: int, message: bytes) -> PortStatus:
    _need(message, 16 + PORT_SIZE, "port status")
    if message[8] > 2:
        raise ProtocolError(f"port status has the unknown reason {message[8]}")
    return PortStatus(port_of(message, 16), message[8] == 1)


def _multipart(xid: int, message: bytes) -> MultipartReply:
    _need(message, 16, "multipart reply")
    type_, flags = _MULTIPART.unpack_from(message, 8)
    return MultipartReply(xid, type_, bool(flags & wire.MP_MORE), message[16:])


def _experimenter(xid: int, message: bytes) -> BundleReply | Other:
    _need(message, 16, "experimenter message")
    if struct.unpack_from("!II", message, 8) != (wire.ONF, wire.BUNDLE_CONTROL):
        return Other(xid, wire.EXPERIMENTER)
    _need(message, 24, "bundle control message")
    _, _, bundle, action = _BUNDLE.unpack_from(message, 8)
    return BundleReply(xid, bundle, action)


_DECODERS: dict[int, Callable[[int, bytes], Message]] = {
    wire.ECHO_REQUEST: lambda xid, message: EchoRequest(xid, message[8:]),
    wire.ECHO_REPLY: lambda xid, message: EchoReply(xid, message[8:]),
    wire.EXPERIMENTER: _experimenter,
    wire.FEATURES_REPLY: _features,
    wire.PACKET_IN: _packet_in,
    wire.PORT_STATUS: _port_status,
    wire.MULTIPART_REPLY: _multipart,
    wire.ROLE_REPLY: _role,
    wire.BARRIER_REPLY: lambda xid, message: BarrierReply(xid),
}
