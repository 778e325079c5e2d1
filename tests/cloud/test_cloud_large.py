"""Reachability on networks of up to 200 switches, in samples, whatever happens to them: the short form.

``./dev campaign matrices`` does all of it on all networks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from types import SimpleNamespace

import networkx as nx
import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from large_lab import LEAST, LargeLab, graph_of, halves, large_lab, longest_way, only_ways, sample, weighted

from sdn.graph import load_topology


@pytest.mark.parametrize("seed", range(5))
def test_a_sample_has_every_host_both_ways_in_both_kinds(seed: int) -> None:
    hosts = [f"h{n}" for n in range(128)]
    expected = {(a, b) for a in hosts for b in hosts if a != b and int(a[1:]) % 3 == int(b[1:]) % 3}
    pairs = sample(hosts, expected, Random(seed))
    assert pairs == sample(hosts, expected, Random(seed))
    for kind in (pairs & expected, pairs - expected):
        assert len(kind) >= LEAST
        assert {a for a, _ in kind} == {b for _, b in kind} == set(hosts)
    assert len(sample(hosts[:32], expected, Random(seed))) == 32 * 31


@pytest.mark.parametrize("spec", ["zoo:Cogentco", "fat-tree:k=8", "zoo:Geant2012"])
def test_networks_are_divided_and_weighted_as_the_scenarios_need_it(spec: str) -> None:
    topology = load_topology(spec)
    cut = halves(topology, Random(1))
    parts = nx.number_connected_components(graph_of(topology.links, topology.switches))
    left = [link for link in topology.links if link not in cut]
    assert nx.number_connected_components(graph_of(left, topology.switches)) > parts
    made = weighted(topology, Random(1))
    assert len(made.links) == len(topology.links) + 8
    ways, graph = only_ways(made), graph_of(made.links, made.switches)
    assert ways is not None
    fewest = dict(nx.all_pairs_shortest_path_length(graph))
    assert any(len(way) - 1 > fewest[a][b] for a, found in ways.items() for b, way in found.items())
    assert longest_way(made) <= 32


def test_a_network_in_parts_has_cheapest_ways_in_each() -> None:
    whole = load_topology("zoo:Geant2012")
    cut = halves(whole, Random(1))
    ways = only_ways(weighted(replace(whole, links=tuple(link for link in whole.links if link not in cut)), Random(1)))
    assert ways is not None
    assert {len(found) for found in ways.values()} != {len(whole.switches)}


def test_when_the_cheaper_of_parallel_links_is_cut_other_ways_are_the_cheapest() -> None:
    """AttMpls has two links between n5 and n7, which get costs of their own."""
    made = weighted(load_topology("zoo:AttMpls"), Random(1))
    lab = LargeLab(SimpleNamespace(network=SimpleNamespace(topology=made)), Random(1))  # type: ignore[arg-type]
    cut = lab.one_of_twins()
    left = only_ways(lab.without(cut))
    assert left is not None
    assert {("n5", "n7")} < {(link.a[0], link.b[0]) for link in cut}
    assert left != only_ways(made)


@pytest.fixture(scope="module", params=["fat-tree:k=8", "zoo:Cogentco"])
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LargeLab]:
    with large_lab(request.param, tmp_path_factory.mktemp("large"), 1) as lab:
        yield lab


@pytest.mark.lab
def test_each_tenant_reaches_itself_alone(lab: LargeLab) -> None:
    lab.start(4, 6)
    assert min(lab.pairs) >= LEAST


@pytest.mark.lab
def test_each_part_of_a_divided_network_goes_on_and_joined_it_is_whole(lab: LargeLab) -> None:
    assert lab.partition() > 1


@pytest.mark.lab
@pytest.mark.parametrize("lab", ["fat-tree:k=8"], indirect=True)
def test_a_switch_comes_back_empty(lab: LargeLab) -> None:
    lab.restart_switch()


@pytest.mark.lab
@pytest.mark.parametrize("lab", ["fat-tree:k=8"], indirect=True)
def test_all_switches_come_back_empty_when_ovs_is_killed(lab: LargeLab) -> None:
    lab.restart_all()


@pytest.mark.lab
def test_traffic_takes_the_cheapest_way_and_both_of_parallel_links(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    topology = weighted(load_topology("zoo:Geant2012"), Random(1))
    with large_lab(topology, tmp_path_factory.mktemp("weighted"), 1) as lab:
        lab.cheapest_ways()
