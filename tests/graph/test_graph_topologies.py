"""Generators and the graph that networkx sees, and topologies by name."""

import networkx as nx
import pytest

from sdn.graph import assign_interfaces, known_topologies, load_topology, to_networkx
from sdn.model.errors import InvalidInput, NotFound
from sdn.model.ids import Dpid
from sdn.model.topology import DeclaredHost, DeclaredLink, DeclaredTopology, Link, LinkEnd

SPECS = (
    "leaf-spine:spines=2,leaves=4,hosts=2",
    "leaf-spine:spines=1,leaves=1,hosts=0",
    "fat-tree:k=4",
    "fat-tree:k=6",
    "ring:switches=8",
    "linear:switches=3",
    "linear:switches=1",
    "torus:x=3,y=4",
    "full-mesh:switches=5",
    "tree:depth=3,fanout=3",
    "random-regular:switches=12,degree=5,seed=3",
    "abilene",
)


def switches_only(topology):
    return to_networkx(DeclaredTopology(topology.name, topology.switches, topology.links))


@pytest.mark.parametrize("spec", SPECS)
def test_every_topology_is_connected_and_names_every_interface_once(spec):
    topology = assign_interfaces(load_topology(spec))
    assert nx.is_connected(to_networkx(topology))
    ends = [end for link in topology.links for end in (link.a, link.b)]
    ends += [(host.switch, host.interface) for host in topology.hosts]
    assert len(ends) == len(set(ends))
    assert all(switch in topology.switches and 0 < len(name) <= 15 for switch, name in ends)
    interfaces = [name for _, name in ends]
    assert len(interfaces) == len(set(interfaces)), "interfaces of one machine must differ"
    assert list(topology.switches.values()) == list(range(1, len(topology.switches) + 1))
    assert topology == assign_interfaces(load_topology(spec))


@pytest.mark.parametrize("spec", [s for s in SPECS if s != "abilene"])
def test_generators_leave_no_interface_open(spec):
    topology = load_topology(spec)
    assert assign_interfaces(topology) == topology


def test_leaf_spine():
    topology = load_topology("leaf-spine:spines=2,leaves=4,hosts=2,capacity=25G,latency=3us,cost=7")
    graph = switches_only(topology)
    assert sorted(dict(graph.degree()).items()) == [
        *((f"leaf{i}", 2) for i in range(1, 5)),
        *((f"spine{i}", 4) for i in range(1, 3)),
    ]
    assert topology.links[0] == DeclaredLink(
        ("leaf1", "leaf1-eth1"), ("spine1", "spine1-eth1"), cost=7, capacity=25_000_000_000, latency=3
    )
    assert topology.hosts[:3] == (
        DeclaredHost("h1", "leaf1", "leaf1-eth3"),
        DeclaredHost("h2", "leaf1", "leaf1-eth4"),
        DeclaredHost("h3", "leaf2", "leaf2-eth3"),
    )


