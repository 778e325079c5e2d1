"""The controller: events in, effects out. It alone changes state, and performs no I/O.

A turn takes any number of events, lets each change what is known (store, topology, what switches confirmed), and then
settles once: topology to routes, attachments, connections, compile, adopt, write, report. So a burst of a thousand
events costs one compile. All that must be durable comes first among the effects of a turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from sdn.controller.connections.lives import LIVES
from sdn.controller.connections.pathkeeping import PATHS
from sdn.controller.convergence.epochs import EPOCHS
from sdn.controller.effects import Effect, Publish
from sdn.controller.events import Audit, BridgesSeen, Event, Fly, Forget, Maintain, ManagerDown, Request, Tick
from sdn.controller.forgetting import Forgetting, without_leftovers
from sdn.controller.hosts.announcements import HOLDERS
from sdn.controller.hosts.attachments import CLAIMS
from sdn.controller.hosts.plugs import PLUGS
from sdn.controller.maintaining import Maintaining
from sdn.controller.notices import NOTICES
from sdn.controller.parts import DAMPING, LINKS, Parts, Records
from sdn.controller.requests import Requests
from sdn.controller.settings import Settings
from sdn.controller.staging import Make, Staged
from sdn.controller.statuses import DONE
from sdn.controller.switchevents import SwitchEvents
from sdn.model.ids import parse_dpid
from sdn.model.intent import Connection
from sdn.model.status import ChangeType
from sdn.model.topology import DeclaredTopology
from sdn.pipeline.salts import GROUPS
from sdn.store import Change
from sdn.topology.hosts import HOSTS


class Controller:
    """All state of the daemon.

    records: durable records by bucket and key, as Persist effects left them; raises SdnError when they are damaged.
    key: secret of the probes. random_bytes: gives so many unpredictable bytes. now: monotonic seconds;
    wall: Unix time, by which penalties of an earlier life have decayed.
    """

    def __init__(
        self,
        records: Records,
        *,
        key: bytes,
        random_bytes: Callable[[int], bytes],
        now: float,
        wall: float = 0.0,
        declared: DeclaredTopology | None = None,
        settings: Settings | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self._now = now
        self._random_bytes = random_bytes
        records, leftovers = without_leftovers(records)
        self.parts = parts = Parts(
            *(self.settings, records),
            key=key,
            now=now,
            wall=wall,
            declared=declared,
            write=lambda commands: self._requests.write(commands, self._now, self.reporter.wall),
        )
        self.store, self.topology, self.compiler, self.fleet = parts.store, parts.topology, parts.compiler, parts.fleet
        self.attachments, self.connections, self.progress = parts.attachments, parts.connections, parts.progress
        self.statuses, self.notices, self.reporter = parts.statuses, parts.notices, parts.reporter
        self.repairs, self.learning = parts.repairs, parts.learning
        self._requests = Requests(parts)
        self.maintaining = Maintaining(parts)
        self._forgetting = Forgetting(parts)
        for bucket, keys in leftovers.items():
            parts.outcome.keep(bucket, ((key, None) for key in keys))
        self._switches = SwitchEvents(parts)
        self._links = dict(records.get(LINKS, {}))
        self._expected = {parse_dpid(name) for name, _ in self.store.numbers.items("switch")}
        self._deadline = now + self.settings.start_grace
        self._load(now, records.get(CLAIMS, {}))

    def stage(self, requests: Iterable[Make], wall: float, limit: int | None = None) -> Staged:
        """Check requests in order, as many as can be decided together; nothing changes.

        What they write must be durable before a turn takes the result, which must come first in the very next turn.
        """
        return self._requests.stage(requests, wall, limit)

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
        self._keep_records()
        return self.parts.outcome.drain()

    # Start

    def _load(self, now: float, claims: Mapping[str, str]) -> None:
        """Everything in the store is new to the other parts. claims: who had an interface first, as records."""
        resources = sorted(self.store.objects.values(), key=lambda r: (r.revision, r.name))
        self.parts.underlay.load()
        self._requests.spread(tuple(Change(None, resource) for resource in resources), now)
        self.attachments.restore_order(claims)
        self.parts.announcements.load()
        self.connections.load()
        self.parts.outcome.forget_news()
        self.statuses.starting = "Waiting for the switches of before the restart."
        self._follow(now)

    @property
    def started(self) -> bool:
        """Whether switches are written to."""
        return self.statuses.started

    def _start_when_ready(self, now: float) -> None:
        if self.started:
            return
        away = [dpid for dpid in self._expected if self.fleet.session(dpid) is None]
        if away and now < self._deadline:
            return
        self.statuses.end_start()
        self.parts.outcome.tell(*self.store.objects)
        if away:
            self.reporter.started_without([self.topology.name_of(dpid) for dpid in away])

    # Events

    def _take(self, event: Event | Staged, now: float, wall: float) -> None:
        match event:
            case Staged():
                self._requests.carry_out(event, now)
            case Request():
                self._requests.take(event, now, wall)
            case BridgesSeen() | ManagerDown():
                self.parts.managers.take(event, now)
            case Audit():
                answer = self.parts.audits.want(event.token, event.switch, self.topology.resolve(event.switch))
                if answer is not None:
                    self.parts.outcome.emit(answer)
            case Maintain():
                self.maintaining.take(event)
            case Forget():
                self._expected -= {self._forgetting.take(event, now)}
            case Fly():
                self.parts.outcome.emit(self.parts.flights.want(event, now, self._random_bytes))
            case Tick():
                self._tick(now)
            case _:
                self._switches.take(event, now)

    def _tick(self, now: float) -> None:
        parts = self.parts
        self.topology.expire(now)
        parts.managers.tick(now)
        parts.announcements.tick(now)
        probes = self.topology.discovery.probes(now, self._random_bytes)
        parts.outcome.emit(*parts.timing.packets(probes, self.fleet.session, now))
        if self.started:
            self.learning.tick(now)
            self._forgetting.tick(now)
            parts.faults.tick(now)
            parts.outcome.emit(*parts.bfd.tick(now))
            parts.prober.expire(now)
            parts.outcome.emit(*parts.verification.tick(now, self._random_bytes))

    # Settling

    def _settle(self, now: float) -> None:
        self._start_when_ready(now)
        self._follow(now)
        if self.started:
            self.parts.convergence.settle(now)
            self.repairs.follow(now)
            self.parts.convergence.settle_trees(now)
            self.parts.confirmation.compile()
            if self.parts.adoption.take(now):
                self.parts.confirmation.compile()
            for switch in self.fleet.waiting():
                adoption = self.parts.confirmation.adopt(switch)
                self.reporter.adopted(self.topology.name_of(switch.dpid), adoption)
            # Behind the read-backs: these show what was sent before.
            self.parts.outcome.emit(*self.parts.audits.questions(now))
            self.parts.outcome.emit(*self.fleet.batches(now, self.progress.generation))
            self.parts.outcome.emit(*self.learning.release(now))
        self.maintaining.answer()
        self.parts.outcome.emit(*self.parts.flights.settle(now))
        self._publish(now)

    def _follow(self, now: float) -> None:
        """Topology to attachments to connections to routes; each may change what the next one sees."""
        parts = self.parts
        for name, before, after in self.attachments.drain():
            self.compiler.set_port(name, after)
            parts.underlay.port_moved(before, after)
            self.connections.port_changed(name)
            parts.outcome.tell(name)
        changes, records = parts.underlay.follow(now)
        if changes.gone or changes.new:
            self.connections.change_links(changes)
            self.learning.links_changed(changes)
        self._note_links(records)
        # What probes tell may move a connection.
        parts.outcome.tell(*parts.verification.settle(now, self.reporter.wall))
        parts.outcome.tell(*self.connections.settle(now, self.reporter.wall))

    def _note_links(self, records: Mapping[str, str | None]) -> None:
        """Remember the links for a restart."""
        changed = {key: text for key, text in records.items() if self._links.get(key) != text}
        self.parts.outcome.keep(LINKS, changed.items())
        for key, text in changed.items():
            if text is None:
                del self._links[key]
            else:
                self._links[key] = text

    # Results

    def _publish(self, now: float) -> None:
        """Report what was written, and every other object whose status has changed."""
        written, news = self.parts.outcome.drain_news()
        for name in list(news):
            leg = self.store.objects.get(name) or ((change := written.get(name)) and change.old)
            if isinstance(leg, Connection) and leg.leg_of in self.store.objects:
                news[leg.leg_of] = news.pop(leg.leg_of, None)  # behind its legs
        for name in news:
            change = written.get(name)
            resource = self.store.objects.get(name)
            if resource is None:
                self.statuses.forget(name)
                self.parts.verification.forget(name)
                if change is not None and change.old is not None:
                    self._tell(Publish(self.store.revision, ChangeType.DELETED, change.old, DONE))
                continue
            if self.started and isinstance(resource, Connection) and not resource.many:
                self.parts.verification.look(name, now)
            status = self.statuses.news(resource)
            if isinstance(resource, Connection) and self.started and (status is not None or change is not None):
                self.parts.lives.note(name, status or self.statuses.of(resource), self.reporter.wall)
            if change is not None:
                kind = ChangeType.ADDED if change.old is None else ChangeType.MODIFIED
                status = status or self.statuses.of(resource)
                self._tell(Publish(self.store.revision, kind, resource, status, change.old))
            elif status is not None:
                self._tell(Publish(self.store.revision, ChangeType.MODIFIED, resource, status))

    def _tell(self, publication: Publish) -> None:
        self.parts.outcome.emit(publication)

    def _keep_records(self) -> None:
        """What all parts want to find again after a restart."""
        outcome = self.parts.outcome
        outcome.keep(PATHS, self.connections.records.changes().items())
        outcome.keep(LIVES, self.parts.lives.records().items())
        outcome.keep(GROUPS, self.compiler.salts.records())
        outcome.keep(CLAIMS, self.attachments.records().items())
        outcome.keep(HOLDERS, self.parts.announcements.records().items())
        outcome.keep(DAMPING, self.topology.take_penalty_records(self.reporter.wall).items())
        outcome.keep(HOSTS, self.topology.discovery.hosts.take_records().items())
        outcome.keep(PLUGS, self.parts.managers.records().items())
        outcome.keep(NOTICES, self.notices.records().items())
        outcome.keep(EPOCHS, self.parts.convergence.records().items())
        puts, deletes = self.store.numbers.drain_records()
        outcome.keep_all({(bucket, key): text for bucket, key, text in puts} | dict.fromkeys(deletes))
