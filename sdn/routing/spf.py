"""Shortest paths from every switch to every destination, kept up to date while links come and go.

For each destination there is one distance per switch and one NextHops per switch (the DAG of all shortest paths). A
change of links is worked into each DAG by itself, in the way of Ramalingam and Reps (J. Algorithms 21, 1996): switches
that lost their last shortest way are found in order of distance, given new distances by Dijkstra over them alone, and
only where distances or tiers moved are next hops looked at again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush

from sdn.model.ids import Dpid
from sdn.model.route import NextHops, Path, RouteKey
from sdn.model.topology import Link, LinkEnd

_Arc = tuple[Dpid, int, int, int]
"""(neighbour, cost, own port, neighbour's port)."""
_Change = tuple[Dpid, Dpid, int | None, int | None]
"""(switch, neighbour, cost before, cost after); None: there was, or is, no such link."""
_MAX_INTERNED = 1 << 16


class ShortestPaths:
    """Shortest-path DAGs to a set of destinations.

    With N switches, L links, D destinations: a full computation is O(D (N + L) log N). A change of one link costs O(1)
    for a destination whose DAG it does not touch, else O((A + B) log N), where A is the number of switches whose
    distance or tier moves and B that of their links. Memory is O(D N).
    """

    def __init__(self) -> None:
        self._links: dict[int, Link] = {}
        self._costs: dict[tuple[LinkEnd, LinkEnd], int] = {}
        self._arcs: dict[Dpid, list[_Arc]] = {}
        self._distances: dict[Dpid, dict[Dpid, int]] = {}
        self._hops: dict[Dpid, dict[Dpid, NextHops]] = {}
        self._interned: dict[tuple[tuple[int, ...], int], NextHops] = {}

    def set_links(self, links: Iterable[Link]) -> set[RouteKey]:
        """Replace all links; returns exactly the (switch, destination) pairs whose next hops are now others or none.

        Only ends and costs matter here; a link that joins a switch with itself is ignored. No two links may have both
        ends in common. O(L) to compare, quick for links that are the same objects as before, then as the class says
        for each link that changed.
        """
        now = {id(link): link for link in links}  # links are immutable, and _links keeps the old ones alive
        gone = [link for number, link in self._links.items() if number not in now]
        new = [link for number, link in now.items() if number not in self._links]
        self._links = now
        changes = self._change_arcs(gone, new)
        changed: set[RouteKey] = set()
        if changes:
            for destination in self._distances:
                self._update(destination, changes, changed)
        return changed

    def _change_arcs(self, gone: list[Link], new: list[Link]) -> list[_Change]:
        """Bring ``_arcs`` and ``_costs`` up to date; a link that was only made anew changes nothing."""
        costs = {(link.a, link.b): link.cost for link in new if link.a.dpid != link.b.dpid}
        changes: list[_Change] = []
        for key in {(link.a, link.b): None for link in (*gone, *new)}:
            before, after = self._costs.get(key), costs.get(key)
            if before == after:
                continue
            if before is not None:
                self._drop_arcs(key, before)
                del self._costs[key]
            if after is not None:
                self._add_arcs(key, after)
                self._costs[key] = after
            self._note(changes, key, before, after)
        return changes

    def set_destinations(self, dpids: Iterable[Dpid]) -> set[RouteKey]:
        """Replace the destinations; returns the (switch, destination) pairs that gained or lost next hops."""
        wanted = set(dpids)
        changed: set[RouteKey] = set()
        for gone in self._distances.keys() - wanted:
            changed.update((switch, gone) for switch in self._hops.pop(gone))
            del self._distances[gone]
        for new in sorted(wanted - self._distances.keys()):
            distances: dict[Dpid, int] = {}
            self._distances[new] = distances
            self._hops[new] = {}
            reached = self._settle(distances, [(0, new)])
            self._refresh(new, reached, changed)
        return changed

    def next_hops(self, switch: Dpid, destination: Dpid) -> NextHops | None:
        """Over which ports ``switch`` sends towards ``destination``.

        None at the destination itself, where it cannot be reached, and for what is not among the destinations.
        """
        hops = self._hops.get(destination)
        return None if hops is None else hops.get(switch)

    def distance(self, switch: Dpid, destination: Dpid) -> int | None:
        """Cost of the shortest paths, None if there are none. O(1) for destinations, else a Dijkstra run."""
        return self._distances_to(destination).get(switch)

    def paths(self, source: Dpid, destination: Dpid, limit: int) -> list[Path]:
        """The shortest paths between any two switches, ordered by the out ports along them; at most ``limit``.

        One empty path when both are the same; no paths when there is no way. O(limit · length · ports) after the
        distances are known.
        """
        distances = self._distances_to(destination)
        if limit <= 0 or source not in distances:
            return []
        found: list[Path] = []
        for path in self._walk(source, destination, distances):
            found.append(path)
            if len(found) == limit:
                break
        return found

    def _distances_to(self, destination: Dpid) -> dict[Dpid, int]:
        known = self._distances.get(destination)
        if known is None:
            known = {}
            self._settle(known, [(0, destination)])
        return known

    def _walk(self, source: Dpid, destination: Dpid, distances: dict[Dpid, int]) -> Iterator[Path]:
        """All shortest paths, depth first; every branch ends at the destination, so nothing is searched in vain."""
        switches = [source]
        links: list[tuple[int, int]] = []
        stack = [iter(self._downhill(source, distances))]
        if source == destination:
            yield Path((source,), ())
            return
        while stack:
            arc = next(stack[-1], None)
            if arc is None:
                stack.pop()
                switches.pop()
                if links:
                    links.pop()
                continue
            switches.append(arc[0])
            links.append((arc[2], arc[3]))
            if arc[0] == destination:
                yield Path(tuple(switches), tuple(links))
                switches.pop()
                links.pop()
            else:
                stack.append(iter(self._downhill(arc[0], distances)))

    def _downhill(self, switch: Dpid, distances: dict[Dpid, int]) -> list[_Arc]:
        here = distances[switch]
        arcs = [arc for arc in self._arcs.get(switch, ()) if distances.get(arc[0], here) + arc[1] == here]
        return sorted(arcs, key=lambda arc: arc[2])

    def _add_arcs(self, key: tuple[LinkEnd, LinkEnd], cost: int) -> None:
        a, b = key
        self._arcs.setdefault(a.dpid, []).append((b.dpid, cost, a.port, b.port))
        self._arcs.setdefault(b.dpid, []).append((a.dpid, cost, b.port, a.port))

    def _drop_arcs(self, key: tuple[LinkEnd, LinkEnd], cost: int) -> None:
        a, b = key
        for near, far in ((a, b), (b, a)):
            arcs = self._arcs[near.dpid]
            arcs.remove((far.dpid, cost, near.port, far.port))
            if not arcs:
                del self._arcs[near.dpid]

    @staticmethod
    def _note(changes: list[_Change], key: tuple[LinkEnd, LinkEnd], before: int | None, after: int | None) -> None:
        a, b = key[0].dpid, key[1].dpid
        changes.append((a, b, before, after))
        changes.append((b, a, before, after))

    def _update(self, destination: Dpid, changes: list[_Change], changed: set[RouteKey]) -> None:
        """Work link changes, already in ``_arcs``, into the DAG of one destination."""
        distances = self._distances[destination]
        get = distances.get
        touched: set[Dpid] = set()
        lost: list[tuple[int, Dpid]] = []
        better: list[_Change] = []
        for change in changes:
            switch, neighbour, before, after = change
            far = get(neighbour)
            near = get(switch)
            if far is not None and before is not None and near == far + before:
                touched.add(switch)
                heappush(lost, (near, switch))
            if after is not None and far is not None and (near is None or far + after <= near):
                better.append(change)
        if not lost and not better:
            return
        orphans = self._orphans(distances, lost)
        heap = self._offers(distances, orphans, better, touched)
        moved = self._settle(distances, heap) | orphans
        touched |= moved
        arcs_of = self._arcs.get
        for switch in moved:
            touched.update([arc[0] for arc in arcs_of(switch, ())])
        touched.discard(destination)
        self._refresh(destination, touched, changed)

    def _orphans(self, distances: dict[Dpid, int], lost: list[tuple[int, Dpid]]) -> set[Dpid]:
        """Switches left without any way as short as before, and with it those who depended on them.

        In order of distance, so that whoever could support a switch has been decided before it.
        """
        orphans: set[Dpid] = set()
        get = distances.get
        while lost:
            distance, switch = heappop(lost)
            if switch in orphans:
                continue
            arcs = self._arcs.get(switch, ())
            for neighbour, cost, _, _ in arcs:
                far = get(neighbour)
                if far is not None and far + cost <= distance and neighbour not in orphans:
                    break
            else:
                orphans.add(switch)
                for neighbour, cost, _, _ in arcs:
                    if get(neighbour) == distance + cost and neighbour not in orphans:
                        heappush(lost, (distance + cost, neighbour))
        return orphans

    def _offers(
        self, distances: dict[Dpid, int], orphans: set[Dpid], better: list[_Change], touched: set[Dpid]
    ) -> list[tuple[int, Dpid]]:
        """New distances to try: of orphans over neighbours that stayed, and of others over better links."""
        for switch in orphans:
            del distances[switch]
        heap: list[tuple[int, Dpid]] = []
        for switch in orphans:
            offers = [distances[v] + cost for v, cost, _, _ in self._arcs.get(switch, ()) if v in distances]
            if offers:
                heappush(heap, (min(offers), switch))
        for switch, neighbour, _, after in better:
            far = distances.get(neighbour)
            if far is None or after is None:
                continue
            near = distances.get(switch)
            if near is None or far + after < near:
                heappush(heap, (far + after, switch))
            elif far + after == near:
                touched.add(switch)
        return heap

    def _settle(self, distances: dict[Dpid, int], heap: list[tuple[int, Dpid]]) -> set[Dpid]:
        """Dijkstra from the offers in ``heap``; returns the switches whose distance was set."""
        settled: set[Dpid] = set()
        get = distances.get
        arcs_of = self._arcs.get
        while heap:
            distance, switch = heappop(heap)
            known = get(switch)
            if known is not None and known <= distance:
                continue
            distances[switch] = distance
            settled.add(switch)
            for neighbour, cost, _, _ in arcs_of(switch, ()):
                known = get(neighbour)
                if known is None or distance + cost < known:
                    heappush(heap, (distance + cost, neighbour))
        return settled

    def _refresh(self, destination: Dpid, switches: set[Dpid], changed: set[RouteKey]) -> None:
        """Look at the next hops of ``switches`` again, nearest first, and uphill wherever a tier moved."""
        distances = self._distances[destination]
        hops = self._hops[destination]
        queue: list[tuple[int, Dpid]] = []
        for switch in switches:
            distance = distances.get(switch)
            if distance is not None:
                queue.append((distance, switch))
            elif hops.pop(switch, None) is not None:
                changed.add((switch, destination))
        queue.sort()  # a sorted list is a heap
        queued = set(switches)
        while queue:
            distance, switch = heappop(queue)
            if switch == destination:
                continue
            before = hops.get(switch)
            now = self._choose(switch, distance, distances, hops)
            if now is before or now == before:
                continue
            hops[switch] = now
            changed.add((switch, destination))
            if before is None or before.tier != now.tier:
                for neighbour, cost, _, _ in self._arcs[switch]:
                    if neighbour not in queued and distances.get(neighbour) == distance + cost:
                        queued.add(neighbour)
                        heappush(queue, (distance + cost, neighbour))

    def _choose(self, switch: Dpid, distance: int, distances: dict[Dpid, int], hops: dict[Dpid, NextHops]) -> NextHops:
        ports = []
        tier = 0
        get = distances.get
        for neighbour, cost, port, _ in self._arcs[switch]:
            if get(neighbour, distance) + cost == distance:
                ports.append(port)
                beyond = hops.get(neighbour)
                if beyond is not None and beyond.tier > tier:
                    tier = beyond.tier
        if len(ports) > 1:
            ports.sort()
            tier += 1
        key = tuple(ports), tier
        chosen = self._interned.get(key)
        if chosen is None:
            if len(self._interned) >= _MAX_INTERNED:
                self._interned.clear()
            chosen = self._interned[key] = NextHops(*key)
        return chosen
