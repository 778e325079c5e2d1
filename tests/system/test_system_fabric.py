"""A fat tree under sdnd with real packets: matrices, all core links in use, forged frames, labels, connections."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.system
pytest.importorskip("mininet.net", reason="Mininet's Python package is not installed")
inet = pytest.importorskip("scapy.layers.inet")
inet6 = pytest.importorskip("scapy.layers.inet6")
l2 = pytest.importorskip("scapy.layers.l2")

from sdn_lab.agent import message  # noqa: E402 - only where Mininet is
from sdn_lab.intent import Endpoint  # noqa: E402
from sdn_lab.lab import MininetLab  # noqa: E402

from sdn.client import ApiError  # noqa: E402
from sdn.graph import load_topology  # noqa: E402
from sdn.v1 import resources_pb2 as pb  # noqa: E402

TOPOLOGY = "fat-tree:k=4,capacity=1G"
ROUNDS = 20
_tags = itertools.count(1)


def manifest() -> str:
    """Tenants red and blue with the same addresses; each has networks a and b, joined by a router; hosts in turn."""
    documents = []
    for tenant in ("red", "blue"):
        documents.append(f"kind: Tenant\nname: tenants/{tenant}")
        subnets = []
        for number, network in ((1, "a"), (2, "b")):
            documents.append(f"kind: Network\nname: tenants/{tenant}/networks/{network}")
            for version, cidr in (("v4", f"10.0.{number}.0/24"), ("v6", f"fd00:0:0:{number}::/64")):
                subnets.append(f"{network}-{version}")
                name = f"tenants/{tenant}/subnets/{network}-{version}"
                documents.append(f"kind: Subnet\nname: {name}\nnetwork: {network}\ncidr: {cidr}")
        documents.append(f"kind: Router\nname: tenants/{tenant}/routers/r\nsubnets: [{', '.join(subnets)}]")
    for index, host in enumerate(load_topology(TOPOLOGY).hosts):
        tenant, number = ("red", "blue")[index % 2], index // 2 + 10
        network, subnet = (("a", 1), ("b", 2))[index // 2 % 2]
        documents.append(
            f"kind: Port\nname: tenants/{tenant}/ports/{host.name}\nnetwork: {network}\n"
            f"mac: 02:00:00:00:0{subnet}:{number:02x}\n"
            f'addresses: [10.0.{subnet}.{number}, "fd00:0:0:{subnet}::{number}"]\n'
            f"binding: {{switch: {host.switch}, interface: {host.interface}}}"
        )
    return "\n---\n".join(documents) + "\n"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MininetLab]:
    file: Path = tmp_path_factory.mktemp("fabric") / "cloud.yaml"
    file.write_text(manifest())
    with MininetLab(TOPOLOGY) as lab:
        lab.apply(file)
        yield lab


def reached(lab: MininetLab, sender: str, *frames: bytes, until: set[str] | None = None) -> set[str]:
    """Hosts on whose wire one of these frames comes in: all of ``until``, or within the time that others need."""
    tag = f"f{next(_tags)}"
    lab.agents.ask({name: {"op": "seen"} for name in lab.endpoints})
    marked = [(frame + message(tag)).hex() for frame in frames]
    for start in range(0, len(marked), 50):
        lab.agents.ask({sender: {"op": "frames", "frames": marked[start : start + 50]}})
    found: set[str] = set()
    deadline = time.monotonic() + (10.0 if until else 1.0)
    while time.monotonic() < deadline and (until is None or not until <= found):
        answers = lab.agents.ask({name: {"op": "seen"} for name in lab.endpoints})
        found |= {name for name, answer in answers.items() if tag in answer["frames"]}
    return found


def pair(lab: MininetLab, sender: str = "h1") -> tuple[Endpoint, Endpoint]:
    """A host and another one of its network, on another switch."""
    a = lab.endpoints[sender]
    return a, next(e for e in reversed(lab.endpoints.values()) if e.network == a.network and e.host != a.host)


def ip_of(end: Endpoint, version: int = 4) -> str:
    address = end.address(version)
    assert address is not None
    return str(address.interface.ip)


def frame(a: Endpoint, b: Endpoint, *, mac: str = "", source: str = "", version: int = 4) -> bytes:
    """A UDP packet from a to b without payload, honest unless told otherwise."""
    ip = inet.IP if version == 4 else inet6.IPv6
    packet = ip(src=source or ip_of(a, version), dst=ip_of(b, version)) / inet.UDP(sport=9, dport=9, len=48)
    if version == 4:
        packet.len = 20 + 48
    else:
        packet.plen = 48
    return bytes(l2.Ether(src=mac or a.mac, dst=b.mac) / packet)


@pytest.mark.parametrize(("version", "protocol"), [(4, "ping"), (6, "ping"), (4, "tcp"), (6, "udp")])
def test_matrix(lab: MininetLab, version: int, protocol: str) -> None:
    matrix = lab.matrix(version, protocol)  # type: ignore[arg-type]
    assert matrix.explain() == ""
    assert (len(matrix.tried), len(matrix.expected)) == (16 * 15, 2 * 8 * 7)


def test_broadcast_and_multicast_stay_in_their_network(lab: MininetLab) -> None:
    a = lab.endpoints["h1"]
    members = {e.host for e in lab.endpoints.values() if e.network == a.network} - {"h1"}
    assert lab.broadcast("h1", "all") == members
    group = l2.Ether(src=a.mac, dst="01:00:5e:01:02:03") / inet.IP(src=ip_of(a), dst="239.1.2.3", len=68)
    assert reached(lab, "h1", bytes(group / inet.UDP(sport=9, dport=9, len=48)), until=members) == members


def labelled_packets(lab: MininetLab, switch: str) -> dict[str, int]:
    """Frames with a label that came in, by port."""
    found = {}
    for line in lab.network.ofctl(switch, "dump-flows", "table=0").splitlines():
        match = re.search(r"n_packets=(\d+).*in_port=\"?([\w-]+)\"?,.*dl_dst=02:00:00:00:00:00/03", line)
        if match:
            found[match[2]] = int(match[1])
    return found


def test_every_core_link_carries_traffic_both_ways(lab: MininetLab) -> None:
    topology = lab.network.topology
    tops = [name for name in topology.switches if name.startswith(("core", "agg"))]
    idle = {"all"}
    for _ in range(ROUNDS):
        assert lab.matrix(4, "tcp").explain() == ""
        counts = {(switch, port): n for switch in tops for port, n in labelled_packets(lab, switch).items()}
        assert len(counts) == 4 * 4 + 8 * 4
        idle = {f"{switch} port {port}" for (switch, port), n in counts.items() if not n}
        if not idle:
            return
    assert not idle


@pytest.mark.parametrize("version", [4, 6])
def test_forged_sources_reach_nobody(lab: MininetLab, version: int) -> None:
    a, b = pair(lab)
    other = next(e for e in lab.endpoints.values() if e.network == a.network and e.host not in (a.host, b.host))
    assert reached(lab, a.host, frame(a, b, version=version), until={b.host}) == {b.host}, "an honest one arrives"
    forged = [
        frame(a, b, mac=other.mac, version=version),
        frame(a, b, source=ip_of(other, version), version=version),
        frame(a, b, mac=other.mac, source=ip_of(other, version), version=version),
        frame(a, b, source="192.0.2.1" if version == 4 else "2001:db8::1", version=version),
    ]
    assert reached(lab, a.host, *forged) == set()


def test_forged_arp_and_neighbour_discovery_reach_nobody(lab: MininetLab) -> None:
    a, b = pair(lab)
    other = next(e for e in lab.endpoints.values() if e.network == a.network and e.host not in (a.host, b.host))

    def arp(sha: str, spa: str, src: str, op: int = 2) -> bytes:
        reply = l2.ARP(op=op, hwsrc=sha, psrc=spa, hwdst=b.mac, pdst=ip_of(b))
        return bytes(l2.Ether(src=src, dst=b.mac) / reply)

    def advertisement(target: str, mac: str) -> bytes:
        packet = inet6.IPv6(src=ip_of(a, 6), dst=ip_of(b, 6), hlim=255) / inet6.ICMPv6ND_NA(tgt=target, R=0)
        return bytes(l2.Ether(src=a.mac, dst=b.mac) / packet / inet6.ICMPv6NDOptDstLLAddr(lladdr=mac))

    assert reached(lab, a.host, arp(a.mac, ip_of(a), a.mac), until={b.host}) == {b.host}, "an honest one arrives"
    forged = [
        arp(a.mac, ip_of(other), a.mac),
        arp(other.mac, ip_of(a), a.mac),
        arp(other.mac, ip_of(other), other.mac),
        arp(a.mac, "10.0.1.1", a.mac),
        arp(a.mac, "10.0.1.1", a.mac, op=1),
        advertisement(ip_of(other, 6), a.mac),
        advertisement(ip_of(a, 6), other.mac),
        advertisement("fd00:0:0:1::1", a.mac),
        bytes(
            l2.Ether(src=a.mac, dst="33:33:00:00:00:01")
            / inet6.IPv6(src=ip_of(a, 6), dst="ff02::1", hlim=255)
            / inet6.ICMPv6ND_RA()
        ),
    ]
    assert reached(lab, a.host, *forged) == set()


def test_guessed_labels_reach_nobody(lab: MininetLab) -> None:
    """All egress switches with all endpoints and flood sets there are, as nodes and as paths."""
    a, b = pair(lab)
    honest = frame(a, b)[6:]
    services = [*range(1, 20), *(1 << 23 | n for n in range(1, 6))]
    labels = [
        bytes([kind]) + transport.to_bytes(2, "big") + service.to_bytes(3, "big")
        for kind in (0x42, 0x82)
        for transport in range(1, 21)
        for service in services
    ]
    assert reached(lab, a.host, *(label + honest for label in labels)) == set()


def test_link_cut_and_back(lab: MininetLab) -> None:
    for link in (("edge1_1", "agg1_1"), ("agg2_1", "core1")):
        lab.cut(link)
        try:
            assert lab.matrix(4).explain() == ""
        finally:
            lab.mend(link)
            lab.ready()
    assert lab.matrix(4).explain() == ""
    assert lab.matrix(6).explain() == ""


def test_switch_killed_and_back(lab: MininetLab) -> None:
    lab.stop_switch("core1")
    try:
        assert lab.matrix(4).explain() == ""
    finally:
        lab.start_switch("core1")
        lab.ready()
    assert lab.matrix(4).explain() == ""


def test_connections_take_their_own_paths_and_what_does_not_fit_is_refused(lab: MininetLab) -> None:
    """The edge switch of h1 has two links of 1 Gbit/s up: two connections of 900 Mbit/s fit, a third one does not."""
    a, b = pair(lab)
    away = lab.network.topology.hosts[4:]
    c, d = [e for e in (lab.endpoints[h.name] for h in away) if e.tenant == a.tenant and e.host != b.host][:2]
    client = lab.client
    names = [f"tenants/red/connections/{name}" for name in "cde"]
    wishes = [
        pb.Connection(name=name, a=a.port, b=end.port, bandwidth_bps=900_000_000)
        for name, end in zip(names, (b, c, d), strict=True)
    ]
    try:
        first, second = (client.connections.create(wish, wait=20) for wish in wishes[:2])
        assert {first.status.state, second.status.state} <= {pb.PROGRAMMED, pb.VERIFIED}
        assert first.status.path[0].egress != second.status.path[0].egress
        assert client.connections.get(names[0]).status.path == first.status.path
        with pytest.raises(ApiError) as refused:
            client.connections.create(wishes[2])
        assert refused.value.code.name == "RESOURCE_EXHAUSTED"
        assert refused.value.violations[0].field == "connection.bandwidth_bps"
        assert "100000000 bit/s" in str(refused.value)
        before = steered_packets(lab, "edge1_1")
        for _ in range(ROUNDS):  # Open vSwitch reports what it counted once in a while
            assert lab.matrix(4, "tcp").explain() == ""
            if steered_packets(lab, "edge1_1") > before:
                break
        assert steered_packets(lab, "edge1_1") > before
    finally:
        for name in [c.name for c in client.connections.list()]:
            client.connections.delete(name, wait=20)
    assert all(link.reserved_ab_bps == link.reserved_ba_bps == 0 for link in client.topology().links)
    assert lab.matrix(4).explain() == ""


def steered_packets(lab: MininetLab, switch: str) -> int:
    """Packets that took a connection at this switch."""
    lines = lab.network.ofctl(switch, "dump-flows", "table=30").splitlines()
    return sum(int(re.search(r"n_packets=(\d+)", line)[1]) for line in lines if "reg1=" in line)  # type: ignore[index]
