"""Actions from their bytes (OpenFlow 1.3.5, section 7.2.5; ovs-actions(7)), as far as a pipeline of ours needs them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sdn.trace.fields import IN_PORT_16, Known, Values, field_of, widened
from sdn.trace.packet import ARP, ICMP, ICMPV6, IPV4, IPV6, RARP, TCP, UDP


class UnknownError(Exception):
    """Bytes that are not understood; the text says which."""


@dataclass(frozen=True, slots=True)
class Output:
    """To a port, or a reserved one."""

    port: int


@dataclass(frozen=True, slots=True)
class ToGroup:
    """To a group."""

    group: int


@dataclass(frozen=True, slots=True)
class Resubmit:
    """Look the packet up in a table, then go on."""

    table: int


@dataclass(frozen=True, slots=True)
class DecTtl:
    """One hop less; of a TTL of one or zero the end."""


@dataclass(frozen=True, slots=True)
class SetTtl:
    """A TTL."""

    ttl: int


@dataclass(frozen=True, slots=True)
class Load:
    """Some bits of a field from a constant. value: already in place; mask: which bits."""

    field: Known
    value: int
    mask: int


@dataclass(frozen=True, slots=True)
class Move:
    """Bits from field to field."""

    source: Known
    source_bit: int
    destination: Known
    destination_bit: int
    bits: int


@dataclass(frozen=True, slots=True)
class CheckLarger:
    """A bit of a field: whether the frame has more bytes than ``length``."""

    length: int
    field: Known
    bit: int


Action = Output | ToGroup | Resubmit | DecTtl | SetTtl | Load | Move | CheckLarger
FINAL = (Output, ToGroup, Resubmit)
"""Actions of which a bucket may have one, at its end."""

APPLY_ACTIONS, GOTO_TABLE, METER = 4, 1, 6
"""Instructions."""


def items(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, payload) of instructions or actions; raises UnknownError for a length that does not fit."""
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if length < 4 or at + length > len(data):
            raise UnknownError("a length does not fit")
        yield int.from_bytes(data[at : at + 2], "big"), data[at + 4 : at + length]
        at += length


@dataclass(frozen=True, slots=True)
class Bucket:
    """Of a group. port, group: what is watched, None if nothing is."""

    weight: int
    port: int | None
    group: int | None
    actions: bytes


def buckets(data: bytes) -> Iterator[Bucket]:
    """The buckets of a group; raises UnknownError for a length that does not fit."""
    at = 0
    while at < len(data):
        length = _u16(data, at)
        if length < 16 or at + length > len(data):
            raise UnknownError("a length of a bucket does not fit")
        port, group = (_u32(data, at + offset) for offset in (4, 8))
        yield Bucket(_u16(data, at + 2), _watched(port), _watched(group), data[at + 16 : at + length])
        at += length


def _watched(number: int) -> int | None:
    return None if number == 0xFFFFFFFF else number


def actions(data: bytes) -> Iterator[Action]:
    """Actions in order; raises UnknownError at the first one that is not known."""
    for kind, payload in items(data):
        yield _action(kind, payload)


def _action(kind: int, data: bytes) -> Action:
    if kind == 0:
        return Output(_u32(data, 0))
    if kind == 22:
        return ToGroup(_u32(data, 0))
    if kind == 23:
        return SetTtl(data[0])
    if kind == 24:
        return DecTtl()
    if kind == 25:
        return _set_field(data)
    if kind == 0xFFFF and data[:4] == b"\x00\x00\x23\x20":
        return _nicira(_u16(data, 4), data)
    raise UnknownError(f"action({kind},{data.hex()})")


def _set_field(data: bytes) -> Action:
    header = _u32(data, 0)
    known, masked = field_of(header), bool(header & 0x100)
    size = (header & 0xFF) // 2 if masked else header & 0xFF
    if known is None or known.size != size or len(data) < 4 + size * (2 if masked else 1):
        raise UnknownError(f"set_field({data.hex()})")
    value = int.from_bytes(data[4 : 4 + size], "big")
    full = (1 << known.bits) - 1
    mask = int.from_bytes(data[4 + size : 4 + 2 * size], "big") & full if masked else full
    return Load(known, value, mask)


