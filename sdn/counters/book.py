"""Totals of tenants' ports and networks, added up from what their interfaces count.

Rules: what an interface counts belongs to the port that was attached there when it was observed, and stays with it when
the port moves. A network's total is what its ports added, also those that are deleted by now. An object that is
deleted and made anew is another one and begins at zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sdn.counters.ledger import Growth, added
from sdn.model.counters import NO_COUNTS, NO_RATES, Counted, Counts, PortSample, Rates


@dataclass(slots=True)
class _Port:
    """created: of the object, tells it from a later one of the same name; at: monotonic seconds."""

    created: float
    network: str
    total: Counts = NO_COUNTS
    rates: Rates = NO_RATES
    at: float = 0.0
    wall: float = 0.0


@dataclass(slots=True)
class _Network:
    created: float
    total: Counts = NO_COUNTS
    wall: float = 0.0
    ports: dict[str, None] = field(default_factory=dict)


class Book:
    """By full name. patience: seconds after which an observation is old."""

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self._ports: dict[str, _Port] = {}
        self._networks: dict[str, _Network] = {}

    def grew(self, port: tuple[str, float], network: tuple[str, float], growth: Growth, sample: PortSample) -> None:
        """An interface of a port has counted. port, network: full name and time of creation."""
        (name, created), (network_name, network_created) = port, network
        line = self._ports.get(name)
        if line is None or (line.created, line.network) != (created, network_name):
            self._forget_port(name)
            line = self._ports[name] = _Port(created, network_name)
        line.total, line.rates = added(line.total, growth.counts), growth.rates
        line.at, line.wall = sample.at, sample.wall
        whole = self._networks.get(network_name)
        if whole is None or whole.created != network_created:
            whole = self._networks[network_name] = _Network(network_created)
        whole.total, whole.wall = added(whole.total, growth.counts), sample.wall
        whole.ports[name] = None

    def port(self, name: str, created: float, now: float) -> Counted:
        """Of a port that was created then. now: monotonic seconds."""
        line = self._ports.get(name)
        if line is None or line.created != created:
            return Counted()
        return Counted(line.total, self._rates(line, now), line.wall)

    def network(self, name: str, created: float, now: float) -> Counted:
        """Of a network that was created then; its rates are those of its ports together. O(ports of it)."""
        whole = self._networks.get(name)
        if whole is None or whole.created != created:
            return Counted()
        each = [self._rates(self._ports[port], now) for port in whole.ports]
        return Counted(whole.total, Rates(*map(sum, zip(*each, strict=True))), whole.wall)

    def prune(self, exists: Callable[[str], bool]) -> None:
        """Forget what does not exist any more. O(objects)."""
        for name in [name for name in self._ports if not exists(name)]:
            self._forget_port(name)
        for name in [name for name in self._networks if not exists(name)]:
            for port in self._networks.pop(name).ports:
                self._ports.pop(port, None)

    def _rates(self, line: _Port, now: float) -> Rates:
        return line.rates if now - line.at <= self.patience else NO_RATES

    def _forget_port(self, name: str) -> None:
        line = self._ports.pop(name, None)
        if line is not None and line.network in self._networks:
            self._networks[line.network].ports.pop(name, None)
