"""Repair hops that wait until packets that are on their way by repair cannot be harmed by other ones.

Belongs here: which wait, and until when. Must not know: versions, how hops are given to switches.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sdn.model.ids import Dpid
from sdn.model.route import Repair, RepairHops

PATIENCE = 1.0
"""Seconds for which other repair hops wait at most for the routes to rest."""


@dataclass(slots=True)
class _Waiting:
    """Of a destination. since: when the first of these were told; hops: by switch, the last ones told."""

    since: float
    hops: dict[Dpid, RepairHops | None]

    @property
    def urgent(self) -> bool:
        """Whether some are to be other ones, and not only to be no more."""
        return any(repair is not None for repair in self.hops.values())


class HeldRepairs:
    """busy: destinations to which packets may be on their way by repair, and whose routes are not confirmed yet.

    uneasy: those for which a cache may still know former routes. Other hops wait while their destination is busy, for
    PATIENCE at most; that there are to be none any more waits while it is uneasy: packets that former routes lead into
    a failure would find no other way.
    """

    def __init__(self) -> None:
        self._held: dict[Dpid, _Waiting] = {}

    def __bool__(self) -> bool:
        return bool(self._held)

    @property
    def urgent(self) -> bool:
        """Whether some of these are missing to what switches should have."""
        return any(waiting.urgent for waiting in self._held.values())

    def take(self, repairs: list[Repair], now: float, busy: Collection[Dpid], uneasy: Collection[Dpid]) -> list[Repair]:
        """Other hops are told; answers those that need not wait (any more). O(1) where nothing is busy or uneasy."""
        if not (busy or uneasy or self._held):
            return repairs
        given = []
        for dpid, destination, hops in repairs:
            waiting = self._held.get(destination)
            if waiting is None and destination not in busy and (hops is not None or destination not in uneasy):
                given.append((dpid, destination, hops))
                continue
            if waiting is None:
                waiting = self._held[destination] = _Waiting(now, {})
            elif hops is not None and not waiting.urgent:
                waiting.since = now
            waiting.hops[dpid] = hops
        return given + self.release(now, busy, uneasy)

    def release(self, now: float, busy: Collection[Dpid], uneasy: Collection[Dpid]) -> list[Repair]:
        """Those that need not wait any more. O(those that wait)."""
        given: list[Repair] = []
        for destination, waiting in list(self._held.items()):
            if destination in busy and now - waiting.since < PATIENCE:
                continue
            kept = {dpid: None for dpid, hops in waiting.hops.items() if hops is None and destination in uneasy}
            given += [(dpid, destination, hops) for dpid, hops in waiting.hops.items() if dpid not in kept]
            if kept:
                self._held[destination] = _Waiting(waiting.since, {**kept})
            else:
                del self._held[destination]
        return given
