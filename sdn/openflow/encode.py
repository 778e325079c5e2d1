"""Messages to a switch, as bytes. Lengths, numbers and flags are those of OpenFlow 1.3.5, section 7.3.

Flows and groups have an encoder of their own (``writes``).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from sdn.openflow import wire
from sdn.openflow.errors import MessageTooLong

_HEADER = struct.Struct("!BBHI")
_SET_CONFIG = struct.Struct("!BBHIHH")
_ROLE = struct.Struct("!BBHII4xQ")
_SET_ASYNC = struct.Struct("!BBHI6I")
_METER_MOD = struct.Struct("!BBHIHHI")
_BAND = struct.Struct("!HHII4x")
_PACKET_OUT = struct.Struct("!BBHIIIH6xHHIH6x")
_PACKET_INTO = struct.Struct("!BBHIIIH6x")
_REG_LOAD = struct.Struct("!HHIHHIQ")
_RESUBMIT = struct.Struct("!HHIHHB3x")
_NICIRA = 0x2320
_MULTIPART = struct.Struct("!BBHIHH4x")
_FLOW_STATS = struct.Struct("!B3xII4xQQHH4x")
_METER_ID = struct.Struct("!I4x")
_PORT_STATS = struct.Struct("!I4x")
_BUNDLE_CONTROL = struct.Struct("!BBHIIIIHH")

_PACKET_IN_REASONS = 0b011
"""No match and action; not invalid TTL, which comes by a flow where it is wanted."""
_PORT_STATUS_REASONS = 0b111


def _plain(type_: int, xid: int, payload: bytes = b"") -> bytes:
    length = wire.HEADER + len(payload)
    if length > wire.MAX_MESSAGE:
        raise MessageTooLong(f"message type {type_} would have {length} bytes")
    return _HEADER.pack(wire.VERSION, type_, length, xid) + payload


def hello(xid: int) -> bytes:
    """Hello that offers version 1.3 by its header (section 6.3.1), and has no bitmap, which would say no more.

    Plain Mininet asks whether a controller listens by a telnet whose output it reads: with a byte 1 in it, as the type
    of a bitmap has, it waits for a process id that never comes, and one of 127 ends the output (monitor in Mininet
    2.3's node.py). So a Hello should have neither.
    """
    return _plain(wire.HELLO, xid)


def error(xid: int, type_: int, code: int, data: bytes = b"") -> bytes:
    """An error message; data: the beginning of what it is about, or text."""
    return _plain(wire.ERROR, xid, struct.pack("!HH", type_, code) + data)


def echo_request(xid: int, payload: bytes = b"") -> bytes:
    """Asks the peer to send ``payload`` back."""
    return _plain(wire.ECHO_REQUEST, xid, payload)


def echo_reply(xid: int, payload: bytes = b"") -> bytes:
    """Answers an echo request: xid and payload are those of the request."""
    return _plain(wire.ECHO_REPLY, xid, payload)


def features_request(xid: int) -> bytes:
    """Asks for datapath id and capabilities."""
    return _plain(wire.FEATURES_REQUEST, xid)


def barrier_request(xid: int) -> bytes:
    """Is answered when everything before it has been processed."""
    return _plain(wire.BARRIER_REQUEST, xid)


def set_config(xid: int, miss_send_length: int = wire.ALL_BYTES) -> bytes:
    """Fragments are handled as any packet; table misses, if sent to the controller, carry the whole frame."""
    return _SET_CONFIG.pack(wire.VERSION, wire.SET_CONFIG, _SET_CONFIG.size, xid, 0, miss_send_length)


def role_request(xid: int, role: int, generation: int) -> bytes:
    """Asks for a role; with wire.ROLE_NOCHANGE only what it is, and the generation that the switch knows."""
    return _ROLE.pack(wire.VERSION, wire.ROLE_REQUEST, _ROLE.size, xid, role, generation)


def set_async(xid: int) -> bytes:
    """What comes unasked, as master or equal: packet-ins (no match, action) and all port status, no flow removals.

    As slave only port status comes.
    """
    masks = (_PACKET_IN_REASONS, 0, _PORT_STATUS_REASONS, _PORT_STATUS_REASONS, 0, 0)
    return _SET_ASYNC.pack(wire.VERSION, wire.SET_ASYNC, _SET_ASYNC.size, xid, *masks)


def meter_put(xid: int, meter: int, rate: int, burst: int, *, exists: bool, bits: bool = False) -> bytes:
    """Add a meter, or modify one that exists: one band that drops above ``rate`` packets/s and ``burst`` packets.

    bits: above ``rate`` kbit/s and ``burst`` kbit.
    """
    command = wire.METER_MODIFY if exists else wire.METER_ADD
    flags = wire.METER_BITS_AND_BURST if bits else wire.METER_PACKETS_AND_BURST
    size = _METER_MOD.size + _BAND.size
    head = _METER_MOD.pack(wire.VERSION, wire.METER_MOD, size, xid, command, flags, meter)
    return head + _BAND.pack(wire.BAND_DROP, wire.BAND_SIZE, rate, burst)


def meter_delete(xid: int, meter: int) -> bytes:
    """Delete a meter, and with it the flows that use it; not an error if there is none."""
    return _METER_MOD.pack(wire.VERSION, wire.METER_MOD, _METER_MOD.size, xid, wire.METER_DELETE, 0, meter)


def packet_out(xid: int, out_port: int, frame: bytes, in_port: int = wire.PORT_CONTROLLER) -> bytes:
    """Send a frame out of a port. Raises MessageTooLong."""
    length = _PACKET_OUT.size + len(frame)
    if length > wire.MAX_MESSAGE:
        raise MessageTooLong(f"frame of {len(frame)} bytes is too long for a packet-out")
    head = (wire.VERSION, wire.PACKET_OUT, length, xid, wire.NO_BUFFER, in_port, 16)
    return _PACKET_OUT.pack(*head, 0, 16, out_port, 0) + frame


def packet_into(
    xid: int,
    table: int,
    registers: Iterable[tuple[int, int]],
    frame: bytes,
    in_port: int = wire.PORT_CONTROLLER,
    look_up: int | None = None,
) -> bytes:
    """Send a frame through a switch's tables from ``table`` on, with registers (number 0 to 7, value) set.

    in_port: by which it is to have come. look_up: the same for the look-up in ``table`` alone, and no longer.
    NXAST_REG_LOAD and NXAST_RESUBMIT_TABLE (ovs-actions(7)): what OFPP_TABLE cannot say. Raises MessageTooLong.
    """
    actions = b"".join(
        _REG_LOAD.pack(0xFFFF, 24, _NICIRA, 7, 31, 0x00010004 | number << 9, value) for number, value in registers
    )
    actions += _RESUBMIT.pack(0xFFFF, 16, _NICIRA, 14, 0xFFF8 if look_up is None else look_up, table)
    length = _PACKET_INTO.size + len(actions) + len(frame)
    if length > wire.MAX_MESSAGE:
        raise MessageTooLong(f"frame of {len(frame)} bytes is too long for a packet-out")
    head = (wire.VERSION, wire.PACKET_OUT, length, xid, wire.NO_BUFFER, in_port, len(actions))
    return _PACKET_INTO.pack(*head) + actions + frame


def _multipart(xid: int, type_: int, body: bytes = b"") -> bytes:
    length = _MULTIPART.size + len(body)
    return _MULTIPART.pack(wire.VERSION, wire.MULTIPART_REQUEST, length, xid, type_, 0) + body


def description_request(xid: int) -> bytes:
    """Asks for manufacturer, hardware and software."""
    return _multipart(xid, wire.MP_DESC)


def ports_request(xid: int) -> bytes:
    """Asks for all ports."""
    return _multipart(xid, wire.MP_PORT_DESC)


def port_stats_request(xid: int) -> bytes:
    """Asks for the counters of all ports."""
    return _multipart(xid, wire.MP_PORT_STATS, _PORT_STATS.pack(wire.PORT_ANY))


def flows_request(xid: int, table: int = wire.TABLE_ALL) -> bytes:
    """Asks for all flows of a table, or of all tables."""
    body = _FLOW_STATS.pack(table, wire.PORT_ANY, wire.GROUP_ANY, 0, 0, 1, 4)
    return _multipart(xid, wire.MP_FLOW, body)


def groups_request(xid: int) -> bytes:
    """Asks for all groups with their buckets."""
    return _multipart(xid, wire.MP_GROUP_DESC)


def meters_request(xid: int) -> bytes:
    """Asks for the bands of all meters."""
    return _multipart(xid, wire.MP_METER_CONFIG, _METER_ID.pack(wire.METER_ALL))


def bundle_control(xid: int, bundle: int, action: int) -> bytes:
    """Open, commit or discard a bundle (wire.BUNDLE_OPEN, …), atomic and ordered (EXT-230)."""
    head = (wire.VERSION, wire.EXPERIMENTER, _BUNDLE_CONTROL.size, xid, wire.ONF, wire.BUNDLE_CONTROL)
    return _BUNDLE_CONTROL.pack(*head, bundle, action, wire.BUNDLE_FLAGS)
