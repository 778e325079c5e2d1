"""What a frame from a host tells of it: its MAC, the IP address that it speaks of as its own, what it announces."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from sdn.model.intent import Address

_ETHERNET = 14
_ARP_OVER_ETHERNET = b"\x00\x01\x08\x00\x06\x04"
_IPV4_HEADER, _IPV6_HEADER = 20, 40
_ICMPV6, _ADVERTISEMENT = 58, 136


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


def announced(frame: bytes) -> bytes | None:
    """The address (packed) of which an untagged frame says that its sender has it; None for any other frame.

    A gratuitous ARP request or any ARP reply (RFC 826, RFC 5227 section 3), a neighbour advertisement (RFC 4861, 4.4)
    without extension headers. What may be announced, and with which MAC, the switch has checked.
    """
    kind, payload = frame[12:_ETHERNET], frame[_ETHERNET:]
    if kind == b"\x08\x06" and len(payload) >= 28 and payload[:6] == _ARP_OVER_ETHERNET:
        operation, sender, target = payload[6:8], payload[14:18], payload[24:28]
        return sender if operation == b"\x00\x02" or (operation == b"\x00\x01" and sender == target) else None
    if kind == b"\x86\xdd" and len(payload) >= _IPV6_HEADER + 24 and payload[6] == _ICMPV6:
        message = payload[_IPV6_HEADER:]
        return message[8:24] if message[0] == _ADVERTISEMENT else None
    return None
