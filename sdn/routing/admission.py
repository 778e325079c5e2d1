"""Connections with reserved bandwidth: who holds how much of which link, and paths that have room.

A link has its capacity in each direction separately. A connection reserves its bandwidth in both directions of every
link of its path, because its traffic goes there and back on the same links.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from heapq import heappop, heappush

from sdn.model.errors import InvalidInput, Refused, SdnError
from sdn.model.ids import Dpid, format_dpid
from sdn.model.route import Path
from sdn.model.topology import Link, LinkChanges, LinkEnd

_SHOWN = 3
"""Bottleneck links named in a refusal."""

Describe = Callable[[LinkEnd], str]
"""How a link's end is named to people."""


class Ledger:
    """Reservations by id. A direction of a link is named by the end that sends.

    oversubscription: how much of a link's capacity may be reserved; 1 is all of it.
    """

    def __init__(self, oversubscription: float = 1.0) -> None:
        if not 0 < oversubscription <= 1000:
            raise ValueError("oversubscription must be above 0 and at most 1000")
        self._factor = Fraction(str(oversubscription))
        self._limits: dict[LinkEnd, int] = {}
        self._peers: dict[LinkEnd, LinkEnd] = {}
        self._reserved: dict[LinkEnd, int] = {}
        self._held: dict[str, tuple[Path, int]] = {}
        self._users: dict[LinkEnd, dict[str, None]] = {}

    def change_links(self, changes: LinkChanges) -> tuple[str, ...]:
        """Links are gone or new. Reservations stay as they are, also on links that are gone.

        Answers the holders, sorted, whose path uses one of these links and cannot any more: it is gone, or its capacity
        fell below what is reserved on it. O(links given and their holders).
        """
        for link in changes.gone:
            for end in (link.a, link.b):
                if self._peers.get(end) == link.other(end):
                    del self._limits[end], self._peers[end]
        for link in changes.new:
            limit = int(link.capacity * self._factor)
            for end in (link.a, link.b):
                self._limits[end] = limit
                self._peers[end] = link.other(end)
        ends = dict.fromkeys(end for link in (*changes.gone, *changes.new) for end in (link.a, link.b))
        holders = {holder for end in ends for holder in self._users.get(end, ())}
        return tuple(sorted(holder for holder in holders if self._broken(holder)))

    def _broken(self, holder: str) -> bool:
        path, _ = self._held[holder]
        return any(
            self._peers.get(out) != into or any(self._reserved[end] > self._limits.get(end, 0) for end in (out, into))
            for out, into in _ends(path)
        )

    def reserved(self, sender: LinkEnd) -> int:
        """Bits/s reserved on the direction in which ``sender`` transmits."""
        return self._reserved.get(sender, 0)

    def free(self, sender: LinkEnd) -> int:
        """Bits/s that can still be reserved on the direction in which ``sender`` transmits; 0 for unknown links."""
        return max(0, self._limits.get(sender, 0) - self._reserved.get(sender, 0))

    def room(self, link: Link) -> int:
        """Bits/s that can still be reserved in both directions of a link."""
        return min(self.free(link.a), self.free(link.b))

    def reserve(self, holder: str, path: Path, bandwidth: int) -> None:
        """Take ``bandwidth`` bits/s in both directions along a path, all or nothing. O(length of the path).

        Raises InvalidInput for a bandwidth below 1, ValueError when ``holder`` has a reservation already or the path is
        not simple, and Refused when a link is missing or lacks room. An empty path takes nothing, but is remembered.
        """
        _check_bandwidth(bandwidth)
        if holder in self._held:
            raise ValueError(f"{holder} has a reservation already")
        ends = _ends(path)
        for out, into in ends:
            if self._peers.get(out) != into:
                raise Refused.of("", f"link {_plain(out)} - {_plain(into)} is gone", "Ask again for another path.")
            if min(self.free(out), self.free(into)) < bandwidth:
                reason = f"link {_plain(out)} - {_plain(into)} has {min(self.free(out), self.free(into))} bit/s free"
                raise Refused.of("bandwidth", reason, "Ask again for another path.")
        for end in (end for pair in ends for end in pair):
            self._reserved[end] = self._reserved.get(end, 0) + bandwidth
            self._users.setdefault(end, {})[holder] = None
        self._held[holder] = path, bandwidth

    def release(self, holder: str) -> bool:
        """Give back what ``holder`` has; returns whether it had anything. O(length of the path)."""
        path, bandwidth = self._held.pop(holder, (None, 0))
        if path is None:
            return False
        for end in (end for pair in _ends(path) for end in pair):
            self._reserved[end] -= bandwidth
            del self._users[end][holder]
            if not self._users[end]:
                del self._reserved[end], self._users[end]
        return True

    def held(self, holder: str) -> tuple[Path, int] | None:
        """The path and bandwidth of a reservation."""
        return self._held.get(holder)


