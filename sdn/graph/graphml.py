"""GraphML: what we write ourselves (markup.py), files of the Internet Topology Zoo, and those of other tools.

Rules: every node is a switch with one host, unless the file says which nodes are hosts, as ours do; every edge is one
link in both directions, parallel ones too, but edges of a node with itself are left out, which is remarked. Names,
latency and cost by the rules of imported.py. Known attributes (``attr.name``, in any case):

node   kind (switch or host), dpid, ports, label, latitude, longitude, x, y
edge   capacity or LinkSpeedRaw (bits/s), latency (microseconds), cost, risk_groups, source_interface, target_interface
graph  name, description, origin, demands; Network, GeoLocation, Source, Creator of the Topology Zoo

yFiles, the editor of the Topology Zoo's authors, adds a label and a place on the drawing. Nested graphs, hyperedges and
several graphs in one file have no meaning for us and are refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from sdn.graph.assembly import Assembly
from sdn.graph.imported import Distances, short_names
from sdn.graph.quantities import MAX_COORDINATE, parse_coordinate
from sdn.graph.xmlfile import Element, Place
from sdn.model.errors import SdnError
from sdn.model.topology import DeclaredTopology, Site

Remark = Callable[[str], None]
_ONE_GRAPH = "Give one graph of nodes and edges."
_AXES = ((("latitude", 90), ("longitude", 180)), (("x", MAX_COORDINATE), ("y", MAX_COORDINATE)))
"""Coordinates that come in pairs, and the largest value of each."""
_DRAWN_DECIMALS = 2
"""Kept of places on a yFiles drawing, which are given to a millionth of a pixel."""


class _Data:
    """The attributes of an element by their names in lower case, and where each stands."""

    def __init__(self, file: str, element: Element, name: str, keys: dict[str, tuple[str, str]]) -> None:
        self.values: dict[str, str] = {}
        self.place = Place(file, element.line, name)
        for data in element.all("data"):
            key = data.attributes.get("key", "")
            if key not in keys:
                reason = f"key {key[:40]!r} is not declared"
                raise Place(file, data.line, name).error("data", reason, "Add a <key> element for it.")
            kind, attribute = keys[key]
            if kind in (element.tag, "all") and attribute and data.text:
                self.values[attribute] = data.text
                self.place.lines[attribute] = data.line

    def row(self, *keys: str) -> dict[str, str]:
        return {key: self.values[key] for key in keys if key in self.values}


class _Node:
    """A node: its attributes, and for switches a row of the assembly."""

    def __init__(self, data: _Data, element: Element, identity: str) -> None:
        self.data = data
        self.id = identity
        self.kind = data.values.get("kind", "")
        self.name = identity
        label = data.values.get("label", "") or next((shown.text for shown in element.below("NodeLabel")), "")
        self.row = {**data.row("dpid", "latitude", "longitude", "x", "y"), "label": label}
        shape = next(element.below("Geometry"), None)
        if shape is not None and "x" not in self.row and "y" not in self.row:
            self.row |= {axis: shape.attributes[axis] for axis in ("x", "y") if axis in shape.attributes}
            data.place.lines.update(x=shape.line, y=shape.line)
            self.site = self._site()
            self.row |= {
                axis: repr(round(float(self.row[axis]), _DRAWN_DECIMALS)) for axis in ("x", "y") if axis in self.row
            }
        else:
            self.site = self._site()

    def _site(self) -> Site:
        """Where the node is, for distances."""
        pairs: list[tuple[float, float] | None] = []
        for axes in _AXES:
            values = [self._coordinate(key, most) for key, most in axes if key in self.row]
            pairs.append((values[0], values[1]) if len(values) == len(axes) else None)
        return Site("", *pairs)

    def _coordinate(self, key: str, most: float) -> float:
        try:
            return parse_coordinate(self.row[key], most)
        except ValueError as error:
            raise self.data.place.error(key, str(error), "Correct the value, or leave it out.") from None


class _File:
    """One GraphML file on its way into an assembly."""

    def __init__(self, root: Element, file: str, name: str, remark: Remark) -> None:
        self._file = file
        self._name = name
        self._remark = remark
        graphs = list(root.all("graph"))
        if root.tag != "graphml" or len(graphs) != 1:
            reason = "not GraphML" if root.tag != "graphml" else f"it holds {len(graphs)} graphs"
            raise Place(file, root.line, "").error("", reason, _ONE_GRAPH)
        self._graph = graphs[0]
        for tag in ("hyperedge", "graph"):
            for element in self._graph.below(tag):
                reason = {"hyperedge": "hyperedges are not supported", "graph": "nested graphs are not supported"}[tag]
                raise Place(file, element.line, tag).error("", reason, _ONE_GRAPH)
        self._keys = {
            key.attributes.get("id", ""): (
                key.attributes.get("for", "all"),
                key.attributes.get("attr.name", "").lower(),
            )
            for key in root.all("key")
        }
        self._about = _Data(file, self._graph, "graph", self._keys)
        self._nodes = self._read_nodes()
        self._ours = any(node.kind in ("switch", "host") for node in self._nodes.values())

    def topology(self) -> DeclaredTopology:
        """The topology of the file."""
        assembly = Assembly()
        self._add_switches(assembly)
        self._add_edges(assembly)
        if not self._ours:
            assembly.hosts_everywhere(self._about.place)
        self._add_demands(assembly)
        return assembly.build(self._about.place, self._texts())

    def _read_nodes(self) -> dict[str, _Node]:
        nodes: dict[str, _Node] = {}
        for element in self._graph.all("node"):
            identity = element.attributes.get("id", "")
            place = Place(self._file, element.line, f"node {identity[:40]}".strip())
            if not identity or identity in nodes:
                raise place.error("id", "missing or given twice", "Give each node an id of its own.")
            nodes[identity] = _Node(_Data(self._file, element, place.name, self._keys), element, identity)
        if not nodes:
            place = Place(self._file, self._graph.line, "graph")
            raise place.error("", "no nodes", "Give a graph with at least one node.")
        return nodes

    def _add_switches(self, assembly: Assembly) -> None:
        """Nodes that have a datapath id keep their id as name: they come from us."""
        foreign = [node.id for node in self._nodes.values() if "dpid" not in node.row and node.kind != "host"]
        names = short_names(foreign)
        for node in self._nodes.values():
            if self._ours and node.kind == "host":
                continue
            node.name = names.get(node.id, node.id)
            if not node.row["label"]:
                del node.row["label"]
                if node.name != node.id:
                    node.row["label"] = node.id
            ports = tuple(node.data.values.get("ports", "").split())
            assembly.switch(node.data.place, {"name": node.name, **node.row}, ports)

    def _add_edges(self, assembly: Assembly) -> None:
        edges = [self._edge(element) for element in self._graph.all("edge")]
        links = [(data, a, b) for data, a, b in edges if not self._is_host(a) and not self._is_host(b) and a is not b]
        distances = Distances((a.site, b.site) for _, a, b in links)
        loops = sum(a is b for _, a, b in edges)
        if loops:
            self._remark(f"{self._file}: {loops} edges of a node with itself are left out")
        for data, a, b in links:
            row = distances.row(a.site, b.site) | self._quantities(data)
            for key, node, attribute in (("a", a, "source_interface"), ("b", b, "target_interface")):
                row[key] = ":".join((node.name, *data.row(attribute).values()))
                data.place.lines[key] = data.place.lines.get(attribute, data.place.line)
            assembly.link(data.place, row, _risk_groups(data))
        if self._ours:
            self._add_hosts(assembly, [edge for edge in edges if self._is_host(edge[1]) or self._is_host(edge[2])])

    def _add_hosts(self, assembly: Assembly, edges: list[tuple[_Data, _Node, _Node]]) -> None:
        homes: dict[str, tuple[str, str]] = {}
        for data, a, b in edges:
            host, switch, attribute = (a, b, "target_interface") if self._is_host(a) else (b, a, "source_interface")
            if self._is_host(switch) or host.id in homes:
                raise data.place.error("", f"host {host.id[:40]} has several links", "Join each host to one switch.")
            homes[host.id] = (switch.name, data.values.get(attribute, ""))
        for node in self._nodes.values():
            if self._is_host(node):
                if node.id not in homes:
                    raise node.data.place.error("", "a host without a link", "Join each host to one switch.")
                switch_name, interface = homes[node.id]
                row = {"name": node.name, "switch": switch_name, "interface": interface}
                assembly.host(node.data.place, {key: text for key, text in row.items() if text})

    def _is_host(self, node: _Node) -> bool:
        return self._ours and node.kind == "host"

    def _edge(self, element: Element) -> tuple[_Data, _Node, _Node]:
        identity = element.attributes.get("id", "")
        data = _Data(self._file, element, f"edge {identity[:40]}".strip(), self._keys)
        ends = []
        for key in ("source", "target"):
            end = element.attributes.get(key, "")
            if end not in self._nodes:
                raise data.place.error(key, f"there is no node {end[:40]!r}", "Give the id of a node.")
            ends.append(self._nodes[end])
        return data, ends[0], ends[1]

    def _quantities(self, data: _Data) -> dict[str, str]:
        """What an edge says, with microseconds where a latency has no unit."""
        row = data.row("capacity", "latency", "cost")
        if "linkspeedraw" in data.values:
            row.setdefault("capacity", data.values["linkspeedraw"])
            data.place.lines.setdefault("capacity", data.place.lines["linkspeedraw"])
        if row.get("latency", "").replace(".", "").isdigit():
            row["latency"] += "us"
        return row

    def _add_demands(self, assembly: Assembly) -> None:
        text = self._about.values.get("demands")
        if text is None:
            return
        remedy = 'Write it as [["SWITCH", "SWITCH", BITS_PER_SECOND], …].'
        try:
            demands = json.loads(text)
            rows = [dict(zip(("from", "to", "bandwidth"), map(str, demand), strict=True)) for demand in demands]
        except (ValueError, TypeError, RecursionError):
            raise self._about.place.error("demands", "not a list of demands", remedy) from None
        for row in rows:
            assembly.demand(_Within(self._about.place, "demands"), row)

    def _texts(self) -> dict[str, str]:
        """The row about the whole: ours, or what the Topology Zoo says about a network."""
        about = self._about.values
        row = {"name": self._name, **self._about.row("name", "description", "origin")}
        if "description" not in row and "network" in about:
            place = about.get("geolocation", "")
            row["description"] = about["network"] + (f" ({place})" if place else "")
        if "origin" not in row and about.get("creator", "").startswith("Topology Zoo"):
            made = f", made from {about['source']}" if about.get("source") else ""
            row["origin"] = f"The Internet Topology Zoo (http://www.topology-zoo.org/), file {self._name}.graphml{made}"
        elif "origin" not in row and "source" in about:
            row["origin"] = about["source"]
        return row


class _Within:
    """The place of one value whose parts have no lines of their own."""

    def __init__(self, place: Place, key: str) -> None:
        self._place = place
        self._key = key

    def error(self, key: str, reason: str, remedy: str) -> SdnError:
        """The error at the value, naming the part."""
        return self._place.error(self._key, f"{key}: {reason}" if key else reason, remedy)


def _risk_groups(data: _Data) -> tuple[str, ...]:
    """A JSON list, or names with commas between."""
    text = data.values.get("risk_groups", "")
    if not text.startswith("["):
        return tuple(group.strip() for group in text.split(",") if group.strip())
    try:
        groups = json.loads(text)
    except (ValueError, RecursionError):
        groups = None
    if not isinstance(groups, list) or not all(isinstance(group, str) and group for group in groups):
        raise data.place.error("risk_groups", "not a list of texts", 'Write it as ["duct-7", "pole-3"].')
    return tuple(groups)


def read_graphml(root: Element, file: str, name: str, remark: Remark = lambda _text: None) -> DeclaredTopology:
    """The topology of a GraphML file. file: for errors; name: of the topology if the file gives none.

    remark is called with what the file holds and a topology cannot. Raises InvalidInput with file, line and field.
    """
    return _File(root, file, name, remark).topology()
