"""Networks of SNDlib, the library of test instances for survivable network design, in its XML form.

Rules: every node is a switch with one host, every link one in both directions. The capacity is what is installed
before (``preInstalledModule``), else the largest module on offer. Demands count in one direction; those of nothing are
left out. Values are Mbit/s: that is what the unit, where a file names one, says (``MBITPERSEC``); most name none, and
then only the proportions mean something. Names, latency and cost by the rules of imported.py. SNDlib's own costs are
money, so they are not read, and neither are routings and admissible paths.
"""

from __future__ import annotations

import re
from decimal import Decimal

from sdn.graph.assembly import Assembly
from sdn.graph.imported import Distances, short_names
from sdn.graph.quantities import MAX_CAPACITY, parse_coordinate
from sdn.graph.xmlfile import Element, Place
from sdn.model.topology import DeclaredTopology, Site

_UNIT = "MBITPERSEC"
_NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)


class _File:
    def __init__(self, root: Element, file: str, name: str) -> None:
        self._root = root
        self._file = file
        self._name = name
        self._top = Place(file, root.line, "network")
        if root.tag != "network":
            raise self._top.error("", "not a network of SNDlib", "Give its XML form.")
        unit = root.first("meta", "unit")
        if unit is not None and unit.text != _UNIT:
            raise Place(file, unit.line, "network.meta.unit").error(
                "", f"{unit.text[:40]!r} is not known", f"Convert the values and write {_UNIT}."
            )
        self._names: dict[str, str] = {}
        self._sites: dict[str, Site] = {}

    def topology(self) -> DeclaredTopology:
        assembly = Assembly()
        self._switches(assembly)
        self._links(assembly)
        assembly.hosts_everywhere(self._top)
        self._demands(assembly)
        origin = self._root.first("meta", "origin")
        more = f"; {origin.text}" if origin is not None and origin.text else ""
        source = f"SNDlib (http://sndlib.zib.de/), instance {self._name}{more}"
        return assembly.build(self._top, {"name": self._name, "origin": source})

    def _switches(self, assembly: Assembly) -> None:
        nodes = self._root.first("networkStructure", "nodes")
        if nodes is None:
            raise self._top.error("networkStructure.nodes", "missing", "List the nodes.")
        drawn = nodes.attributes.get("coordinatesType", "geographical") != "geographical"
        elements: dict[str, Element] = {}
        for element in nodes.all("node"):
            identity = element.attributes.get("id", "")
            if not identity or identity in elements:
                place = Place(self._file, element.line, f"node {identity[:40]}".strip())
                raise place.error("id", "missing or given twice", "Give each node an id of its own.")
            elements[identity] = element
        self._names = short_names(elements)
        for identity, element in elements.items():
            place = Place(self._file, element.line, f"node {identity[:40]}")
            row = {"name": self._names[identity], **self._coordinates(place, element, drawn=drawn)}
            if row["name"] != identity:
                row["label"] = identity
            numbers = [float(row[key]) if key in row else None for key in ("latitude", "longitude", "x", "y")]
            self._sites[identity] = Site("", _pair(*numbers[:2]), _pair(*numbers[2:]))
            assembly.switch(place, row)

    def _coordinates(self, place: Place, element: Element, *, drawn: bool) -> dict[str, str]:
        """x is the longitude. On a drawing y grows upwards, and with us downwards."""
        row = {}
        axes = (("x", "x", 10**9), ("y", "y", 10**9)) if drawn else (("y", "latitude", 90), ("x", "longitude", 180))
        for tag, key, most in axes:
            found = element.first("coordinates", tag)
            if found is not None:
                place.lines[tag] = found.line
                try:
                    value = parse_coordinate(found.text, most)
                except ValueError as error:
                    raise place.error(tag, str(error), "Correct the value, or leave the coordinates out.") from None
                row[key] = repr(-value if key == "y" else value)
        return row

    def _links(self, assembly: Assembly) -> None:
        links = self._root.first("networkStructure", "links")
        found = [(self._place(e), e, *self._ends(e)) for e in (links.all("link") if links is not None else ())]
        distances = Distances((self._sites[a], self._sites[b]) for _, _, a, b in found)
        for place, element, a, b in found:
            row = {"a": self._names[a], "b": self._names[b], **distances.row(self._sites[a], self._sites[b])}
            capacity = self._capacity(place, element)
            if capacity:
                row["capacity"] = capacity
            assembly.link(place, row)

    def _capacity(self, place: Place, element: Element) -> str:
        """In bits/s; empty if no module is given."""
        installed = element.first("preInstalledModule", "capacity")
        offered = [module.first("capacity") for module in element.below("addModule")]
        for modules in ([installed], offered):
            values = [self._bits(place, "capacity", module) for module in modules if module is not None]
            if any(values):
                return str(max(values))
        return ""

    def _demands(self, assembly: Assembly) -> None:
        demands = self._root.first("demands")
        for element in demands.all("demand") if demands is not None else ():
            place = self._place(element)
            source, target = self._ends(element)
            value = element.first("demandValue")
            if value is None:
                raise place.error("demandValue", "missing", "Give the demand's bandwidth.")
            unit = element.first("routingUnit")
            factor = self._number(place, "routingUnit", unit) if unit is not None else 1
            bits = int(self._bits(place, "demandValue", value) * factor)
            if bits:
                row = {"from": self._names[source], "to": self._names[target], "bandwidth": str(bits)}
                assembly.demand(place, row)

    def _place(self, element: Element) -> Place:
        return Place(self._file, element.line, f"{element.tag} {element.attributes.get('id', '')[:40]}".strip())

    def _ends(self, element: Element) -> tuple[str, str]:
        ends = []
        for key in ("source", "target"):
            found = element.first(key)
            if found is None or found.text not in self._names:
                named = "missing" if found is None else f"there is no node {found.text[:40]!r}"
                raise self._place(element).error(key, named, "Give the id of a node.")
            ends.append(found.text)
        return ends[0], ends[1]

    def _bits(self, place: Place, key: str, element: Element) -> int:
        return int(self._number(place, key, element) * 10**6)

    def _number(self, place: Place, key: str, element: Element) -> Decimal:
        value = Decimal(element.text) if _NUMBER.fullmatch(element.text) else Decimal(-1)
        if not 0 <= value <= MAX_CAPACITY:
            place.lines[key] = element.line
            raise place.error(key, f"{element.text[:40]!r} is not a number from 0 to 10^15", "Correct the value.")
        return value


def _pair(a: float | None, b: float | None) -> tuple[float, float] | None:
    return None if a is None or b is None else (a, b)


def read_sndlib(root: Element, file: str, name: str) -> DeclaredTopology:
    """The topology of an SNDlib file, with its demands. Raises InvalidInput with file, line and field."""
    return _File(root, file, name).topology()
