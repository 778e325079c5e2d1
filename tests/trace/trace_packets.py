"""Frames that hosts may send, honest, forged and broken."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from random import Random

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
)
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Packet, Raw
from trace_cloud import VIRTUAL, Cloud, Plugged

from sdn.model.intent import Address

GROUPS = ("ff:ff:ff:ff:ff:ff", "01:00:5e:01:02:03", "33:33:00:00:00:01", "33:33:ff:00:00:05", "01:80:c2:00:00:00")
PAIRED = {4: ("10.0.1.20", "10.0.1.21", "10.200.3.4"), 6: ("fd00:0:0:1::20", "2001:db8:7::1")}
"""Addresses that some ports may use beside their own."""
_ETHER = 14


def random_frame(cloud: Cloud, sender: str, chance: Random) -> bytes:
    """One frame of a host: mostly what it may send, then with something wrong."""
    me = cloud.hosts[sender]
    roll = chance.random()
    near = [p for p in cloud.hosts.values() if p.tenant == me.tenant and (p.network == me.network or roll < 0.3)]
    other = chance.choice(near if roll < 0.9 else list(cloud.hosts.values()))
    make = chance.choice((_ip, _ip, _ip, _ip, _arp, _discovery, _fragment, _hidden, _other))
    frame = bytes(make(cloud, me, other, chance))
    if chance.random() < 0.05:
        frame = frame[:6] + bytes.fromhex(VIRTUAL.replace(":", "")) + frame[12:]
    roll = chance.random()
    if roll < 0.12:
        frame = _flip(frame, chance)
    elif roll < 0.17:
        frame = frame[: chance.randint(_ETHER, len(frame))]
    elif roll < 0.2:
        frame = bytes(Ether(src=frame[6:12], dst=frame[:6]) / Dot1Q(vlan=chance.randrange(4096)))[:16] + frame[12:]
    elif roll < 0.23:
        frame += bytes(chance.randrange(1, 40))
    return frame


def _flip(frame: bytes, chance: Random) -> bytes:
    data = bytearray(frame)
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        data[chance.randrange(len(data))] = chance.choice((0, 1, 2, 0x7F, 0xFF, chance.randrange(256)))
    return bytes(data)


def _source(me: Plugged, version: int, chance: Random, cloud: Cloud) -> Address | None:
    """Mostly an own address."""
    own = [a for a in me.addresses if a.version == version]
    if version == 6 and chance.random() < 0.1:
        return IPv6Address(int.from_bytes(_link_local(me.host.mac), "big"))
    if own and chance.random() < 0.92:
        return chance.choice(own)
    if chance.random() < 0.3:
        return _address(chance.choice(PAIRED[version]))
    everybody = [a for p in cloud.hosts.values() for a in p.addresses if a.version == version]
    return chance.choice(everybody) if everybody else None


def _router(cloud: Cloud, me: Plugged) -> str:
    return cloud.routers.get(me.network, "06:00:00:00:00:01")


def _link_local(mac: str) -> bytes:
    raw = bytes.fromhex(mac.replace(":", ""))
    return b"\xfe\x80" + bytes(6) + bytes([raw[0] ^ 2]) + raw[1:3] + b"\xff\xfe" + raw[3:]


def _target(cloud: Cloud, me: Plugged, other: Plugged, version: int, chance: Random) -> tuple[Address, str]:
    """(address, MAC): a neighbour, somebody behind the router, the gateway, a group, nobody."""
    router = _router(cloud, me)
    addresses = [a for a in other.addresses if a.version == version]
    gateways = [a for a in cloud.gateways.get(me.network, []) if a.version == version]
    roll = chance.random()
    if addresses and roll < 0.7:
        mac = other.host.mac if other.network == me.network else router
        return chance.choice(addresses), mac if chance.random() < 0.95 else chance.choice((router, me.host.mac))
    if gateways and roll < 0.8:
        return chance.choice(gateways), router
    groups: tuple[str, ...] = (
        ("239.1.2.3", "224.0.0.251", "255.255.255.255") if version == 4 else ("ff02::1", "ff05::7")
    )
    if roll < 0.95:
        return _address(chance.choice(groups)), chance.choice(GROUPS[:3])
    nobody = (
        ("10.0.1.77", "192.0.2.1", "192.0.2.200", "198.51.100.1", "8.8.8.8", "169.254.1.1")
        if version == 4
        else (*PAIRED[6], "fd00:0:0:1::77", "2001:db8::1", "fe80::1")
    )
    return _address(chance.choice(nobody)), chance.choice((router, other.host.mac, "02:00:00:00:77:77"))


def _address(text: str) -> Address:
    return IPv6Address(text) if ":" in text else IPv4Address(text)


def _l4(version: int, chance: Random) -> Packet:
    payload = Raw(bytes(chance.randrange(256) for _ in range(chance.choice((0, 1, 18, 60)))))
    ports = {"sport": chance.randrange(1, 65536), "dport": chance.choice((7, 53, 80, 443))}
    echo = ICMP(id=1, seq=1) if version == 4 else ICMPv6EchoRequest(id=1, seq=1)
    return chance.choice((UDP(**ports), UDP(**ports, chksum=0), TCP(**ports), echo, echo)) / payload


def _network(cloud: Cloud, me: Plugged, other: Plugged, chance: Random) -> tuple[Packet, str]:
    version = chance.choice([a.version for a in me.addresses] or (4, 6))
    target, mac = _target(cloud, me, other, version, chance)
    source = _source(me, version, chance, cloud)
    ttl = chance.choice((64, 64, 64, 64, 64, 64, 255, 2, 1, 0))
    if version == 4:
        return IP(src=str(source or "0.0.0.0"), dst=str(target), ttl=ttl, tos=chance.choice((0, 0xB8))), mac
    packet: Packet = IPv6(src=str(source or "::"), dst=str(target), hlim=ttl, tc=chance.choice((0, 0xB8)), fl=5)
    if chance.random() < 0.15:
        packet = packet / chance.choice((IPv6ExtHdrDestOpt(), IPv6ExtHdrHopByHop()))
    return packet, mac


def _ip(cloud: Cloud, me: Plugged, other: Plugged, chance: Random) -> Packet:
    packet, mac = _network(cloud, me, other, chance)
    return Ether(src=me.host.mac, dst=mac) / packet / _l4(4 if IP in packet else 6, chance)


def _fragment(cloud: Cloud, me: Plugged, other: Plugged, chance: Random) -> Packet:
    packet, mac = _network(cloud, me, other, chance)
    offset, more = chance.choice(((0, 1), (3, 0), (3, 1), (0, 0)))
    if IP in packet:
        packet[IP].frag, packet[IP].flags = offset, "MF" if more else 0
        return Ether(src=me.host.mac, dst=mac) / packet / _l4(4, chance)
    return Ether(src=me.host.mac, dst=mac) / packet / IPv6ExtHdrFragment(offset=offset, m=more) / _l4(6, chance)


def _arp(cloud: Cloud, me: Plugged, other: Plugged, chance: Random) -> Packet:
    source = str(_source(me, 4, chance, cloud) or "0.0.0.0") if chance.random() < 0.85 else "0.0.0.0"
    gateways = [a for a in cloud.gateways.get(me.network, []) if a.version == 4]
    wanted = [a for p in (other, other, me) for a in p.addresses if a.version == 4] + gateways
    target = str(chance.choice([*wanted, *PAIRED[4]]))
    operation = chance.choice((1, 1, 1, 2, 3, 257))
    hardware = me.host.mac if chance.random() < 0.9 else other.host.mac
    dst = chance.choice((GROUPS[0], other.host.mac))
    return Ether(src=me.host.mac, dst=dst) / ARP(op=operation, hwsrc=hardware, psrc=source, pdst=target)


def _discovery(cloud: Cloud, me: Plugged, other: Plugged, chance: Random) -> Packet:
    source = str(_source(me, 6, chance, cloud) or "::") if chance.random() < 0.85 else "::"
    gateways = [a for a in cloud.gateways.get(me.network, []) if a.version == 6]
    wanted = [a for p in (other, other, me) for a in p.addresses if a.version == 6] + gateways
    target = str(chance.choice([*wanted, *PAIRED[6]]))
    mac = me.host.mac if chance.random() < 0.85 else other.host.mac
    head = Ether(src=me.host.mac, dst=chance.choice(("33:33:ff:00:00:01", other.host.mac, _router(cloud, me))))
    head /= IPv6(src=source, dst=chance.choice(("ff02::1:ff00:1", target)), hlim=255)
    source_option, target_option = ICMPv6NDOptSrcLLAddr(lladdr=mac), ICMPv6NDOptDstLLAddr(lladdr=mac)
    body = chance.choice((ICMPv6ND_NS(tgt=target), ICMPv6ND_NS(tgt=target), ICMPv6ND_NA(tgt=target), ICMPv6ND_RA()))
    options = chance.choice(
        (
            (source_option,),
            (source_option,),
            (target_option,),
            (),
            (source_option, target_option),
            (target_option, source_option),
            (source_option, source_option),
            (Raw(b"\x0e\x01" + bytes(6)), source_option),
        )
    )
    packet = head / body
    for option in options:
        packet /= option
    return packet


def _hidden(cloud: Cloud, me: Plugged, other: Plugged, chance: Random) -> Packet:
    """Neighbour discovery, or what might be, in a fragment or behind extension headers that may be cut off."""
    frame = _discovery(cloud, me, other, chance)
    ip = frame[IPv6].copy()
    ip.remove_payload()
    ip.hlim = chance.choice((255, 255, 64))
    kind, payload = 58, bytes(frame[IPv6].payload)
    if chance.random() < 0.5:
        size = chance.choice((8, 16, 24))
        kind, payload = 60, bytes([58, size // 8 - 1, 1, size - 4]) + bytes(size - 4) + payload
    offset, more = chance.choice(((0, 1), (0, 1), (0, 0), (2, 0), (2, 1)))
    part = payload[: chance.choice((0, 8, 16, 24, 32, len(payload)))]
    head = Ether(src=frame.src, dst=frame.dst) / ip
    return head / IPv6ExtHdrFragment(nh=kind, offset=offset, m=more) / Raw(part)


def _other(cloud: Cloud, me: Plugged, other: Plugged, chance: Random) -> Packet:
    kind = chance.choice((0x88B5, 0x88CC, 0x8847, 0x8035, 0x0027, 0x8100, 0x86DD, 0x0800, 0x0806))
    dst = chance.choice((other.host.mac, *GROUPS, _router(cloud, me), "42:00:02:00:00:03"))
    source = me.host.mac if chance.random() < 0.9 else other.host.mac
    return Ether(src=source, dst=dst, type=kind) / Raw(bytes(chance.randrange(256) for _ in range(46)))
