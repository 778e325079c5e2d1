"""Hosts as a test sees them: addresses, and the frames that a host with these addresses sends. Needs scapy.

Every builder returns the bytes of one Ethernet frame. ``mac`` and the address arguments may be replaced by wrong ones,
to see what a switch does with a forged frame.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address, ip_interface
from typing import Any

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
)
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw
from scapy.utils6 import in6_getnsma, in6_getnsmac

Address = IPv4Address | IPv6Address
BROADCAST = "ff:ff:ff:ff:ff:ff"
TEST_PORT = 7
"""UDP and TCP port of test traffic (echo)."""


@dataclass(frozen=True, slots=True)
class Host:
    """A host: ``name`` as in the lab network, one MAC, one IPv4 and one IPv6 address with prefix length, gateways."""

    name: str
    mac: str
    ip: IPv4Interface | None = None
    ip6: IPv6Interface | None = None
    gateway: IPv4Address | None = None
    gateway6: IPv6Address | None = None

    @classmethod
    def of(cls, name: str, mac: str, *addresses: str, gateways: tuple[str, ...] = ()) -> Host:
        """From text: addresses with prefix length (``10.0.0.1/24``) and gateways, of either family."""
        interfaces = [ip_interface(text) for text in addresses]
        routers = [ip_address(text) for text in gateways]
        return cls(
            name,
            mac,
            next((i for i in interfaces if isinstance(i, IPv4Interface)), None),
            next((i for i in interfaces if isinstance(i, IPv6Interface)), None),
            next((r for r in routers if isinstance(r, IPv4Address)), None),
            next((r for r in routers if isinstance(r, IPv6Address)), None),
        )

    def address(self, version: int) -> Address | None:
        """The address of an IP version, 4 or 6."""
        interface = self.ip if version == 4 else self.ip6
        return interface.ip if interface else None

    def next_hop(self, target: Address) -> Address | None:
        """Whom to ask for a MAC when sending to ``target``: itself on the same subnet, else the gateway, if any."""
        interface = self.ip if target.version == 4 else self.ip6
        if interface is None:
            return None
        if target in interface.network:
            return target
        return self.gateway if target.version == 4 else self.gateway6

    def ask(self, target: Address) -> bytes:
        """ARP request or neighbour solicitation, by the version of the address."""
        return self.arp_request(target) if isinstance(target, IPv4Address) else self.solicitation(target)

    def arp_request(self, target: IPv4Address, *, mac: str = "", source: str = "", ethernet: str = "") -> bytes:
        """Who has ``target``? (RFC 826). mac, source: sender's in the ARP body; ethernet: of the frame."""
        body = ARP(op=1, hwsrc=mac or self.mac, psrc=source or _text(self.ip), pdst=str(target))
        return bytes(Ether(src=ethernet or self.mac, dst=BROADCAST) / body)

    def arp_reply(self, to: Host, *, mac: str = "", source: str = "") -> bytes:
        """``source`` is at ``mac``, told to one host without being asked."""
        body = ARP(op=2, hwsrc=mac or self.mac, psrc=source or _text(self.ip), hwdst=to.mac, pdst=_text(to.ip))
        return bytes(Ether(src=self.mac, dst=to.mac) / body)

    def solicitation(self, target: IPv6Address, *, mac: str = "", source: str = "") -> bytes:
        """Neighbour solicitation with the source option (RFC 4861, section 4.3)."""
        group = in6_getnsma(socket.inet_pton(socket.AF_INET6, str(target)))
        frame = Ether(src=self.mac, dst=in6_getnsmac(group))
        packet = IPv6(src=source or _text(self.ip6), dst=socket.inet_ntop(socket.AF_INET6, group), hlim=255)
        return bytes(frame / packet / ICMPv6ND_NS(tgt=str(target)) / ICMPv6NDOptSrcLLAddr(lladdr=mac or self.mac))

    def advertisement(self, to: Host, *, mac: str = "", target: str = "") -> bytes:
        """Neighbour advertisement (RFC 4861, section 4.4), told to one host without being asked."""
        address = target or _text(self.ip6)
        packet = IPv6(src=address, dst=_text(to.ip6), hlim=255) / ICMPv6ND_NA(tgt=address, R=0, S=0, O=1)
        return bytes(Ether(src=self.mac, dst=to.mac) / packet / ICMPv6NDOptDstLLAddr(lladdr=mac or self.mac))

    def echo(
        self, target: Address, mac: str, payload: bytes = b"", *, source: str = "", ttl: int = 64, sequence: int = 1
    ) -> bytes:
        """ICMP or ICMPv6 echo request. mac: destination of the frame."""
        body = ICMP(id=1, seq=sequence) if target.version == 4 else ICMPv6EchoRequest(id=1, seq=sequence)
        return self._frame(target, mac, body / Raw(payload), source, ttl)

    def udp(
        self,
        target: Address,
        mac: str,
        payload: bytes = b"",
        *,
        source: str = "",
        sport: int = TEST_PORT,
        dport: int = TEST_PORT,
        ttl: int = 64,
    ) -> bytes:
        """A UDP packet. mac: destination of the frame."""
        return self._frame(target, mac, UDP(sport=sport, dport=dport) / Raw(payload), source, ttl)

    def tcp_syn(
        self, target: Address, mac: str, payload: bytes = b"", *, sport: int = 40000, dport: int = TEST_PORT
    ) -> bytes:
        """The first packet of a TCP connection. mac: destination of the frame."""
        return self._frame(target, mac, TCP(sport=sport, dport=dport, flags="S") / Raw(payload), "", 64)

    def broadcast(self, payload: bytes = b"") -> bytes:
        """A UDP packet to everybody on the network."""
        return self.udp(IPv4Address("255.255.255.255"), BROADCAST, payload)

    def multicast(self, group: Address, payload: bytes = b"") -> bytes:
        """A UDP packet to an IP multicast group, with the group's MAC (RFC 1112, section 6.4; RFC 2464, section 7)."""
        low = int(group)
        mac = 0x01005E000000 | low & 0x7FFFFF if group.version == 4 else 0x333300000000 | low & 0xFFFFFFFF
        return self.udp(group, mac.to_bytes(6, "big").hex(":"), payload)

    def ethernet(self, mac: str, payload: bytes, ethertype: int = 0x88B5) -> bytes:
        """A frame of another protocol (IEEE 802 local experimental EtherType unless given)."""
        return bytes(Ether(src=self.mac, dst=mac, type=ethertype) / Raw(payload))

    def _frame(self, target: Address, mac: str, body: Any, source: str, ttl: int) -> bytes:
        own = source or str(self.address(target.version))
        packet = (
            IP(src=own, dst=str(target), ttl=ttl) if target.version == 4 else IPv6(src=own, dst=str(target), hlim=ttl)
        )
        return bytes(Ether(src=self.mac, dst=mac) / packet / body)


def answer_of(frame: bytes) -> tuple[Address, str] | None:
    """(address, MAC) that an ARP reply or a neighbour advertisement tells; None for any other frame."""
    packet = Ether(frame)
    if ARP in packet and packet[ARP].op == 2:
        return ip_address(packet[ARP].psrc), packet[ARP].hwsrc
    if ICMPv6ND_NA in packet:
        mac = packet[ICMPv6NDOptDstLLAddr].lladdr if ICMPv6NDOptDstLLAddr in packet else packet[Ether].src
        return ip_address(packet[ICMPv6ND_NA].tgt), mac
    return None


def _text(interface: IPv4Interface | IPv6Interface | None) -> str:
    """The address without the prefix length; the unspecified one for a host that has none."""
    return str(interface.ip) if interface else "0.0.0.0"
