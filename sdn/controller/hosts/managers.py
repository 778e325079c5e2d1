"""What the databases of switches tell: ports follow their iface-ids, and what is wrong with a bridge is told."""

from __future__ import annotations

from collections.abc import Callable

from sdn.controller.events import BridgesSeen, ManagerDown
from sdn.controller.hosts.attachments import Attachments
from sdn.controller.hosts.plugs import Place, Plugs
from sdn.controller.reporter import Reporter
from sdn.model.ids import Dpid
from sdn.model.intent import Port
from sdn.store import Change, Store
from sdn.topology import TopologyState

_FAULTS = {
    "FailMode": "its fail_mode is not secure: without a controller it forwards by itself, and tenants are not "
    "isolated. Set it: ovs-vsctl set bridge {bridge} fail_mode=secure",
    "InBand": "in-band control is not disabled: Open vSwitch adds flows of its own. "
    "Disable it: ovs-vsctl set bridge {bridge} other-config:disable-in-band=true",
}


class Managers:
    """moved: told of places that are bound otherwise now. known: whether a switch has connected."""

    def __init__(
        self,
        plugs: Plugs,
        store: Store,
        topology: TopologyState,
        attachments: Attachments,
        reporter: Reporter,
        known: Callable[[Dpid], bool],
        moved: Callable[[Place], None],
    ) -> None:
        self.plugs = plugs
        self._store = store
        self._topology = topology
        self._attachments = attachments
        self._reporter = reporter
        self._known = known
        self._moved = moved
        self._faults: dict[Dpid, set[str]] = {}
        self._conflicts: dict[str, tuple[Place | None, tuple[Place, ...]]] = {}
        """Those that were told, by iface-id."""

    def take(self, event: BridgesSeen | ManagerDown, now: float) -> None:
        """A database tells something, or nothing more."""
        if isinstance(event, ManagerDown):
            self._follow(self.plugs.down(event, now), now)
            return
        told_before = {bridge.dpid for bridge in event.bridges if self.plugs.second(bridge.dpid, event.manager)}
        self._follow(self.plugs.seen(event, now), now)
        for bridge in event.bridges:
            if bridge.dpid in told_before:
                self._reporter.bridge_told_twice(self._topology.name_of(bridge.dpid), bridge.name, event.peer)
            self.check(bridge.dpid)
        for dpid in event.gone:
            self.check(dpid)

    def tick(self, now: float) -> None:
        """Time passed."""
        self._follow(self.plugs.expire(now), now)

    def forget(self, dpid: Dpid, now: float) -> None:
        """A switch is gone for good."""
        self._faults.pop(dpid, None)
        self._follow(self.plugs.forget(dpid), now)

    def changed(self, change: Change) -> None:
        """A port was written: what its iface-ids are is remembered, or not any more."""
        for port in (change.old, change.new):
            for binding in (port.binding, port.migration_target) if isinstance(port, Port) else ():
                if binding is not None and binding.iface_id:
                    self.plugs.note(binding.iface_id)
                    self._tell(binding.iface_id)

    def check(self, dpid: Dpid) -> None:
        """Tell what is wrong with the bridge of a switch, and what no longer is."""
        bridge = self.plugs.bridge(dpid) if self._known(dpid) else None
        if bridge is None:
            return
        present = {kind for kind, wrong in (("FailMode", not bridge.secure), ("InBand", bridge.in_band)) if wrong}
        before = self._faults.get(dpid, set())
        name = self._topology.name_of(dpid)
        for kind in sorted(present ^ before):
            text = _FAULTS[kind].format(bridge=bridge.name)
            self._reporter.bridge_fault(name, kind, text, cleared=kind in before)
        self._faults[dpid] = present

    def records(self) -> dict[str, str | None]:
        """Records to put (None: delete) in the bucket ``plugs`` since the last call."""
        return self.plugs.records(lambda iface_id: self._store.port_by_iface_id(iface_id) is not None)

    def _follow(self, iface_ids: set[str], now: float) -> None:
        for iface_id in sorted(iface_ids):
            name = self._store.port_by_iface_id(iface_id)
            port = self._store.objects.get(name) if name is not None else None
            if name is not None and isinstance(port, Port):
                for place in self._attachments.port_changed(name, port, now):
                    self._moved(place)
            self._tell(iface_id)

    def _tell(self, iface_id: str) -> None:
        """Conflicts of the iface-ids of ports."""
        port = self._store.port_by_iface_id(iface_id)
        found_port = self._store.objects.get(port or "")
        rivals = self._attachments.rivals(found_port, iface_id) if isinstance(found_port, Port) else ()
        found = (self.plugs.place(iface_id), rivals) if rivals else None
        if found == self._conflicts.get(iface_id):
            return
        if found is None or found[0] is None:
            del self._conflicts[iface_id]
            self._reporter.iface_id_conflict(port or "", iface_id, "", [])
            return
        self._conflicts[iface_id] = found
        show = self._attachments.show
        self._reporter.iface_id_conflict(port or "", iface_id, show(found[0]), [show(place) for place in rivals])
