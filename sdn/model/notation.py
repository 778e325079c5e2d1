"""Packed entries as text, in the notation of ovs-ofctl(8), ovs-fields(7) and ovs-actions(7), for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address

from sdn.model.errors import InvalidInput, SdnError
from sdn.model.oxm import BY_HEADER, FIELDS, Field, split
from sdn.model.program import FlowBody, FlowKey

_REMEDY = "Report this as a bug."
_PORTS = {
    0xFFFFFFF8: "IN_PORT",
    0xFFFFFFF9: "TABLE",
    0xFFFFFFFA: "NORMAL",
    0xFFFFFFFB: "FLOOD",
    0xFFFFFFFC: "ALL",
    0xFFFFFFFD: "CONTROLLER",
    0xFFFFFFFE: "LOCAL",
}
_FRAGMENTS = {0: "no", 1: "first", 3: "later"}
_GROUP_TYPES = ("all", "select", "indirect", "ff")
_NXM_IN_PORT = 0x00000002
"""Two octets, unlike the field of OXM."""
_NXM = {field.nxm << 8 | field.size: field for field in FIELDS if field.nxm}
_NXM_NAMES = {
    "dl_dst": "NXM_OF_ETH_DST",
    "dl_src": "NXM_OF_ETH_SRC",
    "nw_src": "NXM_OF_IP_SRC",
    "nw_dst": "NXM_OF_IP_DST",
    "ipv6_src": "NXM_NX_IPV6_SRC",
    "ipv6_dst": "NXM_NX_IPV6_DST",
    "nd_tll": "NXM_NX_ND_TLL",
    "arp_spa": "NXM_OF_ARP_SPA",
    "arp_tpa": "NXM_OF_ARP_TPA",
    "arp_sha": "NXM_NX_ARP_SHA",
    "arp_tha": "NXM_NX_ARP_THA",
}
_SET_NAMES = {"dl_dst": "eth_dst", "dl_src": "eth_src", "nw_src": "ip_src", "nw_dst": "ip_dst"}
_ABBREVIATIONS = {
    (0x0800, None): "ip",
    (0x0800, 1): "icmp",
    (0x0800, 6): "tcp",
    (0x0800, 17): "udp",
    (0x86DD, None): "ipv6",
    (0x86DD, 58): "icmp6",
    (0x86DD, 6): "tcp6",
    (0x86DD, 17): "udp6",
    (0x0806, None): "arp",
}


def split_key(key: FlowKey) -> tuple[int, int, bytes]:
    """Table, priority and OXM fields of a flow key; raises InvalidInput when it is too short."""
    if len(key) < 3:
        raise _cut("key")
    return key[0], int.from_bytes(key[1:3], "big"), key[3:]


def format_match(oxm: bytes) -> str:
    """``ip,nw_dst=10.0.0.0/8,reg0=0x1``; empty for a match of everything. Raises InvalidInput for wrong lengths."""
    found = list(split(oxm))
    values = {BY_HEADER[c, n].name: value for c, n, value, mask in found if (c, n) in BY_HEADER and mask is None}
    kind, protocol = (_number(values.get(name)) for name in ("dl_type", "nw_proto"))
    short = _ABBREVIATIONS.get((kind, protocol)) if kind is not None else None
    hidden = {"dl_type", "nw_proto"} if short else set()
    if short is None and kind is not None and (kind, None) in _ABBREVIATIONS:
        short, hidden = _ABBREVIATIONS[kind, None], {"dl_type"}
    parts = [short] if short else []
    for oxm_class, number, value, mask in found:
        field = BY_HEADER.get((oxm_class, number))
        if field is None:
            shown = value.hex() + (f"/{mask.hex()}" if mask else "")
            parts.append(f"oxm_{oxm_class:04x}_{number}=0x{shown}")
        elif field.name not in hidden:
            parts.append(f"{_match_name(field, kind)}={_masked(field, value, mask)}")
    return ",".join(parts)


def format_body(body: FlowBody) -> str:
    """Instructions: ``meter:3,set_field:0x1->reg0,goto_table:24``, or ``drop``.

    Raises InvalidInput for wrong lengths.
    """
    parts: list[str] = []
    for kind, data in _items(body, "instructions"):
        if kind == 1 and len(data) >= 1:
            parts.append(f"goto_table:{data[0]}")
        elif kind == 4:
            parts += _actions(data[4:])
        elif kind == 6:
            parts.append(f"meter:{_int(data)}")
        else:
            parts.append(f"instruction({kind},{data.hex()})")
    return ",".join(parts) or "drop"


def format_buckets(kind: int, buckets: bytes) -> str:
    """``type=select,bucket=weight:1,watch_port:3,actions=output:3,…``.

    Raises InvalidInput for wrong lengths.
    """
    shown = [_bucket(data) for data in _buckets(buckets)]
    name = _GROUP_TYPES[kind] if kind < len(_GROUP_TYPES) else str(kind)
    return ",".join([f"type={name}", *(f"bucket={text}" for text in shown)])


def format_meter(rate: int, burst: int, bits: bool = False) -> str:
    """``pktps,burst,band=type=drop,rate=R,burst_size=B``. rate: packets/s; burst: packets; bits: kbit/s and kbit."""
    return f"{'kbps' if bits else 'pktps'},burst,band=type=drop,rate={rate},burst_size={burst}"


def _number(value: bytes | None) -> int | None:
    return None if value is None else int.from_bytes(value, "big")


def _int(data: bytes) -> int:
    return int.from_bytes(data[:4], "big")


def _cut(what: str) -> SdnError:
    return InvalidInput.of(what, "a length does not fit", _REMEDY)


def _items(data: bytes, what: str) -> Iterator[tuple[int, bytes]]:
    """(type, payload) of type-length-value items whose length counts the four bytes of the header."""
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if length < 4 or at + length > len(data):
            raise _cut(what)
        yield int.from_bytes(data[at : at + 2], "big"), data[at + 4 : at + length]
        at += length


def _buckets(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 2], "big")
        if length < 16 or at + length > len(data):
            raise _cut("buckets")
        yield data[at : at + length]
        at += length


def _bucket(data: bytes) -> str:
    weight = int.from_bytes(data[2:4], "big")
    parts = [f"weight:{weight}"] if weight else []
    for name, at in (("watch_port", 4), ("watch_group", 8)):
        if _int(data[at:]) != 0xFFFFFFFF:
            parts.append(f"{name}:{_int(data[at:])}")
    return ",".join([*parts, "actions=" + (",".join(_actions(data[16:])) or "drop")])


def _match_name(field: Field, kind: int | None) -> str:
    return {"nw_src": "arp_spa", "nw_dst": "arp_tpa"}.get(field.name, field.name) if kind == 0x0806 else field.name


def _masked(field: Field, value: bytes, mask: bytes | None) -> str:
    if field.name == "vlan_tci" and mask is None:
        return "0x0000" if not int.from_bytes(value, "big") & 0x1000 else f"0x{value.hex()}"
    if mask is None:
        return _value(field, value)
    if field.style == "ip" and (length := _prefix_length(mask)) is not None:
        return f"{_value(field, value)}/{length}"
    if field.style == "mac":
        return f"{_value(field, value)}/{_value(field, mask)}"
    if field.style == "ip":
        return f"{_value(field, value)}/{_value(field, mask)}"
    return f"{_hex(value)}/{_hex(mask)}"


def _prefix_length(mask: bytes) -> int | None:
    number, bits = int.from_bytes(mask, "big"), len(mask) * 8
    length = number.bit_count()
    return length if number == (1 << bits) - (1 << bits - length) else None


def _value(field: Field, value: bytes) -> str:
    if field.style == "mac" and len(value) == 6:
        return value.hex(":")
    if field.style == "ip" and len(value) == 4:
        return str(IPv4Address(value))
    if field.style == "ip" and len(value) == 16:
        return str(IPv6Address(value))
    if field.name == "in_port":
        return _PORTS.get(_int(value), str(_int(value)))
    if field.name == "dl_type":
        return f"0x{value.hex()}"
    if field.name == "nw_frag":
        return _FRAGMENTS.get(_int(value), str(_int(value)))
    return str(int.from_bytes(value, "big")) if field.style == "dec" else _hex(value)


def _hex(value: bytes) -> str:
    return hex(int.from_bytes(value, "big"))


def _actions(data: bytes) -> Iterator[str]:
    for kind, payload in _items(data, "actions"):
        yield _ACTIONS.get(kind, _unknown(kind))(payload)


def _unknown(kind: int) -> Callable[[bytes], str]:
    return lambda payload: f"action({kind},{payload.hex()})"


def _output(data: bytes) -> str:
    port = _int(data)
    if port == 0xFFFFFFFD:
        return f"CONTROLLER:{int.from_bytes(data[4:6], 'big')}"
    return _PORTS.get(port, f"output:{port}")


def _set_field(data: bytes) -> str:
    header = _int(data)
    field = BY_HEADER.get((header >> 16, header >> 9 & 0x7F)) or _NXM.get(header & ~0x100)
    if field is None or header & 0x100 or len(data) < 4 + field.size:
        return f"set_field:0x{data.hex()}"
    return f"set_field:{_value(field, data[4 : 4 + field.size])}->{_SET_NAMES.get(field.name, field.name)}"


def _nicira(data: bytes) -> str:
    subtype = int.from_bytes(data[4:6], "big")
    if data[:4] == b"\x00\x00\x23\x20":
        if subtype in (46, 47) and len(data) >= 12:
            return _WRAPS.get((subtype, _int(data[8:])), f"action(65535,{data.hex()})")
        if subtype == 7 and len(data) >= 20:
            bits = int.from_bytes(data[6:8], "big")
            value = hex(int.from_bytes(data[12:20], "big"))
            return f"load:{value}->{_subfield(_int(data[8:]), bits >> 6, (bits & 63) + 1)}"
        if subtype == 6 and len(data) >= 20:
            bits, source, destination = (int.from_bytes(data[at : at + 2], "big") for at in (6, 8, 10))
            return f"move:{_subfield(_int(data[12:]), source, bits)}->{_subfield(_int(data[16:]), destination, bits)}"
        if subtype == 49 and len(data) >= 14:
            length, bit = (int.from_bytes(data[at : at + 2], "big") for at in (6, 8))
            return f"check_pkt_larger({length})->{_subfield(_int(data[10:]), bit, 1)}"
        if subtype == 14 and len(data) >= 9:
            return f"resubmit(,{data[8]})"
    return f"action(65535,{data.hex()})"


def _subfield(header: int, first: int, bits: int) -> str:
    if header == _NXM_IN_PORT:
        return f"NXM_OF_IN_PORT[{'' if bits == 16 else f'{first}..{first + bits - 1}'}]"
    field = _NXM.get(header)
    if field is None:
        return f"0x{header:08x}[{first}..{first + bits - 1}]"
    name = _NXM_NAMES.get(field.name) or f"NXM_NX_{field.name.upper()}"
    if first == 0 and bits == field.size * 8:
        return f"{name}[]"
    return f"{name}[{first}]" if bits == 1 else f"{name}[{first}..{first + bits - 1}]"


_WRAPS = {
    (46, 0x00018847): "encap(mpls)",
    (46, 0): "encap(ethernet)",
    (47, 0x0000FFFE): "decap()",
    (47, 0): "decap(packet_type(ns=0,type=0))",
}
_ACTIONS: dict[int, Callable[[bytes], str]] = {
    0: _output,
    17: lambda data: f"push_vlan:0x{data[:2].hex()}",
    18: lambda data: "pop_vlan",
    22: lambda data: f"group:{_int(data)}",
    24: lambda data: "dec_ttl",
    25: _set_field,
    0xFFFF: _nicira,
}
