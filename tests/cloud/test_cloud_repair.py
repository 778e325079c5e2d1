"""With the controller stopped, real switches send packets round any link and any switch that fails, by themselves."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import pytest
from cloud_lab import CloudLab, cloud_lab

from sdn.model.topology import DeclaredLink

pytestmark = pytest.mark.lab

SPECS = ["ring:switches=5,hosts=1", "leaf-spine:spines=2,leaves=3,hosts=2", "fat-tree:k=4", "abilene"]


def redundant(lab: CloudLab) -> list[DeclaredLink]:
    """The links that are no bridges."""
    links = lab.network.topology.links
    graph = nx.MultiGraph((link.a[0], link.b[0], number) for number, link in enumerate(links))
    simple = nx.Graph(graph)
    bridges = {frozenset(ends) for ends in nx.bridges(simple) if graph.number_of_edges(*ends) == 1}
    return [link for link in links if frozenset((link.a[0], link.b[0])) not in bridges]


@pytest.mark.parametrize("spec", SPECS)
def test_every_link_that_is_no_bridge_may_fail_while_the_controller_is_stopped(spec: str, tmp_path: Path) -> None:
    with cloud_lab(spec, tmp_path) as lab:
        lab.ready()
        found = lab.client.resilience()
        assert {switch.repair for switch in lab.client.topology().switches} == {"READY"}
        lab.daemon.stop(kill=True)
        assert lab.differences(4) == ""
        links = redundant(lab)
        assert links
        bridges = len(lab.network.topology.links) - len(links)
        assert [link.bridge for link in found.links].count(True) == bridges
        assert found.links_total.ready == found.links_total.repairable > 0
        for link in links:
            lab.network.cut(link)
            assert lab.differences(4) == "", f"without {link.a} - {link.b}"
            lab.network.mend(link)
        assert lab.differences(4) == "", "when all links are back"


def test_a_switch_may_die_while_the_controller_is_stopped(tmp_path: Path) -> None:
    with cloud_lab("leaf-spine:spines=2,leaves=3,hosts=2", tmp_path) as lab:
        lab.ready()
        lab.daemon.stop(kill=True)
        lab.network.stop_switch("spine1")
        assert lab.differences(4) == ""


def test_a_restart_writes_nothing_and_repair_goes_on(tmp_path: Path) -> None:
    with cloud_lab("ring:switches=5,hosts=1", tmp_path) as lab:
        lab.ready()
        before = {switch: lab.network.groups(switch) for switch in lab.network.topology.switches}
        lab.daemon.stop(kill=True)
        lab.daemon.start()
        lab.daemon.wait_answers(lab.client)
        lab.ready()
        assert {switch: lab.network.groups(switch) for switch in lab.network.topology.switches} == before
        lab.daemon.stop(kill=True)
        for link in redundant(lab):
            lab.network.cut(link)
            assert lab.differences(4) == "", f"without {link.a} - {link.b}"
            lab.network.mend(link)
