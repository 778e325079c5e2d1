"""Topologies as networkx graphs, and networkx graphs as topologies.

All are multigraphs, because parallel links are ordinary. Edge attributes: cost, capacity (bits/s), latency
(microseconds), risk_groups (sorted tuple) and ``ends``, a dictionary from node to interface name or port number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import networkx as nx

from sdn.graph.assembly import Assembly
from sdn.graph.imported import short_names
from sdn.graph.limits import is_name
from sdn.graph.write import site_row
from sdn.model.errors import InvalidInput, SdnError
from sdn.model.ids import format_dpid
from sdn.model.topology import DeclaredLink, DeclaredTopology, Link, Site


def to_networkx(source: DeclaredTopology | Iterable[Link]) -> nx.MultiGraph[str | int]:
    """The graph of a declared topology or of observed links.

    Declared: nodes are names with ``kind`` 'switch' (and ``dpid``) or 'host'; a host has an edge to its switch. What is
    known of a switch's site and ports are further attributes, and a link's place in the file is ``index``. The graph
    has name, description, origin and ``demands``, tuples of two switches and bits/s.
    Observed: nodes are datapath ids (integers) with ``kind`` 'switch'.
    """
    return _declared(source) if isinstance(source, DeclaredTopology) else _observed(source)


def _declared(topology: DeclaredTopology) -> nx.MultiGraph[str | int]:
    graph: nx.MultiGraph[str | int] = nx.MultiGraph()
    graph.graph |= {"name": topology.name, "description": topology.description, "origin": topology.origin}
    graph.graph["demands"] = tuple((demand.source, demand.target, demand.bandwidth) for demand in topology.demands)
    for name, dpid in topology.switches.items():
        ports = {"ports": topology.ports[name]} if name in topology.ports else {}
        graph.add_node(name, kind="switch", dpid=dpid, **ports, **site_row(topology.sites.get(name, Site())))
    for index, link in enumerate(topology.links):
        graph.add_edge(link.a[0], link.b[0], ends=dict([link.a, link.b]), index=index, **_attributes(link))
    for host in topology.hosts:
        graph.add_node(host.name, kind="host")
        graph.add_edge(host.name, host.switch, ends={host.switch: host.interface})
    return graph


def _observed(links: Iterable[Link]) -> nx.MultiGraph[str | int]:
    graph: nx.MultiGraph[str | int] = nx.MultiGraph()
    for link in links:
        for end in (link.a, link.b):
            graph.add_node(end.dpid, kind="switch")
        ends = {link.a.dpid: link.a.port, link.b.dpid: link.b.port}
        graph.add_edge(link.a.dpid, link.b.dpid, ends=ends, **_attributes(link))
    return graph


def _attributes(link: DeclaredLink | Link) -> dict[str, int | tuple[str, ...]]:
    return {
        "cost": link.cost,
        "capacity": link.capacity,
        "latency": link.latency,
        "risk_groups": tuple(sorted(link.risk_groups)),
    }


@dataclass(frozen=True, slots=True)
class _Where:
    name: str

    def error(self, key: str, reason: str, remedy: str) -> SdnError:
        return InvalidInput.of(f"{self.name}.{key}".strip("."), reason, remedy)


Node = Hashable
Attributes = Mapping[str, Any]


def from_networkx(graph: nx.Graph[Any], name: str = "graph") -> DeclaredTopology:
    """The topology of an undirected graph with the attributes of ``to_networkx``, all of which may be missing.

    Nodes that are no names are renamed by the rules of imports. Where no node has a ``kind``, all are switches with one
    host each. Edges of a node with itself are left out. name: of the topology if the graph
    has none. Raises InvalidInput naming node or edge and attribute.
    """
    if graph.is_directed():
        raise InvalidInput.of("graph", "it is directed, and links are not", "Give graph.to_undirected().")
    assembly = Assembly()
    names = _names(graph)
    hosts = [node for node, data in graph.nodes(data=True) if data.get("kind") == "host"]
    for node, data in graph.nodes(data=True):
        if data.get("kind") != "host":
            row = {"name": names[node], **_switch_row(data)}
            if row["name"] != str(node):
                row.setdefault("label", str(node))
            assembly.switch(_Where(f"node {node}"), row, tuple(map(str, data.get("ports", ()))))
    plugs: dict[Node, list[tuple[Node, Attributes]]] = {host: [] for host in hosts}
    for a, b, edge in _edges(graph):
        for end, other in ((a, b), (b, a)):
            if end in plugs:
                plugs[end].append((other, edge))
        if a not in plugs and b not in plugs:
            groups = tuple(map(str, edge.get("risk_groups", ())))
            assembly.link(_Where(f"edge {a}-{b}"), _link_row(names, a, b, edge), groups)
    for host, links in plugs.items():
        _add_host(assembly, names, host, links)
    if not any("kind" in data for _, data in graph.nodes(data=True)):
        assembly.hosts_everywhere(_Where("graph"))
    for demand in graph.graph.get("demands", ()):
        row = dict(zip(("from", "to", "bandwidth"), map(str, demand), strict=False))
        assembly.demand(_Where("graph.demands"), row)
    texts = {key: str(graph.graph[key]) for key in ("name", "description", "origin") if graph.graph.get(key)}
    return assembly.build(_Where("graph"), {"name": name, **texts})


def _names(graph: nx.Graph[Any]) -> dict[Node, str]:
    """Names as they are where all are usable and differ as texts, else short ones."""
    texts = [str(node) for node in graph.nodes]
    if all(map(is_name, texts)) and len(set(texts)) == len(texts):
        return dict(zip(graph.nodes, texts, strict=True))
    counts = Counter(texts)
    keys = [f"{text}\0{number}" if counts[text] > 1 else text for number, text in enumerate(texts)]
    short = short_names(keys)
    return {node: short[key] for node, key in zip(graph.nodes, keys, strict=True)}


def _edges(graph: nx.Graph[Any]) -> list[tuple[Node, Node, Attributes]]:
    """In the order of their index where they have one; edges of a node with itself have no meaning and are left out."""
    edges = [(a, b, data) for a, b, data in graph.edges(data=True) if a != b]
    return sorted(edges, key=lambda edge: edge[2].get("index", len(edges)))


def _switch_row(data: Attributes) -> dict[str, str]:
    row = {key: str(data[key]) for key in ("label", "latitude", "longitude", "x", "y") if key in data}
    if "dpid" in data:
        row["dpid"] = format_dpid(data["dpid"]) if isinstance(data["dpid"], int) else str(data["dpid"])
    return row


def _link_row(names: Mapping[Node, str], a: Node, b: Node, data: Attributes) -> dict[str, str]:
    ends = data.get("ends", {})
    first, second = ends if set(ends) == {a, b} else (a, b)
    row = {key: str(data[key]) for key in ("cost", "capacity", "latency") if key in data}
    if isinstance(data.get("latency"), int | float):
        row["latency"] += "us"
    for key, end in (("a", first), ("b", second)):
        row[key] = ":".join(filter(None, (names[end], str(ends.get(end, "")))))
    return row


def _add_host(assembly: Assembly, names: Mapping[Node, str], host: Node, found: list[tuple[Node, Attributes]]) -> None:
    where = _Where(f"node {host}")
    if len(found) != 1:
        raise where.error("", f"a host with {len(found)} edges", "Join each host to one switch.")
    switch, data = found[0]
    row = {"name": names[host], "switch": names[switch]}
    interface = str(data.get("ends", {}).get(switch, ""))
    assembly.host(where, row | ({"interface": interface} if interface else {}))
