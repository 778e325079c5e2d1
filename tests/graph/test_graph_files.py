"""YAML topologies: what they mean, and that every error names file, line and field."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdn.graph import assign_interfaces, load_topology
from sdn.graph.files import read_topology
from sdn.graph.quantities import parse_capacity, parse_latency
from sdn.model.errors import InvalidInput, SdnError
from sdn.model.topology import DeclaredHost, DeclaredLink, Demand, Site

GOOD = """\
name: triangle
description: an example
switches:
  - s1
  - {name: s2, dpid: 0000000000000001}
  - {name: "12", dpid: 010}
  - yes
links:
  - {a: "s1:s1-eth1", b: s2, capacity: 2.5G, latency: 1.5ms, cost: 010, risk_groups: [duct-7, pole]}
  - {a: s2, b: "s1:port:1"}
  - a: s1
    b: "12"
hosts:
  - {name: h1, switch: s1, interface: s1-eth2}
  - {name: h2, switch: s1}
"""


def read(text):
    return read_topology(text, "net.yaml", "net")


def test_a_file_means_what_it_says(tmp_path):
    path = tmp_path / "some.yaml"
    path.write_text(GOOD)
    topology = load_topology(str(path))
    assert topology.name == "triangle"
    assert topology.switches == {"s1": 2, "s2": 1, "12": 0x10, "yes": 3}
    assert topology.links[0] == DeclaredLink(
        ("s1", "s1-eth1"), ("s2", ""), 10, 2_500_000_000, 1500, frozenset({"duct-7", "pole"})
    )
    assert topology.links[1].b == ("s1", "port:1")
    assert topology.hosts == (DeclaredHost("h1", "s1", "s1-eth2"), DeclaredHost("h2", "s1", ""))


def test_the_name_defaults_to_the_files():
    assert read("switches: [a]").name == "net"


def test_open_interfaces_are_filled_with_the_lowest_free_ones():
    topology = assign_interfaces(read(GOOD))
    assert [link.b[1] for link in topology.links] == ["s2-eth1", "port:1", "12-eth1"]
    assert topology.links[2].a[1] == "s1-eth3"
    assert topology.hosts[1].interface == "s1-eth4"


def test_long_switch_names_cannot_make_interfaces():
    topology = read("switches: [abcdefghijklmno, b]\nlinks: [{a: abcdefghijklmno, b: b}]")
    with pytest.raises(InvalidInput, match="longer than 15"):
        assign_interfaces(topology)


def test_listed_ports_are_used_in_their_order_and_must_suffice():
    text = "switches: [{name: a, ports: [e3, e1]}, b]\nlinks: [{a: a, b: b}, {a: 'a:e3', b: b}]\n"
    topology = assign_interfaces(read(text))
    assert [link.a[1] for link in topology.links] == ["e1", "e3"]
    with pytest.raises(InvalidInput, match="more links and hosts than ports"):
        assign_interfaces(read(text + "hosts: [{name: h, switch: a}]"))


def test_sites_and_demands():
    topology = read(
        "origin: a map\nswitches: [{name: a, label: Bern, latitude: 46.95, longitude: 7.45}, {name: b, x: -1, y: 2}]\n"
        "demands: [{from: a, to: b, bandwidth: 1.5G}]"
    )
    assert topology.sites == {"a": Site("Bern", (46.95, 7.45)), "b": Site("", None, (-1, 2))}
    assert topology.demands == (Demand("a", "b", 1_500_000_000),)
    assert topology.origin == "a map"


HEAD = "switches:\n- s1\n- s2\n"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "net.yaml:1"),
        ("- a", "net.yaml:1"),
        ("name: x", "net.yaml:1: switches"),
        ("switches: []", "net.yaml:1: switches"),
        ("switches: {a: b}", "net.yaml:1: switches"),
        ("switches: [s1", "net.yaml:1"),
        ("switches:\n- s1\n\t- s2", "net.yaml:3"),
        ("switches:\n- s1\n- s1", "net.yaml:3: switches[1].name"),
        ("switches:\n- s1\n- {nam: x}", "net.yaml:3: switches[1].nam"),
        ("switches:\n- s1\n- {dpid: 1}", "net.yaml:3: switches[1].name"),
        ("switches:\n- {name: a, dpid: 0}", "net.yaml:1: switches[0].dpid".replace(":1:", ":2:")),
        ("switches:\n- {name: a, dpid: [1]}", "net.yaml:2: switches[0].dpid"),
        ("switches:\n- {name: a, dpid: xyz}", "net.yaml:2: switches[0].dpid"),
        ("switches:\n- {name: a, dpid: 7}\n- {name: b, dpid: 0x7}", "net.yaml:3: switches[1].dpid"),
        ("switches:\n- 'a b'", "net.yaml:2: switches[0].name"),
        ("switches:\n- 0x1", "net.yaml:2: switches[0].name"),
        ("switches:\n- &x s1\n- *x", "net.yaml:3"),
        (HEAD + "switches: []", "net.yaml:4: switches"),
        (HEAD + "links: 7", "net.yaml:4: links"),
        (HEAD + "links:\n- {a: s1}", "net.yaml:5: links[0].b"),
        (HEAD + "links:\n- {a: s1, b: s3}", "net.yaml:5: links[0].b"),
        (HEAD + "links:\n- {a: s1, b: s1}", "net.yaml:5: links[0].b"),
        (HEAD + "links:\n- {a: 's1:', b: s2}", "net.yaml:5: links[0].a"),
        (HEAD + "links:\n- {a: 's1:abcdefghijklmnop', b: s2}", "net.yaml:5: links[0].a"),
        (HEAD + "links:\n- {a: 's1:x', b: s2}\n- {a: 's1:x', b: s2}", "net.yaml:6: links[1].a"),
        (HEAD + "links:\n- a: s1\n  b: s2\n  capacity: fast", "net.yaml:7: links[0].capacity"),
        (HEAD + "links:\n- a: s1\n  b: s2\n  latency: 5", "net.yaml:7: links[0].latency"),
        (HEAD + "links:\n- a: s1\n  b: s2\n  cost: 1.5", "net.yaml:7: links[0].cost"),
        (HEAD + "links:\n- a: s1\n  b: s2\n  cost:", "net.yaml:7: links[0].cost"),
        (HEAD + "links:\n- a: s1\n  b: s2\n  risk_groups: [[]]", "net.yaml:7: links[0].risk_groups[0]"),
        (HEAD + "hosts:\n- {name: h1}", "net.yaml:5: hosts[0].switch"),
        (HEAD + "hosts:\n- {name: s1, switch: s1}", "net.yaml:5: hosts[0].name"),
        (HEAD + "hosts:\n- {name: h, switch: s1}\n- {name: h, switch: s1}", "net.yaml:6: hosts[1].name"),
        (HEAD + "hosts:\n- {name: h, switch: s9}", "net.yaml:5: hosts[0].switch"),
        (HEAD + "wires: []", "net.yaml:4: wires"),
        ("[" * 100_000, "net.yaml:1"),
        ("a: &x [y]\nb: [*x, *x]", "net.yaml:2"),
        ("switches: [" + "a," * 1_000_001 + "]", "net.yaml:1"),
        ("switches:\n- {name: a, dpid: " + "9" * 10_000 + "}", "net.yaml:2: switches[0].dpid"),
        ("switches:\n- {name: a, latitude: 91, longitude: 0}", "net.yaml:2: switches[0].latitude"),
        ("switches:\n- {name: a, x: 1}", "net.yaml:2: switches[0].y"),
        ("switches:\n- {name: a, x: 1e99, y: 1}", "net.yaml:2: switches[0].x"),
        ("switches:\n- {name: a, ports: [e1, e1]}", "net.yaml:2: switches[0].ports"),
        ("switches:\n- {name: a, label: " + "x" * 1001 + "}", "net.yaml:2: switches[0].label"),
        ("switches:\n- {name: s1, ports: [e1]}\n- s2\nlinks:\n- {a: 's1:e2', b: s2}", "net.yaml:5: links[0].a"),
        (HEAD + "links:\n- {a: s1, b: s2, cost: " + "9" * 10_000 + "}", "net.yaml:5: links[0].cost"),
        (
            HEAD + "links:\n- {a: s1, b: s2, risk_groups: [" + ",".join(map(str, range(65))) + "]}",
            "net.yaml:5: links[0]",
        ),
        (HEAD + "demands:\n- {from: s1, to: s2}", "net.yaml:5: demands[0].bandwidth"),
        (HEAD + "demands:\n- {from: s1, to: s1, bandwidth: 1G}", "net.yaml:5: demands[0].to"),
        (HEAD + "demands:\n- {from: s1, to: s9, bandwidth: 1G}", "net.yaml:5: demands[0].to"),
        (HEAD + "demands:\n- {from: s1, to: s2, bandwidth: 0}", "net.yaml:5: demands[0].bandwidth"),
    ],
)
def test_errors_name_file_line_and_field(text, where):
    with pytest.raises(InvalidInput) as caught:
        read(text)
    violation = caught.value.violations[0]
    assert violation.field == where
    assert violation.reason
    assert violation.remedy.endswith(".")


@given(st.text(alphabet="switcheslnk: -[]{}&*,\n\"'ab0#|>!%@\t", max_size=80))
def test_any_text_gives_a_topology_or_our_error(text):
    field = "net.yaml:"
    try:
        read(text)
    except SdnError as error:
        field = error.violations[0].field
    assert field.startswith("net.yaml:")


def test_a_file_that_is_not_text(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput):
        load_topology(str(path))


def test_quantities():
    assert parse_capacity("10G") == 10**10
    assert parse_capacity("100Mbit/s") == 10**8
    assert parse_capacity("1000") == 1000
    assert parse_capacity("2.5Gbps") == 2_500_000_000
    assert parse_latency("5ms") == 5000
    assert parse_latency("0.4us") == 0
    for bad in ("", "G", "-1G", "1e9", "1 0G", "10Gb/s/s", "0.1", "9999T", "\u0661G"):
        with pytest.raises(ValueError, match=r"."):
            parse_capacity(bad)
