"""Who has to go so that a connection of higher priority gets a path: setup and holding priorities of RSVP-TE (RFC 3209,
section 4.7.3), here with the higher number as the higher priority.

A connection displaces only those whose holding priority is below its own priority, and only where it does not fit
otherwise. The rule: nobody of a higher holding priority goes if those of a lower one are enough; of the MAX_PATHS best
paths (of a protected connection: the best pair) that one is taken for which the fewest go, then those with the least
bandwidth; and on it everybody stays who can, those of higher holding priority first, then of higher service level, then
those with less bandwidth. So none of those that go could have stayed. Searches: at most 8 levels of MAX_PATHS.
Connections with a calendar, and legs, neither displace others nor are displaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice

from sdn.controller.demands import Demand
from sdn.controller.placing import Placer, Routes, backup_of, holder_of
from sdn.model.calendar import ALWAYS
from sdn.model.errors import Exhausted, Refused
from sdn.model.intent import Connection
from sdn.routing.admission import Reservation

MAX_PATHS = 8
Find = Callable[[str], Connection | None]
"""A connection by its full name."""


@dataclass(frozen=True, slots=True)
class Displacement:
    """Paths, and the reservations (keys of the ledger, sorted) that must be given back for them."""

    routes: Routes
    keys: tuple[str, ...]


def displace(placer: Placer, connection: Connection, demand: Demand, find: Find) -> Displacement | None:
    """The paths for a connection that does not fit; None where nobody of less priority stands in its way.

    find: those that may be displaced, None for others. Raises Exhausted when a search was given up.
    """
    lower = {} if connection.calendar != ALWAYS else _lower(placer, connection, find)
    if not lower:
        return None
    twin = placer.twin()
    held: dict[str, Reservation] = {}
    for hold in sorted({other.holding for other in lower.values()}):
        for name in [name for name, other in lower.items() if other.holding == hold]:
            for key, reservation in list(twin.held(name)):
                held[key] = reservation
                twin.ledger.release(key)
        best = min((_cost(twin, connection, routes, held, lower) for routes in _options(twin, demand)), default=None)
        if best is not None:
            return Displacement(best.routes, best.keys)
    return None


def _lower(placer: Placer, connection: Connection, find: Find) -> dict[str, Connection]:
    """Who may go, by name."""
    found: dict[str, Connection] = {}
    for name in sorted({holder_of(key) for key, _ in placer.ledger.items()} - {connection.name}):
        other = find(name)
        if other is not None and other.holding < connection.priority and other.calendar == ALWAYS and not other.leg_of:
            found[name] = other
    return found


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
    routes: Routes

    def __lt__(self, other: _Cost) -> bool:
        return (self.number, self.bandwidth) < (other.number, other.bandwidth)


def _cost(
    twin: Placer,
    connection: Connection,
    routes: Routes,
    held: Mapping[str, Reservation],
    lower: Mapping[str, Connection],
) -> _Cost:
    """Who has to go for these paths. held: what all of them had, which the twin has given back."""
    ledger = twin.ledger
    twin.reserve(connection, routes)

    def importance(key: str) -> tuple[int, int, bool, int, str]:
        other = lower[holder_of(key)]
        return -other.holding, -other.level, key != other.name, other.bandwidth, key

    gone, back = [], []
    for key in sorted(held, key=importance):
        try:
            ledger.reserve(key, *held[key])
            back.append(key)
        except Refused:
            gone.append(key)
    for key in (*back, connection.name, backup_of(connection.name)):
        ledger.release(key)
    names = {holder_of(key) for key in gone}
    return _Cost(len(names), sum(lower[name].bandwidth for name in names), tuple(sorted(gone)), routes)
