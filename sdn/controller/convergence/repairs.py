"""Repair trees behind the routes: when routes are what they must be, and links have been quiet for a moment.

Routes come first after a change: they restore what is broken, and repair prepares for what may break next. Links often
fail and return several at a time, so trees wait until they rest, and are made in parts, so that no turn is long.
Penalties are left out: the trees of a switch that is away cannot be changed, and so they stay what they are everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sdn.controller.convergence.convergence import Convergence
from sdn.model.ids import Dpid
from sdn.model.route import RepairHops
from sdn.model.topology import Link, LinkChanges
from sdn.routing import RepairTrees
from sdn.topology import PENALTY

QUIET = 0.1
"""Seconds without a change of links after which trees follow."""
PATIENCE = 1.0
"""Seconds after which they follow links that never rest."""
EFFORT = 100_000
"""Of one turn (RepairTrees.work): about 20 ms on a fat tree of 320 switches, at most 42 seen (docs/benchmarks.md)."""


class Repairs:
    """Keeps repair hops up to date.

    convergence: is told those that are others. enabled: whether there are any; begun: those of the start were told.
    """

    def __init__(self, convergence: Convergence, *, enabled: bool) -> None:
        self._convergence = convergence
        self.enabled = enabled
        self._trees = RepairTrees()
        self.begun = False
        self._due: tuple[float, float] | None = None
        """When links will have rested, and when that is not waited for any more."""

    def change_links(self, changes: LinkChanges, now: float) -> None:
        """Links are others."""
        if self.enabled:
            self._trees.change_links(map(_plain, changes.gone), map(_plain, changes.new))
        if self._trees.busy:
            latest = now + PATIENCE if self._due is None else self._due[1]
            self._due = now + QUIET, latest

    def set_destinations(self, dpids: Iterable[Dpid]) -> None:
        """Destinations are others."""
        if self.enabled:
            self._trees.set_destinations(dpids)

    def follow(self, now: float) -> None:
        """Tell what is to be known by now; when first called everything, as switches are adopted then."""
        if not self.begun:
            self.begun, self._due = True, None
            self._convergence.set_repairs(self._trees.work(), now)
        elif self._trees.busy and (self._due is None or now >= min(self._due)):
            self._due = None
            self._convergence.set_repairs(self._trees.work(EFFORT), now)

    def hops(self, switch: Dpid, destination: Dpid) -> RepairHops | None:
        """As told last. O(blocks)."""
        return self._trees.hops(switch, destination) if self.enabled else None

    @property
    def changing(self) -> bool:
        """Whether some switch is given others when those that there are are forgotten."""
        return self._convergence.repairs.changing

    def waiting(self, dpid: Dpid) -> set[Dpid]:
        """Destinations of which a switch is given others when those that it has are forgotten."""
        return self._convergence.repairs.waiting(dpid)

    @property
    def busy(self) -> bool:
        """Whether trees are still to follow."""
        return self._trees.busy or self._convergence.repairs.urgent


def _plain(link: Link) -> Link:
    """A link without penalties; costs are lower than a penalty."""
    return replace(link, cost=link.cost % PENALTY) if link.cost >= PENALTY else link
