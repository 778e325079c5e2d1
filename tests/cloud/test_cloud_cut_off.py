"""A real switch is cut off, session and links, and comes back with its tables when routes have turned."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from cloud_lab import CloudLab, cloud_lab
from link_taps import LinkTaps
from test_cloud_convergence import Stream
from test_cloud_faults import until

from sdn.client import maintenance_target
from sdn.lab.daemon import free_port

pytestmark = pytest.mark.lab
COSTS = (20, 1, 20)


def across(path: Path) -> str:
    """A file with a ring of eight, and a switch across it."""
    names = [f"s{number}" for number in range(1, 9)]
    ring = [f"  - {{a: {a}, b: {b}, cost: 1}}" for a, b in zip(names, names[1:] + names[:1], strict=True)]
    hosts = [f"  - {{name: h{name}, switch: {name}}}" for name in (*names, "x")]
    lines = [f"switches: [{', '.join(names)}, x]", "links:", *ring]
    lines += ["  - {a: x, b: s3, cost: 1}", "  - {a: x, b: s8, cost: 30}", "hosts:", *hosts]
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


def set_controller(lab: CloudLab, switch: str, port: int) -> None:
    """Let one switch alone talk to somebody else."""
    ovs, bridge = lab.network.ovs_of(switch), lab.network.bridge_of(switch)
    ovs.vsctl("set-controller", bridge, f"tcp:127.0.0.1:{port}")


def test_a_switch_is_cut_off_while_routes_turn_round_and_round_and_comes_back(tmp_path: Path) -> None:
    """No packet goes in circles, its own included, and afterwards all reach all."""
    rng = random.Random(17)
    with cloud_lab(across(tmp_path / "across.yaml"), tmp_path / "state") as lab:
        taps, stream, network = LinkTaps(lab), Stream(lab), lab.network
        taps.watch(network.topology.links)
        mine = [link for link in network.topology.links if "x" in (link.a[0], link.b[0])]
        others = len(network.topology.switches) - 1

        def turn() -> None:
            until(lambda: lab.client.status().switches_connected == others, "it is still connected")
            for cost in COSTS:
                lab.client.set_maintenance(maintenance_target("s1:s1-eth1", "s2:s2-eth1"), cost=cost)
                lab.wait_settled()

        def return_() -> None:
            until(lambda: lab.client.status().switches_connected > others, "it does not connect")
            lab.ready()

        stream.send(rng)
        network.cut(*mine)
        set_controller(lab, "x", free_port())
        stream.while_(turn, rng)
        network.mend(*mine)
        taps.watch(mine)
        for _ in range(3):
            stream.send(rng)
        set_controller(lab, "x", lab.daemon.openflow)
        stream.while_(return_, rng)
        stream.arrived()
        taps.check()
        assert len(taps.epochs) > 2
        last = Stream(lab)
        last.send(rng, len(last.pairs))
        last.check()
