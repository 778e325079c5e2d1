"""Which paths connections hold of a ledger, and how they get them.

Belongs here: the search for a connection's paths and what becomes of them when links are lost, on any ledger: the one
that counts, and copies for questions. Must not know: switches, states, records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from sdn.controller.connections.demands import Demand, Demands
from sdn.model.calendar import ALWAYS, Windows, within
from sdn.model.errors import Exhausted, InvalidInput, Refused, Violation
from sdn.model.ids import Dpid
from sdn.model.intent import Connection
from sdn.model.request import Exclusion
from sdn.model.route import Path
from sdn.model.topology import LinkEnd
from sdn.routing import Finder, Ledger
from sdn.routing.admission import Reservation
from sdn.store import Store
from sdn.store.names import root_side
from sdn.topology import TopologyState

NOT_NOW = (Refused, Exhausted, InvalidInput)
"""What the search for a path raises; names may be unknown at one time and known at another."""
_BACKUP = "|backup"
_OPPOSED = 3
"""Searches for a path of a leg that takes no link against the sense of the others."""


class Routes(NamedTuple):
    """The paths of a connection, from a to b."""

    primary: Path
    backup: Path | None = None


class Grant(NamedTuple):
    """What admission gives a connection. displaced: keys of reservations that others must give back for it."""

    routes: Routes
    displaced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Placed:
    """Paths that are reserved. missing: why there is no backup path though one is wished, None where there is."""

    routes: Routes
    missing: Violation | None = None


def ends_of(path: Path) -> set[LinkEnd]:
    """Both ends of each of its links."""
    steps = zip(path.switches, path.switches[1:], path.links, strict=False)
    return {end for near, far, (out, into) in steps for end in (LinkEnd(near, out), LinkEnd(far, into))}


def _down(topology: TopologyState) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    """Links that are declared and not there."""
    return [(state.a, state.b) for state in topology.link_states() if state.link is None]


def backup_of(name: str) -> str:
    """The ledger's key for the backup path of a connection."""
    return name + _BACKUP


def holder_of(key: str) -> str:
    """The connection of a key of the ledger."""
    return key.removesuffix(_BACKUP)


def whole_of(connection: Connection) -> str:
    """The connection that a leg belongs to, and of others themselves."""
    return connection.leg_of or connection.name


def copied_sense(connection: Connection) -> bool | None:
    """Of a leg of a circuit: in which sense of its path (True: forwards) copies go, for which each leg reserves."""
    return root_side(connection) == "a" if connection.leg_of and connection.circuit else None


def recovery_order(connection: Connection) -> tuple[int, str]:
    """Who gets another path first when several have lost theirs: the lesser, that is the higher service level."""
    return -connection.level, connection.name


