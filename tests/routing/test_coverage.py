"""Coverage: exactly what following every packet finds, also with entries that are wrong; all that a network allows."""

from __future__ import annotations

import random
from collections import defaultdict

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from repair_walk import RED, Fabric, graph_of
from test_repair import computed, link, networks, observed, switches_of

from sdn.graph import known_topologies, load_topology
from sdn.graph.generators import GENERATORS
from sdn.model.resilience import Coverage
from sdn.model.route import RepairHops
from sdn.model.topology import Link
from sdn.routing.coverage import MAX_NAMED, Hops, Survey


def survey(links, paths, trees, destinations, unready=frozenset()):
    """unready: (switch, destination) that is not confirmed."""
    found = Survey(links)
    for destination in sorted(destinations):
        hops = {}
        for switch in switches_of(links):
            own, repair = paths.next_hops(switch, destination), trees.hops(switch, destination)
            if own:
                sides = (repair.red, repair.blue) if repair else (None, None)
                hops[switch] = Hops(own.ports, *sides, (switch, destination) not in unready)
        found.add(destination, hops)
    return found.found


def totals(found):
    links = sum((f.coverage for failure, f in found.items() if isinstance(failure, Link)), Coverage())
    return links, sum((f.coverage for failure, f in found.items() if not isinstance(failure, Link)), Coverage())


def by_walking(links, paths, trees, destinations):
    """The same from the oracle of repair trees: every switch next to a failure, every destination, every copy."""
    graph, result = graph_of(links), {}
    for failure in [*links, *graph]:
        left, single = graph.copy(), isinstance(failure, Link)
        if single:
            left.remove_edge(failure.a.dpid, failure.b.dpid, key=(failure.a, failure.b))
            fabric = Fabric(links, paths, trees, [(e.dpid, e.port) for e in (failure.a, failure.b)])
        else:
            left.remove_node(failure)
            fabric = Fabric(links, paths, trees, dead_switch=failure)
        pairs = repairable = repaired = 0
        for destination in destinations - {failure}:
            near = {
                end
                for end, port in fabric.dead
                if end not in (failure, destination)
                and (hops := paths.next_hops(end, destination)) is not None
                and port in hops.ports
            }
            joined = {end for end in near if nx.has_path(left, end, destination)}
            pairs, repairable = pairs + bool(near), repairable + bool(joined)
            repaired += bool(joined) and all(_arrives(fabric, end, destination) for end in joined)
        result[failure] = (pairs, repairable, repaired)
    return result


def _arrives(fabric, switch, destination):
    try:
        # Who has another next hop that lives is not the switch that repairs.
        if any(stage < RED for _, stage in fabric.choices(switch, destination, 0)):
            return True
        return fabric.fate(switch, destination)
    except AssertionError:  # a loop
        return False


@given(networks())
@settings(max_examples=150, deadline=None)
def test_it_is_what_following_packets_finds(links):
    destinations = switches_of(links)
    state = computed(links, destinations)
    found = survey(links, *state, destinations)
    walked = by_walking(links, *state, destinations)
    assert {f: (c.coverage.pairs, c.coverage.repairable, c.coverage.repaired) for f, c in found.items()} == walked
    graph = nx.Graph(graph_of(links))
    cuts = set(nx.articulation_points(graph))
    for failure, item in found.items():
        assert item.coverage.repaired == item.coverage.repairable == item.coverage.ready
        if not isinstance(failure, Link):
            assert item.separates == (failure in cuts)


class Wrong:
    """Repair hops with some of them other than they should be."""

    def __init__(self, trees, changes):
        self.trees, self.changes = trees, changes

    def hops(self, switch, destination):
        return self.changes.get((switch, destination), self.trees.hops(switch, destination))


@given(networks(6, 10), st.data())
@settings(max_examples=150, deadline=None)
def test_it_judges_entries_that_are_wrong_and_does_not_presume_that_they_are_right(links, data):
    destinations = switches_of(links)
    paths, trees = computed(links, destinations)
    ports = defaultdict(list)
    for item in links:
        for end in (item.a, item.b):
            ports[end.dpid].append(end.port)
    changes = {}
    for switch in destinations:
        for destination in destinations - {switch}:
            if data.draw(st.integers(0, 3)) == 0:
                choice = st.sampled_from(ports[switch])
                hops = st.one_of(st.none(), st.builds(RepairHops, choice, choice))
                changes[switch, destination] = data.draw(hops)
    wrong = Wrong(trees, changes)
    found = survey(links, paths, wrong, destinations)
    walked = by_walking(links, paths, wrong, destinations)
    assert {f: (c.coverage.pairs, c.coverage.repairable, c.coverage.repaired) for f, c in found.items()} == walked
    for item in found.values():
        gaps = item.coverage.repairable - item.coverage.repaired
        assert len(item.unrepaired) == min(gaps, MAX_NAMED)


def test_what_is_not_confirmed_is_not_ready_where_packets_meet_it():
    links = observed(load_topology("ring:switches=4"))
    state = computed(links, {1, 2, 3, 4})
    ready = totals(survey(links, *state, {1}))[0]
    assert ready == Coverage(4, 4, 4, 4)
    # Of 3, which has two ways, the switch that stands next to a failed link repairs; of 2 it is the way round.
    one = totals(survey(links, *state, {1}, {(4, 1)}))[0]
    assert one.repaired == 4
    assert one.ready < 4
    assert totals(survey(links, *state, {1}, {(2, 3)}))[0] == ready


def test_without_repair_only_equal_ways_are_left():
    links = [link(1, 1, 2, 1), link(1, 2, 2, 2), link(2, 3, 3, 1), link(1, 3, 3, 2)]
    paths, _ = computed(links, {1, 2, 3})

    class Off:
        def hops(self, switch, destination):
            return None

    found = survey(links, paths, Off(), {1, 2, 3})
    assert {f: c.coverage.repaired for f, c in found.items() if isinstance(f, Link)} == dict(
        zip(links, (2, 2, 0, 0), strict=True)
    )
    assert {c.unrepaired[0][1] for c in found.values() if c.unrepaired} == {"there are no repair entries"}


GENERATED = [
    "ring:switches=9",
    "linear:switches=6",
    "leaf-spine:spines=3,leaves=5",
    "fat-tree:k=6",
    "torus:x=4,y=5",
    "full-mesh:switches=7",
    "tree:depth=3,fanout=3",
    "random-regular:switches=20,degree=3",
]
SHIPPED = [name for name in known_topologies() if ":" in name or name == "abilene"]
MOST = 200
"""Destinations that are tried; Kdl has 754."""


@pytest.mark.parametrize("spec", [*GENERATED, *SHIPPED])
def test_all_that_a_network_allows_is_repaired(spec):
    links = observed(load_topology(spec))
    destinations = switches_of(links)
    if len(destinations) > MOST:
        destinations = set(random.Random(spec).sample(sorted(destinations), 25))
    found = survey(links, *computed(links, destinations), destinations)
    for total in totals(found):
        assert total.repaired == total.repairable
    graph = nx.Graph(graph_of(links))
    bridges = set(map(frozenset, nx.bridges(graph)))
    parallel = graph_of(links)
    for failure, item in found.items():
        if isinstance(failure, Link):
            ends = failure.a.dpid, failure.b.dpid
            assert item.separates == (frozenset(ends) in bridges and parallel.number_of_edges(*ends) == 1)


def test_every_generator_is_tried():
    assert {spec.partition(":")[0] for spec in GENERATED} == set(GENERATORS)
