"""Admission: whether the connections of a transaction fit, and with which paths. Nothing is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from sdn.controller.asking import asks_anew, placed
from sdn.controller.circuits import Ends
from sdn.controller.displacing import displace
from sdn.controller.pathnumbers import PathNumbers, no_numbers
from sdn.controller.placing import NOT_NOW, Grant, Placer
from sdn.model.calendar import ALWAYS
from sdn.model.errors import Exhausted, InvalidInput, Refused, SdnError
from sdn.model.intent import Connection, Resource
from sdn.routing.admission import Reservation
from sdn.store import Change, Store


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
        for key in before:
            ledger.release(key)
        try:
            for change in asking:
                if not isinstance(change.new, Connection):
                    continue
                try:
                    self._take(change.new, new, before, found)
                except NOT_NOW as error:
                    if not _joins(change, changes) and (strict or not _waits(change.new, error)):
                        # A leg that does not merely join is there because of a command about the whole.
                        raise placed(error, fields(change.new.leg_of or change.name)) from None
        finally:
            for name in found:
                self._placer.release(name)
            for key, held in before.items():
                ledger.put_back(key, held)
        asked = [change.name for change in asking if not _joins(change, changes)]
        routes = [path for name in asked if name in found for path in found[name].routes if path is not None]
        if not self._ways.has_room(routes):
            raise placed(no_numbers(), "")
        return found

    def _take(
        self,
        connection: Connection,
        new: Mapping[str, Resource],
        before: dict[str, Reservation],
        found: dict[str, Grant],
    ) -> None:
        """Reserve its paths, for the time being. before, found: see ``admit``."""
        grant = self._fitting(connection, new)
        if grant is None:
            return
        ledger = self._placer.ledger
        for key in grant.displaced:
            held_by_other = ledger.held(key)
            assert held_by_other is not None
            before[key] = held_by_other
            ledger.release(key)
        self._placer.reserve(connection, grant.routes)
        found[connection.name] = grant

    def _fitting(self, connection: Connection, new: Mapping[str, Resource]) -> Grant | None:
        self._ends.check_no_link(connection)
        a, b = (self._ends.locate(end, new) for end in (connection.a, connection.b))
        if a is None or b is None:
            return None
        beside = [other for other in new.values() if isinstance(other, Connection)]
        demand = self._placer.demands.of(connection, a, b, beside, avoiding=False)
        if connection.calendar != ALWAYS and not self._placer.windows(connection):
            raise InvalidInput.of("calendar.end", "that time is over", "Give a time to come.")
        try:
            return Grant(self._placer.search_for(connection, demand, or_without=False))
        except (Refused, Exhausted):
            if not connection.priority:
                raise
            found = displace(
                self._placer, connection, demand, lambda name: None if name in new else self._connection(name)
            )
            if found is None:
                raise
            return Grant(found.routes, found.keys)

    def _connection(self, name: str) -> Connection | None:
        found = self._store.objects.get(name)
        return found if isinstance(found, Connection) else None


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
