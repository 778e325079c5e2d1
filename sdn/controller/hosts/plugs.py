"""Where in the network the iface-ids of hosts are, as the databases of switches tell.

Rules
- A bridge is believed of the connection that told of it first, as long as that lasts.
- An iface-id that is at several places is a conflict. The place that had it first keeps it, until it is gone there.
- What was told stays true while nobody tells of a bridge (its connection ended, or this daemon is new), so that nothing
  is detached for it. After ``HOLD`` seconds of that a place that somebody tells of wins over it: the host is there.
- The places of the iface-ids that ports are bound by are remembered over a restart, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from sdn.controller.events import BridgesSeen, ManagerDown
from sdn.model import codec
from sdn.model.errors import SdnError
from sdn.model.ids import Dpid, format_dpid, parse_dpid
from sdn.model.plugs import Bridge

PLUGS = "plugs"
"""Bucket: key an iface-id, value its places [datapath id, interface], the one that has it first."""
HOLD = 15.0
"""Seconds: as long as switches that do not return after a restart are waited for."""

Place = tuple[Dpid, str]
"""Datapath id and interface name."""


class Plugs:
    """Places by iface-id. saved: the bucket as it was left; now: monotonic seconds. Costs follow what changes."""

    def __init__(self, saved: Mapping[str, str], now: float) -> None:
        self._now = now
        self.revision = 0
        """Grows whenever a database tells something, or nothing more."""
        self._told: dict[Dpid, dict[int, Bridge]] = {}
        """By connection, the one that is believed first."""
        self._ids: dict[Dpid, dict[str, str]] = {}
        """By interface, as believed."""
        self._places: dict[str, dict[Place, None]] = {}
        self._away: dict[Dpid, float] = {}
        """Bridges that nobody tells of, and since when."""
        self._stale: set[Dpid] = set()
        self._saved = set(saved)
        self._dirty: dict[str, None] = {}
        for iface_id, text in saved.items():
            for place in _read(text):
                self._ids.setdefault(place[0], {})[place[1]] = iface_id
                self._places.setdefault(iface_id, {})[place] = None
                self._away[place[0]] = now

    # What happened; each answers the iface-ids to look at again

    def seen(self, event: BridgesSeen, now: float) -> set[str]:
        """A database tells of its bridges."""
        self._now = now
        self.revision += 1
        touched: set[str] = set()
        for bridge in event.bridges:
            self._told.setdefault(bridge.dpid, {})[event.manager] = bridge
            touched |= self._believe(bridge.dpid)
        for dpid in event.gone:
            touched |= self._leave(dpid, event.manager, forget=True)
        return self._look(touched)

    def down(self, event: ManagerDown, now: float) -> set[str]:
        """A connection ended."""
        self._now = now
        self.revision += 1
        told = [dpid for dpid, managers in self._told.items() if event.manager in managers]
        return self._look(set().union(*(self._leave(dpid, event.manager, forget=False) for dpid in told)))

    def forget(self, dpid: Dpid) -> set[str]:
        """A switch is gone for good: what is remembered of it is no more. What is told at present stays true."""
        if dpid in self._told:
            return set()
        self._away.pop(dpid, None)
        self._stale.discard(dpid)
        gone = self._ids.pop(dpid, {})
        for name, iface_id in gone.items():
            self._remove(iface_id, (dpid, name))
        return self._look(set(gone.values()))

    def expire(self, now: float) -> set[str]:
        """Time passed. O(bridges that nobody tells of)."""
        self._now = now
        old = {dpid for dpid, since in self._away.items() if now - since >= HOLD} - self._stale
        self._stale |= old
        ids = {iface_id for dpid in old for iface_id in self._ids.get(dpid, {}).values()}
        return self._look({iface_id for iface_id in ids if len(self._places[iface_id]) > 1})

    def note(self, iface_id: str) -> None:
        """A port is bound by it now, or not any more."""
        self._dirty[iface_id] = None

    def records(self, wanted: Callable[[str], bool]) -> dict[str, str | None]:
        """Records to put (None: delete) since the last call. wanted: whether a port is bound by an iface-id."""
        dirty, self._dirty = self._dirty, {}
        puts: dict[str, str | None] = {}
        for iface_id in dirty:
            places = self._places.get(iface_id)
            if places and wanted(iface_id):
                puts[iface_id] = codec.dumps([[format_dpid(dpid), interface] for dpid, interface in places])
                self._saved.add(iface_id)
            elif iface_id in self._saved:
                puts[iface_id] = None
                self._saved.remove(iface_id)
        return puts

    # Questions

    def place(self, iface_id: str) -> Place | None:
        """Where it is."""
        return next(iter(self._places.get(iface_id, ())), None)

    def rivals(self, iface_id: str) -> tuple[Place, ...]:
        """Where else it is told to be, by databases that are there (or were until just now)."""
        others = list(self._places.get(iface_id, ()))[1:]
        return tuple(place for place in others if place[0] not in self._stale)

    def bridge(self, dpid: Dpid) -> Bridge | None:
        """What is told of a bridge at present."""
        return next(iter(self._told.get(dpid, {}).values()), None)

    def bridges(self) -> Iterable[Bridge]:
        """All that are told of at present."""
        return (next(iter(managers.values())) for managers in self._told.values() if managers)

    def manager(self, dpid: Dpid) -> int | None:
        """The connection that is believed of a bridge."""
        return next(iter(self._told.get(dpid, {})), None)

    def second(self, dpid: Dpid, manager: int) -> bool:
        """Whether another connection is believed of a bridge."""
        return next(iter(self._told.get(dpid, {})), manager) != manager

    # Inside

    def _believe(self, dpid: Dpid) -> set[str]:
        """Take over what the first connection tells."""
        bridge = self.bridge(dpid)
        if bridge is None:
            return set()
        back = self._away.pop(dpid, None) is not None
        self._stale.discard(dpid)
        before, after = self._ids.get(dpid, {}), dict(bridge.iface_ids)
        self._ids[dpid] = after
        changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        # Sorted: which of two interfaces that came at once is first must not depend on chance.
        for name in sorted(changed):
            if name in before:
                self._remove(before[name], (dpid, name))
            if name in after:
                self._places.setdefault(after[name], {})[dpid, name] = None
        return {ids[name] for ids in (before, after) for name in (ids if back else changed & ids.keys())}

    def _leave(self, dpid: Dpid, manager: int, *, forget: bool) -> set[str]:
        managers = self._told.get(dpid, {})
        believed = next(iter(managers), None) == manager
        managers.pop(manager, None)
        if not believed:
            return set()
        if managers:
            return self._believe(dpid)
        del self._told[dpid]
        if not forget:
            self._away[dpid] = self._now
            return set()
        gone = self._ids.pop(dpid, {})
        for name, iface_id in gone.items():
            self._remove(iface_id, (dpid, name))
        return set(gone.values())

    def _remove(self, iface_id: str, place: Place) -> None:
        places = self._places.get(iface_id, {})
        places.pop(place, None)
        if not places:
            self._places.pop(iface_id, None)

    def _look(self, touched: set[str]) -> set[str]:
        """Of each, a place that somebody tells of comes before those that are only remembered; else order stays."""
        for iface_id in touched:
            places = self._places.get(iface_id)
            if places is not None and len(places) > 1:
                first = next((place for place in places if place[0] not in self._stale), None)
                if first is not None and first != next(iter(places)):
                    self._places[iface_id] = {first: None, **places}
            self._dirty[iface_id] = None
        return touched


def _read(text: str) -> Iterable[Place]:
    """The places of a record; none of one that is damaged: they are told again."""
    try:
        found = codec.loads(text)
        if not isinstance(found, list):
            return []
        return [(parse_dpid(str(item[0])), str(item[1])) for item in found if isinstance(item, list) and len(item) == 2]
    except SdnError:
        return []
