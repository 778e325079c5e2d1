"""Topologies as networkx graphs.

Both forms are multigraphs, because parallel links are ordinary. Edge attributes: cost, capacity (bits/s), latency
(microseconds), risk_groups (sorted tuple) and ``ends``, a dictionary from node to interface name or port number.
"""

from __future__ import annotations

from collections.abc import Iterable

import networkx as nx

from sdn.model.topology import DeclaredLink, DeclaredTopology, Link


def to_networkx(source: DeclaredTopology | Iterable[Link]) -> nx.MultiGraph[str | int]:
    """The graph of a declared topology or of observed links.

    Declared: nodes are names with ``kind`` 'switch' (and ``dpid``) or 'host'; a host has an edge to its switch.
    Observed: nodes are datapath ids (integers) with ``kind`` 'switch'.
    """
    graph: nx.MultiGraph[str | int] = nx.MultiGraph()
    if isinstance(source, DeclaredTopology):
        graph.graph["name"] = source.name
        for name, dpid in source.switches.items():
            graph.add_node(name, kind="switch", dpid=dpid)
        for link in source.links:
            graph.add_edge(link.a[0], link.b[0], ends=dict([link.a, link.b]), **_attributes(link))
        for host in source.hosts:
            graph.add_node(host.name, kind="host")
            graph.add_edge(host.name, host.switch, ends={host.switch: host.interface})
        return graph
    for seen in source:
        for end in (seen.a, seen.b):
            graph.add_node(end.dpid, kind="switch")
        ends = {seen.a.dpid: seen.a.port, seen.b.dpid: seen.b.port}
        graph.add_edge(seen.a.dpid, seen.b.dpid, ends=ends, **_attributes(seen))
    return graph


def _attributes(link: DeclaredLink | Link) -> dict[str, int | tuple[str, ...]]:
    return {
        "cost": link.cost,
        "capacity": link.capacity,
        "latency": link.latency,
        "risk_groups": tuple(sorted(link.risk_groups)),
    }