def constrained_path(
    links: Iterable[Link],
    ledger: Ledger,
    source: Dpid,
    destination: Dpid,
    bandwidth: int,
    describe: Describe | None = None,
) -> Path:
    """The best path with ``bandwidth`` bits/s of room in both directions of each link. O((N + L) log N).

    Best: least cost, then fewest hops, then the smallest sequence of (next switch, out port). The empty path when both
    switches are the same. Raises InvalidInput for a bandwidth below 1, and Refused saying that there is no path at all,
    or which links are too narrow and how much the widest path would carry. describe: names ends in the refusal.
    """
    _check_bandwidth(bandwidth)
    if source == destination:
        return Path((source,), ())
    arcs = _arcs_by_switch(links)
    wide = {switch: [arc for arc in out if ledger.room(arc[1]) >= bandwidth] for switch, out in arcs.items()}
    ranks = _ranks(wide, destination)
    if source not in ranks:
        raise _refusal(arcs, ledger, source, destination, bandwidth, describe or _plain)
    return _descend(wide, ranks, source, destination)


_Arcs = dict[Dpid, list[tuple[LinkEnd, Link]]]
"""Per switch its own ends, with their links."""


def _arcs_by_switch(links: Iterable[Link]) -> _Arcs:
    arcs: _Arcs = {}
    for link in links:
        if link.a.dpid != link.b.dpid:
            for end in (link.a, link.b):
                arcs.setdefault(end.dpid, []).append((end, link))
    return arcs


def _ranks(arcs: _Arcs, destination: Dpid) -> dict[Dpid, tuple[int, int]]:
    """(cost, hops) of the best way to ``destination`` from each switch that has one."""
    ranks: dict[Dpid, tuple[int, int]] = {}
    heap = [((0, 0), destination)]
    while heap:
        rank, switch = heappop(heap)
        if switch in ranks:
            continue
        ranks[switch] = rank
        for end, link in arcs.get(switch, ()):
            neighbour = link.other(end).dpid
            if neighbour not in ranks:
                heappush(heap, ((rank[0] + link.cost, rank[1] + 1), neighbour))
    return ranks


def _descend(arcs: _Arcs, ranks: dict[Dpid, tuple[int, int]], source: Dpid, destination: Dpid) -> Path:
    switches = [source]
    links: list[tuple[int, int]] = []
    while switches[-1] != destination:
        here = switches[-1]
        cost, hops = ranks[here]
        best: tuple[Dpid, int, int] | None = None
        for end, link in arcs[here]:
            far = link.other(end)
            if ranks.get(far.dpid) == (cost - link.cost, hops - 1):
                step = far.dpid, end.port, far.port
                best = step if best is None else min(best, step)
        assert best is not None, "every ranked switch has a way down"
        switches.append(best[0])
        links.append(best[1:])
    return Path(tuple(switches), tuple(links))


def _widest(arcs: _Arcs, ledger: Ledger, source: Dpid, destination: Dpid) -> list[Link] | None:
    """The links of a path whose narrowest one has the most room; fewest hops among equals. None without any path."""
    heap: list[tuple[int, int, Dpid, Dpid, int]] = [(-(1 << 62), 0, source, source, 0)]
    came: dict[Dpid, tuple[Dpid, Link] | None] = {}
    by_port = {(end.dpid, end.port): link for out in arcs.values() for end, link in out}
    while heap:
        width, hops, switch, previous, port = heappop(heap)
        if switch in came:
            continue
        came[switch] = (previous, by_port[previous, port]) if switch != source else None
        if switch == destination:
            break
        for end, link in arcs.get(switch, ()):
            far = link.other(end).dpid
            if far not in came:
                heappush(heap, (max(width, -ledger.room(link)), hops + 1, far, switch, end.port))
    if destination not in came:
        return None
    path: list[Link] = []
    step = came[destination]
    while step is not None:
        path.append(step[1])
        step = came[step[0]]
    return path[::-1]


def _refusal(
    arcs: _Arcs, ledger: Ledger, source: Dpid, destination: Dpid, bandwidth: int, describe: Describe
) -> SdnError:
    path = _widest(arcs, ledger, source, destination)
    if path is None:
        reason = f"there is no path from {format_dpid(source)} to {format_dpid(destination)}"
        return Refused.of("", reason, "Connect the two switches, or wait until their links are up.")
    most = min(ledger.room(link) for link in path)
    narrow = sorted((ledger.room(link), link) for link in path if ledger.room(link) < bandwidth)
    shown = ", ".join(f"{describe(link.a)} - {describe(link.b)} ({room} bit/s free)" for room, link in narrow[:_SHOWN])
    more = f" and {len(narrow) - _SHOWN} more" if len(narrow) > _SHOWN else ""
    reason = f"no path has {bandwidth} bit/s free; the widest one carries {most} bit/s, limited by {shown}{more}"
    if most:
        return Refused.of("bandwidth", reason, f"Ask for at most {most} bit/s, or delete a connection on these links.")
    return Refused.of("bandwidth", reason, "Delete a connection on these links, or add capacity.")


def _ends(path: Path) -> list[tuple[LinkEnd, LinkEnd]]:
    """(sending end, receiving end) of each link of a path; raises ValueError for a path that is not well formed."""
    if len(path.links) != len(path.switches) - 1 or len(set(path.switches)) != len(path.switches):
        raise ValueError("not a simple path")
    return [
        (LinkEnd(near, out), LinkEnd(far, into))
        for near, far, (out, into) in zip(path.switches, path.switches[1:], path.links, strict=False)
    ]


def _plain(end: LinkEnd) -> str:
    return f"{format_dpid(end.dpid)}:{end.port}"


def _check_bandwidth(bandwidth: int) -> None:
    if bandwidth < 1:
        raise InvalidInput.of("bandwidth", f"{bandwidth} bit/s is not a bandwidth", "Ask for at least 1 bit/s.")
