"""The underlay: switches, their wiring and the routes between them, from the topology to the compiler."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from sdn.controller.attachments import Place
from sdn.model.ids import Dpid, format_dpid, parse_dpid
from sdn.pipeline import Compiler
from sdn.pipeline.facts import PortFacts, SwitchFacts
from sdn.routing import ShortestPaths
from sdn.store import Store
from sdn.topology import TopologyState
from sdn.topology.discovery import MAX_PORT


class Underlay:
    """Follows the topology. Switches with attached ports are the destinations of routing."""

    def __init__(
        self, store: Store, topology: TopologyState, compiler: Compiler, bound: Callable[[Place], bool]
    ) -> None:
        """bound: whether a tenant's port is plugged in there."""
        self._store = store
        self._topology = topology
        self._compiler = compiler
        self._bound = bound
        self._version = -1
        self._links: dict[int, frozenset[int]] = {}
        self._rewired: dict[int, None] = {}
        self._members: Counter[int] = Counter()
        self._moved = False
        self.paths = ShortestPaths()

    def load(self) -> None:
        """Take over the switches that have a label from an earlier life."""
        for key, _ in self._store.numbers.items("switch"):
            self._rewired[parse_dpid(key)] = None

    def switch_changed(self, dpid: Dpid) -> None:
        """A switch connected, or its ports are others. A new one gets a label and a program. Raises Exhausted."""
        label = self._store.numbers.allocate("switch", format_dpid(dpid))
        if dpid not in self._compiler.programs:
            self._compiler.set_switch(dpid, SwitchFacts(label))
        self._rewired[dpid] = None

    def bindings_changed(self, dpid: Dpid) -> None:
        """Another set of ports of a switch, which need not have been seen, is bound."""
        self._rewired[dpid] = None

    def port_moved(self, before: PortFacts | None, after: PortFacts | None) -> None:
        """A port was attached, moved or detached."""
        if before is not None:
            self._members[before.dpid] -= 1
            if not self._members[before.dpid]:
                del self._members[before.dpid]
                self._moved = True
        if after is not None:
            self._moved = self._moved or after.dpid not in self._members
            self._members[after.dpid] += 1

    def follow(self) -> bool:
        """Tell the compiler what has changed; returns whether the links have."""
        version = self._topology.version
        rerouted = version != self._version
        if rerouted:
            self._version = version
            self._compiler.set_routes(self.paths.set_links(self._topology.links()))
            self._note_links()
        if self._moved:
            self._moved = False
            self._compiler.set_routes(self.paths.set_destinations(Dpid(dpid) for dpid in self._members))
        self._rewire()
        return rerouted

    def _note_links(self) -> None:
        ends: dict[int, set[int]] = {}
        for link in self._topology.links():
            for end in (link.a, link.b):
                ends.setdefault(end.dpid, set()).add(end.port)
        now = {dpid: frozenset(ports) for dpid, ports in ends.items()}
        for dpid in now.keys() | self._links.keys():
            if now.get(dpid) != self._links.get(dpid):
                self._rewired[dpid] = None
        self._links = now

    def _rewire(self) -> None:
        rewired, self._rewired = self._rewired, {}
        for dpid in rewired:
            label = self._store.numbers.get("switch", format_dpid(dpid))
            if label is None:
                continue  # known from a link only: it comes here again when it connects
            numbers = (
                port.number
                for port in self._topology.discovery.ports(Dpid(dpid))
                if port.number < MAX_PORT and not self._bound((Dpid(dpid), port.name))
            )
            self._compiler.set_switch(dpid, SwitchFacts(label, self._links.get(dpid, frozenset()), frozenset(numbers)))
