"""From changed fields back to the bytes of a frame, in the order and with the checksums of Open vSwitch 3.1.

(``commit_odp_actions`` in lib/odp-util.c, ``packet_set_*`` in lib/packets.c.) Checksums are adjusted, not computed
anew (RFC 1624), so that a wrong one stays wrong; but for the options of neighbour discovery, as there.
"""

from __future__ import annotations

from collections.abc import Mapping

from sdn.trace.packet import ARP, ICMP, ICMPV6, IPV4, IPV6, RARP, TCP, UDP, Packet


class CannotWriteError(Exception):
    """A field was changed of which it is not known here how a frame says it."""


_ETHERNET = {"dl_dst": (0, 6), "dl_src": (6, 6)}
_ARP = {"arp_op": (6, 2), "arp_sha": (8, 6), "arp_spa": (14, 4), "arp_tha": (18, 6), "arp_tpa": (24, 4)}
_ADDRESSES = {IPV4: {"nw_src": (12, 4), "nw_dst": (16, 4)}, IPV6: {"ipv6_src": (8, 16), "ipv6_dst": (24, 16)}}
_PORTS = {"tcp_src": 0, "tcp_dst": 2, "udp_src": 0, "udp_dst": 2}
_ICMP = {"icmp_type": 0, "icmp_code": 1, "icmpv6_type": 0, "icmpv6_code": 1}
_DISCOVERY = ("nd_reserved", "nd_options_type", "nd_target", "nd_sll", "nd_tll")
_CHECKSUM_AT = {TCP: 16, UDP: 6, ICMPV6: 2}
"""Of the transport headers whose checksum covers the addresses."""
_LOCAL = ("in_port", "metadata")


def write(packet: Packet, fields: Mapping[str, int]) -> bytes:
    """The frame with its fields as they are now; raises CannotWriteError."""
    changed = {
        name: value
        for name, value in fields.items()
        if packet.fields.get(name, 0) != value and name not in _LOCAL and not name.startswith("reg")
    }
    if not changed:
        return packet.frame
    return _Frame(packet).changed(changed)


