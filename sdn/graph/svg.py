"""Topologies as pictures: SVG with deterministic places, made without any library.

A switch is a box with its name and, below, its label; a host is a small round box beside its switch. Links show what
they differ in, and everything about them as a tooltip. Links that would run through another switch, and parallel ones,
are bent. Where very many hosts or very close switches would hide the picture they are counted and become dots.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import atan2, cos, hypot, inf, pi, sin
from statistics import median
from xml.sax.saxutils import escape

from sdn.graph.labels import Labels
from sdn.graph.layout import Point, switch_places
from sdn.model.topology import DeclaredLink, DeclaredTopology, Site

MAX_SIDE = 4000
"""Pixels of the longer side between switches; a picture that would need more is drawn closer."""
MAX_HOSTS_DRAWN = 300
"""Of the whole network, and ``MAX_FAN`` of one switch; more are given as a number."""
MAX_FAN = 8
MAX_LABELS = 200
"""Links with their differences written at them; of more, tooltips tell."""
_LINK = 110
_BOX = 72
_CLOSE = 30
_BEND_CHECKS = 5_000_000
_STYLE = (
    ".paper{fill:#fff}"
    "text{font:11px sans-serif;text-anchor:middle;fill:#1a1a2e}"
    ".site,.mark{font-size:9px;fill:#444}"
    ".caption{font-size:13px;text-anchor:start}"
    ".link{fill:none;stroke:#7a869a;stroke-width:1.6px}.wire{stroke:#c3c9d4}"
    ".switch{fill:#dbe7ff;stroke:#2f5bb7}.host{fill:#fff6df;stroke:#c08a1e}.host+text{font-size:9px}"
)


@dataclass(frozen=True, slots=True)
class Look:
    """How a link is drawn. colour: of SVG, '' for the usual one; note: joins its tooltip."""

    colour: str = ""
    dashed: bool = False
    note: str = ""

    @property
    def style(self) -> str:
        """As an attribute, with a blank before it, or nothing."""
        parts = [f"stroke:{self.colour};stroke-width:3px"] if self.colour else []
        parts += ["stroke-dasharray:5 4"] if self.dashed else []
        return f' style="{";".join(parts)}"' if parts else ""


class _Drawing:
    """One picture: places in pixels, and the elements made from them."""

    def __init__(self, topology: DeclaredTopology, looks: Mapping[DeclaredLink, Look], legend: str) -> None:
        self._topology, self._looks, self._legend = topology, looks, legend
        self._labels = Labels(topology)
        places = switch_places(topology)
        scale, nearest = _scale(topology, places)
        self._places = {name: (x * scale, y * scale) for name, (x, y) in places.items()}
        self._dots = nearest * scale < _CLOSE
        self._hosts_drawn = len(topology.hosts) <= MAX_HOSTS_DRAWN and not self._dots
        self._hosts: dict[str, list[str]] = defaultdict(list)
        for host in topology.hosts:
            self._hosts[host.switch].append(host.name)
        self._directions: dict[str, list[float]] = defaultdict(list)
        self._seen: list[Point] = list(self._places.values())

    def svg(self) -> str:
        links = list(self._links())
        hosts = list(self._host_elements())
        switches = list(self._switch_elements())
        margin = 60
        left, top = (min(point[axis] for point in self._seen) - margin for axis in (0, 1))
        right, bottom = (max(point[axis] for point in self._seen) + margin for axis in (0, 1))
        caption = self._labels.caption + ("" if self._hosts_drawn or not self._hosts else " (hosts: see tooltips)")
        width = max(right - left, 7.5 * max(len(caption), len(self._legend)) + 20)
        height = bottom - top + (50 if self._legend else 30)
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}"'
                f' viewBox="{left:.1f} {top:.1f} {width:.1f} {height:.1f}">',
                f"<title>{escape(caption)}</title>",
                f"<style>{_STYLE}</style>",
                f'<rect class="paper" x="{left:.1f}" y="{top:.1f}" width="100%" height="100%"/>',
                *links,
                *hosts,
                *switches,
                f'<text class="caption" x="{left + 10:.1f}" y="{bottom + 15:.1f}">{escape(caption)}</text>',
                *self._legend_elements(left + 10, bottom + 35),
                "</svg>",
                "",
            ]
        )

    def _legend_elements(self, x: float, y: float) -> Iterator[str]:
        if self._legend:
            yield f'<text class="caption" x="{x:.1f}" y="{y:.1f}">{escape(self._legend)}</text>'

    def _links(self) -> Iterator[str]:
        bundles: dict[frozenset[str], list[DeclaredLink]] = defaultdict(list)
        for link in self._topology.links:
            bundles[frozenset((link.a[0], link.b[0]))].append(link)
        check = len(bundles) * len(self._places) <= _BEND_CHECKS
        marks = []
        for pair, links in bundles.items():
            a, b = (self._places[name] for name in sorted(pair))
            blocked = check and any(
                _beside(place, a, b) < 14 for name, place in self._places.items() if name not in pair
            )
            middle = 0.2 * hypot(b[0] - a[0], b[1] - a[1]) if blocked else 0.0
            for number, link in enumerate(links):
                bend = middle + 26 * (number - (len(links) - 1) / 2)
                yield self._link(link, a, b, bend)
                if len(self._topology.links) <= MAX_LABELS:
                    marks.append(self._mark(link, _bent(a, b, bend / 2)))
            first, second = sorted(pair)
            self._directions[first].append(_angle(a, _bent(a, b, middle)))
            self._directions[second].append(_angle(b, _bent(a, b, middle)))
        yield from marks  # above all links

    def _link(self, link: DeclaredLink, a: Point, b: Point, bend: float) -> str:
        """A line, or a curve whose highest point is half of ``bend`` beside it."""
        control = _bent(a, b, bend)
        self._seen.append(_bent(a, b, bend / 2))
        way = f"Q{_xy(control)} {_xy(b)}" if bend else f"L{_xy(b)}"
        look = self._looks.get(link, Look())
        told = self._labels.full(link) + (f", {look.note}" if look.note else "")
        title = f"<title>{escape(told)}</title>"
        return f'<path class="link"{look.style} d="M{_xy(a)} {way}">{title}</path>'

    def _mark(self, link: DeclaredLink, at: Point) -> str:
        text = self._labels.short(link)
        width = 5 * len(text) + 4
        return (
            f'<rect class="paper" x="{at[0] - width / 2:.1f}" y="{at[1] - 6:.1f}" width="{width}" height="12"/>'
            f'<text class="mark" x="{at[0]:.1f}" y="{at[1] + 3:.1f}">{escape(text)}</text>'
            if text
            else ""
        )

    def _host_elements(self) -> Iterator[str]:
        if not self._hosts_drawn:
            return
        for switch, hosts in self._hosts.items():
            here = self._places[switch]
            names = hosts if len(hosts) <= MAX_FAN else [f"{len(hosts)} hosts"]
            for name, at in zip(names, _around(here, self._directions[switch], len(names)), strict=True):
                self._seen.append(at)
                yield f'<path class="link wire" d="M{_xy(here)} L{_xy(at)}"/>'
                yield _box("host", at, name, 9, f"{name} at {switch}" if name in hosts else ", ".join(hosts[:100]))

    def _switch_elements(self) -> Iterator[str]:
        for name, at in self._places.items():
            label = self._topology.sites.get(name, Site()).label
            hosts = self._hosts.get(name, [])
            title = f"{name}{f' ({label})' if label else ''}: {len(hosts)} hosts"
            if self._dots:
                yield (
                    f'<circle class="switch" cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="4">'
                    f"<title>{escape(title)}</title></circle>"
                )
            else:
                yield _box("switch", at, name, 11, title)
            if label or self._dots:
                below = at[1] + (13 if self._dots else 20)
                yield f'<text class="site" x="{at[0]:.1f}" y="{below:.1f}">{escape((label or name)[:24])}</text>'


def to_svg(topology: DeclaredTopology, looks: Mapping[DeclaredLink, Look] | None = None, legend: str = "") -> str:
    """The topology as an SVG picture; the same topology gives the same bytes. legend: joins the caption."""
    return _Drawing(topology, looks or {}, legend).svg()


def _scale(topology: DeclaredTopology, places: dict[str, Point]) -> tuple[float, float]:
    """Pixels per unit such that links and boxes are well apart; and the distance of the closest switches, in units."""
    lengths = [hypot(*(places[link.a[0]][i] - places[link.b[0]][i] for i in (0, 1))) for link in topology.links]
    nearest = _near(list(places.values()))
    wanted = max(
        _LINK / median(lengths) if lengths and median(lengths) > 0 else 0.0, _BOX / nearest if nearest > 0 else 0.0
    )
    side = max(max(p[axis] for p in places.values()) - min(p[axis] for p in places.values()) for axis in (0, 1))
    return (min(wanted or 1.0, MAX_SIDE / side) if side else 1.0), nearest


def _near(points: list[Point]) -> float:
    """How close switches come: the distance that a tenth of them falls below, among neighbours in a sweep along x."""
    points = sorted(points)
    found = []
    for index, (x, y) in enumerate(points):
        best = inf
        for other in points[index + 1 : index + 200]:
            if other[0] - x >= best:
                break
            best = min(best, hypot(other[0] - x, other[1] - y))
        if 0 < best < inf:
            found.append(best)
    return sorted(found)[len(found) // 10] if found else 0.0


def _beside(point: Point, a: Point, b: Point) -> float:
    """The distance of a point from the line between two others."""
    x, y = b[0] - a[0], b[1] - a[1]
    square = x * x + y * y
    if not square:
        return inf
    share = min(1.0, max(0.0, ((point[0] - a[0]) * x + (point[1] - a[1]) * y) / square))
    return hypot(point[0] - a[0] - share * x, point[1] - a[1] - share * y)


def _bent(a: Point, b: Point, bend: float) -> Point:
    """The point beside the middle of a line, ``bend`` away from it."""
    x, y = b[0] - a[0], b[1] - a[1]
    length = hypot(x, y) or 1.0
    return (a[0] + b[0]) / 2 - y / length * bend, (a[1] + b[1]) / 2 + x / length * bend


def _angle(origin: Point, other: Point) -> float:
    return atan2(other[1] - origin[1], other[0] - origin[0])


def _widest_gap(angles: list[float]) -> tuple[float, float]:
    """Where the widest sector without a link begins, and how wide it is; of equal ones the lowest on the picture."""
    if not angles:
        return 0.0, pi
    turns = sorted(angles)
    gaps = [(start, end - start) for start, end in pairwise([*turns, turns[0] + 2 * pi])]
    return max(gaps, key=lambda gap: (round(gap[1], 3), sin(gap[0] + gap[1] / 2)))


def _around(here: Point, angles: list[float], count: int) -> Iterator[Point]:
    """Places for the hosts of a switch, in the widest sector that its links leave: a fan, or of many two columns."""
    start, gap = _widest_gap(angles)
    middle = start + gap / 2
    if count <= 2:
        step = min(0.75, gap / (count + 1)) * (-1 if sin(middle) > 0 else 1)  # from left to right above and below
        turns = [middle + step * (number - (count - 1) / 2) for number in range(count)]
        yield from ((here[0] + 58 * cos(turn), here[1] + 44 * sin(turn)) for turn in turns)
        return
    x, y = cos(middle), sin(middle)
    along, beside = 20 * abs(y) + 40 * abs(x), 18 * abs(y) + 11 * abs(x)
    for number in range(count):
        reach = 34 + 20 * abs(x) + along * (number // 2)
        side = beside * (number % 2 * 2 - 1) * (-1 if y < 0 else 1)
        yield here[0] + x * reach + y * side, here[1] + y * reach - x * side


def _box(kind: str, at: Point, text: str, size: int, title: str) -> str:
    width, height = 0.62 * size * len(text) + 10, size + 7
    return (
        f'<rect class="{kind}" x="{at[0] - width / 2:.1f}" y="{at[1] - height / 2:.1f}" width="{width:.1f}"'
        f' height="{height}" rx="{3 if kind == "switch" else height // 2}"><title>{escape(title)}</title></rect>'
        f'<text x="{at[0]:.1f}" y="{at[1] + size / 3:.1f}">{escape(text)}</text>'
    )


def _xy(point: Point) -> str:
    return f"{point[0]:.1f},{point[1]:.1f}"
