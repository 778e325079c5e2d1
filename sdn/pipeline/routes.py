"""Routes between switches: which were asked for, which are in programs, which wait and which a switch refuses.

The flows themselves are in a RouteTable, beside the units of all other features. Every route belongs to a unit in name:
feature ROUTE, the destination switch as its object. Each version of the routes to a destination is a destination of
its own in the table (model.route.version); together they are the unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sdn.model.ids import Dpid, format_dpid, parse_dpid
from sdn.model.program import Entry, FlowKey, Group, Unit
from sdn.model.route import (
    EPOCHS,
    Leg,
    NextHops,
    Repair,
    RepairHops,
    RouteKey,
    VersionReroute,
    epoch_of,
    unversioned,
    version,
)
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
    """Owner of what belongs to a switch as such; also for a version of the routes to it."""
    return f"switches/{format_dpid(unversioned(dpid))}"


class Routes:
    """Routes to every switch that was added, on every switch that was added."""

    def __init__(self, salts: SaltTable, form: Form) -> None:
        """salts: choices of group ids; form: of the table."""
        self._salts = salts
        self._table = form(self._make)
        self._changes: list[Sequence[VersionReroute]] = []
        self._waiting: dict[Dpid, dict[RouteKey, NextHops | Leg | None]] = {}
        """By the switch that is missing: routes from it or to it."""
        self._repairs: list[list[Repair]] = []
        self._unrepaired: dict[Dpid, dict[RouteKey, RepairHops | None]] = {}
        """As ``_waiting``, of repair hops."""
        self._refused: dict[RouteKey, NextHops | Leg] = {}
        self._left_out: dict[RouteKey, None] = {}
        """Of these, what is still to be taken out of the program."""
        self._known: set[Dpid] = set()
        self._destinations: dict[FlowKey, Dpid] = {}
        self._labels: dict[Dpid, int] = {}
        self._versions: dict[Dpid, set[int]] = {}
        """Epochs other than 0 of which there are or will be routes, by destination."""

    def add(self, dpid: Dpid, label: int, program: SwitchProgram) -> None:
        """A new switch: its program gets routes, and others get routes to it. O(routes that waited for it)."""
        self._known.add(dpid)
        self._labels[dpid] = label
        self._table.add_switch(dpid, program.flows, program.groups, bool(self._salts.of(dpid)))
        for epoch in (0, *sorted(self._versions.get(dpid, ()))):
            self._add_destination(dpid, epoch)
        waited = self._waiting.pop(dpid, {})
        if waited:
            self._changes.insert(0, [(*key, hops) for key, hops in waited.items()])
        unrepaired = self._unrepaired.pop(dpid, {})
        if unrepaired:
            self._repairs.insert(0, [(*key, hops) for key, hops in unrepaired.items()])

    def add_version(self, destination: Dpid, epoch: int) -> None:
        """There will be routes of this epoch; those of epoch 0 need not be announced. O(1)."""
        versions = self._versions.setdefault(destination, set())
        if epoch and epoch not in versions:
            versions.add(epoch)
            if destination in self._known:
                self._add_destination(destination, epoch)

    def _add_destination(self, destination: Dpid, epoch: int) -> None:
        keys = fabric.node_keys(self._labels[destination], epoch)
        self._table.add_destination(version(destination, epoch), [Entry("flow", key) for key in keys])
        self._destinations.update(dict.fromkeys(keys, destination))

    def set(self, reroutes: Sequence[VersionReroute]) -> None:
        """These are other routes from now on, each (switch, version of a destination) at most once. O(1)."""
        if reroutes:
            self._changes.append(reroutes)

    def hops_of(self, keys: Iterable[RouteKey]) -> list[NextHops | Leg | None]:
        """What (switch, version of a destination) pairs have had since the last ``compile``."""
        return self._table.hops_of(list(keys))

    def repairs_of(self, keys: Iterable[RouteKey]) -> list[RepairHops | None]:
        """The repair hops that (switch, version of a destination) pairs have had since the last ``compile``."""
        return self._table.repairs_of(list(keys))

    def set_repairs(self, repairs: list[Repair]) -> None:
        """These are other repair hops from now on, each (switch, destination) at most once. O(1)."""
        if repairs:
            self._repairs.append(repairs)

    def compile(self) -> tuple[dict[Dpid, list[Entry]], list[VersionReroute]]:
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
        return unversioned(destination) if dpid in self._known else dpid

    def _take_repairs(self) -> list[Repair]:
        """Each (switch, destination) once."""
        repairs, self._repairs = self._repairs, []
        if len(repairs) <= 1:
            return repairs[0] if repairs else []
        last = {(dpid, destination): hops for some in repairs for dpid, destination, hops in some}
        return [(*key, hops) for key, hops in last.items()]

    def _take_changes(self) -> Iterable[VersionReroute]:
        """Each (switch, destination) once, without what a switch refuses as it is."""
        changes, self._changes = self._changes, []
        left_out, self._left_out = self._left_out, {}
        if len(changes) == 1 and not self._refused and not left_out:
            return changes[0]
        last = {(dpid, destination): hops for some in changes for dpid, destination, hops in some}
        permitted = {key: hops for key, hops in last.items() if self._permitted(key, hops)}
        return [(*key, hops) for key, hops in (left_out | permitted).items()]

    def _permitted(self, key: RouteKey, hops: NextHops | Leg | None) -> bool:
        if key not in self._refused:
            return True
        if self._refused[key] == hops:
            return False
        del self._refused[key]
        return True

    def _make(
        self, dpid: Dpid | None, hops: NextHops | Leg, repair: RepairHops | None, taken: Mapping[int, Group]
    ) -> route_table.Route:
        if dpid is None:
            return fabric.compile_shared_route(hops, repair)
        return fabric.compile_route(hops, repair, taken, self._salts.of(dpid))

    # What switches refuse

    def block(self, dpid: Dpid, destination: Dpid) -> None:
        """Leave a route out, because the switch refused it, until it is another one."""
        names = [version(destination, epoch) for epoch in range(EPOCHS)]
        for name, hops in zip(names, self.hops_of((dpid, name) for name in names), strict=True):
            if hops is not None:
                self._refused[dpid, name] = hops
                self._left_out[dpid, name] = None

    def unblock(self, dpid: Dpid) -> None:
        """Try again what a switch refused."""
        for key in [key for key in self._refused if key[0] == dpid]:
            self._changes.insert(0, [(*key, self._refused.pop(key))])

    def blocked(self) -> list[Unit]:
        """Units of the routes that are left out at present."""
        return list(dict.fromkeys(_unit(*key) for key in self._refused))

    # Owners

    def owners(self, dpid: Dpid, entry: Entry) -> tuple[Unit, ...]:
        """The units whose routes have an entry. O(1) for a flow, O(destinations) for a group."""
        if isinstance(entry.key, bytes):
            destination = self._destinations.get(entry.key)
            return () if destination in (None, dpid) else (_unit(dpid, destination),)
        routes = self._table.routes(dpid)
        users = (to for to, route in routes.items() if any(entry == own for _, _, own in route.groups))
        return tuple(_unit(dpid, to) for to in dict.fromkeys(map(unversioned, users)))

    def held(self, dpid: Dpid) -> Iterator[tuple[Dpid, NextHops, RepairHops | None, list[Entry]]]:
        """What a program has: (destination, next and repair hops, their entries). Of versions that which is entered."""
        for name, route in self._table.routes(dpid).items():
            if route.bodies[0] is None:
                continue
            keys = fabric.node_keys(self._labels[unversioned(name)], epoch_of(name))
            flows = zip(keys, route.bodies, strict=True)
            entries = [Entry("flow", key) for key, body in flows if body is not None]
            hops = route.hops.hops if isinstance(route.hops, Leg) else route.hops
            yield unversioned(name), hops, route.repair, [*entries, *(entry for _, _, entry in route.groups)]

    def units(self, dpid: Dpid) -> Iterator[Unit]:
        """All units with routes on a switch."""
        return (_unit(dpid, to) for to in dict.fromkeys(map(unversioned, self._table.routes(dpid))))


def _unit(dpid: Dpid, destination: Dpid) -> Unit:
    return Unit(ROUTE, switch_object(destination), dpid)


def destination_of(unit: Unit) -> Dpid:
    """The destination of a unit of feature ROUTE."""
    return parse_dpid(unit.object.rpartition("/")[2])
