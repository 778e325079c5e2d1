"""Repair hops from when they are told to when switches are given them.

First they wait while packets may be on their way by repair (holding.py), then those of the version that packets are
given change so that no color has a loop (treechanges.py). Nobody is in a version that is being made: it has at once
what is wanted.

Belongs here: the way of repair hops through both. Must not know: why hops are others, when routes rest.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Set

from sdn.controller.convergence.holding import HeldRepairs
from sdn.controller.convergence.lingering import Confirmed
from sdn.controller.convergence.treechanges import TreeChanges
from sdn.controller.convergence.versions import VersionedRoutes
from sdn.model.ids import Dpid
from sdn.model.route import Repair, version
from sdn.pipeline import Compiler


class RepairChanges:
    """Of all destinations. wires: neighbours by switch and port, also over links that are dead. begun: switches are
    written to; until then everything is passed on at once."""

    def __init__(
        self,
        compiler: Compiler,
        routes: VersionedRoutes,
        wires: Mapping[tuple[Dpid, int], Dpid],
        is_destination: Callable[[Dpid], bool],
    ) -> None:
        self._routes = routes
        self._held = HeldRepairs()
        self._trees = TreeChanges(compiler.repairs_of, compiler.programs, wires, is_destination)
        self.begun = False

    def __bool__(self) -> bool:
        """Whether some are still to be given to switches that are there."""
        return bool(self._held) or bool(self._trees)

    @property
    def urgent(self) -> bool:
        """Whether some wait for routes to rest, and not only to be no more."""
        return self._held.urgent

    @property
    def changing(self) -> bool:
        """Whether some switch that is there is still to be given others by and by."""
        return self._trees.changing

    def waiting(self, dpid: Dpid) -> set[Dpid]:
        """Destinations for which a switch is still to be given others by and by. O(destinations)."""
        return self._trees.waiting(dpid)

    def take(
        self,
        repairs: list[Repair],
        building: Mapping[Dpid, int],
        now: float,
        busy: Collection[Dpid],
        uneasy: Collection[Dpid],
    ) -> list[Repair]:
        """Other hops are wanted, perhaps none, and time has passed; answers those for versions that are being made.

        building: epochs of these; busy, uneasy: see HeldRepairs.
        """
        if not self.begun:
            self._routes.set_repairs([(dpid, self._routes.name(d), hops) for dpid, d, hops in repairs])
            return []
        told = self._held.take(repairs, now, busy, uneasy) if repairs else self._held.release(now, busy, uneasy)
        new: list[Repair] = []
        if building:
            new = [(dpid, version(d, building[d]), hops) for dpid, d, hops in told if d in building]
            self._routes.set_repairs(new)
        self._trees.want((dpid, self._routes.name(d), hops) for dpid, d, hops in told)
        return new

    def adopt(self, repairs: list[Repair]) -> None:
        """Switches hold these."""
        self._routes.set_repairs([(dpid, self._routes.name(d), hops) for dpid, d, hops in repairs])

    def forget(self, name: Dpid) -> None:
        """No packet is given this version any more: it stays as it is until it is gone."""
        self._trees.forget(name)

    def step(self, now: float, generation: int, away: Set[Dpid], confirmed: Confirmed, alone: Set[Dpid]) -> None:
        """Give switches what they may have by now; once before each compile, of this generation, when all is told."""
        self._routes.set_repairs(self._trees.step(now, generation, away, confirmed, alone))
