"""Topologies made from parameters, for laboratories, demos and measurements.

All are deterministic, the random ones by their seed: the same parameters give the same names, datapath ids (numbered
from 1) and interfaces. The interfaces of a switch are ``SWITCH-eth1`` and so on, in the order in which its links and
then its hosts are added. Each switch has a place on the drawing that shows the family at a glance: a circle, a grid,
tiers. The number of links and hosts is known from the parameters and bounded before anything is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import cos, pi, sin
from random import Random

import networkx as nx

from sdn.graph.limits import MAX_HOSTS, MAX_LINKS, MAX_SWITCHES
from sdn.graph.quantities import parse_capacity, parse_cost, parse_latency
from sdn.model.errors import InvalidInput, SdnError
from sdn.model.ids import Dpid
from sdn.model.topology import DEFAULT_CAPACITY, DEFAULT_COST, DeclaredHost, DeclaredLink, DeclaredTopology, Site


class Builder:
    """Collects switches, links and hosts and hands out datapath ids and interface names."""

    def __init__(self, name: str, cost: int, capacity: int, latency: int) -> None:
        self._name = name
        self._cost = cost
        self._capacity = capacity
        self._latency = latency
        self._used: dict[str, int] = {}
        self._links: list[DeclaredLink] = []
        self._hosts: list[DeclaredHost] = []
        self._sites: dict[str, Site] = {}

    def switch(self, name: str, x: float, y: float) -> str:
        """Add a switch; returns its name. x to the right and y downwards: its place on a drawing."""
        self._used[name] = 0
        self._sites[name] = Site(drawn=(round(x, 3) + 0.0, round(y, 3) + 0.0))
        return name

    def row(self, prefix: str, count: int, y: float, width: float) -> list[str]:
        """Switches prefix1, prefix2, … spread evenly over a line from x = 0 to ``width``."""
        return [self.switch(f"{prefix}{i}", (i - 0.5) * width / count, y) for i in range(1, count + 1)]

    def circle(self, count: int) -> list[str]:
        """Switches s1, s2, … on a circle, clockwise from the top."""
        radius = max(1.0, count / (2 * pi))
        turns = (2 * pi * i / count for i in range(count))
        return [self.switch(f"s{i}", radius * sin(turn), -radius * cos(turn)) for i, turn in enumerate(turns, 1)]

    def link(self, a: str, b: str) -> None:
        """Join two switches by their next free interfaces."""
        ends = (a, self._interface(a)), (b, self._interface(b))
        self._links.append(DeclaredLink(*ends, self._cost, self._capacity, self._latency))

    def hosts(self, switch: str, count: int) -> None:
        """Attach ``count`` hosts to a switch; hosts are h1, h2, … over the whole network."""
        for _ in range(count):
            self._hosts.append(DeclaredHost(f"h{len(self._hosts) + 1}", switch, self._interface(switch)))

    def build(self) -> DeclaredTopology:
        """The finished topology."""
        switches = {name: Dpid(number) for number, name in enumerate(self._used, 1)}
        return DeclaredTopology(self._name, switches, tuple(self._links), tuple(self._hosts), sites=self._sites)

    def _interface(self, switch: str) -> str:
        self._used[switch] += 1
        return f"{switch}-eth{self._used[switch]}"


def _leaf_spine(net: Builder, spines: int, leaves: int, hosts: int) -> None:
    """Every leaf is joined to every spine; ``hosts`` per leaf."""
    width = max(spines, leaves)
    top = net.row("spine", spines, 0, width)
    bottom = net.row("leaf", leaves, max(1.0, width / 4), width)
    for leaf in bottom:
        for spine in top:
            net.link(leaf, spine)
    for leaf in bottom:
        net.hosts(leaf, hosts)


def _fat_tree(net: Builder, k: int) -> None:
    """Three tiers of k-port switches: (k/2)² cores and k pods (Al-Fares et al., SIGCOMM 2008), k³/4 hosts."""
    if k % 2:
        raise _bad("k", f"{k} is odd", "Give an even number of ports per switch, as k=4.")
    half = k // 2
    width = k * (half + 0.5)
    core = net.row("core", half * half, 0, width)

    def tier(prefix: str, y: float) -> list[list[str]]:
        return [
            [net.switch(f"{prefix}{pod + 1}_{i + 1}", pod * (half + 0.5) + i + 0.75, y) for i in range(half)]
            for pod in range(k)
        ]

    agg = tier("agg", width / 8 + 0.5)
    edge = tier("edge", width / 4 + 1)
    for pod in range(k):
        for lower in edge[pod]:
            for upper in agg[pod]:
                net.link(lower, upper)
        for i, upper in enumerate(agg[pod]):
            for top in core[i * half : (i + 1) * half]:
                net.link(upper, top)
    for pod in range(k):
        for lower in edge[pod]:
            net.hosts(lower, half)


def _ring(net: Builder, switches: int, hosts: int) -> None:
    names = net.circle(switches)
    for a, b in zip(names, names[1:] + names[:1], strict=True):
        net.link(a, b)
    _hosts_at(net, names, hosts)


def _linear(net: Builder, switches: int, hosts: int) -> None:
    names = net.row("s", switches, 0, switches)
    for a, b in pairwise(names):
        net.link(a, b)
    _hosts_at(net, names, hosts)


def _torus(net: Builder, x: int, y: int, hosts: int) -> None:
    """A grid whose rows and columns are rings: four links at each switch."""
    names = [[net.switch(f"s{i}x{j}", i, j) for j in range(1, y + 1)] for i in range(1, x + 1)]
    for i in range(x):
        for j in range(y):
            net.link(names[i][j], names[(i + 1) % x][j])
            net.link(names[i][j], names[i][(j + 1) % y])
    _hosts_at(net, [name for column in names for name in column], hosts)


def _full_mesh(net: Builder, switches: int, hosts: int) -> None:
    names = net.circle(switches)
    for a, b in combinations(names, 2):
        net.link(a, b)
    _hosts_at(net, names, hosts)


def _tree(net: Builder, depth: int, fanout: int) -> None:
    """Switches in ``depth`` tiers, ``fanout`` below each, and as many hosts at each switch of the lowest tier."""
    width = float(fanout ** (depth - 1))
    tier: list[str] = []
    for level in range(depth):
        count = fanout**level
        first = sum(fanout**above for above in range(level)) + 1
        step = width / count
        lower = [net.switch(f"s{first + i}", (i + 0.5) * step, level * max(1.0, width / 8)) for i in range(count)]
        for i, parent in enumerate(tier):
            for child in lower[i * fanout : (i + 1) * fanout]:
                net.link(parent, child)
        tier = lower
    _hosts_at(net, tier, fanout)


def _random_regular(net: Builder, switches: int, degree: int, seed: int, hosts: int) -> None:
    """Every switch has ``degree`` links to random others; connected, no parallel links (Jellyfish, NSDI 2012)."""
    if degree >= switches:
        raise _bad("degree", f"{switches} switches cannot have {degree} neighbours each", "Give fewer.")
    if switches * degree % 2:
        raise _bad("degree", f"{switches} times {degree} is odd, and a link has two ends", "Make one of them even.")
    names = net.circle(switches)
    for a, b in _regular_edges(switches, degree, Random(seed)):
        net.link(names[a], names[b])
    _hosts_at(net, names, hosts)


def _regular_edges(count: int, degree: int, random: Random) -> list[tuple[int, int]]:
    """Sorted edges of a connected random regular graph. Of dense ones networkx finds the complement much faster."""
    dense = degree > (count - 1) // 2
    while True:
        graph = nx.random_regular_graph(count - 1 - degree if dense else degree, count, seed=random)
        if dense:
            graph = nx.complement(graph)
        if nx.is_connected(graph):
            return sorted((min(edge), max(edge)) for edge in graph.edges)


def _hosts_at(net: Builder, switches: list[str], count: int) -> None:
    for name in switches:
        net.hosts(name, count)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number that a generator takes: its default and its bounds."""

    default: int
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Generator:
    """A named family of topologies.

    size: from the parameters, the numbers of switches, links and hosts (at least; exact where parameters fit).
    """

    about: str
    make: Callable[..., None]
    parameters: Mapping[str, Parameter]
    size: Callable[..., tuple[int, int, int]]


