"""What all imports of other tools' files share: names for nodes, and what distances tell.

The rules, which docs/topologies.md states for users:

- A node's id becomes the switch's name, with letters of other scripts and signs replaced, cut to nine characters so
  that the names of its interfaces fit, and with a number at its end where names would repeat. What it was is kept as
  the label, unless the file gives one.
- Where both ends of a link have a location, the latency is the great-circle distance at 200,000 km/s, the speed of
  light in fibre, rounded to ten microseconds; the cost is one per ten microseconds.
- Where they have only a place on a drawing, which was made after the operator's map, there is no latency, and the cost
  is the length on the drawing, such that the median link costs ``DEFAULT_COST``.
- What a file says about a link is never replaced.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import chain, count
from math import asin, cos, hypot, radians, sin, sqrt
from statistics import median

from sdn.graph.limits import MAX_COST, is_name
from sdn.model.topology import DEFAULT_COST, Site

EARTH_KM = 6371.0
FIBRE_KM_PER_MS = 200.0
MAX_SHORT = 9
"""Characters of a name that leave two for the number behind ``-eth`` in an interface's name, of 15."""
_UNUSABLE = re.compile(r"[^A-Za-z0-9_.-]+", re.ASCII)


def short_names(ids: Iterable[str]) -> dict[str, str]:
    """Id → a name for the switch, all different; deterministic."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    numbers: dict[str, Iterator[int]] = {}
    for identity in ids:
        plain = unicodedata.normalize("NFKD", identity).encode("ascii", "ignore").decode()
        base = _UNUSABLE.sub("-", plain).strip("-_.")[:MAX_SHORT] or "s"
        # A base goes on counting where it stopped, or many equal ids would cost time with the square of their number.
        numbered = (f"{base[: MAX_SHORT - len(str(n))]}{n}" for n in numbers.setdefault(base, count(2)))
        name = next(name for name in chain([base], numbered) if is_name(name) and name not in taken)
        taken.add(name)
        names[identity] = name
    return names


def great_circle_km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Distance of two places (latitude, longitude in degrees) on a sphere, by the haversine formula."""
    (lat1, lon1), (lat2, lon2) = (tuple(map(radians, place)) for place in (a, b))
    half = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_KM * asin(min(1.0, sqrt(half)))


class Distances:
    """Latency and cost of links between sites. pairs: the ends of all links, for the median length on a drawing."""

    def __init__(self, pairs: Iterable[tuple[Site, Site]]) -> None:
        lengths = [length for a, b in pairs if (length := _drawn(a, b)) is not None]
        self._unit = median(lengths) / DEFAULT_COST if lengths else 0.0

    def row(self, a: Site, b: Site) -> dict[str, str]:
        """The texts of ``latency`` and ``cost``, as far as the sites tell them."""
        if a.location and b.location:
            milliseconds = great_circle_km(a.location, b.location) / FIBRE_KM_PER_MS
            return {"latency": f"{milliseconds:.2f}ms", "cost": _cost(milliseconds * 100)}
        length = _drawn(a, b)
        if length is not None and self._unit:
            return {"cost": _cost(length / self._unit)}
        return {}


def _drawn(a: Site, b: Site) -> float | None:
    return hypot(a.drawn[0] - b.drawn[0], a.drawn[1] - b.drawn[1]) if a.drawn and b.drawn else None


def _cost(value: float) -> str:
    return str(max(1, min(MAX_COST, round(value))))
