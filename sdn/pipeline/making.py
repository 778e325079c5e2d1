"""What a unit contributes, from the facts as they are now: each feature is given what it needs of them.

Belongs here: gathering a unit's facts. Must not know: why the unit is made, and what programs hold already, but for
the group ids that are taken.
"""

from __future__ import annotations

from collections.abc import Mapping

from sdn.model.program import Entries, Unit
from sdn.pipeline import attach, base, circuit, endpoint, fabric, flood, probes, router, static, steer, strays, units
from sdn.pipeline.dirty import Dirty
from sdn.pipeline.facts import PortFacts
from sdn.pipeline.inputs import Inputs
from sdn.pipeline.program import SwitchProgram
from sdn.pipeline.salts import SaltTable


class Maker:
    """dirty: is told what waits for a switch that is not known. programs: by datapath id, of all that are known."""

    def __init__(self, inputs: Inputs, dirty: Dirty, programs: Mapping[int, SwitchProgram], salts: SaltTable) -> None:
        self._inputs, self._dirty, self._programs, self._salts = inputs, dirty, programs, salts

    def make(self, unit: Unit) -> Entries:
        """The entries of a unit on a known switch; none if nothing wants it."""
        feature, name, dpid = unit.feature, unit.object, unit.dpid
        if feature == units.ENDPOINT:
            return self._endpoint(unit)
        if feature == units.ATTACH:
            port = self._inputs.ports.get(name)
            return attach.compile_attachment(port, dpid) if port else Entries()
        if feature == units.FLOOD:
            return self._flood(unit)
        if feature == units.ROUTER:
            facts = self._inputs.routers.get(name)
            here = facts is not None and dpid in self._inputs.members.reach(name)
            return router.compile_router(facts) if facts and here else Entries()
        if feature == units.STATIC:
            return self._static(unit)
        if feature == units.CONNECTION:
            return self._connection(unit)
        if feature == units.EDGE:
            return self._edge(unit)
        if feature == units.FABRIC:
            return fabric.compile_own(self._inputs.labels[dpid])
        if feature == units.WIRING:
            number = units.port_number(name)
            return fabric.compile_wiring(number, *self._inputs.wiring[dpid].get(number, (False, False)))
        if feature == units.STRAYS:
            return strays.compile_strays()
        return probes.compile_probes() if feature == units.PROBES else base.compile_base()

    def _endpoint(self, unit: Unit) -> Entries:
        port = self._inputs.ports.get(unit.object)
        transports = self._transports(unit, port) if port else ()
        if port is None or not transports:
            return Entries()
        member = self._inputs.members.present(port.network, unit.dpid)
        routed = self._inputs.members.reaches(port.network, unit.dpid)
        held = self._inputs.holders.held(unit.object, port) if port.pairs else ()
        return endpoint.compile_endpoint(port, transports, member, routed, held)

    def _transports(self, unit: Unit, port: PortFacts) -> tuple[int, ...]:
        """Labels of the switches where a port is, those that are known."""
        labels = self._inputs.labels
        return tuple([labels[dpid] for dpid in port.dpids if self._dirty.known(unit, dpid)])

    def _static(self, unit: Unit) -> Entries:
        facts = self._inputs.routers.get(unit.object)
        if facts is None or unit.dpid not in self._inputs.members.reach(unit.object):
            return Entries()
        labels = {}
        for route in facts.routes:
            holder = self._inputs.holders.of((route.network, route.next_hop))
            port = self._inputs.ports[holder[0]] if holder else None
            if holder and port:
                service = holder[1].service if holder[1] else port.service
                labels[route] = [transport << 24 | service for transport in self._transports(unit, port)]
        return static.compile_static(facts, labels)

    def _flood(self, unit: Unit) -> Entries:
        inputs = self._inputs
        number = inputs.network_numbers.get(unit.object)
        if number is None or unit.dpid not in inputs.members.switches(number):
            return Entries()
        members = [dpid for dpid in inputs.members.switches(number) if self._dirty.known(unit, dpid)]
        transports = [inputs.labels[dpid] for dpid in members]
        services = [inputs.ports[name].service for name in inputs.members.ports_on(number, unit.dpid)]
        return flood.compile_flood(number, transports, services)

    def _edge(self, unit: Unit) -> Entries:
        edge, connection = self._inputs.edges.get(unit.object), self._inputs.connections.get(unit.object)
        if edge is None:
            return Entries()
        if edge.root is not None:
            leaves = [leaf.dpid for _, leaf in edge.root.copies if self._dirty.known(unit, leaf.dpid)]
            return circuit.compile_root(edge, unit.dpid, {dpid: self._inputs.labels[dpid] for dpid in leaves})
        entries = steer.compile_edge(edge, connection.steered if connection else None, unit.dpid)
        if edge.circuit is not None:
            known = [end.dpid for end in edge.circuit if self._dirty.known(unit, end.dpid)]
            labels = {dpid: self._inputs.labels[dpid] for dpid in known}
            if any(end.dpid not in labels for end in edge.circuit):
                return Entries()
            entries.flows.update(circuit.compile_circuit(edge, unit.dpid, labels))
        return entries

    def _connection(self, unit: Unit) -> Entries:
        facts = self._inputs.connections.get(unit.object)
        if facts is None:
            return Entries()
        switches = {dpid: None for way in facts.ways if unit.dpid in way.path.switches for dpid in way.path.switches}
        known = [dpid for dpid in switches if self._dirty.known(unit, dpid)]
        if len(known) < len(switches):
            return Entries()
        transports: dict[int, int] = {dpid: self._inputs.labels[dpid] for dpid in known}
        taken, salts = self._programs[unit.dpid].groups, self._salts.of(unit.dpid)
        return fabric.compile_connection(facts, unit.dpid, transports, taken, salts)
