"""The k best paths that satisfy a request, in order (Yen, Management Science 17, 1971, with Lawler's addition of 1972).

Each further path leaves one already found at some switch; the best of these continuations is searched with the part
before that switch kept, and with what that part has used up taken off the bounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from heapq import heappop, heappush

from sdn.model.ids import Dpid
from sdn.model.request import Exclusion, PathRequest
from sdn.model.topology import LinkEnd
from sdn.routing.bounded import best_path, total, weight_of
from sdn.routing.goals import still_to_use
from sdn.routing.mesh import Mesh, Way


def best_paths(mesh: Mesh, request: PathRequest) -> Iterator[Way]:
    """All paths that satisfy a request, the best first, one at a time; equal ones by their (switch, port) sequence.

    Each costs at most as many searches as it has links. Raises Exhausted as ``best_path``.
    """
    first = best_path(mesh, request)
    if first is None:
        return
    if not first:
        yield first
        return
    weight = weight_of(request)
    heap = [_Candidate(sum(map(weight, first)), first, 0)]
    found: list[Way] = []
    seen = {_name(first)}
    while heap:
        best = heappop(heap)
        yield best.way
        found.append(best.way)
        for index in range(best.leaves_at, len(best.way)):
            way = _continuation(mesh, request, best.way[:index], found)
            if way is not None and _name(way) not in seen:
                seen.add(_name(way))
                heappush(heap, _Candidate(sum(map(weight, way)), way, index))


class _Candidate:
    """A path that leaves its parent behind ``leaves_at`` links."""

    __slots__ = ("leaves_at", "rank", "way")

    def __init__(self, weight: int, way: Way, leaves_at: int) -> None:
        self.rank = (weight, [arc.key for arc in way])
        self.way = way
        self.leaves_at = leaves_at

    def __lt__(self, other: _Candidate) -> bool:
        return self.rank < other.rank


def _name(way: Way) -> tuple[LinkEnd, ...]:
    return tuple(arc.end for arc in way)


def _continuation(mesh: Mesh, request: PathRequest, root: Way, found: list[Way]) -> Way | None:
    """The best path that begins with ``root`` and leaves it otherwise than those found."""
    passed = [request.source, *(arc.far for arc in root)]
    taken = {way[len(root)].end for way in found if len(way) > len(root) and way[: len(root)] == root}
    cost, latency = total(root)
    rest = replace(
        request,
        source=passed[-1],
        via=_still_to_pass(request.via, passed),
        include=still_to_use(request.include, request.source, root),
        max_cost=_less(request.max_cost, cost),
        max_latency=_less(request.max_latency, latency),
        max_hops=_less(request.max_hops, len(root)),
    )
    end = best_path(mesh, rest, Exclusion(switches=frozenset(passed[:-1]), links=frozenset(taken)))
    return None if end is None else root + end


def _less(bound: int | None, used: int) -> int | None:
    return None if bound is None else bound - used


def _still_to_pass(via: tuple[Dpid, ...], passed: list[Dpid]) -> tuple[Dpid, ...]:
    at = 0
    for switch in passed:
        while at < len(via) and via[at] == switch:
            at += 1
    return via[at:]
