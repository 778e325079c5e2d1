"""A leaf of real switches is gone for good: it is forgotten, the rest goes on, and what comes back is a new switch."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from cloud_lab import WAIT, CloudLab

from sdn.client import ApiError, Client
from sdn.graph import assign_interfaces, load_topology
from sdn.lab import LabNetwork
from sdn.lab.daemon import Daemon, free_port
from sdn.lab.host import Host
from sdn.model.ids import format_dpid
from sdn.model.topology import DeclaredHost
from sdn.v1 import resources_pb2 as pb

pytestmark = pytest.mark.lab
SPEC = "leaf-spine:spines=2,leaves=3,hosts=2"


class Undeclared(CloudLab):
    """The daemon has no topology file, so switches are named by their datapath ids."""

    def dpid(self, switch: str) -> str:
        return format_dpid(self.network.topology.switches[switch])

    def _port(self, index: int, place: DeclaredHost) -> pb.Port:
        port = super()._port(index, place)
        port.binding.switch = self.dpid(place.switch)
        return port

    def hosts_on(self, *switches: str) -> list[Host]:
        return [host for name, host in self.hosts.items() if self.place[name].switch in switches]

    def wrong(self, hosts: list[Host]) -> str:
        names = {host.name for host in hosts}
        expected = {pair for pair in self.expected if names.issuperset(pair)}
        return "".join(self.matrix(version, hosts=hosts, timeout=3.0).explain(expected) for version in (4, 6))


def until(done: Callable[[], bool], what: str) -> None:
    """Wait for something that is not told, with a deadline."""
    end = time.monotonic() + WAIT
    while not done():
        assert time.monotonic() < end, f"not within {WAIT:g} s: {what}"


def test_a_leaf_is_killed_forgotten_and_comes_back_as_a_new_one(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, openflow=free_port(), grpc=free_port())
    network = LabNetwork(assign_interfaces(load_topology(SPEC)), controller=f"tcp:127.0.0.1:{daemon.openflow}")
    with daemon, Client(daemon.address, timeout=WAIT) as client:
        daemon.wait_answers(client)
        with network:
            lab = Undeclared(SPEC, tmp_path, client, daemon, network)
            until(lambda: client.status().links == len(network.topology.links), "all links are found")
            lab.apply()
            lab.ready()
            forget_and_return(lab)


def forget_and_return(lab: Undeclared) -> None:
    client, dpid = lab.client, lab.dpid("leaf3")
    there, gone = lab.hosts_on("leaf1", "leaf2"), lab.hosts_on("leaf3")
    with pytest.raises(ApiError) as refused:
        client.forget_switch(dpid)
    assert refused.value.code is grpc.StatusCode.FAILED_PRECONDITION
    lab.network.stop_switch("leaf3")
    until(lambda: f"switch {dpid} is not connected" in client.status().not_ready, "it is missed")
    answer = client.forget_switch(dpid)
    assert sorted(answer.bound) == sorted(lab.port_of(host.name) for host in gone)
    lab.ready()
    others = {lab.dpid(switch) for switch in lab.network.topology.switches} - {dpid}
    assert {switch.dpid for switch in client.topology().switches} == others
    assert lab.wrong(there) == ""
    assert {client.ports.get(name).status.reason for name in answer.bound} == {"SwitchNeverSeen"}
    # A daemon that starts without it does not miss it either.
    lab.daemon.stop()
    lab.daemon.start()
    lab.daemon.wait_answers(client)
    until(lambda: client.status().switches_connected == 4, "the others are back")
    lab.ready()
    assert client.status().switches == 4
    assert lab.wrong(there) == ""
    lab.network.start_switch("leaf3")
    until(lambda: client.status().links == len(lab.network.topology.links), "its links are found")
    lab.ready()
    until(lambda: all(client.ports.get(n).status.state == pb.PROGRAMMED for n in answer.bound), "its ports are there")
    assert lab.wrong([*there, *gone]) == ""
