"""Import of GraphML and SNDlib, export to every form, round trips, and the command line."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import networkx as nx
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from sdn.graph import assign_interfaces, from_networkx, known_topologies, load_topology, to_networkx
from sdn.graph.__main__ import main
from sdn.graph.dot import to_dot
from sdn.graph.layout import MAX_COMPUTED, switch_places
from sdn.graph.quantities import (
    MAX_CAPACITY,
    MAX_LATENCY,
    format_capacity,
    format_latency,
    parse_capacity,
    parse_latency,
)
from sdn.graph.svg import to_svg
from sdn.graph.write import to_graphml, to_json, to_yaml
from sdn.graph.xmlfile import parse_xml
from sdn.model.errors import InvalidInput
from sdn.model.ids import Dpid
from sdn.model.topology import DeclaredHost, DeclaredLink, DeclaredTopology, Demand, Site

FILES = Path(__file__).with_name("files")
EVERYTHING = DeclaredTopology(
    'quoted "name": <&>',
    {"s1": Dpid(7), "no": Dpid(1), "12": Dpid(2), "s4": Dpid(0xFFFFFFFFFFFFFFFF)},
    (
        DeclaredLink(("s1", "eth1"), ("no", "port:1")),
        DeclaredLink(("no", ""), ("s1", "eth2"), 3, 2_500_000_001, 1_234_567, frozenset({"duct, 7", 'a "pole"'})),
        DeclaredLink(("12", ""), ("s1", ""), latency=5),
    ),
    (DeclaredHost("h1", "12", "e9"), DeclaredHost("null", "s4", "")),
    {"s1": ("eth1", "eth2", "eth3")},
    {"s1": Site("Zürich <1>", (47.37, 8.54)), "no": Site("", None, (-1.5, 1e-7)), "12": Site("x", (-0.5, 0), (1, 2))},
    (Demand("s1", "s4", 123), Demand("s4", "s1", 10**9)),
    "all: of it",
    "by hand # really",
)
WRITERS = {"yaml": to_yaml, "json": to_json, "graphml": to_graphml}
SPECS = ("fat-tree:k=4,capacity=1G,latency=1us", "torus", "random-regular", "abilene", "sndlib:polska", "zoo:AttMpls")


def reread(topology, form, tmp_path):
    path = tmp_path / f"again.{form}"
    path.write_text(WRITERS[form](topology), encoding="utf-8")
    return load_topology(str(path))


@pytest.mark.parametrize("form", sorted(WRITERS))
@pytest.mark.parametrize("spec", ["everything", *SPECS])
def test_what_is_written_is_read_back_as_the_same_topology(spec, form, tmp_path):
    topology = EVERYTHING if spec == "everything" else load_topology(spec)
    assert reread(topology, form, tmp_path) == topology
    assert reread(assign_interfaces(topology), form, tmp_path) == assign_interfaces(topology)


def test_a_topology_without_hosts_gets_none(tmp_path):
    topology = replace(load_topology("ring"), hosts=())
    assert [reread(topology, form, tmp_path) for form in sorted(WRITERS)] == [topology] * 3


@pytest.mark.parametrize("spec", ["everything", *SPECS])
def test_networkx_and_back(spec):
    topology = EVERYTHING if spec == "everything" else load_topology(spec)
    assert from_networkx(to_networkx(topology)) == topology


@given(st.integers(1, MAX_CAPACITY), st.integers(0, MAX_LATENCY))
def test_quantities_are_written_exactly(capacity, latency):
    assert parse_capacity(format_capacity(capacity)) == capacity
    assert parse_latency(format_latency(latency)) == latency


def test_every_peculiarity_of_the_topology_zoo():
    remarks = []
    topology = load_topology(str(FILES / "peculiar.graphml"), remarks.append)
    assert topology.name == "peculiar"
    assert topology.description == "Peculiar (Nowhere)"
    assert topology.origin.endswith("file peculiar.graphml, made from http://example.org/map")
    assert list(topology.switches) == ["n0", "n1", "n2", "n3", "n4", "Zurich-Al", "Zurich-A2"]
    assert [topology.sites[name].label for name in ("n0", "n1", "n2", "n3")] == [
        "Zero & Null",
        "Same name",
        "Same name",
        "Drawn here",
    ]
    assert topology.sites["Zurich-Al"] == Site("Zürich Altstetten")
    assert topology.sites["n0"].location == (0, 0)
    assert topology.sites["n4"] == Site("", None, (10.12, 50))
    assert [(link.a[0], link.b[0], link.capacity, link.latency, link.cost) for link in topology.links] == [
        ("n0", "n1", 10**10, 560, 56),
        ("n1", "n0", 10**10, 560, 56),
        ("n1", "n2", 10**10, 0, 10),
        ("n3", "n4", 10**10, 0, 10),
    ]
    assert remarks == [f"{FILES / 'peculiar.graphml'}: 1 edges of a node with itself are left out"]
    assert [host.switch for host in topology.hosts] == list(topology.switches)
    assert nx.number_connected_components(to_networkx(topology)) == 4


def test_sndlib_with_demands():
    topology = load_topology(str(FILES / "small.xml"))
    assert list(topology.switches) == ["Braunschw", "Braunsch2", "c.c"]
    assert topology.sites["Braunschw"] == Site("Braunschweig", (0, 0))
    assert [(link.capacity, link.latency, link.cost) for link in topology.links] == [
        (2_480_500_000, 560, 56),
        (622_000_000, 0, 10),
        (10**10, 0, 10),
    ]
    assert topology.demands == (Demand("Braunschw", "c.c", 195_500_000), Demand("c.c", "Braunschw", 6_000_000))
    assert topology.origin == "SNDlib (http://sndlib.zib.de/), instance small; by hand"
    assert len(topology.hosts) == 3
    assert assign_interfaces(topology).links[0].a[1] == "Braunschw-eth1"


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("abilene", (12, 15, 132)),
        ("geant", (22, 36, 462)),
        ("germany50", (50, 88, 662)),
        ("nobel-germany", (17, 26, 121)),
        ("polska", (12, 18, 66)),
    ],
)
def test_shipped_networks_of_sndlib(name, size):
    topology = assign_interfaces(load_topology(f"sndlib:{name}"))
    assert (len(topology.switches), len(topology.links), len(topology.demands)) == size
    assert "sndlib.zib.de" in topology.origin
    assert f"sndlib:{name}" in known_topologies()


def graphml(inside, keys=""):
    return f"<graphml>\n{keys}<graph>\n{inside}\n</graph></graphml>"


def key(attribute):
    return f"<key id='d' attr.name='{attribute}'/>"


AB = '<node id="a"/><node id="b"/>\n'
LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>\n<graphml>&b;</graphml>'


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "1"),
        ("<graphml>\n<graph>", "2"),
        (LAUGHS, "1"),
        ('<!DOCTYPE g SYSTEM "file:///etc/passwd">\n<graphml/>', "1"),
        ("<graphml>\n&nothing;</graphml>", "2"),
        ("<a>" * 100_000, "1"),
        ("<other/>", "1"),
        ("<graphml><graph/><graph/></graphml>", "1"),
        (graphml("<node/>"), "3: node.id"),
        (graphml(AB + "<node id='a'/>"), "4: node a.id"),
        (graphml(AB + "<edge id='e' source='a' target='c'/>"), "4: edge e.target"),
        (graphml(AB + "<hyperedge/>"), "4: hyperedge"),
        (graphml("<node id='a'><graph/></node>"), "3: graph"),
        (graphml("<node id='a'>\n<data key='d'>1</data></node>"), "4: node a.data"),
        (graphml("<node id='a'>\n<data key='d'>NaN</data></node>", key("Latitude")), "4: node a.latitude"),
        (graphml("<node id='a'>\n<data key='d'>9e999</data></node>", key("x")), "4: node a.x"),
        (graphml(AB + "<edge id='e' source='a' target='b'>\n<data key='d'>fast</data></edge>", key("capacity")),
         "5: edge e.capacity"),
        (graphml(AB + "<edge id='e' source='a' target='b'>\n<data key='d'>[1]</data></edge>", key("risk_groups")),
         "5: edge e.risk_groups"),
        (graphml("<data key='d'>" + "[" * 50_000 + "</data>" + AB, key("demands")), "3: graph.demands"),
        (graphml("<node id='h'><data key='d'>host</data></node>" + AB, key("kind")), "3: node h"),
        ("<network/>", "1: network.networkStructure.nodes"),
        ("<network><meta>\n<unit>ERLANG</unit></meta></network>", "2: network.meta.unit"),
    ],
)  # fmt: skip
def test_wrong_markup_names_file_line_and_field(text, where, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("net.xml").write_text(text)
    with pytest.raises(InvalidInput) as caught:
        load_topology("net.xml")
    violation = caught.value.violations[0]
    assert violation.field == f"net.xml:{where}"
    assert violation.reason
    assert violation.remedy.endswith(".")


@given(st.binary(max_size=60))
def test_any_bytes_give_xml_or_our_error(data):
    for start in (b"", b"<?xml version='1.0' encoding='", b"<graphml><graph>"):
        field = "x:"
        try:
            parse_xml(start + data, "x")
        except InvalidInput as error:
            field = error.violations[0].field
        assert field.startswith("x:")


def test_graphs_of_others_become_topologies():
    topology = from_networkx(nx.petersen_graph())
    assert (len(topology.switches), len(topology.links), len(topology.hosts)) == (10, 15, 10)
    assert topology.name == "Petersen Graph"
    assert list(topology.switches)[:2] == ["0", "1"]
    named = from_networkx(nx.Graph([(("a", 1), "b c"), ("b c", 3)]))
    assert list(named.switches) == ["a-1", "b-c", "3"]
    assert named.sites["b-c"].label == "b c"


@pytest.mark.parametrize(
    ("graph", "field"),
    [
        (nx.DiGraph([(1, 2)]), "graph"),
        (nx.Graph(), "graph.switches"),
        (nx.Graph([(1, 2, {"capacity": -5})]), "edge 1-2.capacity"),
        (nx.Graph([(1, 2, {"latency": "soon"})]), "edge 1-2.latency"),
    ],
)
def test_wrong_graphs_name_the_place(graph, field):
    with pytest.raises(InvalidInput) as caught:
        from_networkx(graph)
    assert caught.value.violations[0].field == field


@pytest.mark.parametrize("spec", ["everything", *SPECS, "zoo:Kdl"])
def test_drawings_are_whole_and_the_same_each_time(spec):
    topology = EVERYTHING if spec == "everything" else load_topology(spec)
    picture = to_svg(topology)
    assert picture == to_svg(topology)
    root = ElementTree.fromstring(picture)
    name = "{http://www.w3.org/2000/svg}"
    shapes = [shape for shape in root.iter() if shape.get("class") == "switch"]
    assert len(shapes) == len(topology.switches)
    links = [path for path in root.iter(f"{name}path") if path.get("class") == "link"]
    assert len(links) == len(topology.links)
    assert len({path.get("d") for path in links}) == len(links), "no link hides another"
    titles = [path.findtext(f"{name}title") for path in links]
    assert all("cost" in title for title in titles)
    left, top, width, height = map(float, root.get("viewBox").split())
    for rectangle in (shape for shape in shapes if shape.tag == f"{name}rect"):
        assert left <= float(rectangle.get("x")) <= left + width
        assert top <= float(rectangle.get("y")) <= top + height
    if len(topology.hosts) <= 300:
        assert sum(shape.get("class") == "host" for shape in root.iter()) == len(topology.hosts)


def test_a_computed_layout_keeps_distances():
    places = switch_places(replace(load_topology("linear:switches=6,hosts=0"), sites={}))
    (x1, y1), (x6, y6) = places["s1"], places["s6"]
    assert (x1 - x6) ** 2 + (y1 - y6) ** 2 == pytest.approx(25, rel=0.1)
    many = replace(load_topology(f"ring:switches={MAX_COMPUTED + 1}"), sites={})
    assert len(set(switch_places(many).values())) == MAX_COMPUTED + 1


def test_dot():
    lines = to_dot(EVERYTHING).splitlines()
    assert lines[0] == 'graph "quoted \\"name\\": <&>" {'
    assert sum(" -- " in line for line in lines) == 5
    assert '  "s1" [shape=box, label="s1\\nZürich <1>"];' in lines
    assert 'taillabel="eth1", headlabel="port:1"' in to_dot(EVERYTHING)


def run(*arguments):
    return CliRunner().invoke(main, list(arguments))


def test_command_line_lists_and_shows():
    listed = run("list").output
    assert all(f"\n{name}" in f"\n{listed}" for name in known_topologies())
    shown = run("show", "abilene")
    assert shown.exit_code == 0
    assert "11 switches, 14 links, 11 hosts" in shown.output
    assert "2.48G to 9.92G" in shown.output


def test_command_line_converts(tmp_path):
    for form in ("yaml", "json", "graphml", "dot", "svg"):
        path = tmp_path / f"net.{form}"
        assert run("convert", "ring", "-o", str(path)).exit_code == 0
        assert path.read_text() == run("convert", "ring", "--to", form).output
    assert load_topology(str(tmp_path / "net.graphml")) == load_topology("ring")
    assert "n0-eth1" in run("convert", "zoo:Nsfnet", "--to", "yaml", "--interfaces").output
    assert run("convert", "ring").exit_code == 2
    assert run("convert", "ring", "-o", str(tmp_path / "none" / "x.svg")).exit_code == 1


def test_command_line_checks(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(
        "switches: [a, b, c, d]\nlinks:\n- {a: a, b: b, risk_groups: [duct]}\n- {a: b, b: c, risk_groups: [duct]}\n"
        "- {a: c, b: a}\n- {a: a, b: b}\n- {a: b, b: c}\n- {a: c, b: d, risk_groups: [duct]}\n"
    )
    found = run("check", str(path))
    assert found.exit_code == 0
    assert found.output.splitlines() == [
        "1 link without another way around: c-d",
        "1 switch whose failure divides the network: c",
        "1 risk group whose failure divides the network: duct",
        "no hosts",
    ]
    assert run("check", str(path), "--strict").exit_code == 1
    assert run("check", "fat-tree", "--strict").output == "No findings.\n"


def test_command_line_tells_errors():
    done = subprocess.run(
        [sys.executable, "-m", "sdn.graph", "check", "ring:switches=1"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: topology.switches: '1' is out of range.")
