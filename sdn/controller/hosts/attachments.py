"""Where the ports of tenants are in the network: bindings against what switches report.

A port is attached when its binding names a switch that has been seen and an interface that is there. While a switch is
away its ports stay attached as they were, so that the rest of the network goes on forwarding to them.
Of several ports that are bound to one interface (by two names of a switch) the first one has it, also after a restart.
A port that moves is at two places: its binding and its migration target. It is attached wherever it can be, and what
keeps it from the other place is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sdn.controller.hosts.plugs import Place, Plugs
from sdn.model import codec
from sdn.model.errors import SdnError
from sdn.model.ids import Dpid, format_dpid
from sdn.model.intent import AddressPair, Binding, Port
from sdn.pipeline.facts import PairFacts, PortFacts
from sdn.store import Store, forms
from sdn.store.names import service_key
from sdn.topology import TopologyState

_NAMED = 5
"""Places named in one message."""
_NOWHERE: tuple[Place | None, Place | None] = (None, None)
CLAIMS = "claims"
"""Bucket: key ``DPID/INTERFACE`` where several ports are bound, value their names, the one that has it first."""


@dataclass(frozen=True, slots=True)
class Detached:
    """Why a port is not attached. reason: CamelCase."""

    reason: str
    message: str


def packed_mac(mac: str) -> bytes:
    """Six bytes of a MAC with colons."""
    return bytes.fromhex(mac.replace(":", ""))


def _names(text: str) -> list[str]:
    """Those of a record in order; none of one that is damaged: then as without it, in the order of their writing."""
    try:
        names = codec.loads(text)
    except SdnError:
        return []
    return [str(name) for name in names] if isinstance(names, list) else []


def moves_by_id(port: Port) -> bool:
    """Whether a port may be at two places that have the iface-id of its binding."""
    return port.migration_target is not None and port.migration_target == port.binding


def is_learned(port: Port, network: str) -> bool:
    """Whether learning mode looks after a port: it bears the label and is in the network that learns."""
    return port.network == network and forms.is_learned(port)


def _key(place: Place) -> str:
    """Of a record."""
    return f"{format_dpid(place[0])}/{place[1]}"


def _owner(claim: str) -> str:
    """The object that claims an interface: a port, or the connection of a circuit's end."""
    return claim.partition("|")[0]


