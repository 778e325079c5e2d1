"""What switches count, put together with what the controller knows: whose interface it is.

Rules: reads the controller between its turns, as views do, and changes nothing of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from sdn.controller.core import Controller
from sdn.counters import Book, Ledger, Traffic
from sdn.counters import Counting as Whose
from sdn.counters.ledger import added
from sdn.model.counters import NO_COUNTS, NO_RATES, Counted, FlowSample, LinkCounters, PortSample, Rates
from sdn.model.errors import NotFound, Thing
from sdn.model.ids import Dpid, Kind
from sdn.model.intent import Connection, Network, Port
from sdn.model.program import FlowKey
from sdn.model.selector import EVERYTHING, Selector

PATIENCE = 3
"""Intervals after which an observation is old."""
_PRUNE_SECONDS = 60.0


class Counting:
    """For one event loop. interval: seconds between observations, 0 if there are none."""

    def __init__(self, controller: Controller, interval: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.interval = interval
        self._controller = controller
        self._clock = clock
        self._ledger = Ledger(PATIENCE * interval)
        self._book = Book(PATIENCE * interval)
        self._traffic = Traffic(PATIENCE * interval)
        self._pruned = clock()

    def take(self, sample: PortSample) -> None:
        """A switch told its counters. O(ports of it), and once a minute O(objects + switches)."""
        topology, attachments = self._controller.topology, self._controller.attachments
        objects = self._controller.store.objects
        dpid = sample.dpid
        grown = self._ledger.take(sample, lambda number: topology.discovery.interface(dpid, number))
        for number, _, growth in grown:
            name = attachments.at(dpid, number)
            port = objects.get(name) if name is not None else None
            if not isinstance(port, Port):
                continue
            network = objects[port.network]
            self._book.grew((port.name, port.created), (network.name, network.created), growth, sample)
        if sample.at - self._pruned >= _PRUNE_SECONDS:
            self._pruned = sample.at
            self._ledger.prune(set(topology.switches()))
            self._book.prune(objects.__contains__)
            self._traffic.prune(objects.__contains__)

    def take_flows(self, sample: FlowSample) -> None:
        """A switch told what the flows of STEER have counted. O(these)."""
        compiler, objects = self._controller.compiler, self._controller.store.objects

        def whose(key: FlowKey) -> Whose | None:
            found = compiler.counts(sample.dpid, key)
            connection = objects.get(found[0]) if found is not None else None
            if found is None or connection is None:
                return None
            return Whose(connection.name, connection.created, forward=found[1])

        self._traffic.take(sample, whose)

    def newest(self, dpid: Dpid) -> float:
        """Unix time at which a switch told its counters last, 0 for never."""
        return self._ledger.newest(dpid)

    def names(self, kind: Kind, tenant: str, selector: Selector = EVERYTHING) -> Sequence[str]:
        """Full names of the objects of a kind that are selected, sorted; ``tenant``: id, '' for all."""
        store = self._controller.store
        names = store.names(kind, tenant)
        if not selector.requirements:
            return names
        return [name for name in names if selector.matches(store.objects[name].labels)]

    def read(self, name: str) -> Counted | None:
        """Of a port or network by full name, counted since it was first observed in this life of the daemon.

        Of a connection what its flows have counted, of one with legs those of all of them, but that a circuit counts
        what is copied to its legs once. None when there is no such object.
        """
        resource = self._controller.store.objects.get(name)
        if isinstance(resource, Port):
            return self._book.port(name, resource.created, self._clock())
        if isinstance(resource, Network):
            return self._book.network(name, resource.created, self._clock())
        if isinstance(resource, Connection) and resource.many:
            legs = self._controller.store.legs(name)
            together = _sum_of(found for leg in legs if (found := self.read(leg)) is not None)
            return self._with_root(resource, together) if resource.circuit else together
        if isinstance(resource, Connection):
            return self._traffic.read(name, resource.created, self._clock())
        return None

    def _with_root(self, circuit: Connection, legs: Counted) -> Counted:
        """Of a circuit of many ends: what came in at its root counts once, however often it was copied to legs."""
        own = self._traffic.read(circuit.name, circuit.created, self._clock())
        gets = "tx_" if circuit.from_one else "rx_"
        counts, rates = (
            {name: value for name, value in part._asdict().items() if name.startswith(gets)}
            for part in (legs.counts, legs.rates)
        )
        both = own.counts._replace(**counts), own.rates._replace(**rates)
        return Counted(*both, max(own.wall, legs.wall))

    def links(self, switch: str = "") -> tuple[LinkCounters, ...]:
        """Of all links that are up or declared, or those of a switch (name or datapath id); raises NotFound.

        Ordered by names, and so are their ends. O(links log links).
        """
        now = self._clock()
        name = self._name_of(switch) if switch else ""
        found = []
        for state in self._controller.topology.link_states():
            facts = state.link or state.declared
            assert facts is not None
            a, b = sorted((state.a, state.b))  # the same way round whether the link is up or not
            if name in ("", a[0], b[0]):
                sides = self._side(*a, now), self._side(*b, now)
                found.append(LinkCounters(a, b, state.link is not None, facts.capacity, *sides))
        return tuple(sorted(found, key=lambda link: (link.a, link.b)))

    def _name_of(self, switch: str) -> str:
        topology = self._controller.topology
        dpid = topology.resolve(switch)
        if dpid is None or dpid not in topology.switches():
            remedy = "List the topology for names and datapath ids."
            raise NotFound.of("switch", f"there is no switch {switch!r}", remedy, Thing("Switch", switch))
        return topology.name_of(dpid)

    def _side(self, switch: str, interface: str, now: float) -> Counted:
        dpid = self._controller.topology.resolve(switch)
        return Counted() if dpid is None else self._ledger.read(Dpid(dpid), interface, now)


def _sum_of(parts: Iterable[Counted]) -> Counted:
    """Of several connections together."""
    counts, rates, wall = NO_COUNTS, NO_RATES, 0.0
    for part in parts:
        counts = added(counts, part.counts)
        rates = Rates(*map(sum, zip(rates, part.rates, strict=True)))
        wall = max(wall, part.wall)
    return Counted(counts, rates, wall)
