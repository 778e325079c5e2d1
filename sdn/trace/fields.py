"""Fields of a packet while it is in a switch, by the names that are used here, and the headers that mean them.

``sdn.model.oxm`` lists what this controller writes; an entry of a switch may name more, and some under their older NXM
header (ovs-fields(7)). Values are integers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from types import MappingProxyType

from sdn.model.oxm import BASIC, FIELDS, NXM_1

Values = dict[str, int]
"""Fields by name; what is missing is zero."""


@dataclass(frozen=True, slots=True)
class Known:
    """A field. size: bytes of its value on the wire; bits: that mean something; style: how people read it."""

    name: str
    size: int
    bits: int
    style: str


# Beside those of sdn.model.oxm: class, number, name, bits.
_MORE = (
    (BASIC, 2, "metadata", 64),
    (BASIC, 7, "vlan_pcp", 3),
    (BASIC, 9, "ip_ecn", 2),
    (BASIC, 20, "icmp_code", 8),
    (BASIC, 28, "ipv6_label", 20),
    (BASIC, 30, "icmpv6_code", 8),
    *((NXM_1, number, f"reg{number}", 32) for number in range(8, 16)),
)
_DECIMAL = {"icmp_code", "icmpv6_code"}
_OLDER = {"tcp_src": 9, "tcp_dst": 10, "udp_src": 11, "udp_dst": 12}
"""Numbers in class NXM_OF (0)."""
_NARROW = {"vlan_tci": 13, "ip_dscp": 6}
"""Bits of fields that do not fill their bytes."""
IN_PORT_16 = Known("in_port", 2, 16, "dec")
"""NXM_OF_IN_PORT: port numbers in 16 bits, reserved ones shortened (ovs-fields(7))."""


def _table() -> Mapping[tuple[int, int], Known]:
    found: dict[tuple[int, int], Known] = {}
    for field in FIELDS:
        known = Known(field.name, field.size, _NARROW.get(field.name, field.size * 8), field.style)
        found[field.oxm_class, field.number] = known
        if field.name in _OLDER:
            found[0, _OLDER[field.name]] = known
        if field.nxm:
            found.setdefault((field.nxm >> 8, field.nxm >> 1 & 0x7F), known)
    for oxm_class, number, name, bits in _MORE:
        known = Known(name, (bits + 7) // 8, bits, "dec" if name in _DECIMAL else "hex")
        found.setdefault((oxm_class, number), known)
    found[0, 0] = IN_PORT_16
    return MappingProxyType(found)


_KNOWN = _table()


def field_of(header: int) -> Known | None:
    """The field that an OXM or NXM header of 32 bits names; None for one that is not known here."""
    return _KNOWN.get((header >> 16, header >> 9 & 0x7F))


def widened(port: int) -> int:
    """A port number of 16 bits in 32: reserved ones are the highest (OpenFlow 1.3.5, section 7.2.1)."""
    return port | 0xFFFF0000 if port >= 0xFF00 else port


_STYLES = {(known.name, known.bits): known.style for known in _KNOWN.values()}
_BITS = {known.name: known.bits for known in _KNOWN.values() if known is not IN_PORT_16}


def shown(name: str, value: int) -> str:
    """A value as people write it: a MAC, an address, a number."""
    bits = _BITS[name]
    style = _STYLES[name, bits]
    if style == "mac":
        return value.to_bytes(6, "big").hex(":")
    if style == "ip":
        return str(IPv4Address(value) if bits == 32 else IPv6Address(value))
    return str(value) if style == "dec" else hex(value)
