"""Flows whose key follows from a destination and whose instructions from next hops and repair hops.

The compiled twin is _route_table.c.

A switch has such flows for every destination, and one failure changes thousands of them, so nothing is made per flow:
what a destination is to match, and what next hops are to do, is compiled once and shared by all switches.

This form is the oracle of the compiled one, and does its work where that could not be built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from sdn.model.ids import Dpid
from sdn.model.program import Entry, FlowBody, FlowKey, Group
from sdn.model.route import Leg, NextHops, Repair, RepairHops, VersionReroute

_MAX_MADE = 1 << 16


class Route(NamedTuple):
    """What next hops do on a switch, with the repair hops beside them.

    bodies: one for each key of a destination, None where there is no flow; groups: (id, content, its entry).
    """

    hops: NextHops | Leg
    bodies: tuple[FlowBody | None, ...]
    groups: tuple[tuple[int, Group, Entry], ...]
    repair: RepairHops | None


Outcome = tuple[dict[Dpid, list[Entry]], list[VersionReroute], list[VersionReroute], list[Repair]]
"""Entries that changed, by switch; the reroutes that changed any; reroutes, and repairs, of unknown switches or
destinations."""
Make = Callable[[Dpid | None, NextHops | Leg, RepairHops | None, Mapping[int, Group]], Route]


class _Switch:
    """Routes of a switch by destination, and how many of them use each group."""

    def __init__(self, flows: dict[FlowKey, FlowBody], groups: dict[int, Group], own: bool) -> None:
        self.flows, self.groups, self.own = flows, groups, own
        self.routes: dict[Dpid, Route] = {}
        self.repairs: dict[Dpid, RepairHops] = {}
        self.users: dict[int, int] = {}


class RouteTable:
    """All routes of all switches, written into the flows and groups of their programs.

    make: the route of next hops and repair hops; asked with None and no groups for the one that all switches share, or
    with a switch and its groups for one of its own, because an id of a shared one is taken there.
    """

    def __init__(self, make: Make) -> None:
        self._make = make
        self._made: dict[tuple[int, int], Route] = {}
        self._switches: dict[Dpid, _Switch] = {}
        self._keys: dict[Dpid, tuple[tuple[FlowKey, Entry], ...]] = {}

    def add_switch(
        self, dpid: Dpid, flows: dict[FlowKey, FlowBody], groups: dict[int, Group], own: bool = False
    ) -> None:
        """A switch that was not there, with its program, to be written into. own: it shares no routes with others."""
        self._switches[dpid] = _Switch(flows, groups, own)

    def add_destination(self, destination: Dpid, entries: Sequence[Entry]) -> None:
        """A destination that was not there, with its flows by their entries, the same on every switch."""
        self._keys[destination] = tuple((entry.key, entry) for entry in entries if isinstance(entry.key, bytes))

    def update(self, reroutes: Iterable[VersionReroute], repairs: Sequence[Repair] = ()) -> Outcome:
        """Change routes and repair hops, each (switch, destination) at most once in either. O(changes).

        Repair hops are kept for a route that is still to come.
        """
        unrepaired = [repair for repair in repairs if not self._note(repair)]
        changed: dict[Dpid, list[Entry]] = {}
        moved: list[VersionReroute] = []
        idle: list[tuple[Dpid, int, Entry]] = []
        unplaced = []
        for reroute in reroutes:
            entries = self._replace(reroute[0], reroute[1], reroute[2], idle)
            if entries is None:
                unplaced.append(reroute)
            elif entries:
                changed.setdefault(reroute[0], []).extend(entries)
                moved.append(reroute)
        for dpid, destination, _ in repairs:
            switch = self._switches.get(dpid)
            route = switch.routes.get(destination) if switch else None
            entries = self._replace(dpid, destination, route.hops, idle) if route else None
            if entries:
                changed.setdefault(dpid, []).extend(entries)
        for dpid, number, entry in idle:
            switch = self._switches[dpid]
            if not switch.users.get(number, 1):
                del switch.users[number], switch.groups[number]
                changed[dpid].append(entry)
        return changed, moved, unplaced, unrepaired

    def _note(self, repair: Repair) -> bool:
        """Keep repair hops for the route there is or will be; whether switch and destination are known."""
        dpid, destination, backup = repair
        switch = self._switches.get(dpid)
        if switch is None or destination not in self._keys:
            return False
        if backup is None:
            switch.repairs.pop(destination, None)
        else:
            switch.repairs[destination] = backup
        return True

    def _replace(
        self, dpid: Dpid, destination: Dpid, hops: NextHops | Leg | None, idle: list[tuple[Dpid, int, Entry]]
    ) -> list[Entry] | None:
        """Replace one route; answers the entries that changed, None for a switch or destination that is not known."""
        switch, keys = self._switches.get(dpid), self._keys.get(destination)
        if switch is None or keys is None:
            return None
        old = switch.routes.pop(destination, None)
        new = None if hops is None else self._route(dpid, hops, switch.repairs.get(destination), switch)
        if new is not None:
            switch.routes[destination] = new
        entries = [*_write_flows(switch, keys, old, new), *_take_groups(switch, new)]
        idle += [(dpid, number, entry) for number, entry in _leave_groups(switch, old)]
        return entries

    def routes(self, dpid: Dpid) -> dict[Dpid, Route]:
        """The routes of a switch by destination. O(destinations)."""
        switch = self._switches.get(dpid)
        return dict(switch.routes) if switch else {}

    def hops_of(self, keys: Iterable[tuple[Dpid, Dpid]]) -> list[NextHops | Leg | None]:
        """What (switch, destination) pairs have as next hops; None where there is no route. O(keys)."""
        found = []
        for dpid, destination in keys:
            switch = self._switches.get(dpid)
            route = switch.routes.get(destination) if switch else None
            found.append(route.hops if route else None)
        return found

    def repairs_of(self, keys: Iterable[tuple[Dpid, Dpid]]) -> list[RepairHops | None]:
        """What (switch, destination) pairs have as repair hops, for the route they have or may get. O(keys)."""
        found = []
        for dpid, destination in keys:
            switch = self._switches.get(dpid)
            found.append(switch.repairs.get(destination) if switch else None)
        return found

    def _route(self, dpid: Dpid, hops: NextHops | Leg, repair: RepairHops | None, switch: _Switch) -> Route:
        if not switch.own:
            made = self._shared(hops, repair)
            wanted = {number: content for number, content, _ in made.groups}
            there = switch.groups
            if len(wanted) == len(made.groups) and all(there.get(n, c) == c for n, c in wanted.items()):
                return made
            switch.own = True
        return self._make(dpid, hops, repair, switch.groups)

    def _shared(self, hops: NextHops | Leg, repair: RepairHops | None) -> Route:
        key = id(hops), id(repair)
        made = self._made.get(key)
        if made is None:
            if len(self._made) >= _MAX_MADE:
                self._made.clear()
            # It holds what it was made of, so that the ids stay theirs.
            made = self._made[key] = self._make(None, hops, repair, {})
        return made


def _write_flows(
    switch: _Switch, keys: tuple[tuple[FlowKey, Entry], ...], old: Route | None, new: Route | None
) -> list[Entry]:
    """Set or delete the flows of one route; answers those that changed."""
    changed = []
    for index, (key, entry) in enumerate(keys):
        before = old.bodies[index] if old else None
        after = new.bodies[index] if new else None
        if before == after:
            continue
        changed.append(entry)
        if after is None:
            del switch.flows[key]
        else:
            switch.flows[key] = after
    return changed


def _take_groups(switch: _Switch, route: Route | None) -> list[Entry]:
    """One user more for the groups of a route; answers those that are new."""
    fresh = []
    for number, content, entry in route.groups if route else ():
        if number not in switch.groups:
            switch.groups[number] = content
            fresh.append(entry)
        switch.users[number] = switch.users.get(number, 0) + 1
    return fresh


def _leave_groups(switch: _Switch, route: Route | None) -> list[tuple[int, Entry]]:
    """One user less for the groups of a route; answers those without any, which may find another one yet."""
    idle = []
    for number, _, entry in route.groups if route else ():
        switch.users[number] -= 1
        if not switch.users[number]:
            idle.append((number, entry))
    return idle
