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

from collections.abc import Callable, Iterable, Mapping
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
    """now: who may change at once, in any order. loops: whether a loop is what keeps others from it."""

    now: list[Dpid]
    loops: bool


def plan(
    destination: Dpid,
    wanted: Mapping[Dpid, Heads],
    acting: Callable[[Dpid], Acting],
    distance: Callable[[Dpid], int | None],
) -> Plan:
    """Who of those that want other next hops may have them.

    wanted: by switch, new heads (none: there is no way any more); acting: of any switch but the destination; distance:
    by the new next hops, None where there is no way. O(switches + links) if all may change, else for each that wants.
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

    if not _has_loop(fresh, heads_of):
        return Plan(list(candidates), loops=False)
    left, fresh = fresh, {}
    now = [switch for switch in candidates if switch not in left]
    for switch in sorted(left, key=lambda switch: (distance(switch) or 0, switch)):
        if switch not in reach(left[switch], heads_of):
            fresh[switch] = left[switch]
            now.append(switch)
    return Plan(now, loops=True)


def _has_loop(starts: Iterable[Dpid], heads_of: Callable[[Dpid], Iterable[Dpid]]) -> bool:
    """Whether one can come back to a switch that was met on the way from one of ``starts``."""
    done: set[Dpid] = set()
    for start in starts:
        if start in done:
            continue
        way = {start: iter(heads_of(start))}
        while way:
            switch, rest = next(reversed(way.items()))
            for head in rest:
                if head in way:
                    return True
                if head not in done:
                    way[head] = iter(heads_of(head))
                    break
            else:
                del way[switch]
                done.add(switch)
    return False


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
