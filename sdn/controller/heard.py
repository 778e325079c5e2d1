"""What a frame from a host tells of it: its MAC, and the IP address that it speaks of as its own."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from sdn.model.intent import Address

_ETHERNET = 14
_ARP_OVER_ETHERNET = b"\x00\x01\x08\x00\x06\x04"
_IPV4_HEADER, _IPV6_HEADER = 20, 40


@dataclass(frozen=True, slots=True)
class Heard:
    """mac: of the sender, with colons. address: None where the frame tells none. target: destination MAC."""

    mac: str
    address: Address | None
    target: str


def hear(frame: bytes) -> Heard | None:
    """Read an untagged Ethernet frame; None where it contradicts itself or cannot come from a host.

    ARP (RFC 826) tells the sender's protocol address, IPv4 and IPv6 their source; the unspecified address is none.
    """
    source = frame[6:12]
    if len(frame) < _ETHERNET or source[0] & 1 or source == bytes(6):
        return None
    kind, payload = frame[12:_ETHERNET], frame[_ETHERNET:]
    address: Address | None = None
    if kind == b"\x08\x06":
        if len(payload) < 28 or payload[:6] != _ARP_OVER_ETHERNET or payload[8:14] != source:
            return None
        address = IPv4Address(payload[14:18])
    elif kind == b"\x08\x00":
        if len(payload) < _IPV4_HEADER or payload[0] >> 4 != 4:
            return None
        address = IPv4Address(payload[12:16])
    elif kind == b"\x86\xdd":
        if len(payload) < _IPV6_HEADER or payload[0] >> 4 != 6:
            return None
        address = IPv6Address(payload[8:24])
    if address is not None and address.is_unspecified:
        address = None
    return Heard(source.hex(":"), address, frame[:6].hex(":"))
