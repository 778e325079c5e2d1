"""Changing next hops towards one destination while packets are on their way: which switches may change at once.

Switches take new next hops in any order, and each acts on old ones for a while after it has new ones. So what a packet
may meet is any mixture of old and new, and it is safe exactly when old and new together have no loop: if they have one,
each of its switches could be in just that state. Nor may a switch whose packets arrive send them to one that does not
know yet, or not any more, where they go on.

Where not all may change at once some may. In order of the new distances the first one that is left can always go, as
soon as those before it have settled: from there packets follow new next hops to the end. This is the order of RFC 6976,
section 3, with everything in one round that does no harm together.

Belongs here: the decision for one destination. Must not know: who switches are, what they have confirmed, epochs, time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from sdn.model.ids import Dpid

Heads = frozenset[Dpid]
"""Neighbours that a switch sends to, over links that are alive."""


class Acting(NamedTuple):
    """What a switch may do with a packet at present.

    heads: all it may send to. sure: whether it sends to one of them, whatever it acts upon.
    """

    heads: Heads
    sure: bool


class Plan(NamedTuple):
    """now: who may change at once, in any order; looping: whom a loop keeps from it."""

    now: list[Dpid]
    looping: list[Dpid]


def plan(
    destination: Dpid,
    wanted: Mapping[Dpid, Heads],
    acting: Callable[[Dpid], Acting],
    distance: Callable[[Dpid], int | None],
) -> Plan:
    """Who of those that want other next hops may have them.

    wanted: by switch, new heads (none: there is no way any more); acting: of any switch but the destination; distance:
    by the new next hops, None where there is no way. O(switches + links, times the logarithm of switches).
    """
    known: dict[Dpid, Acting] = {destination: Acting(frozenset(), True)}

    def of(switch: Dpid) -> Acting:
        found = known.get(switch)
        if found is None:
            found = known[switch] = acting(switch)
        return found

    candidates = {
        switch: heads - of(switch).heads
        for switch, heads in wanted.items()
        if not of(switch).sure or all(of(head).sure for head in heads - of(switch).heads)
    }
    fresh = {switch: heads for switch, heads in candidates.items() if heads}

    def heads_of(switch: Dpid) -> Iterable[Dpid]:
        return of(switch).heads | fresh.get(switch, frozenset())

    knots = tangled(fresh, heads_of)
    left = {switch: fresh.pop(switch) for switch in list(fresh) if switch in knots}
    place = _order(knots, lambda switch: of(switch).heads & knots, distance)
    last = len(place)
    looping = [s for s, heads in left.items() if any(place.get(h, last) >= place.get(s, last) for h in heads & knots)]
    late = frozenset(looping)
    return Plan([switch for switch in candidates if switch not in late], looping)


def _order(
    switches: Collection[Dpid], heads_of: Callable[[Dpid], Heads], distance: Callable[[Dpid], int | None]
) -> dict[Dpid, int]:
    """Places in an order in which every switch comes behind its heads, else the nearest first; without those that lead
    to a loop. O(switches + links, times the logarithm of switches)."""
    ahead = {switch: len(heads_of(switch)) for switch in switches}
    tails: dict[Dpid, list[Dpid]] = {}
    for switch in switches:
        for head in heads_of(switch):
            tails.setdefault(head, []).append(switch)
    ready = [(distance(switch) or 0, switch) for switch, count in ahead.items() if not count]
    heapify(ready)
    place: dict[Dpid, int] = {}
    while ready:
        _, switch = heappop(ready)
        place[switch] = len(place)
        for tail in tails.get(switch, ()):
            ahead[tail] -= 1
            if not ahead[tail]:
                heappush(ready, (distance(tail) or 0, tail))
    return place


def tangled(starts: Iterable[Dpid], heads_of: Callable[[Dpid], Iterable[Dpid]]) -> set[Dpid]:
    """Switches on loops that can be reached from ``starts``: members of strongly connected components of more than one
    (R. Tarjan, Depth-first search and linear graph algorithms, 1972). O(switches + links)."""
    order: dict[Dpid, int] = {}
    lowest: dict[Dpid, int] = {}
    open_: dict[Dpid, None] = {}
    found: set[Dpid] = set()
    for start in starts:
        way = [] if start in order else [(start, iter(heads_of(start)))]
        while way:
            switch, rest = way[-1]
            if switch not in order:
                order[switch] = lowest[switch] = len(order)
                open_[switch] = None
            for head in rest:
                if head not in order:
                    way.append((head, iter(heads_of(head))))
                    break
                if head in open_:
                    lowest[switch] = min(lowest[switch], order[head])
            else:
                way.pop()
                if way:
                    lowest[way[-1][0]] = min(lowest[way[-1][0]], lowest[switch])
                if lowest[switch] == order[switch]:
                    component = [open_.popitem()[0]]
                    while component[-1] != switch:
                        component.append(open_.popitem()[0])
                    if len(component) > 1:
                        found.update(component)
    return found


def reach(starts: Iterable[Dpid], heads_of: Callable[[Dpid], Iterable[Dpid]]) -> set[Dpid]:
    """Where packets can come that are at ``starts``, these included. O(switches + links)."""
    stack = list(starts)
    seen = set(stack)
    while stack:
        for head in heads_of(stack.pop()):
            if head not in seen:
                seen.add(head)
                stack.append(head)
    return seen
