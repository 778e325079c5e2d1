"""Connections: admission against the ledger, their paths, and what becomes of them when the network changes.

A connection keeps its path for as long as that exists, also over a restart (bucket ``paths``). It is refused when it is
asked for and does not fit; when it was admitted and its path is lost, its backup path becomes the primary, or it takes
another one, or is DEGRADED (its traffic goes the shortest way, without a reservation) until there is one again. Those
of a higher service level are served first, so many searches in each turn; one of higher priority may take what others
have (``displacing.py``).
How traffic is moved from one path to another: ``steering.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from sdn.controller.connections.admission import Admission
from sdn.controller.connections.asking import asks_anew, is_placed, pinned_to
from sdn.controller.connections.calendars import Calendars
from sdn.controller.connections.circuits import Ends
from sdn.controller.connections.displacing import displace
from sdn.controller.connections.edges import Edges, SetEdge
from sdn.controller.connections.leaving import Avoiding, Leaving
from sdn.controller.connections.lives import Lives
from sdn.controller.connections.pathkeeping import Records
from sdn.controller.connections.pathnames import PathNames
from sdn.controller.connections.placing import NOT_NOW, Grant, Placer, Routes, backup_of, holder_of, recovery_order
from sdn.controller.connections.steering import Confirmed, Steerings, Target, Wish
from sdn.controller.connections.takingup import take_up
from sdn.controller.connections.troubles import Trouble, Troubles, iso
from sdn.controller.connections.wholes import Wholes
from sdn.controller.hosts.attachments import Attachments
from sdn.model.calendar import ALWAYS, active
from sdn.model.errors import Exhausted, Refused
from sdn.model.ids import Dpid, Kind
from sdn.model.intent import Connection
from sdn.model.request import Exclusion
from sdn.model.route import Path
from sdn.model.status import PathHop, State
from sdn.model.topology import LinkChanges, LinkEnd
from sdn.pipeline.facts import ConnectionFacts
from sdn.routing import Ledger
from sdn.store import Change, Store
from sdn.store.names import rooted
from sdn.topology import TopologyState

SEARCHES = 250
"""Searches for paths in one turn; the others come in the next ones."""
DISPLACING = 25
"""What a search for somebody to displace counts for."""
SetFacts = Callable[[str, ConnectionFacts | None], None]


class Connections:
    """All connections and the bandwidth they hold. set_facts: told whenever a connection's facts are others.

    generation, confirmed: see ``Steerings``; set_edge: see ``Edges``. oversubscription: see ``Ledger``.
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
        lives: Lives,
        oversubscription: float = 1.0,
    ) -> None:
        self._store = store
        self._topology = topology
        self._ledger = Ledger(oversubscription)
        self.placer = Placer(store, topology, self._ledger)
        self._steerings = Steerings(store.numbers, set_facts, generation, confirmed)
        self._edges = Edges(store, set_edge)
        self.ends = Ends(store, topology, attachments)
        self.names = PathNames(topology)
        self.admission = Admission(store, self.ends, self.placer, self._steerings.ways)
        self._trouble: dict[str, Trouble] = {}
        self._changed: dict[str, None] = {}
        self._lives = lives
        self._troubles = Troubles(self._ledger, lives)
        self._wholes = Wholes(store, self._ledger, lives, self.admission, self.as_placed)
        self.records = Records(store, topology, self.placer, self._steerings, lives, saved)
        self._calendars = Calendars()
        self._taken_up = False
        self._left = 0
        """Searches that this turn may still make."""
        self._avoiding = Avoiding(self.placer)
        self._leaving = Leaving(self.placer, self.placed_as)

    @property
    def ledger(self) -> Ledger:
        """Who holds how much."""
        return self._ledger

    # Events

    def load(self) -> None:
        """Look at all connections of the store: the daemon has started."""
        self._edges.load()
        self._changed.update(dict.fromkeys(filter(self._connection, self._store.names(Kind.CONNECTION))))
        self.records.forget_deleted()
        self._lives.forget(*(name for name in self._lives.names() if name not in self._store.objects))

    def apply(self, changes: tuple[Change, ...], found: Mapping[str, Grant]) -> None:
        """Connections were created, updated or deleted, with the paths that ``admit`` found."""
        asking = [change for change in changes if asks_anew(change)]
        self._changed.update((change.name, None) for change in changes if is_placed(change.new))
        for change in asking:
            self._withdraw(change.name)
            self.records.drop(change.name)
            self._lives.set_pin(change.name, ())
            self._changed[change.name] = None
            self._avoiding.end(change.name)
            self._trouble.pop(change.name, None)
        for old, new in (change for change in changes if is_placed(change.old)):
            if new is None and isinstance(old, Connection):
                self._edges.forget(old.name)  # others may have its packets in this very turn
            elif isinstance(old, Connection) and isinstance(new, Connection) and new.classifier != old.classifier:
                self._edges.place(new, None, None)
        self._lives.forget(*(change.name for change in changes if change.new is None))
        for name, grant in found.items():
            self._displace(grant.displaced, name)
        for change in asking:
            if isinstance(change.new, Connection) and change.name in found:
                self.placer.reserve(change.new, found[change.name].routes)

    def port_changed(self, port: str) -> None:
        """A port was attached, moved or detached."""
        if "|" in port:
            circuit = port.partition("|")[0]
            self._changed.update(dict.fromkeys(self._store.legs(circuit) or (circuit,)))
        self._changed.update(dict.fromkeys(filter(self._connection, self._store.users(port))))

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
        connection = self.placed_as(name)
        moved = connection is not None and self._avoiding.move(connection, links, until)
        if moved:
            self._changed[name] = None
            self._wake(name)
        return moved

    def leave(self, avoided: Exclusion) -> None:
        """What operators have drained is another; whoever is on it looks for another path. O(reservations)."""
        self._leaving.begin(avoided)

    def placed_as(self, name: str) -> Connection | None:
        """A connection as its path is sought; None where there is none."""
        connection = self._connection(name)
        return None if connection is None else self.as_placed(connection)

    @property
    def resting(self) -> bool:
        """Whether all traffic is where it should be."""
        return not self._changed and not self._leaving and self._steerings.resting

    def settle(self, now: float, wall: float) -> list[str]:
        """Look at all connections concerned again; returns those whose state or path changed. now, wall: of a turn."""
        self.placer.now = self._calendars.advance(now, wall)
        # These may have gone without a backup path for the links that they kept off.
        self._changed.update((name, None) for name in self._avoiding.over(now) if name in self._trouble)
        for name in self._calendars.due():
            self._pass_time(name)
        later: dict[str, None] = {}
        if not self._taken_up:
            later = take_up(self._changed, self._connection, self.records, self.ends, self._edges)
            self._taken_up, later = bool(self.placer.now), {} if self.placer.now else later
            self._changed = {name: None for name in self._changed if name not in later}
        told: dict[str, None] = {}
        self._left = SEARCHES
        while (self._changed or self._leaving) and self._left > 0:
            if not self._changed:
                self._left -= 1
                if left := self._leaving.next():
                    told[left] = self._changed[left] = None
                    self._wake(left)
                continue
            changed, self._changed = self._changed, {}
            self._wholes.begin()
            order = sorted(changed, key=self._order)
            for index, name in enumerate(order):
                if self._left <= 0:
                    self._changed.update(dict.fromkeys(order[index:]))
                    break
                if self._has_news(name):
                    told[name] = None
        told.update(dict.fromkeys(name for name in self._changed if self._waits_its_turn(name)))
        self._changed.update(later)
        moved = self._steerings.step(now)
        self.records.stale([*told, *moved])
        told.update(dict.fromkeys(name for name in moved if name in self._store.objects))
        return list(told)

    def _pass_time(self, name: str) -> None:
        """A time for which a connection is wanted begins or ends: what is over is given back."""
        connection = self._connection(name)
        if connection is not None:
            self.placer.trim(connection)
        self._changed[name] = None
        self._changed.update(dict.fromkeys(self._trouble))

    def _order(self, name: str) -> tuple[bool, int, str]:
        """What was there before a restart comes first; then by service level."""
        connection = self._connection(name)
        return (name not in self.records, *((0, name) if connection is None else recovery_order(connection)))

    def _waits_its_turn(self, name: str) -> bool:
        """Whether it is news that a connection has to wait for the next turn, without a path."""
        trouble = self._trouble.get(name)
        if (trouble and not trouble.placed) or name in self.records or self.routes(name) or not self._connection(name):
            return False
        self._trouble[name] = self._troubles.waits_its_turn(name)
        return True

    def _wake(self, giver: str) -> None:
        """One has given something back: others that wait for room are tried."""
        self._changed.update((name, None) for name in self._trouble if name != giver)

    def _has_news(self, name: str) -> bool:
        before = list(self.placer.held(name)), self._trouble.get(name)
        self._place(name)
        if not {held.path for _, held in before[0]} <= {*self.placer.paths(name)}:
            self._wake(name)
        return before != (list(self.placer.held(name)), self._trouble.get(name)) or not before[0]

    # Questions

    def trouble(self, name: str) -> Trouble | None:
        """Why a connection has no path, or not all that it asked for."""
        return self._trouble.get(name)

    def routes(self, name: str) -> Routes | None:
        """The paths that a connection has; None while it has none."""
        return self.placer.routes(name)

    def waits(self, name: str) -> bool:
        """Whether a connection is there without a path, and that is all that can be said for now."""
        trouble = self._trouble.get(name)
        return trouble is not None and trouble.waits

    def moving(self, name: str) -> bool:
        """Whether traffic is not on the path yet, or the backup path is not there yet."""
        # One that could not be looked at yet has a path that nobody has been told of.
        held = self._ledger.held(name) if name in self._changed and name not in self._trouble else None
        return self._steerings.moving(name, None if held is None else held.path)

    def target(self, name: str) -> Target | None:
        """The path that traffic takes, to be probed; None while it is not where it should be."""
        connection, target = self._connection(name), self._steerings.target(name)
        if connection is None or target is None:
            return None
        if connection.circuit:
            circuit = self.ends.attached_circuit(connection)
            return None if circuit is None else replace(target, circuit=circuit, rooted=rooted(connection))
        return replace(target, classified=True) if connection.classifier is not None else target

    def realised_hops(self, connection: Connection) -> tuple[PathHop, ...]:
        """The path that traffic takes, as far as switches have confirmed; empty: the shortest way."""
        path = self._steerings.realised(connection.name)
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
        return self.names.of(path, *self.ends.interface(connection))

    # Inside: placing

    def _place(self, name: str) -> None:
        """Bring one connection in accordance with its ends and the links."""
        connection = self._store.objects.get(name)
        if not isinstance(connection, Connection):
            self._steerings.want(name, None)
            self._edges.forget(name)
            self._calendars.forget(name)
            return
        windows = self.placer.windows(connection)
        self._calendars.watch(name, None if connection.calendar == ALWAYS else windows)
        if not windows and connection.calendar != ALWAYS:
            self.records.drop(name)
            self._edges.place(connection, None, None)
            self._lose(name, Trouble(State.EXPIRED, "TimeOver", f"It ended at {iso(connection.calendar.end)}."))
            return
        a, b = self.ends.facts(connection)
        if a is None or b is None:
            self._edges.place(connection, None, None)
            self._lose(name, Trouble(State.PENDING, "EndNotAttached", f"Not attached: {self.ends.away(connection)}."))
            return
        waiting, circuit = bool(windows) and not active(windows, self.placer.now), self.ends.circuit(connection, a, b)
        try:
            # Out of its time a circuit carries nothing; between ports there is the ordinary way.
            shut = waiting and circuit is not None
            self._edges.place(connection, None if shut else a, b, circuit)
            routes = self._routes(connection, Dpid(a.dpid), Dpid(b.dpid))
            self._steerings.want(name, None if waiting else Wish(a.service, b.service, *routes))
        except NOT_NOW as error:
            self._lose(name, self._troubles.why(connection, error))
            return
        self._lives.admit(name)
        if connection.constraints.pinned and not self._lives.pin(name):
            self._lives.set_pin(name, tuple(self.names.given(routes.primary)))
        if waiting:
            self._trouble[name] = Trouble(State.ADMITTED, "NotYet", f"It begins at {iso(windows[0][0])}.")

    def _displace(self, keys: Iterable[str], by: str) -> None:
        """Others give back what a connection of higher priority needs."""
        for key in keys:
            self._ledger.release(key)
            self._lives.displace(holder_of(key), by)
            self._changed[holder_of(key)] = None
            self._wake(holder_of(key))

    def _lose(self, name: str, trouble: Trouble) -> None:
        self._withdraw(name)
        self._steerings.want(name, None)
        self._trouble[name] = trouble

    def _routes(self, connection: Connection, a: Dpid, b: Dpid) -> Routes:
        """Its paths, reserved: those it has, as far as they are there; raises as NOT_NOW says."""
        name = connection.name
        self.records.restore(connection)
        if self._wholes.waits(connection):
            self._regain(connection)
        connection = self.as_placed(connection)
        self._left -= self.placer.seeks(connection)
        try:
            found = self.placer.place(connection, a, b, admitted=self._lives.admitted(name))
        except (Refused, Exhausted):
            if not self._take_from_others(connection, a, b):
                raise
            found = self.placer.place(connection, a, b, admitted=self._lives.admitted(name))
        self._trouble.pop(name, None)
        if found.missing is not None:
            state = State.DEGRADED if connection.protection.mode == "REQUIRED" else State.PROGRAMMED
            self._trouble[name] = Trouble(state, "Unprotected", str(found.missing))
        return found.routes

    def _regain(self, leg: Connection) -> None:
        """Reserve paths for all legs of a connection that was displaced; raises as NOT_NOW says."""
        self._left -= DISPLACING if leg.priority else 1
        for name, grant in self._wholes.grants(leg).items():
            self._displace(grant.displaced, name)
            found = self._store.objects[name]
            assert isinstance(found, Connection)
            self.placer.reserve(found, grant.routes)
            self._lives.admit(name)
            self._trouble.pop(name, None)
            self._changed[name] = None

    def as_placed(self, connection: Connection) -> Connection:
        """A connection with the path to which it is pinned as the only one that it asks for."""
        return pinned_to(connection, self._lives.pin(connection.name))

    def _take_from_others(self, connection: Connection, a: Dpid, b: Dpid) -> bool:
        """Paths for a connection that does not fit, where others of less priority can go; whether there are any."""
        if not connection.priority:
            return False
        self._left -= DISPLACING
        demand = self.placer.demands.of(connection, a, b)
        if self._lives.admitted(connection.name):
            demand = replace(demand, required=False)
        found = displace(self.placer, [(connection, demand)], self._connection)
        if found is None:
            return False
        self._displace(found.keys, connection.name)
        self.placer.reserve(connection, *found.routes)
        return True

    def _connection(self, name: str) -> Connection | None:
        """One that has paths itself; None where there is none."""
        found = self._store.objects.get(name)
        return found if isinstance(found, Connection) and is_placed(found) else None

    def _withdraw(self, name: str) -> None:
        """Give the paths back."""
        if self.placer.release(name):
            self._wake(name)
