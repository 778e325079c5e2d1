"""What a router owes to the sender of a packet whose TTL ends there, or that is too large where it goes.

ICMP and ICMPv6 time exceeded, ICMP fragmentation needed, ICMPv6 packet too big.

RFC 792 and RFC 1812 (section 4.3.2) for IPv4, RFC 4443 (sections 2.4 and 3.3) for IPv6.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from struct import pack, unpack_from

_ETHERNET = 14
_IPV4_HEADER, _IPV6_HEADER = 20, 40
_MAX_IPV4, _MAX_IPV6 = 576, 1280
"""Longest answers (RFC 1812, section 4.3.2.3; RFC 4443, section 2.4)."""
_ICMP_ERRORS = (3, 4, 5, 11, 12)
_ICMPV6_REDIRECT = 137
_EXTENSIONS = (0, 43, 60)
"""Hop-by-hop options, routing and destination options (RFC 8200): (next header, length in 8 octets) and skipped."""


def time_exceeded(frame: bytes, router_mac: bytes, gateway: bytes) -> bytes | None:
    """The Ethernet frame that answers a frame, or None where there must be no answer or the frame is malformed.

    frame: untagged Ethernet, may be cut off. router_mac: 6 bytes. gateway: packed address that the answer comes from;
    of the other IP version there is no answer.
    """
    return _answer(frame, router_mac, gateway, pack("!BBHI", 11, 0, 0, 0), pack("!BBHI", 3, 0, 0, 0))


def too_big(frame: bytes, router_mac: bytes, gateway: bytes, mtu: int) -> bytes | None:
    """As ``time_exceeded``, for a packet larger than the MTU where it goes: fragmentation needed, or packet too big.

    RFC 1191 (section 4) for IPv4, RFC 4443 (section 3.2) for IPv6. mtu: bytes of IP packet.
    """
    return _answer(frame, router_mac, gateway, pack("!BBHHH", 3, 4, 0, 0, mtu), pack("!BBHI", 2, 0, 0, mtu))


def _answer(frame: bytes, router_mac: bytes, gateway: bytes, icmp: bytes, icmpv6: bytes) -> bytes | None:
    """icmp, icmpv6: the first eight bytes of the message, without checksum."""
    kind = frame[12:_ETHERNET]
    if frame[0:1] and frame[0] & 1:
        return None  # sent to a group on the link
    packet = frame[_ETHERNET:]
    if kind == b"\x08\x00" and len(gateway) == 4:
        answer = _answer_ipv4(packet, gateway, icmp)
    elif kind == b"\x86\xdd" and len(gateway) == 16:
        answer = _answer_ipv6(packet, gateway, icmpv6)
    else:
        return None
    return None if answer is None else frame[6:12] + router_mac + kind + answer


def _answer_ipv4(packet: bytes, gateway: bytes, head: bytes) -> bytes | None:
    if len(packet) < _IPV4_HEADER or packet[0] >> 4 != 4:
        return None
    header, total = (packet[0] & 15) * 4, unpack_from("!H", packet, 2)[0]
    if header < _IPV4_HEADER or len(packet) < header + 8 or total < header + 8:
        return None
    fragment = unpack_from("!H", packet, 6)[0] & 0x1FFF
    is_error = packet[9] == 1 and packet[header] in _ICMP_ERRORS
    if fragment or is_error or not _may_be_told(IPv4Address(packet[12:16]), IPv4Address(packet[16:20])):
        return None
    quoted = packet[: min(total, _MAX_IPV4 - _IPV4_HEADER - 8)]
    message = head + quoted
    message = message[:2] + _checksum(message) + message[4:]
    answer = pack("!BBHHHBBH", 0x45, 0xC0, _IPV4_HEADER + len(message), 0, 0, 64, 1, 0) + gateway + packet[12:16]
    return answer[:10] + _checksum(answer) + answer[12:] + message


def _answer_ipv6(packet: bytes, gateway: bytes, head: bytes) -> bytes | None:
    if len(packet) < _IPV6_HEADER or packet[0] >> 4 != 6:
        return None
    total = _IPV6_HEADER + unpack_from("!H", packet, 4)[0]
    if not _may_be_told(IPv6Address(packet[8:24]), IPv6Address(packet[24:40])) or _is_icmpv6_error(packet):
        return None
    quoted = packet[: min(total, _MAX_IPV6 - _IPV6_HEADER - 8)]
    message = head + quoted
    pseudo = gateway + packet[8:24] + pack("!IxxxB", len(message), 58)
    message = message[:2] + _checksum(pseudo + message) + message[4:]
    return pack("!IHBB", 6 << 28, len(message), 58, 64) + gateway + packet[8:24] + message


def _may_be_told(source: IPv4Address | IPv6Address, destination: IPv4Address | IPv6Address) -> bool:
    """Whether an error may be sent about a packet between these addresses: the sender must be a single host."""
    odd = source.is_unspecified or source.is_multicast or source.is_loopback
    broadcast = int(source) == 0xFFFFFFFF or int(destination) == 0xFFFFFFFF
    return not (odd or broadcast or destination.is_multicast)


def _is_icmpv6_error(packet: bytes) -> bool:
    """Whether the packet is an ICMPv6 error or redirect, or what it is cannot be seen."""
    following, at = packet[6], _IPV6_HEADER
    while following in _EXTENSIONS:
        if len(packet) < at + 8:
            return True
        following, at = packet[at], at + 8 + packet[at + 1] * 8
    if following == 44:  # a fragment: an error cannot be told from other ICMPv6 unless it is the first
        first = len(packet) >= at + 8 and not unpack_from("!H", packet, at + 2)[0] & 0xFFF8
        if not first:
            return True
        following, at = packet[at], at + 8
    if following != 58:
        return False
    return len(packet) <= at or packet[at] < 128 or packet[at] == _ICMPV6_REDIRECT


def _checksum(data: bytes) -> bytes:
    """Internet checksum (RFC 1071), two bytes."""
    if len(data) % 2:
        data += b"\x00"
    total: int = sum(unpack_from(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return (~total & 0xFFFF).to_bytes(2, "big")
