"""What switches tell: that they are there or not, their ports, packets, what they confirmed, and what they hold."""

from __future__ import annotations

from sdn.controller.effects import CloseSession
from sdn.controller.events import (
    BatchDone,
    PacketIn,
    PacketsSent,
    PortChanged,
    ReadBack,
    SessionRefused,
    SwitchDown,
    SwitchUp,
)
from sdn.controller.hosts.attachments import is_learned
from sdn.controller.packets import RejectLog, answer_routed, is_probe
from sdn.controller.parts import Parts
from sdn.controller.switches.audits import owners_of, report_of
from sdn.model.errors import SdnError
from sdn.model.intent import Port
from sdn.model.program import Entry

SwitchEvent = BatchDone | PacketIn | PacketsSent | PortChanged | ReadBack | SessionRefused | SwitchDown | SwitchUp


class SwitchEvents:
    """Takes them. Events of a session that is not the present one of its switch are left out."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._rejects = RejectLog()

    def take(self, event: SwitchEvent, now: float) -> None:
        """now: monotonic seconds."""
        match event:
            case BatchDone():
                self._batch_done(event, now)
            case PacketIn():
                self._packet_in(event, now)
            case PacketsSent():
                if self._parts.fleet.current(event.dpid, event.session) is not None:
                    self._parts.timing.sent(event)
                    self._parts.prober.sent_at(event)
            case PortChanged():
                self._port_changed(event, now)
            case SwitchUp():
                self._switch_up(event, now)
            case SwitchDown():
                self._switch_down(event, now)
            case ReadBack():
                self._read_back(event)
            case SessionRefused():
                name = self._parts.topology.name_of(event.dpid) if event.dpid else ""
                self._parts.reporter.session_refused(name, event)

    def _switch_up(self, event: SwitchUp, now: float) -> None:
        parts = self._parts
        try:
            parts.underlay.switch_changed(event.dpid)
        except SdnError as error:
            parts.outcome.emit(CloseSession(event.session, str(error)))
            return
        parts.topology.discovery.switch_up(event.dpid, event.ports, now)
        parts.attachments.switch_changed(event.dpid)
        parts.learning.switch_changed(event.dpid, now)
        parts.fleet.up(event)
        parts.compiler.unblock(event.dpid)
        parts.reporter.connected(parts.topology.name_of(event.dpid), event)
        parts.managers.check(event.dpid)

    def _switch_down(self, event: SwitchDown, now: float) -> None:
        parts = self._parts
        if parts.fleet.down(event):
            parts.topology.discovery.switch_down(event.dpid, now)
            parts.topology.latencies.switch_down(event.dpid)
            parts.learning.switch_changed(event.dpid, now)
            parts.outcome.tell(*parts.progress.owners(event.dpid))
            parts.outcome.emit(*parts.audits.lost(event.dpid))
            parts.reporter.disconnected(parts.topology.name_of(event.dpid), event.reason)

    def _port_changed(self, event: PortChanged, now: float) -> None:
        parts = self._parts
        if parts.fleet.current(event.dpid, event.session) is None:
            return
        discovery = parts.topology.discovery
        before = discovery.interface(event.dpid, event.port.number)
        moved_from = parts.topology.port_number(event.dpid, event.port.name)
        if event.removed:
            discovery.port_removed(event.dpid, event.port.number)
        else:
            discovery.port_changed(event.dpid, event.port, now)
        for interface in {before, event.port.name} - {None}:
            parts.attachments.interface_changed((event.dpid, str(interface)))
            parts.learning.interface_changed((event.dpid, str(interface)), now)
        for number in {event.port.number, moved_from} - {None}:
            parts.underlay.port_changed(event.dpid, int(number or 0))

    def _packet_in(self, event: PacketIn, now: float) -> None:
        parts = self._parts
        if parts.fleet.current(event.dpid, event.session) is None:
            return
        if is_probe(event):
            self._probe(event, now)
            return
        if parts.prober.heard(event):
            return
        self._note_host(event)
        if parts.announcements.packet(event, now):
            return
        answer = answer_routed(parts.store, event)
        if answer is not None:
            parts.outcome.emit(answer)
        elif parts.statuses.started:
            parts.outcome.emit(*parts.learning.packet(event, now))

    def _note_host(self, event: PacketIn) -> None:
        """A bound port that sent a tenant's frame is a host's until its cable is pulled, bound or not.

        Of a port that learning mode bound this is not believed: it may turn out to be a link.
        """
        parts = self._parts
        port = parts.store.objects.get(parts.attachments.at(event.dpid, event.in_port) or "")
        if isinstance(port, Port) and not is_learned(port, parts.settings.learn):
            parts.topology.discovery.host_seen(event.dpid, event.in_port)

    def _probe(self, event: PacketIn, now: float) -> None:
        parts = self._parts
        reject = parts.topology.discovery.receive(event.dpid, event.in_port, event.data, now)
        if reject is None:
            parts.timing.heard(event)
        elif reject.kind == "bound-port" and parts.learning.link_heard(event, now):
            return  # its learned port goes, and a later probe makes the link
        elif self._rejects.is_new(reject, now):
            parts.reporter.rejected(parts.topology.name_of(event.dpid), reject)

    def _batch_done(self, event: BatchDone, now: float) -> None:
        parts = self._parts
        switch = parts.fleet.done(event)
        if switch is None:
            return
        helped = not event.failures
        refusals: list[tuple[str, str, str]] = []
        for failure in event.failures:
            entry = Entry(failure.kind, failure.key)
            units = parts.compiler.programs[event.dpid].owners(entry)
            for unit in units:
                parts.compiler.block(unit)
                parts.statuses.refused(unit, failure.text)
                parts.outcome.tell(unit.object)
            if not units:
                helped = switch.sync.give_up(entry) or helped
            helped = helped or bool(units)
            refusals += ((owner, failure.kind, failure.text) for owner in [unit.object for unit in units] or [""])
        if refusals:
            parts.audits.suspect(event.dpid, now)
        parts.reporter.refused(parts.topology.name_of(event.dpid), refusals)
        if not helped and switch.session is not None:
            parts.outcome.emit(CloseSession(switch.session, "refuses what cannot be attributed"))
        parts.confirmation.confirm(switch)

    def _read_back(self, event: ReadBack) -> None:
        parts = self._parts
        found = parts.fleet.audit(event, parts.progress.generation)
        switch = parts.fleet.get(event.dpid)
        if found is None or switch is None:
            return
        program = parts.compiler.programs[event.dpid]
        report = report_of(parts.topology.name_of(event.dpid), found, program)
        if not report.clean:
            parts.confirmation.differs(switch, found)
            # Perhaps it was refused because something else was missing.
            parts.compiler.unblock(event.dpid)
        parts.reporter.audited(report, owners_of(found.differences, program))
        parts.outcome.emit(*parts.audits.answers(event.dpid, report))
