"""Static routes with packets: to a next hop near and far, into nothing, and while nobody has the next hop."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from cloud_lab import WAIT, CloudLab, cloud_lab
from scapy.layers.inet import ICMP, IP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from sdn.lab.host import Host
from sdn.v1 import resources_pb2 as pb

pytestmark = pytest.mark.lab
ROUTER = "tenants/red/routers/r"
ROUTER_MAC = "06:00:00:00:00:01"
BEYOND = {4: "203.0.113.7", 6: "2001:db8:9::7"}
DEFAULT = {4: "0.0.0.0/0", 6: "::/0"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudLab]:
    with cloud_lab("leaf-spine:spines=2,leaves=2,hosts=8", tmp_path_factory.mktemp("cloud")) as lab:
        yield lab


@pytest.fixture(autouse=True)
def no_routes_left(lab: CloudLab) -> Iterator[None]:
    yield
    set_routes(lab)


def set_routes(lab: CloudLab, *routes: tuple[str, str], state: int = pb.PROGRAMMED) -> pb.Router:
    wish = pb.Router(name=ROUTER, routes=[pb.StaticRoute(prefix=p, next_hop=hop) for p, hop in routes])
    made = lab.client.routers.update(wish, mask=["routes"], wait=WAIT)
    assert made.status.state == state, made.status
    lab.forget_caches()
    return made


def reds(lab: CloudLab) -> list[Host]:
    return [host for name, host in lab.hosts.items() if lab.tenant[name] == "red"]


def text(host: Host, version: int) -> str:
    return str(host.address(version))


def probe(lab: CloudLab, sender: Host, target: str, ttl: int = 9) -> dict[str, list[bytes]]:
    return lab.arrivals(sender.name, sender.udp(ip_address(target), ROUTER_MAC, ttl=ttl))


@pytest.mark.parametrize("version", [4, 6])
def test_every_host_reaches_what_is_behind_every_next_hop(lab: CloudLab, version: int) -> None:
    for hop in reds(lab):
        set_routes(lab, (DEFAULT[version], text(hop, version)))
        for sender in reds(lab):
            got = probe(lab, sender, BEYOND[version])
            if sender is hop:
                assert got == {}, "a switch sends nothing back to where it came from"
                continue
            assert list(got) == [hop.name]
            (frame,) = got[hop.name]
            packet = Ether(frame)
            assert (packet.src, packet.dst) == (ROUTER_MAC, hop.mac)
            assert (packet[IP].ttl if version == 4 else packet[IPv6].hlim) == 8
            assert (packet[IP].dst if version == 4 else packet[IPv6].dst) == BEYOND[version]
    blue = next(host for name, host in lab.hosts.items() if lab.tenant[name] == "blue")
    assert lab.arrivals(blue.name, blue.udp(ip_address(BEYOND[version]), "06:00:00:00:00:02")) == {}


@pytest.mark.parametrize("version", [4, 6])
def test_the_longest_prefix_wins_over_and_under_subnets(lab: CloudLab, version: int) -> None:
    """h1 and its neighbours are in network a; ``other`` and ``last`` in b, both with addresses in one subnet."""
    sender, hop = reds(lab)[0], next(h for h in reds(lab)[1:] if lab.subnet[h.name] == lab.subnet["h1"])
    other, last = [h for h in reds(lab) if lab.subnet[h.name] != lab.subnet["h1"]][:2]
    length = 32 if version == 4 else 128
    host_route = f"{text(other, version)}/{length}"
    assert list(probe(lab, sender, text(other, version))) == [other.name]
    set_routes(lab, (DEFAULT[version], "blackhole"))
    assert list(probe(lab, sender, text(other, version))) == [other.name], "the subnet is longer"
    assert probe(lab, sender, BEYOND[version]) == {}
    set_routes(lab, (DEFAULT[version], text(last, version)), (host_route, text(hop, version)))
    assert list(probe(lab, sender, text(other, version))) == [hop.name]
    assert list(probe(lab, sender, text(last, version))) == [last.name]
    assert list(probe(lab, sender, BEYOND[version])) == [last.name]
    set_routes(lab, (host_route, "blackhole"))
    assert probe(lab, sender, text(other, version)) == {}
    assert list(probe(lab, sender, text(last, version))) == [last.name]


def test_an_expired_ttl_ends_before_the_route(lab: CloudLab) -> None:
    sender, hop = reds(lab)[0], reds(lab)[-1]
    set_routes(lab, (DEFAULT[4], text(hop, 4)))
    assert probe(lab, sender, BEYOND[4], ttl=0) == {}
    (frame,) = probe(lab, sender, BEYOND[4], ttl=2)[hop.name]
    assert Ether(frame)[IP].ttl == 1
    got = probe(lab, sender, BEYOND[4], ttl=1)
    for _ in range(200):  # the controller answers in its own time
        if got:
            break
        lab.network.settle()
        got = {sender.name: frames} if (frames := lab.network.received(sender.name)) else {}
    assert [Ether(frame)[ICMP].type for frame in got.pop(sender.name)] == [11]
    assert got == {}


def test_a_next_hop_that_nobody_has_yet(lab: CloudLab) -> None:
    """Dropped and told; programmed as soon as a port has the address; dropped again when it goes."""
    sender, other = reds(lab)[0], reds(lab)[-1]
    made = set_routes(lab, (DEFAULT[4], "10.0.1.200"), ("198.51.100.0/24", text(other, 4)), state=pb.DEGRADED)
    assert made.status.reason == "NextHopMissing"
    assert "10.0.1.200 to 0.0.0.0/0" in made.status.message
    assert probe(lab, sender, BEYOND[4]) == {}
    assert list(probe(lab, sender, "198.51.100.9")) == [other.name]
    port = lab.client.ports.get(lab.port_of(sender.name))
    with_hop = pb.Port(name=port.name, addresses=[*port.addresses, "10.0.1.200"])
    lab.client.ports.update(with_hop, mask=["addresses"], wait=WAIT)
    try:
        assert lab.client.routers.get(ROUTER).status.state == pb.PROGRAMMED
        lab.forget_caches()
        near = reds(lab)[1]
        assert list(probe(lab, near, BEYOND[4])) == [sender.name]
    finally:
        before = pb.Port(name=port.name, addresses=port.addresses)
        lab.client.ports.update(before, mask=["addresses"], wait=WAIT)
    assert lab.client.routers.get(ROUTER).status.state == pb.DEGRADED
    lab.forget_caches()
    assert probe(lab, reds(lab)[1], BEYOND[4]) == {}


def test_the_switches_hold_what_was_compiled(lab: CloudLab) -> None:
    """Every form of a static route is read back as it was written."""
    hop = reds(lab)[-1]
    host_routes = [(f"10.0.{n}.99/32", text(hop, 4)) for n in (1, 2)] + [("fd00:0:0:2::99/128", text(hop, 6))]
    wide = [(DEFAULT[v], text(hop, v)) for v in (4, 6)] + [("10.0.0.0/8", "blackhole"), ("fd00::/8", text(hop, 6))]
    set_routes(lab, *host_routes, *wide)
    for switch in lab.network.topology.switches:
        report = lab.client.audit(switch)
        assert (report.missing, report.changed, report.extra) == (0, 0, 0), report
