"""The underlay: switches, their wiring and the routes between them, from the topology to the compiler."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from sdn.controller.convergence.convergence import Convergence
from sdn.controller.convergence.listening import Listening
from sdn.controller.convergence.readylinks import ReadyLinks
from sdn.controller.convergence.repairs import Repairs
from sdn.controller.convergence.strangers import Strangers
from sdn.controller.hosts.plugs import Place
from sdn.model.ids import Dpid, format_dpid, parse_dpid
from sdn.model.topology import LinkChanges
from sdn.pipeline import Compiler
from sdn.pipeline.facts import PortFacts, SwitchFacts
from sdn.routing import ShortestPaths
from sdn.store import Store
from sdn.topology import TopologyState
from sdn.topology.inventory import MAX_PORT


class Underlay:
    """Follows the topology. Switches with attached ports are the destinations of routing."""

    def __init__(
        self,
        store: Store,
        topology: TopologyState,
        compiler: Compiler,
        bound: Callable[[Place], bool],
        repairs: Repairs,
        paths: ShortestPaths,
        convergence: Convergence,
        ready: ReadyLinks,
        strangers: Strangers,
    ) -> None:
        """bound: whether a tenant's port is plugged in there. convergence: takes what ``paths`` tells."""
        self._store = store
        self._topology = topology
        self._compiler = compiler
        self._bound = bound
        self._repairs = repairs
        self._listening = Listening()
        self._rewired: dict[Dpid, None] = {}
        self._replugged: dict[tuple[Dpid, int], None] = {}
        self._members: Counter[int] = Counter()
        self._moved = False
        self.paths = paths
        self._convergence = convergence
        self._ready = ready
        self._strangers = strangers

    def load(self) -> None:
        """Take over the switches that have a label from an earlier life."""
        for key, _ in self._store.numbers.items("switch"):
            self._rewired[parse_dpid(key)] = None

    def switch_changed(self, dpid: Dpid) -> None:
        """A switch connected. A new one gets a label and a program. Raises Exhausted."""
        label = self._store.numbers.allocate("switch", format_dpid(dpid))
        if dpid not in self._compiler.programs:
            self._compiler.set_switch(dpid, SwitchFacts(label))
        self._rewired[dpid] = None

    def port_changed(self, dpid: Dpid, number: int) -> None:
        """A port of a switch came, went or is another one."""
        self._replugged[dpid, number] = None

    def binding_changed(self, place: Place) -> None:
        """Something was plugged in or out there, which need not have been seen."""
        number = self._topology.port_number(*place)
        if number is not None:
            self._replugged[place[0], number] = None

    def port_moved(self, before: PortFacts | None, after: PortFacts | None) -> None:
        """A port was attached, moved or detached."""
        for dpid in before.dpids if before is not None else ():
            self._members[dpid] -= 1
            if not self._members[dpid]:
                del self._members[dpid]
                self._moved = True
        for dpid in after.dpids if after is not None else ():
            self._moved = self._moved or dpid not in self._members
            self._members[dpid] += 1

    def follow(self, now: float) -> tuple[LinkChanges, dict[str, str | None]]:
        """Tell the compiler what has changed; answers the links that did, and their records (None: gone)."""
        at = self._listening.at
        self._topology.set_aside(self._strangers.step(now, lambda dpid, port: at(dpid, port, trusted=True)))
        changes, records = self._topology.take_changes()
        self._strangers.change_links(changes)
        self._replugged.update(dict.fromkeys(self._listening.change_links(changes, now)))
        self._replugged.update(dict.fromkeys(self._listening.expire(now)))
        ready = self._ready.take(changes)
        if ready.gone or ready.new:
            self._convergence.change_links(ready)
            self._convergence.take(self.paths.change_links(ready.gone, ready.new), self.paths.risky())
            self._repairs.change_links(ready, now)
        if self._moved:
            self._moved = False
            self._repairs.set_destinations(Dpid(dpid) for dpid in self._members)
            self._convergence.take(self.paths.set_destinations(Dpid(dpid) for dpid in self._members))
        self._rewire()
        return changes, records

    def _rewire(self) -> None:
        rewired, self._rewired = self._rewired, {}
        replugged, self._replugged = self._replugged, {}
        for dpid in rewired:
            label = self._store.numbers.get("switch", format_dpid(dpid))
            if label is None:
                continue  # known from a link only: it comes here again when it connects
            numbers = (port.number for port in self._topology.discovery.ports(dpid))
            probes = frozenset(number for number in numbers if self._probed(dpid, number))
            self._compiler.set_switch(dpid, SwitchFacts(label, self._listening.ports(dpid, probes), probes))
        for dpid, number in replugged:
            if dpid in self._compiler.programs and dpid not in rewired:
                probe = self._probed(dpid, number)
                link = self._listening.at(dpid, number, trusted=probe)
                self._compiler.set_wiring(dpid, number, link=link, probe=probe)

    def _probed(self, dpid: Dpid, number: int) -> bool:
        name = self._topology.discovery.interface(dpid, number)
        return name is not None and number < MAX_PORT and not self._bound((dpid, name))
