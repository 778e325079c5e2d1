"""Networks of the Internet Topology Zoo: the shipped files, and how their GraphML is read."""

import networkx as nx
import pytest

from sdn.graph import assign_interfaces, known_topologies, load_topology, to_networkx
from sdn.graph.graphml import read_graphml
from sdn.graph.imported import great_circle_km
from sdn.graph.xmlfile import parse_xml
from sdn.model.errors import InvalidInput, NotFound

SIZES = {
    "Abilene": (11, 14),
    "AttMpls": (25, 57),
    "BtNorthAmerica": (36, 76),
    "Cogentco": (197, 245),
    "Geant2012": (40, 62),
    "Kdl": (754, 899),
    "Nsfnet": (13, 15),
    "UsCarrier": (158, 189),
}

GRAPHML = """<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns" xmlns:y="http://www.yworks.com/xml/graphml">
  <key attr.name="Latitude" attr.type="double" for="node" id="d1"/>
  <key attr.name="Longitude" attr.type="double" for="node" id="d2"/>
  <key attr.name="label" attr.type="string" for="node" id="d3"/>
  <graph edgedefault="undirected">{0}</graph>
</graphml>
"""


def place(identity, latitude, longitude):
    position = f'<data key="d1">{latitude}</data><data key="d2">{longitude}</data>' if latitude != "" else ""
    return f'<node id="{identity}"><data key="d3">{identity} town</data>{position}</node>'


def edge(a, b):
    return f'<edge source="{a}" target="{b}"/>'


def converted(*parts):
    return read(GRAPHML.format("".join(parts)))


def read(text, remark=lambda _text: None):
    return read_graphml(parse_xml(text.encode(), "test.graphml"), "test.graphml", "test", remark)


@pytest.mark.parametrize("name", sorted(SIZES))
def test_shipped_network(name):
    topology = assign_interfaces(load_topology(f"zoo:{name}"))
    assert (len(topology.switches), len(topology.links)) == SIZES[name]
    assert topology.name == name
    assert len(topology.hosts) == len(topology.switches)
    assert nx.is_connected(to_networkx(topology))
    assert "www.topology-zoo.org" in topology.origin
    assert f"zoo:{name}" in known_topologies()


def test_case_does_not_matter():
    assert load_topology("zoo:kdl") == load_topology("zoo:Kdl")


@pytest.mark.parametrize("spec", ["zoo:", "zoo:Nowhere", "zoo:../abilene", "zoo"])
def test_unknown_networks_are_answered_with_the_known_ones(spec):
    if "/" in spec:
        with pytest.raises(NotFound):
            load_topology(spec)
        return
    with pytest.raises(NotFound, match="zoo:"):
        load_topology(spec)


def test_distance_becomes_latency_and_cost_and_parallel_links_stay():
    one_degree = great_circle_km((0, 0), (0, 1))
    assert one_degree == pytest.approx(111.19, abs=0.01)
    topology = converted(place("a", 0, 0), place("b", 0, 1), edge("a", "b"), edge("b", "a"))
    assert [(link.latency, link.cost) for link in topology.links] == [(560, 56)] * 2


def test_missing_coordinates_loops_and_separate_parts():
    parts = place("a", 0, 0), place("b", "", ""), place("c", 1, 1), edge("a", "a"), edge("a", "b")
    topology = converted(*parts)
    assert [(link.latency, link.cost) for link in topology.links] == [(0, 10)]
    assert len(topology.switches) == 3


@pytest.mark.parametrize(
    "text",
    [
        "nothing",
        "<a/>",
        GRAPHML.format(""),
        GRAPHML.format(place("a", 0, 0) + edge("a", "b")),
        GRAPHML.format(place("a", 0, 0) * 2),
        '<!DOCTYPE x [<!ENTITY a "b">]><x/>',
    ],
)
def test_wrong_files(text):
    with pytest.raises(InvalidInput, match=r"test.graphml:\d+"):
        read(text)
