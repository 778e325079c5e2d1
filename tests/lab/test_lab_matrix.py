import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from lab_topologies import line

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS, IPv6
from scapy.layers.l2 import ARP, Ether

from sdn.lab import LabNetwork
from sdn.lab.host import Host, answer_of
from sdn.lab.matrix import Matrix, reachability

A = Host.of("a", "02:00:00:00:00:0a", "10.0.0.1/24", "2001:db8::1/64", gateways=("10.0.0.254", "2001:db8::ff"))
B = Host.of("b", "02:00:00:00:00:0b", "10.0.0.2/24", "2001:db8::2/64")


def test_next_hop() -> None:
    assert A.next_hop(ip_address("10.0.0.9")) == ip_address("10.0.0.9")
    assert A.next_hop(ip_address("10.0.1.9")) == ip_address("10.0.0.254")
    assert A.next_hop(ip_address("2001:db8:1::9")) == ip_address("2001:db8::ff")
    assert B.next_hop(ip_address("10.0.1.9")) is None
    assert Host.of("c", "02:00:00:00:00:0c").next_hop(ip_address("10.0.0.1")) is None


def test_arp_frames() -> None:
    request = Ether(A.ask(IPv4Address("10.0.0.2")))
    assert (request.src, request.dst, request[ARP].op) == (A.mac, "ff:ff:ff:ff:ff:ff", 1)
    assert (request[ARP].psrc, request[ARP].pdst, request[ARP].hwsrc) == ("10.0.0.1", "10.0.0.2", A.mac)
    forged = Ether(A.arp_request(IPv4Address("10.0.0.2"), source="10.0.0.9", mac=B.mac))
    assert (forged.src, forged[ARP].hwsrc, forged[ARP].psrc) == (A.mac, B.mac, "10.0.0.9")
    assert answer_of(A.arp_reply(B)) == (ip_address("10.0.0.1"), A.mac)
    assert answer_of(A.arp_request(IPv4Address("10.0.0.2"))) is None


def test_neighbour_discovery_frames() -> None:
    target = IPv6Address("2001:db8::2")
    request = Ether(A.ask(target))
    assert request.dst == "33:33:ff:00:00:02"
    assert request[IPv6].hlim == 255
    assert request[IPv6].dst == "ff02::1:ff00:2"
    assert request[ICMPv6ND_NS].tgt == "2001:db8::2"
    assert answer_of(A.advertisement(B)) == (ip_address("2001:db8::1"), A.mac)
    assert Ether(A.advertisement(B, target="2001:db8::7"))[ICMPv6ND_NA].tgt == "2001:db8::7"


@pytest.mark.parametrize("target", ["10.0.0.2", "2001:db8::2"])
def test_packets_have_right_checksums_and_addresses(target: str) -> None:
    address = ip_address(target)
    network, echo = (IP, ICMP) if address.version == 4 else (IPv6, ICMPv6EchoRequest)
    for frame, layer in (
        (A.udp(address, B.mac, b"x", ttl=3), UDP),
        (A.tcp_syn(address, B.mac), TCP),
        (A.echo(address, B.mac, b"x"), echo),
    ):
        packet = Ether(frame)
        assert (packet.src, packet.dst) == (A.mac, B.mac)
        assert (packet[network].src, packet[network].dst) == (str(A.address(address.version)), target)
        field = "cksum" if layer is ICMPv6EchoRequest else "chksum"
        given = getattr(packet[layer], field)
        delattr(packet[layer], field)
        assert getattr(Ether(bytes(packet))[layer], field) == given
    assert Ether(A.udp(address, B.mac, ttl=3))[network].fields["ttl" if address.version == 4 else "hlim"] == 3


def test_group_addresses() -> None:
    assert Ether(A.broadcast(b"x")).dst == "ff:ff:ff:ff:ff:ff"
    assert Ether(A.multicast(ip_address("239.129.2.3"), b"x")).dst == "01:00:5e:01:02:03"
    assert Ether(A.multicast(ip_address("ff15::1:2"), b"x")).dst == "33:33:00:01:00:02"
    assert Ether(A.ethernet(B.mac, b"x")).type == 0x88B5


