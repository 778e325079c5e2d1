"""What is worth knowing about a topology before it is built: sizes, and where a single failure divides it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import networkx as nx

from sdn.graph.files import assign_interfaces
from sdn.graph.labels import counted
from sdn.graph.quantities import format_capacity, format_latency
from sdn.model.errors import SdnError
from sdn.model.topology import DeclaredTopology

_SHOWN = 10
_MAX_DIAMETER = 2000
"""Switches; the time for it grows with switches times links."""


def _graph(topology: DeclaredTopology) -> nx.MultiGraph[Any]:
    graph: nx.MultiGraph[Any] = nx.MultiGraph()
    graph.add_nodes_from(topology.switches)
    graph.add_edges_from((link.a[0], link.b[0]) for link in topology.links)
    return graph


def summary(topology: DeclaredTopology) -> Iterator[tuple[str, str]]:
    """What the topology is, as pairs of a heading and a text."""
    yield "name", topology.name
    yield from ((key, text) for key in ("description", "origin") if (text := getattr(topology, key)))
    graph = _graph(topology)
    kinds = {"switch": topology.switches, "link": topology.links, "host": topology.hosts, "demand": topology.demands}
    yield "size", ", ".join(counted(len(found), word) for word, found in kinds.items() if found or word != "demand")
    yield "parts", str(nx.number_connected_components(graph))
    degrees = [degree for _, degree in graph.degree()]
    yield "links at a switch", _range(degrees, str)
    if topology.links:
        yield "capacity", _range([link.capacity for link in topology.links], format_capacity)
        yield "latency", _range([link.latency for link in topology.links], format_latency)
        yield "cost", _range([link.cost for link in topology.links], str)
    if len(topology.switches) <= _MAX_DIAMETER and nx.is_connected(graph):
        yield "diameter", counted(nx.diameter(graph), "hop")
    groups = {group for link in topology.links for group in link.risk_groups}
    if groups:
        yield "risk groups", str(len(groups))
    if topology.demands:
        yield "demands", f"{format_capacity(sum(demand.bandwidth for demand in topology.demands))} in all"


def findings(topology: DeclaredTopology) -> Iterator[str]:
    """What could be meant otherwise, or be weak: parts, single failures that divide, names that do not fit."""
    graph = _graph(topology)
    parts = sorted(nx.connected_components(graph), key=len, reverse=True)
    if len(parts) > 1:
        yield f"{len(parts)} separate parts, of {_some([str(len(part)) for part in parts])} switches"
    bridges = [f"{a}-{b}" for a, b in nx.bridges(nx.Graph(graph)) if graph.number_of_edges(a, b) == 1]
    if bridges:
        yield f"{counted(len(bridges), 'link')} without another way around: {_some(bridges)}"
    cuts = [name for name in topology.switches if name in set(nx.articulation_points(nx.Graph(graph)))]
    if cuts:
        yield f"{counted(len(cuts), 'switch')} whose failure divides the network: {_some(cuts)}"
    groups = list(_dividing_groups(topology, len(parts)))
    if groups:
        yield f"{counted(len(groups), 'risk group')} whose failure divides the network: {_some(groups)}"
    if not topology.hosts:
        yield "no hosts"
    try:
        assign_interfaces(topology)
    except SdnError as error:
        yield f"interfaces cannot be named: {error}"


def _dividing_groups(topology: DeclaredTopology, parts: int) -> Iterator[str]:
    members: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for link in topology.links:
        for group in link.risk_groups:
            members[group].append((link.a[0], link.b[0]))
    graph = _graph(topology)
    for group, links in sorted(members.items()):
        graph.remove_edges_from(links)
        if len(links) > 1 and nx.number_connected_components(graph) > parts:
            yield group
        graph.add_edges_from(links)


def _range(values: list[int], shown: Any) -> str:
    least, most = min(values), max(values)
    return str(shown(least)) if least == most else f"{shown(least)} to {shown(most)}"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
