"""The controller: events in, effects out. It alone changes state, and performs no I/O.

A turn takes any number of events, lets each change what is known (store, topology, what switches confirmed), and then
settles once: topology to routes, attachments, connections, compile, adopt, write, report. So a burst of a thousand
events costs one compile. All that must be durable comes first among the effects of a turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sdn.controller.attachments import CLAIMS, Attachments, claim_order
from sdn.controller.audits import Audits, owners_of, report_of
from sdn.controller.connections import PATHS, Connections
from sdn.controller.effects import CloseSession, Effect, Persist, Publish, Reply
from sdn.controller.events import (
    Audit,
    BatchDone,
    BridgesSeen,
    Event,
    ManagerDown,
    PacketIn,
    PacketsSent,
    PortChanged,
    ReadBack,
    Request,
    SessionRefused,
    SwitchDown,
    SwitchUp,
    Tick,
)
from sdn.controller.faultwatch import FaultWatch
from sdn.controller.fleet import Fleet, Switch
from sdn.controller.learning import Learning
from sdn.controller.logical import Logical
from sdn.controller.managers import Managers
from sdn.controller.notices import NOTICES, Notices
from sdn.controller.packets import RejectLog, answer_routed, is_probe
from sdn.controller.plugs import PLUGS, Plugs
from sdn.controller.progress import Progress
from sdn.controller.repairs import Repairs
from sdn.controller.reporter import Reporter
from sdn.controller.staging import Make, Staged, stage
from sdn.controller.statuses import DONE, Statuses
from sdn.controller.timing import Timing
from sdn.controller.underlay import Underlay
from sdn.model.command import Command, Transaction, TransactionResult
from sdn.model.errors import SdnError
from sdn.model.ids import parse_dpid
from sdn.model.intent import DEFAULT_QUOTA, Port, Quota
from sdn.model.program import Entry
from sdn.model.status import ChangeType
from sdn.model.topology import DeclaredTopology
from sdn.pipeline import Compiler
from sdn.pipeline.routes import switch_object
from sdn.pipeline.salts import GROUPS, SaltTable
from sdn.reconcile import Adoption
from sdn.store import Change, Store
from sdn.topology import DampingRule, TopologyState

LINKS = "links"
"""Bucket: links as learned (TopologyState.records)."""

Records = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Settings:
    """probe_interval: seconds between probes of a port; probe_misses: unheard probes that end a link.

    start_grace: seconds to wait after the start for all switches of an earlier life before anything is written.
    audit_interval: seconds between full read-backs, one switch after the other.
    damping, only_declared, measured_latency: see TopologyState.
    repair: whether switches send packets round failures by themselves.
    quota: of tenants that have none of their own.
    learn: full name of the network that unknown hosts are put into, '' for none.
    """

    probe_interval: float = 1.0
    probe_misses: int = 3
    start_grace: float = 10.0
    audit_interval: float = 300.0
    damping: DampingRule | None = None
    only_declared: bool = False
    repair: bool = True
    measured_latency: bool = False
    quota: Quota = DEFAULT_QUOTA
    learn: str = ""


class Controller:
    """All state of the daemon.

    records: durable records by bucket and key, as Persist effects left them; raises SdnError when they are damaged.
    key: secret of the probes. random_bytes: gives so many unpredictable bytes. now: monotonic seconds.
    """

    def __init__(
        self,
        records: Records,
        *,
        key: bytes,
        random_bytes: Callable[[int], bytes],
        now: float,
        declared: DeclaredTopology | None = None,
        settings: Settings | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.store = Store.load(records, self.settings.quota)
        self.topology = _topology_of(self.settings, key, declared)
        self.topology.load(records.get(LINKS, {}), now)
        self.compiler = Compiler(SaltTable(records.get(GROUPS, {})))
        self.fleet = Fleet(self.compiler.programs)
        self.progress = Progress()
        plugs = Plugs(records.get(PLUGS, {}), now)
        self.attachments = Attachments(self.store, self.topology, plugs, self.settings.learn)
        self.connections = Connections(
            self.store,
            self.topology,
            self.attachments,
            self.compiler.set_connection,
            records.get(PATHS, {}),
            lambda: self.progress.generation + 1,
            self._has_confirmed,
        )
        self.repairs = Repairs(self.compiler, enabled=self.settings.repair)
        self.underlay = Underlay(self.store, self.topology, self.compiler, self.attachments.bound, self.repairs)
        self.logical = Logical(self.store, self.compiler)
        self.statuses = Statuses(
            self.store,
            self.compiler,
            self.fleet,
            self.progress,
            self.attachments,
            self.connections,
            self.topology.name_of,
        )
        self.notices = Notices(records.get(NOTICES, {}))
        self.reporter = Reporter(self.notices, lambda effect: self._effects.append(effect))
        self.audits = Audits(self.fleet, self.topology.name_of, self.settings.audit_interval, now)
        self.managers = Managers(
            *(plugs, self.store, self.topology, self.attachments, self.reporter),
            known=lambda dpid: self.fleet.get(dpid) is not None,
            moved=self.underlay.binding_changed,
        )
        self.learning = self._make_learning(now)
        self._now = now
        unheard = self.settings.probe_interval * (self.settings.probe_misses + 1)
        self._faults = FaultWatch(self.topology, self.reporter, unheard)
        self._timing = Timing(self.topology)
        self._random_bytes = random_bytes
        self._rejects = RejectLog()
        self._links = dict(records.get(LINKS, {}))
        self._expected = {parse_dpid(name) for name, _ in self.store.numbers.items("switch")}
        self._deadline = now + self.settings.start_grace
        self._effects: list[Effect] = []
        self._puts: dict[tuple[str, str], str | None] = {}
        self._news: dict[str, None] = {}
        self._written: dict[str, Change] = {}
        self._load(now, claim_order(records.get(CLAIMS, {})))

    def _make_learning(self, now: float) -> Learning:
        return Learning(
            self.settings.learn,
            self.store,
            self.topology,
            self.attachments,
            self.reporter,
            quarantine=self.settings.probe_interval * self.settings.probe_misses / 2,
            now=now,
            write=lambda commands: self._write(commands, self._now, self.reporter.wall),
            session=self.fleet.session,
            waiting=self._is_waiting,
        )

    def turn(self, events: Iterable[Event | Staged], now: float, wall: float) -> list[Effect]:
        """Take events in order and answer what is to be done.

        A Request is checked and carried out at once, its records among those of the turn; one that may yet fail to
        become durable comes as Staged, whose records are durable already.
        now: monotonic seconds; wall: Unix time in seconds, for what users see.
        """
        self.reporter.wall, self._now = wall, now
        self.statuses.conditions.begin_turn(wall)
        for event in events:
            self._take(event, now, wall)
        self._settle(now)
        effects, self._effects = self._effects, []
        return self._persist() + effects

    # Start

    def _load(self, now: float, claims: Mapping[str, int]) -> None:
        """Everything in the store is new to the other parts. claims: order of ports bound to one interface."""
        resources = sorted(self.store.objects.values(), key=lambda r: (claims.get(r.name, 0), r.revision, r.name))
        changes = tuple(Change(None, resource) for resource in resources)
        self.underlay.load()
        self._spread(changes, now)
        self.connections.load()
        self._news.clear()
        self.statuses.starting = "Waiting for the switches of before the restart."
        self._follow(now)

    @property
    def started(self) -> bool:
        """Whether switches are written to."""
        return not self.statuses.starting

    def _start_when_ready(self, now: float) -> None:
        if self.started:
            return
        away = [dpid for dpid in self._expected if self.fleet.session(dpid) is None]
        if away and now < self._deadline:
            return
        self.statuses.end_start()
        self._news.update(dict.fromkeys(self.store.objects))
        if away:
            self.reporter.started_without([self.topology.name_of(dpid) for dpid in away])

    # Events

    def _take(self, event: Event | Staged, now: float, wall: float) -> None:
        match event:
            case Staged():
                self._carry_out(event, now)
            case Request():
                self._request(event, now, wall)
            case BatchDone():
                self._batch_done(event, now)
            case PacketIn():
                self._packet_in(event, now)
            case PacketsSent():
                if self.fleet.current(event.dpid, event.session) is not None:
                    self._timing.sent(event)
            case BridgesSeen() | ManagerDown():
                self.managers.take(event, now)
            case PortChanged():
                self._port_changed(event, now)
            case SwitchUp():
                self._switch_up(event, now)
            case SwitchDown():
                self._switch_down(event, now)
            case ReadBack():
                self._read_back(event)
            case SessionRefused():
                self.reporter.session_refused(self.topology.name_of(event.dpid) if event.dpid else "", event)
            case Audit():
                answer = self.audits.want(event.token, event.switch, self.topology.resolve(event.switch))
                if answer is not None:
                    self._effects.append(answer)
            case Tick():
                self._tick(now)

    def _switch_up(self, event: SwitchUp, now: float) -> None:
        try:
            self.underlay.switch_changed(event.dpid)
        except SdnError as error:
            self._effects.append(CloseSession(event.session, str(error)))
            return
        self.topology.discovery.switch_up(event.dpid, event.ports, now)
        self.attachments.switch_changed(event.dpid)
        self.learning.switch_changed(event.dpid, now)
        self.fleet.up(event)
        self.compiler.unblock(event.dpid)
        self.reporter.connected(self.topology.name_of(event.dpid), event)
        self.managers.check(event.dpid)

    def _switch_down(self, event: SwitchDown, now: float) -> None:
        if self.fleet.down(event):
            self.topology.discovery.switch_down(event.dpid, now)
            self.topology.latencies.switch_down(event.dpid)
            self.learning.switch_changed(event.dpid, now)
            self._news.update(dict.fromkeys(self.progress.owners(event.dpid)))
            self._effects.extend(self.audits.lost(event.dpid))
            self.reporter.disconnected(self.topology.name_of(event.dpid), event.reason)

    def _port_changed(self, event: PortChanged, now: float) -> None:
        if self.fleet.current(event.dpid, event.session) is None:
            return
        discovery = self.topology.discovery
        before = discovery.interface(event.dpid, event.port.number)
        moved_from = self.topology.port_number(event.dpid, event.port.name)
        if event.removed:
            discovery.port_removed(event.dpid, event.port.number)
        else:
            discovery.port_changed(event.dpid, event.port, now)
        for interface in {before, event.port.name} - {None}:
            self.attachments.interface_changed((event.dpid, str(interface)))
            self.learning.interface_changed((event.dpid, str(interface)), now)
        for number in {event.port.number, moved_from} - {None}:
            self.underlay.port_changed(event.dpid, int(number or 0))

    def _packet_in(self, event: PacketIn, now: float) -> None:
        if self.fleet.current(event.dpid, event.session) is None:
            return
        if is_probe(event):
            reject = self.topology.discovery.receive(event.dpid, event.in_port, event.data, now)
            if reject is None:
                self._timing.heard(event)
                return
            if reject.kind == "bound-port" and self.learning.link_heard(event, now):
                return
            if self._rejects.is_new(reject, now):
                self.reporter.rejected(self.topology.name_of(event.dpid), reject)
            return
        answer = answer_routed(self.store, event)
        if answer is not None:
            self._effects.append(answer)
        elif self.started:
            self._effects.extend(self.learning.packet(event, now))

    def _tick(self, now: float) -> None:
        self.topology.expire(now)
        self.managers.tick(now)
        probes = self.topology.discovery.probes(now, self._random_bytes)
        self._effects.extend(self._timing.packets(probes, self.fleet.session, now))
        if self.started:
            self.learning.tick(now)
            self._faults.tick(now)

    # Requests

    def stage(self, requests: Iterable[Make], wall: float, limit: int | None = None) -> Staged:
        """Check requests in order, as many as can be decided together; nothing changes.

        What they write must be durable before a turn takes the result, which must come first in the very next turn.
        """
        return stage(self.store, self.connections, requests, wall, limit)

    def _request(self, event: Request, now: float, wall: float) -> None:
        staged = self.stage((lambda: event,), wall)
        self._puts.update(staged.records)
        self._carry_out(staged, now)

    def _write(self, commands: Sequence[Command], now: float, wall: float) -> SdnError | None:
        """Carry out a transaction of the controller's own, at once; answers why it was refused."""
        staged = self.stage((lambda: Request(0, Transaction(tuple(commands))),), wall)
        (item,) = staged.items
        if isinstance(item, Reply):
            return item.result if isinstance(item.result, SdnError) else None
        self._puts.update(staged.records)
        self._carry_out(staged, now)
        return None

    def _is_waiting(self, owners: Iterable[str]) -> bool:
        """Whether a connected switch has not confirmed what one of these asked for."""
        waits = (dpid for owner in owners for dpid in self.progress.waits(owner))
        return any(self.fleet.session(dpid) is not None for dpid in waits)

    def _carry_out(self, staged: Staged, now: float) -> None:
        for item in staged.items:
            if isinstance(item, Reply):
                self._effects.append(item)
                continue
            prepared = item.prepared
            if item.writes:
                self.store.commit(prepared)
                self._spread(prepared.changes, now)
                self.connections.apply(prepared.changes, item.paths)
            generation = self.progress.generation + 1
            result = TransactionResult(prepared.revision, prepared.resources, prepared.changed, generation)
            self._effects.append(Reply(item.token, result))

    def _spread(self, changes: tuple[Change, ...], now: float) -> None:
        """Tell the parts that make facts of objects what has changed in the store."""
        self.logical.apply(changes)
        for change in changes:
            name = change.name
            if isinstance(change.new or change.old, Port):
                port = change.new if isinstance(change.new, Port) else None
                for place in self.attachments.port_changed(name, port, now):
                    self.underlay.binding_changed(place)
                self.managers.changed(change)
                self.learning.port_written(change.old if isinstance(change.old, Port) else None, port, now)
            before = self._written.get(name)
            self._written[name] = change if before is None else Change(before.old, change.new)
            self._news[name] = None

    # Settling

    def _settle(self, now: float) -> None:
        self._start_when_ready(now)
        self._follow(now)
        if self.started:
            self.repairs.follow(now)
            self._compile()
            for switch in self.fleet.waiting():
                self._adopt(switch)
            # Behind the read-backs: these show what was sent before.
            self._effects.extend(self.audits.questions(now))
            self._effects.extend(self.fleet.batches())
            self._effects.extend(self.learning.release(now))
        self._publish()

    def _follow(self, now: float) -> None:
        """Topology to attachments to connections to routes; each may change what the next one sees."""
        for name, before, after in self.attachments.drain():
            self.compiler.set_port(name, after)
            self.underlay.port_moved(before, after)
            self.connections.port_changed(name)
            self._news[name] = None
        changes, records = self.underlay.follow(now)
        if changes.gone or changes.new:
            self.connections.change_links(changes)
            self.learning.links_changed(changes)
        self._note_links(records)
        self._news.update(dict.fromkeys(self.connections.settle(now)))

    def _note_links(self, records: Mapping[str, str | None]) -> None:
        """Remember the links for a restart."""
        for key, text in records.items():
            if self._links.get(key) == text:
                continue
            self._puts[LINKS, key] = text
            if text is None:
                del self._links[key]
            else:
                self._links[key] = text

    def _compile(self) -> None:
        self.progress.generation += 1
        changes = self.compiler.compile()
        for unit in self.compiler.touched:
            self._touch(unit.object, unit.dpid)
        for at, destination, _ in self.compiler.rerouted:
            self._touch(switch_object(destination), at)
        for dpid, entries in changes.items():
            switch = self.fleet.touched(dpid)
            if switch is not None:
                switch.sync.touch(entries, self.progress.generation)

    def _touch(self, owner: str, dpid: int) -> None:
        """An object waits for a switch; one that is gone does not wait for a switch that is away."""
        switch = self.fleet.get(dpid)
        live = switch is not None and switch.live
        if not live and owner.startswith("tenants/") and owner not in self.store.objects:
            self.progress.drop(owner, dpid)
        else:
            self.progress.touch(owner, dpid, live=live)
        self._news[owner] = None

    def _adopt(self, switch: Switch) -> None:
        adoption = self.fleet.adopt(switch, self.progress.first(switch.dpid))
        self._await(switch, adoption)
        self.reporter.adopted(self.topology.name_of(switch.dpid), adoption)

    def _await(self, switch: Switch, adoption: Adoption) -> None:
        """The owners of what differs wait for it; all others have what they want."""
        program = self.compiler.programs[switch.dpid]
        for entry in adoption.differences:
            for unit in program.owners(entry):
                self.progress.lost(unit.object, switch.dpid)
                self._news[unit.object] = None
        self._confirm(switch)

    def _has_confirmed(self, name: str, switches: Iterable[int], generation: int) -> bool:
        """Whether switches hold what was to be changed for an object up to a generation."""
        if generation > self.progress.generation:
            return False
        waits = self.progress.waits(name)
        return all(dpid not in waits or self.fleet.confirmed(dpid, generation) for dpid in switches)

    def _confirm(self, switch: Switch) -> None:
        self._news.update(dict.fromkeys(self.progress.confirm(switch.dpid, switch.sync.oldest)))

    def _batch_done(self, event: BatchDone, now: float) -> None:
        switch = self.fleet.done(event)
        if switch is None:
            return
        helped = not event.failures
        refusals: list[tuple[str, str, str]] = []
        for failure in event.failures:
            entry = Entry(failure.kind, failure.key)
            units = self.compiler.programs[event.dpid].owners(entry)
            for unit in units:
                self.compiler.block(unit)
                self.statuses.refused(unit, failure.text)
                self._news[unit.object] = None
            if not units:
                helped = switch.sync.give_up(entry) or helped
            helped = helped or bool(units)
            refusals += ((owner, failure.kind, failure.text) for owner in [unit.object for unit in units] or [""])
        if refusals:
            self.audits.suspect(event.dpid, now)
        self.reporter.refused(self.topology.name_of(event.dpid), refusals)
        if not helped and switch.session is not None:
            self._effects.append(CloseSession(switch.session, "refuses what cannot be attributed"))
        self._confirm(switch)

    def _read_back(self, event: ReadBack) -> None:
        found = self.fleet.audit(event, self.progress.generation)
        switch = self.fleet.get(event.dpid)
        if found is None or switch is None:
            return
        program = self.compiler.programs[event.dpid]
        report = report_of(self.topology.name_of(event.dpid), found, program)
        if not report.clean:
            self._await(switch, found)
            # Perhaps it was refused because something else was missing.
            self.compiler.unblock(event.dpid)
        self.reporter.audited(report, owners_of(found.differences, program))
        self._effects.extend(self.audits.answers(event.dpid, report))

    # Results

    def _publish(self) -> None:
        """Report what was written, and every other object whose status has changed."""
        news, self._news = self._news, {}
        written, self._written = self._written, {}
        for name in news:
            change = written.get(name)
            resource = self.store.objects.get(name)
            if resource is None:
                self.statuses.forget(name)
                if change is not None and change.old is not None:
                    self._effects.append(Publish(self.store.revision, ChangeType.DELETED, change.old, DONE))
                continue
            status = self.statuses.news(resource)
            if change is not None:
                kind = ChangeType.ADDED if change.old is None else ChangeType.MODIFIED
                status = status or self.statuses.of(resource)
                self._effects.append(Publish(self.store.revision, kind, resource, status, change.old))
            elif status is not None:
                self._effects.append(Publish(self.store.revision, ChangeType.MODIFIED, resource, status))

    def _persist(self) -> list[Effect]:
        """All records of this turn as one effect."""
        number_puts, number_deletes = self.store.numbers.drain_records()
        for name, text in self.connections.records().items():
            self._puts[PATHS, name] = text
        for key, salt in self.compiler.salts.records():
            self._puts[GROUPS, key] = salt
        for key, order in self.attachments.records().items():
            self._puts[CLAIMS, key] = order
        for key, places in self.managers.records().items():
            self._puts[PLUGS, key] = places
        for key, text in self.notices.records().items():
            self._puts[NOTICES, key] = text
        for bucket, key, value in number_puts:
            self._puts[bucket, key] = value
        for record in number_deletes:
            self._puts[record] = None
        records, self._puts = self._puts, {}
        if not records:
            return []
        puts = tuple((bucket, key, value) for (bucket, key), value in records.items() if value is not None)
        return [Persist(puts, tuple(record for record, value in records.items() if value is None))]


def _topology_of(settings: Settings, key: bytes, declared: DeclaredTopology | None) -> TopologyState:
    return TopologyState(
        *(key, declared),
        interval=settings.probe_interval,
        misses=settings.probe_misses,
        damping=settings.damping,
        only_declared=settings.only_declared,
        measured=settings.measured_latency,
    )
