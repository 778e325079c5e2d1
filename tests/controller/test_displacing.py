"""Who has to go: the same as when everybody is put back one by one, also those who are not in the way."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from sdn.controller.connections.demands import Demand
from sdn.controller.connections.displacing import Displacement, Wanted, displace
from sdn.controller.connections.placing import Placer, Routes, holder_of
from sdn.model.errors import Refused
from sdn.model.ids import Dpid
from sdn.model.intent import Connection
from sdn.model.request import Exclusion, PathRequest
from sdn.model.topology import Link, LinkChanges, LinkEnd
from sdn.routing import Ledger
from sdn.routing.admission import Reservation

SWITCHES = 5
CAPACITY = 10
Ends = tuple[int, int]


def placer() -> Placer:
    """On a full mesh whose store and topology know no names."""
    ledger = Ledger()
    pairs = [(a, b) for a in range(1, SWITCHES + 1) for b in range(a + 1, SWITCHES + 1)]
    links = [Link(LinkEnd(Dpid(a), b), LinkEnd(Dpid(b), a), 1, CAPACITY, 0) for a, b in pairs]
    ledger.change_links(LinkChanges(new=tuple(links)))
    topology = SimpleNamespace(show=str, name_of=str, link_states=tuple, avoided=Exclusion)
    return Placer(cast(Any, SimpleNamespace(objects={})), cast(Any, topology), ledger)


def asked(ends: Ends, bandwidth: int) -> Demand:
    return Demand(PathRequest(source=Dpid(ends[0]), destination=Dpid(ends[1]), forward=bandwidth, backward=bandwidth))


def place(on: Placer, connection: Connection, ends: Ends) -> bool:
    """Let a connection have its best path if there is one."""
    try:
        found = on.search_for(connection, asked(ends, connection.bandwidth), or_without=False)
        on.reserve(connection, found)
    except Refused:
        return False
    return True


def put_back(twin: Placer, lower: dict[str, Connection], wanted: list[Wanted], found: Displacement) -> set[str]:
    """Who cannot stay, by trying everybody who holds with no more than the most important one that goes."""
    hold = max(lower[holder_of(key)].holding for key in found.keys) if found.keys else -1
    held: dict[str, Reservation] = {}
    for key, reservation in list(twin.ledger.items()):
        if key in lower and lower[key].holding <= hold:
            held[key] = reservation
            twin.ledger.release(key)
    for (connection, _), routes in zip(wanted, found.routes, strict=True):
        twin.reserve(connection, routes)
    units: dict[str, list[str]] = {}
    for key in sorted(held):
        units.setdefault(lower[key].leg_of or key, []).append(key)

    def importance(keys: list[str]) -> tuple[int, int, int, str]:
        other = lower[keys[0]]
        return -other.holding, -other.level, other.bandwidth, keys[0]

    gone: set[str] = set()
    for keys in sorted(units.values(), key=importance):
        try:
            for key in keys:
                twin.ledger.reserve(key, *held[key])
        except Refused:
            for key in keys:
                twin.ledger.release(key)
            gone |= set(keys)
    return gone


pairs = st.tuples(st.integers(1, SWITCHES), st.integers(1, SWITCHES)).filter(lambda ends: ends[0] != ends[1])
holders = st.lists(
    st.tuples(pairs, st.integers(1, CAPACITY), st.integers(0, 3), st.integers(0, 2), st.sampled_from(["", "m", "n"])),
    min_size=4,
    max_size=30,
)


@given(holders, st.lists(pairs, min_size=1, max_size=3, unique=True), st.integers(5, CAPACITY), st.booleans())
@settings(max_examples=200, deadline=None)
def test_who_goes_is_who_cannot_stay(
    there: list[tuple[Ends, int, int, int, str]], ends: list[Ends], bandwidth: int, legs: bool
) -> None:
    on = placer()
    lower: dict[str, Connection] = {}
    wholes = {"m": (3, 1, 0), "n": (6, 0, 2)}
    for number, (pair, amount, hold, level, whole) in enumerate(there):
        if whole:
            pair, (amount, hold, level) = (1 if whole == "m" else 2, pair[1]), wholes[whole]
        if pair[0] == pair[1]:
            continue
        values: dict[str, Any] = {"bandwidth": amount, "hold": hold, "level": level, "leg_of": whole}
        other = Connection(name=f"c{number}", a="x", b="y", **values)
        if place(on, other, pair):
            lower[other.name] = other
    ends = ends if legs else ends[:1]
    wanted = [
        (
            Connection(name=f"w{n}", a="x", b="y", bandwidth=bandwidth, priority=3, leg_of="w" if legs else ""),
            asked(pair if not legs else (ends[0][0], pair[1]), bandwidth),
        )
        for n, pair in enumerate(ends)
        if not legs or pair[1] != ends[0][0]
    ]
    before = dict(on.ledger.items())
    found = displace(on, wanted, lower.get)
    assert dict(on.ledger.items()) == before, "it is a question"
    if found is None:
        return
    assert all(lower[key].holding < 3 for key in found.keys)
    assert put_back(on.twin(), lower, wanted, found) == set(found.keys)
    for key in found.keys:
        on.ledger.release(key)
    for (connection, _), routes in zip(wanted, found.routes, strict=True):
        on.reserve(connection, routes)
    assert isinstance(found.routes[0], Routes)
