"""Frames as hosts send them: ARP, neighbour discovery, and IP with TCP, UDP or an echo request inside.

MACs and addresses are packed. Checksums are right. What a host would do with an answer is told by ``answer_of``.
"""

from __future__ import annotations

from struct import pack

from sdn.model.intent import Address
from sdn.trace.packet import ARP, ICMP, ICMPV6, IPV4, IPV6, TCP, UDP, extract
from sdn.trace.rewrite import checksum

BROADCAST = b"\xff" * 6
EXPERIMENTAL = 0x88B5
"""IEEE 802 local experimental EtherType: a frame that is no IP packet."""
HEADERS = {(4, TCP): 40, (4, UDP): 28, (4, ICMP): 28, (6, TCP): 60, (6, UDP): 48, (6, ICMPV6): 48}
"""Bytes of the smallest packet by IP version and protocol."""
_SOLICITATION, _ADVERTISEMENT = 135, 136
_SOURCE_PORT = 49152
"""The first of those for temporary use (RFC 6335, section 6)."""


def ethernet(target: bytes, source: bytes, kind: int, payload: bytes) -> bytes:
    """A frame, of at least 60 bytes without its checksum, as on every cable."""
    return (target + source + kind.to_bytes(2, "big") + payload).ljust(60, b"\0")


def question(mac: bytes, source: Address, target: Address) -> bytes:
    """Who has ``target``? ARP (RFC 826) or a neighbour solicitation with the source option (RFC 4861, section 4.3)."""
    if target.version == 4:
        body = b"\0\1\x08\0\6\4\0\1" + mac + source.packed + bytes(6) + target.packed
        return ethernet(BROADCAST, mac, ARP, body)
    low = target.packed[-3:]
    group = b"\xff\2" + bytes(9) + b"\1\xff" + low
    message = pack("!BBHI", _SOLICITATION, 0, 0, 0) + target.packed + b"\1\1" + mac
    return ethernet(b"\x33\x33\xff" + low, mac, IPV6, _ipv6(source.packed, group, 255, ICMPV6, message))


def answer_of(frame: bytes, target: Address) -> bytes | None:
    """The MAC that a frame tells for an address; None if it is no answer to that question."""
    fields = extract(frame).fields
    if target.version == 4 and fields["dl_type"] == ARP and fields.get("arp_op") == 2:
        told = fields["arp_spa"], fields["arp_sha"]
    elif target.version == 6 and fields.get("icmpv6_type") == _ADVERTISEMENT:
        told = fields.get("nd_target", 0), fields.get("nd_tll", 0)
    else:
        return None
    return told[1].to_bytes(6, "big") if told[0] == int(target) else None


def packet(source: Address, target: Address, protocol: int, port: int, size: int, ttl: int) -> bytes:
    """An IP packet of ``size`` bytes: a TCP SYN or UDP datagram to a port, or an echo request."""
    version = target.version
    padding = bytes(max(0, size - HEADERS[version, protocol]))
    if protocol == TCP:
        body = pack("!HHIIBBHHH", _SOURCE_PORT, port, 0, 0, 5 << 4, 2, 65535, 0, 0) + padding
    elif protocol == UDP:
        body = pack("!HHHH", _SOURCE_PORT, port, 8 + len(padding), 0) + padding
    else:
        body = pack("!BBHHH", 8 if version == 4 else 128, 0, 0, 1, 1) + padding
    if version == 6:
        return _ipv6(source.packed, target.packed, ttl, protocol, body)
    if protocol == ICMP:
        body = _with_checksum(body, 2, b"")
    else:
        pseudo = source.packed + target.packed + pack("!BBH", 0, protocol, len(body))
        body = _with_checksum(body, 16 if protocol == TCP else 6, pseudo)
    header = pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, ttl, protocol, 0) + source.packed + target.packed
    return _with_checksum(header, 10, b"") + body


def group_mac(target: Address) -> bytes | None:
    """The MAC of a broadcast or multicast address (RFC 1112, section 6.4; RFC 2464, section 7); None for others."""
    if target.version == 4:
        if int(target) == 0xFFFFFFFF:
            return BROADCAST
        return (0x01005E000000 | int(target) & 0x7FFFFF).to_bytes(6, "big") if target.is_multicast else None
    return b"\x33\x33" + target.packed[-4:] if target.is_multicast else None


def ether_type(version: int) -> int:
    """EtherType of an IP version."""
    return IPV4 if version == 4 else IPV6


def _ipv6(source: bytes, target: bytes, ttl: int, protocol: int, body: bytes) -> bytes:
    at = {TCP: 16, UDP: 6}.get(protocol, 2)
    body = _with_checksum(body, at, source + target + pack("!IxxxB", len(body), protocol))
    return pack("!IHBB", 6 << 28, len(body), protocol, ttl) + source + target + body


def _with_checksum(data: bytes, at: int, pseudo: bytes) -> bytes:
    value = checksum(pseudo + data) or (0xFFFF if pseudo else 0)
    return data[:at] + value.to_bytes(2, "big") + data[at + 2 :]
