"""Manifests: every form that is read, every error with its place, and the way back."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sdn.client import (
    AnyObject,
    ApiError,
    Client,
    ManifestError,
    format_bandwidth,
    load,
    locate,
    parse,
    parse_bandwidth,
    to_dict,
    to_yaml,
)
from sdn.v1 import resources_pb2 as pb

EXAMPLE = """\
# one tenant
kind: Tenant
name: tenants/red
description: of experiments
labels: {env: lab, on: yes}
---
- kind: Port
  name: tenants/red/ports/h1
  network: web
  mac: 10:20:30:40:50:01
  addresses:
    - 10.0.0.1
    - 2001:db8::1
  binding: {switch: 0000000000000010, interface: h1-eth0}
- kind: Connection
  name: tenants/red/connections/c
  a: h1
  b: h2
  bandwidth: 1.5G
---
---
kind: Network
name: tenants/red/networks/web
metadata:
  description: 2024-01-01
  etag: "7"
  createTime: 2024-01-01T00:00:00Z
status: {state: PROGRAMMED, whatever: x}
mtu: null
"""


def messages(text: str) -> list[AnyObject]:
    return [d.message for d in parse(text)]


def test_example() -> None:
    found = parse(EXAMPLE, "lab.yaml")
    assert [d.message for d in found] == [
        pb.Tenant(
            name="tenants/red", metadata=pb.Metadata(description="of experiments", labels={"env": "lab", "on": "yes"})
        ),
        pb.Port(
            name="tenants/red/ports/h1",
            network="web",
            mac="10:20:30:40:50:01",
            addresses=["10.0.0.1", "2001:db8::1"],
            binding=pb.Binding(switch="0000000000000010", interface="h1-eth0"),
        ),
        pb.Connection(name="tenants/red/connections/c", a="h1", b="h2", bandwidth_bps=1_500_000_000),
        pb.Network(name="tenants/red/networks/web", metadata=pb.Metadata(description="2024-01-01")),
    ]
    assert [(d.source, d.index, d.line) for d in found] == [
        ("lab.yaml", i, n) for i, n in [(1, 2), (2, 7), (3, 15), (4, 22)]
    ]
    port = found[1]
    assert port.line_of("addresses[1]") == 13
    assert port.line_of("binding.interface") == 14
    assert port.line_of("binding.colour") == 14
    assert port.line_of("nothing") == port.line == 7
    assert found[2].line_of("bandwidth_bps") == 19


CONNECTION = "kind: Connection\nname: tenants/red/connections/c\n"
SAME = [
    CONNECTION + "bandwidth_bps: 100000000",
    CONNECTION + "bandwidthBps: '100000000'",
    CONNECTION + "bandwidth: 100M",
    CONNECTION + "bandwidth: 100000k",
    '{"kind": "Connection", "name": "tenants/red/connections/c", "bandwidthBps": "100000000"}',
    '[\n\t{"kind": "Connection",\n\t"name": "tenants\\/red/connections/c",\n\t"bandwidth_bps": 100000000}\n]',
    "- &c\n  kind: Connection\n  name: tenants/red/connections/c\n  bandwidth: 100M\n",
]


@pytest.mark.parametrize("text", SAME)
def test_forms_of_the_same(text: str) -> None:
    assert messages(text) == [pb.Connection(name="tenants/red/connections/c", bandwidth_bps=10**8)]


ROUTER = """\
kind: Router
name: tenants/red/routers/r
subnets: [v4]
routes:
  - prefix: 0.0.0.0/0
    nextHop: 10.0.0.9
  - {prefix: 10.9.0.0/16, next_hop: blackhole}
"""


def test_lists_of_objects() -> None:
    (found,) = parse(ROUTER)
    routes = [
        pb.StaticRoute(prefix="0.0.0.0/0", next_hop="10.0.0.9"),
        pb.StaticRoute(prefix="10.9.0.0/16", next_hop="blackhole"),
    ]
    assert found.message == pb.Router(name="tenants/red/routers/r", subnets=["v4"], routes=routes)
    assert (found.line_of("routes[0].next_hop"), found.line_of("routes[1].prefix")) == (6, 7)
    assert (found.line_of("routes[1].nothing"), found.line_of("routes[7]")) == (7, 4)
    assert messages(to_yaml([found.message])) == [found.message]


@pytest.mark.parametrize(("text", "active"), [("true", True), ("False", False), ("yes", None), ("1", None)])
def test_true_and_false(text: str, active: bool | None) -> None:
    manifest = (
        "kind: Port\nname: tenants/red/ports/p\nnetwork: web\n"
        f"allowed_address_pairs: [{{address: 10.0.0.100, mac: 00:00:5e:00:01:07, active: {text}}}]\n"
    )
    if active is None:
        with pytest.raises(ManifestError, match="Write true or false"):
            parse(manifest)
        return
    (found,) = messages(manifest)
    pair = pb.AddressPair(address="10.0.0.100", mac="00:00:5e:00:01:07", active=active)
    assert found == pb.Port(name="tenants/red/ports/p", network="web", allowed_address_pairs=[pair])
    assert messages(to_yaml([found])) == [found]


def test_what_is_wrong_in_a_list_of_objects() -> None:
    text = ROUTER + "  - 10.0.0.0/8\n  - {prefix: 10.8.0.0/16, via: 10.0.0.9}\n"
    with pytest.raises(ManifestError) as caught:
        parse(text)
    problems = [(p.line, p.field, p.remedy) for p in caught.value.problems]
    assert problems == [
        (8, "routes[2]", "Give it the fields prefix, next_hop."),
        (9, "routes[3].via", "Known fields: prefix, next_hop."),
    ]


def test_anchors_and_merges() -> None:
    text = """
