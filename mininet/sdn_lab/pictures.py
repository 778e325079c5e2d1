"""Pictures of results, as SVG: a matrix, the load of links on a drawing of the network, a value over time. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from html import escape

from sdn.graph.layout import Point, switch_places
from sdn.model.topology import DeclaredTopology

from .matrix import Reachability

_COLORS = {"+": "#2e7d32", ".": "#eceff1", "-": "#c62828", "!": "#ef6c00", " ": "#ffffff"}
_MEANING = {"+": "reaches, as it must", ".": "kept apart, as it must be", "-": "does not reach", "!": "must not reach"}
_FONT = 'font-family="sans-serif"'
Load = Mapping[tuple[str, str], int]
"""(switch, switch) in the direction of travel → packets."""


def matrix(found: Reachability, cell: int = 16) -> str:
    """Senders in rows, receivers in columns."""
    width = 12 + 7 * max((len(name) for name in found.order), default=1)
    size = len(found.order) * cell
    parts = []
    for row, a in enumerate(found.order):
        y = width + row * cell
        parts.append(_text((width - 6, y + cell - 4), a, "end"))
        x = width + row * cell + cell - 4
        parts.append(f'<text x="{x}" y="{width - 6}" font-size="11" {_FONT} transform="rotate(-90 {x} {width - 6})">'
                     f"{escape(a)}</text>")  # fmt: skip
        for column, b in enumerate(found.order):
            mark = found.mark((a, b)) if a != b else " "
            title = f"<title>{escape(a)} to {escape(b)}: {_MEANING[mark]}</title>" if mark in _MEANING else ""
            parts.append(f'<rect x="{width + column * cell}" y="{y}" width="{cell - 1}" height="{cell - 1}" '
                         f'fill="{_COLORS[mark]}">{title}</rect>')  # fmt: skip
    return _svg(width + size + 8, width + size + 8, parts)


def network(
    topology: DeclaredTopology, load: Load, cut: Collection[tuple[str, str]] = (), ends: Collection[str] = ()
) -> str:
    """The switches, and how much each link carried. cut: pairs of switches; ends: hosts to be shown."""
    places = _placed(topology)
    most = max(load.values(), default=0)
    parts = []
    broken = {frozenset(pair) for pair in cut}
    for link in topology.links:
        a, b = link.a[0], link.b[0]
        carried = load.get((a, b), 0) + load.get((b, a), 0)
        gone = frozenset((a, b)) in broken
        style = 'stroke="#c62828" stroke-dasharray="4 4"' if gone else f'stroke="{"#1565c0" if carried else "#b0bec5"}"'
        width = 1.5 + (7 * carried / most if most else 0)
        note = f"{a} - {b}: {load.get((a, b), 0)} packets there, {load.get((b, a), 0)} back"
        parts.append(_line(places[a], places[b], f'{style} stroke-width="{width:.1f}"', note))
        if carried:
            middle = tuple((p + q) / 2 for p, q in zip(places[a], places[b], strict=True))
            parts.append(_text((middle[0] + 5, middle[1] - 4), str(carried), "start", "#1565c0"))
    for host in topology.hosts:
        if host.name in ends:
            x, y = places[host.switch]
            parts.append(_text((x, y + 28), host.name, "middle", "#2e7d32"))
    for name, (x, y) in places.items():
        parts.append(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="9" fill="#37474f"><title>{escape(name)}</title></circle>')
        parts.append(_text((x, y - 13), name, "middle"))
    return _svg(680, 420, parts)


def series(values: Sequence[tuple[float, float]], unit: str, marks: Sequence[tuple[float, str]] = ()) -> str:
    """A value over time, in seconds; marks: what happened when."""
    left, top, width, height = 60.0, 24.0, 580.0, 220.0
    end = max([t for t, _ in values] + [t for t, _ in marks] + [1.0])
    most = max([v for _, v in values] + [1e-9]) * 1.1

    def at(t: float, value: float) -> Point:
        return left + t / end * width, top + height - value / most * height

    parts = [
        _line((left, top), (left, top + height), 'stroke="#90a4ae"'),
        _line((left, top + height), (left + width, top + height), 'stroke="#90a4ae"'),
        _text((left - 6, top + 8), f"{most / 1.1:.4g}", "end"),
        _text((left - 6, top + height), "0", "end"),
        _text((left, top - 10), unit, "start"),
        _text((left + width, top + height + 16), f"{end:.1f} s", "end"),
    ]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(t, v) for t, v in values))
    parts.append(f'<polyline points="{points}" fill="none" stroke="#1565c0" stroke-width="2"/>')
    for t, label in marks:
        x, _ = at(t, 0)
        parts.append(_line((x, top), (x, top + height), 'stroke="#c62828" stroke-dasharray="3 3"'))
        parts.append(_text((x + 3, top + 12), label, "start", "#c62828"))
    return _svg(680, 270, parts)


def _placed(topology: DeclaredTopology) -> dict[str, Point]:
    """Places within the picture."""
    places = switch_places(topology)
    spans = []
    for axis in (0, 1):
        values = [place[axis] for place in places.values()]
        spans.append((min(values), max(values) - min(values)))

    def scaled(place: Point) -> Point:
        x, y = ((value - low) / span if span else 0.5 for value, (low, span) in zip(place, spans, strict=True))
        return 60 + 560 * x, 40 + 330 * y

    return {name: scaled(place) for name, place in places.items()}


def _line(a: Point, b: Point, style: str, title: str = "") -> str:
    inside = f"<title>{escape(title)}</title>" if title else ""
    return f'<line x1="{a[0]:.1f}" y1="{a[1]:.1f}" x2="{b[0]:.1f}" y2="{b[1]:.1f}" {style}>{inside}</line>'


def _text(at: Point, text: str, anchor: str, color: str = "#263238") -> str:
    return (
        f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" font-size="11" {_FONT} text-anchor="{anchor}" fill="{color}">'
        f"{escape(text)}</text>"
    )


def _svg(width: float, height: float, parts: Sequence[str]) -> str:
    body = "\n".join(parts)
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" role="img">\n{body}\n</svg>\n'