class Placer:
    """Paths on one ledger. store, topology: what names in requests mean."""

    def __init__(self, store: Store, topology: TopologyState, ledger: Ledger) -> None:
        self.ledger = ledger
        self.finder = Finder(ledger.mesh, topology.show, topology.name_of, lambda: _down(topology))
        self.demands = Demands(store, topology, ledger, self.paths)
        self._names = store, topology
        self.now = 0
        """Unix time in seconds, for calendars."""

    def twin(self) -> Placer:
        """Another one on a copy of the ledger, for questions. O(links + reservations)."""
        twin = Placer(*self._names, self.ledger.copy())
        twin.now = self.now
        return twin

    def windows(self, connection: Connection) -> Windows:
        """The times left for which a connection is wanted; () for always."""
        return () if connection.calendar == ALWAYS else connection.calendar.windows(self.now)

    def windows_left(self, connection: Connection) -> Windows:
        """The same; () also where the time is not known."""
        return self.windows(connection) if self.now else ()

    def seeks(self, connection: Connection) -> bool:
        """Whether it lacks a path that it asks for."""
        routes = self.routes(connection.name)
        return routes is None or (routes.backup is None and connection.protection.mode != "NONE")

    def at_times_of(self, connection: Connection) -> Placer:
        """For searches: this one, or one that sees the room that there is at the times of a connection."""
        windows = self.windows(connection)
        return Placer(*self._names, self.ledger.during(windows)) if windows else self

    # What is held

    def held(self, name: str) -> Iterator[tuple[str, Reservation]]:
        """Keys and reservations of a connection, the primary path first."""
        for key in (name, backup_of(name)):
            held = self.ledger.held(key)
            if held is not None:
                yield key, held

    def paths(self, name: str) -> Iterator[Path]:
        """The paths of a connection, of one with legs those of all of them."""
        store = self._names[0]
        found = store.objects.get(name)
        names = store.legs(name) if isinstance(found, Connection) and found.many else (name,)
        return (held.path for one in names for _, held in self.held(one))

    def routes(self, name: str) -> Routes | None:
        """The paths that a connection has; None while it has none."""
        primary, backup = self.ledger.held(name), self.ledger.held(backup_of(name))
        return None if primary is None else Routes(primary.path, backup.path if backup else None)

    def reserve(self, connection: Connection, routes: Routes) -> None:
        """Take bandwidth along both paths; raises Refused."""
        self.reserve_one(connection.name, connection, routes.primary)
        if routes.backup is not None:
            try:
                self.reserve_one(backup_of(connection.name), connection, routes.backup)
            except Refused:
                self.ledger.release(connection.name)
                raise

    def reserve_one(self, key: str, connection: Connection, path: Path) -> None:
        """Take bandwidth along one path; raises Refused."""
        back = connection.reverse or connection.bandwidth
        windows, group = self.windows(connection), connection.leg_of
        self.ledger.reserve(key, path, connection.bandwidth, back, windows, group, copied_sense(connection))

    def release(self, name: str) -> bool:
        """Give both paths back; whether there were any."""
        released = [self.ledger.release(key) for key in (name, backup_of(name))]
        return any(released)

    def trim(self, connection: Connection) -> None:
        """What it holds is for the times left alone from now on. It gives back what was for others: the clock was set
        back."""
        windows = self.windows(connection)
        for key, held in list(self.held(connection.name)) if windows else ():
            if within(windows, held.windows):
                self.ledger.trim(key, windows)
            else:
                self.ledger.release(key)

    # How it is got

    def place(self, connection: Connection, a: Dpid, b: Dpid, *, admitted: bool) -> Placed:
        """Reserve what a connection lacks: those paths that it has it keeps.

        admitted: it had a path before, and goes without a backup path rather than without any. Raises as NOT_NOW says,
        and then holds nothing.
        """
        with self.ledger.aside(connection.leg_of):
            try:
                return self._place(connection, a, b, admitted=admitted)
            except NOT_NOW:
                # Rather a path over links that are under suspicion than none.
                if not self.demands.avoided.pop(connection.name, None):
                    raise
                return self._place(connection, a, b, admitted=admitted)

    def move_off(self, connection: Connection, links: frozenset[LinkEnd]) -> bool:
        """Reserve paths without these links (both ends), which are avoided from now on, instead of those that it has.

        False: there is no such path, and nothing has changed.
        """
        name, avoided = connection.name, self.demands.avoided
        held, before = list(self.held(name)), avoided.get(name)
        if not held:
            return False
        avoided[name] = links | (before or frozenset())
        if self._replace(connection, lambda path: not links.isdisjoint(ends_of(path))):
            return True
        del avoided[name]
        avoided.update({name: before} if before else {})
        return False

    def move_off_drained(self, connection: Connection, drained: Exclusion) -> bool:
        """Reserve other paths instead of those that use this, the primary first; False: it stays, unchanged."""
        held = list(self.held(connection.name))
        before = [self.uses(reservation.path, drained) for _, reservation in held]
        if not any(before) or not self._replace(connection, lambda path: self.uses(path, drained)):
            return False
        after = [self.uses(reservation.path, drained) for _, reservation in self.held(connection.name)]
        if len(after) >= len(before) and after < before:
            return True
        self._put_back(connection.name, held)
        return False

    def _replace(self, connection: Connection, leaves: Callable[[Path], bool]) -> bool:
        """Reserve what is best now instead of such paths; False: there is nothing, and nothing has changed."""
        held = list(self.held(connection.name))
        for key, reservation in held:
            if leaves(reservation.path):
                self.ledger.release(key)
        switches = held[0][1].path.switches
        try:
            with self.ledger.aside(connection.leg_of):
                self._place(connection, switches[0], switches[-1], admitted=True)
        except NOT_NOW:
            self._put_back(connection.name, held)
            return False
        return True

    def _put_back(self, name: str, held: list[tuple[str, Reservation]]) -> None:
        self.release(name)
        for key, reservation in held:
            self.ledger.put_back(key, reservation)

    def _place(self, connection: Connection, a: Dpid, b: Dpid, *, admitted: bool) -> Placed:
        name = connection.name
        for key in (name, backup_of(name)):
            held = self.ledger.held(key)
            if held is not None and (held.path.switches[0], held.path.switches[-1]) != (a, b):
                self.ledger.release(key)
        self._promote(name)
        demand: Demand | None = None
        if self.ledger.held(name) is None:
            demand = self.demands.of(connection, a, b)
            self.reserve(connection, self.search_for(connection, demand, or_without=admitted))
        routes = self.routes(name)
        assert routes is not None
        if routes.backup is not None or connection.protection.mode == "NONE" or a == b:
            return Placed(routes)
        return self._protect(connection, demand or self.demands.of(connection, a, b), routes.primary)

    def _promote(self, name: str) -> None:
        """The backup path becomes the primary where that is lost."""
        backup = self.ledger.held(backup_of(name))
        if backup is not None and self.ledger.held(name) is None:
            self.ledger.release(backup_of(name))
            self.ledger.reserve(name, *backup)

    def _avoiding(self, demand: Demand) -> Demand | None:
        """The demand without what is drained; None where it asks for none of that."""
        request = demand.request
        avoided = self._names[1].avoided()
        ends = {request.source, request.destination}
        exclude = request.exclude | replace(avoided, switches=avoided.switches - ends)
        return None if exclude == request.exclude else replace(demand, request=replace(request, exclude=exclude))

    def why_not_elsewhere(self, demand: Demand) -> str:
        """Why there is no path that avoids what is drained."""
        try:
            self.search(self._avoiding(demand) or demand, or_without=False)
        except NOT_NOW as error:
            return error.violations[0].reason
        return "it waits for the bandwidth of others"

    def uses(self, path: Path, avoided: Exclusion) -> bool:
        """Whether a path goes over some of these links, or through some of these switches."""
        steps = zip(path.switches, path.links, strict=False)
        return any((LinkEnd(at, out) in avoided.links) for at, (out, _) in steps) or not avoided.switches.isdisjoint(
            path.switches[1:-1]
        )

    def _protect(self, connection: Connection, demand: Demand, primary: Path) -> Placed:
        """A backup path beside a primary that stays."""
        assert demand.protect is not None
        try:
            path = self.at_times_of(connection).finder.beside(demand.request, primary, demand.protect)
            self.reserve_one(backup_of(connection.name), connection, path)
        except (Refused, Exhausted) as error:
            return Placed(Routes(primary), error.violations[0])
        return Placed(Routes(primary, path))

    def search_for(self, connection: Connection, demand: Demand, *, or_without: bool) -> Routes:
        """The best paths for a connection at its times. A leg keeps off links that its like take the other way round,
        where it can: those it would not share.
        """
        with self.ledger.aside(connection.leg_of):
            placer = self.at_times_of(connection)
            found = placer.search(demand, or_without=or_without)
            request = demand.request
            for _ in range(_OPPOSED):
                ends = (self.ledger.opposed(connection.leg_of, path) for path in found if path is not None)
                opposed = frozenset[LinkEnd]().union(*ends)
                if not opposed:
                    break
                request = replace(request, exclude=request.exclude | Exclusion(links=opposed))
                try:
                    found = placer.search(replace(demand, request=request), or_without=or_without)
                except NOT_NOW:
                    break
            return found

    def search(self, demand: Demand, *, or_without: bool) -> Routes:
        """The best paths for a demand. or_without: also one without the protection that is required.

        What operators have drained is taken only where there is nothing else.
        """
        avoiding = self._avoiding(demand)
        if avoiding is not None:
            try:
                return self.search(avoiding, or_without=False)
            except NOT_NOW:
                pass
        if demand.target:
            try:
                return self.search(replace(demand, request=demand.tight, target=0), or_without=False)
            except (Refused, Exhausted):
                pass
        if demand.protect is not None and demand.request.source != demand.request.destination:
            try:
                return Routes(*self.finder.pair(demand.request, demand.protect))
            except (Refused, Exhausted):
                if demand.required and not or_without:
                    raise
        return Routes(self.finder.path(demand.request))