def adjusted(checksum: int, old: bytes, new: bytes) -> int:
    """A checksum of 16 bits after some words of what it covers have changed (RFC 1624, equation 3)."""
    total = ~checksum & 0xFFFF
    for at in range(0, len(old), 2):
        total += (~int.from_bytes(old[at : at + 2], "big") & 0xFFFF) + int.from_bytes(new[at : at + 2], "big")
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    padded = data + b"\0" * (len(data) % 2)
    total = sum(int.from_bytes(padded[at : at + 2], "big") for at in range(0, len(padded), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class _Frame:
    def __init__(self, packet: Packet) -> None:
        self._packet = packet
        self._data = bytearray(packet.frame)
        self._kind = packet.fields["dl_type"]
        self._protocol = packet.fields.get("nw_proto", 0) if packet.l4 else 0

    def changed(self, changed: dict[str, int]) -> bytes:
        for name in [name for name in changed if name in _ETHERNET]:
            at, size = _ETHERNET[name]
            self._put(at, changed.pop(name).to_bytes(size, "big"))
        if self._packet.l3:
            if self._kind in (ARP, RARP):
                for name in [name for name in changed if name in _ARP]:
                    at, size = _ARP[name]
                    self._put(self._packet.l3 + at, changed.pop(name).to_bytes(size, "big"))
            elif self._kind in _ADDRESSES:
                self._network(changed)
                self._transport(changed)
        if changed:
            raise CannotWriteError(", ".join(changed))
        return bytes(self._data)

    def _network(self, changed: dict[str, int]) -> None:
        l3 = self._packet.l3
        for name, (at, size) in _ADDRESSES[self._kind].items():
            if name in changed:
                new = changed.pop(name).to_bytes(size, "big")
                old = self._put(l3 + at, new)
                if self._kind == IPV4:
                    self._adjust(l3 + 10, old, new)
                if not (name == "ipv6_dst" and self._packet.routing_left):
                    self._adjust_transport(old, new)
        if "nw_ttl" in changed:
            ttl = bytes([changed.pop("nw_ttl")])
            if self._kind == IPV4:
                self._adjust(l3 + 10, self._put(l3 + 8, ttl) + b"\0", ttl + b"\0")
            else:
                self._put(l3 + 7, ttl)

    def _adjust_transport(self, old: bytes, new: bytes) -> None:
        """Addresses are part of the checksum of what is inside (not of fragments that come later, nor if cut off)."""
        at = _CHECKSUM_AT.get(self._protocol)
        if at is None or (self._protocol == ICMPV6 and self._kind != IPV6):
            return
        minimum = {TCP: 20, UDP: 8, ICMPV6: 4}[self._protocol]
        if self._packet.end - self._packet.l4 < minimum or self._packet.fields.get("nw_frag", 0) & 2:
            return
        where = self._packet.l4 + at
        if self._protocol == UDP:
            if not any(self._data[where : where + 2]):
                return  # none was made
            self._adjust(where, old, new)
            if not any(self._data[where : where + 2]):
                self._put(where, b"\xff\xff")
            return
        self._adjust(where, old, new)

    def _transport(self, changed: dict[str, int]) -> None:
        l4 = self._packet.l4
        if not l4:
            return
        if self._protocol == ICMPV6:
            self._discovery(changed)
        for name in [name for name in changed if name in _PORTS and self._protocol in (TCP, UDP)]:
            new = changed.pop(name).to_bytes(2, "big")
            old = self._put(l4 + _PORTS[name], new)
            where = l4 + _CHECKSUM_AT[self._protocol]
            if self._protocol == TCP or any(self._data[where : where + 2]):
                self._adjust(where, old, new)
        names = [name for name in changed if name in _ICMP and self._protocol in (ICMP, ICMPV6)]
        old = bytes(self._data[l4 : l4 + 2])
        for name in names:
            self._put(l4 + _ICMP[name], bytes([changed.pop(name)]))
        if names:
            self._adjust(l4 + 2, old, bytes(self._data[l4 : l4 + 2]))

    def _discovery(self, changed: dict[str, int]) -> None:
        new = {name: changed.pop(name) for name in _DISCOVERY if name in changed}
        if not new or self._packet.end - self._packet.l4 < 24:
            return
        fields, l4 = {**self._packet.fields, **new}, self._packet.l4
        if "nd_reserved" in new or "nd_options_type" in new:
            self._put(l4 + 4, fields["nd_reserved"].to_bytes(4, "big"))
            if self._packet.end - l4 > 24:
                self._put(l4 + 24, bytes([fields["nd_options_type"]]))
            self._checksum_anew()
        if "nd_target" in new:
            raise CannotWriteError("nd_target")
        option = l4 + 24
        while self._packet.end - option >= 8 and self._data[option + 1]:
            name = {1: "nd_sll", 2: "nd_tll"}.get(self._data[option]) if self._data[option + 1] == 1 else None
            if name is not None:
                mac = fields.get(name, 0).to_bytes(6, "big")
                self._adjust(l4 + 2, self._put(option + 2, mac), mac)
                return
            option += self._data[option + 1] * 8

    def _checksum_anew(self) -> None:
        l3, l4, end = self._packet.l3, self._packet.l4, self._packet.end
        self._put(l4 + 2, b"\0\0")
        # The pseudo header as Open vSwitch builds it, from the IPv6 header: its next header and payload length.
        pseudo = bytes(self._data[l3 + 8 : l3 + 40]) + (end - l3 - 40).to_bytes(4, "big") + bytes(3)
        pseudo += bytes([self._data[l3 + 6]])
        self._put(l4 + 2, checksum(pseudo + bytes(self._data[l4:end])).to_bytes(2, "big"))

    def _put(self, at: int, new: bytes) -> bytes:
        """Write, and answer what was there."""
        old = bytes(self._data[at : at + len(new)])
        self._data[at : at + len(new)] = new
        return old

    def _adjust(self, at: int, old: bytes, new: bytes) -> None:
        if old != new:
            value = adjusted(int.from_bytes(self._data[at : at + 2], "big"), old, new)
            self._put(at, value.to_bytes(2, "big"))
