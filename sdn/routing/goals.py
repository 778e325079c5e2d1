"""What a path must use in any order: switches, links, and at least one link of each shared-risk group.

Each is a goal: a set of arcs of which one has to be taken; a set of goals is a number with a bit for each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from sdn.model.ids import Dpid
from sdn.model.request import Inclusion
from sdn.model.topology import LinkEnd
from sdn.routing.mesh import Arc, Mesh, Way

MAX_GOALS = 4
"""Of one request: lower bounds are computed for each set of them, so work doubles with each."""


class Goals:
    """Of one request. all: every goal."""

    def __init__(self, mesh: Mesh, include: Inclusion) -> None:
        self._mesh = mesh
        self._switches: dict[Dpid, int] = defaultdict(int)
        self._links: dict[LinkEnd, int] = defaultdict(int)
        self._risks: dict[str, int] = defaultdict(int)
        self.all = 0
        for known, named in ((self._switches, include.switches), (self._links, include.links)):
            for one in named:
                known[one] |= self._next()  # type: ignore[index]
        for risk in include.risk_groups:
            self._risks[risk] |= self._next()

    def _next(self) -> int:
        bit = self.all + 1
        self.all |= bit
        return bit

    def at_start(self, source: Dpid) -> int:
        """The goals that are left where a path begins."""
        return self.all & ~self._switches.get(source, 0)

    def met(self, arc: Arc) -> int:
        """The goals that an arc meets."""
        if not self.all:
            return 0
        met = self._switches.get(arc.far, 0) | self._links.get(arc.end, 0) | self._links.get(arc.peer, 0)
        for risk in arc.link.risk_groups if self._risks else ():
            met |= self._risks.get(risk, 0)
        return met

    def arcs(self, goals: int) -> Iterator[Arc]:
        """All that meet one of these goals. O(L)."""
        return (arc for arc in self._mesh.all_arcs() if self.met(arc) & goals)


def still_to_use(include: Inclusion, source: Dpid, way: Way) -> Inclusion:
    """What is not used yet by a path that begins like this."""
    if not len(include):
        return include
    passed = {source, *(arc.far for arc in way)}
    ends = {end for arc in way for end in (arc.end, arc.peer)}
    risks = {risk for arc in way for risk in arc.link.risk_groups}
    return Inclusion(
        switches=tuple(switch for switch in include.switches if switch not in passed),
        links=tuple(end for end in include.links if end not in ends),
        risk_groups=tuple(risk for risk in include.risk_groups if risk not in risks),
    )


def single(include: Inclusion) -> Iterator[tuple[str, LinkEnd | Dpid | str, Inclusion]]:
    """Each thing by its field in ``PathRequest`` with its index, and what is left without it."""
    for name in ("switches", "links", "risk_groups"):
        values = getattr(include, name)
        for index, value in enumerate(values):
            rest = {kind: getattr(include, kind) for kind in ("switches", "links", "risk_groups")}
            rest[name] = values[:index] + values[index + 1 :]
            yield f"include_{name}[{index}]", value, Inclusion(**rest)