- &h1
  kind: Port
  name: tenants/red/ports/h1
  network: web
- <<: *h1
  name: tenants/red/ports/h2
- <<: *h1
  name: tenants/red/ports/h3
  network: db
"""
    assert [(m.name, m.network) for m in messages(text) if isinstance(m, pb.Port)] == [
        ("tenants/red/ports/h1", "web"),
        ("tenants/red/ports/h2", "web"),
        ("tenants/red/ports/h3", "db"),
    ]


def test_surrogate_pairs_of_json() -> None:
    text = json.dumps({"kind": "Tenant", "name": "tenants/t", "description": "\U0001f600 ü"})
    assert messages(text)[0].metadata.description == "\U0001f600 ü"


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n---\n", "[]", "null"])
def test_nothing(text: str) -> None:
    assert parse(text) == []


PORT = "kind: Port\nname: tenants/red/ports/p\n"
WRONG = [
    ("a\n", ["f:1: document 1: not an object. Write 'kind"]),
    ("name: x\n", ["f:1: document 1: kind: not given. Write one of Tenant, Network"]),
    ("\nname: x\nkind: port\n", ["f:3: document 1: kind: 'port' is not a kind. Write one of Tenant"]),
    ("kind: [Port]\n", ["f:1: document 1: kind: 'this' is not a kind"]),
    ("kind: Port\n", ["f:1: document 1: name: not given. Write name: tenants/T/ports/ID."]),
    ("kind: Tenant\n", ["f:1: document 1: name: not given. Write name: tenants/T."]),
    (
        PORT + "colour: red\n",
        ["f:3: document 1: colour: Port has no such field. Known fields: name, metadata, network,"],
    ),
    (PORT + "addresses: 10.0.0.1\n", ["f:3: document 1: addresses: not a list. Write [a, b]"]),
    (PORT + "addresses:\n- 10.0.0.1\n- [x]\n", ["f:5: document 1: addresses[1]: not text. Write a single value."]),
    (
        PORT + "binding: leaf1\n",
        ["f:3: document 1: binding: not an object. Give it the fields switch, interface, iface_id."],
    ),
    (PORT + "binding:\n  switch: a\n  port: b\n", ["f:5: document 1: binding.port: Binding has no such field"]),
    (PORT + "labels: [a]\n", ["f:3: document 1: metadata.labels: not a mapping. Write one 'key: value' a line."]),
    (PORT + "labels: {a: [b]}\n", ["f:3: document 1: metadata.labels[a]: not text"]),
    (
        PORT + "description: x\nmetadata: {description: y}\n",
        ["f:4: document 1: metadata.description: given twice, also on line 3. Keep one"],
    ),
    (PORT + "mac: a\nmac: b\n", ["f:4: document 1: mac: given twice. Keep one of the two."]),
    (
        "kind: Network\nname: n\nmtu: big\n",
        ["f:3: document 1: mtu: 'big' is not a whole number in range. Write a number"],
    ),
    ("kind: Network\nname: n\nmtu: -1\n", ["f:3: document 1: mtu: '-1' is not a whole number"]),
    ("kind: Network\nname: n\nmtu: 4294967296\n", ["f:3: document 1: mtu: '4294967296' is not a whole number"]),
    (CONNECTION + "bandwidth: fast\n", ["f:3: document 1: bandwidth_bps: 'fast' is not a bandwidth. Write whole bits"]),
    (
        CONNECTION + "bandwidth: 1M\nbandwidth_bps: 5\n",
        ["f:4: document 1: bandwidth_bps: given twice, also on line 3. Keep one of the two."],
    ),
    (f"{PORT}---\n{PORT}", ["f:5: document 2: name: tenants/red/ports/p is also on line 2. Give each object once."]),
    (
        PORT + "mac: [1]\n---\nkind: What\n---\n- 5\n",
        [
            "f:3: document 1: mac: not text",
            "f:5: document 2: kind: 'What' is not a kind",
            "f:7: document 3: not an object",
        ],
    ),
    ("kind: Port\n  name: x\n", ["f:2: document 1: mapping values are not allowed in this context. Correct the YAML"]),
    ('{"kind": "Port",\n "name": ]', ["f:2: document 1: "]),
    ("a: b\n---\n? [x]\n: y\n", ["f:1: document 1: kind: not given", "f:3: document 2: a key is not text. Use plain"]),
    ("kind: !python/object:os.system x\n", ["f:1: document 1: the tag", "Leave the tag out."]),
    ("kind: *nowhere\n", ["f:1: document 1: found undefined alias. Correct the YAML"]),
    ("\x00", ["f:1: document 1: "]),
    ("[" * 300_000, ["f:1: document 1: nested too deeply"]),
    ("a: [\ud800]", ["f:1: document 1: half a surrogate pair"]),
    ("- " * 40 + "x\n", ["f:1: document 1: nested too deeply. Write the objects"]),
]


@pytest.mark.parametrize(("text", "says"), WRONG, ids=range(len(WRONG)))
def test_wrong(text: str, says: list[str]) -> None:
    with pytest.raises(ManifestError) as caught:
        parse(text, "f")
    for piece in says:
        assert piece in str(caught.value)
    assert all(problem.remedy.endswith(".") for problem in caught.value.problems)
    if all(piece.startswith("f:") for piece in says):
        assert len(caught.value.problems) == len(says)


def test_aliases_cannot_eat_the_memory() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(ManifestError, match=r"values. Split the file, and use fewer aliases"):
        parse("\n".join(lines))


def test_problems_are_bounded() -> None:
    with pytest.raises(ManifestError) as caught:
        parse("- x\n" * 100)
    assert len(caught.value.problems) == 20


def test_files(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("kind: Tenant\nname: tenants/t\n")
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\xff")
    assert load(tmp_path / "a.yaml")[0].source == str(tmp_path / "a.yaml")
    with pytest.raises(ManifestError, match=r"b.yaml: not UTF-8 text. Save"):
        load(tmp_path / "b.yaml")
    with pytest.raises(ManifestError, match=r"c.yaml: No such file or directory. Give"):
        load(tmp_path / "c.yaml")


def test_the_daemons_errors_are_found_in_the_file(client: Client) -> None:
    documents = parse("kind: Tenant\nname: tenants/t\n---\n" + PORT + "network: web\nmac: zz\n", "lab.yaml")
    with pytest.raises(ApiError) as caught:
        client.apply([d.message for d in documents])
    assert [str(p) for p in locate(caught.value, documents)] == [
        "lab.yaml:7: document 2: mac: 'zz' is not a MAC address. "
        "Give six pairs of hexadecimal digits with colons between."
    ]


def test_what_was_read_can_be_applied_again(client: Client) -> None:
    objects: list[Any] = [
        x
        for kind in ("Tenant", "Network", "Subnet", "Router", "Port", "Connection")
        for x in client.of_kind(kind).list()
    ]
    for status in (False, True):
        text = to_yaml(objects, status=status)
        assert ("etag" in text) is ("PROGRAMMED" in text) is status
        assert list(client.apply([d.message for d in parse(text)]).changed) == []
        array = json.dumps([to_dict(x, status=status) for x in objects])
        assert list(client.apply([d.message for d in parse(array)]).changed) == []
    assert to_dict(objects[-1])["bandwidth"] == "100M"


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
PORTS = st.builds(
    pb.Port,
    name=TEXT.filter(bool),
    network=TEXT,
    mac=TEXT,
    addresses=st.lists(TEXT, max_size=3),
    metadata=st.builds(pb.Metadata, description=TEXT, labels=st.dictionaries(TEXT, TEXT, max_size=2)),
    binding=st.none() | st.builds(pb.Binding, switch=TEXT, interface=TEXT, iface_id=TEXT),
)


@given(PORTS)
def test_any_text_survives_yaml_and_json(port: pb.Port) -> None:
    if not port.metadata.ByteSize():
        port.ClearField("metadata")
    assert messages(to_yaml([port])) == [port]
    assert messages(json.dumps(to_dict(port))) == [port]


@given(st.integers(0, 2**64 - 1))
def test_bandwidths(bps: int) -> None:
    assert parse_bandwidth(format_bandwidth(bps)) == bps
    assert parse_bandwidth(bps) == bps


def test_bandwidth_forms() -> None:
    pairs = {
        "100M": 10**8,
        "1.5G": 15 * 10**8,
        "10k": 10**4,
        "10 Kbit": 10**4,
        "2Tbps": 2 * 10**12,
        "5bit/s": 5,
        "7": 7,
    }
    assert {text: parse_bandwidth(text) for text in pairs} == pairs
    assert [format_bandwidth(n) for n in (0, 999, 1000, 1500, 10**8, 15 * 10**8, 10**9 + 1)] == [
        "0",
        "999",
        "1k",
        "1.5k",
        "100M",
        "1.5G",
        "1000000001",
    ]
    for text in ("", "M", "-5", "1.5", "1e3", "5m", "1MB", "99999999T", "\u0661"):
        with pytest.raises(ValueError, match=r"is not a bandwidth. Write"):
            parse_bandwidth(text)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ManifestError):
        parse(text)


def test_output_is_plain_yaml() -> None:
    text = to_yaml([pb.Tenant(name="tenants/a"), pb.Port(name="p", mac="10:20:30:40:50:01")])
    assert list(yaml.safe_load_all(text)) == [
        {"kind": "Tenant", "name": "tenants/a"},
        {"kind": "Port", "name": "p", "mac": "10:20:30:40:50:01"},
    ]
