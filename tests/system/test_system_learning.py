"""Learning mode with real packets: Mininet's own topologies and switches, as ``mn --controller remote`` makes them.

Nothing of ours is in the network but the controller; only names differ, so that no other lab is disturbed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.system
pytest.importorskip("mininet.net", reason="Mininet's Python package is not installed")

from mininet.log import setLogLevel  # noqa: E402 - only where Mininet is
from mininet.net import Mininet  # noqa: E402
from mininet.node import OVSSwitch, RemoteController  # noqa: E402
from mininet.topo import LinearTopo, Topo  # noqa: E402
from mininet.topolib import TorusTopo, TreeTopo  # noqa: E402

from sdn.client import Client  # noqa: E402
from sdn.lab.daemon import Daemon, free_port  # noqa: E402

NETWORK = "tenants/lab/networks/all"
PREFIX = f"q{os.getpid() % 1000}"
TOPOLOGIES = {"tree,3": lambda: TreeTopo(3, 2), "torus,3,3": lambda: TorusTopo(3, 3), "linear,4": lambda: LinearTopo(4)}
HOSTS = {"tree,3": 8, "torus,3,3": 9, "linear,4": 4}


class Renamed(Topo):  # type: ignore[misc]
    """Another topology with a prefix before all names; datapath ids as Mininet makes them of the old names."""

    def build(self, topology: Topo) -> None:
        """Mininet's hook."""
        for name in topology.nodes():
            if topology.isSwitch(name):
                dpid = topology.nodeInfo(name).get("dpid") or f"{int(re.sub(r'[^0-9]', '', name)):016x}"
                self.addSwitch(PREFIX + name, dpid=dpid)
            else:
                self.addHost(PREFIX + name)
        for a, b in topology.links():
            self.addLink(PREFIX + a, PREFIX + b)


@pytest.fixture(params=TOPOLOGIES)
def net(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Any, Client, int]]:
    """Just started: hosts have not been found yet. With the client, and how many hosts there are."""
    setLogLevel("warning")
    daemon = Daemon(tmp_path, openflow=free_port(), grpc=free_port(), learn=NETWORK)
    with daemon, Client(daemon.address) as client:
        daemon.wait_answers(client)
        net = Mininet(
            topo=Renamed(TOPOLOGIES[request.param]()),
            switch=lambda name, **params: OVSSwitch(name, datapath="user", **params),
            controller=lambda name: RemoteController(name, port=daemon.openflow),
            waitConnected=True,
        )
        try:
            net.start()
            yield net, client, HOSTS[request.param]
        finally:
            net.stop()


def received(net: Any) -> int:
    """Packets that came to all hosts and all switch ports."""
    paths = "/sys/class/net/*-eth*/statistics/rx_packets"
    total = sum(int(line) for host in net.hosts for line in host.cmd(f"cat {paths.replace('*', host.name, 1)}").split())
    names = [interface.name for switch in net.switches for interface in switch.intfList() if "-eth" in interface.name]
    return total + sum(int(Path(f"/sys/class/net/{name}/statistics/rx_packets").read_text()) for name in names)


def test_pingall_loses_nothing_and_nothing_storms(net: tuple[Any, Client, int]) -> None:
    network, client, hosts = net
    pairs = hosts * (hosts - 1)
    before = received(network)
    assert network.pingAll() == 0.0
    assert network.pingAll() == 0.0
    packets = received(network) - before
    # Two pings of two packets over at most eight ports for each pair, ARP of each pair to all, and as much again for
    # probes, neighbour discovery and the like. A loop makes thousands in a second.
    assert packets < 2 * (pairs * 2 * 2 * 8 + pairs * hosts * 8)
    ports = list(client.ports.list("tenants/lab"))
    assert len(ports) == hosts
    learned = {address for port in ports for address in port.addresses}
    assert learned >= {host.IP() for host in network.hosts}
    assert {port.mac for port in ports} == {host.MAC() for host in network.hosts}


def test_hosts_are_heard_though_everybody_knows_all_addresses_already(net: tuple[Any, Client, int]) -> None:
    """As with ``mn --arp``: nobody asks by broadcast, so the first packets go to MACs that nobody has heard.

    Nobody repeats them either, and frames from a port in quarantine are dropped: it must be over.
    """
    network, client, hosts = net
    found: set[str] = set()
    with client.ports.watch() as changes:
        while len(found) < hosts:
            found.add(next(changes).resource.name)
    network.staticArp()
    assert network.pingAll() == 0.0


def test_a_daemon_killed_and_back_disturbs_nobody(tmp_path: Path) -> None:
    setLogLevel("warning")
    daemon = Daemon(tmp_path, openflow=free_port(), grpc=free_port(), learn=NETWORK)
    with daemon, Client(daemon.address) as client:
        daemon.wait_answers(client)
        net = Mininet(
            topo=Renamed(LinearTopo(3)),
            switch=lambda name, **params: OVSSwitch(name, datapath="user", failMode="secure", **params),
            controller=lambda name: RemoteController(name, port=daemon.openflow),
            waitConnected=True,
        )
        try:
            net.start()
            assert net.pingAll() == 0.0
            sender, receiver = net.hosts[0], net.hosts[-1]
            stream = sender.popen(["ping", "-i", "0.02", "-c", "300", receiver.IP()])
            daemon.stop(kill=True)
            daemon.start()
            daemon.wait_answers(client)
            client.wait_ready(30)
            text = stream.communicate(timeout=60)[0].decode()
            assert "300 packets transmitted, 300 received" in text
            assert net.pingAll() == 0.0
        finally:
            net.stop()