def test_matrix_tells_differences() -> None:
    matrix = Matrix(tried={("a", "b"), ("b", "a"), ("a", "c")})
    matrix.receivers = {("a", "b"): ["b", "b"], ("a", "c"): ["c", "b"]}
    text = matrix.explain({("a", "b"), ("b", "a"), ("c", "a")})
    assert text.splitlines() == [
        "b does not reach a",
        "a reaches c, but must not",
        "b got 2 copies of a packet from a",
    ]
    assert matrix.strays == {(("a", "c"), "b")}
    assert "b gets what a sends to c, but must not" in matrix.explain({("a", "c")})
    assert Matrix(tried={("a", "b")}).explain(()) == ""


class Hub:
    """A wire on which everybody hears everybody, and where hosts answer ARP for themselves."""

    def __init__(self, hosts: Iterable[Host], *, answers: bool) -> None:
        self.hosts = {host.name: host for host in hosts}
        self.frames: dict[str, list[bytes]] = {name: [] for name in self.hosts}
        self.answers = answers

    def send_all(self, frames: Iterable[tuple[str, bytes]]) -> None:
        for sender, frame in frames:
            for name, host in self.hosts.items():
                if name == sender:
                    continue
                packet = Ether(frame)
                if packet.dst in (host.mac, "ff:ff:ff:ff:ff:ff"):
                    self.frames[name].append(frame)
                if self.answers and ARP in packet and packet[ARP].pdst == str(host.address(4)):
                    self.frames[sender].append(host.arp_reply(self.hosts[sender]))

    def received(self, host: str) -> list[bytes]:
        frames, self.frames[host] = self.frames[host], []
        return frames

    def settle(self) -> None:
        pass


@pytest.mark.parametrize("answers", [True, False])
def test_a_leak_is_seen_though_nobody_answers(answers: bool) -> None:
    hub = Hub([A, B], answers=answers)
    matrix = reachability(hub, [A, B])
    assert matrix.reached == {("a", "b"), ("b", "a")}
    assert (not matrix.unresolved) == answers


def test_same_address_in_two_tenants() -> None:
    """The packet goes to whoever answered, as a real sender's would, and counts for him alone."""
    twin = Host.of("twin", "02:00:00:00:00:ff", "10.0.0.2/24")
    hub = Hub([A, B, twin], answers=True)
    matrix = reachability(hub, [A, B, twin], pairs={("a", "b"), ("a", "twin")})
    assert len(matrix.reached) == 1
    assert len(matrix.strays) == 1


@pytest.fixture(params=["socket", "patch"])
def network(request: pytest.FixtureRequest) -> Iterator[LabNetwork]:
    """Three learning switches; each has one host in each of two VLANs."""
    with LabNetwork(line(3, hosts=2), links=request.param) as network:
        for switch in network.topology.switches:
            for interface in network.ports(switch):
                if match := re.fullmatch(r"p\d-(\d)", interface):
                    network.ovs_of(switch).vsctl("set", "port", interface, f"tag={match[1]}")
            network.ofctl(switch, "add-flow", "actions=NORMAL")
        yield network


@pytest.mark.lab
@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("protocol", ["udp", "tcp", "icmp"])
def test_real_switches_with_two_vlans(network: LabNetwork, version: int, protocol: str) -> None:
    hosts = [
        Host.of(f"h{s}-{n}", f"02:00:00:00:0{n}:0{s}", f"10.0.0.{s}{n}/24", f"2001:db8::{s}{n}/64")
        for s in (1, 2, 3)
        for n in (1, 2)
    ]
    together = {(a.name, b.name) for a in hosts for b in hosts if a is not b and a.name[-1] == b.name[-1]}
    matrix = reachability(network, hosts, version=version, protocol=protocol, expected=together, timeout=0.2)  # type: ignore[arg-type]
    assert matrix.explain(together) == ""
    assert len(matrix.tried) == 30
    # Nobody in this network answers ARP but for itself, and these hosts are silent.
    assert len(matrix.unresolved) == 30
