"""Repair trees: every single failure is survived, by following packets; and they are a function of the links alone."""

import itertools
import random

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from repair_walk import check_any_failures, check_every_failure, graph_of

from sdn.graph import load_topology
from sdn.model.topology import Link, LinkEnd
from sdn.routing import RepairTrees, ShortestPaths
from sdn.routing.blocks import BlockForest, find_blocks
from sdn.routing.redundant import redundant_trees


def link(a, a_port, b, b_port, cost=10):
    ends = sorted([LinkEnd(a, a_port), LinkEnd(b, b_port)])
    return Link(ends[0], ends[1], cost=cost)


@st.composite
def networks(draw, switches=8, most=14):
    """Several components, bridges, cut switches, up to three parallel links; costs apart."""
    pairs = draw(
        st.lists(
            st.tuples(st.integers(1, switches), st.integers(1, switches), st.integers(0, 2), st.integers(1, 4)),
            max_size=most,
            unique_by=lambda t: (min(t[:2]), max(t[:2]), t[2]),
        )
    )
    return [link(a, 100 * b + i, b, 100 * a + i, cost) for a, b, i, cost in pairs if a != b]


def switches_of(links):
    return {end.dpid for item in links for end in (item.a, item.b)}


def computed(links, destinations):
    paths, trees = ShortestPaths(), RepairTrees()
    for each in (paths, trees):
        each.set_links(links)
        each.set_destinations(destinations)
    trees.work()
    return paths, trees


def observed(topology):
    """The links of a declared topology with ports numbered in the order of its links."""
    ports = {}

    def end(switch):
        ports[switch] = ports.get(switch, 0) + 1
        return LinkEnd(topology.switches[switch], ports[switch])

    return [Link(*sorted((end(item.a[0]), end(item.b[0]))), cost=item.cost) for item in topology.links]


def table_of(trees, switches, destinations):
    pairs = itertools.product(switches, destinations)
    return {pair: hops for pair in pairs if (hops := trees.hops(*pair)) is not None}


@given(networks())
@settings(max_examples=300, deadline=None)
def test_every_single_failure_is_survived_wherever_the_graph_allows(links):
    destinations = switches_of(links)
    check_every_failure(links, *computed(links, destinations), destinations)


@given(networks(), st.data())
@settings(max_examples=200, deadline=None)
def test_whatever_fails_no_packet_crosses_a_directed_link_twice_in_a_color(links, data):
    destinations = switches_of(links)
    failed = data.draw(st.sets(st.sampled_from(links))) if links else set()
    dead = {(end.dpid, end.port) for item in failed for end in (item.a, item.b)}
    check_any_failures(links, *computed(links, destinations), destinations, dead)


@given(networks(), st.data())
@settings(max_examples=100, deadline=None)
def test_primary_routes_that_know_of_a_failure_before_the_trees_do_make_no_loop(links, data):
    destinations = switches_of(links)
    paths, trees = computed(links, destinations)
    left = [item for item in links if data.draw(st.booleans())]
    paths.set_links(left)
    dead = {(end.dpid, end.port) for item in links if item not in left for end in (item.a, item.b)}
    check_any_failures(links, paths, trees, destinations, dead)


@given(st.lists(st.tuples(networks(), st.sets(st.integers(1, 8), min_size=1), st.integers(0, 60)), max_size=6))
@settings(max_examples=200, deadline=None)
def test_incremental_equals_from_scratch_and_tells_exactly_what_changed(steps):
    trees, told = RepairTrees(), {}
    for links, destinations, effort in steps:
        trees.set_links(reversed(links))
        trees.set_destinations(destinations)
        _note(told, trees.work(effort))
        assert told == table_of(trees, range(1, 9), range(1, 9))
    changed = trees.work()
    assert not trees.busy
    _note(told, changed)
    if steps:
        links, destinations, _ = steps[-1]
        shuffled = random.Random(len(links)).sample(links, len(links))
        assert told == table_of(computed(shuffled, destinations)[1], range(1, 9), range(1, 9))


def _note(told, changed):
    pairs = [(switch, destination) for switch, destination, _ in changed]
    assert len(pairs) == len(set(pairs))
    for switch, destination, hops in changed:
        assert told.get((switch, destination)) != hops
        if hops is None:
            del told[switch, destination]
        else:
            told[switch, destination] = hops


