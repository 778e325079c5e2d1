"""Shortest-path DAGs to many destinations, repaired after every change of links. The compiled twin is _dags.c.

For each destination there is one distance per switch and one NextHops per switch (the DAG of all shortest paths). A
change of links is worked into each DAG by itself, in the way of Ramalingam and Reps (J. Algorithms 21, 1996): switches
that lost their last shortest way are found in order of distance, given new distances by Dijkstra over them alone, and
only where distances or tiers moved are next hops looked at again.

This form is the oracle of the compiled one, and does its work where that could not be built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from heapq import heappop, heappush

from sdn.model.ids import Dpid
from sdn.model.route import NextHops, Reroute

LinkChange = tuple[Dpid, int, Dpid, int, int, int]
"""(switch a, its port, switch b, its port, cost before, cost after); 0: there was, or is, no such link."""
_Arc = tuple[Dpid, int, int]
"""(neighbour, cost, own port)."""
_Change = tuple[Dpid, Dpid, int, int]
"""(switch, neighbour, cost before, cost after)."""


class Dags:
    """Shortest-path DAGs to a set of destinations.

    make: NextHops of (ports ascending, tier). Costs are 1 to 2^40. No link joins a switch with itself.
    """

    def __init__(self, make: Callable[[tuple[int, ...], int], NextHops]) -> None:
        self._make = lru_cache(maxsize=1 << 16)(make)  # equal next hops are mostly one object
        self._arcs: dict[Dpid, list[_Arc]] = {}
        self._distances: dict[Dpid, dict[Dpid, int]] = {}
        self._hops: dict[Dpid, dict[Dpid, NextHops]] = {}
        self._risky: dict[Dpid, None] = {}

    def update(self, changes: Iterable[LinkChange]) -> list[Reroute]:
        """Work changes of links into all DAGs; answers every (switch, destination) whose next hops are others or none.

        Raises ValueError when a link changes that is not there.
        """
        noted: list[_Change] = []
        for a, a_port, b, b_port, before, after in changes:
            if before:
                self._drop_arc(a, (b, before, a_port))
                self._drop_arc(b, (a, before, b_port))
            if after:
                self._arcs.setdefault(a, []).append((b, after, a_port))
                self._arcs.setdefault(b, []).append((a, after, b_port))
            noted += [(a, b, before, after), (b, a, before, after)]
        changed: list[Reroute] = []
        self._risky.clear()
        if noted:
            for destination in self._distances:
                self._update(destination, noted, changed)
        return changed

    def add(self, destination: Dpid) -> list[Reroute]:
        """One destination more; answers the switches that reach it."""
        changed: list[Reroute] = []
        if destination not in self._distances:
            distances = self._distances[destination] = {}
            self._hops[destination] = {}
            reached = self._settle(distances, [(0, destination)])
            self._refresh(destination, reached, changed)
        return changed

    def remove(self, destination: Dpid) -> list[Reroute]:
        """One destination less; answers the switches that reached it, with None."""
        self._distances.pop(destination, None)
        return [(switch, destination, None) for switch in self._hops.pop(destination, {})]

    def risky(self) -> list[Dpid]:
        """The destinations whose DAG cannot be changed in any order of switches, as far as the last ``update`` tells.

        All others can: every link that was left and is still there leads nearer to the destination by the new
        distances, as all links of the new DAG do, so no mixture of old and new next hops has a loop; and no switch
        whose next hops work is given one that has none yet, or none that is alive. Of those named here some can as
        well: transition.py decides exactly.
        """
        return list(self._risky)

    def next_hops(self, switch: Dpid, destination: Dpid) -> NextHops | None:
        """None at the destination itself, where it cannot be reached, and for what is not among the destinations."""
        return self._hops.get(destination, {}).get(switch)

    def distance(self, switch: Dpid, destination: Dpid) -> int | None:
        """Cost of the shortest paths to a destination; None where there are none."""
        return self._distances.get(destination, {}).get(switch)

    def _drop_arc(self, switch: Dpid, arc: _Arc) -> None:
        arcs = self._arcs.get(switch, [])
        if arc not in arcs:
            raise ValueError("a link that is not there changes")
        arcs.remove(arc)
        if not arcs:
            del self._arcs[switch]

    def _update(self, destination: Dpid, changes: list[_Change], changed: list[Reroute]) -> None:
        """Work link changes, already in ``_arcs``, into the DAG of one destination."""
        distances = self._distances[destination]
        get = distances.get
        touched: set[Dpid] = set()
        lost: list[tuple[int, Dpid]] = []
        better: list[_Change] = []
        for change in changes:
            switch, neighbour, before, after = change
            far, near = get(neighbour), get(switch)
            if far is None:
                continue
            if before and near is not None and near == far + before:
                touched.add(switch)
                heappush(lost, (near, switch))
            if after and (near is None or far + after <= near):
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
            for neighbour, cost, _ in arcs:
                far = get(neighbour)
                if far is not None and far + cost <= distance and neighbour not in orphans:
                    break
            else:
                orphans.add(switch)
                for neighbour, cost, _ in arcs:
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
            offers = [distances[v] + cost for v, cost, _ in self._arcs.get(switch, ()) if v in distances]
            if offers:
                heappush(heap, (min(offers), switch))
        for switch, neighbour, _, after in better:
            far = distances.get(neighbour)
            if far is None:
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
            for neighbour, cost, _ in arcs_of(switch, ()):
                known = get(neighbour)
                if known is None or distance + cost < known:
                    heappush(heap, (distance + cost, neighbour))
        return settled

    def _refresh(self, destination: Dpid, switches: set[Dpid], changed: list[Reroute]) -> None:
        """Look at the next hops of ``switches`` again, nearest first, and uphill wherever a tier moved."""
        distances = self._distances[destination]
        hops = self._hops[destination]
        queue: list[tuple[int, Dpid]] = []
        for switch in switches:
            distance = distances.get(switch)
            if distance is not None:
                queue.append((distance, switch))
            elif hops.pop(switch, None) is not None:
                changed.append((switch, destination, None))
        queue.sort()  # a sorted list is a heap
        queued = set(switches)
        fresh: set[Dpid] = set()
        while queue:
            distance, switch = heappop(queue)
            if switch == destination:
                continue
            before = hops.get(switch)
            now = self._choose(switch, distance, distances, hops)
            if now == before:
                continue
            if before is None:
                fresh.add(switch)
            elif destination not in self._risky and self._is_risky(switch, before, now, distances, fresh):
                self._risky[destination] = None
            hops[switch] = now
            changed.append((switch, destination, now))
            if before is None or before.tier != now.tier:
                for neighbour, cost, _ in self._arcs[switch]:
                    if neighbour not in queued and distances.get(neighbour) == distance + cost:
                        queued.add(neighbour)
                        heappush(queue, (distance + cost, neighbour))

    def _is_risky(
        self, switch: Dpid, before: NextHops, now: NextHops, distances: dict[Dpid, int], fresh: set[Dpid]
    ) -> bool:
        """Notes a switch whose next hops were all dead, too."""
        alive = farther = early = False
        for neighbour, _, port in self._arcs[switch]:
            was, is_ = port in before.ports, port in now.ports
            alive |= was
            farther |= was and not is_ and distances[neighbour] >= distances[switch]
            early |= is_ and not was and neighbour in fresh
        if not alive:
            fresh.add(switch)
        return farther or (alive and early)

    def _choose(self, switch: Dpid, distance: int, distances: dict[Dpid, int], hops: dict[Dpid, NextHops]) -> NextHops:
        ports = []
        tier = 0
        for neighbour, cost, port in self._arcs[switch]:
            if distances.get(neighbour, distance) + cost == distance:
                ports.append(port)
                beyond = hops.get(neighbour)
                if beyond is not None and beyond.tier > tier:
                    tier = beyond.tier
        return self._make(tuple(sorted(ports)), tier + (len(ports) > 1))