@pytest.mark.parametrize("k", [2, 4, 6, 8])
def test_fat_tree(k):
    topology = load_topology(f"fat-tree:k={k}")
    graph = to_networkx(topology)
    kinds = {prefix: [n for n in topology.switches if n.startswith(prefix)] for prefix in ("core", "agg", "edge")}
    assert [len(kinds[p]) for p in ("core", "agg", "edge")] == [(k // 2) ** 2, k * k // 2, k * k // 2]
    assert len(topology.hosts) == k**3 // 4
    assert {graph.degree(n) for n in topology.switches} == {k}
    first, last = topology.hosts[0].name, topology.hosts[-1].name
    assert nx.shortest_path_length(graph, first, last) == 6
    assert len(list(nx.all_shortest_paths(nx.Graph(graph), first, last))) == (k // 2) ** 2
    for core in kinds["core"]:
        assert {n.split("_")[0] for n in graph[core]} == {f"agg{pod}" for pod in range(1, k + 1)}


def test_ring_and_linear():
    ring = load_topology("ring:switches=5,hosts=0")
    assert nx.is_isomorphic(nx.Graph(to_networkx(ring)), nx.cycle_graph(5))
    line = load_topology("linear:switches=4")
    assert nx.is_isomorphic(nx.Graph(switches_only(line)), nx.path_graph(4))
    assert len(line.hosts) == 4


def test_torus_and_full_mesh():
    torus = switches_only(load_topology("torus:x=4,y=3"))
    assert nx.is_isomorphic(nx.Graph(torus), nx.grid_2d_graph(4, 3, periodic=True))
    assert torus.number_of_edges() == 24
    assert nx.is_isomorphic(nx.Graph(switches_only(load_topology("full-mesh:switches=6"))), nx.complete_graph(6))


def test_tree_has_hosts_at_its_leaves():
    topology = load_topology("tree:depth=3,fanout=2")
    assert nx.is_isomorphic(nx.Graph(switches_only(topology)), nx.balanced_tree(2, 2))
    assert [host.switch for host in topology.hosts] == ["s4", "s4", "s5", "s5", "s6", "s6", "s7", "s7"]


@pytest.mark.parametrize(("switches", "degree"), [(4, 3), (20, 3), (21, 4), (30, 20), (65, 64)])
def test_random_regular(switches, degree):
    spec = f"random-regular:switches={switches},degree={degree},hosts=0"
    graph = switches_only(load_topology(f"{spec},seed=1"))
    assert set(dict(graph.degree()).values()) == {degree}
    assert nx.is_connected(graph)
    assert nx.Graph(graph).number_of_edges() == graph.number_of_edges(), "no parallel links"
    assert load_topology(f"{spec},seed=1") == load_topology(f"{spec},seed=1")


def test_the_seed_decides_and_the_same_seed_gives_the_same_network_everywhere():
    def links(seed):
        topology = load_topology(f"random-regular:switches=8,degree=3,seed={seed}")
        return [f"{link.a[0]}{link.b[0]}" for link in topology.links]

    assert links(1) != links(2)
    assert links(1) == PINNED


PINNED = ["s1s2", "s1s4", "s1s5", "s2s5", "s2s8", "s3s4", "s3s6", "s3s7", "s4s8", "s5s7", "s6s7", "s6s8"]


def test_the_largest_fat_tree_keeps_interface_names_short():
    topology = load_topology("fat-tree:k=48")
    assert max(len(end[1]) for link in topology.links for end in (link.a, link.b)) <= 15


def test_abilene():
    topology = load_topology("abilene")
    graph = switches_only(topology)
    assert (graph.number_of_nodes(), graph.number_of_edges()) == (11, 14)
    assert {d for _, d in graph.degree()} == {2, 3}
    link = next(li for li in topology.links if {li.a[0], li.b[0]} == {"losa", "hstn"})
    assert (link.capacity, link.latency, link.cost) == (9_920_000_000, 10_960, 10)


def test_observed_links_as_a_graph_keep_parallel_links_and_attributes():
    a, b = Dpid(1), Dpid(2)
    links = [
        Link(LinkEnd(a, 1), LinkEnd(b, 1), cost=3, capacity=5, latency=7, risk_groups=frozenset({"y", "x"})),
        Link(LinkEnd(a, 2), LinkEnd(b, 2)),
    ]
    graph = to_networkx(links)
    assert graph.number_of_edges(1, 2) == 2
    assert graph.edges[1, 2, 0] == {
        "ends": {1: 1, 2: 1},
        "cost": 3,
        "capacity": 5,
        "latency": 7,
        "risk_groups": ("x", "y"),
    }


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ("ring:switches=2", "topology.switches"),
        ("ring:switches=-3", "topology.switches"),
        ("ring:switches=\u0663", "topology.switches"),
        ("ring:switches=99999999999999999999", "topology.switches"),
        ("ring:spines=2", "topology.spines"),
        ("ring:switches", "topology"),
        ("ring:switches=3,switches=4", "topology"),
        ("ring:,", "topology"),
        ("fat-tree:k=5", "topology.k"),
        ("linear:capacity=0", "topology.capacity"),
        ("linear:capacity=10X", "topology.capacity"),
        ("linear:latency=5", "topology.latency"),
        ("linear:latency=99s", "topology.latency"),
        ("linear:cost=0", "topology.cost"),
        ("abilene:k=4", "topology"),
        ("torus:x=2", "topology.x"),
        ("random-regular:switches=5,degree=3", "topology.degree"),
        ("random-regular:switches=5,degree=6", "topology.degree"),
        ("random-regular:seed=-1", "topology.seed"),
        ("ring:switches=5000,hosts=1000", "topology"),
        ("tree:depth=13,fanout=1000", "topology"),
        ("full-mesh:switches=401", "topology.switches"),
    ],
)
def test_wrong_parameters_name_the_parameter(spec, field):
    with pytest.raises(InvalidInput) as caught:
        load_topology(spec)
    assert [v.field for v in caught.value.violations] == [field]


@pytest.mark.parametrize("spec", ["", "nonsense", "fat_tree:k=4", "./nowhere.yaml", "../topologies"])
def test_unknown_topologies_are_not_found(spec):
    with pytest.raises((NotFound, InvalidInput)):
        load_topology(spec)


def test_known_topologies():
    assert {
        "abilene",
        "fat-tree",
        "leaf-spine",
        "linear",
        "ring",
        "torus",
        "tree",
        "full-mesh",
        "random-regular",
    } <= set(known_topologies())
