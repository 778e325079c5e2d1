"""All shortest paths between two switches, for people who ask: computed when asked, from the links."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush

from sdn.model.ids import Dpid
from sdn.model.route import Path
from sdn.model.topology import Link

_Arc = tuple[Dpid, int, int, int]
"""(neighbour, cost, own port, neighbour's port)."""
_Arcs = dict[Dpid, list[_Arc]]


def shortest_paths(links: Iterable[Link], source: Dpid, destination: Dpid, limit: int) -> list[Path]:
    """The shortest paths between any two switches, ordered by the out ports along them; at most ``limit``.

    One empty path when both are the same; no paths when there is no way. O(L log N + limit · length · ports) for L
    links and N switches.
    """
    if limit <= 0:
        return []
    arcs = _arcs(links)
    distances = _distances(arcs, destination)
    found: list[Path] = []
    if source in distances:
        for path in _walk(arcs, source, destination, distances):
            found.append(path)
            if len(found) == limit:
                break
    return found


def _arcs(links: Iterable[Link]) -> _Arcs:
    arcs: _Arcs = {}
    for link in links:
        for near, far in ((link.a, link.b), (link.b, link.a)):
            if near.dpid != far.dpid:
                arcs.setdefault(near.dpid, []).append((far.dpid, link.cost, near.port, far.port))
    return arcs


def _distances(arcs: _Arcs, destination: Dpid) -> dict[Dpid, int]:
    """Dijkstra from the destination; links cost the same in both directions."""
    distances: dict[Dpid, int] = {}
    heap = [(0, destination)]
    while heap:
        distance, switch = heappop(heap)
        if switch in distances:
            continue
        distances[switch] = distance
        for neighbour, cost, _, _ in arcs.get(switch, ()):
            if neighbour not in distances:
                heappush(heap, (distance + cost, neighbour))
    return distances


def _walk(arcs: _Arcs, source: Dpid, destination: Dpid, distances: dict[Dpid, int]) -> Iterator[Path]:
    """All shortest paths, depth first; every branch ends at the destination, so nothing is searched in vain."""
    switches = [source]
    links: list[tuple[int, int]] = []
    stack = [iter(_downhill(arcs, source, distances))]
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
            stack.append(iter(_downhill(arcs, arc[0], distances)))


def _downhill(arcs: _Arcs, switch: Dpid, distances: dict[Dpid, int]) -> list[_Arc]:
    here = distances[switch]
    down = [arc for arc in arcs.get(switch, ()) if distances.get(arc[0], here) + arc[1] == here]
    return sorted(down, key=lambda arc: arc[2])
