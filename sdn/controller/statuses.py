"""What is reported about each object, worked out when it is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network

from sdn.controller.conditions import STARTING, Conditions
from sdn.controller.connections.connections import Connections
from sdn.controller.connections.legs import status_of_legs
from sdn.controller.hosts.attachments import Attachments
from sdn.controller.hosts.shared import SharedAddresses
from sdn.controller.probes.judgement import Verdict
from sdn.controller.probes.verification import Verification
from sdn.controller.switches.fleet import Fleet
from sdn.controller.switches.progress import Progress
from sdn.model.ids import Dpid
from sdn.model.intent import Connection, Network, Port, Resource, Router, Subnet
from sdn.model.program import Unit
from sdn.model.status import IN_PLACE, State, Status
from sdn.pipeline import Compiler
from sdn.pipeline.routes import switch_object
from sdn.pipeline.units import port_object
from sdn.store import Store

DONE = Status(State.PROGRAMMED)
AWAY, PROGRAMMING, REPAIRING = "SwitchAway", "Programming", "Repairing"
"""Why an object is PENDING: a switch concerned is not connected; has not confirmed yet; lost what it had confirmed."""
_WAITING = (AWAY, PROGRAMMING, REPAIRING)
_NAMED = 5


class Statuses:
    """State of objects. starting: why nothing is programmed yet after the start of the daemon, '' when that is over."""

    def __init__(
        self,
        store: Store,
        compiler: Compiler,
        fleet: Fleet,
        progress: Progress,
        attachments: Attachments,
        connections: Connections,
        verification: Verification,
        name_of: Callable[[Dpid], str],
        shared: SharedAddresses,
    ) -> None:
        self._store = store
        self._compiler = compiler
        self._fleet = fleet
        self._progress = progress
        self._attachments = attachments
        self._connections = connections
        self._verification = verification
        self._name_of = name_of
        self._shared = shared
        self._refused: dict[str, dict[Unit, str]] = {}
        self._shown: dict[str, Status] = {}
        self.conditions = Conditions()
        self.starting = ""

    def refused(self, unit: Unit, text: str) -> None:
        """A switch refused what a unit contributes, with this error."""
        self._refused.setdefault(unit.object, {})[unit] = text

    def of(self, resource: Resource) -> Status:
        """The status of an object in the store. O(switches it waits for)."""
        status = self._detailed(resource)
        detached = self._attachments.detached(resource.name)
        return replace(status, conditions=self.conditions.of(resource, status, detached))

    @property
    def started(self) -> bool:
        """Whether switches are written to."""
        return not self.starting

    def end_start(self) -> None:
        """Switches are written to from now on. O(objects)."""
        for resource in self._store.objects.values():
            self.conditions.note(resource, self._brief(resource), self._attachments.detached(resource.name))
        self.starting = ""

    def state(self, resource: Resource) -> State:
        """The state alone."""
        return self._brief(resource).state

    def _detailed(self, resource: Resource) -> Status:
        status = self._brief(resource)
        if status.state not in (State.PENDING, State.ADMITTED) or status.reason not in _WAITING:
            return status
        waits = self._progress.waits(resource.name)
        pending = sorted(self._name_of(Dpid(dpid)) for dpid in waits if self._fleet.session(dpid) is not None)
        parts = [f"not connected: {_some(status.switches_away)}"] if status.switches_away else []
        parts += [f"not confirmed by: {_some(pending)}"] if pending else []
        lost = [self._name_of(Dpid(dpid)) for dpid in waits if self._progress.is_lost(resource.name, dpid)]
        parts += [f"lost by and written again: {_some(sorted(lost))}"] if lost else []
        message = f"Waiting for switches; {'; '.join(parts)}." if parts else "Traffic is being moved to its path."
        return replace(status, message=message, switches_pending=tuple(pending))

    def _brief(self, resource: Resource) -> Status:
        """The status without the names of switches that are connected, which change with every confirmation."""
        if isinstance(resource, Connection) and resource.many:
            legs = status_of_legs(self._store, resource, self._brief)
            return self._rooted(resource, legs) if resource.circuit else legs
        if isinstance(resource, Connection):
            path, backup = self._connections.hops(resource), self._connections.backup_hops(resource)
            realised = self._connections.realised_hops(resource)
            status = replace(self._plain(resource, bool(path)), path=path, backup_path=backup, realised_path=realised)
            return self._probed(resource, status)
        if isinstance(resource, Port):
            shared, places = self._shared.of(resource), self._attachments.sites(resource)
            status = self._plain(resource, False)
            return replace(status, shared=shared, places=places) if shared or places else status
        return self._plain(resource, False)

    def _rooted(self, circuit: Connection, legs: Status) -> Status:
        """The status of a circuit of many ends: what copies frames at its root is its own, and of no leg."""
        own = self._plain(circuit, True)
        worse = own.state is State.FAILED or (own.state is State.PENDING and legs.state in IN_PLACE)
        return replace(own, legs=legs.legs) if worse else legs

    def _probed(self, connection: Connection, status: Status) -> Status:
        """The status of a connection with what its probes tell: what they find wrong is not said to work."""
        name = connection.name
        trouble = self._verification.trouble(name)
        placed = status.state in (*IN_PLACE, State.DEGRADED) or status.reason == PROGRAMMING
        if trouble is not None and status.path and placed:
            status = replace(status, state=State.DEGRADED, reason=trouble[0], message=trouble[1])
        elif status.state is State.PROGRAMMED and self._verification.verdict(name) is Verdict.PROVED:
            status = replace(status, state=State.VERIFIED)
        elif status.state is State.PENDING and status.path and status.reason in _WAITING:
            status = replace(status, state=State.ADMITTED)
        proved = self._verification.proved(name)
        verified = () if proved is None else self._connections.hops_of(connection, proved)
        return replace(status, verified_path=verified, probes=self._verification.counts(name))

    def _plain(self, resource: Resource, has_path: bool) -> Status:
        """The same without the path of a connection."""
        name = resource.name
        refusal = self._refusal(name)
        if refusal:
            return Status(State.FAILED, "SwitchRefused", refusal)
        if self.starting:
            return Status(State.PENDING, STARTING, self.starting)
        detached = self._attachments.why_not(name)
        if detached is not None:
            return Status(State.PENDING, detached.reason, detached.message)
        trouble = self._connections.trouble(name)
        if trouble is not None and not has_path:
            return Status(trouble.state, trouble.reason, trouble.message)
        waits = self._progress.waits(name)
        if not waits and self._connections.moving(name):
            return Status(State.PENDING, PROGRAMMING)
        if not waits and trouble is not None:
            return Status(trouble.state, trouble.reason, trouble.message)
        if not waits:
            if isinstance(resource, Router) and resource.routes:
                return self._routes_of(resource)
            if isinstance(resource, Port) and (text := self._attachments.duplicate(resource)):
                return Status(State.DEGRADED, "InterfaceIdConflict", text)
            if isinstance(resource, Port) and resource.allowed_address_pairs:
                return self._pairs_of(resource)
            return DONE
        away = tuple(sorted(self._name_of(Dpid(dpid)) for dpid in waits if self._fleet.session(dpid) is None))
        if away:
            return Status(State.PENDING, AWAY, "", away)
        lost = any(self._progress.is_lost(name, dpid) for dpid in waits)
        return Status(State.PENDING, REPAIRING if lost else PROGRAMMING)

    def _routes_of(self, router: Router) -> Status:
        """The status of a router that is in the switches: whether its static routes lead to somebody."""
        missing = self._compiler.missing_hops(router.name)
        if not missing:
            return DONE
        parts = []
        for route in missing[:_NAMED]:
            hop, prefix = ip_address(route.next_hop), ip_network((route.prefix, route.length))
            network = self._store.numbers.key_of("network", route.network) or ""
            holder = self._store.holder_of_address(network, hop)
            users = self._store.users_of_address(network, hop)
            why = f"of {holder}, not attached" if holder else "no port has it"
            if users:
                why = f"allowed at {_some(sorted(users))}: none active or none attached"
            parts.append(f"{hop} to {prefix} ({why})")
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        message = f"Packets are dropped for want of the next hop: {', '.join(parts)}{more}."
        return Status(State.DEGRADED, "NextHopMissing", message)

    def _pairs_of(self, port: Port) -> Status:
        """The status of a port that is in the switches: whether it is known who has its shared addresses."""
        shared = self._compiler.shared(port.name)
        if not shared:
            return DONE
        named = _some([value.hex(":") if len(value) == 6 else str(ip_address(value)) for value in shared])
        message = f"Several ports may use {named}, and none is active: routers and virtual MACs do not lead there."
        return Status(State.DEGRADED, "AddressShared", message)

    def news(self, resource: Resource) -> Status | None:
        """The status, if it is another one than when this was asked last."""
        status = self._brief(resource)
        self.conditions.note(resource, status, self._attachments.detached(resource.name))
        if self._shown.get(resource.name, DONE) == status:
            return None
        if status == DONE:
            del self._shown[resource.name]
            return self.of(resource)
        self._shown[resource.name] = status
        return self.of(resource)

    def summary(self) -> Mapping[State, int]:
        """How many objects are in each state, as was told last. O(objects that are not programmed)."""
        total = len(self._store.objects)
        if self.starting:
            return {State.PENDING: total}
        states = Counter(status.state for status in self._shown.values())
        states[State.PROGRAMMED] += total - len(self._shown)
        return {state: states[state] for state in State}

    def forget(self, name: str) -> None:
        """An object was deleted."""
        self.conditions.forget(name)
        self._shared.forget(name)
        self._shown.pop(name, None)
        self._refused.pop(name, None)

    def settled(self, name: str, generation: int) -> bool:
        """Whether nothing that this generation asked for, on behalf of an object, is still to be done.

        True also for what will not be programmed as it stands: refused, or a port that is not bound.
        """
        resource = self._store.objects.get(name)
        if isinstance(resource, Connection) and resource.many:
            # Ports of a network that are attached nowhere do not count, as for its state.
            legs = (leg for leg in self._store.legs(name) if not resource.network or not self._is_away(leg))
            root = not resource.circuit or self._confirmed(name, generation, away=True)
            return root and all(self.settled(leg, generation) for leg in legs)
        if isinstance(resource, Connection) and self._connections.moving(name) and not self._refusal(name):
            return False
        if resource is not None and not self._connections.waits(name):
            status = self._brief(resource)
            if status.state is State.PENDING and status.reason not in (
                "Unbound",
                "InterfaceIdUnseen",
                "BindingConflict",
                PROGRAMMING,
            ):
                return False
        return self._confirmed(name, generation, away=True) and all(
            self._confirmed(owner, generation, away=False) for owner in self._concerns(name, resource)
        )

    def _is_away(self, leg: str) -> bool:
        trouble = self._connections.trouble(leg)
        return trouble is not None and trouble.reason == "EndNotAttached"

    def _confirmed(self, owner: str, generation: int, *, away: bool) -> bool:
        """Whether switches have confirmed; away: also those that are not connected.

        For what an object merely depends on, these do not count: nobody could wait for them, and the object's own
        status would not say why.
        """
        return all(
            self._fleet.confirmed(dpid, min(asked, generation))
            for dpid, asked in self._progress.waits(owner).items()
            if away or self._fleet.session(dpid) is not None
        )

    def _concerns(self, name: str, resource: Resource | None) -> Iterator[str]:
        """Other owners of entries without which an object does not work."""
        network = ""
        if isinstance(resource, Port | Subnet):
            network = resource.network
            yield network
        elif isinstance(resource, Network):
            network = name
        if network:
            yield from {
                router: None for s in self._store.subnets_of(network) if (router := self._store.router_of(s.name))
            }
        facts = self._attachments.facts(name)
        if facts is not None:
            for dpid, ofport in facts.sites:
                yield switch_object(dpid)
                if ofport is not None:
                    yield port_object(dpid, ofport)

    def _refusal(self, name: str) -> str:
        refused = self._refused.get(name)
        if refused is None:
            return ""
        for unit in [unit for unit in refused if not self._compiler.blocked(unit)]:
            del refused[unit]
        if not refused:
            del self._refused[name]
            return ""
        unit, text = next(iter(refused.items()))
        return f"Switch {self._name_of(Dpid(unit.dpid))} refused a {unit.feature} entry: {text}."


def _some(names: Sequence[str]) -> str:
    """The first names and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
