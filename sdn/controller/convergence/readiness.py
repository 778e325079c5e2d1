"""Whether switches are ready to repair by themselves, and how much of the network that covers.

What is PROGRAMMED does not wait for repair entries: an object works when its own entries and routes are confirmed, and
repair prepares for what may fail next. So readiness is told beside it: of each switch (ready: all trees are computed,
and the switch has confirmed every entry of its routes and repairs), and of each pair of failure and destination.
"""

from __future__ import annotations

from collections.abc import Callable

from sdn.controller.convergence.repairs import Repairs
from sdn.controller.switches.fleet import Fleet
from sdn.model.ids import Dpid
from sdn.model.resilience import FailureCoverage, Resilience
from sdn.model.topology import Link
from sdn.pipeline import Compiler
from sdn.routing.coverage import Found, Hops, Survey
from sdn.topology import TopologyState

OFF, AWAY, COMPUTING, CONFIRMING, READY = "OFF", "AWAY", "COMPUTING", "CONFIRMING", "READY"


class Readiness:
    """Of all switches; works it out when asked. coming: whether there are links that routing is still to be told of."""

    def __init__(
        self,
        compiler: Compiler,
        fleet: Fleet,
        repairs: Repairs,
        topology: TopologyState,
        coming: Callable[[], bool],
    ) -> None:
        self._compiler, self._fleet, self._repairs, self._topology = compiler, fleet, repairs, topology
        self._coming = coming

    def of(self, dpid: Dpid) -> tuple[str, int]:
        """(state, destinations whose entries the switch has not confirmed). O(1) when nothing is to be confirmed."""
        pending = 0
        if dpid in self._compiler.programs:
            pending = len(self._unconfirmed(dpid) | self._repairs.waiting(dpid))
        switch = self._fleet.get(dpid)
        if not self._repairs.enabled:
            return OFF, pending
        if switch is None or switch.session is None:
            return AWAY, pending
        if self._following:
            return COMPUTING, pending
        return (CONFIRMING if pending or not switch.live else READY), pending

    @property
    def _following(self) -> bool:
        """Whether trees do not follow from the links that there are."""
        return self._repairs.busy or not self._repairs.begun or self._coming()

    def _unconfirmed(self, dpid: Dpid) -> set[Dpid]:
        """Destinations for which a switch is not known to hold all that it should; all while it is away."""
        switch = self._fleet.get(dpid)
        if switch is None or not switch.live:
            return {destination for destination, _, _, _ in self._compiler.routes.held(dpid)}
        if not switch.sync.pending:
            return set()
        pending = switch.sync.is_pending
        held = self._compiler.routes.held(dpid)
        return {destination for destination, _, _, entries in held if any(map(pending, entries))}

    def assess(self) -> Resilience:
        """How much is repaired without the controller, by what is in the programs. For figures of what this costs see
        docs/benchmarks.md: large networks are assessed in a copy of the process."""
        survey = Survey(self._topology.links())
        towards: dict[Dpid, dict[Dpid, Hops]] = {}
        programs = list(map(Dpid, self._compiler.programs))
        for dpid in programs:
            unconfirmed = self._unconfirmed(dpid)
            for destination, primary, repair, _ in self._compiler.routes.held(dpid):
                red, blue = (repair.red or None, repair.blue or None) if repair is not None else (None, None)
                hops = Hops(primary.ports, red, blue, destination not in unconfirmed)
                towards.setdefault(destination, {})[dpid] = hops
        for destination in sorted(towards):
            survey.add(destination, towards[destination])
        states = self._topology.link_states()
        # By ends: routing sees other costs than people where a link is damped, drained, or has another cost for now.
        names = {(state.link.a, state.link.b): (state.a, state.b) for state in states if state.link is not None}
        links, switches = [], []
        for failure, found in survey.found.items():
            if isinstance(failure, Link):
                links.append(self._told(names[failure.a, failure.b], found))
            else:
                switches.append(self._told(((self._topology.name_of(failure), ""),), found))
        following = self._following or any(map(self._repairs.waiting, programs))
        return Resilience(self._repairs.enabled, following, tuple(sorted(links, key=_ends)), tuple(switches))

    def _told(self, ends: tuple[tuple[str, str], ...], found: Found) -> FailureCoverage:
        name = self._topology.name_of
        unrepaired = ((name(to), f"{why} at {name(where)}") for to, why, where in found.unrepaired)
        return FailureCoverage(ends, found.separates, found.coverage, tuple(unrepaired))


def _ends(failure: FailureCoverage) -> tuple[tuple[str, str], ...]:
    return failure.ends
