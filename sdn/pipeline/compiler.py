"""The incremental compiler: facts change, the units concerned are compiled again, the entries that differ are told.

A unit is one feature for one object on one switch (model.program.Unit). Setters note facts and mark units dirty;
``compile`` makes the dirty ones anew. Marking too many units costs time, never correctness: whether a unit is wanted at
all, and what it contains, follows from the facts alone, so incremental equals from scratch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sdn.model.ids import Dpid
from sdn.model.program import Entries, Entry, FlowKey, Unit
from sdn.model.route import Leg, NextHops, Repair, RouteKey, VersionReroute
from sdn.pipeline import attach, base, circuit, endpoint, fabric, flood, probes, router, static, steer, strays
from sdn.pipeline.facts import (
    ConnectionFacts,
    EdgeFacts,
    PairFacts,
    PortFacts,
    RouterFacts,
    StaticFacts,
    SwitchFacts,
)
from sdn.pipeline.holders import Announced, Holders
from sdn.pipeline.membership import Membership
from sdn.pipeline.program import Content, SwitchProgram
from sdn.pipeline.routes import COMPILED_FORM, ROUTE, Form, Routes, destination_of, switch_object
from sdn.pipeline.salts import SaltTable

Changes = dict[int, list[Entry]]
"""By datapath id: entries that are new, different or gone."""

BASE, WIRING, FABRIC, CONNECTION, EDGE = "base", "wiring", "fabric", "connection", "edge"
PROBES, STRAYS = "probes", "strays"
ATTACH, ENDPOINT, FLOOD, ROUTER, STATIC = "attach", "endpoint", "flood", "router", "static"


def port_object(dpid: int, number: int) -> str:
    """Owner of what belongs to a port of a switch as such, whoever uses it."""
    return f"{switch_object(dpid)}/ports/{number}"


def port_number(name: str) -> int:
    """The OpenFlow number of a ``port_object``."""
    return int(name.rpartition("/")[2])


class Compiler:
    """Holds all facts and the program of every switch. Nothing happens before ``compile``.

    salts: choices of group ids in an earlier life; those of this one are added. form: of the table of routes.
    """

    def __init__(self, salts: SaltTable | None = None, form: Form = COMPILED_FORM) -> None:
        self.salts = salts or SaltTable({})
        self.programs: dict[int, SwitchProgram] = {}
        self._labels: dict[int, int] = {}
        self._wiring: dict[int, dict[int, tuple[bool, bool]]] = {}
        """By switch and port number: whether it is a link, whether it is probed. Ports that are neither are missing."""
        self._ports: dict[str, PortFacts] = {}
        self._networks: dict[int, str] = {}
        self._network_numbers: dict[str, int] = {}
        self._routers: dict[str, RouterFacts] = {}
        self._connections: dict[str, ConnectionFacts] = {}
        self._edges: dict[str, EdgeFacts] = {}
        self.routes = Routes(self.salts, form)
        self._members = Membership()
        self._holders = Holders(lambda network: ((n, self._ports[n]) for n in self._members.ports(network)))
        self._dirty: dict[Unit, None] = {}
        self._blocked: dict[Unit, Entries] = {}
        self._waiting: dict[int, dict[Unit, None]] = {}
        """By datapath id of a switch not yet known: units that were made without it, and that its coming changes."""
        self.touched: list[Unit] = []
        """The units whose entries changed in the last ``compile``, but for routes."""
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
            self._labels[dpid], self._wiring[dpid] = facts.label, {}
            self.routes.add(Dpid(dpid), facts.label, self.programs[dpid])
            self._mark(BASE, switch_object(dpid), dpid)
            self._mark(FABRIC, switch_object(dpid), dpid)
            self._mark(PROBES, probes.owner(dpid), dpid)
            self._mark(STRAYS, strays.owner(dpid), dpid)
            self._dirty.update(self._waiting.pop(dpid, {}))
        for number in {*facts.links, *facts.probes, *self._wiring[dpid]}:
            self.set_wiring(dpid, number, link=number in facts.links, probe=number in facts.probes)

    def label(self, dpid: int) -> int:
        """The label of a switch that was added."""
        return self._labels[dpid]

    def set_wiring(self, dpid: int, number: int, *, link: bool, probe: bool) -> None:
        """Change the wiring of one port of a known switch: as fields of SwitchFacts. O(1)."""
        if self._wiring[dpid].get(number, (False, False)) == (link, probe):
            return
        if link or probe:
            self._wiring[dpid][number] = link, probe
        else:
            del self._wiring[dpid][number]
        self._mark(WIRING, port_object(dpid, number), dpid)

    def set_routes(self, reroutes: Sequence[VersionReroute]) -> None:
        """Other routes from now on, each (switch, version of a destination) at most once. O(1)."""
        self.routes.set(reroutes)

    def add_version(self, destination: Dpid, epoch: int) -> None:
        """Announce a version of the routes to a destination, before it is named in ``set_routes``. O(1)."""
        self.routes.add_version(destination, epoch)

    def hops_of(self, keys: Iterable[RouteKey]) -> list[NextHops | Leg | None]:
        """The next hops that (switch, version of a destination) pairs had when last compiled. O(keys)."""
        return self.routes.hops_of(keys)

    def set_repairs(self, repairs: list[Repair]) -> None:
        """Other repair hops from now on, each (switch, destination) at most once. O(1)."""
        self.routes.set_repairs(repairs)

    def set_network(self, number: int, name: str | None) -> None:
        """Add a network; None removes it. O(switches with members)."""
        before = self._networks.get(number)
        if before is not None:
            del self._networks[number], self._network_numbers[before]
        if name is not None:
            self._networks[number], self._network_numbers[name] = name, number
        for dpid in self._members.switches(number):
            for owner in {before, name} - {None}:
                self._mark(FLOOD, str(owner), dpid)

    def set_port(self, name: str, facts: PortFacts | None) -> None:
        """Attach a port, change it, or detach it (None). O(switches of its networks), or of all their ports where the
        port is the first or last of its network on a switch."""
        before = self._ports.get(name)
        if before == facts:
            return
        if before is not None:
            self._mark_port(name, before)
            del self._ports[name]
            for dpid in before.dpids:
                self._note_presence(self._members.remove(before.network, dpid, name))
            self._mark_port(name, before)
        if facts is not None:
            self._ports[name] = facts
            for dpid in facts.dpids:
                self._note_presence(self._members.add(facts.network, dpid, name))
            self._mark_port(name, facts)
        self._mark_askers(self._holders.moved(name, before, facts))

    def set_announced(self, network: int, value: bytes, by: Announced | None) -> set[str]:
        """A port is the last one that announced an address or MAC (packed) of a network, None: nobody.

        It need not be attached, nor known. Answers the objects to which that means something. O(these x switches).
        """
        askers = self._holders.announce((network, value), by)
        self._mark_askers(askers)
        return askers

    def set_router(self, name: str, facts: RouterFacts | None) -> None:
        """Add or change a router, None removes it. O(switches), if it joins others networks x ports of its networks."""
        before = self._routers.get(name)
        if before == facts:
            return None
        self._holders.ask(name, ((r.network, r.next_hop) for r in facts.routes if r.next_hop) if facts else ())
        if before and facts and before.networks == facts.networks:
            self._routers[name] = facts
            for dpid in self._members.reach(name) if before != replace(facts, routes=before.routes) else ():
                self._mark(ROUTER, name, dpid)
            return self._mark_static(name) if before.routes != facts.routes else None
        networks = {number for router in (before, facts) if router for number in router.networks}
        self._mark_routed(name, networks)
        if facts is None:
            self._routers.pop(name, None)
        else:
            self._routers[name] = facts
        self._members.set_router(name, facts.networks if facts else set())
        self._mark_routed(name, networks)
        return None

    def set_connection(self, name: str, facts: ConnectionFacts | None) -> None:
        """Give a connection paths, steer it, or end it (None). O(length of the paths)."""
        before = self._connections.get(name)
        if before == facts:
            return
        if facts is None:
            self._connections.pop(name, None)
        else:
            self._connections[name] = facts
        for dpid in steer.concerned(before, facts):
            self._mark(CONNECTION, name, dpid)
        if (before and before.steered) != (facts and facts.steered):
            for dpid in steer.edges_of(self._edges.get(name)):
                self._mark(EDGE, name, dpid)

    def set_edge(self, name: str, facts: EdgeFacts | None) -> None:
        """Say where traffic of a connection comes in and what its ceilings are; None: nowhere. O(1)."""
        before = self._edges.pop(name, None)
        if facts is not None:
            self._edges[name] = facts
        if before != facts:
            for dpid in steer.edges_of(before) | steer.edges_of(facts):
                self._mark(EDGE, name, dpid)

    def counts(self, dpid: int, key: FlowKey) -> tuple[str, bool] | None:
        """Of a flow of STEER: whose connection's packets it counts, and whether they go from a to b. None: nobody's."""
        program = self.programs.get(dpid)
        units = program.owners(Entry("flow", key)) if program is not None else ()
        edge = self._edges.get(units[0].object) if units and units[0].feature == EDGE else None
        return None if edge is None else (units[0].object, steer.sender_of(key) == edge.there.sender)

    def holder(self, network: int, value: bytes) -> tuple[str, PairFacts | None] | None:
        """The attached port that has an address or MAC (packed) for which somebody asks, and by which pair."""
        return self._holders.of((network, value))

    def missing_hops(self, name: str) -> tuple[StaticFacts, ...]:
        """The static routes of a router whose next hop no attached port has."""
        facts = self._routers.get(name)
        routes = facts.routes if facts else ()
        return tuple(r for r in routes if r.next_hop and self._holders.of((r.network, r.next_hop)) is None)

    def shared(self, name: str) -> tuple[bytes, ...]:
        """Addresses and MACs (packed) that a port may use and others too, with none of them active."""
        port = self._ports.get(name)
        return tuple(self._holders.shared(port)) if port and port.pairs else ()

    def block(self, unit: Unit) -> None:
        """Leave out what a unit contributes, because a switch refused it, until it would be something else."""
        if unit.feature == ROUTE:
            self.routes.block(Dpid(unit.dpid), destination_of(unit))
            return
        self._blocked[unit] = self._make(unit)
        self._dirty[unit] = None

    def blocked(self, unit: Unit) -> bool:
        """Whether a unit is left out at present."""
        return unit in (self.routes.blocked() if unit.feature == ROUTE else self._blocked)

    @property
    def blocked_units(self) -> tuple[Unit, ...]:
        """All units that are left out at present."""
        return (*self._blocked, *self.routes.blocked())

    def unblock(self, dpid: int) -> None:
        """Try again what a switch refused, since it has been restarted or replaced."""
        self.routes.unblock(Dpid(dpid))
        for unit in [unit for unit in self._blocked if unit.dpid == dpid]:
            del self._blocked[unit]
            self._dirty[unit] = None

    def compile(self) -> Changes:
        """Make all dirty units anew and answer the entries that changed. O(dirty units + routes that changed).

        Raises OwnershipError if facts contradict each other (two ports on one OpenFlow port).
        """
        self.touched = []
        changes = self._compile_units() if self._dirty else {}
        entries, self.rerouted = self.routes.compile()
        self.routes_moved += len(self.rerouted)
        for dpid, changed in entries.items():
            changes.setdefault(dpid, []).extend(changed)
        return changes

    def _compile_units(self) -> Changes:
        dirty = [unit for unit in self._dirty if self._known(unit, unit.dpid)]
        made = {unit: self._permitted(unit, self._make(unit)) for unit in dirty}
        self.made += len(made)
        self._dirty.clear()
        return self._write(made)

    def _write(self, made: Mapping[Unit, Entries]) -> Changes:
        """Bring units into programs: what is gone before what is new, as keys change hands."""
        released: dict[Unit, dict[Entry, Content]] = {}
        before: dict[int, dict[Entry, Content]] = {}
        done: dict[Unit, list[Entry]] = {}
        rewritten: set[Unit] = set()
        for unit, entries in made.items():
            program = self.programs[unit.dpid]
            added = program.add(unit, entries)
            if added is not None:
                done[unit] = added
                continue
            same = program.rewrite(unit, entries)
            if same is not None:
                done[unit] = same
                rewritten.add(unit)
                continue
            gone = program.release(unit, entries)
            if gone:
                released[unit] = gone
                before.setdefault(unit.dpid, {}).update(gone)
        changed: dict[int, dict[Entry, None]] = {}
        for unit, entries in made.items():
            if unit not in done:
                done[unit] = self._put(unit, entries)
        for unit in made:
            news = done[unit]
            old = before.get(unit.dpid)
            if old and unit not in rewritten:
                # An entry that went from one unit to another as it was has not changed.
                content = self.programs[unit.dpid].content
                every = (*released.get(unit, ()), *news)
                news = [entry for entry in every if entry not in old or content(entry) != old[entry]]
            if news:
                changed.setdefault(unit.dpid, {}).update(dict.fromkeys(news))
                self.touched.append(unit)
        return {dpid: list(entries) for dpid, entries in changed.items()}

    def _put(self, unit: Unit, entries: Entries) -> list[Entry]:
        program = self.programs[unit.dpid]
        groups = entries.groups
        if groups and any(program.groups.get(number, content) != content for number, content in groups.items()):
            mine = {number for number in entries.groups if program.owners(Entry("group", number)) in ((), (unit,))}
            if mine != entries.groups.keys():
                entries = self._make(unit)  # a group id was taken by other content since: choose another
        return program.put(unit, entries)

    def _permitted(self, unit: Unit, entries: Entries) -> Entries:
        """Nothing, if a switch refused just these entries of the unit."""
        if unit not in self._blocked:
            return entries
        if self._blocked[unit] == entries:
            return Entries()
        del self._blocked[unit]
        return entries

    # Marking

    def _mark(self, feature: str, name: str, dpid: int) -> None:
        self._dirty[Unit(feature, name, dpid)] = None

    def _mark_port(self, name: str, facts: PortFacts) -> None:
        self._mark_endpoint(name, facts)
        for dpid in facts.dpids:
            self._mark(ATTACH, name, dpid)
            if facts.network in self._networks:
                self._mark(FLOOD, self._networks[facts.network], dpid)

    def _mark_endpoint(self, name: str, facts: PortFacts) -> None:
        for dpid in self._members.switches(facts.network) | self._members.routed(facts.network):
            self._mark(ENDPOINT, name, dpid)

    def _mark_askers(self, names: set[str]) -> None:
        for name in sorted(names):
            if name in self._routers:
                self._mark_static(name)
            else:
                self._mark_endpoint(name, self._ports[name])

    def _note_presence(self, presence: tuple[int, int] | None) -> None:
        """A network became present on a switch, or ceased to be."""
        if presence is None:
            return
        network, dpid = presence
        if network in self._networks:
            for other in {*self._members.switches(network), dpid}:
                self._mark(FLOOD, self._networks[network], other)
        for name in self._members.ports(network):
            self._mark(ENDPOINT, name, dpid)
        for router_name in self._members.routers(network):
            self._mark_router(router_name, dpid)
            for other in self._members.networks(router_name):
                for name in self._members.ports(other):
                    self._mark(ENDPOINT, name, dpid)

    def _mark_routed(self, router_name: str, networks: set[int]) -> None:
        """Everything that a router's change can touch."""
        switches = {dpid for network in networks for dpid in self._members.switches(network)}
        for dpid in switches:
            self._mark_router(router_name, dpid)
            for network in networks:
                for name in self._members.ports(network):
                    self._mark(ENDPOINT, name, dpid)

    def _mark_router(self, name: str, dpid: int) -> None:
        self._mark(ROUTER, name, dpid)
        if name in self._routers and self._routers[name].routes:
            self._mark(STATIC, name, dpid)

    def _mark_static(self, name: str) -> None:
        for dpid in self._members.reach(name):
            self._mark(STATIC, name, dpid)

    def _known(self, unit: Unit, dpid: int) -> bool:
        """Whether there is this switch; if not, the unit is made anew when it comes."""
        if dpid in self._labels:
            return True
        self._waiting.setdefault(dpid, {})[unit] = None
        return False

    # Making

    def _make(self, unit: Unit) -> Entries:
        """What a unit contributes, from the facts as they are now."""
        feature, name, dpid = unit.feature, unit.object, unit.dpid
        if feature == ENDPOINT:
            return self._make_endpoint(unit)
        if feature == ATTACH:
            port = self._ports.get(name)
            return attach.compile_attachment(port, dpid) if port else Entries()
        if feature == FLOOD:
            return self._make_flood(unit)
        if feature == ROUTER:
            facts = self._routers.get(name)
            here = facts is not None and dpid in self._members.reach(name)
            return router.compile_router(facts) if facts and here else Entries()
        if feature == STATIC:
            return self._make_static(unit)
        if feature == CONNECTION:
            return self._make_connection(unit)
        if feature == EDGE:
            return self._make_edge(unit)
        if feature == FABRIC:
            return fabric.compile_own(self._labels[dpid])
        if feature == WIRING:
            number = port_number(name)
            return fabric.compile_wiring(number, *self._wiring[dpid].get(number, (False, False)))
        if feature == STRAYS:
            return strays.compile_strays()
        return probes.compile_probes() if feature == PROBES else base.compile_base()

    def _make_endpoint(self, unit: Unit) -> Entries:
        port = self._ports.get(unit.object)
        transports = self._transports(unit, port) if port else ()
        if port is None or not transports:
            return Entries()
        member = self._members.present(port.network, unit.dpid)
        routed = self._members.reaches(port.network, unit.dpid)
        held = self._holders.held(unit.object, port) if port.pairs else ()
        return endpoint.compile_endpoint(port, transports, member, routed, held)

    def _transports(self, unit: Unit, port: PortFacts) -> tuple[int, ...]:
        """Labels of the switches where a port is, those that are known."""
        return tuple([self._labels[dpid] for dpid in port.dpids if self._known(unit, dpid)])

    def _make_static(self, unit: Unit) -> Entries:
        facts = self._routers.get(unit.object)
        if facts is None or unit.dpid not in self._members.reach(unit.object):
            return Entries()
        labels = {}
        for route in facts.routes:
            holder = self._holders.of((route.network, route.next_hop))
            port = self._ports[holder[0]] if holder else None
            if holder and port:
                service = holder[1].service if holder[1] else port.service
                labels[route] = [transport << 24 | service for transport in self._transports(unit, port)]
        return static.compile_static(facts, labels)

    def _make_flood(self, unit: Unit) -> Entries:
        number = self._network_numbers.get(unit.object)
        if number is None or unit.dpid not in self._members.switches(number):
            return Entries()
        members = [dpid for dpid in self._members.switches(number) if self._known(unit, dpid)]
        transports = [self._labels[dpid] for dpid in members]
        services = [self._ports[name].service for name in self._members.ports_on(number, unit.dpid)]
        return flood.compile_flood(number, transports, services)

    def _make_edge(self, unit: Unit) -> Entries:
        edge, connection = self._edges.get(unit.object), self._connections.get(unit.object)
        if edge is None:
            return Entries()
        entries = steer.compile_edge(edge, connection.steered if connection else None, unit.dpid)
        if edge.circuit is not None:
            labels = {end.dpid: self._labels[end.dpid] for end in edge.circuit if self._known(unit, end.dpid)}
            if any(end.dpid not in labels for end in edge.circuit):
                return Entries()
            entries.flows.update(circuit.compile_circuit(edge, unit.dpid, labels))
        return entries

    def _make_connection(self, unit: Unit) -> Entries:
        facts = self._connections.get(unit.object)
        if facts is None:
            return Entries()
        switches = {dpid: None for way in facts.ways if unit.dpid in way.path.switches for dpid in way.path.switches}
        known = [dpid for dpid in switches if self._known(unit, dpid)]
        if len(known) < len(switches):
            return Entries()
        transports: dict[int, int] = {dpid: self._labels[dpid] for dpid in known}
        taken, salts = self.programs[unit.dpid].groups, self.salts.of(unit.dpid)
        return fabric.compile_connection(facts, unit.dpid, transports, taken, salts)
