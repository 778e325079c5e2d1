"""Links and switches that operators drain, or give another cost: carried out, told, and what keeps traffic there.

Belongs here: what is meant, what is done, what became of it. Must not know: how routes change (convergence.py).
"""

from __future__ import annotations

from collections.abc import Iterable

from sdn.controller.connections.staying import staying
from sdn.controller.effects import Maintained
from sdn.controller.events import Maintain
from sdn.controller.parts import MAINTENANCE, Parts
from sdn.model.errors import InvalidInput, NotFound, Refused, SdnError, Thing
from sdn.model.ids import Dpid
from sdn.model.maintenance import MaintenanceView, Target
from sdn.topology import End
from sdn.topology.maintenance import MAX_COST, MAX_OVERSUBSCRIPTION, MIN_OVERSUBSCRIPTION, LinkWish

MAX_NAMED = 100
"""Switches and connections that are named in one answer."""

_Ends = tuple[End, End]


class Maintaining:
    """Wishes of operators about links and switches."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._topology = parts.topology
        self._asked: list[tuple[int, Dpid | _Ends]] = []

    def take(self, event: Maintain) -> None:
        """Carry out a wish; its records are among those of the turn, which come before any answer."""
        try:
            found = self._find(event.target)
            self._carry_out(event, found)
        except SdnError as error:
            self._parts.outcome.emit(Maintained(event.token, error))
            return
        self._parts.outcome.keep(MAINTENANCE, self._topology.maintenance.records().items())
        self._asked.append((event.token, found))

    def answer(self) -> None:
        """Tell what became of the wishes of this turn; call it when everything else has followed."""
        asked, self._asked = self._asked, []
        for token, found in asked:
            self._parts.outcome.emit(Maintained(token, self._view(found)))

    def _carry_out(self, event: Maintain, found: Dpid | _Ends) -> None:
        reporter, shown = self._parts.reporter, self._shown(found)
        if not isinstance(found, tuple):
            for field in ("cost", "oversubscription"):
                if getattr(event, field) is not None:
                    raise InvalidInput.of(field, f"a switch has no {field}", "Name a link, or drain the switch.")
            if event.drained is not None and self._topology.drain_switch(found, drained=event.drained):
                reporter.drained(shown, drained=event.drained)
        else:
            before = self._topology.maintenance.of(found)
            cost = before.cost if event.cost is None else event.cost
            if not 0 <= cost <= MAX_COST:
                raise InvalidInput.of("cost", f"{cost} is not a cost", f"Give 1 to {MAX_COST}, or 0 for its own.")
            wish = LinkWish(
                before.drained if event.drained is None else event.drained,
                cost,
                before.oversubscription if event.oversubscription is None else _checked(event.oversubscription),
            )
            self._topology.set_link(found, wish)
            if wish.drained != before.drained:
                reporter.drained(shown, drained=wish.drained)
            if wish.cost != before.cost:
                reporter.cost_set(shown, wish.cost)
            if wish.oversubscription != before.oversubscription:
                reporter.oversubscription_set(shown, wish.oversubscription)
        self._parts.connections.leave(self._topology.avoided())

    def view(self, target: Target) -> MaintenanceView:
        """What is said about a link or switch, and what has become of it. Raises NotFound, InvalidInput."""
        return self._view(self._find(target))

    def _view(self, found: Dpid | _Ends) -> MaintenanceView:
        maintenance, connections = self._topology.maintenance, self._parts.connections
        parts = self._parts
        settled = parts.statuses.started and not parts.ready_links and parts.convergence.settled and connections.resting
        if not isinstance(found, tuple):
            drained, named = maintenance.drained_switch(found), Target(self._topology.name_of(found))
            cost, more = 0, 0.0
        else:
            wish = maintenance.of(found)
            drained, cost, more = wish.drained, wish.cost, wish.oversubscription
            a, b = ((self._topology.name_of(end.dpid), end.interface) for end in found)
            named = Target(a=a, b=b)
        if not drained:
            return MaintenanceView(named, drained, cost, settled, oversubscription=more)
        needed = sorted(map(self._topology.name_of, self._needed_by(found)))
        on_it = staying(connections.placer, connections.placed_as, self._topology.avoided(), MAX_NAMED)
        return MaintenanceView(named, drained, cost, settled, tuple(needed[:MAX_NAMED]), tuple(on_it), more)

    # ---- inside --------------------------------------------------------------------------------------------------

    def _shown(self, found: Dpid | _Ends) -> str:
        if not isinstance(found, tuple):
            return f"switch {self._topology.name_of(found)}"
        return "link " + " - ".join(f"{self._topology.name_of(end.dpid)}:{end.interface}" for end in found)

    def _find(self, target: Target) -> Dpid | _Ends:
        if target.switch:
            return self._resolve(target.switch, "target.switch")
        a, b = (
            (self._resolve(switch, f"target.{end}.switch"), interface)
            for end, (switch, interface) in (("a", target.a), ("b", target.b))
        )
        pairs = [pair for pair in self._topology.known_pairs() if _fits(pair, a, b)]
        if len(pairs) == 1:
            return pairs[0]
        names = f"{target.a[0]} and {target.b[0]}"
        if not pairs:
            remedy = "List the topology for links and their interfaces."
            raise NotFound.of("target", f"there is no such link between {names}", remedy, Thing("Link", names))
        remedy = "Name the interface at one end."
        raise Refused.of("target", f"{len(pairs)} links join {names}", remedy)

    def _resolve(self, switch: str, field: str) -> Dpid:
        dpid = self._topology.resolve(switch)
        if dpid is None or dpid not in self._topology.switches():
            remedy = "List the topology for names and datapath ids."
            raise NotFound.of(field, f"there is no switch {switch!r}", remedy, Thing("Switch", switch))
        return dpid

    def _needed_by(self, found: Dpid | _Ends) -> Iterable[Dpid]:
        """Switches to which packets go over a link, or through a switch, from where they enter. O(D (N + L))."""
        paths, links = self._parts.paths, self._topology.links()
        peers = {}
        for link in links:
            peers[link.a.dpid, link.a.port], peers[link.b.dpid, link.b.port] = link.b.dpid, link.a.dpid
        ports = set()
        if isinstance(found, tuple):
            ports = {(end.dpid, self._topology.port_number(*end)) for end in found}
        for destination in paths.destinations:
            seen = set(paths.destinations) - {found, destination}
            stack = list(seen)
            needed = False
            while stack and not needed:
                at = stack.pop()
                hops = paths.next_hops(at, destination)
                for port in hops.ports if hops else ():
                    far = peers.get((at, port))
                    if far is None:
                        continue
                    needed = needed or (at, port) in ports or (far == found and far != destination)
                    if far not in seen:
                        seen.add(far)
                        stack.append(far)
            if needed:
                yield destination


def _checked(oversubscription: float) -> float:
    if oversubscription and not MIN_OVERSUBSCRIPTION <= oversubscription <= MAX_OVERSUBSCRIPTION:
        remedy = f"Give {MIN_OVERSUBSCRIPTION:g} to {MAX_OVERSUBSCRIPTION:g}, or 0 for that of all links."
        raise InvalidInput.of("oversubscription", f"{oversubscription:g} is out of range", remedy)
    return oversubscription


def _fits(pair: _Ends, a: tuple[Dpid, str], b: tuple[Dpid, str]) -> bool:
    """Whether a link joins these; '' is any interface."""
    return any(
        near.dpid == a[0] and far.dpid == b[0] and a[1] in ("", near.interface) and b[1] in ("", far.interface)
        for near, far in (pair, pair[::-1])
    )
