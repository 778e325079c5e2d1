"""Admission: whether the connections of a transaction fit, and with which paths. Nothing is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from sdn.controller.connections.asking import asks_anew, placed
from sdn.controller.connections.circuits import Ends
from sdn.controller.connections.demands import Demand
from sdn.controller.connections.displacing import Wanted, displace
from sdn.controller.connections.pathnumbers import PathNumbers, no_numbers
from sdn.controller.connections.placing import NOT_NOW, Grant, Placer
from sdn.model.calendar import ALWAYS
from sdn.model.errors import Exhausted, InvalidInput, SdnError
from sdn.model.intent import Connection, Resource
from sdn.routing.admission import Reservation
from sdn.store import Change, Store


@dataclass(frozen=True, slots=True)
class _Try:
    """What a trial has done. before: what others had, by key; found: who gets what; refuse: told who gets nothing, and
    why; raises to end the trial."""

    before: dict[str, Reservation]
    found: dict[str, Grant]
    refuse: Callable[[Connection, SdnError], None]


class Admission:
    """Tries requests on the ledger of a placer, and undoes it. ways: those that have numbers."""

    def __init__(self, store: Store, ends: Ends, placer: Placer, ways: PathNumbers) -> None:
        self._store = store
        self._ends = ends
        self._placer = placer
        self._ways = ways

    def admit(
        self, changes: tuple[Change, ...], fields: Callable[[str], str], *, strict: bool = False
    ) -> dict[str, Grant]:
        """Paths for the connections of a transaction, all of them together; nothing is kept.

        fields: prefix for fields of violations by name. Connections with an end that is attached nowhere yet, and those
        that wait or do without (unless ``strict``), have no path here and are admitted later. Raises Refused,
        InvalidInput, or Exhausted.
        """
        asking = [change for change in changes if asks_anew(change)]
        if not asking:
            return {}
        ledger = self._placer.ledger
        new = {change.name: change.new for change in changes if change.new is not None}
        before = {key: held for change in asking for key, held in self._placer.held(change.name)}
        found: dict[str, Grant] = {}
        by_name = {change.name: change for change in asking}

        def refuse(connection: Connection, error: SdnError) -> None:
            if not _joins(by_name[connection.name], changes) and (strict or not _waits(connection, error)):
                # A leg that does not merely join is there because of a command about the whole.
                raise placed(error, fields(connection.leg_of or connection.name)) from None

        for key in before:
            ledger.release(key)
        try:
            asked = [change.new for change in asking if isinstance(change.new, Connection)]
            self._take_all(asked, new, _Try(before, found, refuse))
        finally:
            self._undo(before, found)
        those = [change.name for change in asking if not _joins(change, changes)]
        routes = [path for name in those if name in found for path in found[name].routes if path is not None]
        if not self._ways.has_room(routes):
            raise placed(no_numbers(), "")
        return found

    def together(self, connections: Sequence[Connection]) -> dict[str, Grant]:
        """Paths for legs that have none, all of them or an error as of ``admit``; nothing is kept."""
        before: dict[str, Reservation] = {}
        found: dict[str, Grant] = {}

        def refuse(_: Connection, error: SdnError) -> None:
            raise error

        try:
            self._take_all(connections, {leg.name: leg for leg in connections}, _Try(before, found, refuse))
        finally:
            self._undo(before, found)
        return found

    def _undo(self, before: Mapping[str, Reservation], found: Mapping[str, Grant]) -> None:
        for name in found:
            self._placer.release(name)
        for key, held in before.items():
            self._placer.ledger.put_back(key, held)

    def _take_all(self, connections: Sequence[Connection], new: Mapping[str, Resource], trial: _Try) -> None:
        """Reserve paths of all that get some, for the time being.

        Legs that have to displace others do so at the end, those of one connection together.
        """
        late: dict[str, list[tuple[Wanted, SdnError]]] = {}
        for connection in connections:
            demand: Demand | None = None
            try:
                demand = self._demand(connection, new)
                if demand is not None:
                    self._take(connection, demand, trial)
            except NOT_NOW as error:
                if demand is None or not connection.priority or isinstance(error, InvalidInput):
                    trial.refuse(connection, error)
                elif connection.leg_of:
                    late.setdefault(connection.leg_of, []).append(((connection, demand), error))
                else:
                    self._displace([((connection, demand), error)], new, trial)
        for wanted in late.values():
            if any(grant.displaced for grant in trial.found.values()):
                wanted = [(one, why) for one, _ in wanted if (why := self._refusal(*one, trial)) is not None]
            if wanted:
                self._displace(wanted, new, trial)

    def _take(self, connection: Connection, demand: Demand, trial: _Try) -> None:
        routes = self._placer.search_for(connection, demand, or_without=False)
        self._placer.reserve(connection, routes)
        trial.found[connection.name] = Grant(routes)

    def _refusal(self, connection: Connection, demand: Demand, trial: _Try) -> SdnError | None:
        """Why a leg has no room, though others were displaced since; None where it has."""
        try:
            self._take(connection, demand, trial)
        except NOT_NOW as error:
            return error
        return None

    def _displace(self, wanted: list[tuple[Wanted, SdnError]], new: Mapping[str, Resource], trial: _Try) -> None:
        """Let others give back what these need, where that helps."""
        displacement = None
        try:
            displacement = displace(self._placer, [one for one, _ in wanted], lambda name: self._other(name, new))
        except Exhausted as error:
            wanted = [(one, error) for one, _ in wanted]
        if displacement is None:
            for (connection, _), reason in wanted:
                trial.refuse(connection, reason)
            return
        ledger, keys = self._placer.ledger, displacement.keys
        for key in keys:
            held = ledger.held(key)
            assert held is not None
            trial.before[key] = held
            ledger.release(key)
        for ((connection, _), _), routes in zip(wanted, displacement.routes, strict=True):
            self._placer.reserve(connection, routes)
            trial.found[connection.name] = Grant(routes, keys)
            keys = ()

    def _demand(self, connection: Connection, new: Mapping[str, Resource]) -> Demand | None:
        """What it asks for; None while an end is attached nowhere."""
        self._ends.check_no_link(connection)
        a, b = (self._ends.locate(end, new) for end in (connection.a, connection.b))
        if a is None or b is None:
            return None
        beside = [other for other in new.values() if isinstance(other, Connection)]
        demand = self._placer.demands.of(connection, a, b, beside, avoiding=False)
        if connection.calendar != ALWAYS and not self._placer.windows(connection):
            raise InvalidInput.of("calendar.end", "that time is over", "Give a time to come.")
        return demand

    def _other(self, name: str, new: Mapping[str, Resource]) -> Connection | None:
        """One that may be displaced: not of this transaction, nor a leg of what is in it with another one."""
        found = self._store.objects.get(name)
        if not isinstance(found, Connection) or name in new:
            return None
        legs = () if not found.leg_of else (found.leg_of, *self._store.legs(found.leg_of))
        return None if any(leg in new for leg in legs) else found


def _waits(connection: Connection, error: SdnError) -> bool:
    """Whether it is taken without a path."""
    return connection.no_path != "FAIL" and not isinstance(error, InvalidInput)


def _joins(change: Change, changes: tuple[Change, ...]) -> bool:
    """Whether a leg comes with a port and not with its connection: that is not refused for want of room."""
    leg = change.new
    return (
        isinstance(leg, Connection)
        and bool(leg.leg_of)
        and not any(leg.leg_of == other.name and not _only_counts(other) for other in changes)
    )


def _only_counts(change: Change) -> bool:
    old, new = change
    if not isinstance(old, Connection) or not isinstance(new, Connection):
        return False
    return replace(old, left_out=new.left_out, revision=new.revision) == new
