"""Ports at which a switch takes labelled frames: those with a link, and for a moment those that had one.

When a link is lost, packets no longer enter it, as its port is dead. But groups name it until routes and repair trees
have followed; if it is back before, packets enter it at once, and the switch at its other end must take them. It does
so for LINGER seconds at most: what is plugged in later may be another thing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sdn.model.ids import Dpid
from sdn.model.topology import Link, LinkChanges, LinkEnd

LINGER = 4.0
"""Seconds. With two failures one after the other a group was seen to name a dead port for 3.3 seconds."""


class Listening:
    """Ends of links by switch."""

    def __init__(self) -> None:
        self._ends: dict[Dpid, set[int]] = {}
        self._lost: dict[tuple[Dpid, int], float] = {}
        """Until when; in the order of their ends."""

    def change_links(self, changes: LinkChanges, now: float) -> Iterator[tuple[Dpid, int]]:
        """Answers the ports that have or had one of these links."""
        for end in _ends(changes.gone):
            self._ends[end.dpid].discard(end.port)
            self._lost.pop((end.dpid, end.port), None)
            self._lost[end.dpid, end.port] = now + LINGER
            yield end.dpid, end.port
        for end in _ends(changes.new):
            self._ends.setdefault(end.dpid, set()).add(end.port)
            self._lost.pop((end.dpid, end.port), None)
            yield end.dpid, end.port

    def expire(self, now: float) -> Iterator[tuple[Dpid, int]]:
        """Answers the ports at which nothing is taken any more. O(these)."""
        while self._lost and self._lost[first := next(iter(self._lost))] <= now:
            del self._lost[first]
            yield first

    def at(self, dpid: Dpid, number: int, *, trusted: bool) -> bool:
        """Whether labelled frames are taken there; trusted: nothing is known there but a link."""
        return number in self._ends.get(dpid, ()) or (trusted and (dpid, number) in self._lost)

    def ports(self, dpid: Dpid, trusted: Collection[int]) -> frozenset[int]:
        """All of a switch."""
        lost = (number for number in trusted if (dpid, number) in self._lost)
        return frozenset(self._ends.get(dpid, ())).union(lost)


def _ends(links: tuple[Link, ...]) -> Iterator[LinkEnd]:
    return (end for link in links for end in (link.a, link.b))
