"""Neighbour discovery that a switch cannot look into is dropped: fragments (RFC 6980), cut headers, double options.

What else comes in fragments passes. Without the entries for it in SOURCE_ND each of the forged ones arrives.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv6Address

import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from cloud_lab import CloudLab, cloud_lab
from scapy.layers.inet import IP, fragment
from scapy.layers.inet6 import (
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptPrefixInfo,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
    IPv6ExtHdrFragment,
    fragment6,
)
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from sdn.lab.host import Address, Host

pytestmark = pytest.mark.lab
STRANGER = "02:77:77:77:77:77"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudLab]:
    with cloud_lab("leaf-spine:spines=1,leaves=2,hosts=4", tmp_path_factory.mktemp("cloud")) as lab:
        yield lab


def pair(lab: CloudLab) -> tuple[Host, Host]:
    """h1, and a host of its network on the other leaf."""
    a = lab.hosts["h1"]
    return a, next(lab.hosts[n] for n in sorted(lab.members("h1")) if lab.place[n].switch != lab.place["h1"].switch)


def address(host: Host, version: int) -> Address:
    found = host.address(version)
    assert found is not None
    return found


def whole(a: Host, b: Host, body: Packet, hop_limit: int = 255) -> Packet:
    """The frame as it would be in one piece."""
    ip = IPv6(src=str(address(a, 6)), dst=str(address(b, 6)), hlim=hop_limit)
    return Ether(bytes(Ether(src=a.mac, dst=b.mac) / ip / body))


def pieces(frame: Packet, first: int, header: bytes = b"") -> tuple[bytes, bytes]:
    """A frame of IPv6 in two fragments, ``first`` bytes of the payload in the first one.

    header: an extension header (destination options) before the payload, which counts as part of it.
    """
    kind, payload = frame[IPv6].nh, bytes(frame[IPv6].payload)
    if header:
        kind, payload = 60, bytes([frame[IPv6].nh]) + header[1:] + payload
    ip = IPv6(src=frame[IPv6].src, dst=frame[IPv6].dst, hlim=frame[IPv6].hlim, nh=44)
    head = Ether(src=frame.src, dst=frame.dst) / ip
    made = [
        bytes(head / IPv6ExtHdrFragment(nh=kind, offset=at // 8, m=more, id=7) / Raw(data))
        for at, more, data in ((0, 1, payload[:first]), (first, 0, payload[first:]))
    ]
    return made[0], made[1]


def forged(a: Host, b: Host) -> dict[str, Packet]:
    """What would take something away from somebody, if it could be told in pieces."""
    own, gateway = str(address(a, 6)), "fd00:0:0:1::1"
    return {
        "solicitation": whole(a, b, ICMPv6ND_NS(tgt=str(address(b, 6))) / ICMPv6NDOptSrcLLAddr(lladdr=STRANGER)),
        "advertisement": whole(a, b, ICMPv6ND_NA(tgt=gateway, O=1) / ICMPv6NDOptDstLLAddr(lladdr=a.mac)),
        "own address": whole(a, b, ICMPv6ND_NA(tgt=own, O=1) / ICMPv6NDOptDstLLAddr(lladdr=STRANGER)),
        "router": whole(a, b, ICMPv6ND_RA() / ICMPv6NDOptPrefixInfo(prefix="2001:db8::", prefixlen=64)),
    }


@pytest.mark.parametrize("first", [0, 8, 24])
def test_the_first_fragment_of_neighbour_discovery_never_arrives(lab: CloudLab, first: int) -> None:
    """Whether the type, the target, or not even the header is in it. Without it the rest is nothing."""
    a, b = pair(lab)
    for what, frame in forged(a, b).items():
        begin, rest = pieces(frame, first)
        assert lab.arrivals(a.name, begin) == {}, what
        assert lab.arrivals(a.name, rest) in ({}, {b.name: [rest]}), "a switch cannot know what a later one belongs to"


def test_extension_headers_do_not_hide_it(lab: CloudLab) -> None:
    """Destination options that reach beyond the first fragment: not even the protocol is in it."""
    a, b = pair(lab)
    for what, frame in forged(a, b).items():
        for size, first in ((8, 8), (16, 8), (16, 16), (24, 8), (24, 24)):
            padding = bytes([0, size // 8 - 1, 1, size - 4]) + bytes(size - 4)
            begin, _ = pieces(frame, first, padding)
            assert lab.arrivals(a.name, begin) == {}, (what, size, first)


def test_a_length_of_zero_hides_nothing(lab: CloudLab) -> None:
    """As of a jumbogram (RFC 2675): a switch sees no payload."""
    a, b = pair(lab)
    raw = bytearray(bytes(forged(a, b)["solicitation"]))
    raw[18:20] = bytes(2)
    jumbo = bytes(raw[:20]) + b"\x00" + bytes(raw[21:54]) + bytes([58, 0, 0xC2, 4, 0, 0, 0, 40]) + bytes(raw[54:])
    assert lab.arrivals(a.name, jumbo) == {}


def test_an_option_given_twice_hides_nothing(lab: CloudLab) -> None:
    """Open vSwitch sees neither of them, and a host takes one."""
    a, b = pair(lab)
    ask = ICMPv6ND_NS(tgt=str(address(b, 6)))
    for options in ((STRANGER, a.mac), (a.mac, STRANGER), (STRANGER, STRANGER)):
        one, two = (ICMPv6NDOptSrcLLAddr(lladdr=mac) for mac in options)
        assert lab.arrivals(a.name, bytes(whole(a, b, ask / one / two))) == {}


def test_other_fragments_pass(lab: CloudLab) -> None:
    """UDP and echo of both versions, first and later fragments, each as it was sent."""
    a, b = pair(lab)
    for version in (4, 6):
        target = address(b, version)
        for frame in (a.udp(target, b.mac, bytes(2000)), a.echo(target, b.mac, bytes(2000))):
            sent = in_fragments(Ether(frame))
            assert len(sent) > 1
            assert lab.arrivals(a.name, *sent) == {b.name: sent}


def test_echo_in_fragments_has_another_hop_limit(lab: CloudLab) -> None:
    """The price: with 255 its first fragment looks like one of neighbour discovery."""
    a, b = pair(lab)
    first, *rest = in_fragments(Ether(a.echo(address(b, 6), b.mac, bytes(2000), ttl=255)))
    assert lab.arrivals(a.name, first, *rest) == {b.name: rest}
    udp = in_fragments(Ether(a.udp(address(b, 6), b.mac, bytes(2000), ttl=255)))
    assert lab.arrivals(a.name, *udp) == {b.name: udp}


def test_whole_discovery_and_echo_with_any_hop_limit_pass(lab: CloudLab) -> None:
    a, b = pair(lab)
    target = address(b, 6)
    assert isinstance(target, IPv6Address)
    for frame in (a.advertisement(b), a.echo(target, b.mac, ttl=255), a.udp(target, b.mac, ttl=255)):
        assert lab.arrivals(a.name, frame) == {b.name: [frame]}
    answered = a.solicitation(target)
    assert list(lab.arrivals(a.name, answered)) == [a.name]


def in_fragments(frame: Packet) -> list[bytes]:
    """A frame in as many as its packet needs."""
    if IP in frame:
        return [bytes(Ether(src=frame.src, dst=frame.dst) / piece) for piece in fragment(frame[IP], 1000)]
    ip = frame[IPv6]
    ready = IPv6(src=ip.src, dst=ip.dst, hlim=ip.hlim) / IPv6ExtHdrFragment(nh=ip.nh) / ip.payload
    return [bytes(Ether(src=frame.src, dst=frame.dst) / piece) for piece in fragment6(ready, 1000)]
