"""Two paths that share nothing: a primary and the one that protects it.

Two ways to find them. *Together*: the pair whose sum of weights is least (Suurballe 1974, with lower bounds as
potentials as by Suurballe and Tarjan, Networks 14, 1984), exact and fast, but blind for bounds and risk groups. If what
it finds keeps them all, it is the answer. *One by one*, otherwise: the best primary; if nothing protects it, the reason
is a small set of things on it (links, switches, risk groups) that every protecting path would need, so any other
primary must avoid one of them. That is a best-first search over exclusions, which finds the pair with the best primary,
or proves that there is none. It is limited in searches, and reaching the limit is an error of its own.
"""

from __future__ import annotations

from dataclasses import replace
from heapq import heappop, heappush
from typing import NamedTuple

from sdn.model.errors import Exhausted
from sdn.model.ids import Dpid
from sdn.model.request import Exclusion, Inclusion, PathRequest, Protect
from sdn.model.topology import LinkEnd
from sdn.routing.bounded import GIVEN_UP, best_path, distances, total, usable_by, weight_of
from sdn.routing.mesh import Arc, Mesh, Way, path_of

MAX_SEARCHES = 300
"""Of one request; on a network of 750 switches about half a second."""

SHARED = 1 << 62
"""Price of a link or a switch that both paths use, above any sum of weights."""

Pair = tuple[Way, Way]


def best_pair(mesh: Mesh, request: PathRequest, protect: Protect) -> Pair | None:
    """Primary and protecting path, both satisfying the request (what is to be passed or used: the primary
    alone); None when there is none.

    Raises Exhausted when MAX_SEARCHES were not enough to tell.
    """
    if request.source == request.destination:
        return None if best_path(mesh, request) is None else ([], [])
    if not request.via and not len(request.include) and request.only is None:
        pair = together(mesh, request, protect)
        if pair is None:
            return None
        if all(keeps(way, request) for way in pair) and not shares_risk(pair, protect):
            return pair
    return one_by_one(mesh, request, protect)


def keeps(way: Way, request: PathRequest) -> bool:
    """Whether a path keeps the bounds of a request."""
    cost, latency = total(way)
    return (
        (request.max_cost is None or cost <= request.max_cost)
        and (request.max_latency is None or latency <= request.max_latency)
        and (request.max_hops is None or len(way) <= request.max_hops)
    )


def _risks(way: Way) -> frozenset[str]:
    return frozenset(risk for arc in way for risk in arc.link.risk_groups)


def shares_risk(pair: Pair, protect: Protect) -> bool:
    """Whether two paths are in one shared-risk group, where that is not wanted."""
    return protect is Protect.RISK_GROUP and not _risks(pair[0]).isdisjoint(_risks(pair[1]))


# ---- together --------------------------------------------------------------------------------------------------------


def together(mesh: Mesh, request: PathRequest, protect: Protect, *, share: bool = False) -> Pair | None:
    """The pair with the least sum of weights, without looking at bounds and risk groups, the better one first.

    share: among all pairs one that shares as few links (and switches) as it must. O((N + L) log N).
    Protect.RISK_GROUP is treated as Protect.LINK.
    """
    usable, weight = usable_by(request), weight_of(request)
    rest = distances(mesh, request.destination, weight, usable)
    first = _downhill(mesh, request, rest)
    if first is None:
        return None
    second = _Residual(mesh, request, rest, first, protect is Protect.SWITCH, share).path()
    if second is None:
        return None
    ways = _untangle(request.source, first, second)
    better, other = sorted(ways, key=lambda way: (sum(map(weight, way)), [arc.key for arc in way]))
    return better, other


def _downhill(mesh: Mesh, request: PathRequest, rest: dict[Dpid, int]) -> Way | None:
    """The best path, given the distances to the destination."""
    usable, weight = usable_by(request), weight_of(request)
    here = request.source
    way: Way = []
    if here not in rest:
        return None
    while here != request.destination:
        arc = next(a for a in mesh.arcs(here) if usable(a) and rest.get(a.far, -1) + weight(a) == rest[here])
        way.append(arc)
        here = arc.far
    return way


class _State(NamedTuple):
    """Where a way through the residual is. must_go_back: it met the first path at a switch that it may not share."""

    switch: Dpid
    must_go_back: bool


_Came = dict[_State, tuple[_State | None, Arc | None]]


