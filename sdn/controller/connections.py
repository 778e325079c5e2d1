"""Connections: admission against the ledger, their paths, and what becomes of them when the network changes.

A connection keeps its path for as long as that exists, also over a restart (bucket ``paths``). It is refused when it is
asked for and does not fit; when it was admitted and its path is lost, its backup path becomes the primary, or it takes
another one, or is DEGRADED (its traffic goes the shortest way, without a reservation) until there is one again.
How traffic is moved from one path to another: ``steering.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sdn.controller import pathrecords
from sdn.controller.attachments import Attachments
from sdn.controller.edges import Edges, SetEdge
from sdn.controller.pathrecords import Saved
from sdn.controller.placing import NOT_NOW, Placer, Routes, backup_of, holder_of
from sdn.controller.steering import Confirmed, Steerings, Target, Wish, keys
from sdn.model.errors import Refused, SdnError
from sdn.model.ids import Dpid, Kind
from sdn.model.intent import Connection, Port, Resource
from sdn.model.route import Path
from sdn.model.status import PathHop, State
from sdn.model.topology import LinkChanges, LinkEnd
from sdn.pipeline.facts import ConnectionFacts
from sdn.routing import Ledger
from sdn.store import Change, Store
from sdn.topology import TopologyState

PATHS = "paths"
"""Bucket: key the connection's name, value see ``pathrecords``."""

