"""Large networks of private switches: sampled matrices, and what happens to such a network while they must hold.

The suite runs a short form of it (test_cloud_large.py), ``./dev campaign matrices`` the whole (matrices_campaign.py).

Links are patch ports, so that a packet crosses the network in one turn of ovs-vswitchd; it follows a packet through at
most 64 nested steps (MAX_DEPTH in ofproto-dpif-xlate.c), which were seen to suffice for 33 switches in a row. Networks
that need more have links of sockets, where a frame costs two turns for each link.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import inf
from pathlib import Path
from random import Random
from time import monotonic, sleep

import networkx as nx
from bridge_counters import frames_sent
from cloud_lab import CloudLab, cloud_lab

from sdn.graph import assign_interfaces, load_topology
from sdn.graph.write import to_yaml
from sdn.lab.matrix import Matrix, Pair, reachability
from sdn.model.topology import DeclaredLink, DeclaredTopology

TENANTS = ("red", "blue", "green")
LEAST = 1000
"""Pairs that must reach each other, and pairs that must not, in a sample."""
LONGEST = 32
"""Switches in a row that patch ports are trusted with."""
DEADLINE = 60.0
_BUSY = 32
"""Packets of different hosts that take two equal ways, not one."""
Hop = tuple[str, str]
"""(switch, next switch)."""


def sample(hosts: Sequence[str], expected: Collection[Pair], chance: Random, least: int = LEAST) -> set[Pair]:
    """All ordered pairs if they are at most ``least``, else ``least`` that are expected and as many that are not.

    Every host is the source and the destination of pairs of both kinds, as far as it has a partner for them.
    """
    pairs = [(a, b) for a in hosts for b in hosts if a != b]
    if len(pairs) <= least:
        return set(pairs)
    wanted = set(expected)
    chosen: set[Pair] = set()
    for kind in ([p for p in pairs if p in wanted], [p for p in pairs if p not in wanted]):
        chance.shuffle(kind)
        sources = {pair[0]: pair for pair in kind}
        targets = {pair[1]: pair for pair in kind}
        covering = {*sources.values(), *targets.values()}
        rest = (pair for pair in kind if pair not in covering)
        chosen |= covering | {pair for pair, _ in zip(rest, range(least - len(covering)), strict=False)}
    return chosen


def graph_of(links: Collection[DeclaredLink], switches: Collection[str]) -> nx.Graph:
    """Switches and the cheapest cost between neighbours (``weight``)."""
    graph = nx.Graph()
    graph.add_nodes_from(switches)
    for link in links:
        a, b = link.a[0], link.b[0]
        known = graph.get_edge_data(a, b, {"weight": link.cost})["weight"]
        graph.add_edge(a, b, weight=min(link.cost, known))
    return graph


def longest_way(topology: DeclaredTopology, without: Collection[DeclaredLink] = ()) -> int:
    """Switches on the longest of all cheapest ways."""
    graph = graph_of([link for link in topology.links if link not in without], topology.switches)
    return max(len(way) for _, ways in nx.all_pairs_dijkstra_path(graph) for way in ways.values())


def _bound(topology: DeclaredTopology) -> float:
    """The longest way that a change of a network may lead to, so that it keeps the kind of its links."""
    return LONGEST if longest_way(topology) <= LONGEST else inf


def only_ways(topology: DeclaredTopology) -> dict[str, dict[str, list[str]]] | None:
    """The cheapest way between any two switches of one part; None when there are several for any of them."""
    graph = graph_of(topology.links, topology.switches)
    ways = {}
    for source in graph:
        before, _ = nx.dijkstra_predecessor_and_distance(graph, source)
        if any(len(found) > 1 for found in before.values()):
            return None
        ways[source] = nx.single_source_dijkstra_path(graph, source)
    return ways


def weighted(topology: DeclaredTopology, chance: Random, twins: int = 8) -> DeclaredTopology:
    """The same with unequal costs, such that there is one cheapest way, and some links doubled. AssertionError if none.

    A fifth of the links is so expensive that ways with more hops are cheaper. Twins have the same cost.
    """
    bound = _bound(topology)
    for _ in range(200):
        links = [
            replace(link, cost=chance.randrange(10_000, 13_000) * (5 if chance.random() < 0.2 else 1))
            for link in topology.links
        ]
        doubled = chance.sample(links, min(twins, len(links)))
        links += [replace(link, a=(link.a[0], ""), b=(link.b[0], "")) for link in doubled]
        made = assign_interfaces(replace(topology, links=tuple(links)))
        if only_ways(made) is not None and longest_way(made) <= bound:
            return made
    raise AssertionError(f"no costs were found for which {topology.name} has one cheapest way")


def halves(topology: DeclaredTopology, chance: Random) -> list[DeclaredLink]:
    """Links whose cut divides each connected part of a network in at least two; both about as large where possible."""
    graph, bound = graph_of(topology.links, topology.switches), _bound(topology)
    best: list[DeclaredLink] = []
    for _ in range(10):
        inside: set[str] = set()
        for part in nx.connected_components(graph):
            root = chance.choice(sorted(part))
            inside |= set([root, *(b for _, b in nx.bfs_edges(graph, root))][: len(part) // 2])
        cut = [link for link in topology.links if (link.a[0] in inside) != (link.b[0] in inside)]
        if longest_way(topology, cut) <= bound and (not best or len(cut) < len(best)):
            best = cut
    assert best, f"{topology.name} cannot be divided so that all ways are short enough for patch ports"
    return best


@dataclass
class LargeLab:
    """Scenarios on a running network; each raises AssertionError that says what differs.

    seconds: what each of them took. pairs: (must, must not) that were tried by the last matrix.
    """

    cloud: CloudLab
    chance: Random
    seconds: dict[str, float] = field(default_factory=dict)
    pairs: tuple[int, int] = (0, 0)

    @property
    def topology(self) -> DeclaredTopology:
        """As it was built."""
        return self.cloud.network.topology

    # What is seen

    def expected(self, without: Collection[DeclaredLink] = ()) -> set[Pair]:
        """Who must reach whom: hosts of one tenant in one part of the network."""
        links = [link for link in self.topology.links if link not in without]
        parts = nx.connected_components(graph_of(links, self.topology.switches))
        part = {switch: number for number, switches in enumerate(parts) for switch in switches}
        place = self.cloud.place
        return {(a, b) for a, b in self.cloud.expected if part[place[a].switch] == part[place[b].switch]}

    def matrix(
        self, version: int = 4, without: Collection[DeclaredLink] = (), left_out: Collection[Pair] = ()
    ) -> Matrix:
        """Try a new sample while these links are cut; AssertionError with the first differences."""
        expected = self.expected(without)
        hosts = list(self.cloud.hosts)
        pairs = sample(hosts, expected, self.chance) - set(left_out)
        found = reachability(
            self.cloud.network,
            [self.cloud.hosts[name] for name in hosts],
            version=version,  # type: ignore[arg-type]
            expected=expected,
            pairs=pairs,
            timeout=DEADLINE,
        )
        lines = found.explain(expected).splitlines()
        assert not lines, "\n".join([f"{len(lines)} differences", *lines[:20]])
        assert found.tried == pairs
        self.pairs = (len(pairs & expected), len(pairs - expected))
        return found

    def converged(self, without: Collection[DeclaredLink] = ()) -> None:
        """Return when sdnd sees all links but these, and every switch has confirmed what follows from it."""
        wanted = {_ends(link.a, link.b) for link in self.topology.links if link not in without}
        end = monotonic() + DEADLINE
        while True:
            seen = self.cloud.client.topology()
            up = {
                _ends((link.a.switch, link.a.interface), (link.b.switch, link.b.interface))
                for link in seen.links
                if link.up
            }
            behind = [switch.name for switch in seen.switches if not switch.connected or switch.pending]
            if up == wanted and not behind:
                break
            assert monotonic() < end, f"links {up ^ wanted} differ, switches {behind} are behind"
            sleep(0.05)
        self.cloud.forget_caches()

    # What happens

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        start = monotonic()
        yield
        self.seconds[what] = monotonic() - start

    def start(self, *versions: int) -> None:
        """All as it was applied."""
        with self._timed("start"):
            for version in versions or (4, 6):
                self.matrix(version)

    def partition(self) -> int:
        """The network falls in parts: each goes on by itself, nothing crosses; joined again all is as before.

        Returns how many parts there were.
        """
        with self._timed("partition"):
            cut = halves(self.topology, self.chance)
            self.cloud.network.cut(*cut)
            try:
                self.converged(cut)
                self.matrix(4, cut)
            finally:
                self.cloud.network.mend(*cut)
            self.converged()
            self.matrix(6)
        links = [link for link in self.topology.links if link not in cut]
        return nx.number_connected_components(graph_of(links, self.topology.switches))

    def restart_switch(self) -> None:
        """A switch with hosts fails and comes back empty; its ovs-vswitchd is killed, if it has one of its own."""
        with self._timed("restart_switch"):
            switch = self.chance.choice(self.topology.hosts).switch
            self.cloud.network.stop_switch(switch)
            self.cloud.network.start_switch(switch)
            self.converged()
            self.matrix()

    def restart_all(self) -> None:
        """ovs-vswitchd is killed by its process id and started again: no switch holds anything of before."""
        with self._timed("restart_all"):
            network = self.cloud.network
            begun = monotonic()
            every = {network.ovs_of(switch) for switch in self.topology.switches}
            for ovs in every:
                ovs.stop_vswitchd(kill=True)
            for ovs in every:
                ovs.start_vswitchd()
            self.converged()
            self.matrix()
            for switch in self.chance.sample(list(self.topology.switches), min(5, len(self.topology.switches))):
                ages = [float(age) for age in re.findall(r"duration=([\d.]+)s", network.flows(switch))]
                assert ages
                assert max(ages) < monotonic() - begun, f"{switch} has flows of before"

    def cheapest_ways(self) -> None:
        """Of unequal costs, each packet takes the one cheapest way; of twin links, both carry, and one for the other.

        Needs a topology of ``weighted``. sdnd is stopped meanwhile, so that the counters of ports hold nothing but what
        hosts sent.
        """
        with self._timed("cheapest_ways"):
            self._count_frames(())
            cut = self.one_of_twins()
            self.cloud.network.cut(*cut)
            try:
                self.converged(cut)
                self._count_frames(cut)
            finally:
                self.cloud.network.mend(*cut)
            self.converged()
            self.matrix()

    def one_of_twins(self) -> list[DeclaredLink]:
        """One of all parallel links, so that there is one cheapest way; a network's own differ in cost."""
        twins = self._twins()
        first = [links[0] for links in twins.values()]
        if only_ways(self.without(first)) is not None:
            return first
        return [links[0] for links in twins.values() if len({link.cost for link in links}) == 1]

    def without(self, cut: Collection[DeclaredLink]) -> DeclaredTopology:
        """What is left of the topology."""
        return replace(self.topology, links=tuple(link for link in self.topology.links if link not in cut))

    def _twins(self) -> dict[Hop, list[DeclaredLink]]:
        by_ends: dict[Hop, list[DeclaredLink]] = {}
        for link in self.topology.links:
            by_ends.setdefault(_hop(link.a[0], link.b[0]), []).append(link)
        return {ends: links for ends, links in by_ends.items() if len(links) > 1}

    def _count_frames(self, without: Collection[DeclaredLink]) -> None:
        """Each hop carries exactly the packets of the pairs whose cheapest way it is on; both of twins have some."""
        hosts = self.cloud.hosts.values()
        # Who asks for an address that is its own announces it, which goes to all of its network.
        twins = {(a.name, b.name) for a in hosts for b in hosts if a.ip == b.ip}
        self.cloud.daemon.stop()
        try:
            before = self._sent()
            found = self.matrix(4, without, twins)
            after = self._sent()
        finally:
            self.cloud.daemon.start()
            self.cloud.daemon.wait_answers(self.cloud.client)
        wanted = self._wanted(found, without)
        counted: dict[Hop, dict[int, list[int]]] = {}
        """Frames of each link from one switch to the next, by the cost of the link."""
        for link in self.topology.links:
            for (a, name), (b, _) in ((link.a, link.b), (link.b, link.a)) if link not in without else ():
                frames = after[a, name] - before[a, name]
                counted.setdefault((a, b), {}).setdefault(link.cost, []).append(frames)
        cheapest = {hop: links[min(links)] for hop, links in counted.items()}
        every = Counter({hop: sum(map(sum, links.values())) for hop, links in counted.items()})
        differences = {hop: (every[hop], wanted[hop]) for hop in every | wanted if every[hop] != wanted[hop]}
        assert not differences, f"(counted, wanted) {differences}"
        dear = [hop for hop, frames in cheapest.items() if sum(frames) != every[hop]]
        assert not dear, f"parallel links that cost more carry packets: {dear}"
        busy = {hop: frames for hop, frames in cheapest.items() if len(frames) > 1 and sum(frames) >= _BUSY}
        alone = {hop: frames for hop, frames in busy.items() if not min(frames)}
        assert not alone, f"of parallel links with equal costs one carries nothing: {alone}"
        self.converged(without)

    def _wanted(self, found: Matrix, without: Collection[DeclaredLink]) -> Counter[Hop]:
        """Packets by hop: those that arrived took the cheapest way to where they arrived."""
        ways = only_ways(self.without(without))
        assert ways is not None, "the topology is not one of weighted()"
        place = self.cloud.place
        wanted: Counter[Hop] = Counter()
        for (a, _), receivers in found.receivers.items():
            for b in receivers:
                way = ways[place[a].switch][place[b].switch]
                wanted.update(pairwise(way))
        return wanted

    def _sent(self) -> dict[tuple[str, str], int]:
        """Frames that left by each port, those included that the datapath counted and did not tell yet."""
        self.cloud.forget_caches()
        network, sent = self.cloud.network, {}
        for switch in self.topology.switches:
            socket = network.ovs_of(switch).directory / f"{network.bridge_of(switch)}.mgmt"
            sent |= {(switch, name): frames for name, frames in frames_sent(socket).items()}
        return sent


@contextmanager
def large_lab(topology: str | DeclaredTopology, state: Path, seed: int, *, each: bool = False) -> Iterator[LargeLab]:
    """A network with three tenants of equal addresses. each: every switch has an ovs-vswitchd of its own."""
    declared = assign_interfaces(load_topology(topology)) if isinstance(topology, str) else topology
    state.mkdir(parents=True, exist_ok=True)
    file = state / "topology.yaml"
    file.write_text(to_yaml(declared))
    links = "patch" if longest_way(declared) <= LONGEST and not each else "socket"
    daemons = "each" if each else "one"
    with cloud_lab(str(file), state, daemons, links, TENANTS) as cloud:  # type: ignore[arg-type]
        yield LargeLab(cloud, Random(seed))


def _hop(a: str, b: str) -> Hop:
    return (a, b) if a < b else (b, a)


def _ends(a: tuple[str, str], b: tuple[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset((a, b))
