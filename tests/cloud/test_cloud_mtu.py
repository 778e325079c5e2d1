"""Packets between networks of different MTU: what is too large is reported by the router and does not arrive."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from cloud_lab import WAIT, CloudLab, cloud_lab
from scapy.layers.inet import ICMP, IP
from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6
from scapy.layers.l2 import Ether

from sdn.lab.host import Host
from sdn.v1 import resources_pb2 as pb

pytestmark = pytest.mark.lab
MTU = 1400
LARGE, SMALL = "tenants/red/networks/a", "tenants/red/networks/b"
ROUTER, ROUTER_MAC = "tenants/red/routers/r", "06:00:00:00:00:01"
HEADERS = {4: 28, 6: 48}
"""IP and UDP."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudLab]:
    with cloud_lab("leaf-spine:spines=2,leaves=2,hosts=8", tmp_path_factory.mktemp("cloud")) as lab:
        yield lab


@pytest.fixture
def smaller(lab: CloudLab) -> Iterator[None]:
    """Network b has the smaller MTU."""
    set_mtu(lab, MTU)
    yield
    set_mtu(lab, 1500)


def set_mtu(lab: CloudLab, mtu: int) -> None:
    network = lab.client.networks.update(pb.Network(name=SMALL, mtu=mtu), mask=["mtu"], wait=WAIT)
    assert (network.mtu, network.status.state) == (mtu, pb.PROGRAMMED)
    lab.forget_caches()


def hosts(lab: CloudLab, number: int) -> list[Host]:
    return [lab.hosts[name] for name, subnet in lab.subnet.items() if subnet == f"red-{number}"]


def packet(sender: Host, receiver: Host, version: int, size: int, mac: str = ROUTER_MAC, source: str = "") -> bytes:
    """A UDP packet of so many bytes from the IP header on."""
    target = receiver.address(version)
    assert target is not None
    frame = sender.udp(target, mac, b"x" * (size - HEADERS[version]), source=source)
    assert len(frame) == size + 14
    return frame


def report(lab: CloudLab, sender: Host, frame: bytes) -> Ether:
    """What the router tells the sender; nobody gets anything else."""
    got = lab.arrivals(sender.name, frame)
    for _ in range(200):  # the controller answers in its own time
        if got:
            break
        lab.network.settle()
        got = {sender.name: frames} if (frames := lab.network.received(sender.name)) else {}
    assert list(got) == [sender.name]
    (answer,) = got[sender.name]
    return Ether(answer)


def check_report(answer: Ether, sender: Host, version: int, gateway: str) -> None:
    assert (answer.src, answer.dst) == (ROUTER_MAC, sender.mac)
    if version == 4:
        assert (answer[IP].src, answer[IP].dst) == (gateway, str(sender.address(4)))
        assert (answer[ICMP].type, answer[ICMP].code, answer[ICMP].nexthopmtu) == (3, 4, MTU)
    else:
        assert (answer[IPv6].src, answer[IPv6].dst) == (gateway, str(sender.address(6)))
        assert answer[ICMPv6PacketTooBig].mtu == MTU


@pytest.mark.parametrize("version", [4, 6])
def test_into_a_network_with_a_smaller_mtu(lab: CloudLab, smaller: None, version: int) -> None:
    gateway = "10.0.1.1" if version == 4 else "fd00:0:0:1::1"
    for sender in (hosts(lab, 1)[0], hosts(lab, 1)[-1]):
        for receiver in (hosts(lab, 2)[0], hosts(lab, 2)[-1]):
            fits = lab.arrivals(sender.name, packet(sender, receiver, version, MTU))
            assert {name: [len(f) for f in frames] for name, frames in fits.items()} == {receiver.name: [MTU + 14]}
            assert Ether(fits[receiver.name][0]).dst == receiver.mac
            for size in (MTU + 1, 1500):
                check_report(report(lab, sender, packet(sender, receiver, version, size)), sender, version, gateway)


@pytest.mark.parametrize("version", [4, 6])
def test_the_other_way_and_within_networks_nothing_is_checked(lab: CloudLab, smaller: None, version: int) -> None:
    a, b = hosts(lab, 1), hosts(lab, 2)
    for sender, receiver, mac in ((b[0], a[-1], ROUTER_MAC), (a[0], a[-1], a[-1].mac), (b[0], b[-1], b[-1].mac)):
        assert list(lab.arrivals(sender.name, packet(sender, receiver, version, 1500, mac))) == [receiver.name]


def at_target(lab: CloudLab) -> list[bytes]:
    """Frames that came to the second place; no probes, which an interface gets while no port is bound to it."""
    return [frame for frame in lab.network.received("moved") if frame[12:14] != b"\x88\xcc"]


@pytest.mark.parametrize("version", [4, 6])
def test_static_routes_into_it_also_while_the_next_hop_moves(lab: CloudLab, smaller: None, version: int) -> None:
    sender, hop = hosts(lab, 1)[0], hosts(lab, 2)[-1]
    prefix, beyond = ("203.0.113.0/24", "203.0.113.7") if version == 4 else ("2001:db8:9::/48", "2001:db8:9::7")
    route = pb.StaticRoute(prefix=prefix, next_hop=str(hop.address(version)))
    lab.client.routers.update(pb.Router(name=ROUTER, routes=[route]), mask=["routes"], wait=WAIT)
    outside = Host.of("outside", "02:00:00:00:00:99", f"{beyond}/{24 if version == 4 else 48}")
    place, port = lab.place[hop.name], pb.Port(name=lab.port_of(hop.name))
    here = pb.Binding(switch=place.switch, interface=place.interface)
    there = pb.Binding(switch=lab.place["h1"].switch, interface="moved0")
    lab.network.add_host("moved", there.switch, there.interface)
    gateway = "10.0.1.1" if version == 4 else "fd00:0:0:1::1"
    try:
        for target in (None, there):
            port.binding.CopyFrom(here)
            if target is not None:
                port.migration_target.CopyFrom(target)
            lab.client.ports.update(port, mask=["binding", "migration_target"], wait=WAIT)
            lab.forget_caches()
            lab.network.received("moved")
            assert list(lab.arrivals(sender.name, packet(sender, outside, version, MTU))) == [hop.name]
            assert len(at_target(lab)) == (target is not None)
            check_report(report(lab, sender, packet(sender, outside, version, MTU + 1)), sender, version, gateway)
            assert at_target(lab) == []
            for switch in lab.network.topology.switches:
                found = lab.client.audit(switch)
                assert (found.missing, found.changed, found.extra) == (0, 0, 0), found
    finally:
        port.ClearField("migration_target")
        lab.client.ports.update(port, mask=["binding", "migration_target"], wait=WAIT)
        lab.client.routers.update(pb.Router(name=ROUTER), mask=["routes"], wait=WAIT)
        lab.network.remove_host("moved")


def test_networks_of_one_mtu_look_at_no_size(lab: CloudLab, smaller: None) -> None:
    def looking() -> list[str]:
        return [s for s in lab.network.topology.switches if "check_pkt_larger" in lab.network.flows(s)]

    assert looking() == ["leaf1", "leaf2"]
    set_mtu(lab, 1500)
    assert looking() == []
    sender, receiver = hosts(lab, 1)[0], hosts(lab, 2)[-1]
    for version in (4, 6):
        assert list(lab.arrivals(sender.name, packet(sender, receiver, version, 1500))) == [receiver.name]
