"""From the bytes of a frame to the fields that a switch matches.

The rules are those of Open vSwitch (``flow_extract`` in lib/flow.c and the lookup in ofproto-dpif.c of version 3.1),
for malformed frames too: a header that is not whole or contradicts itself leaves its fields zero, and transport fields
of any fragment are zero to flows.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sdn.trace.fields import Values

ETHERNET = 14
_VLAN_TYPES = (0x8100, 0x88A8)
_NO_TYPE = 0x05FF
"""EtherType of a frame of IEEE 802.3 that tells none (OpenFlow 1.0, section 3.4)."""
IPV4, IPV6, ARP, RARP = 0x0800, 0x86DD, 0x0806, 0x8035
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
_FRAGMENT, _AUTHENTICATION = 44, 51
_EXTENSIONS = (0, 43, 60)
"""Hop-by-hop options, routing and destination options, each with its length in 8 octets beyond the first."""
_SOLICITATION, _ADVERTISEMENT = 135, 136
_SOURCE_OPTION, _TARGET_OPTION = 1, 2
FRAGMENT_ANY, FRAGMENT_LATER = 1, 2


@dataclass(slots=True)
class Packet:
    """A frame and its fields. l3, l4: where these headers begin, 0 if there is none; end: where the IP packet ends."""

    frame: bytes
    fields: Values = field(default_factory=dict)
    l3: int = 0
    l4: int = 0
    end: int = 0
    routing_left: bool = False
    """An IPv6 routing header with segments to go: the destination is not part of the checksum (RFC 8200, 8.1)."""


def extract(frame: bytes) -> Packet:
    """The fields of a frame of at least 14 bytes; raises ValueError for a shorter one. Ports and registers are not set.

    Tagged frames: the first tag is read, what is behind a second one is not (``vlan-limit=1``, the default).
    """
    if len(frame) < ETHERNET:
        raise ValueError(f"{len(frame)} bytes are too few for a frame")
    packet = Packet(frame, end=len(frame))
    fields = packet.fields
    fields["dl_dst"], fields["dl_src"] = int.from_bytes(frame[:6], "big"), int.from_bytes(frame[6:12], "big")
    at, kind = 12, _u16(frame, 12)
    if kind in _VLAN_TYPES and len(frame) >= at + 6:
        tag = _u16(frame, at + 2)
        fields["vlan_tci"], fields["vlan_pcp"] = tag & 0xFFF | 0x1000, tag >> 13
        at, kind = at + 4, _u16(frame, at + 4)
    at += 2
    if kind < 0x600:
        kind, at = _snap(frame, at)
    fields["dl_type"] = kind
    if kind == IPV4:
        _ipv4(packet, at)
    elif kind == IPV6:
        _ipv6(packet, at)
    elif kind in (ARP, RARP):
        _arp(packet, at)
    return packet


def _u16(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "big")


def _int(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "big")


def _snap(frame: bytes, at: int) -> tuple[int, int]:
    """EtherType and where its payload begins, of a frame with a length instead of a type (IEEE 802.2 SNAP)."""
    if frame[at : at + 6] != b"\xaa\xaa\x03\x00\x00\x00" or len(frame) < at + 8:
        return _NO_TYPE, at
    kind = _u16(frame, at + 6)
    return (kind, at + 8) if kind >= 0x600 else (_NO_TYPE, at + 8)


def _arp(packet: Packet, at: int) -> None:
    data = packet.frame
    if len(data) < at + 28 or data[at : at + 6] != b"\x00\x01\x08\x00\x06\x04":
        return
    packet.l3 = at
    operation = _u16(data, at + 6)
    packet.fields["arp_op"] = operation if operation <= 0xFF else 0
    for name, offset, size in (("arp_sha", 8, 6), ("arp_spa", 14, 4), ("arp_tha", 18, 6), ("arp_tpa", 24, 4)):
        packet.fields[name] = _int(data, at + offset, size)


def _ipv4(packet: Packet, at: int) -> None:
    data, fields = packet.frame, packet.fields
    size = len(data) - at
    if size < 20:  # the version is not looked at, there as here
        return
    header, total = (data[at] & 15) * 4, _u16(data, at + 2)
    if header < 20 or header > size or total > size or header > total or size - total > 0xFFFF:
        return
    packet.l3, packet.l4, packet.end = at, at + header, at + total
    fields["nw_src"], fields["nw_dst"] = _int(data, at + 12, 4), _int(data, at + 16, 4)
    fields["nw_proto"], fields["nw_ttl"] = data[at + 9], data[at + 8]
    fields["ip_dscp"], fields["ip_ecn"] = data[at + 1] >> 2, data[at + 1] & 3
    fragment = _u16(data, at + 6)
    if fragment & 0x3FFF:
        fields["nw_frag"] = FRAGMENT_ANY | (FRAGMENT_LATER if fragment & 0x1FFF else 0)
        return
    _transport(packet)


def _ipv6(packet: Packet, at: int) -> None:
    data, fields = packet.frame, packet.fields
    size = len(data) - at
    if size < 40:
        return
    length = _u16(data, at + 4)
    if length + 40 > size or size - length - 40 > 0xFFFF:
        return
    packet.l3, packet.end = at, at + 40 + length
    fields["ipv6_src"], fields["ipv6_dst"] = _int(data, at + 8, 16), _int(data, at + 24, 16)
    behind = _behind_extensions(packet, data[at + 6], at + 40)
    if behind is None:
        fields.pop("nw_frag", None)
        return
    fields["nw_proto"], packet.l4 = behind
    fields["nw_ttl"] = data[at + 7]
    first = _int(data, at, 4)
    fields["ip_dscp"], fields["ip_ecn"], fields["ipv6_label"] = first >> 22 & 0x3F, first >> 20 & 3, first & 0xFFFFF
    fragment = fields.get("nw_frag", 0)
    if not fragment & FRAGMENT_LATER:
        _transport(packet)


def _behind_extensions(packet: Packet, kind: int, at: int) -> tuple[int, int] | None:
    """(protocol, where it begins) behind the extension headers of IPv6; None when they are cut off."""
    data = packet.frame
    while kind in _EXTENSIONS or kind in (_FRAGMENT, _AUTHENTICATION):
        if packet.end - at < 8:
            return None
        following, size = data[at], 8
        if kind in _EXTENSIONS:
            size = 8 * (data[at + 1] + 1)
        elif kind == _AUTHENTICATION:
            size = 4 * (data[at + 1] + 2)
        if packet.end - at < size:
            return None
        if kind == 43:
            packet.routing_left = data[at + 3] > 0
        if kind == _FRAGMENT and (flags := _u16(data, at + 2)):
            packet.fields["nw_frag"] = FRAGMENT_ANY
            if flags & 0xFFF8:
                packet.fields["nw_frag"] |= FRAGMENT_LATER
                return _FRAGMENT, at + size
        kind, at = following, at + size
    return kind, at


def _transport(packet: Packet) -> None:
    data, fields, at = packet.frame, packet.fields, packet.l4
    size, protocol, version = packet.end - at, fields["nw_proto"], fields["dl_type"]
    seen: Values = {}
    if protocol == TCP and size >= 20:
        seen["tcp_src"], seen["tcp_dst"] = _u16(data, at), _u16(data, at + 2)
    elif protocol == UDP and size >= 8:
        seen["udp_src"], seen["udp_dst"] = _u16(data, at), _u16(data, at + 2)
    elif protocol == ICMP and version == IPV4 and size >= 8:
        seen["icmp_type"], seen["icmp_code"] = data[at], data[at + 1]
    elif protocol == ICMPV6 and version == IPV6 and size >= 8:
        seen["icmpv6_type"], seen["icmpv6_code"] = data[at], data[at + 1]
        if data[at + 1] == 0 and data[at] in (_SOLICITATION, _ADVERTISEMENT):
            _discovery(packet, at, size)
    if not fields.get("nw_frag"):
        fields.update(seen)


def _discovery(packet: Packet, at: int, size: int) -> None:
    """Target and link-layer options of a neighbour solicitation or advertisement."""
    data, fields = packet.frame, packet.fields
    fields["nd_reserved"] = _int(data, at + 4, 4)
    if size < 24:
        return
    addresses, kind = {_SOURCE_OPTION: 0, _TARGET_OPTION: 0}, 0
    option = at + 24
    while packet.end - option >= 8:
        length = data[option + 1] * 8
        if not length or length > packet.end - option:
            break
        if data[option] in addresses and length == 8:
            if addresses[data[option]]:
                return  # the same option twice: neither target nor addresses count
            addresses[data[option]] = _int(data, option + 2, 6)
            kind = kind or data[option]
        option += length
    fields["nd_target"] = _int(data, at + 8, 16)
    fields["nd_sll"], fields["nd_tll"] = addresses[_SOURCE_OPTION], addresses[_TARGET_OPTION]
    fields["nd_options_type"] = kind
