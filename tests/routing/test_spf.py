"""Shortest paths against networkx, incremental against from scratch, and the changes told exactly; in both forms."""

import itertools

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdn.model.route import NextHops
from sdn.model.topology import Link, LinkEnd
from sdn.routing import ShortestPaths, dags
from sdn.routing import spf as facade

FORMS = [
    pytest.param(dags.Dags, id="python"),
    pytest.param(facade._Dags, id="compiled", marks=pytest.mark.skipif(not facade.COMPILED, reason="not built")),
]
both = pytest.mark.parametrize("form", FORMS)


def link(a, a_port, b, b_port, cost=10):
    ends = sorted([LinkEnd(a, a_port), LinkEnd(b, b_port)])
    return Link(ends[0], ends[1], cost=cost)


def line(*switches, cost=10):
    return [link(a, 2, b, 1, cost) for a, b in itertools.pairwise(switches)]


@st.composite
def networks(draw, switches=7, most=16):
    """Links with ports unique per switch: port 100 n + i joins the switch to neighbour n, so that links keep theirs."""
    pairs = draw(
        st.lists(
            st.tuples(st.integers(1, switches), st.integers(1, switches), st.integers(0, 1), st.integers(1, 4)),
            max_size=most,
            unique_by=lambda t: (min(t[:2]), max(t[:2]), t[2]),
        )
    )
    return [link(a, 100 * b + i, b, 100 * a + i, cost) for a, b, i, cost in pairs if a != b]


def oracle_graph(links):
    graph = nx.MultiGraph()
    for item in links:
        ends = {item.a.dpid: item.a.port, item.b.dpid: item.b.port}
        graph.add_edge(item.a.dpid, item.b.dpid, weight=item.cost, ends=ends)
    return graph


def oracle_table(links, destinations):
    """All next hops as networkx sees them, tiers by the longest path in the DAG."""
    graph = oracle_graph(links)
    table = {}
    for destination in destinations:
        if destination not in graph:
            continue
        distance = nx.single_source_dijkstra_path_length(graph, destination)
        dag = nx.DiGraph()
        ports = {}
        for u, v, data in graph.edges(data=True):
            for here, there in ((u, v), (v, u)):
                if here in distance and distance[there] + data["weight"] == distance[here]:
                    dag.add_edge(here, there)
                    ports.setdefault(here, []).append(data["ends"][here])
        tiers = {}
        for switch in reversed(list(nx.topological_sort(dag))):
            choice = len(ports.get(switch, ())) > 1
            tiers[switch] = choice + max((tiers[v] for v in dag[switch]), default=0)
        for switch, own in ports.items():
            table[switch, destination] = NextHops(tuple(sorted(own)), tiers[switch])
    return table


def keys(changes):
    """The pairs told, which are told once each."""
    told = [(switch, destination) for switch, destination, _ in changes]
    assert len(told) == len(set(told))
    return set(told)


def table_of(spf, switches, destinations):
    pairs = ((s, d) for s in switches for d in destinations)
    return {pair: hops for pair in pairs if (hops := spf.next_hops(*pair)) is not None}


SWITCHES = range(1, 8)


@given(st.lists(st.tuples(networks(), st.sets(st.integers(1, 7), min_size=1)), min_size=1, max_size=6))
@settings(max_examples=300, deadline=None)
@both
def test_any_sequence_of_networks_equals_networkx_and_reports_exactly_what_changed(form, steps):
    spf = ShortestPaths(form)
    before = {}
    for links, destinations in steps:
        changed = keys(spf.set_links(links))
        middle = table_of(spf, SWITCHES, SWITCHES)
        assert changed == {k for k in before.keys() | middle.keys() if before.get(k) != middle.get(k)}
        changed = keys(spf.set_destinations(destinations))
        after = table_of(spf, SWITCHES, SWITCHES)
        assert changed == {k for k in middle.keys() | after.keys() if middle.get(k) != after.get(k)}
        assert after == oracle_table(links, destinations)
        before = after


