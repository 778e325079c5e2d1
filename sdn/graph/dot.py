"""Topologies in DOT, the language of Graphviz: for other tools and for layouts that svg.py does not make."""

from __future__ import annotations

from sdn.graph.labels import Labels
from sdn.model.topology import DeclaredTopology, Site


def to_dot(topology: DeclaredTopology) -> str:
    """The topology in DOT. Switches are boxes and hosts are ellipses; interfaces are labels at the ends of links."""
    labels = Labels(topology)
    lines = [f"graph {_quoted(topology.name)} {{"]
    lines.append(f"  label={_quoted(labels.caption)};")
    for name in topology.switches:
        label = topology.sites.get(name, Site()).label
        shown = "\n".join(filter(None, (name, label)))
        lines.append(f"  {_quoted(name)} [shape=box, label={_quoted(shown)}];")
    lines += (f"  {_quoted(host.name)} [shape=ellipse];" for host in topology.hosts)
    for link in topology.links:
        attributes = {"label": labels.short(link), "taillabel": link.a[1], "headlabel": link.b[1]}
        attributes["edgetooltip"] = labels.full(link)
        shown = ", ".join(f"{key}={_quoted(text)}" for key, text in attributes.items() if text)
        lines.append(f"  {_quoted(link.a[0])} -- {_quoted(link.b[0])} [{shown}];")
    for host in topology.hosts:
        interface = f" [headlabel={_quoted(host.interface)}]" if host.interface else ""
        lines.append(f"  {_quoted(host.name)} -- {_quoted(host.switch)}{interface};")
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(text: str) -> str:
    """A DOT string: backslashes and quotation marks escaped, line ends as the escape that centres the line."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
