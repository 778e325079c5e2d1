"""Shapes: a flow's match or instructions with the varying bytes left out.

A shape is built once, when the module is imported; packing a flow is one ``%`` of a bytes template with values that are
packed already (MAC 6 bytes, IPv4 4, IPv6 16, numbers big endian at the field's size). ``ARG`` marks a varying value.
Widths are not checked when packing, only by ``Match.checked`` in tests: a wrong width is a bug here, never input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sdn.model.oxm import ORDER, Field
from sdn.model.program import FlowBody, FlowKey

ARG: bytes = b"%b"
"""Placeholder for a value given when packing; compared by identity."""

Value = bytes | int


def _literal(value: Value, size: int) -> bytes:
    """A template piece for a fixed value, or the placeholder."""
    if value is ARG:
        return ARG
    raw = value.to_bytes(size, "big") if isinstance(value, int) else value
    if len(raw) != size:
        raise ValueError(f"{raw!r} is not {size} bytes long")
    return raw.replace(b"%", b"%%")


class Match:
    """A table, a priority and match fields: packs flow keys.

    fields: (field, value or ARG) or (field, value or ARG, mask or ARG) in the order of oxm.FIELDS. priority may be
    ARG too (two bytes, first argument).
    """

    __slots__ = ("_template", "fields", "priority", "table", "widths")

    def __init__(self, table: int, priority: int | bytes, *fields: tuple[Field, Value] | tuple[Field, Value, Value]):
        ranks = [ORDER[field[0]] for field in fields]
        if ranks != sorted(set(ranks)):
            raise ValueError(f"fields of a match out of order: {[field[0].name for field in fields]}")
        self.table, self.priority, self.fields = table, priority, fields
        template = bytes([table]).replace(b"%", b"%%") + _literal(priority, 2)
        self.widths: list[int] = [2] if priority is ARG else []
        for item in fields:
            masked = len(item) == 3
            header = item[0].masked_header if masked else item[0].header
            template += header.replace(b"%", b"%%")
            for value in item[1:]:
                template += _literal(value, item[0].size)
                if value is ARG:
                    self.widths.append(item[0].size)
        self._template = template

    def __call__(self, *values: bytes) -> FlowKey:
        """Pack a key from the values of the ARGs, in order."""
        return self._template % values

    def checked(self, *values: bytes) -> FlowKey:
        """As calling, but widths are verified."""
        if [len(value) for value in values] != self.widths:
            raise ValueError(f"widths {[len(v) for v in values]} are not {self.widths}")
        return self(*values)


@dataclass(frozen=True, slots=True)
class Action:
    """A packed action as a template. length: bytes once the ARGs are filled in, a multiple of eight."""

    template: bytes
    length: int


class Body:
    """Instructions: packs flow bodies. apply: actions, carried out at once, then ``goto``; a meter comes first."""

    __slots__ = ("_template",)

    def __init__(self, apply: Sequence[Action] = (), goto: int | None = None, meter: Value | None = None):
        template = b""
        if meter is not None:
            template += b"\x00\x06\x00\x08" + _literal(meter, 4)
        if apply:
            template += b"\x00\x04" + _u16(8 + sum(action.length for action in apply)) + bytes(4)
            template += b"".join(action.template for action in apply)
        if goto is not None:
            template += b"\x00\x01\x00\x08" + _literal(goto, 1) + bytes(3)
        self._template = template

    def __call__(self, *values: bytes) -> FlowBody:
        """Pack instructions from the values of the ARGs, in order."""
        return self._template % values


class Bucket:
    """A group bucket: packs to wire form (OpenFlow 1.3.5, section 7.3.4.2). weight: 0 except in select groups.

    watch_port, watch_group: port or group whose liveness decides over the bucket (one of them in a fast-failover group,
    where OVS demands it); ARG for the first argument, None for not watched.
    """

    __slots__ = ("_template",)

    def __init__(
        self,
        actions: Sequence[Action],
        watch_port: Value | None = None,
        weight: int = 0,
        watch_group: Value | None = None,
    ):
        length = 16 + sum(action.length for action in actions)
        watched = [_literal(0xFFFFFFFF if watch is None else watch, 4) for watch in (watch_port, watch_group)]
        head = _u16(length) + _u16(weight) + b"".join(watched) + bytes(4)
        self._template = head + b"".join(action.template for action in actions)

    def __call__(self, *values: bytes) -> bytes:
        """Pack a bucket from the values of the ARGs, in order."""
        return self._template % values


def _u16(number: int) -> bytes:
    return _literal(number, 2)


def _oxm_header(field: Field) -> bytes:
    return field.header.replace(b"%", b"%%")


def _nxm_header(field: Field) -> bytes:
    if not field.nxm:
        raise ValueError(f"{field.name} has no NXM header")
    return field.nxm_header.replace(b"%", b"%%")


def _nicira(subtype: int, rest: bytes, length: int) -> Action:
    head = b"\xff\xff" + _u16(length) + b"\x00\x00\x23\x20" + _u16(subtype)
    return Action(head + rest, length)


def output(port: Value) -> Action:
    """Send out of a port; 4 bytes if ARG."""
    return Action(b"\x00\x00\x00\x10" + _literal(port, 4) + b"\xff\xff" + bytes(6), 16)


def group(number: Value) -> Action:
    """Process by a group; 4 bytes if ARG."""
    return Action(b"\x00\x16\x00\x08" + _literal(number, 4), 8)


def set_field(field: Field, value: Value) -> Action:
    """Set a whole field (OpenFlow 1.3.5, section 7.2.5)."""
    size = 4 + 4 + field.size
    length = (size + 7) // 8 * 8
    return Action(
        b"\x00\x19" + _u16(length) + _oxm_header(field) + _literal(value, field.size) + bytes(length - size), length
    )


def load(field: Field, first_bit: int, bits: int, value: Value) -> Action:
    """Set ``bits`` bits of a field from ``first_bit`` up (NXAST_REG_LOAD, ovs-actions(7) "load"); 8 bytes if ARG."""
    return _nicira(7, _u16(first_bit << 6 | bits - 1) + _nxm_header(field) + _literal(value, 8), 24)


def move(source: Field, destination: Field, bits: int, source_bit: int = 0, destination_bit: int = 0) -> Action:
    """Copy bits between fields (NXAST_REG_MOVE, ovs-actions(7) "move")."""
    rest = _u16(bits) + _u16(source_bit) + _u16(destination_bit) + _nxm_header(source) + _nxm_header(destination)
    return _nicira(6, rest, 24)


def check_larger(length: Value, field: Field, bit: int) -> Action:
    """Set a bit of a register if the frame has more bytes than ``length`` (2 bytes if ARG), clear it otherwise.

    NXAST_CHECK_PKT_LARGER, ovs-actions(7) "check_pkt_larger"; Open vSwitch 2.12 and newer.
    """
    return _nicira(49, _literal(length, 2) + _u16(bit) + _nxm_header(field) + bytes(6), 24)


def resubmit(table: int) -> Action:
    """Look the packet up in a table as it is now, then go on (NXAST_RESUBMIT_TABLE)."""
    return _nicira(14, b"\xff\xf8" + _literal(table, 1) + bytes(3), 16)


ENCAP_MPLS = _nicira(46, b"\x00\x00\x00\x01\x88\x47", 16)
"""Wrap the packet into MPLS, with label 0 and the bottom of the stack (NXAST_ENCAP, ovs-actions(7) "encap")."""
ENCAP_ETHERNET = _nicira(46, bytes(6), 16)
DECAP = _nicira(47, b"\x00\x00\x00\x00\xff\xfe", 16)
"""Take off the outermost header (NXAST_DECAP)."""
DECAP_ETHERNET = _nicira(47, bytes(6), 16)
"""The same; what was inside is an Ethernet frame."""
POP_VLAN = Action(b"\x00\x12\x00\x08" + bytes(4), 8)
PUSH_VLAN = Action(b"\x00\x11\x00\x08\x81\x00" + bytes(2), 8)
DEC_TTL = Action(b"\x00\x18\x00\x08" + bytes(4), 8)
FORGET_IN_PORT = _nicira(7, _u16(15) + b"\x00\x00\x00\x02" + b"\xff\xff".rjust(8, b"\0"), 24)
"""Set the port the packet came in by to none (NXM_OF_IN_PORT, 16 bits): Open vSwitch sends no packet back otherwise."""
IN_PORT_REPLY = output(0xFFFFFFF8)
"""Send back out of the port the packet came from (OFPP_IN_PORT)."""


def to_controller(max_length: int) -> Action:
    """Send at most that many bytes of the packet to the controller (OFPP_CONTROLLER)."""
    return Action(b"\x00\x00\x00\x10\xff\xff\xff\xfd" + _u16(max_length) + bytes(6), 16)
