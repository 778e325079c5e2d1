"""Topologies as text: the YAML and JSON that files.py reads, and the GraphML that graphml.py reads.

What is read back is the same topology, to the order of its links. Values that are the default are left out of YAML and
JSON; GraphML says everything, since an import derives what is not said. Nothing depends on a clock or on hashes: the
same topology is always written as the same bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from xml.sax.saxutils import escape, quoteattr

from sdn.graph.quantities import format_capacity, format_latency
from sdn.model.ids import format_dpid
from sdn.model.topology import DEFAULT_CAPACITY, DEFAULT_COST, DeclaredHost, DeclaredLink, DeclaredTopology, Site

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*(?: [A-Za-z0-9_.-]+)*|[0-9]+(?:\.[0-9]+)?(?:[kMGT]|us|ms|s)", re.ASCII)
_NOT_PLAIN = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
_Value = str | float | tuple[str, ...]


def to_yaml(topology: DeclaredTopology) -> str:
    """The topology as YAML, one line for each switch, link, host and demand."""
    lines = []
    for key, value in _document(topology).items():
        if isinstance(value, str):
            lines.append(f"{key}: {_scalar(value)}")
            continue
        lines.append(f"{key}:")
        lines += (f"  - {_flow(row)}" for row in value)
    return "\n".join(lines) + "\n"


def to_json(topology: DeclaredTopology) -> str:
    """The topology as JSON with the keys of the YAML form, one line for each switch, link, host and demand."""
    parts = []
    for key, value in _document(topology).items():
        if isinstance(value, str):
            parts.append(f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}")
        else:
            rows = ",\n".join(f"    {json.dumps(row, ensure_ascii=False)}" for row in value)
            parts.append(f"  {json.dumps(key)}: [\n{rows}\n  ]")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _document(topology: DeclaredTopology) -> dict[str, str | list[dict[str, _Value]]]:
    """The keys of a file in their order; what is empty is left out."""
    document: dict[str, str | list[dict[str, _Value]]] = {
        "name": topology.name,
        "description": topology.description,
        "origin": topology.origin,
        "switches": list(_switches(topology)),
        "links": [_link(link) for link in topology.links],
        "hosts": [_host(host) for host in topology.hosts],
        "demands": [
            {"from": demand.source, "to": demand.target, "bandwidth": format_capacity(demand.bandwidth)}
            for demand in topology.demands
        ],
    }
    return {key: value for key, value in document.items() if value}


def _switches(topology: DeclaredTopology) -> Iterator[dict[str, _Value]]:
    """Datapath ids only where they are not simply counted."""
    counted = list(topology.switches.values()) == list(range(1, len(topology.switches) + 1))
    for name, dpid in topology.switches.items():
        row: dict[str, _Value] = {"name": name}
        if not counted:
            row["dpid"] = format_dpid(dpid)
        if name in topology.ports:
            row["ports"] = topology.ports[name]
        yield row | site_row(topology.sites.get(name, Site()))


def site_row(site: Site) -> dict[str, _Value]:
    """label, latitude, longitude, x and y, as far as they are known."""
    row: dict[str, _Value] = {"label": site.label} if site.label else {}
    for keys, values in ((("latitude", "longitude"), site.location), (("x", "y"), site.drawn)):
        if values:
            row |= dict(zip(keys, values, strict=True))
    return row


def _link(link: DeclaredLink) -> dict[str, _Value]:
    row: dict[str, _Value] = {key: ":".join(filter(None, end)) for key, end in (("a", link.a), ("b", link.b))}
    if link.capacity != DEFAULT_CAPACITY:
        row["capacity"] = format_capacity(link.capacity)
    if link.latency:
        row["latency"] = format_latency(link.latency)
    if link.cost != DEFAULT_COST:
        row["cost"] = str(link.cost)
    if link.risk_groups:
        row["risk_groups"] = tuple(sorted(link.risk_groups))
    return row


def _host(host: DeclaredHost) -> dict[str, _Value]:
    row: dict[str, _Value] = {"name": host.name, "switch": host.switch}
    return row | ({"interface": host.interface} if host.interface else {})


def _flow(row: Mapping[str, _Value]) -> str:
    if list(row) == ["name"]:
        return _value("name", row["name"])  # a switch of which nothing else is known
    return "{" + ", ".join(f"{key}: {_value(key, value)}" for key, value in row.items()) + "}"


def _value(key: str, value: _Value) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_scalar, value))}]"
    if isinstance(value, int | float):
        return json.dumps(value).removesuffix(".0")
    return value if key == "cost" else _scalar(value)


def _scalar(text: str) -> str:
    """Plain where every reader of YAML takes it for a text, else quoted as in JSON."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _NOT_PLAIN
    return text if plain else json.dumps(text, ensure_ascii=False)


