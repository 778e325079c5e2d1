"""A drawing of the network as it is: links by how much of them is reserved, those that are down dashed.

For ``sdnctl topology draw``, which knows the network from the API alone: everything comes as plain values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sdn.graph.load import load_topology
from sdn.graph.svg import Look, to_svg
from sdn.model.ids import parse_dpid
from sdn.model.topology import DeclaredHost, DeclaredLink, DeclaredTopology

End = tuple[str, str]
"""Switch and interface."""
_STEPS = ((0.95, "#c1121f"), (0.8, "#e8590c"), (0.5, "#d4a000"), (0.0, "#2b8a3e"))
"""Above this share of a link's capacity it has this colour."""
LEGEND = "reserved: green up to 50%, yellow to 80%, orange to 95%, red above; dashed: down"
_DOWN = "#868e96"


@dataclass(frozen=True, slots=True)
class SeenLink:
    """A link as the API tells it. capacity and reserved (a to b, b to a): bits/s; latency: microseconds."""

    a: End
    b: End
    cost: int
    capacity: int
    latency: int
    reserved: tuple[int, int]
    up: bool

    @property
    def load(self) -> float:
        """Share of the capacity that is reserved, in the direction where it is more."""
        return max(self.reserved) / self.capacity if self.capacity else 0.0


def draw(
    name: str,
    switches: Mapping[str, str],
    links: Iterable[SeenLink],
    ports: Iterable[tuple[str, str, str]] = (),
    places: str = "",
) -> str:
    """An SVG. switches: name → datapath id; ports: (text, switch, interface) drawn as hosts.

    places: a topology as ``load_topology`` takes it, whose switches say where those of the same name stand. Links and
    ports of unknown switches are left out. Raises InvalidInput or NotFound for ``places``, ValueError without switches.
    """
    if not switches:
        raise ValueError("there are no switches to draw")
    looks: dict[DeclaredLink, Look] = {}
    for link in links:
        if link.a[0] in switches and link.b[0] in switches:
            looks[DeclaredLink(link.a, link.b, link.cost, link.capacity, link.latency)] = _look(link)
    topology = DeclaredTopology(
        name,
        {switch: parse_dpid(dpid) for switch, dpid in switches.items()},
        tuple(looks),
        tuple(DeclaredHost(text, switch, interface) for text, switch, interface in ports if switch in switches),
        sites=load_topology(places).sites if places else {},
    )
    return to_svg(topology, looks, LEGEND)


def _look(link: SeenLink) -> Look:
    shares = " and ".join(f"{reserved / link.capacity:.0%}" if link.capacity else "-" for reserved in link.reserved)
    if not link.up:
        return Look(_DOWN, dashed=True, note="down")
    colour = next((colour for above, colour in _STEPS if link.load > above), "")
    return Look(colour, note=f"reserved {shares}")