@given(networks(), st.data())
@settings(max_examples=100, deadline=None)
def test_single_changes_equal_replacing_all_links(links, data):
    destinations = switches_of(links)
    one, other = computed(links, destinations)[1], computed(links, destinations)[1]
    gone = data.draw(st.sets(st.sampled_from(links))) if links else set()
    one.change_links(gone, [])
    other.set_links([item for item in links if item not in gone])
    one.work()
    other.work()
    assert table_of(one, destinations, destinations) == table_of(other, destinations, destinations)


@given(networks())
@settings(max_examples=200, deadline=None)
def test_blocks_are_those_of_networkx(links):
    arcs = {}
    for item in links:
        for near, far in ((item.a, item.b), (item.b, item.a)):
            arcs.setdefault(near.dpid, []).append((far.dpid, item.cost, near.port))
    blocks = find_blocks({switch: sorted(own) for switch, own in arcs.items()})
    graph = nx.Graph(graph_of(links))
    assert {frozenset(block.switches) for block in blocks} == set(map(frozenset, nx.biconnected_components(graph)))
    assert sum(len(own) for block in blocks for own in block.arcs) == 2 * len(links)
    for block in blocks:
        for root in block.switches:
            hops = redundant_trees(block, root)
            assert hops.keys() == set(block.switches) - {root}
            assert all((red == blue) == block.bridge for red, blue in hops.values())
    forest = BlockForest(blocks)
    for switch in graph:
        way = forest.towards(switch)
        part = nx.node_connected_component(graph, switch)
        assert len(way) == len(set(way)) == sum(block.switches[0] in part for block in blocks)


def test_two_parallel_links_are_no_bridge():
    links = [link(1, 1, 2, 1), link(1, 2, 2, 2)]
    trees = computed(links, {1, 2})[1]
    hops = trees.hops(1, 2)
    assert {hops.red, hops.blue} == {1, 2}


def test_without_cycles_there_is_nothing_to_repair():
    links = [link(a, 2, b, 1) for a, b in itertools.pairwise(range(1, 6))]
    trees = RepairTrees()
    trees.set_links(links)
    trees.set_destinations(range(1, 6))
    assert trees.work() == []


def test_a_bridge_has_repair_hops_only_behind_a_cycle():
    """A triangle 1, 2, 3 with a tail 3 - 4 - 5: packets on repair come out of the triangle, never out of the tail."""
    links = [link(1, 1, 2, 1), link(2, 2, 3, 2), link(3, 1, 1, 2), link(3, 3, 4, 1), link(4, 2, 5, 1)]
    trees = computed(links, {1, 5})[1]
    assert trees.hops(4, 5).red == trees.hops(4, 5).blue == 2
    assert trees.hops(5, 1) is None
    assert trees.hops(4, 1) is None


def test_equal_hops_are_one_object():
    trees = computed(observed(load_topology("leaf-spine:spines=2,leaves=4")), range(1, 7))[1]
    table = table_of(trees, range(1, 7), range(1, 7))
    assert len({id(hops) for hops in table.values()}) == len(set(table.values()))


def test_work_is_done_in_parts_and_a_change_of_links_starves_nobody():
    links = observed(load_topology("torus:x=4,y=4"))
    trees = RepairTrees()
    trees.set_destinations(range(1, 17))
    served = set()
    for turn in range(20):
        trees.set_links(links[turn % 2 :])
        told = trees.work(1)
        assert len({destination for _, destination, _ in told}) <= 1
        served |= {destination for _, destination, _ in told}
        assert trees.busy
    assert served == set(range(1, 17))


SMALL = [
    "ring:switches=8",
    "linear:switches=5",
    "leaf-spine:spines=2,leaves=3",
    "fat-tree:k=4",
    "torus:x=3,y=4",
    "full-mesh:switches=6",
    "tree:depth=3,fanout=2",
    "random-regular:switches=14,degree=3",
    "abilene",
    "zoo:Abilene",
    "zoo:Nsfnet",
    "zoo:AttMpls",
    "sndlib:polska",
    "sndlib:nobel-germany",
]


@pytest.mark.parametrize("spec", SMALL)
def test_whole_networks_from_everywhere_to_everywhere(spec):
    links = observed(load_topology(spec))
    destinations = switches_of(links)
    check_every_failure(links, *computed(links, destinations), destinations)


LARGE = ["zoo:BtNorthAmerica", "zoo:Geant2012", "zoo:UsCarrier", "zoo:Cogentco", "sndlib:geant", "sndlib:germany50"]


@pytest.mark.parametrize("spec", LARGE)
def test_large_networks_from_everywhere_to_one(spec):
    links = observed(load_topology(spec))
    destinations = set(random.Random(spec).sample(sorted(switches_of(links)), 1))
    check_every_failure(links, *computed(links, destinations), destinations)
