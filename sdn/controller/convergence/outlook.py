"""One destination of routes: what switches do, what they should do, and what may be done about it at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from sdn.model.ids import Dpid
from sdn.model.route import NextHops
from sdn.routing import transition

Hops = Mapping[Dpid, NextHops | None]


@dataclass(frozen=True, slots=True)
class Outlook:
    """here, wanted: next hops of all switches but the destination; former: what some may still act upon.

    away: switches that cannot be told anything; peers: neighbours by switch and port, over links that are alive; wires:
    also over those that are dead, which may be back at any moment; distance: of a switch by the next hops that are
    wanted, None where there is no way.
    """

    destination: Dpid
    here: Hops
    wanted: Hops
    former: Mapping[Dpid, list[NextHops | None]]
    away: Collection[Dpid]
    peers: Mapping[tuple[Dpid, int], Dpid]
    wires: Mapping[tuple[Dpid, int], Dpid]
    distance: Callable[[Dpid], int | None]

    @property
    def changed(self) -> list[Dpid]:
        """Switches whose next hops are not what they should be."""
        return [dpid for dpid, hops in self.wanted.items() if self.here[dpid] != hops]

    def plan(self, changed: Iterable[Dpid]) -> transition.Plan:
        """Which of these may have what they should at once, in any order."""
        wanted = {dpid: self._heads(dpid, self.wanted[dpid]) for dpid in changed if self._is_there(dpid)}
        return transition.plan(self.destination, wanted, self._acting, self.distance)

    def can_wait(self, changed: Iterable[Dpid], now: Collection[Dpid], sources: Iterable[Dpid]) -> bool:
        """Whether changing some at once and all others when these have settled takes nothing from anybody meanwhile.

        changed: those that are to change; now: those of ``plan``; sources: switches where packets enter.
        """
        moved = frozenset(now)
        rest = {dpid: self._heads(dpid, self.wanted[dpid]) for dpid in changed if dpid not in moved}

        def then(dpid: Dpid) -> transition.Heads:
            return self._heads(dpid, (self.wanted if dpid in moved else self.here).get(dpid))

        def settled(dpid: Dpid) -> transition.Acting:
            heads = then(dpid)
            return transition.Acting(heads, bool(heads))

        if len(transition.plan(self.destination, rest, settled, self.distance).now) < len(rest):
            return False
        dead = {dpid for dpid in rest if not then(dpid)}
        return not dead or dead.isdisjoint(transition.reach(sources, then))

    def _is_there(self, dpid: Dpid) -> bool:
        """One that is away does what it did; if that is nothing it does no harm to have something when it is back."""
        return dpid not in self.away or self.here[dpid] is None

    def _acting(self, dpid: Dpid) -> transition.Acting:
        every = (self.here.get(dpid), *self.former.get(dpid, ()))
        ports = {port for hops in every if hops is not None for port in hops.ports}
        return transition.Acting(_peers(self.wires, dpid, ports), all(self._heads(dpid, hops) for hops in every))

    def _heads(self, dpid: Dpid, hops: NextHops | None) -> transition.Heads:
        """Where next hops lead, as the links are now."""
        return _peers(self.peers, dpid, hops.ports if hops is not None else ())


def _peers(wires: Mapping[tuple[Dpid, int], Dpid], dpid: Dpid, ports: Iterable[int]) -> transition.Heads:
    return frozenset(peer for port in ports if (peer := wires.get((dpid, port))) is not None)
