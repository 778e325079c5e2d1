"""Regular topologies made from parameters, for laboratories, demos and measurements.

All are deterministic: the same parameters give the same names, datapath ids (numbered from 1) and interfaces. The
interfaces of a switch are ``SWITCH-eth1`` and so on, in the order in which its links and then its hosts are added.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from sdn.graph.quantities import parse_capacity, parse_latency
from sdn.model.errors import InvalidInput, SdnError
from sdn.model.ids import Dpid
from sdn.model.topology import DEFAULT_CAPACITY, DEFAULT_COST, DeclaredHost, DeclaredLink, DeclaredTopology

MAX_INTERFACE = 15
"""Characters of an interface name: the limit of Linux (IFNAMSIZ) and of ports in OpenFlow 1.3."""


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

    def switch(self, name: str) -> str:
        """Add a switch; returns its name."""
        self._used[name] = 0
        return name

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
        return DeclaredTopology(self._name, switches, tuple(self._links), tuple(self._hosts))

    def _interface(self, switch: str) -> str:
        self._used[switch] += 1
        return f"{switch}-eth{self._used[switch]}"


def _leaf_spine(net: Builder, spines: int, leaves: int, hosts: int) -> None:
    """Every leaf is joined to every spine; ``hosts`` per leaf."""
    top = [net.switch(f"spine{i}") for i in range(1, spines + 1)]
    bottom = [net.switch(f"leaf{i}") for i in range(1, leaves + 1)]
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
    core = [net.switch(f"core{i}") for i in range(1, half * half + 1)]
    agg = [[net.switch(f"agg{pod}_{i}") for i in range(1, half + 1)] for pod in range(1, k + 1)]
    edge = [[net.switch(f"edge{pod}_{i}") for i in range(1, half + 1)] for pod in range(1, k + 1)]
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
    names = [net.switch(f"s{i}") for i in range(1, switches + 1)]
    for a, b in zip(names, names[1:] + names[:1], strict=True):
        net.link(a, b)
    for name in names:
        net.hosts(name, hosts)


def _linear(net: Builder, switches: int, hosts: int) -> None:
    names = [net.switch(f"s{i}") for i in range(1, switches + 1)]
    for a, b in pairwise(names):
        net.link(a, b)
    for name in names:
        net.hosts(name, hosts)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number that a generator takes: its default and its bounds."""

    default: int
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Generator:
    """A named family of topologies."""

    make: Callable[..., None]
    parameters: Mapping[str, Parameter]


GENERATORS: Mapping[str, Generator] = {
    "leaf-spine": Generator(
        _leaf_spine, {"spines": Parameter(2, 1, 256), "leaves": Parameter(4, 1, 1024), "hosts": Parameter(2, 0, 1024)}
    ),
    "fat-tree": Generator(_fat_tree, {"k": Parameter(4, 2, 48)}),
    "ring": Generator(_ring, {"switches": Parameter(8, 3, 5000), "hosts": Parameter(1, 0, 1000)}),
    "linear": Generator(_linear, {"switches": Parameter(3, 1, 5000), "hosts": Parameter(1, 0, 1000)}),
}
"""Beside its own parameters each takes ``cost``, ``capacity`` (10G) and ``latency`` (5ms) of every link."""

_COMMON = ("cost", "capacity", "latency")


def generate(name: str, arguments: Mapping[str, str]) -> DeclaredTopology:
    """Make the topology of a generator; raises InvalidInput naming the parameter."""
    generator = GENERATORS[name]
    known = (*generator.parameters, *_COMMON)
    for key in arguments:
        if key not in known:
            raise _bad(key, f"{name} has no parameter {key!r}", f"Use {', '.join(known)}.")
    numbers = {key: _number(key, arguments.get(key), bounds) for key, bounds in generator.parameters.items()}
    shown = ",".join(f"{key}={value}" for key, value in numbers.items())
    net = Builder(
        f"{name}:{shown}",
        _number("cost", arguments.get("cost"), Parameter(DEFAULT_COST, 1, 65535)),
        _quantity("capacity", arguments.get("capacity"), parse_capacity, DEFAULT_CAPACITY),
        _quantity("latency", arguments.get("latency"), parse_latency, 0),
    )
    generator.make(net, **numbers)
    return net.build()


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