def _nicira(subtype: int, data: bytes) -> Action:
    if subtype == 7 and len(data) >= 20:
        first, bits = _u16(data, 6) >> 6, (_u16(data, 6) & 63) + 1
        known = _part(_u32(data, 8), first, bits)
        mask = (1 << bits) - 1
        return Load(known, (int.from_bytes(data[12:20], "big") & mask) << first, mask << first)
    if subtype == 6 and len(data) >= 20:
        bits, source, destination = (_u16(data, at) for at in (6, 8, 10))
        origin, target = _part(_u32(data, 12), source, bits), _part(_u32(data, 16), destination, bits)
        return Move(origin, source, target, destination, bits)
    if subtype == 49 and len(data) >= 14:
        return CheckLarger(_u16(data, 6), _part(_u32(data, 10), _u16(data, 8), 1), _u16(data, 8))
    if subtype == 14 and len(data) >= 9 and _u16(data, 6) == 0xFFF8:
        return Resubmit(data[8])
    raise UnknownError(f"action(nicira {subtype},{data.hex()})")


def _part(header: int, first: int, bits: int) -> Known:
    known = field_of(header)
    if known is None or first + bits > known.bits:
        raise UnknownError(f"field 0x{header:08x}[{first}..{first + bits - 1}]")
    return known


def change(action: Load | Move | SetTtl, values: Values) -> None:
    """Carry out an action that changes a field; one that the packet has not is left alone, as Open vSwitch does."""
    if isinstance(action, SetTtl):
        if values["dl_type"] in (IPV4, IPV6):
            values["nw_ttl"] = action.ttl
        return
    if isinstance(action, Move):
        if not has(action.source, values) or not has(action.destination, values):
            return
        mask = (1 << action.bits) - 1
        value = (values.get(action.source.name, 0) >> action.source_bit & mask) << action.destination_bit
        _store(action.destination, value, mask << action.destination_bit, values)
    elif has(action.field, values):
        _store(action.field, action.value, action.mask, values)


def _store(known: Known, value: int, mask: int, values: Values) -> None:
    old = values.get(known.name, 0)
    if known is IN_PORT_16:
        values[known.name] = widened(old & 0xFFFF & ~mask | value & mask)
    else:
        values[known.name] = old & ~mask | value & mask


_TYPES: dict[str, tuple[tuple[int, ...], int | None]] = {
    **dict.fromkeys(("nw_src", "nw_dst"), ((IPV4,), None)),
    **dict.fromkeys(("ipv6_src", "ipv6_dst", "ipv6_label"), ((IPV6,), None)),
    **dict.fromkeys(("nw_ttl", "nw_proto", "ip_dscp", "ip_ecn", "nw_frag"), ((IPV4, IPV6), None)),
    **dict.fromkeys(("arp_op", "arp_spa", "arp_tpa", "arp_sha", "arp_tha"), ((ARP, RARP), None)),
    **dict.fromkeys(("tcp_src", "tcp_dst"), ((IPV4, IPV6), TCP)),
    **dict.fromkeys(("udp_src", "udp_dst"), ((IPV4, IPV6), UDP)),
    **dict.fromkeys(("icmp_type", "icmp_code"), ((IPV4,), ICMP)),
    **dict.fromkeys(("icmpv6_type", "icmpv6_code"), ((IPV6,), ICMPV6)),
}
_DISCOVERY: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("nd_target", "nd_reserved", "nd_options_type"), (135, 136)),
    "nd_sll": (135,),
    "nd_tll": (136,),
}


def has(known: Known, values: Values) -> bool:
    """Whether a packet has a field (its prerequisites, ovs-fields(7))."""
    messages = _DISCOVERY.get(known.name)
    if messages is not None:
        is_icmp = values["dl_type"] == IPV6 and values.get("nw_proto") == ICMPV6
        return is_icmp and values.get("icmpv6_type") in messages and not values.get("icmpv6_code")
    needs = _TYPES.get(known.name)
    if needs is None:
        return True
    kinds, protocol = needs
    if protocol is not None and (protocol != values.get("nw_proto") or values.get("nw_frag", 0) & 2):
        return False
    return values["dl_type"] in kinds


def _u16(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "big")


def _u32(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")
