"""What switches were left with by a former daemon is the old version of routes, from which they are brought to the new.

When the first switches of this life are to be written to, programs say what is wanted. Where a switch holds other next
hops, or repair hops, the program is made to say what the switches hold instead, and convergence takes it from there as
it does with any other change. A switch that comes later for the first time is taken over in the same way.

Belongs here: which routes differ from what was read back. Must not know: how they are changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sdn.controller.convergence.convergence import Convergence
from sdn.controller.switches.fleet import Fleet
from sdn.model.ids import Dpid
from sdn.model.program import GRACE, FlowBody, FlowKey, Installed, cookie_of
from sdn.model.route import Repair, Reroute
from sdn.pipeline import Compiler
from sdn.pipeline.fabric import node_keys
from sdn.pipeline.readback import Held, Outputs, Reading

_Keys = tuple[FlowKey, ...]
"""node_keys of a destination, in the epoch that packets to it are given."""


class RouteAdoption:
    """Looks at each switch when it is to be adopted for the first time."""

    def __init__(self, compiler: Compiler, fleet: Fleet, convergence: Convergence) -> None:
        self._compiler, self._fleet, self._convergence = compiler, fleet, convergence
        self._known: set[Dpid] = set()

    def take(self, now: float) -> bool:
        """Call it when programs are compiled, before switches are adopted; whether they must be compiled again.

        O(switches that are new x destinations), and O(switches) more for each destination that differs.
        """
        waiting = ((switch.dpid, switch.installed) for switch in self._fleet.waiting())
        fresh = {dpid: held for dpid, held in waiting if held is not None and dpid not in self._known}
        first = not self._known
        self._known.update(fresh)
        if not fresh:
            return False
        keys, outputs, wants = self._keys(), Outputs(), _Wants(self._compiler)
        readings = {dpid: Reading(installed, outputs) for dpid, installed in fresh.items()}
        others = {
            destination
            for dpid, installed in fresh.items()
            for destination, own in keys.items()
            if not wants.has(dpid, installed, own[1:]) and self._differs(readings[dpid], dpid, destination, own)
        }
        if first:  # of one that comes later no cache knows anything: the former daemon has been dead for too long
            known = (d for d, own in keys.items() if any(own[1] in held.flows for held in fresh.values()))
            self._convergence.inherited.begin(frozenset(known), frozenset(others), now)
        if others:
            there = ((dpid, d) for d in sorted(others) for dpid in fresh if dpid != d)
            other = ((dpid, d) for dpid, d in there if not wants.has(dpid, fresh[dpid], keys[d][1:]))
            self._take_over(((dpid, d, self._held(readings[dpid], dpid, d, keys[d])) for dpid, d in other), now)
        return bool(others)

    def _take_over(self, found: Iterable[tuple[Dpid, Dpid, Held | None]], now: float) -> None:
        """What switches hold for some destinations is what convergence starts from."""
        reroutes: list[Reroute] = []
        repairs: list[Repair] = []
        for dpid, destination, held in found:
            if held is not None:
                reroutes.append((dpid, destination, held.hops))
                repairs.append((dpid, destination, held.repair))
        self._convergence.adopt(reroutes, repairs, now + GRACE)

    def _keys(self) -> Mapping[Dpid, _Keys]:
        """By destination."""
        compiler, convergence = self._compiler, self._convergence
        there = (d for d in convergence.paths.destinations if d in compiler.programs)
        return {d: node_keys(compiler.label(d), convergence.epoch(d)) for d in there}

    def _differs(self, reading: Reading, dpid: Dpid, destination: Dpid, keys: _Keys) -> bool:
        """Whether a switch sends out of other ports than it is to. If that cannot be read it is simply written."""
        held = self._held(reading, dpid, destination, keys)
        wanted = self._convergence.paths.next_hops(dpid, destination)
        if held is None or held.hops is None or dpid == destination:
            return False
        repair = self._convergence.repair_of(dpid, destination)
        return wanted is None or held.hops.ports != wanted.ports or held.repair != repair

    def _held(self, reading: Reading, dpid: Dpid, destination: Dpid, keys: _Keys) -> Held | None:
        return reading.held(keys, self._convergence.paths.next_hops(dpid, destination))


class _Wants:
    """What programs say, as cookies: many flows have the same instructions."""

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler
        self._cookies: dict[FlowBody, int] = {}

    def has(self, dpid: Dpid, installed: Installed, keys: _Keys) -> bool:
        """Whether a switch holds of these flows just what its program says."""
        flows, there, cookies = self._compiler.programs[dpid].flows, installed.flows, self._cookies
        for key in keys:
            body = flows.get(key)
            if body is not None and body not in cookies:
                cookies[body] = cookie_of(body)
            if there.get(key) != (None if body is None else cookies[body]):
                return False
        return True
