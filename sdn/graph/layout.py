"""Where switches and hosts stand on a drawing; deterministic.

In this order: the places on a drawing that all switches have, their locations on the earth, and else a layout that is
computed by stochastic gradient descent on stress (Zheng, Pawar, Goodman: Graph Drawing by Stochastic Gradient Descent,
IEEE TVCG 25(9), 2019): distances on paper become like distances in hops. The libraries for it need NumPy, which nothing
else in a plain installation needs. Beyond ``MAX_COMPUTED`` switches they stand on a circle.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import combinations
from math import cos, exp, hypot, log, pi, radians, sin
from random import Random

from sdn.model.topology import DeclaredTopology

Point = tuple[float, float]
MAX_COMPUTED = 500
"""Switches; the time grows with the square of their number, to some five seconds."""
_ROUNDS = 30


def switch_places(topology: DeclaredTopology) -> dict[str, Point]:
    """Switch → x to the right and y downwards, in any unit."""
    sites = [topology.sites.get(name) for name in topology.switches]
    drawn = [site.drawn for site in sites if site is not None and site.drawn is not None]
    if len(drawn) == len(sites):
        return dict(zip(topology.switches, drawn, strict=True))
    located = [site.location for site in sites if site is not None and site.location is not None]
    if len(located) == len(sites):
        return dict(zip(topology.switches, _map(located), strict=True))
    if len(topology.switches) > MAX_COMPUTED:
        return dict(zip(topology.switches, _circle(len(topology.switches)), strict=True))
    return _computed(topology)


def _map(locations: list[tuple[float, float]]) -> Iterable[Point]:
    """An equirectangular projection, true to scale at the middle latitude."""
    latitudes = [latitude for latitude, _ in locations]
    narrow = max(0.1, cos(radians((min(latitudes) + max(latitudes)) / 2)))
    return [(longitude * narrow, -latitude) for latitude, longitude in locations]


def _circle(count: int) -> list[Point]:
    turns = [2 * pi * i / count for i in range(count)]
    return [(count * sin(turn) / (2 * pi), -count * cos(turn) / (2 * pi)) for turn in turns]


def _computed(topology: DeclaredTopology) -> dict[str, Point]:
    names = list(topology.switches)
    hops = _hops(topology)
    places = [list(point) for point in _circle(len(names))]
    pairs = [(i, j, float(hops[i][j])) for i, j in combinations(range(len(names)), 2)]
    longest = max((distance for _, _, distance in pairs), default=1.0)
    random = Random(0)  # the same drawing for the same topology
    # A pair's weight is 1/distance²; steps shrink from that which moves the farthest pair fully to a tenth for the
    # nearest one.
    first, last = longest**2, 0.1
    for turn in range(_ROUNDS):
        step = first * exp(log(last / first) * turn / (_ROUNDS - 1))
        random.shuffle(pairs)
        for i, j, distance in pairs:
            _pull(places[i], places[j], distance, min(1.0, step / distance**2))
    return {name: (x, y) for name, (x, y) in zip(names, places, strict=True)}


def _pull(a: list[float], b: list[float], distance: float, share: float) -> None:
    """Move two points towards their distance by a share of what is missing."""
    x, y = a[0] - b[0], a[1] - b[1]
    length = hypot(x, y) or 1e-9
    factor = share * (length - distance) / (2 * length)
    a[0] -= factor * x
    a[1] -= factor * y
    b[0] += factor * x
    b[1] += factor * y


def _hops(topology: DeclaredTopology) -> list[list[int]]:
    """Hops between all pairs; between separate parts two more than the farthest pair has."""
    index = {name: number for number, name in enumerate(topology.switches)}
    neighbours: list[list[int]] = [[] for _ in index]
    for link in topology.links:
        a, b = index[link.a[0]], index[link.b[0]]
        neighbours[a].append(b)
        neighbours[b].append(a)
    rows = []
    for start in range(len(index)):
        row = [-1] * len(index)
        row[start] = 0
        queue = deque([start])
        while queue:
            here = queue.popleft()
            for there in neighbours[here]:
                if row[there] < 0:
                    row[there] = row[here] + 1
                    queue.append(there)
        rows.append(row)
    apart = max(map(max, rows)) + 2
    return [[hops if hops >= 0 else apart for hops in row] for row in rows]
