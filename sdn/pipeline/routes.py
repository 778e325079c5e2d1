"""Routes between switches: which were asked for, which are in programs, which wait and which a switch refuses.

The flows themselves are in a RouteTable, beside the units of all other features. Every route belongs to a unit in name:
feature ROUTE, the destination switch as its object.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sdn.model.ids import Dpid, format_dpid, parse_dpid
from sdn.model.program import Entry, FlowKey, Group, Unit
from sdn.model.route import NextHops, Repair, RepairHops, Reroute, RouteKey
from sdn.pipeline import fabric, route_table
from sdn.pipeline.program import SwitchProgram
from sdn.pipeline.salts import SaltTable

try:
    from sdn.pipeline._route_table import RouteTable as _RouteTable

    COMPILED = True
    """Whether the compiled form is there; without it everything works, and takes longer when many routes change."""
except ImportError:
    _RouteTable = route_table.RouteTable  # type: ignore[assignment,misc]
    COMPILED = False

ROUTE = "route"
Form = type[route_table.RouteTable] | type[_RouteTable]
COMPILED_FORM: Form = _RouteTable
"""The compiled form where there is one."""


def switch_object(dpid: int) -> str:
    """Owner of what belongs to a switch as such."""
    return f"switches/{format_dpid(dpid)}"


class Routes:
    """Routes to every switch that was added, on every switch that was added."""

    def __init__(self, salts: SaltTable, form: Form) -> None:
        """salts: choices of group ids; form: of the table."""
        self._salts = salts
        self._table = form(self._make)
        self._changes: list[list[Reroute]] = []
        self._waiting: dict[Dpid, dict[RouteKey, NextHops | None]] = {}
        """By the switch that is missing: routes from it or to it."""
        self._repairs: list[list[Repair]] = []
        self._unrepaired: dict[Dpid, dict[RouteKey, RepairHops | None]] = {}
        """As ``_waiting``, of repair hops."""
        self._refused: dict[RouteKey, NextHops] = {}
        self._left_out: dict[RouteKey, None] = {}
        """Of these, what is still to be taken out of the program."""
        self._known: set[Dpid] = set()
        self._destinations: dict[FlowKey, Dpid] = {}
        self._keys: dict[Dpid, tuple[FlowKey, ...]] = {}

    def add(self, dpid: Dpid, label: int, program: SwitchProgram) -> None:
        """A new switch: its program gets routes, and others get routes to it. O(routes that waited for it)."""
        keys = fabric.node_keys(label)
        self._known.add(dpid)
        self._table.add_switch(dpid, program.flows, program.groups, bool(self._salts.of(dpid)))
        self._table.add_destination(dpid, [Entry("flow", key) for key in keys])
        self._destinations.update(dict.fromkeys(keys, dpid))
        self._keys[dpid] = keys
        waited = self._waiting.pop(dpid, {})
        if waited:
            self._changes.insert(0, [(*key, hops) for key, hops in waited.items()])
        unrepaired = self._unrepaired.pop(dpid, {})
        if unrepaired:
            self._repairs.insert(0, [(*key, hops) for key, hops in unrepaired.items()])

    def set(self, reroutes: list[Reroute]) -> None:
        """These are other routes from now on, each (switch, destination) at most once. O(1)."""
        if reroutes:
            self._changes.append(reroutes)

    def set_repairs(self, repairs: list[Repair]) -> None:
        """These are other repair hops from now on, each (switch, destination) at most once. O(1)."""
        if repairs:
            self._repairs.append(repairs)

    def compile(self) -> tuple[dict[Dpid, list[Entry]], list[Reroute]]:
        """Write what changed into programs; answers the entries by switch, and which reroutes changed any."""
        reroutes, repairs = self._take_changes(), self._take_repairs()
        if not reroutes and not repairs:
            return {}, []
        entries, moved, unplaced, unrepaired = self._table.update(reroutes, repairs)
        for dpid, destination, hops in unplaced:
            self._waiting.setdefault(self._missing(dpid, destination), {})[dpid, destination] = hops
        for dpid, destination, backup in unrepaired:
            self._unrepaired.setdefault(self._missing(dpid, destination), {})[dpid, destination] = backup
        return entries, moved

    def _missing(self, dpid: Dpid, destination: Dpid) -> Dpid:
        return destination if dpid in self._known else dpid

    def _take_repairs(self) -> list[Repair]:
        """Each (switch, destination) once."""
        repairs, self._repairs = self._repairs, []
        if len(repairs) <= 1:
            return repairs[0] if repairs else []
        last = {(dpid, destination): hops for some in repairs for dpid, destination, hops in some}
        return [(*key, hops) for key, hops in last.items()]

    def _take_changes(self) -> Iterable[Reroute]:
        """Each (switch, destination) once, without what a switch refuses as it is."""
        changes, self._changes = self._changes, []
        left_out, self._left_out = self._left_out, {}
        if len(changes) == 1 and not self._refused and not left_out:
            return changes[0]
        last = {(dpid, destination): hops for some in changes for dpid, destination, hops in some}
        permitted = {key: hops for key, hops in last.items() if self._permitted(key, hops)}
        return [(*key, hops) for key, hops in (left_out | permitted).items()]

    def _permitted(self, key: RouteKey, hops: NextHops | None) -> bool:
        if key not in self._refused:
            return True
        if self._refused[key] == hops:
            return False
        del self._refused[key]
        return True

    def _make(
        self, dpid: Dpid | None, hops: NextHops, repair: RepairHops | None, taken: Mapping[int, Group]
    ) -> route_table.Route:
        if dpid is None:
            return fabric.compile_shared_route(hops, repair)
        return fabric.compile_route(hops, repair, taken, self._salts.of(dpid))

    # What switches refuse

    def block(self, dpid: Dpid, destination: Dpid) -> None:
        """Leave a route out, because the switch refused it, until it is another one."""
        route = self._table.routes(dpid).get(destination)
        if route is not None:
            self._refused[dpid, destination] = route.hops
            self._left_out[dpid, destination] = None

    def unblock(self, dpid: Dpid) -> None:
        """Try again what a switch refused."""
        for key in [key for key in self._refused if key[0] == dpid]:
            self._changes.insert(0, [(*key, self._refused.pop(key))])

    def blocked(self) -> list[Unit]:
        """Units of the routes that are left out at present."""
        return [_unit(*key) for key in self._refused]

    # Owners

    def owners(self, dpid: Dpid, entry: Entry) -> tuple[Unit, ...]:
        """The units whose routes have an entry. O(1) for a flow, O(destinations) for a group."""
        if isinstance(entry.key, bytes):
            destination = self._destinations.get(entry.key)
            return () if destination in (None, dpid) else (_unit(dpid, destination),)
        routes = self._table.routes(dpid)
        return tuple(_unit(dpid, to) for to, route in routes.items() if any(entry == own for _, _, own in route.groups))

    def held(self, dpid: Dpid) -> Iterator[tuple[Dpid, route_table.Route, list[Entry]]]:
        """What is in the program of a switch: (destination, route, its entries)."""
        for destination, route in self._table.routes(dpid).items():
            flows = zip(self._keys[destination], route.bodies, strict=True)
            entries = [Entry("flow", key) for key, body in flows if body is not None]
            yield destination, route, [*entries, *(entry for _, _, entry in route.groups)]

    def units(self, dpid: Dpid) -> Iterator[Unit]:
        """All units with routes on a switch."""
        return (_unit(dpid, destination) for destination in self._table.routes(dpid))


def _unit(dpid: Dpid, destination: Dpid) -> Unit:
    return Unit(ROUTE, switch_object(destination), dpid)


def destination_of(unit: Unit) -> Dpid:
    """The destination of a unit of feature ROUTE."""
    return parse_dpid(unit.object.rpartition("/")[2])