SetFacts = Callable[[str, ConnectionFacts | None], None]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a connection has no path, or not all that it asked for."""

    state: State
    reason: str
    message: str


class Connections:
    """All connections and the bandwidth they hold. set_facts: told whenever a connection's facts are others.

    generation, confirmed: see ``Steerings``; set_edge: see ``Edges``.
    """

    def __init__(
        self,
        store: Store,
        topology: TopologyState,
        attachments: Attachments,
        set_facts: SetFacts,
        saved: Mapping[str, str],
        generation: Callable[[], int],
        confirmed: Confirmed,
        set_edge: SetEdge,
    ) -> None:
        self._store = store
        self._topology = topology
        self._attachments = attachments
        self._saved = dict(saved)
        self._ledger = Ledger()
        self.placer = Placer(store, topology, self._ledger)
        self._steerings = Steerings(store.numbers, set_facts, generation, confirmed)
        self._edges = Edges(store, set_edge)
        self._trouble: dict[str, Trouble] = {}
        self._changed: dict[str, None] = {}
        self._admitted: dict[str, None] = {}
        self._unsaved: dict[str, None] = {}
        self._avoiding: dict[str, float] = {}
        """Until when connections keep off the links that ``Demands.avoided`` has."""

    @property
    def ledger(self) -> Ledger:
        """Who holds how much."""
        return self._ledger

    # Events

    def load(self) -> None:
        """Look at all connections of the store: the daemon has started."""
        self._edges.load()
        self._changed.update(dict.fromkeys(self._store.names(Kind.CONNECTION)))
        for name in [name for name in self._saved if name not in self._store.objects]:
            # Deleted just before the end of an earlier life; switches that still have its path are told when adopted.
            saved = pathrecords.read(self._saved.pop(name), self._topology.port_number)
            for slot in saved.slots if saved else ():
                for key in keys(name, slot):
                    self._store.numbers.release("path", key)
            self._unsaved[name] = None

    def admit(self, changes: tuple[Change, ...], fields: Callable[[str], str]) -> dict[str, Routes]:
        """Paths for the connections of a transaction, all of them together; nothing is kept until ``apply``.

        fields: prefix for fields of violations by name. Connections with an end that is attached nowhere yet have no
        path here and are admitted later. Raises Refused, InvalidInput, or Exhausted.
        """
        asking = [change for change in changes if _asks_anew(change)]
        if not asking:
            return {}
        new = {change.name: change.new for change in changes if change.new is not None}
        before = {key: held for change in asking for key, held in self.placer.held(change.name)}
        found: dict[str, Routes] = {}
        for key in before:
            self._ledger.release(key)
        try:
            for connection in (change.new for change in asking):
                if isinstance(connection, Connection):
                    try:
                        routes = self._fitting(connection, new)
                    except NOT_NOW as error:
                        raise _placed(error, fields(connection.name)) from None
                    if routes is not None:
                        self.placer.reserve(connection, routes)
                        found[connection.name] = routes
        finally:
            for name in found:
                self.placer.release(name)
            for key, held in before.items():
                self._ledger.put_back(key, held)
        return found

    def apply(self, changes: tuple[Change, ...], found: Mapping[str, Routes]) -> None:
        """Connections were created, updated or deleted, with the paths that ``admit`` found."""
        asking = [change for change in changes if _asks_anew(change)]
        self._changed.update((change.name, None) for change in changes if isinstance(change.new, Connection))
        for change in asking:
            self._withdraw(change.name)
            self._saved.pop(change.name, None)
            self._changed[change.name] = None
            if change.new is None:
                self._avoid_no_more(change.name)
                self._trouble.pop(change.name, None)
                self._admitted.pop(change.name, None)
        for change in asking:
            if isinstance(change.new, Connection) and change.name in found:
                self.placer.reserve(change.new, found[change.name])

    def port_changed(self, port: str) -> None:
        """A port was attached, moved or detached."""
        for user in self._store.users(port):
            if isinstance(self._store.objects.get(user), Connection):
                self._changed[user] = None

    def change_links(self, changes: LinkChanges) -> None:
        """The topology changed. O(links given, connections on them, and those without a path)."""
        for key in self._ledger.change_links(changes):
            self._ledger.release(key)
            self._changed[holder_of(key)] = None
        self._changed.update(dict.fromkeys(self._trouble))

    def avoid(self, name: str, links: frozenset[LinkEnd], until: float) -> bool:
        """Move a connection to another path, without these links (both ends) until then; False: there is none.

        It stays where it is then. until: in the time of ``settle``; afterwards it does not move back.
        """
        connection = self._store.objects.get(name)
        if not isinstance(connection, Connection) or not self.placer.move_off(connection, links):
            return False
        self._avoiding[name] = max(until, self._avoiding.get(name, until))
        self._changed.update(dict.fromkeys((name, *self._trouble)))
        return True

    def _avoid_no_more(self, name: str) -> None:
        self._avoiding.pop(name, None)
        self.placer.demands.avoided.pop(name, None)

    def settle(self, now: float) -> list[str]:
        """Look at all connections concerned again; returns those whose state or path changed. now: seconds."""
        for name in [name for name, until in self._avoiding.items() if now >= until]:
            self._avoid_no_more(name)
        changed, self._changed = self._changed, {}
        told = dict.fromkeys(
            name for name in sorted(changed, key=lambda name: (name not in self._saved, name)) if self._has_news(name)
        )
        moved = self._steerings.step(now)
        self._unsaved.update(dict.fromkeys([*told, *moved]))
        told.update(dict.fromkeys(name for name in moved if name in self._store.objects))
        return list(told)

    def _has_news(self, name: str) -> bool:
        before = list(self.placer.held(name)), self._trouble.get(name)
        self._place(name)
        return before != (list(self.placer.held(name)), self._trouble.get(name)) or not before[0]

    def records(self) -> dict[str, str | None]:
        """Records to put (None: delete) in the bucket ``paths`` since the last call."""
        unsaved, self._unsaved = self._unsaved, {}
        return {name: self._text(name) for name in unsaved if name not in self._saved}

    # Questions

    def trouble(self, name: str) -> Trouble | None:
        """Why a connection has no path, or not all that it asked for."""
        return self._trouble.get(name)

    def routes(self, name: str) -> Routes | None:
        """The paths that a connection has; None while it has none."""
        return self.placer.routes(name)

    def moving(self, name: str) -> bool:
        """Whether traffic is not on the path yet, or the backup path is not there yet."""
        return self._steerings.moving(name)

    def target(self, name: str) -> Target | None:
        """The path that traffic takes, to be probed; None while it is not where it should be."""
        return self._steerings.target(name)

    def steered_hops(self, connection: Connection) -> tuple[PathHop, ...]:
        """The path that traffic takes, as far as switches were told; empty: the shortest way."""
        path = self._steerings.steered(connection.name)
        return () if path is None else self.hops_of(connection, path)

    def hops(self, connection: Connection) -> tuple[PathHop, ...]:
        """The path of a connection from a to b; empty while there is none."""
        held = self._ledger.held(connection.name)
        return () if held is None else self.hops_of(connection, held.path)

    def backup_hops(self, connection: Connection) -> tuple[PathHop, ...]:
        """Its backup path; empty while there is none."""
        held = self._ledger.held(backup_of(connection.name))
        return () if held is None else self.hops_of(connection, held.path)

    def hops_of(self, connection: Connection, path: Path) -> tuple[PathHop, ...]:
        """A path of a connection by names, with the interfaces of its ends."""
        ends = self._attachments.interface(connection.a), self._attachments.interface(connection.b)
        return self.describe(path, *ends)

    def describe(self, path: Path, ingress: str = "", egress: str = "") -> tuple[PathHop, ...]:
        """A path by names. ingress, egress: interfaces at its ends."""
        interface = self._topology.discovery.interface
        hops = []
        for index, dpid in enumerate(path.switches):
            into, out = ingress, egress
            if index > 0:
                into = interface(dpid, path.links[index - 1][1]) or ""
            if index < len(path.links):
                out = interface(dpid, path.links[index][0]) or ""
            hops.append(PathHop(self._topology.name_of(dpid), into, out))
        return tuple(hops)

    # Inside: placing

    def _place(self, name: str) -> None:
        """Bring one connection in accordance with its ends and the links."""
        connection = self._store.objects.get(name)
        if not isinstance(connection, Connection):
            self._steerings.want(name, None)
            self._edges.forget(name)
            return
        ends = [self._attachments.facts(port) for port in (connection.a, connection.b)]
        a, b = ends
        if a is None or b is None:
            self._edges.place(connection, None, None)
            away = [port for port, facts in zip((connection.a, connection.b), ends, strict=True) if facts is None]
            message = f"Not attached: {', '.join(away)}."
            self._lose(name, Trouble(State.PENDING, "EndNotAttached", message))
            return
        try:
            self._edges.place(connection, a, b)
            routes = self._routes(connection, Dpid(a.dpid), Dpid(b.dpid))
        except NOT_NOW as error:
            state = State.DEGRADED if name in self._admitted else State.REJECTED
            violation = error.violations[0]
            reason = _REASONS.get(violation.field.partition(".")[0], "NotPossible")
            self._lose(name, Trouble(state, reason, f"{violation.reason}. {violation.remedy}"))
            return
        self._admitted[name] = None
        self._steerings.want(name, Wish(a.service, b.service, *routes))

    def _lose(self, name: str, trouble: Trouble) -> None:
        self._withdraw(name)
        self._steerings.want(name, None)
        self._trouble[name] = trouble

    def _routes(self, connection: Connection, a: Dpid, b: Dpid) -> Routes:
        """Its paths, reserved: those it has, as far as they are there; raises as NOT_NOW says."""
        name = connection.name
        self._restore(connection)
        placed = self.placer.place(connection, a, b, admitted=name in self._admitted)
        self._trouble.pop(name, None)
        if placed.missing is not None:
            state = State.DEGRADED if connection.protection.mode == "REQUIRED" else State.PROGRAMMED
            self._trouble[name] = Trouble(state, "Unprotected", str(placed.missing))
        return placed.routes

    def _fitting(self, connection: Connection, new: Mapping[str, Resource]) -> Routes | None:
        a, b = (self._place_of(name, new) for name in (connection.a, connection.b))
        if a is None or b is None:
            return None
        beside = [other for other in new.values() if isinstance(other, Connection)]
        return self.placer.search(self.placer.demands.of(connection, a, b, beside), or_without=False)

    def _place_of(self, name: str, new: Mapping[str, Resource]) -> Dpid | None:
        port = new.get(name) or self._store.objects.get(name)
        return self._attachments.locate(port) if isinstance(port, Port) else None

    # Inside: what is held

    def _withdraw(self, name: str) -> None:
        """Give the paths back; others that wait for room are tried."""
        if self.placer.release(name):
            self._changed.update(dict.fromkeys(self._trouble))

    # Inside: records

    def _text(self, name: str) -> str | None:
        slots, steered = self._steerings.installed(name)
        if not slots:
            return None
        paths = {path: slot for slot, path in slots.items()}
        primary, backup = (
            paths.get(held.path) if (held := self._ledger.held(key)) is not None else None
            for key in (name, backup_of(name))
        )
        return pathrecords.write(Saved(slots, steered, primary, backup), self._topology.discovery.interface)

    def _restore(self, connection: Connection) -> None:
        """The paths of before a restart, as far as they exist and have room."""
        name = connection.name
        text = self._saved.pop(name, None)
        if text is None:
            return
        self._admitted[name] = None
        saved = pathrecords.read(text, self._topology.port_number)
        if saved is None:
            return
        self._steerings.restore(name, saved.slots, saved.steered)
        for key, slot in ((name, saved.primary), (backup_of(name), saved.backup)):
            if slot is not None:
                try:
                    self.placer.reserve_one(key, connection, saved.slots[slot])
                except Refused:
                    continue


_REASONS = {
    "bandwidth": "NoCapacity",
    "ceiling": "NoMeter",
    "": "NoPath",
    "protection": "NoProtection",
    "constraints": "UnknownName",
    "max_latency": "LatencyTooHigh",
    "max_hops": "TooManyHops",
    "max_cost": "CostTooHigh",
    "exclude": "Excluded",
    "via": "WaypointsNotPossible",
}
"""By the first part of the field that stands in the way."""


def _asks_anew(change: Change) -> bool:
    """Whether this is a connection for which admission has to decide again, or which ends."""
    old, new = change
    if not isinstance(new or old, Connection):
        return False
    if not isinstance(old, Connection) or not isinstance(new, Connection):
        return True
    return any(
        getattr(old, field) != getattr(new, field)
        for field in ("a", "b", "bandwidth", "reverse", "constraints", "protection")
    )


_FIELDS = {
    "max_latency": "constraints.max_latency_us",
    "max_hops": "constraints.max_hops",
    "max_cost": "constraints.max_cost",
    "exclude": "constraints",
    "via": "constraints.via",
}
"""Fields of a PathRequest as those of a connection; others are called the same."""


def _placed(error: SdnError, prefix: str) -> SdnError:
    violations = (v.at((prefix + _FIELDS.get(v.field, v.field)).rstrip(".")) for v in error.violations)
    return type(error)(*violations)
