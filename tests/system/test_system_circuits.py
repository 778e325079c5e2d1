"""Bare circuits with the machines of Mininet: hosts without a port find each other through one, and nobody else."""

from collections.abc import Iterator

import pytest

pytestmark = pytest.mark.system
pytest.importorskip("mininet.net", reason="Mininet's Python package is not installed")
pytest.importorskip("sdn.app", reason="there is no daemon in this checkout")

from sdn_lab.lab import MininetLab  # noqa: E402 - only where Mininet is

from sdn.v1 import resources_pb2 as pb  # noqa: E402

LARGEST = 1482
"""Bytes of IP packet that fit: links of 1500 bytes, of which wrapping takes 18."""


@pytest.fixture(scope="module")
def lab() -> Iterator[MininetLab]:
    with MininetLab("linear:switches=3,hosts=1,capacity=1G") as lab:
        lab.client.tenants.create(pb.Tenant(name="tenants/red"))
        for number, host in enumerate(("h1", "h2", "h3"), 1):
            node = lab.network.node(host)
            node.cmd(f"ip addr flush dev {host}-eth0; ip addr add 10.7.0.{number}/24 dev {host}-eth0")
            node.cmd(f"ethtool -K {host}-eth0 tx off")
        yield lab


def pings(lab: MininetLab, source: str, number: int, size: int = 56) -> bool:
    """Whether one of three comes back. size: bytes of IP packet less 28."""
    text = lab.network.node(source).cmd(f"ping -c 3 -i 0.2 -W 1 -M do -s {size} 10.7.0.{number}")
    return " 0 received" not in text and " received" in text


def test_two_hosts_are_on_one_wire(lab: MininetLab) -> None:
    places = {host.name: f"{host.switch}:{host.interface}" for host in lab.network.topology.hosts}
    name = "tenants/red/connections/line"
    assert not pings(lab, "h1", 3)
    wish = pb.Connection(name=name, a=places["h1"], b=places["h3"], bandwidth_bps=1000)
    made = lab.client.connections.create(wish, wait=30)
    assert made.status.state in (pb.PROGRAMMED, pb.VERIFIED)
    assert [hop.switch for hop in made.status.path] == ["s1", "s2", "s3"]
    assert pings(lab, "h1", 3)
    assert pings(lab, "h3", 1, LARGEST - 28)
    assert not pings(lab, "h1", 3, LARGEST - 27), "larger ones do not fit into the links"
    assert not pings(lab, "h1", 2)
    assert not pings(lab, "h2", 3)
    lab.client.connections.delete(name, wait=30)
    assert not pings(lab, "h1", 3)


def test_a_root_and_two_leaves(lab: MininetLab) -> None:
    """What the root sends comes to both; leaves find the root and not each other."""
    places = {host.name: f"{host.switch}:{host.interface}" for host in lab.network.topology.hosts}
    name = "tenants/red/connections/tree"
    wish = pb.Connection(name=name, a=places["h2"], targets=[places["h1"], places["h3"]], bandwidth_bps=1000)
    made = lab.client.connections.create(wish, wait=30)
    assert made.status.state in (pb.PROGRAMMED, pb.VERIFIED)
    assert pings(lab, "h2", 1)
    assert pings(lab, "h2", 3)
    assert pings(lab, "h1", 2, LARGEST - 28)
    assert not pings(lab, "h1", 3)
    lab.client.connections.delete(name, wait=30)
    assert not pings(lab, "h2", 1)
