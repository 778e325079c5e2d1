"""The best path that satisfies a request: exact, by labels with lower bounds.

First the distances *to* the destination in each metric that matters, over the links that the request may use
(Dijkstra). Then labels from the source, best first by what they have and at least need (A*); a label is dropped when a
bound cannot be kept, or when another label at the same switch is no worse in anything. Because the lower bounds are
exact in each metric alone, mostly the labels of one path are made. The problem with two metrics is NP-hard, so there is
a limit to the labels, and reaching it is an error of its own, never "there is no path".
Source: Dumitrescu and Boland, Networks 42 (2003), "Improved preprocessing, labeling and scaling algorithms for the
weight-constrained shortest path problem".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heappop, heappush

from sdn.model.errors import Exhausted
from sdn.model.ids import Dpid
from sdn.model.request import Exclusion, PathRequest, Strategy
from sdn.routing.goals import Goals
from sdn.routing.mesh import HOP, HOP_BITS, Arc, Mesh, Way

MAX_LABELS = 20_000
"""Of one search; about a tenth of a second."""
GIVEN_UP = "SearchGivenUp"
"""The word for a search that was given up: there may be a path."""

Weight = Callable[[Arc], int]
Usable = Callable[[Arc], bool]
Distances = dict[Dpid, int]


class _Label:
    """A way from the source. values: sums by metric; layer: how many waypoints are passed; left: goals not met yet."""

    __slots__ = ("arc", "before", "layer", "left", "switch", "values")

    def __init__(
        self, switch: Dpid, layer: int, values: tuple[int, ...], left: int, before: _Label | None, arc: Arc | None
    ) -> None:
        self.switch, self.layer, self.values, self.left = switch, layer, values, left
        self.before, self.arc = before, arc

    def visits(self, switch: Dpid) -> bool:
        """Whether the way passes a switch."""
        label: _Label | None = self
        while label is not None:
            if label.switch == switch:
                return True
            label = label.before
        return False

    def way(self) -> Way:
        """The arcs from the source."""
        arcs: Way = []
        label: _Label | None = self
        while label is not None and label.arc is not None:
            arcs.append(label.arc)
            label = label.before
        return arcs[::-1]


def weight_of(request: PathRequest) -> Weight:
    """What is least on the best path."""
    weight, prefer = _weight_of(request), request.prefer
    if not prefer:
        return weight
    return lambda arc: HOP if arc.end in prefer or arc.peer in prefer else weight(arc)


def _weight_of(request: PathRequest) -> Weight:
    match request.strategy:
        case Strategy.COST:
            return lambda arc: arc.by_cost
        case Strategy.LATENCY:
            return lambda arc: arc.by_latency
    forward, backward = request.forward, request.backward

    def fullness(arc: Arc) -> int:
        there, back = arc.room, arc.twin.room
        per_mille = max(
            1000 * (there.reserved + forward) // max(1, there.limit),
            1000 * (back.reserved + backward) // max(1, back.limit),
        )
        return per_mille << HOP_BITS | HOP

    return fullness


def usable_by(request: PathRequest, also: Exclusion | None = None) -> Usable:
    """Whether an arc, taken forwards, may be part of the path. also: excluded besides."""
    exclude = request.exclude if also is None else request.exclude | also
    forward, backward = request.forward, request.backward
    switches, links, risks = exclude.switches, exclude.links, exclude.risk_groups
    only = request.only

    def usable(arc: Arc) -> bool:
        if arc.room.free < forward or arc.twin.room.free < backward or arc.far in switches or arc.near in switches:
            return False
        if links and (arc.end in links or arc.peer in links):
            return False
        if only is not None and arc.end not in only:
            return False
        return not risks or risks.isdisjoint(arc.link.risk_groups)

    return usable


def distances(mesh: Mesh, target: Dpid, weight: Weight, usable: Usable) -> Distances:
    """From every switch that has a way to ``target``, the least sum of weights. O((N + L) log N)."""
    return _distances(mesh, [(0, target)], weight, usable)


def _distances(mesh: Mesh, heap: list[tuple[int, Dpid]], weight: Weight, usable: Usable) -> Distances:
    """heap: targets, each with what is still to come behind it."""
    found: Distances = {}
    arcs = mesh.arcs
    while heap:
        distance, switch = heappop(heap)
        if switch in found:
            continue
        found[switch] = distance
        for arc in arcs(switch):
            if arc.far not in found and usable(arc.twin):
                heappush(heap, (distance + weight(arc.twin), arc.far))
    return found


class Search:
    """One request, over the links as they are now. also: excluded besides what the request excludes."""

    def __init__(self, mesh: Mesh, request: PathRequest, also: Exclusion | None = None) -> None:
        self._mesh = mesh
        self._request = request
        self._usable = usable_by(request, also)
        self._weights: list[Weight] = [weight_of(request)]
        self._limits: list[int | None] = [None]
        for limit, strategy, weight in (
            (request.max_cost, Strategy.COST, _cost),
            (request.max_latency, Strategy.LATENCY, _latency),
            (request.max_hops, None, _hop),
        ):
            if limit is None:
                continue
            most = (limit + 1 << HOP_BITS) - 1
            if strategy is request.strategy and not request.prefer:
                self._limits[0] = most
            else:
                self._weights.append(weight)
                self._limits.append(most)
        self._targets = (*request.via, request.destination)
        self._bounds: list[list[Distances]] = []
        self._goals = Goals(mesh, request.include)
        self._goal_bounds: list[list[Distances]] = []
        """By metric, and by the goals that are left: see ``_collecting``."""

    def best(self) -> Way | None:
        """The best path; None when there is none. Raises Exhausted when MAX_LABELS were not enough to tell.

        With waypoints, and only when that many were not enough, it may be a path that is not the best.
        """
        if not self._prepare():
            return None
        if not self._request.via and not self._goals.all:
            return self._run(prune=True)
        # With waypoints a way that is dominated may be the only one that does not pass a switch twice.
        try:
            return self._run(prune=False)
        except Exhausted:
            way = self._run(prune=True)
            if way is None:
                raise
            return way

    def _prepare(self) -> bool:
        """Lower bounds by metric and layer: from a switch over the waypoints left. Whether a way is possible."""
        stops = (self._request.source, *self._targets)
        for weight in self._weights:
            legs = [distances(self._mesh, target, weight, self._usable) for target in self._targets]
            rest = 0
            for index in reversed(range(len(legs))):
                if stops[index] not in legs[index]:
                    return False
                if rest:
                    legs[index] = {switch: there + rest for switch, there in legs[index].items()}
                rest = legs[index][stops[index]]
            self._bounds.append(legs)
            self._goal_bounds.append(self._collecting(weight, legs[-1]))
        left = self._goals.at_start(self._request.source)
        return all(self._request.source in bounds[left] for bounds in self._goal_bounds)

    def _collecting(self, weight: Weight, rest: Distances) -> list[Distances]:
        """For each set of goals, from every switch over all of them to the destination, in whatever order is least.

        rest: without any. O(2^goals * distances).
        """
        found = [rest]
        for left in range(1, self._goals.all + 1):
            heap = []
            for arc in self._goals.arcs(left):
                behind = found[left & ~self._goals.met(arc)].get(arc.far)
                if behind is not None and self._usable(arc):
                    heap.append((weight(arc) + behind, arc.near))
            found.append(_distances(self._mesh, sorted(heap), weight, self._usable))
        return found

    def _run(self, prune: bool) -> Way | None:
        left = self._goals.at_start(self._request.source)
        start = self._at_waypoints(_Label(self._request.source, 0, (0,) * len(self._weights), left, None, None))
        heap: list[tuple[int, int, _Label]] = [(0, 0, start)]
        settled: _Settled = {}
        made = 0
        while heap:
            _, _, label = heappop(heap)
            if label.switch == self._request.destination:
                return label.way()
            if prune and _dominated(label, settled):
                continue
            # Those made last go first, and of these the first neighbour: the least sequence of (switch, port) wins.
            for follower in reversed(list(self._followers(label))):
                made += 1
                least = self._bounds[0][follower.layer][follower.switch]
                if follower.left:
                    least = max(least, self._goal_bounds[0][follower.left][follower.switch])
                least += follower.values[0]
                heappush(heap, (least, -made, follower))
            if made > MAX_LABELS:
                raise _gave_up()
        return None

    def _followers(self, label: _Label) -> Iterable[_Label]:
        for arc in self._mesh.arcs(label.switch):
            if not self._usable(arc) or label.visits(arc.far):
                continue
            values = tuple(value + weight(arc) for value, weight in zip(label.values, self._weights, strict=True))
            left = label.left & ~self._goals.met(arc) if label.left else 0
            follower = self._at_waypoints(_Label(arc.far, label.layer, values, left, label, arc))
            if self._promising(follower):
                yield follower

    def _at_waypoints(self, label: _Label) -> _Label:
        while label.layer < len(self._targets) - 1 and label.switch == self._targets[label.layer]:
            label.layer += 1
        return label

    def _promising(self, label: _Label) -> bool:
        if label.switch == self._request.destination and (label.left or label.layer < len(self._targets) - 1):
            return False  # it ends here, and would have to come again
        metrics = zip(label.values, self._limits, self._bounds, self._goal_bounds, strict=True)
        for value, limit, legs, collecting in metrics:
            least = legs[label.layer].get(label.switch)
            if least is not None and label.left:
                least = _greater(least, collecting[label.left].get(label.switch))
            if least is None or (limit is not None and value + least > limit):
                return False
        return True


def _greater(one: int, two: int | None) -> int | None:
    return None if two is None else max(one, two)


def _cost(arc: Arc) -> int:
    return arc.by_cost


def _latency(arc: Arc) -> int:
    return arc.by_latency


def _hop(_: Arc) -> int:
    return HOP << HOP_BITS | HOP


_Settled = dict[tuple[Dpid, int, int], list[tuple[int, ...]]]


def _dominated(label: _Label, settled: _Settled) -> bool:
    before = settled.setdefault((label.switch, label.layer, label.left), [])
    for values in before:
        if all(other <= own for other, own in zip(values, label.values, strict=True)):
            return True
    before.append(label.values)
    return False


def _gave_up() -> Exception:
    reason = f"the search was given up after {MAX_LABELS} partial paths; there may be a path"
    return Exhausted.of("", reason, "Loosen a bound, or name switches to pass or to exclude.", word=GIVEN_UP)


def best_path(mesh: Mesh, request: PathRequest, also: Exclusion | None = None) -> Way | None:
    """The best path for a request, see ``Search.best``; the empty one when both switches are the same."""
    if request.source == request.destination:
        stays = set(request.via) | set(request.include.switches) <= {request.source}
        return [] if stays and not request.include.links and not request.include.risk_groups else None
    ends = {request.source, request.destination}
    if ends & (request.exclude.switches | (also.switches if also else frozenset())):
        return None
    return Search(mesh, request, also).best()


def total(way: Way) -> tuple[int, int]:
    """(cost, latency in microseconds) of a path."""
    return sum(arc.link.cost for arc in way), sum(arc.link.latency for arc in way)
