"""Learning mode on private switches: hosts that nobody declared reach each other, and nothing goes round in circles."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from time import monotonic

import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from sdn.client import Client
from sdn.graph import assign_interfaces, load_topology
from sdn.lab import LabNetwork
from sdn.lab.daemon import Daemon, free_port
from sdn.lab.host import Host
from sdn.v1 import resources_pb2 as pb

pytestmark = pytest.mark.lab
NETWORK = "tenants/lab/networks/all"
SPECS = ("ring:switches=4,hosts=1", "torus:x=3,y=3", "linear:switches=1,hosts=3")
WAIT = 20.0
Arrived = dict[str, list[bytes]]


class Lab:
    """hosts: by name, 02:…:n with 10.0.0.n and fd00::n, none of them declared."""

    def __init__(self, client: Client, daemon: Daemon, network: LabNetwork) -> None:
        self.client, self.daemon, self.network = client, daemon, network
        self.hosts = {
            place.name: Host.of(place.name, f"02:00:00:00:00:{n:02x}", f"10.0.0.{n}/24", f"fd00::{n:x}/64")
            for n, place in enumerate(network.topology.hosts, 1)
        }

    def ports(self) -> list[pb.Port]:
        return list(self.client.ports.list("tenants/lab"))

    def learned(self) -> list[tuple[str, str, list[str], str, str]]:
        """What was learned: name, MAC, addresses, interface, and the etag of the last write."""
        return [(p.name, p.mac, list(p.addresses), p.binding.interface, p.metadata.etag) for p in self.ports()]

    def until(self, done: Callable[[], bool]) -> None:
        end = monotonic() + WAIT
        while not done():
            assert monotonic() < end, self.daemon.log_tail()

    def silent(self) -> int:
        return sum(port.metadata.labels["learned"] == "silent" for port in self.ports())

    def send(self, sender: str, *frames: bytes, until: int) -> Arrived:
        """What comes to each host until it is that many frames altogether and none is on its way any more."""
        for host in self.hosts:
            self.network.received(host)
        self.network.send(sender, *frames)
        found: Arrived = {host: [] for host in self.hosts}
        end = monotonic() + WAIT
        while sum(map(len, found.values())) < until and monotonic() < end:
            self._collect(found)
        self.network.settle()
        self._collect(found)
        return {host: got for host, got in found.items() if got}

    def _collect(self, found: Arrived) -> None:
        for host in self.hosts:
            found[host] += self.network.received(host)

    def crossings(self) -> int:
        """Labelled frames that came in at links, in all switches."""
        for switch in self.network.topology.switches:  # what the datapath has counted is told once in a while
            self.network.ovs_of(switch).appctl("revalidator/purge")
        text = "\n".join(self.network.ofctl(name, "dump-flows", "table=0") for name in self.network.topology.switches)
        return sum(int(n) for n in re.findall(r"n_packets=(\d+).*dl_dst=02:00:00:00:00:00/03", text))


@pytest.fixture(params=SPECS)
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """All hosts have been found, and none has spoken."""
    daemon = Daemon(tmp_path_factory.mktemp("learn"), openflow=free_port(), grpc=free_port(), learn=NETWORK)
    topology = assign_interfaces(load_topology(request.param))
    with daemon, Client(daemon.address, timeout=WAIT) as client:
        daemon.wait_answers(client)
        with LabNetwork(topology, controller=f"tcp:127.0.0.1:{daemon.openflow}") as network:
            lab = Lab(client, daemon, network)
            lab.until(lambda: len(lab.ports()) >= len(lab.hosts))
            lab.until(lambda: {port.status.state for port in lab.ports()} == {pb.PROGRAMMED})
            yield lab


def test_first_frames_arrive_and_each_once(lab: Lab) -> None:
    """What a first ping is made of: a broadcast from an unknown host, and an answer from another one."""
    assert sorted(port.binding.interface for port in lab.ports()) == sorted(
        host.interface for host in lab.network.topology.hosts
    ), "no link is taken for a host"
    names = list(lab.hosts)
    a, b = lab.hosts[names[0]], lab.hosts[names[-1]]
    assert b.ip is not None
    others = [name for name in names if name != a.name]
    question = a.arp_request(b.ip.ip)
    assert lab.send(a.name, question, until=len(others)) == {name: [question] for name in others}
    answer = b.arp_reply(a)
    assert lab.send(b.name, answer, until=1) == {a.name: [answer]}
    ping = a.echo(b.ip.ip, b.mac, b"first")
    assert lab.send(a.name, ping, until=1) == {b.name: [ping]}
    learned = {port.mac: list(port.addresses) for port in lab.ports() if port.metadata.labels["learned"] == "true"}
    assert learned == {a.mac: ["10.0.0.1"], b.mac: [str(b.ip.ip)]}


def test_hosts_that_have_spoken_reach_each_other_and_switches_hold_their_programs(lab: Lab) -> None:
    hosts = list(lab.hosts.values())
    for host in hosts:
        for version in (4, 6):
            address = host.address(version)
            assert address is not None
            lab.send(host.name, host.ask(address), until=len(hosts) - 1)
    assert lab.silent() == 0
    for a in hosts:
        for b in hosts:
            for version in (4, 6):
                target = b.address(version)
                assert target is not None
                if a is not b:
                    packet = a.udp(target, b.mac, f"{a.name} to {b.name}".encode())
                    assert lab.send(a.name, packet, until=1) == {b.name: [packet]}
    for switch in lab.network.topology.switches:
        report = lab.client.audit(f"{lab.network.topology.switches[switch]:016x}")
        assert (report.missing, report.changed, report.extra) == (0, 0, 0)


def test_a_flood_crosses_every_link_as_often_as_the_ways_are_long(lab: Lab) -> None:
    """Frames to everybody go along trees: what crosses links is what the shortest ways cost, and no more."""
    sender = next(iter(lab.hosts.values()))
    others = len(lab.hosts) - 1
    assert sender.ip is not None
    lab.send(sender.name, sender.arp_request(sender.ip.ip), until=others)
    frames = [sender.broadcast(bytes([n])) for n in range(20)]
    first = lab.crossings()
    assert lab.send(sender.name, frames[0], until=others).keys() == lab.hosts.keys() - {sender.name}
    cost = lab.crossings() - first
    arrived = lab.send(sender.name, *frames, until=others * len(frames))
    assert arrived == {name: frames for name in lab.hosts if name != sender.name}
    assert lab.crossings() - first == cost * (1 + len(frames))


def test_unknown_unicast_reaches_those_alone_who_have_not_spoken(lab: Lab) -> None:
    a, b, *rest = lab.hosts.values()
    assert a.ip is not None
    assert b.ip is not None
    for host in (a, b):
        lab.send(host.name, host.arp_request(a.ip.ip), until=len(lab.hosts) - 1)
    before = lab.crossings()
    packet = a.udp(b.ip.ip, "02:00:00:00:00:99", b"who are you?")
    assert lab.send(a.name, packet, until=len(rest)) == {host.name: [packet] for host in rest}
    assert lab.crossings() == before, "no label is on the way"


def test_forged_labels_and_tagged_frames_of_unknown_hosts_reach_nobody(lab: Lab) -> None:
    a, *others = lab.hosts.values()
    services = [*range(1, 40), *(1 << 23 | n for n in range(1, 4))]
    assert a.ip is not None
    labels = [f"42:00:{t:02x}:{s >> 16:02x}:{s >> 8 & 255:02x}:{s & 255:02x}" for t in range(1, 6) for s in services]
    frames = [a.udp(a.ip.ip, label, b"forged", source="0.0.0.0") for label in labels]
    lab.send(a.name, a.broadcast(b"hello"), until=len(others))
    for host in others:
        lab.send(host.name, host.broadcast(b"hello"), until=len(others))
    assert lab.send(a.name, *frames, until=0) == {}
    tagged = a.broadcast(b"tagged")
    assert lab.send(a.name, tagged[:12] + b"\x81\x00\x00\x05" + tagged[12:], until=0) == {}


def test_a_restart_writes_no_flow_and_keeps_what_was_learned(lab: Lab) -> None:
    hosts = list(lab.hosts.values())
    for host in hosts:
        lab.send(host.name, host.broadcast(b"hello"), until=len(hosts) - 1)
    before = lab.learned()
    start = monotonic()
    lab.daemon.stop(kill=True)
    packet = hosts[0].udp(hosts[1].ip.ip, hosts[1].mac, b"meanwhile") if hosts[1].ip else b""
    assert lab.send(hosts[0].name, packet, until=1) == {hosts[1].name: [packet]}
    lab.daemon.start()
    lab.daemon.wait_answers(lab.client)
    lab.client.wait_ready(WAIT)
    lab.until(lambda: {port.status.state for port in lab.ports()} == {pb.PROGRAMMED})
    assert lab.learned() == before
    seconds = monotonic() - start
    for switch in lab.network.topology.switches:
        ages = [float(age) for age in re.findall(r"duration=([\d.]+)s", lab.network.flows(switch))]
        assert ages
        assert min(ages) > seconds, f"{switch} was written to"
