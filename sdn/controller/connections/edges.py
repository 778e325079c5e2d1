"""Where traffic of connections comes in, and the meters of their ceilings.

An edge is there for as long as both ends are attached, whether the connection has a path or not: a ceiling bounds what
the ends send to each other, not a path. The number of a meter stays with a connection and direction until that has no
ceiling any more. Where all legs of a connection of many ends share a ceiling, its meter is an edge of that connection
itself, for as long as a leg has it. What comes in at the root of a circuit of many ends: ``roots.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from sdn.controller.connections.roots import Roots
from sdn.model.errors import Exhausted
from sdn.model.ids import Kind
from sdn.model.intent import Classifier, Connection, Prefix
from sdn.pipeline.facts import Ceiling, CircuitFacts, ClassFacts, EdgeFacts, PortFacts, SideFacts
from sdn.store import Store
from sdn.store.classifiers import mirrored, versions
from sdn.store.names import rooted

_POOL = "meter"
_DIRECTIONS = ("ab", "ba")

Circuit = tuple[CircuitFacts, CircuitFacts]
SetEdge = Callable[[str, EdgeFacts | None], None]


class Edges:
    """Of all connections. set_edge: told of each, again and again."""

    def __init__(self, store: Store, set_edge: SetEdge) -> None:
        self._store = store
        self._set_edge = set_edge
        self._roots = Roots(store.numbers, set_edge)
        self._whole_of: dict[str, str] = {}
        """By leg that shares a ceiling: whose it is."""
        self._sharing: dict[str, set[str]] = {}
        """The legs that share one, by whose it is."""

    def load(self) -> None:
        """The daemon has started: give back what belongs to connections that are gone."""
        there = set(self._store.names(Kind.CONNECTION))
        for key, _ in list(self._store.numbers.items(_POOL)):
            if key.rpartition("|")[0] not in there:
                self._store.numbers.release(_POOL, key)

    def place(
        self, connection: Connection, a: PortFacts | None, b: PortFacts | None, circuit: Circuit | None = None
    ) -> None:
        """Let the edge be at these ends. circuit: of a bare one.

        Raises Exhausted, with no edge, when there is no number for a meter.
        """
        if a is None or b is None:
            self._set_edge(connection.name, None)
            self._leave(connection.name, for_good=False)
            return
        try:
            there, back = self._ceilings(connection, a, b, circuit)
        except Exhausted as error:
            self._set_edge(connection.name, None)
            self._leave(connection.name, for_good=False)
            raise Exhausted(*(violation.at("ceiling") for violation in error.violations)) from None
        wish = connection.classifier
        taken = ((), ()) if wish is None else (tuple(_classes(wish)), tuple(_classes(mirrored(wish))))
        precedence = 0 if wish is None else wish.precedence
        sides = (
            SideFacts(a.service, b.service, a.dpids, there, taken[0], precedence),
            SideFacts(b.service, a.service, b.dpids, back, taken[1], precedence),
        )
        root = None if circuit is None else rooted(connection)
        self._set_edge(connection.name, EdgeFacts(*sides, circuit, rooted=root))

    def forget(self, name: str) -> None:
        """A connection is gone."""
        self._set_edge(name, None)
        for direction in _DIRECTIONS:
            self._store.numbers.release(_POOL, f"{name}|{direction}")
        self._leave(name, for_good=True)

    def _ceilings(
        self, connection: Connection, a: PortFacts, b: PortFacts, circuit: Circuit | None
    ) -> list[Ceiling | None]:
        """From a to b, and from b to a; raises Exhausted."""
        found = []
        whole = self._store.objects.get(connection.leg_of)
        shares = isinstance(whole, Connection) and (whole.shared_ceiling or whole.circuit)
        if not shares:
            self._leave(connection.name, for_good=True)
        for direction, rate in zip(_DIRECTIONS, (connection.ceiling, connection.reverse_ceiling), strict=True):
            if shares and isinstance(whole, Connection) and direction == _DIRECTIONS[not whole.from_one]:
                self._ceiling(connection.name, direction, 0)
                ceiling = self._ceiling(whole.name, direction, rate)
                if circuit is not None:
                    self._roots.place(connection, whole, circuit, ceiling)  # it is held before it is copied
                    ceiling = None
                found.append(ceiling and self._of_all(connection, whole, ceiling, a if whole.from_one else b))
            else:
                found.append(self._ceiling(connection.name, direction, rate))
        return found

    def _of_all(self, leg: Connection, whole: Connection, ceiling: Ceiling, hub: PortFacts) -> Ceiling:
        """The ceiling that all legs share, where the one port is."""
        self._whole_of[leg.name] = whole.name
        self._sharing.setdefault(whole.name, set()).add(leg.name)
        sides = SideFacts(hub.service, 0, hub.dpids, ceiling), SideFacts(0, hub.service, ())
        self._set_edge(whole.name, EdgeFacts(*sides, meter_alone=True))
        return replace(ceiling, shared=True)

    def _leave(self, leg: str, *, for_good: bool) -> None:
        """A leg has no part in a ceiling any more; for_good: that has no number any more when nobody has."""
        gone = self._roots.leave(leg)
        whole = self._whole_of.pop(leg, "")
        if whole:
            self._sharing[whole].discard(leg)
            if not self._sharing[whole]:
                del self._sharing[whole]
                self._set_edge(whole, None)
                gone = whole
        for direction in _DIRECTIONS if gone and for_good else ():
            self._store.numbers.release(_POOL, f"{gone}|{direction}")

    def _ceiling(self, name: str, direction: str, rate: int) -> Ceiling | None:
        key = f"{name}|{direction}"
        if not rate:
            self._store.numbers.release(_POOL, key)
            return None
        return Ceiling(self._store.numbers.allocate(_POOL, key), -(-rate // 1000))


def _classes(wish: Classifier) -> Iterator[ClassFacts]:
    """What packets from a to b look like, by version of IP."""
    for version in versions(wish):
        yield ClassFacts(
            version,
            _packed(wish.a_prefix),
            _packed(wish.b_prefix),
            wish.protocol,
            wish.a_port,
            wish.b_port,
            wish.dscp,
        )


def _packed(prefix: Prefix | None) -> tuple[bytes, int] | None:
    return None if prefix is None else (prefix.network_address.packed, prefix.prefixlen)
