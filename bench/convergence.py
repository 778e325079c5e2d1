"""Routes from scratch and after one link failure, in compute time up to the finished list of flow changes.

Every switch with hosts is a destination. ``full_ms``: from links to all trees and every flow of the underlay;
``repair_ms`` and ``repair_ms_max``: mean and worst over single link failures, each worked into trees and programs that
are complete; what changed is named entry by entry. Beside it, on the same links and destinations, what others need from
scratch: networkx (Dijkstra with all predecessors per destination) and SciPy (Dijkstra in C for all destinations and one
predecessor each, no equal paths). Neither makes ports, slots or flows.
"""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable, Iterable
from itertools import count

import networkx as nx
import numpy as np
from _common import arguments, finish
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from sdn.daemon import collector
from sdn.graph import load_topology
from sdn.model.ids import Dpid
from sdn.model.topology import DeclaredTopology, Link, LinkEnd
from sdn.pipeline import Compiler
from sdn.pipeline.facts import SwitchFacts
from sdn.routing import RepairTrees, ShortestPaths


def links_of(topology: DeclaredTopology) -> list[Link]:
    """The links as discovery would see them: ports numbered per switch from 1."""
    ports = {name: count(1) for name in topology.switches}
    links = []
    for link in topology.links:
        a, b = sorted(LinkEnd(topology.switches[name], next(ports[name])) for name, _ in (link.a, link.b))
        links.append(Link(a, b, link.cost, link.capacity, link.latency))
    return links


class Network:
    """Trees and programs of the underlay, wired as the controller wires them."""

    def __init__(self, dpids: Iterable[int], links: list[Link], edges: Iterable[int], repair: bool = True) -> None:
        self.compiler = Compiler()
        self.paths = ShortestPaths()
        self.trees = RepairTrees() if repair else None
        ends: dict[int, set[int]] = {}
        for link in links:
            for end in (link.a, link.b):
                ends.setdefault(end.dpid, set()).add(end.port)
        for label, dpid in enumerate(dpids, 1):
            ports = frozenset(ends.get(dpid, ()))
            self.compiler.set_switch(dpid, SwitchFacts(label, ports, ports))
        self.compiler.set_routes(self.paths.set_links(links))
        self.compiler.set_routes(self.paths.set_destinations(Dpid(dpid) for dpid in edges))
        if self.trees is not None:
            self.trees.set_links(links)
            self.trees.set_destinations(Dpid(dpid) for dpid in edges)
            self.compiler.set_repairs(self.trees.work())
        self.compiler.compile()

    def change_links(self, gone: list[Link], new: list[Link]) -> int:
        """Other links: returns how many entries of switches change."""
        self.compiler.set_routes(self.paths.change_links(gone, new))
        return sum(len(entries) for entries in self.compiler.compile().values())


def measure(call: Callable[[], object]) -> float:
    """Milliseconds of CPU time of one call."""
    gc.collect()
    start = time.process_time()
    call()
    return (time.process_time() - start) * 1000


def repairs(network: Network, links: list[Link], failures: list[int]) -> tuple[list[float], list[int]]:
    """Milliseconds and changed entries of each failure; the link comes back after it, outside the clock."""
    times, written = [], []
    gc.collect()
    for index in failures:
        start = time.process_time()
        entries = network.change_links([links[index]], [])
        times.append((time.process_time() - start) * 1000)
        written.append(entries)
        network.change_links([], [links[index]])
    return times, written


def networkx_ms(links: list[Link], edges: list[int]) -> float:
    """All trees by networkx: predecessors on all shortest paths to each destination."""
    graph = nx.Graph()
    for link in links:
        cost = min(link.cost, graph.get_edge_data(link.a.dpid, link.b.dpid, {"weight": link.cost})["weight"])
        graph.add_edge(link.a.dpid, link.b.dpid, weight=cost)
    return measure(lambda: [nx.dijkstra_predecessor_and_distance(graph, edge) for edge in edges if edge in graph])


def scipy_ms(dpids: list[int], links: list[Link], edges: list[int]) -> float:
    """All trees by SciPy; the graph is symmetric, so predecessors from a destination are next hops to it."""
    index = {dpid: number for number, dpid in enumerate(dpids)}
    costs: dict[tuple[int, int], int] = {}
    for link in links:
        for a, b in ((link.a, link.b), (link.b, link.a)):
            key = index[a.dpid], index[b.dpid]
            costs[key] = min(link.cost, costs.get(key, link.cost))
    rows, columns = zip(*costs, strict=True)
    matrix = csr_matrix((np.array(list(costs.values()), float), (rows, columns)), shape=(len(dpids), len(dpids)))
    wanted = [index[edge] for edge in edges]
    return measure(lambda: dijkstra(matrix, indices=wanted, return_predecessors=True))


def main() -> None:
    """The command line."""
    parser = arguments(__doc__, "fat-tree:k=4, all links once")
    parser.add_argument("--topology", default="fat-tree:k=16")
    parser.add_argument("--failures", type=int, default=0, help="links to fail, a seeded sample; 0: all")
    parser.add_argument("--runs", type=int, default=3, help="of everything from scratch; the median counts")
    parser.add_argument("--repair", choices=("on", "off"), default="on", help="repair entries beside the routes")
    args = parser.parse_args()
    repair = args.repair == "on"
    if args.small:
        args.topology, args.failures, args.runs = "fat-tree:k=4", 0, 1
    collector.tune()
    topology = load_topology(args.topology)
    links, dpids = links_of(topology), list(topology.switches.values())
    edges = sorted({topology.switches[host.switch] for host in topology.hosts})
    full, others, scipys = [], [], []
    for _ in range(args.runs):
        full.append(measure(lambda: Network(dpids, links, edges, repair)))
        others.append(networkx_ms(links, edges))
        scipys.append(scipy_ms(dpids, links, edges))
    failures = list(range(len(links)))
    if 0 < args.failures < len(links):
        failures = random.Random(1).sample(failures, args.failures)
    times, written = repairs(Network(dpids, links, edges, repair), links, failures)
    repair, peer, fast = statistics.mean(times), statistics.median(others), statistics.median(scipys)
    result = {
        "topology": args.topology,
        "full_ms": round(statistics.median(full), 1),
        "repair_ms": round(repair, 3),
        "repair_ms_max": round(max(times), 3),
        "networkx_ms": round(peer, 1),
        "scipy_ms": round(fast, 2),
        "ratio_vs_networkx": round(peer / repair, 1),
        "ratio_vs_scipy": round(fast / repair, 1),
        "flows_written": round(statistics.mean(written), 1),
    }
    about = f"{len(dpids)} switches, {len(links)} links, {len(edges)} destinations, {len(failures)} failures"
    finish(result, [about], as_json=args.json)


if __name__ == "__main__":
    main()
