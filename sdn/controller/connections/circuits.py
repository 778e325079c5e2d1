"""Ends of connections: ports, or for bare circuits interfaces of switches.

An end of a circuit claims its interface as a port does that is bound there, under the name ``CONNECTION|a`` or
``CONNECTION|b``: so it is no link, is not probed, and who came first has it. Several circuits share an interface if
they take different frames of it. One of many ends claims that of its root, once for all its legs, which claim the
others.
"""

from __future__ import annotations

from collections.abc import Mapping

from sdn.controller.hosts.attachments import Attachments, Detached
from sdn.controller.hosts.plugs import Place
from sdn.model.circuit import CircuitEnd, is_circuit_end, parse_circuit_end
from sdn.model.errors import InvalidInput
from sdn.model.ids import Dpid
from sdn.model.intent import Binding, Connection, Port, Resource
from sdn.pipeline.facts import CircuitFacts, PortFacts
from sdn.store import Store
from sdn.store.names import circuit_keys, circuit_places, root_side
from sdn.topology import TopologyState

_SIDES = ("a", "b")
_LISTS = {"a": "sources", "b": "targets"}


class Ends:
    """Of all connections."""

    def __init__(self, store: Store, topology: TopologyState, attachments: Attachments) -> None:
        self._store = store
        self._topology = topology
        self._attachments = attachments

    def changed(self, old: Resource | None, new: Resource | None, now: float) -> set[Place]:
        """A connection was created, updated or deleted; answers the interfaces claimed otherwise now."""
        places: set[Place] = set()
        connection = new or old
        if isinstance(connection, Connection) and connection.circuit:
            for key, end in _claimed(connection):
                claim = Port(name=key, network="", mac="", binding=_binding(end)) if new is not None else None
                places |= self._attachments.port_changed(key, claim, now)
        return places

    def facts(self, connection: Connection) -> list[PortFacts | None]:
        """Of a and b; None for one that is attached nowhere."""
        if not connection.circuit:
            return [self._attachments.facts(port) for port in (connection.a, connection.b)]
        places = zip(circuit_places(connection), circuit_keys(connection), strict=True)
        return [None if self._why_not(place) else self._facts(place, key) for place, key in places]

    def circuit(self, connection: Connection, a: PortFacts, b: PortFacts) -> tuple[CircuitFacts, CircuitFacts] | None:
        """Of a bare circuit whose ends are attached."""
        ends = [parse_circuit_end(end) for end in (connection.a, connection.b)]
        facts = [
            CircuitFacts(port.service, port.dpid, port.ofport, end.vlan)
            for port, end in zip((a, b), ends, strict=True)
            if end is not None
        ]
        return (facts[0], facts[1]) if len(facts) == 2 else None

    def attached_circuit(self, connection: Connection) -> tuple[CircuitFacts, CircuitFacts] | None:
        """Of a bare circuit; None while an end is attached nowhere, or the number of its port is not known."""
        a, b = self.facts(connection)
        found = None if a is None or b is None else self.circuit(connection, a, b)
        return None if found is None or any(end.ofport is None for end in found) else found

    def away(self, connection: Connection) -> str:
        """Which ends are not attached, and why not where that is known."""
        parts = []
        for key, end, facts in zip(
            self._places(connection), (connection.a, connection.b), self.facts(connection), strict=True
        ):
            if facts is None:
                why = self._why_not(key) if is_circuit_end(end) else None
                parts.append(f"{end} ({why.message.rstrip('.')})" if why else end)
        return ", ".join(parts)

    def interface(self, connection: Connection) -> tuple[str, str]:
        """The interfaces of a and b, '' where they are not known."""
        names = self._places(connection)
        return self._attachments.interface(names[0]), self._attachments.interface(names[1])

    def locate(self, end: str, new: Mapping[str, Resource]) -> Dpid | None:
        """The switch of an end as it would be attached. new: what a transaction would write."""
        if is_circuit_end(end):
            return self._attachments.locate(Port(name="", network="", mac="", binding=_binding(end)))
        port = new.get(end) or self._store.objects.get(end)
        return self._attachments.locate(port) if isinstance(port, Port) else None

    def check_no_link(self, connection: Connection) -> None:
        """Raises InvalidInput where an end of a circuit is a link, declared or found. O(links) for a circuit."""
        if not connection.circuit:
            return
        links = {end: state for state in self._topology.link_states() for end in (state.a, state.b)}
        for side in _SIDES:
            field = _LISTS[side] if connection.leg_of and side != root_side(connection) else side
            end = parse_circuit_end(getattr(connection, side))
            dpid = None if end is None else self._topology.resolve(end.switch)
            state = None if end is None or dpid is None else links.get((self._topology.name_of(dpid), end.interface))
            if state is not None:
                named = " - ".join(":".join(side) for side in (state.a, state.b))
                remedy = "Use an interface that leads out of the network."
                raise InvalidInput.of(field, f"{end} is an end of the link {named}", remedy, word="EndIsLink")

    @staticmethod
    def _places(connection: Connection) -> tuple[str, str]:
        """The names under which the ends a and b are attached."""
        return circuit_places(connection) if connection.circuit else (connection.a, connection.b)

    def _facts(self, name: str, key: str) -> PortFacts:
        place, number = self._attachments.place_and_number(name)
        service = self._store.numbers.get("service", key)
        assert service is not None
        return PortFacts(0, service, b"", (), (), place[0], number)

    def _why_not(self, key: str) -> Detached | None:
        return self._attachments.why_not_there(key, lambda other: self._contradicts(key, other))

    def _contradicts(self, key: str, other: str) -> bool:
        """Whether two claims of one interface cannot both be: no frame goes out where it came in."""
        mine, theirs = self._end(key), self._end(other)
        owners = {claim.rpartition("|")[0] for claim in (key, other)}
        wholes = {one.leg_of or name for name in owners if isinstance(one := self._store.objects.get(name), Connection)}
        return mine is None or theirs is None or mine.meets(theirs) or (len(wholes) == 1 and wholes <= owners)

    def _end(self, key: str) -> CircuitEnd | None:
        name, _, side = key.rpartition("|")
        connection = self._store.objects.get(name)
        return parse_circuit_end(getattr(connection, side)) if isinstance(connection, Connection) else None


def _claimed(connection: Connection) -> list[tuple[str, str]]:
    """Names and ends of the places that a circuit claims itself: a leg leaves that of the root to its whole."""
    if connection.many:
        return [(circuit_keys(connection)[0], connection.a or connection.b)]
    places = zip(circuit_places(connection), (connection.a, connection.b), strict=True)
    return [(name, end) for name, end in places if name.startswith(f"{connection.name}|")]


def _binding(text: str) -> Binding:
    end = parse_circuit_end(text)
    assert end is not None
    return Binding(switch=end.switch, interface=end.interface)
