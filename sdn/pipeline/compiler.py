"""The incremental compiler: facts change, the units concerned are compiled again, the entries that differ are told.

A unit is one feature for one object on one switch (model.program.Unit). Setters note facts and mark units dirty;
``compile`` makes the dirty ones anew. Marking too many units costs time, never correctness: whether a unit is wanted at
all, and what it contains, follows from the facts alone, so incremental equals from scratch.

Belongs here: what can be told and asked, and the order of a compile. The facts are in ``inputs``, what a change marks
in ``dirty``, what a unit contributes in ``making``, how it gets into a program in ``writing``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sdn.model.ids import Dpid
from sdn.model.program import Entries, Entry, FlowKey, Unit
from sdn.model.route import Leg, NextHops, Repair, RepairHops, RouteKey, VersionReroute
from sdn.pipeline import probes, steer, strays
from sdn.pipeline.dirty import Dirty
from sdn.pipeline.facts import (
    ConnectionFacts,
    EdgeFacts,
    PairFacts,
    PortFacts,
    RouterFacts,
    StaticFacts,
    SwitchFacts,
)
from sdn.pipeline.holders import Announced
from sdn.pipeline.inputs import Inputs
from sdn.pipeline.making import Maker
from sdn.pipeline.program import SwitchProgram
from sdn.pipeline.routes import COMPILED_FORM, ROUTE, Form, Routes, destination_of, switch_object
from sdn.pipeline.salts import SaltTable
from sdn.pipeline.units import BASE, CONNECTION, EDGE, FABRIC, PROBES, STRAYS, WIRING, port_object
from sdn.pipeline.writing import Changes, Writer


class Compiler:
    """Holds all facts and the program of every switch. Nothing happens before ``compile``.

    salts: choices of group ids in an earlier life; those of this one are added. form: of the table of routes.
    """

    def __init__(self, salts: SaltTable | None = None, form: Form = COMPILED_FORM) -> None:
        self.salts = salts or SaltTable({})
        self.programs: dict[int, SwitchProgram] = {}
        self.routes = Routes(self.salts, form)
        self._inputs = Inputs()
        self._dirty = Dirty(self._inputs)
        self._maker = Maker(self._inputs, self._dirty, self.programs, self.salts)
        self._writer = Writer(self.programs, self._maker.make)
        self._blocked: dict[Unit, Entries] = {}
        self.touched: list[Unit] = []
        """The units whose entries changed in the last ``compile``, but for routes."""
        self.joined: list[Unit] = []
        """Those made in the last ``compile`` whose entries were all there, as others share them."""
        self.made = 0
        """How many units have ever been made: the work that changes have caused."""
        self.routes_moved = 0
        """How many routes have ever had other entries than before."""
        self.rerouted: list[VersionReroute] = []
        """The routes whose entries changed in the last ``compile``."""

    def set_switch(self, dpid: int, facts: SwitchFacts) -> None:
        """Add a switch or change its wiring; its label stays what it was. O(its ports, units that waited)."""
        if dpid not in self.programs:
            self.programs[dpid] = SwitchProgram(Dpid(dpid), self.routes)
            self._inputs.labels[dpid], self._inputs.wiring[dpid] = facts.label, {}
            self.routes.add(Dpid(dpid), facts.label, self.programs[dpid])
            self._dirty.mark(BASE, switch_object(dpid), dpid)
            self._dirty.mark(FABRIC, switch_object(dpid), dpid)
            self._dirty.mark(PROBES, probes.owner(dpid), dpid)
            self._dirty.mark(STRAYS, strays.owner(dpid), dpid)
            self._dirty.came(dpid)
        for number in {*facts.links, *facts.probes, *self._inputs.wiring[dpid]}:
            self.set_wiring(dpid, number, link=number in facts.links, probe=number in facts.probes)

    def label(self, dpid: int) -> int:
        """The label of a switch that was added."""
        return self._inputs.labels[dpid]

    def set_wiring(self, dpid: int, number: int, *, link: bool, probe: bool) -> None:
        """Change the wiring of one port of a known switch: as fields of SwitchFacts. O(1)."""
        if self._inputs.wiring[dpid].get(number, (False, False)) == (link, probe):
            return
        if link or probe:
            self._inputs.wiring[dpid][number] = link, probe
        else:
            del self._inputs.wiring[dpid][number]
        self._dirty.mark(WIRING, port_object(dpid, number), dpid)

    def set_routes(self, reroutes: Sequence[VersionReroute]) -> None:
        """Other routes from now on, each (switch, version of a destination) at most once. O(1)."""
        self.routes.set(reroutes)

    def add_version(self, destination: Dpid, epoch: int) -> None:
        """Announce a version of the routes to a destination, before it is named in ``set_routes``. O(1)."""
        self.routes.add_version(destination, epoch)

    def hops_of(self, keys: Iterable[RouteKey]) -> list[NextHops | Leg | None]:
        """The next hops that (switch, version of a destination) pairs had when last compiled. O(keys)."""
        return self.routes.hops_of(keys)

    def repairs_of(self, keys: Iterable[RouteKey]) -> list[RepairHops | None]:
        """The repair hops that (switch, version of a destination) pairs had when last compiled. O(keys)."""
        return self.routes.repairs_of(keys)

    def set_repairs(self, repairs: list[Repair]) -> None:
        """Other repair hops from now on, each (switch, destination) at most once. O(1)."""
        self.routes.set_repairs(repairs)

    def set_network(self, number: int, name: str | None) -> None:
        """Add a network; None removes it. O(switches with members)."""
        before = self._inputs.networks.get(number)
        if before is not None:
            del self._inputs.networks[number], self._inputs.network_numbers[before]
        if name is not None:
            self._inputs.networks[number], self._inputs.network_numbers[name] = name, number
        self._dirty.network(number, [owner for owner in (before, name) if owner is not None])

    def set_port(self, name: str, facts: PortFacts | None) -> None:
        """Attach a port, change it, or detach it (None). O(switches of its networks), or of all their ports where the
        port is the first or last of its network on a switch."""
        before = self._inputs.ports.get(name)
        if before == facts:
            return
        if before is not None:
            self._dirty.port(name, before)
            del self._inputs.ports[name]
            for dpid in before.dpids:
                self._dirty.presence(self._inputs.members.remove(before.network, dpid, name))
            self._dirty.port(name, before)
        if facts is not None:
            self._inputs.ports[name] = facts
            for dpid in facts.dpids:
                self._dirty.presence(self._inputs.members.add(facts.network, dpid, name))
            self._dirty.port(name, facts)
        self._dirty.askers(self._inputs.holders.moved(name, before, facts))

    def set_announced(self, network: int, value: bytes, by: Announced | None) -> set[str]:
        """A port is the last one that announced an address or MAC (packed) of a network, None: nobody.

        It need not be attached, nor known. Answers the objects to which that means something. O(these x switches).
        """
        askers = self._inputs.holders.announce((network, value), by)
        self._dirty.askers(askers)
        return askers

    def set_router(self, name: str, facts: RouterFacts | None) -> None:
        """Add or change a router, None removes it. O(switches), if it joins others networks x ports of its networks."""
        before = self._inputs.routers.get(name)
        if before == facts:
            return None
        self._inputs.holders.ask(name, ((r.network, r.next_hop) for r in facts.routes if r.next_hop) if facts else ())
        if before and facts and before.networks == facts.networks:
            self._inputs.routers[name] = facts
            if before != replace(facts, routes=before.routes):
                self._dirty.router(name)
            return self._dirty.static(name) if before.routes != facts.routes else None
        networks = {number for router in (before, facts) if router for number in router.networks}
        self._dirty.routed(name, networks)
        if facts is None:
            self._inputs.routers.pop(name, None)
        else:
            self._inputs.routers[name] = facts
        self._inputs.members.set_router(name, facts.networks if facts else set())
        self._dirty.routed(name, networks)
        return None

    def set_connection(self, name: str, facts: ConnectionFacts | None) -> None:
        """Give a connection paths, steer it, or end it (None). O(length of the paths)."""
        before = self._inputs.connections.get(name)
        if before == facts:
            return
        if facts is None:
            self._inputs.connections.pop(name, None)
        else:
            self._inputs.connections[name] = facts
        for dpid in steer.concerned(before, facts):
            self._dirty.mark(CONNECTION, name, dpid)
        if (before and before.steered) != (facts and facts.steered):
            for dpid in steer.edges_of(self._inputs.edges.get(name)):
                self._dirty.mark(EDGE, name, dpid)

    def set_edge(self, name: str, facts: EdgeFacts | None) -> None:
        """Say where traffic of a connection comes in and what its ceilings are; None: nowhere. O(1)."""
        before = self._inputs.edges.pop(name, None)
        if facts is not None:
            self._inputs.edges[name] = facts
        if before != facts:
            for dpid in steer.edges_of(before) | steer.edges_of(facts):
                self._dirty.mark(EDGE, name, dpid)

    def counts(self, dpid: int, key: FlowKey) -> tuple[str, bool] | None:
        """Of a flow of STEER: whose connection's packets it counts, and whether they go from a to b. None: nobody's."""
        program = self.programs.get(dpid)
        units = program.owners(Entry("flow", key)) if program is not None else ()
        edge = self._inputs.edges.get(units[0].object) if units and units[0].feature == EDGE else None
        sender = steer.sender_of(key)
        return None if edge is None or not sender else (units[0].object, sender == edge.there.sender)

    def holder(self, network: int, value: bytes) -> tuple[str, PairFacts | None] | None:
        """The attached port that has an address or MAC (packed) for which somebody asks, and by which pair."""
        return self._inputs.holders.of((network, value))

    def missing_hops(self, name: str) -> tuple[StaticFacts, ...]:
        """The static routes of a router whose next hop no attached port has."""
        facts = self._inputs.routers.get(name)
        routes = facts.routes if facts else ()
        return tuple(r for r in routes if r.next_hop and self._inputs.holders.of((r.network, r.next_hop)) is None)

    def shared(self, name: str) -> tuple[bytes, ...]:
        """Addresses and MACs (packed) that a port may use and others too, with none of them active."""
        port = self._inputs.ports.get(name)
        return tuple(self._inputs.holders.shared(port)) if port and port.pairs else ()

    def block(self, unit: Unit) -> None:
        """Leave out what a unit contributes, because a switch refused it, until it would be something else."""
        if unit.feature == ROUTE:
            self.routes.block(Dpid(unit.dpid), destination_of(unit))
            return
        self._blocked[unit] = self._maker.make(unit)
        self._dirty.units[unit] = None

    def blocked(self, unit: Unit) -> bool:
        """Whether a unit is left out at present."""
        return unit in (self.routes.blocked() if unit.feature == ROUTE else self._blocked)

    def lacks(self, unit: Unit) -> bool:
        """Whether a unit that is no route is left out at present, or is to be made anew by the next ``compile``."""
        return unit in self._blocked or unit in self._dirty.units

    @property
    def blocked_units(self) -> tuple[Unit, ...]:
        """All units that are left out at present."""
        return (*self._blocked, *self.routes.blocked())

    def unblock(self, dpid: int) -> None:
        """Try again what a switch refused, since it has been restarted or replaced."""
        self.routes.unblock(Dpid(dpid))
        for unit in [unit for unit in self._blocked if unit.dpid == dpid]:
            del self._blocked[unit]
            self._dirty.units[unit] = None

    def compile(self) -> Changes:
        """Make all dirty units anew and answer the entries that changed. O(dirty units + routes that changed).

        Raises OwnershipError if facts contradict each other (two ports on one OpenFlow port).
        """
        self.touched, self.joined = [], []
        changes = self._compile_units() if self._dirty.units else {}
        entries, self.rerouted = self.routes.compile()
        self.routes_moved += len(self.rerouted)
        for dpid, changed in entries.items():
            changes.setdefault(dpid, []).extend(changed)
        return changes

    def _compile_units(self) -> Changes:
        dirty = [unit for unit in self._dirty.units if self._dirty.known(unit, unit.dpid)]
        made = {unit: self._permitted(unit, self._maker.make(unit)) for unit in dirty}
        self.made += len(made)
        self._dirty.units.clear()
        changes, self.touched = self._writer.write(made)
        sharing = [unit for unit, entries in made.items() if entries.shared and entries.flows]
        if sharing:
            touched = set(self.touched)
            self.joined = [unit for unit in sharing if unit not in touched]
        return changes

    def _permitted(self, unit: Unit, entries: Entries) -> Entries:
        """Nothing, if a switch refused just these entries of the unit."""
        if unit not in self._blocked:
            return entries
        if self._blocked[unit] == entries:
            return Entries()
        del self._blocked[unit]
        return entries
