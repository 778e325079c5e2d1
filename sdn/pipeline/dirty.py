"""Which units have to be made anew, because facts changed that they are made from.

Belongs here: what a change can touch. Too much costs time, too little would be wrong. Must not know: what the units
contain.
"""

from __future__ import annotations

from collections.abc import Iterable

from sdn.model.program import Unit
from sdn.pipeline import units
from sdn.pipeline.facts import PortFacts
from sdn.pipeline.inputs import Inputs


class Dirty:
    """units: to be made anew, in the order in which they were marked."""

    def __init__(self, inputs: Inputs) -> None:
        self.units: dict[Unit, None] = {}
        self._inputs = inputs
        self._waiting: dict[int, dict[Unit, None]] = {}
        """By datapath id of a switch not yet known: units that were made without it, and that its coming changes."""

    def mark(self, feature: str, name: str, dpid: int) -> None:
        """One unit."""
        self.units[Unit(feature, name, dpid)] = None

    def known(self, unit: Unit, dpid: int) -> bool:
        """Whether there is this switch; if not, the unit is made anew when it comes."""
        if dpid in self._inputs.labels:
            return True
        self._waiting.setdefault(dpid, {})[unit] = None
        return False

    def came(self, dpid: int) -> None:
        """A switch has become known: what waited for it."""
        self.units.update(self._waiting.pop(dpid, {}))

    def network(self, number: int, names: Iterable[str]) -> None:
        """A network was added, removed or renamed; names: the old one and the new one."""
        for dpid in self._inputs.members.switches(number):
            for name in names:
                self.mark(units.FLOOD, name, dpid)

    def port(self, name: str, facts: PortFacts) -> None:
        """What a port that is attached like this contributes."""
        self.endpoint(name, facts)
        for dpid in facts.dpids:
            self.mark(units.ATTACH, name, dpid)
            if facts.network in self._inputs.networks:
                self.mark(units.FLOOD, self._inputs.networks[facts.network], dpid)

    def endpoint(self, name: str, facts: PortFacts) -> None:
        """How others reach a port."""
        members = self._inputs.members
        for dpid in members.switches(facts.network) | members.routed(facts.network):
            self.mark(units.ENDPOINT, name, dpid)

    def askers(self, names: set[str]) -> None:
        """Routers and ports to which it matters who has an address."""
        for name in sorted(names):
            if name in self._inputs.routers:
                self.static(name)
            else:
                self.endpoint(name, self._inputs.ports[name])

    def presence(self, presence: tuple[int, int] | None) -> None:
        """A (network, switch): the network became present there, or ceased to be. None: it did not."""
        if presence is None:
            return
        network, dpid = presence
        members = self._inputs.members
        if network in self._inputs.networks:
            for other in {*members.switches(network), dpid}:
                self.mark(units.FLOOD, self._inputs.networks[network], other)
        for name in members.ports(network):
            self.mark(units.ENDPOINT, name, dpid)
        for router_name in members.routers(network):
            self._router(router_name, dpid)
            for other in members.networks(router_name):
                for name in members.ports(other):
                    self.mark(units.ENDPOINT, name, dpid)

    def routed(self, router_name: str, networks: set[int]) -> None:
        """Everything that a change of which networks a router joins can touch."""
        members = self._inputs.members
        switches = {dpid for network in networks for dpid in members.switches(network)}
        for dpid in switches:
            self._router(router_name, dpid)
            for network in networks:
                for name in members.ports(network):
                    self.mark(units.ENDPOINT, name, dpid)

    def router(self, name: str) -> None:
        """What a router itself does, wherever it is."""
        for dpid in self._inputs.members.reach(name):
            self.mark(units.ROUTER, name, dpid)

    def static(self, name: str) -> None:
        """The static routes of a router, wherever it is."""
        for dpid in self._inputs.members.reach(name):
            self.mark(units.STATIC, name, dpid)

    def _router(self, name: str, dpid: int) -> None:
        self.mark(units.ROUTER, name, dpid)
        if name in self._inputs.routers and self._inputs.routers[name].routes:
            self.mark(units.STATIC, name, dpid)
