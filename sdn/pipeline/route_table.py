"""Flows whose key follows from a destination and whose instructions from next hops. The compiled twin: _route_table.c.

A switch has such flows for every destination, and one failure changes thousands of them, so nothing is made per flow:
what a destination is to match, and what next hops are to do, is compiled once and shared by all switches.

This form is the oracle of the compiled one, and does its work where that could not be built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from sdn.model.ids import Dpid
from sdn.model.program import Entry, FlowBody, FlowKey, Group
from sdn.model.route import NextHops, Reroute

_MAX_MADE = 1 << 16


class Route(NamedTuple):
    """What next hops do on a switch: one body for each key of a destination; groups: (id, content, its entry)."""

    hops: NextHops
    bodies: tuple[FlowBody, ...]
    groups: tuple[tuple[int, Group, Entry], ...]


Outcome = tuple[dict[Dpid, list[Entry]], list[Reroute], list[Reroute]]
"""Entries that changed, by switch; the reroutes that changed any; those of unknown switches or destinations."""
Make = Callable[[Dpid | None, NextHops, Mapping[int, Group]], Route]


class _Switch:
    """Routes of a switch by destination, and how many of them use each group."""

    def __init__(self, flows: dict[FlowKey, FlowBody], groups: dict[int, Group], own: bool) -> None:
        self.flows, self.groups, self.own = flows, groups, own
        self.routes: dict[Dpid, Route] = {}
        self.users: dict[int, int] = {}


class RouteTable:
    """All routes of all switches, written into the flows and groups of their programs.

    make: the route of next hops; asked with None and no groups for the one that all switches share, or with a switch
    and its groups for one of its own, because an id of a shared one is taken there.
    """

    def __init__(self, make: Make) -> None:
        self._make = make
        self._made: dict[int, Route] = {}
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

    def update(self, reroutes: Iterable[Reroute]) -> Outcome:
        """Change routes, each (switch, destination) at most once. O(reroutes)."""
        changed: dict[Dpid, list[Entry]] = {}
        moved: list[Reroute] = []
        unplaced: list[Reroute] = []
        idle: list[tuple[Dpid, int, Entry]] = []
        for reroute in reroutes:
            dpid, destination, hops = reroute
            switch, keys = self._switches.get(dpid), self._keys.get(destination)
            if switch is None or keys is None:
                unplaced.append(reroute)
                continue
            old = switch.routes.pop(destination, None)
            new = None if hops is None else self._route(dpid, hops, switch)
            if new is not None:
                switch.routes[destination] = new
            entries = [*_write_flows(switch, keys, old, new), *_take_groups(switch, new)]
            idle += [(dpid, number, entry) for number, entry in _leave_groups(switch, old)]
            if entries:
                changed.setdefault(dpid, []).extend(entries)
                moved.append(reroute)
        for dpid, number, entry in idle:
            switch = self._switches[dpid]
            if not switch.users.get(number, 1):
                del switch.users[number], switch.groups[number]
                changed[dpid].append(entry)
        return changed, moved, unplaced

    def routes(self, dpid: Dpid) -> dict[Dpid, Route]:
        """The routes of a switch by destination. O(destinations)."""
        switch = self._switches.get(dpid)
        return dict(switch.routes) if switch else {}

    def _route(self, dpid: Dpid, hops: NextHops, switch: _Switch) -> Route:
        if not switch.own:
            made = self._shared(hops)
            if all(switch.groups.get(number, content) == content for number, content, _ in made.groups):
                return made
            switch.own = True
        return self._make(dpid, hops, switch.groups)

    def _shared(self, hops: NextHops) -> Route:
        made = self._made.get(id(hops))
        if made is None:
            if len(self._made) >= _MAX_MADE:
                self._made.clear()
            made = self._made[id(hops)] = self._make(None, hops, {})  # holds its hops, so that the id stays theirs
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