@given(networks(switches=9, most=24), st.data())
@settings(max_examples=200, deadline=None)
@both
def test_single_link_changes_equal_from_scratch(form, links, data):
    switches = range(1, 10)
    spf = ShortestPaths(form)
    spf.set_destinations(switches)
    spf.set_links(links)
    for _ in range(8):
        before = table_of(spf, switches, switches)
        links = _one_change(data, links)
        changed = keys(spf.set_links(reversed(links)))
        fresh = ShortestPaths(form)
        fresh.set_links(links)
        fresh.set_destinations(switches)
        after = table_of(fresh, switches, switches)
        assert table_of(spf, switches, switches) == after
        assert changed == {k for k in before.keys() | after.keys() if before.get(k) != after.get(k)}
        for source in switches:
            for destination in switches:
                assert spf.distance(source, destination) == fresh.distance(source, destination)


def _one_change(data, links):
    if links and data.draw(st.booleans()):
        index = data.draw(st.integers(0, len(links) - 1))
        old = links[index]
        cost = data.draw(st.integers(0, 4))
        rest = links[:index] + links[index + 1 :]
        return rest if cost == 0 else [*rest, Link(old.a, old.b, cost=cost)]
    extra = data.draw(networks(switches=9, most=1))
    known = {(item.a, item.b) for item in links}
    return links + [item for item in extra if (item.a, item.b) not in known]


@both
def test_parallel_links_count_each_and_tiers_count_choices(form):
    spf = ShortestPaths(form)
    spf.set_links([link(1, 5, 2, 1), link(1, 4, 2, 2), link(2, 3, 3, 1, cost=7)])
    spf.set_destinations([3])
    assert spf.next_hops(1, 3) == NextHops((4, 5), 1)
    assert spf.next_hops(2, 3) == NextHops((3,), 0)
    assert spf.next_hops(3, 3) is None
    assert spf.next_hops(1, 2) is None
    assert spf.distance(1, 3) == 17
    assert spf.distance(1, 2) is None, "not a destination"


@both
def test_the_tier_counts_switches_with_a_choice(form):
    spf = ShortestPaths(form)
    spf.set_links([*line(1, 2, 3, cost=5), link(1, 9, 3, 9, cost=10)])
    spf.set_destinations([3])
    assert spf.next_hops(1, 3) == NextHops((2, 9), 1)


@both
def test_a_tier_that_moves_far_away_is_reported(form):
    base = [link(1, 1, 2, 1), link(1, 2, 2, 4), link(2, 2, 4, 1, cost=20), link(2, 3, 3, 1)]
    spf = ShortestPaths(form)
    spf.set_destinations([4])
    spf.set_links(base)
    assert spf.next_hops(1, 4) == NextHops((1, 2), 1)
    changed = keys(spf.set_links([*base, link(3, 2, 4, 2)]))
    assert spf.next_hops(1, 4) == NextHops((1, 2), 2)
    assert changed == {(1, 4), (2, 4), (3, 4)}


@both
def test_a_removed_switch_and_a_removed_destination_are_reported(form):
    spf = ShortestPaths(form)
    spf.set_destinations([1, 3])
    assert keys(spf.set_links(line(1, 2, 3))) == {(2, 1), (3, 1), (1, 3), (2, 3)}
    assert keys(spf.set_links(line(1, 2))) == {(3, 1), (1, 3), (2, 3)}
    assert keys(spf.set_destinations([])) == {(2, 1)}
    assert keys(spf.set_links([])) == set()
    assert spf.distance(1, 1) is None


@both
def test_changes_that_routing_does_not_see_change_nothing(form):
    spf = ShortestPaths(form)
    spf.set_destinations([1, 2])
    spf.set_links(line(1, 2))
    again = [Link(i.a, i.b, cost=i.cost, capacity=1, latency=5) for i in line(1, 2)]
    assert keys(spf.set_links(again)) == set()
    loop = Link(LinkEnd(1, 7), LinkEnd(1, 8), cost=1)
    assert keys(spf.set_links([*again, loop])) == set()
    assert keys(spf.set_destinations([2, 1])) == set()


@both
def test_a_detour_of_equal_cost_takes_over_without_touching_others(form):
    """A square: losing one side changes only the switches whose ways led over it."""
    sides = [link(1, 1, 2, 1), link(2, 2, 3, 1), link(3, 2, 4, 1), link(4, 2, 1, 2)]
    spf = ShortestPaths(form)
    spf.set_destinations([3])
    spf.set_links(sides)
    assert spf.next_hops(1, 3) == NextHops((1, 2), 1)
    assert keys(spf.set_links([s for s in sides if s != sides[1]])) == {(1, 3), (2, 3)}
    assert spf.next_hops(2, 3) == NextHops((1,), 0)
    assert spf.next_hops(1, 3) == NextHops((2,), 0)
