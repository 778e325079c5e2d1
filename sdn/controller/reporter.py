"""What the controller tells operators: one log record and one notice for everything worth knowing.

The reasons of notices, their details and severities are listed in docs/events.md.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from sdn.controller.effects import Effect, Log
from sdn.controller.events import SessionRefused, SwitchUp
from sdn.controller.notices import Notices
from sdn.model.ids import format_dpid
from sdn.model.notice import AuditReport, Severity
from sdn.model.topology import WiringFault
from sdn.reconcile import Adoption
from sdn.topology import DampingChange, Reject, SilenceChange

MAX_NAMED = 10
"""Objects or switches named in one notice."""
MAX_AT_ONCE = 20
"""Notices about refused entries of one batch, or about wiring faults of one check; one more counts the rest."""
Details = dict[str, str | int]
_INFO, _WARNING, _ERROR = Severity
_LEVELS = {_INFO: "info", _WARNING: "warning", _ERROR: "error"}


class Reporter:
    """emit: takes log records. wall: Unix time in seconds of the turn."""

    def __init__(self, notices: Notices, emit: Callable[[Effect], None]) -> None:
        self.wall = 0.0
        self._notices = notices
        self._emit = emit
        self.differences = {"missing": 0, "changed": 0, "extra": 0}
        """Entries that audits found wrong since the start."""
        self._aliens: dict[str, tuple[int, int]] = {}

    def log(self, level: str, event: str, **fields: str | int | float) -> None:
        """A log record alone."""
        self._emit(Log(level, event, tuple(fields.items())))

    def _tell(self, severity: Severity, reason: str, object_: str, message: str, event: str, details: Details) -> None:
        """Both; ``event`` is the text of the log record."""
        self._notices.add(self.wall, severity, reason, object_, message, details)
        self._emit(Log(_LEVELS[severity], event, (*((("switch", object_),) if object_ else ()), *details.items())))

    def started_without(self, switches: Collection[str]) -> None:
        """The grace after the start is over, and these are away."""
        details: Details = {"count": len(switches), "switches": _some(switches)}
        message = f"Started without {len(switches)} switches that were there before: {details['switches']}."
        self._tell(_WARNING, "StartedWithoutSwitches", "", message, "started without switches", details)

    def connected(self, switch: str, event: SwitchUp) -> None:
        """A switch finished its handshake."""
        flows = len(event.installed.flows)
        details: Details = {
            "dpid": format_dpid(event.dpid),
            "peer": event.peer,
            "ports": len(event.ports),
            "flows": flows,
        }
        message = f"Switch {switch} connected from {event.peer} with {len(event.ports)} ports and {flows} flows."
        details["description"] = event.description
        self._tell(_INFO, "SwitchConnected", switch, message, "switch connected", details)

    def disconnected(self, switch: str, reason: str) -> None:
        """The session of a switch ended."""
        message = f"Switch {switch} disconnected: {reason}."
        self._tell(_WARNING, "SwitchDisconnected", switch, message, "switch disconnected", {"reason": reason})

    def forgotten(self, switch: str, dpid: str, bound: int) -> None:
        """An operator says that a switch is gone for good. bound: ports, and connections of circuits, bound there."""
        self._aliens.pop(switch, None)
        message = f"Switch {switch} is forgotten; {bound} ports or connections were bound there."
        self._tell(_INFO, "SwitchForgotten", switch, message, "switch forgotten", {"dpid": dpid, "bound": bound})

    def session_refused(self, switch: str, event: SessionRefused) -> None:
        """Somebody wanted to be a switch and may not. switch: '' if it did not say which."""
        details: Details = {"peer": event.peer, "reason": event.reason}
        what, word = ("database", "DatabaseRefused") if event.database else ("switch", "SessionRefused")
        message = f"A {what} at {event.peer} was refused: {event.reason}."
        self._notices.add(self.wall, _WARNING, word, switch, message, details)

    def adopted(self, switch: str, found: Adoption) -> None:
        """What a switch held was compared with its program."""
        write = len(found.differences)
        details: Details = {
            "kept": found.kept,
            "to_write": write,
            "missing": len(found.missing),
            "changed": len(found.changed),
            "extra": len(found.extra),
            "alien": found.alien,
            "alien_groups": found.alien_groups,
            "older": found.older,
        }
        message = f"Switch {switch} held {found.kept} flows of ours; {write} entries are to be written."
        self._tell(_INFO, "SwitchAdopted", switch, message, "switch adopted", details)
        self._alien(switch, found.alien, found.alien_groups)

    def audited(self, report: AuditReport, owners: Collection[str]) -> None:
        """A full read-back was compared. owners: the objects whose entries were wrong."""
        switch = report.switch
        for kind in self.differences:
            self.differences[kind] += getattr(report, kind)
        if not report.clean:
            details: Details = {
                "entries": report.missing + report.changed + report.extra,
                "missing": report.missing,
                "changed": report.changed,
                "extra": report.extra,
                "owners": _some(owners),
            }
            wrong = f"{report.missing} entries missing, {report.changed} changed and {report.extra} extra"
            message = f"Switch {switch} had {wrong}; this is being repaired."
            self._tell(_ERROR, "AuditFoundDifferences", switch, message, "audit found differences", details)
        self._alien(switch, report.alien_flows, report.alien_groups)

    def _alien(self, switch: str, flows: int, groups: int) -> None:
        """Entries of other programs are told when their number is another one than last time."""
        if self._aliens.get(switch, (0, 0)) == (flows, groups):
            return
        self._aliens[switch] = (flows, groups)
        message = f"Switch {switch} holds {flows} flows and {groups} groups of other programs; they are left alone."
        details: Details = {"flows": flows, "groups": groups}
        self._tell(_WARNING, "AlienEntries", switch, message, "entries of other programs", details)

    def refused(self, switch: str, refusals: Sequence[tuple[str, str, str]]) -> None:
        """Entries that a switch did not take, as (owner, kind, error); owner: '' if nobody asked for them."""
        for owner, kind, error in dict.fromkeys(refusals[:MAX_AT_ONCE]):
            message = f"Switch {switch} refused a {kind}: {error}."
            details: Details = {"switch": switch, "kind": kind, "error": error}
            self._notices.add(self.wall, _ERROR, "EntryRefused", owner or switch, message, details)
            self.log("error", "entry refused", owner=owner, **details)
        if len(refusals) > MAX_AT_ONCE:
            more = len(refusals) - MAX_AT_ONCE
            message = f"Switch {switch} refused {more} more entries of the same batch."
            self._tell(_ERROR, "MoreEntriesRefused", switch, message, "more entries refused", {"count": more})

    def rejected(self, switch: str, reject: Reject) -> None:
        """A probe that was not believed. Other LLDP is what any neighbour sends; the rest is an attack or a cable."""
        details: Details = {"kind": reject.kind, "port": reject.port, "message": reject.message}
        if reject.kind == "foreign":
            self.log("debug", "probe rejected", switch=switch, **details)
            return
        message = f"Switch {switch} got a probe on port {reject.port} that is not believed: {reject.message}."
        self._tell(_WARNING, "ProbeRejected", switch, message, "probe rejected", details)

    def learning(self, severity: Severity, reason: str, object_: str, message: str) -> None:
        """Something about learned ports."""
        self._notices.add(self.wall, severity, reason, object_, message)
        self.log(_LEVELS[severity], "learning", reason=reason, object=object_, message=message)

    def wiring(self, faults: Sequence[WiringFault], *, cleared: bool) -> None:
        """Differences from the declared topology came, or are gone."""
        reason = "WiringFaultCleared" if cleared else "WiringFault"
        severity = _INFO if cleared else _WARNING
        for fault in faults[:MAX_AT_ONCE]:
            message = f"No longer: {fault.message}." if cleared else f"{fault.message}."
            details: Details = {"kind": fault.kind, "message": fault.message}
            self._tell(severity, reason, "", message, "wiring fault cleared" if cleared else "wiring fault", details)
        if len(faults) > MAX_AT_ONCE:
            more = len(faults) - MAX_AT_ONCE
            message = f"{more} more wiring faults {'are gone' if cleared else 'were found'}; see the topology."
            self._tell(severity, f"More{reason}", "", message, "more wiring faults", {"count": more})

    def bridge_fault(self, switch: str, kind: str, text: str, *, cleared: bool) -> None:
        """A bridge is not set up as it must be, or is now."""
        details: Details = {"kind": kind}
        if cleared:
            message = f"No longer: switch {switch}: {text.split(':', 1)[0]}."
            self._tell(_INFO, "BridgeFaultCleared", switch, message, "bridge fault cleared", details)
        else:
            self._tell(_ERROR, "BridgeFault", switch, f"Switch {switch}: {text}.", "bridge fault", details)

    def bridge_told_twice(self, switch: str, bridge: str, peer: str) -> None:
        """Two databases tell of a bridge with the same datapath id; the first one is believed."""
        message = (
            f"{peer} tells of a bridge {bridge} with the datapath id of {switch}, of which another database tells."
        )
        details: Details = {"peer": peer, "bridge": bridge}
        self._tell(_WARNING, "BridgeToldTwice", switch, message, "bridge told twice", details)

    def iface_id_conflict(self, port: str, iface_id: str, has: str, also: Sequence[str]) -> None:
        """An iface-id is at several places, the first of which has it; without others: not any more."""
        if not also:
            message = f"The iface-id {iface_id} is at one place only now, or nobody is bound by it."
            details: Details = {"iface_id": iface_id}
            reason = "InterfaceIdConflictCleared"
            self._tell(_INFO, reason, port, message, "iface-id conflict cleared", details)
            return
        others = _some(also)
        details = {"iface_id": iface_id, "has": has, "also": others}
        message = f"The iface-id {iface_id} is at {has}, which has it, and also at {others}."
        self._tell(_WARNING, "InterfaceIdConflict", port, message, "iface-id conflict", details)

    def shared_moved(self, port: str, before: str, values: Sequence[str]) -> None:
        """Addresses and MACs that several ports may use were announced by a port; before: who had them, or ''."""
        shown = _some(values)
        details: Details = {"addresses": shown, "count": len(values), "before": before}
        message = f"{port} announced {shown}, and has it now{f' instead of {before}' if before else ''}."
        self._tell(_INFO, "SharedAddressMoved", port, message, "shared address moved", details)

    def shared_fight(self, network: str, _: str, values: Sequence[str]) -> None:
        """Addresses and MACs of a network are announced by one port and another, again and again."""
        shown = _some(values)
        message = f"{shown} in {network} is announced by one port and another again and again; it stays where it is."
        details: Details = {"addresses": shown, "count": len(values)}
        self._tell(_WARNING, "SharedAddressFight", network, message, "shared address fight", details)

    def shared_settled(self, network: str, _: str, values: Sequence[str]) -> None:
        """These have been quiet, and move again when they are announced."""
        shown = _some(values)
        message = f"{shown} in {network} has been quiet; it follows announcements again."
        details: Details = {"addresses": shown, "count": len(values)}
        self._tell(_INFO, "SharedAddressSettled", network, message, "shared address settled", details)

    def drained(self, what: str, *, drained: bool) -> None:
        """An operator wishes that traffic leaves a link or switch, or that it may come back."""
        details: Details = {"target": what}
        if drained:
            message = f"The {what} is drained: it carries only what has no other way."
            self._tell(_INFO, "Drained", "", message, "drained", details)
        else:
            self._tell(_INFO, "Undrained", "", f"The {what} is used again.", "undrained", details)

    def cost_set(self, what: str, cost: int) -> None:
        """An operator gave a link another cost, or (0) its own again."""
        message = f"The {what} has the cost {cost} by an operator." if cost else f"The {what} has its own cost again."
        self._tell(_INFO, "LinkCostSet", "", message, "link cost set", {"target": what, "cost": cost})

    def oversubscription_set(self, what: str, share: float) -> None:
        """An operator let connections reserve more or less of a link, or (0) as much as of all others."""
        told = f"{share:g} times the capacity of" if share else "the usual share of"
        message = f"Connections may reserve {told} the {what}, by an operator."
        details: Details = {"target": what, "oversubscription": f"{share:g}"}
        self._tell(_INFO, "LinkOversubscriptionSet", "", message, "link oversubscription set", details)

    def silent(self, change: SilenceChange) -> None:
        """A link carries nothing while both its ports are up, or does again."""
        a, b = change.ends
        details: Details = {"a": a, "b": b}
        if change.silent:
            details["at"] = _some(change.at)
            message = f"The link {a} - {b} carries nothing, though its ports are up; seen by {details['at']} (BFD)."
            self._tell(_WARNING, "LinkSilent", "", message, "link silent", details)
        else:
            self._tell(_INFO, "LinkHeard", "", f"The link {a} - {b} carries frames again.", "link heard", details)

    def bfd(self, severity: Severity, reason: str, end: str, message: str) -> None:
        """Something about watching links by BFD at an end."""
        self._tell(severity, reason, "", message, "bfd", {"end": end, "message": message})

    def damped(self, change: DampingChange) -> None:
        """A link that was lost too often is avoided, or used again."""
        a, b = change.ends
        details: Details = {"a": a, "b": b, "penalty": change.penalty}
        if change.damped:
            message = f"The link {a} - {b} was lost again and again; it is avoided until it has held for a while."
            self._tell(_WARNING, "LinkDamped", "", message, "link damped", details)
        else:
            message = f"The link {a} - {b} has held and is used again."
            self._tell(_INFO, "LinkReused", "", message, "link reused", details)


def _some(names: Collection[str]) -> str:
    """The first ones, and how many more there are."""
    shown = sorted(names)[:MAX_NAMED]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