class _Residual:
    """The links without those of a first path, which may be gone back at no cost.

    switches: also its inner switches are not shared. share: both may be shared after all, each at a high price.
    """

    def __init__(
        self, mesh: Mesh, request: PathRequest, rest: dict[Dpid, int], first: Way, switches: bool, share: bool
    ) -> None:
        self._mesh = mesh
        self._request = request
        self._rest = rest
        self._usable = usable_by(request)
        self._weight = weight_of(request)
        self._back = {arc.far: arc.twin for arc in first}
        self._used = {arc.end for arc in first}
        self._inner = {arc.far for arc in first[:-1]} if switches else set()
        self._share = share

    def path(self) -> Way | None:
        """The least way from source to destination; arcs against the first path among it undo that link."""
        start = _State(self._request.source, False)
        heap: list[tuple[int, int, _State, _State | None, Arc | None]] = [(0, 0, start, None, None)]
        came: _Came = {}
        made = 0
        while heap:
            distance, _, state, before, arc = heappop(heap)
            if state in came:
                continue
            came[state] = before, arc
            if state.switch == self._request.destination:
                return _trace(came, state)
            for follower, more, step in reversed(self._followers(state)):
                if follower not in came:
                    made += 1
                    heappush(heap, (distance + more, -made, follower, state, step))
        return None

    def _followers(self, state: _State) -> list[tuple[_State, int, Arc]]:
        found = []
        back = self._back.get(state.switch)
        if back is not None:
            found.append((_State(back.far, False), 0, back))
        if not state.must_go_back:
            for arc in self._mesh.arcs(state.switch):
                if arc.far in self._rest and arc.peer not in self._used and self._usable(arc):
                    found += self._steps(arc)
        return found

    def _steps(self, arc: Arc) -> list[tuple[_State, int, Arc]]:
        more = self._weight(arc) + self._rest[arc.far] - self._rest[arc.near]
        meets = arc.far in self._inner
        used = arc.end in self._used
        steps = [] if used else [(_State(arc.far, meets), more, arc)]
        if self._share and (used or meets):
            steps.append((_State(arc.far, False), more + SHARED * (used + meets), arc))
        return steps


def _trace(came: _Came, state: _State) -> Way:
    way: Way = []
    before, arc = came[state]
    while before is not None and arc is not None:
        way.append(arc)
        before, arc = came[before]
    return way[::-1]


def _untangle(source: Dpid, first: Way, second: Way) -> list[Way]:
    """Two disjoint paths of a path and one through its residual: what is gone in both directions is used by neither.

    Neither passes a switch twice: weights are positive, so the circle would not be in the pair with the least sum.
    """
    undone = {arc.peer for arc in second} & {arc.end for arc in first}
    left: dict[Dpid, list[Arc]] = {}
    for arc in (*first, *second):
        if arc.end not in undone and arc.peer not in undone:
            left.setdefault(arc.near, []).append(arc)
    ways = []
    for _ in range(2):
        here = source
        way: Way = []
        while here in left:
            arc = left[here].pop(0)
            if not left[here]:
                del left[here]
            way.append(arc)
            here = arc.far
        ways.append(way)
    return ways


# ---- one by one ------------------------------------------------------------------------------------------------------


def one_by_one(mesh: Mesh, request: PathRequest, protect: Protect) -> Pair | None:
    """The best primary that can be protected at all, and the best path that protects it; see ``best_pair``."""
    search = _Budget(mesh, MAX_SEARCHES)
    plain = replace(request, via=(), include=Inclusion(), only=None)
    weight = weight_of(request)
    heap: list[tuple[int, int, Exclusion, Way]] = []
    seen: set[Exclusion] = set()
    wanted = [Exclusion()]
    while True:
        for exclude in wanted:
            way = None if exclude in seen else search.path(request, exclude)
            seen.add(exclude)
            if way is not None:
                heappush(heap, (sum(map(weight, way)), len(seen), exclude, way))
        if not heap:
            return None
        _, _, without, primary = heappop(heap)
        backup = search.path(plain, mesh.shared(path_of(request.source, primary), protect))
        if backup is not None:
            return primary, backup
        wanted = [without | one for one in _conflict(search, plain, primary, protect)]


class _Budget:
    """Searches on a mesh, of which there may be only so many."""

    def __init__(self, mesh: Mesh, left: int) -> None:
        self._mesh = mesh
        self._left = left

    def path(self, request: PathRequest, exclude: Exclusion) -> Way | None:
        """As ``best_path``; raises Exhausted when there were too many."""
        if self._left <= 0:
            reason = f"no two paths were found in {MAX_SEARCHES} searches; there may be such a pair"
            raise Exhausted.of("", reason, "Loosen a bound, or name links to exclude.", word=GIVEN_UP)
        self._left -= 1
        return best_path(self._mesh, request, exclude)


def _conflict(search: _Budget, request: PathRequest, primary: Way, protect: Protect) -> list[Exclusion]:
    """A minimal set of things on the primary that cannot all be avoided: a protected primary avoids one of them."""
    parts = _parts(primary, protect)
    index = 0
    while index < len(parts):
        fewer = parts[:index] + parts[index + 1 :]
        if search.path(request, _all_of(fewer)) is None:
            parts = fewer
        else:
            index += 1
    return parts


def _parts(way: Way, protect: Protect) -> list[Exclusion]:
    parts = [Exclusion(links=frozenset({arc.end, arc.peer})) for arc in way]
    if protect is Protect.SWITCH:
        parts += [Exclusion(switches=frozenset({arc.far})) for arc in way[:-1]]
    if protect is Protect.RISK_GROUP:
        parts += [Exclusion(risk_groups=frozenset({risk})) for risk in sorted(_risks(way))]
    return parts


def _all_of(parts: list[Exclusion]) -> Exclusion:
    links: set[LinkEnd] = set()
    switches: set[Dpid] = set()
    risks: set[str] = set()
    for part in parts:
        links |= part.links
        switches |= part.switches
        risks |= part.risk_groups
    return Exclusion(switches=frozenset(switches), links=frozenset(links), risk_groups=frozenset(risks))
