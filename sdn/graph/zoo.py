"""From GraphML of the Internet Topology Zoo to the YAML form of topologies.

``python -m sdn.graph.zoo FILE.graphml > topologies/zoo/NAME.yaml`` made the files that ``zoo:NAME`` means.

Rules: every node is a switch with one host, under its id (labels repeat and are long); they become comments. Parallel
links stay, links of a node with itself are left out. Where both ends have coordinates (``Latitude``, ``Longitude``),
latency is the great-circle distance at 200,000 km/s, the speed of light in fibre, and the cost one per ten
microseconds. Where they have only a place on the drawing, which was made after the operator's map, there is no latency,
and the cost is the length on the drawing, such that the median link costs ``DEFAULT_COST``. Else nothing is said.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import count
from math import asin, cos, hypot, radians, sin, sqrt
from pathlib import Path
from statistics import median
from xml.etree import ElementTree

from sdn.graph.files import MAX_BYTES
from sdn.model.errors import InvalidInput, SdnError
from sdn.model.topology import DEFAULT_COST

_GRAPHML = "{http://graphml.graphdrawing.org/xmlns}"
_YFILES = "{http://www.yworks.com/xml/graphml}"
EARTH_KM = 6371.0
FIBRE_KM_PER_MS = 200.0
_MAX_COST = 65535


@dataclass(frozen=True, slots=True)
class _Node:
    name: str
    label: str
    position: tuple[float, float] | None
    """Latitude and longitude, degrees."""
    drawn: tuple[float, float] | None


def great_circle_km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Distance of two places (latitude, longitude in degrees) on a sphere, by the haversine formula."""
    (lat1, lon1), (lat2, lon2) = (tuple(map(radians, place)) for place in (a, b))
    half = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_KM * asin(min(1.0, sqrt(half)))


def convert(text: str, name: str) -> str:
    """The YAML text of a GraphML text. name: of the topology. Raises InvalidInput."""
    if len(text) > MAX_BYTES:
        raise _bad(name, f"larger than {MAX_BYTES} characters", "Give a smaller graph.")
    if "<!DOCTYPE" in text:
        raise _bad(name, "it declares a document type", "Remove the declaration: GraphML needs none.")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise _bad(name, f"not XML: {error}", "Give a GraphML file.") from None
    graph = root.find(f"{_GRAPHML}graph")
    if graph is None:
        raise _bad(name, "no graph in it", "Give a GraphML file.")
    keys = {(key.get("for"), key.get("attr.name")): key.get("id") for key in root.iter(f"{_GRAPHML}key")}
    nodes = _nodes(graph, keys, name)
    edges = _edges(graph, nodes, name)
    about = {what: _data(graph, keys.get(("graph", what))) for what in ("Network", "GeoLocation", "Source")}
    lines = [
        f"# {about['Network'] or name}: {len(nodes)} nodes, {len(edges)} links.",
        "# Nodes and links: The Internet Topology Zoo (http://www.topology-zoo.org/), S. Knight et al., IEEE Journal",
        f"# on Selected Areas in Communications 29(9), 2011; file {name}.graphml"
        + (f", whose own source is {about['Source']}." if about["Source"] else "."),
        "# Made by sdn/graph/zoo.py, which states how latency and cost were found.",
        f"name: {name}",
        "switches:",
        *(f"  - {node.name}" + (f"  # {node.label}" if node.label else "") for node in nodes.values()),
        "links:",
        *_links(edges),
        "hosts:",
        *(f"  - {{name: h{number}, switch: {node.name}}}" for number, node in enumerate(nodes.values(), 1)),
    ]
    return "\n".join(lines) + "\n"


def _nodes(
    graph: ElementTree.Element, keys: dict[tuple[str | None, str | None], str | None], file: str
) -> dict[str, _Node]:
    names = (f"n{number}" for number in count())
    nodes: dict[str, _Node] = {}
    for element in graph.findall(f"{_GRAPHML}node"):
        identity = element.get("id")
        if not identity or identity in nodes:
            raise _bad(file, f"node id {identity!r} is missing or given twice", "Give each node an id of its own.")
        label = _data(element, keys.get(("node", "label")))
        if not label:
            label = next((shown.text or "" for shown in element.iter(f"{_YFILES}NodeLabel")), "")
        place = [_number(_data(element, keys.get(("node", axis)))) for axis in ("Latitude", "Longitude")]
        shape = next(element.iter(f"{_YFILES}Geometry"), None)
        drawn = [None if shape is None else _number(shape.get(axis, "")) for axis in ("x", "y")]
        nodes[identity] = _Node(next(names), " ".join(label.split()), _pair(place), _pair(drawn))
    if not nodes:
        raise _bad(file, "no nodes", "Give a graph with at least one node.")
    return nodes


def _edges(graph: ElementTree.Element, nodes: dict[str, _Node], file: str) -> list[tuple[_Node, _Node]]:
    edges = []
    for element in graph.findall(f"{_GRAPHML}edge"):
        ends = element.get("source", ""), element.get("target", "")
        for end in ends:
            if end not in nodes:
                raise _bad(file, f"edge {element.get('id')} ends at {end!r}, which is no node", "Correct the edge.")
        if ends[0] != ends[1]:
            edges.append((nodes[ends[0]], nodes[ends[1]]))
    return edges


def _links(edges: list[tuple[_Node, _Node]]) -> list[str]:
    drawn = [hypot(a.drawn[0] - b.drawn[0], a.drawn[1] - b.drawn[1]) for a, b in edges if a.drawn and b.drawn]
    unit = median(drawn) / DEFAULT_COST if drawn else 0.0
    lines = []
    for a, b in edges:
        said = ""
        if a.position and b.position:
            milliseconds = great_circle_km(a.position, b.position) / FIBRE_KM_PER_MS
            said = f", latency: {milliseconds:.2f}ms, cost: {_cost(milliseconds * 100)}"
        elif a.drawn and b.drawn and unit:
            said = f", cost: {_cost(hypot(a.drawn[0] - b.drawn[0], a.drawn[1] - b.drawn[1]) / unit)}"
        lines.append(f"  - {{a: {a.name}, b: {b.name}{said}}}")
    return lines


def _cost(value: float) -> int:
    return max(1, min(_MAX_COST, round(value)))


def _data(element: ElementTree.Element, key: str | None) -> str:
    found = (data.text or "" for data in element.findall(f"{_GRAPHML}data") if data.get("key") == key)
    return " ".join(next(found, "").split()) if key else ""


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < 1e9 else None


def _pair(values: list[float | None]) -> tuple[float, float] | None:
    x, y = values
    return None if x is None or y is None else (x, y)


def _bad(file: str, reason: str, remedy: str) -> SdnError:
    return InvalidInput.of(f"{file}.graphml", reason, remedy)


if __name__ == "__main__":
    source = Path(sys.argv[1])
    sys.stdout.write(convert(source.read_text(encoding="utf-8"), source.stem))
