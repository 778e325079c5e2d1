"""The links as searches for paths see them: arcs by switch, with what is free on each.

Nothing here depends on the order in which links came, so that two controllers find the same paths.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sdn.model.calendar import FOREVER, Windows
from sdn.model.ids import Dpid
from sdn.model.request import Exclusion, Protect
from sdn.model.route import Path
from sdn.model.topology import Link, LinkChanges, LinkEnd

HOP = 1
HOP_BITS = 16
"""Weights carry a hop in their low bits, so that among equals fewer hops win and no weight is zero."""


class Share(NamedTuple):
    """Who shares what is reserved on a direction of a link: holders of a group, in one sense of their paths, for the
    same times."""

    group: str
    forward: bool
    windows: Windows


class Direction:
    """One direction of a link, named by the end that sends. limit, reserved, free: bits/s; users: who reserved.

    What is reserved for some times alone counts with the most that is reserved at any one time.
    """

    __slots__ = ("_always", "_steps", "free", "limit", "reserved", "shares", "users")

    def __init__(self) -> None:
        self.limit = 0
        self.reserved = 0
        self.free = 0
        self.users: dict[str, None] = {}
        self.shares: dict[Share, dict[str, int]] = {}
        """Of those who share: by holder, bits/s; the most of them is reserved."""
        self._always = 0
        self._steps: dict[int, int] = {}
        """By how much what is reserved for some times grows at a time; negative where it falls."""

    def set_limit(self, limit: int) -> None:
        """Another capacity; what is reserved stays."""
        self.limit = limit
        self.free = max(0, limit - self.reserved)

    def take(self, bandwidth: int, windows: Windows = ()) -> None:
        """Reserve; negative to give back. windows: for these times alone. O(1), with windows O(all times log)."""
        if windows:
            for edges, step in ((0, bandwidth), (1, -bandwidth)):
                for window in windows:
                    left = self._steps.get(window[edges], 0) + step
                    if left:
                        self._steps[window[edges]] = left
                    else:
                        self._steps.pop(window[edges], None)
        else:
            self._always += bandwidth
        self.reserved = self._always + (self.peak() if self._steps else 0)
        self.free = max(0, self.limit - self.reserved)

    def peak(self, windows: Windows | None = None) -> int:
        """The most that is reserved for some times alone at any time, or at any time within windows."""
        most = level = index = 0
        times = sorted(self._steps)
        for time, until in zip(times, [*times[1:], FOREVER], strict=False):
            level += self._steps[time]
            if windows is not None:
                while index < len(windows) and windows[index][1] <= time:
                    index += 1
                if index == len(windows):
                    break
                if windows[index][0] >= until:
                    continue
            most = max(most, level)
        return most

    def room(self, windows: Windows) -> int:
        """Bits/s that can still be reserved for these times; () for always."""
        return max(0, self.limit - self._always - self.peak(windows)) if windows else self.free


class Arc:
    """A link in one direction. twin: the other; by_cost, by_latency: weights, see HOP_BITS."""

    __slots__ = ("by_cost", "by_latency", "end", "far", "key", "link", "near", "peer", "room", "twin")
    twin: Arc

    def __init__(self, link: Link, end: LinkEnd, room: Direction) -> None:
        self.link = link
        self.end = end
        self.peer = link.other(end)
        self.near = end.dpid
        self.far = self.peer.dpid
        self.key = (self.far, end.port)
        self.room = room
        self.by_cost = link.cost << HOP_BITS | HOP
        self.by_latency = link.latency << HOP_BITS | HOP


class Mesh:
    """All links that are up. Links of a switch with itself are left out: no path needs one."""

    def __init__(self) -> None:
        self._arcs: dict[Dpid, list[Arc]] = {}
        self._risks: Counter[str] = Counter()

    def arcs(self, switch: Dpid) -> list[Arc]:
        """The arcs that leave a switch, ordered by neighbour and port."""
        return self._arcs.get(switch, [])

    def all_arcs(self) -> Iterator[Arc]:
        """Every link in both directions. O(L)."""
        return (arc for arcs in self._arcs.values() for arc in arcs)

    def rooms(self) -> Iterator[int]:
        """What is free, on each direction of every link. O(L)."""
        return (arc.room.free for arcs in self._arcs.values() for arc in arcs)

    def links(self) -> Iterator[Link]:
        """Every link once. O(L)."""
        return (arc.link for arcs in self._arcs.values() for arc in arcs if arc.end == arc.link.a)

    def has_risk(self, group: str) -> bool:
        """Whether a link is in a shared-risk group."""
        return self._risks[group] > 0

    def risks_of(self, ends: Iterable[LinkEnd]) -> frozenset[str]:
        """The shared-risk groups of the links with these ends."""
        arcs = (arc for end in ends for arc in self.arcs(end.dpid) if arc.end == end)
        return frozenset(risk for arc in arcs for risk in arc.link.risk_groups)

    def total(self, path: Path) -> tuple[int, int]:
        """(cost, latency in microseconds) of a path whose links are there."""
        steps = zip(path.switches, path.links, strict=False)
        links = [arc.link for at, (out, _) in steps for arc in self.arcs(at) if arc.end.port == out]
        return sum(link.cost for link in links), sum(link.latency for link in links)

    def shared(self, path: Path, protect: Protect) -> Exclusion:
        """What another path must not use. Switches: those between the ends."""
        ends = frozenset(
            end
            for near, far, (out, into) in zip(path.switches, path.switches[1:], path.links, strict=False)
            for end in (LinkEnd(near, out), LinkEnd(far, into))
        )
        return Exclusion(
            links=ends,
            switches=frozenset(path.switches[1:-1]) if protect is Protect.SWITCH else frozenset(),
            risk_groups=self.risks_of(ends) if protect is Protect.RISK_GROUP else frozenset(),
        )

    def add(self, link: Link, rooms: tuple[Direction, Direction]) -> None:
        """rooms: what is free from ``link.a`` and from ``link.b``. O(links of the two switches)."""
        if link.a.dpid == link.b.dpid:
            return
        arc, twin = Arc(link, link.a, rooms[0]), Arc(link, link.b, rooms[1])
        arc.twin, twin.twin = twin, arc
        self._risks.update(link.risk_groups)
        for one in (arc, twin):
            insort(self._arcs.setdefault(one.near, []), one, key=lambda arc: arc.key)

    def remove(self, link: Link) -> None:
        """The link is gone; one that is not known does no harm. O(links of the two switches)."""
        known = [arc.link for arc in self.arcs(link.a.dpid) if arc.end == link.a and arc.peer == link.b]
        for there in known:
            self._risks.subtract(there.risk_groups)
        for end in (link.a, link.b):
            left = [arc for arc in self.arcs(end.dpid) if arc.end != end or arc.peer != link.other(end)]
            if left:
                self._arcs[end.dpid] = left
            else:
                self._arcs.pop(end.dpid, None)

    def change(self, changes: LinkChanges, rooms: dict[LinkEnd, Direction]) -> None:
        """Links are gone or new. rooms: by the ends of the new ones."""
        for link in changes.gone:
            self.remove(link)
        for link in changes.new:
            self.remove(link)
            self.add(link, (rooms[link.a], rooms[link.b]))


Way = list[Arc]
"""Arcs from the first to the last link of a path; empty for a path within one switch."""


def path_of(source: Dpid, way: Way) -> Path:
    """The path that begins at a switch."""
    return Path((source, *(arc.far for arc in way)), tuple((arc.end.port, arc.peer.port) for arc in way))