class Attachments:
    """Facts of every port, or why there are none; ``changed`` collects the ports to look at again."""

    def __init__(self, store: Store, topology: TopologyState, plugs: Plugs, learning: str = "") -> None:
        """learning: the network that learns hosts, '' if none does."""
        self._plugs = plugs
        self._store = store
        self._topology = topology
        self._places: dict[str, tuple[Place | None, Place | None]] = {}
        """Of bound ports: where they are, and where they move to."""
        self._learning = learning
        self._claims: dict[Place, dict[str, bool]] = {}
        """By place those who claim it, in order; whether learning mode says so, which may yet find a link there."""
        self._at: dict[Dpid, dict[str, None]] = {}
        self._facts: dict[str, PortFacts] = {}
        self._detached: dict[str, Detached] = {}
        self._numbers: dict[tuple[Dpid, int], str] = {}
        self._sites: dict[str, tuple[Place, ...]] = {}
        """Of attached ports: where they are, the place that they move to at last."""
        self._changed: dict[str, None] = {}
        self._puts: dict[str, str | None] = {}

    # What happened

    def port_changed(self, name: str, port: Port | None, now: float) -> set[Place]:
        """A port was created, updated or (None) deleted in the store; returns the places bound otherwise now."""
        self._changed[name] = None
        before = self._places.pop(name, _NOWHERE)
        places = (self._place_of(port.binding), self._target_of(port)) if port else _NOWHERE
        if places != _NOWHERE:
            self._places[name] = places
        gone, new = set(before) - set(places), set(places) - set(before)
        for place in gone:
            if place is not None:
                self._leave(name, place, now)
        for place in new:
            if place is not None:
                self._enter(name, place, now)
        return {place for place in gone | new if place is not None}

    def restore_order(self, saved: Mapping[str, str]) -> None:
        """Of those that claim one interface the one that had it has it again. saved: the bucket ``claims``."""
        for place, claims in self._claims.items():
            if len(claims) > 1:
                known = {name: claims[name] for name in _names(saved.get(_key(place), "")) if name in claims}
                self._claims[place] = known | claims
                self._note_claims(place)

    def switch_changed(self, dpid: Dpid) -> None:
        """A switch came."""
        self._changed.update(self._at.get(dpid, {}))

    def interface_changed(self, place: Place) -> None:
        """An interface of a switch came, went or has another number."""
        self._changed.update(dict.fromkeys(self._claims.get(place, {})))

    def drain(self) -> list[tuple[str, PortFacts | None, PortFacts | None]]:
        """(name, facts before, facts now) of the ports looked at again whose facts or reason have changed."""
        changed, self._changed = self._changed, {}
        result = []
        for name in changed:
            before, reason = self._facts.pop(name, None), self._detached.pop(name, None)
            self._sites.pop(name, None)
            if before is not None:
                self._forget_numbers(name, before)
            port = self._store.objects.get(name)
            facts, detached = self._evaluate(port) if isinstance(port, Port) else (None, None)
            if facts is not None:
                self._facts[name] = facts
                self._numbers.update({(Dpid(at), number): name for at, number in facts.sites if number is not None})
            if detached is not None:
                self._detached[name] = detached
            if facts != before or reason != detached or "|" in name:  # of a circuit: who it belongs to looks itself
                result.append((name, before, facts))
        return result

    def records(self) -> dict[str, str | None]:
        """Records to put (None: delete) in the bucket ``claims`` since the last call."""
        puts, self._puts = self._puts, {}
        return puts

    # Questions

    def facts(self, name: str) -> PortFacts | None:
        """Facts of an attached port."""
        return self._facts.get(name)

    def why_not(self, name: str) -> Detached | None:
        """Why a port is not attached, or not at both places of its move; None if it is."""
        return self._detached.get(name)

    def detached(self, name: str) -> Detached | None:
        """Why a port is attached nowhere; None if it is somewhere."""
        return self._detached.get(name) if name not in self._facts else None

    def interface(self, name: str) -> str:
        """The interface a port is bound to, '' if none."""
        place, _ = self._places.get(name, _NOWHERE)
        return place[1] if place else ""

    def sites(self, port: Port) -> tuple[str, ...]:
        """Where an attached port is, as ``switch:interface``, if its binding does not say so."""
        if port.migration_target is None and (port.binding is None or not port.binding.iface_id):
            return ()
        return tuple(self.show(place) for place in self._sites.get(port.name, ()))

    def at(self, dpid: Dpid, number: int) -> str | None:
        """The port attached at an OpenFlow port."""
        return self._numbers.get((dpid, number))

    def place_and_number(self, name: str) -> tuple[Place, int | None]:
        """Where the end of a circuit is that is attached, and the number of its OpenFlow port."""
        place, _ = self._places[name]
        assert place is not None
        return place, self._topology.port_number(*place)

    def why_not_there(self, name: str, contradicts: Callable[[str], bool]) -> Detached | None:
        """Why the end of a circuit is not attached. contradicts: whether another claim of its interface bars it."""
        place, _ = self._places.get(name, _NOWHERE)
        if place is None:
            return Detached("SwitchUnknown", "The switch is neither a declared name nor a datapath id.")
        for other in self._claims[place]:
            if other == name:
                break
            if contradicts(other):
                return Detached("BindingConflict", f"{_owner(other)} is at the same interface.")
        return self._missing(place)

    def owners_on(self, dpid: Dpid) -> list[str]:
        """Ports, and connections of circuits, that are bound to interfaces of a switch, sorted. O(these log these)."""
        return sorted(set(map(_owner, self._at.get(dpid, ()))))

    def bound(self, place: Place) -> bool:
        """Whether any port is bound there."""
        return place in self._claims

    def locate(self, port: Port) -> Dpid | None:
        """The switch of a port as it would be attached, whether it is in the store or not."""
        places = (self._place_of(binding) for binding in (port.binding, port.migration_target))
        return next((place[0] for place in places if place and self._missing(place) is None), None)

    def attached(self) -> Iterable[PortFacts]:
        """Facts of all attached ports."""
        return self._facts.values()

    # Inside

    def duplicate(self, port: Port) -> str:
        """Where else the iface-id of a port is, for people; '' if nowhere."""
        for binding in (port.binding, port.migration_target):
            rivals = self.rivals(port, binding.iface_id) if binding is not None and binding.iface_id else ()
            if binding is not None and rivals:
                here, *there = (self.show(place) for place in (self._plugs.place(binding.iface_id), *rivals) if place)
                return (
                    f"iface-id {binding.iface_id} is at {here}, which has it, and also at {', '.join(there[:_NAMED])}."
                )
        return ""

    def rivals(self, port: Port, iface_id: str) -> tuple[Place, ...]:
        """Where one of its iface-ids is although the port is not."""
        return self._plugs.rivals(iface_id)[1 if moves_by_id(port) else 0 :]

    def show(self, place: Place) -> str:
        """``switch:interface``."""
        return f"{self._topology.name_of(place[0])}:{place[1]}"

    def _place_of(self, binding: Binding | None) -> Place | None:
        if binding is not None and binding.iface_id:
            return self._plugs.place(binding.iface_id)
        dpid = None if binding is None else self._topology.resolve(binding.switch)
        return None if dpid is None or binding is None else (dpid, binding.interface)

    def _target_of(self, port: Port) -> Place | None:
        """Where a port moves to; if by its own iface-id, wherever that is beside the first place."""
        if port.binding is not None and moves_by_id(port):
            return next(iter(self._plugs.rivals(port.binding.iface_id)), None)
        return self._place_of(port.migration_target)

    def _enter(self, name: str, place: Place, now: float) -> None:
        claims = self._claims.setdefault(place, {})
        port = self._store.objects.get(name)
        claims[name] = isinstance(port, Port) and is_learned(port, self._learning)
        if len(claims) > 1:
            self._note_claims(place)
        self._at.setdefault(place[0], {})[name] = None
        self._topology.discovery.set_bound(place[0], place[1], True, now)

    def _leave(self, name: str, place: Place, now: float) -> None:
        claims = self._claims[place]
        if len(claims) > 1:
            self._note_claims(place, without=name)
        learned = claims.pop(name)
        if claims:
            self._changed.update(dict.fromkeys(claims))  # who was second may have it now
        else:
            del self._claims[place]
            self._topology.discovery.set_bound(place[0], place[1], False, now, host=not learned)
        if not any(left and left[0] == place[0] for left in self._places.get(name, _NOWHERE)):
            at = self._at.get(place[0], {})
            at.pop(name, None)  # it may have left both its places, at one switch
            if not at:
                self._at.pop(place[0], None)

    def _note_claims(self, place: Place, without: str = "") -> None:
        names: list[codec.Json] = [name for name in self._claims[place] if name != without]
        self._puts[_key(place)] = codec.dumps(names) if len(names) > 1 else None

    def _evaluate(self, port: Port) -> tuple[PortFacts | None, Detached | None]:
        """Facts of a port that is attached somewhere, and why it is not where it should be."""
        if port.binding is None:
            return None, Detached("Unbound", "The port is not bound to an interface of a switch.")
        here, there = self._places.get(port.name, _NOWHERE)
        detached = self._detached_from(port, port.binding, here)
        sites = [] if here is None or detached is not None else [here]
        if port.migration_target is not None:
            # Its own iface-id at no second place is no fault: it does not move at present.
            idle = there is None and moves_by_id(port)
            missing = None if idle else self._detached_from(port, port.migration_target, there)
            if there is not None and missing is None:
                sites.append(there)
            if detached is None and missing is not None:
                detached = Detached(missing.reason, f"Where the port moves to: {missing.message}")
        if not sites:
            return None, detached
        self._sites[port.name] = tuple(sites)
        return self._port_facts(port, sites), detached

    def _detached_from(self, port: Port, binding: Binding, place: Place | None) -> Detached | None:
        if place is None and binding.iface_id:
            return Detached(
                "InterfaceIdUnseen", f"No switch has told of an interface with iface-id {binding.iface_id}."
            )
        if place is None:
            return Detached("SwitchUnknown", f"{binding.switch!r} is neither a declared name nor a datapath id.")
        first = next(iter(self._claims[place]))
        if first != port.name:
            return Detached("BindingConflict", f"{_owner(first)} is bound to the same interface.")
        return self._missing(place)

    def _missing(self, place: Place) -> Detached | None:
        dpid, interface = place
        name = self._topology.name_of(dpid)
        if self._store.numbers.get("switch", format_dpid(dpid)) is None:
            return Detached("SwitchNeverSeen", f"Switch {name} has not connected yet.")
        if self._topology.discovery.connected(dpid) and self._topology.port_number(dpid, interface) is None:
            return Detached("InterfaceMissing", f"Switch {name} has no interface {interface}.")
        return None

    def _port_facts(self, port: Port, places: Sequence[Place]) -> PortFacts:
        numbers = self._store.numbers
        network, service = numbers.get("network", port.network), numbers.get("service", service_key(port))
        assert network is not None
        assert service is not None
        return PortFacts(
            network=network,
            service=service,
            mac=packed_mac(port.mac),
            v4=tuple(address.packed for address in port.addresses if address.version == 4),
            v6=tuple(address.packed for address in port.addresses if address.version == 6),
            dpid=places[0][0],
            ofport=self._topology.port_number(*places[0]),
            target=(places[1][0], self._topology.port_number(*places[1])) if len(places) > 1 else None,
            pairs=tuple(self._pair_facts(port, pair) for pair in port.allowed_address_pairs),
            asks=port.network == self._learning,
            learned=is_learned(port, self._learning),
        )

    def _pair_facts(self, port: Port, pair: AddressPair) -> PairFacts:
        service = self._store.numbers.get("service", service_key(port, pair.mac))
        assert service is not None
        prefix = pair.prefix
        mac = packed_mac(pair.mac or port.mac)
        return PairFacts(prefix.network_address.packed, prefix.prefixlen, mac, service, pair.active)

    def _forget_numbers(self, name: str, facts: PortFacts) -> None:
        for at, number in facts.sites:
            if number is not None and self._numbers.get((Dpid(at), number)) == name:
                del self._numbers[Dpid(at), number]
