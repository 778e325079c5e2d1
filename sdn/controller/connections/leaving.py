"""Connections that are to leave what operators have drained, or keep off links for a while: none loses anything by it.

Each gives back what it has there when it has found something else, and not before: so nobody is without a path because
of a drain. Those that find nothing are tried again when others have left, who may have made room.
"""

from __future__ import annotations

from collections import deque

from sdn.controller.connections.placing import Placer, holder_of, recovery_order
from sdn.controller.connections.staying import PlacedAs
from sdn.model.intent import Connection
from sdn.model.request import Exclusion
from sdn.model.topology import LinkEnd


class Leaving:
    """Who is still to be looked at, if anybody. placed_as: see there."""

    def __init__(self, placer: Placer, placed_as: PlacedAs) -> None:
        self._placer = placer
        self._placed_as = placed_as
        self._avoided = Exclusion()
        self._queue: deque[str] = deque()
        self._stayed: list[str] = []
        self._made_room = False

    def __bool__(self) -> bool:
        return bool(self._queue)

    def begin(self, avoided: Exclusion) -> None:
        """This is drained now, and nothing else. O(reservations)."""
        names = {holder_of(key) for key, held in self._placer.ledger.items() if self._placer.uses(held.path, avoided)}
        on_it = sorted(filter(None, map(self._placed_as, names)), key=recovery_order)
        self._avoided, self._queue = avoided, deque(connection.name for connection in on_it)
        self._stayed, self._made_room = [], False

    def next(self) -> str:
        """Look at one of them; its name if it has other paths now, '' if it stays. One search, or two if protected."""
        name = self._queue.popleft()
        connection = self._placed_as(name)
        moved = connection is not None and self._placer.move_off_drained(connection, self._avoided)
        if not moved:
            self._stayed.append(name)
        self._made_room |= moved
        if not self._queue and self._made_room:
            self._queue, self._stayed, self._made_room = deque(self._stayed), [], False
        return name if moved else ""


class Avoiding:
    """Until when connections keep off the links that ``Demands.avoided`` has."""

    def __init__(self, placer: Placer) -> None:
        self._placer = placer
        self._until: dict[str, float] = {}

    def move(self, connection: Connection, links: frozenset[LinkEnd], until: float) -> bool:
        """See ``Placer.move_off``; until: in the time of ``over``."""
        moved = self._placer.move_off(connection, links)
        if moved:
            self._until[connection.name] = max(until, self._until.get(connection.name, until))
        return moved

    def end(self, name: str) -> None:
        """A connection may take any link again."""
        self._until.pop(name, None)
        self._placer.demands.avoided.pop(name, None)

    def over(self, now: float) -> list[str]:
        """Those that may from now on."""
        over = [name for name, until in self._until.items() if now >= until]
        for name in over:
            self.end(name)
        return over