_HOSTS = Parameter(1, 0, 1000)

GENERATORS: Mapping[str, Generator] = {
    "fat-tree": Generator(
        "three tiers of k-port switches, k/2 hosts at each edge switch",
        _fat_tree,
        {"k": Parameter(4, 2, 48)},
        lambda k: (5 * k * k // 4, k**3 // 2, k**3 // 4),
    ),
    "full-mesh": Generator(
        "each switch joined to all others",
        _full_mesh,
        {"switches": Parameter(5, 2, 400), "hosts": _HOSTS},
        lambda switches, hosts: (switches, switches * (switches - 1) // 2, switches * hosts),
    ),
    "leaf-spine": Generator(
        "each leaf joined to all spines, hosts at each leaf",
        _leaf_spine,
        {"spines": Parameter(2, 1, 256), "leaves": Parameter(4, 1, 1024), "hosts": Parameter(2, 0, 1024)},
        lambda spines, leaves, hosts: (spines + leaves, spines * leaves, leaves * hosts),
    ),
    "linear": Generator(
        "a line of switches",
        _linear,
        {"switches": Parameter(3, 1, 5000), "hosts": _HOSTS},
        lambda switches, hosts: (switches, switches - 1, switches * hosts),
    ),
    "random-regular": Generator(
        "random neighbours, as many at each switch; the seed decides which",
        _random_regular,
        {
            "switches": Parameter(20, 4, 5000),
            "degree": Parameter(4, 3, 64),
            "seed": Parameter(1, 0, 999_999_999),
            "hosts": _HOSTS,
        },
        lambda switches, degree, seed, hosts: (switches, switches * degree // 2, switches * hosts),
    ),
    "ring": Generator(
        "a circle of switches",
        _ring,
        {"switches": Parameter(8, 3, 5000), "hosts": _HOSTS},
        lambda switches, hosts: (switches, switches, switches * hosts),
    ),
    "torus": Generator(
        "a grid whose rows and columns are rings",
        _torus,
        {"x": Parameter(3, 3, 100), "y": Parameter(3, 3, 100), "hosts": _HOSTS},
        lambda x, y, hosts: (x * y, 2 * x * y, x * y * hosts),
    ),
    "tree": Generator(
        "depth tiers of switches, fanout below each, and as many hosts at each of the lowest",
        _tree,
        {"depth": Parameter(3, 1, 13), "fanout": Parameter(2, 2, 1000)},
        lambda depth, fanout: (
            sum(fanout**level for level in range(depth)),
            sum(fanout**level for level in range(1, depth)),
            fanout**depth,
        ),
    ),
}
"""Beside its own parameters each takes ``cost``, ``capacity`` (10G) and ``latency`` (5ms) of every link."""

COMMON = ("cost", "capacity", "latency")


def generate(name: str, arguments: Mapping[str, str]) -> DeclaredTopology:
    """Make the topology of a generator; raises InvalidInput naming the parameter."""
    generator = GENERATORS[name]
    known = (*generator.parameters, *COMMON)
    for key in arguments:
        if key not in known:
            raise _bad(key[:40], f"{name} has no parameter {key[:40]!r}", f"Use {', '.join(known)}.")
    numbers = {key: _number(key, arguments.get(key), bounds) for key, bounds in generator.parameters.items()}
    _check_size(generator.size(**numbers))
    shown = ",".join(f"{key}={value}" for key, value in numbers.items())
    net = Builder(
        f"{name}:{shown}",
        _quantity("cost", arguments.get("cost"), parse_cost, DEFAULT_COST),
        _quantity("capacity", arguments.get("capacity"), parse_capacity, DEFAULT_CAPACITY),
        _quantity("latency", arguments.get("latency"), parse_latency, 0),
    )
    generator.make(net, **numbers)
    return net.build()


def _check_size(size: tuple[int, int, int]) -> None:
    kinds = (("switches", MAX_SWITCHES), ("links", MAX_LINKS), ("hosts", MAX_HOSTS))
    for number, (kind, most) in zip(size, kinds, strict=True):
        if number > most:
            raise InvalidInput.of(
                "topology", f"it would have {number} {kind}, and {most} are allowed", "Make it smaller."
            )


def _number(key: str, text: str | None, bounds: Parameter) -> int:
    if text is None:
        return bounds.default
    valid = text.isascii() and text.isdigit() and len(text) < 10
    if not valid or not bounds.least <= int(text) <= bounds.most:
        raise _bad(key, f"{text[:40]!r} is out of range", f"Give a number from {bounds.least} to {bounds.most}.")
    return int(text)


def _quantity(key: str, text: str | None, parse: Callable[[str], int], default: int) -> int:
    if text is None:
        return default
    try:
        return parse(text)
    except ValueError as error:
        raise _bad(key, str(error), "Correct the value.") from None


def _bad(key: str, reason: str, remedy: str) -> SdnError:
    return InvalidInput.of(f"topology.{key}", reason, remedy)