_GRAPH_KEYS = ("name", "description", "origin", "demands")
_NODE_KEYS = ("kind", "dpid", "ports", "label", "latitude", "longitude", "x", "y")
_EDGE_KEYS = ("capacity", "latency", "cost", "risk_groups", "source_interface", "target_interface")
_TYPES = {"capacity": "long", "latency": "long", "cost": "int"} | dict.fromkeys(
    ("latitude", "longitude", "x", "y"), "double"
)


def to_graphml(topology: DeclaredTopology) -> str:
    """The topology as GraphML: capacities in bits/s, latencies in microseconds; hosts are nodes with one edge."""
    keys = [(kind, key) for kind, names in _KEYS.items() for key in names]
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">',
        *(
            f'  <key id="{kind}_{key}" for="{kind}" attr.name="{key}" attr.type="{_TYPES.get(key, "string")}"/>'
            for kind, key in keys
        ),
        '  <graph edgedefault="undirected">',
        *_data("graph", _graph_row(topology), "    "),
    ]
    for name, dpid in topology.switches.items():
        row: dict[str, _Value] = {"kind": "switch", "dpid": format_dpid(dpid)}
        row["ports"] = " ".join(topology.ports.get(name, ()))
        lines += _element("node", f"id={quoteattr(name)}", row | site_row(topology.sites.get(name, Site())))
    for host in topology.hosts:
        lines += _element("node", f"id={quoteattr(host.name)}", {"kind": "host"})
    for number, link in enumerate(topology.links):
        lines += _element("edge", _edge(number, link.a[0], link.b[0]), _edge_row(link))
    for number, host in enumerate(topology.hosts, len(topology.links)):
        lines += _element("edge", _edge(number, host.name, host.switch), {"target_interface": host.interface})
    return "\n".join([*lines, "  </graph>", "</graphml>"]) + "\n"


_KEYS = {"graph": _GRAPH_KEYS, "node": _NODE_KEYS, "edge": _EDGE_KEYS}


def _graph_row(topology: DeclaredTopology) -> dict[str, _Value]:
    demands = [[demand.source, demand.target, demand.bandwidth] for demand in topology.demands]
    return {
        "name": topology.name,
        "description": topology.description,
        "origin": topology.origin,
        "demands": json.dumps(demands) if demands else "",
    }


def _edge(number: int, source: str, target: str) -> str:
    return f'id="e{number}" source={quoteattr(source)} target={quoteattr(target)}'


def _edge_row(link: DeclaredLink) -> dict[str, _Value]:
    groups = json.dumps(sorted(link.risk_groups), ensure_ascii=False) if link.risk_groups else ""
    return {
        "capacity": str(link.capacity),
        "latency": str(link.latency),
        "cost": str(link.cost),
        "risk_groups": groups,
        "source_interface": link.a[1],
        "target_interface": link.b[1],
    }


def _element(tag: str, attributes: str, row: Mapping[str, _Value]) -> list[str]:
    return [f"    <{tag} {attributes}>", *_data(tag, row, "      "), f"    </{tag}>"]


def _data(kind: str, row: Mapping[str, _Value], indent: str) -> Iterator[str]:
    for key, value in row.items():
        if value != "":
            yield f'{indent}<data key="{kind}_{key}">{escape(str(value))}</data>'
