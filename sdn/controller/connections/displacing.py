"""Who has to go so that a connection of higher priority gets a path: setup and holding priorities of RSVP-TE (RFC 3209,
section 4.7.3), here with the higher number as the higher priority.

A connection displaces only those whose holding priority is below its own priority, and only where it does not fit
otherwise. The rule: nobody of a higher holding priority goes if those of a lower one are enough; of the MAX_PATHS best
paths (of a protected connection: the best pair) that one is taken for which the fewest go, then those with the least
bandwidth; and on it everybody stays who can, those of higher holding priority first, then of higher service level, then
those with less bandwidth. So none of those that go could have stayed. Searches: at most 8 levels of MAX_PATHS.
Connections with a calendar neither displace others nor are displaced. One of many ends goes as a whole, all its legs or
none, and counts as one; where it is the one that displaces, all legs that do not fit get their best paths at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from sdn.controller.connections.demands import Demand
from sdn.controller.connections.placing import Placer, Routes, ends_of, holder_of, whole_of
from sdn.model.calendar import ALWAYS
from sdn.model.errors import Exhausted, Refused
from sdn.model.intent import Connection
from sdn.model.topology import LinkEnd
from sdn.routing import Ledger
from sdn.routing.admission import Reservation

MAX_PATHS = 8
Find = Callable[[str], Connection | None]
"""A connection by its full name."""
Wanted = tuple[Connection, Demand]
"""A connection that does not fit, and what it asks for."""


@dataclass(frozen=True, slots=True)
class Displacement:
    """Paths of each that wants some, and the reservations (keys of the ledger, sorted) that must be given back."""

    routes: tuple[Routes, ...]
    keys: tuple[str, ...]


def displace(placer: Placer, wanted: Sequence[Wanted], find: Find) -> Displacement | None:
    """The paths for a connection that does not fit, or for several legs of one of many ends; None where nobody of less
    priority stands in their way.

    find: those that may be displaced, None for others. Raises Exhausted when a search was given up.
    """
    first = wanted[0][0]
    lower = {} if first.calendar != ALWAYS else _lower(placer, first, find)
    if not lower:
        return None
    twin = placer.twin()
    held = _Held(lower)
    for hold in sorted({other.holding for other in lower.values()}):
        for name in [name for name, other in lower.items() if other.holding == hold]:
            for key, reservation in list(twin.held(name)):
                held.add(key, reservation)
                twin.ledger.release(key)
        options = _of_legs(twin, wanted) if first.leg_of else ((routes,) for routes in _options(twin, wanted[0][1]))
        best = min((_cost(twin, wanted, routes, held) for routes in options), default=None)
        if best is not None:
            return Displacement(best.routes, best.keys)
    return None


def _lower(placer: Placer, connection: Connection, find: Find) -> dict[str, Connection]:
    """Who may go, by name."""
    found: dict[str, Connection] = {}
    for name in sorted({holder_of(key) for key, _ in placer.ledger.items()} - {connection.name}):
        other = find(name)
        if other is not None and other.holding < connection.priority and other.calendar == ALWAYS:
            found[name] = other
    return found


def _of_legs(twin: Placer, wanted: Sequence[Wanted]) -> Iterator[tuple[Routes, ...]]:
    """The best paths of all legs beside each other, if there are such."""
    found: list[Routes] = []
    try:
        for leg, demand in wanted:
            found.append(twin.search_for(leg, demand, or_without=not demand.required))
            twin.reserve(leg, found[-1])
    except (Refused, Exhausted):
        return
    finally:
        for leg, _ in wanted:
            twin.release(leg.name)
    yield tuple(found)


def _options(twin: Placer, demand: Demand) -> Iterator[Routes]:
    """Paths that there would be, the best first."""
    if demand.target:
        tight = list(_options(twin, replace(demand, request=demand.tight, target=0)))
        if tight:
            yield from tight
            return
    if demand.protect is not None and demand.request.source != demand.request.destination:
        try:
            yield Routes(*twin.finder.pair(demand.request, demand.protect))
            return
        except (Refused, Exhausted):
            if demand.required:
                return
    yield from map(Routes, islice(twin.finder.paths(demand.request), MAX_PATHS))


@dataclass(frozen=True, slots=True, order=False)
class _Cost:
    """What a choice of paths costs; the least is the best."""

    number: int
    bandwidth: int
    keys: tuple[str, ...]
    routes: tuple[Routes, ...]

    def __lt__(self, other: _Cost) -> bool:
        return (self.number, self.bandwidth) < (other.number, other.bandwidth)


class _Held:
    """What all of those had that may go, which the twin has given back. lower: their connections by name."""

    def __init__(self, lower: Mapping[str, Connection]) -> None:
        self.lower = lower
        self.items: dict[str, Reservation] = {}
        self._units: dict[str, list[str]] = {}
        self._on: dict[LinkEnd, set[str]] = {}

    def add(self, key: str, reservation: Reservation) -> None:
        """What somebody had."""
        self.items[key] = reservation
        unit = self.of(key).leg_of or key
        self._units.setdefault(unit, []).append(key)
        for end in ends_of(reservation.path):
            self._on.setdefault(end, set()).add(unit)

    def of(self, key: str) -> Connection:
        """Whose a key is."""
        return self.lower[holder_of(key)]

    def beside(self, routes: tuple[Routes, ...]) -> list[list[str]]:
        """Keys on links of these paths, by those that stay or go together: each for itself, and all of one connection
        of many ends; the most important first. Whoever is not on these links is not in the way.
        """
        ends = {end for pair in routes for path in pair if path is not None for end in ends_of(path)}
        units = set().union(*(self._on.get(end, ()) for end in ends))
        return sorted((self._units[unit] for unit in units), key=self._importance)

    def _importance(self, keys: list[str]) -> tuple[int, int, bool, int, str]:
        other = self.of(keys[0])
        return -other.holding, -other.level, keys[0] != other.name, other.bandwidth, keys[0]


def _cost(twin: Placer, wanted: Sequence[Wanted], routes: tuple[Routes, ...], held: _Held) -> _Cost:
    """Who has to go for these paths."""
    ledger = twin.ledger
    for (connection, _), found in zip(wanted, routes, strict=True):
        twin.reserve(connection, found)
    gone: list[str] = []
    back: list[str] = []
    for keys in held.beside(routes):
        (back if _stay(ledger, keys, held.items) else gone).extend(keys)
    for key in back:
        ledger.release(key)
    for connection, _ in wanted:
        twin.release(connection.name)
    who = {whole_of(held.of(key)): held.of(key).bandwidth for key in gone}
    return _Cost(len(who), sum(who.values()), tuple(sorted(gone)), routes)


def _stay(ledger: Ledger, keys: list[str], held: Mapping[str, Reservation]) -> bool:
    """Reserve all of these again, or none; whether they could be."""
    for index, key in enumerate(keys):
        try:
            ledger.reserve(key, *held[key])
        except Refused:
            for other in keys[:index]:
                ledger.release(other)
            return False
    return True
