"""Paths by names of switches and interfaces."""

from __future__ import annotations

from collections.abc import Iterator

from sdn.model.route import Path
from sdn.model.status import PathHop
from sdn.model.topology import LinkEnd
from sdn.topology import TopologyState


class PathNames:
    """As a topology names them."""

    def __init__(self, topology: TopologyState) -> None:
        self._topology = topology

    def of(self, path: Path, ingress: str = "", egress: str = "") -> tuple[PathHop, ...]:
        """A path by names. ingress, egress: interfaces at its ends."""
        interface = self._topology.discovery.interface
        hops = []
        for index, dpid in enumerate(path.switches):
            into, out = ingress, egress
            if index > 0:
                into = interface(dpid, path.links[index - 1][1]) or ""
            if index < len(path.links):
                out = interface(dpid, path.links[index][0]) or ""
            hops.append(PathHop(self._topology.name_of(dpid), into, out))
        return tuple(hops)

    def given(self, path: Path) -> Iterator[str]:
        """A path as users give one."""
        for dpid, (out, _) in zip(path.switches, path.links, strict=False):
            yield self._topology.show(LinkEnd(dpid, out))
        yield self._topology.name_of(path.switches[-1])
