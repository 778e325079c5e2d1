"""What hosts may forge and guess: nothing of it arrives anywhere. And what gateways answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from cloud_lab import CloudLab, cloud_lab
from scapy.layers.inet import ICMP, IP
from scapy.layers.inet6 import (
    ICMPv6EchoReply,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    ICMPv6ND_Redirect,
    ICMPv6TimeExceeded,
    IPv6,
)
from scapy.layers.l2 import ARP, Dot1Q, Ether

from sdn.client import ApiError
from sdn.lab.host import Address, Host, answer_of
from sdn.v1 import resources_pb2 as pb

pytestmark = pytest.mark.lab
ROUTER_OF_RED = "06:00:00:00:00:01"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudLab]:
    with cloud_lab("leaf-spine:spines=2,leaves=2,hosts=8,capacity=1G", tmp_path_factory.mktemp("cloud")) as lab:
        yield lab


def near_and_far(lab: CloudLab) -> tuple[Host, Host, Host]:
    """h1, and two hosts of its network: one on its switch, one on another."""
    here = lab.place["h1"].switch
    members = sorted(lab.members("h1"))
    near = next(name for name in members if lab.place[name].switch == here)
    far = next(name for name in members if lab.place[name].switch != here)
    return lab.hosts["h1"], lab.hosts[near], lab.hosts[far]


def behind_the_router(lab: CloudLab) -> Host:
    """A host of the same tenant in its other network."""
    own = lab.members("h1") | {"h1"}
    return next(h for name, h in lab.hosts.items() if lab.tenant[name] == lab.tenant["h1"] and name not in own)


def address(host: Host, version: int) -> Address:
    found = host.address(version)
    assert found is not None
    return found


@pytest.mark.parametrize("version", [4, 6])
def test_forged_sources(lab: CloudLab, version: int) -> None:
    a, near, far = near_and_far(lab)
    for b in (near, far):
        target = address(b, version)
        honest = a.udp(target, b.mac)
        assert lab.arrivals("h1", honest) == {b.name: [honest]}
        for forged in (
            replace(a, mac=near.mac).udp(target, b.mac),
            a.udp(target, b.mac, source=str(address(near, version))),
            a.udp(target, b.mac, source="192.0.2.9" if version == 4 else "2001:db8::9"),
            replace(a, mac=ROUTER_OF_RED).udp(target, b.mac),
            bytes(Ether(src=a.mac, dst=b.mac) / Dot1Q(vlan=5) / Ether(honest).payload),
            bytes(Ether(src="ff:ff:ff:ff:ff:ff", dst=b.mac) / Ether(honest).payload),
        ):
            assert lab.arrivals("h1", forged) == {}


def test_forged_arp(lab: CloudLab) -> None:
    a, near, far = near_and_far(lab)
    for b in (near, far):
        assert lab.arrivals("h1", a.arp_reply(b)) == {b.name: [a.arp_reply(b)]}
        assert lab.arrivals("h1", a.arp_reply(b, source=str(near.address(4)))) == {}
        assert lab.arrivals("h1", a.arp_reply(b, mac=near.mac)) == {}
        assert lab.arrivals("h1", a.arp_reply(b, source="10.0.1.1")) == {}
        assert lab.arrivals("h1", a.arp_request(IPv4Address("10.0.1.77"), source="10.0.1.1")) == {}
        assert lab.arrivals("h1", replace(a, mac=near.mac).arp_reply(b)) == {}


def test_forged_neighbour_discovery(lab: CloudLab) -> None:
    a, near, far = near_and_far(lab)
    for b in (near, far):
        assert lab.arrivals("h1", a.advertisement(b)) == {b.name: [a.advertisement(b)]}
        assert lab.arrivals("h1", a.advertisement(b, target=str(near.address(6)))) == {}
        assert lab.arrivals("h1", a.advertisement(b, mac=near.mac)) == {}
        assert lab.arrivals("h1", a.advertisement(b, target="fd00:0:0:1::1")) == {}
        assert lab.arrivals("h1", a.solicitation(address(b, 6), mac=near.mac)) == {}  # type: ignore[arg-type]
        head = Ether(src=a.mac, dst="33:33:00:00:00:01") / IPv6(src=str(a.address(6)), dst="ff02::1", hlim=255)
        assert lab.arrivals("h1", bytes(head / ICMPv6ND_RA()), bytes(head / ICMPv6ND_Redirect())) == {}


def test_lldp_and_other_control_frames_of_hosts(lab: CloudLab) -> None:
    a, _, far = near_and_far(lab)
    frames = [
        bytes(Ether(src=a.mac, dst="01:80:c2:00:00:0e", type=0x88CC) / b"\x02\x07\x04" / a.mac.encode()),
        bytes(Ether(src=a.mac, dst=far.mac, type=0x8847) / (b"x" * 50)),
        bytes(Ether(src=a.mac, dst=far.mac, type=0x8035) / (b"x" * 50)),
        bytes(Ether(src=a.mac, dst="01:80:c2:00:00:00", type=0x0027) / (b"x" * 38)),
    ]
    assert lab.arrivals("h1", *frames) == {}
    assert len(lab.client.topology().links) == len(lab.network.topology.links)


def test_guessed_labels(lab: CloudLab) -> None:
    """Every egress switch with every endpoint and flood set, as nodes and as paths, in all colors and epochs."""
    a, _, far = near_and_far(lab)
    packet = a.udp(address(far, 4), far.mac)[6:]
    services = [*range(1, 20), *(1 << 23 | n for n in range(1, 6))]
    kinds = [kind << 6 | color << 4 | epoch << 2 | 2 for kind in (1, 2, 3) for color in (0, 1) for epoch in (0, 1)]
    for kind in kinds:
        labels = (
            bytes([kind]) + n.to_bytes(2, "big") + service.to_bytes(3, "big")
            for n in range(1, 5)
            for service in services
        )
        assert lab.arrivals("h1", *(label + packet for label in labels)) == {}


def only(lab: CloudLab, sender: Host, frame: bytes) -> Ether:
    """The one frame that answers, which nobody else gets."""
    got = lab.arrivals(sender.name, frame)
    if got == {}:  # it comes from the controller
        got = {sender.name: eventually(lab, sender)}
    assert list(got) == [sender.name]
    assert len(got[sender.name]) == 1
    return Ether(got[sender.name][0])


def eventually(lab: CloudLab, host: Host) -> list[bytes]:
    for _ in range(200):
        lab.network.settle()
        if frames := lab.network.received(host.name):
            return frames
    return []


def test_gateways_answer_arp_nd_and_ping(lab: CloudLab) -> None:
    a, _, _ = near_and_far(lab)
    for gateway in (IPv4Address("10.0.1.1"), IPv6Address("fd00:0:0:1::1")):
        reply = only(lab, a, a.ask(gateway))
        assert answer_of(bytes(reply)) == (gateway, reply.src)
        pong = only(lab, a, a.echo(gateway, reply.src, b"hello"))
        assert bytes(pong).endswith(b"hello")
        assert ICMP in pong or ICMPv6EchoReply in pong
        beyond = ip_address(str(gateway).replace(":1::", ":2::").replace("10.0.1.", "10.0.2."))
        assert bytes(only(lab, a, a.echo(beyond, reply.src, b"other"))).endswith(b"other"), "its other interface too"


def test_routing_takes_one_from_the_ttl_and_switching_none(lab: CloudLab) -> None:
    a, _, far = near_and_far(lab)
    routed = behind_the_router(lab)
    (switched,) = lab.arrivals("h1", a.udp(address(far, 4), far.mac, ttl=9))[far.name]
    assert Ether(switched)[IP].ttl == 9
    for version in (4, 6):
        (frame,) = lab.arrivals("h1", a.udp(address(routed, version), ROUTER_OF_RED, ttl=9))[routed.name]
        packet = Ether(frame)
        assert (packet[IP].ttl if version == 4 else packet[IPv6].hlim) == 8
        assert (packet.src, packet.dst) == (ROUTER_OF_RED, routed.mac)
        if version == 4:
            checked = IP(bytes(packet[IP]))
            del checked.chksum
            assert IP(bytes(checked)).chksum == packet[IP].chksum


def test_an_expired_ttl_is_reported_by_the_gateway(lab: CloudLab) -> None:
    a, _, _ = near_and_far(lab)
    routed = behind_the_router(lab)
    reply = only(lab, a, a.udp(address(routed, 4), ROUTER_OF_RED, ttl=1))
    assert (reply[IP].src, reply[ICMP].type, reply[ICMP].code) == ("10.0.1.1", 11, 0)
    reply = only(lab, a, a.udp(address(routed, 6), ROUTER_OF_RED, ttl=1))
    assert reply[IPv6].src == "fd00:0:0:1::1"
    assert ICMPv6TimeExceeded in reply
    assert lab.arrivals("h1", a.udp(address(routed, 4), ROUTER_OF_RED, ttl=0)) == {}


def test_duplicate_address_detection_is_not_answered_by_ourselves(lab: CloudLab) -> None:
    a, _, _ = near_and_far(lab)
    own = address(a, 4)
    probe = Ether(src=a.mac, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=a.mac, psrc="0.0.0.0", pdst=str(own))
    got = lab.arrivals("h1", bytes(probe))
    assert set(got) == lab.members("h1")
    ask = IPv6(src="::", dst="ff02::1:ff00:a", hlim=255) / ICMPv6ND_NS(tgt=str(address(a, 6)))
    got = lab.arrivals("h1", bytes(Ether(src=a.mac, dst="33:33:ff:00:00:0a") / ask))
    assert set(got) == lab.members("h1")
    assert all(ICMPv6ND_NA not in Ether(frame) for frames in got.values() for frame in frames)


def test_connections_take_their_path_and_fall_back_without_the_daemon(lab: CloudLab) -> None:
    a, _, b = near_and_far(lab)
    name = "tenants/red/connections/c"
    wish = pb.Connection(name=name, a=lab.port_of(a.name), b=lab.port_of(b.name), bandwidth_bps=600_000_000)
    path = lab.client.connections.create(wish, wait=20).status.path
    try:
        assert [hop.switch for hop in path][::2] == [lab.place[a.name].switch, lab.place[b.name].switch]
        for low in range(20):  # other addresses would hash to either spine
            frame = a.udp(address(b, 4), b.mac, sport=1000 + low)
            before = sent(lab, path[0].switch, path[0].egress)
            assert lab.arrivals(a.name, frame) == {b.name: [frame]}
            assert sent(lab, path[0].switch, path[0].egress) > before
        used = next(link for link in lab.network.topology.links if (path[0].switch, path[0].egress) in (link.a, link.b))
        frame = a.udp(address(b, 4), b.mac)
        lab.daemon.stop(kill=True)
        try:
            lab.network.cut(used)
            # Open vSwitch notices the port, and forgets what its datapath has cached, in a thread of its own.
            tries = (lab.arrivals(a.name, frame) for _ in range(20))
            assert {b.name: [frame]} in tries, "the data plane repairs itself"
        finally:
            lab.daemon.start()
            lab.daemon.wait_answers(lab.client)
        changed = wait_for_path(lab, name, other_than=path[0].egress)
        assert changed[0].egress != path[0].egress
        assert lab.arrivals(a.name, frame) == {b.name: [frame]}
        lab.network.mend(used)
        lab.ready()
    finally:
        lab.client.connections.delete(name, wait=20)
    assert all(link.reserved_ab_bps == 0 for link in lab.client.topology().links)


def test_a_connection_that_does_not_fit_is_refused(lab: CloudLab) -> None:
    a, _, b = near_and_far(lab)
    wish = pb.Connection(
        name="tenants/red/connections/big", a=lab.port_of(a.name), b=lab.port_of(b.name), bandwidth_bps=2_000_000_000
    )
    with pytest.raises(ApiError) as refused:
        lab.client.connections.create(wish)
    assert refused.value.code.name == "RESOURCE_EXHAUSTED"
    assert "1000000000 bit/s" in str(refused.value)
    assert list(lab.client.connections.list()) == []


def sent(lab: CloudLab, switch: str, interface: str) -> int:
    return lab.network.counters(switch)[interface].tx_packets


def wait_for_path(lab: CloudLab, name: str, other_than: str) -> list[pb.PathHop]:
    """The path once it leaves by another interface and is in the switches; the watch tells."""
    with lab.client.connections.watch() as changes:
        for change in changes:
            status = change.resource.status
            in_place = status.state in (pb.PROGRAMMED, pb.VERIFIED)
            if in_place and status.path and status.path[0].egress != other_than:
                return list(status.path)
    raise AssertionError("the watch ended")
