"""The parts of the controller, and how they know each other. What they do when is told by the controller's turns."""

from __future__ import annotations

from collections.abc import Mapping

from sdn.controller.connections.connections import Connections
from sdn.controller.connections.lives import LIVES, Lives
from sdn.controller.connections.pathkeeping import PATHS
from sdn.controller.convergence.adoption import RouteAdoption
from sdn.controller.convergence.convergence import Convergence
from sdn.controller.convergence.epochs import EPOCHS, Epochs
from sdn.controller.convergence.readiness import Readiness
from sdn.controller.convergence.readylinks import ReadyLinks
from sdn.controller.convergence.repairs import Repairs
from sdn.controller.convergence.strangers import Strangers
from sdn.controller.convergence.underlay import Underlay
from sdn.controller.hosts.announcements import HOLDERS, Announcements
from sdn.controller.hosts.attachments import Attachments
from sdn.controller.hosts.learning import Learning, Write
from sdn.controller.hosts.managers import Managers
from sdn.controller.hosts.plugs import PLUGS, Plugs
from sdn.controller.hosts.shared import SharedAddresses
from sdn.controller.logical import Logical
from sdn.controller.notices import NOTICES, Notices
from sdn.controller.outcome import Outcome
from sdn.controller.probes.flights import Flights
from sdn.controller.probes.prober import Prober
from sdn.controller.probes.timing import Timing
from sdn.controller.probes.verification import Verification
from sdn.controller.reporter import Reporter
from sdn.controller.settings import Settings
from sdn.controller.statuses import Statuses
from sdn.controller.switches.audits import Audits
from sdn.controller.switches.bfd import Bfd
from sdn.controller.switches.confirmation import Confirmation
from sdn.controller.switches.faultwatch import FaultWatch
from sdn.controller.switches.fleet import Fleet
from sdn.controller.switches.progress import Progress
from sdn.model.ids import Dpid, format_dpid, parse_dpid
from sdn.model.program import Unit
from sdn.model.topology import DeclaredTopology
from sdn.pipeline import Compiler, probes
from sdn.pipeline.salts import GROUPS, SaltTable
from sdn.pipeline.units import PROBES
from sdn.routing import ShortestPaths
from sdn.store import Store
from sdn.topology import End, TopologyState
from sdn.topology.hosts import HOSTS

LINKS = "links"
"""Bucket: links as learned (TopologyState.records)."""
DAMPING = "damping"
"""Bucket: penalties of links that were lost (TopologyState.take_penalty_records)."""

MAINTENANCE = "maintenance"
"""Bucket: what operators say about links and switches (topology.maintenance)."""

Records = Mapping[str, Mapping[str, str]]


class Parts:
    """All of them, from durable records. Raises SdnError when these are damaged.

    key: secret of the probes. now: monotonic seconds; wall: Unix time. write: see Learning.
    """

    def __init__(
        self,
        settings: Settings,
        records: Records,
        *,
        key: bytes,
        now: float,
        wall: float,
        declared: DeclaredTopology | None,
        write: Write,
    ) -> None:
        self.settings = settings
        self.outcome = Outcome()
        self.store = Store.load(records, settings.quota)
        self.progress = Progress()
        self.plugs = Plugs(records.get(PLUGS, {}), now)
        self.lives = Lives(records.get(LIVES, {}))
        self.notices = Notices(records.get(NOTICES, {}))
        self.reporter = Reporter(self.notices, self.outcome.emit)
        self._make_topology(records, key, now, wall, declared)
        self._make_programs(records)
        self._make_tenants(records)
        self._make_routes()
        self._make_probes(key)
        self._make_watches(now)
        self.learning = Learning(
            *(settings.learn, self.store, self.topology, self.attachments, self.reporter),
            quarantine=settings.probe_interval * settings.probe_misses / 2,
            now=now,
            write=write,
            session=self.fleet.session,
            waiting=self.confirmation.is_waiting,
        )

    def _make_topology(
        self, records: Records, key: bytes, now: float, wall: float, declared: DeclaredTopology | None
    ) -> None:
        self.topology = _topology_of(self.settings, key, declared)
        self.topology.maintenance.load(records.get(MAINTENANCE, {}))
        self.topology.discovery.hosts.load(records.get(HOSTS, {}))
        self.topology.load(records.get(LINKS, {}), now, records.get(DAMPING, {}), wall)
        self.attachments = Attachments(self.store, self.topology, self.plugs, self.settings.learn)
        self.timing = Timing(self.topology)

    def _make_programs(self, records: Records) -> None:
        """What switches are to hold, and what they have confirmed."""
        numbers = self.store.numbers
        self.compiler = Compiler(SaltTable(records.get(GROUPS, {})))
        self.epochs = Epochs(records.get(EPOCHS, {}), lambda dpid: numbers.get("switch", format_dpid(dpid)))
        self.fleet = Fleet(self.compiler.programs, self.epochs.spared)
        self.confirmation = Confirmation(self.store, self.compiler, self.fleet, self.progress, self.outcome)

    def _make_tenants(self, records: Records) -> None:
        self.logical = Logical(self.store, self.compiler)
        self.announcements = Announcements(
            records.get(HOLDERS, {}),
            *(self.store, self.compiler, self.attachments, self.reporter, self.outcome.tell),
        )
        self.connections = Connections(
            *(self.store, self.topology, self.attachments),
            self.compiler.set_connection,
            records.get(PATHS, {}),
            lambda: self.progress.generation + 1,
            self.confirmation,
            self.compiler.set_edge,
            self.lives,
            self.settings.oversubscription,
        )

    def _make_routes(self) -> None:
        self.paths = ShortestPaths()
        linked = {end.dpid for link in self.topology.links() for end in (link.a, link.b)}
        known = (parse_dpid(name) for name, _ in self.store.numbers.items("switch"))
        self.strangers = Strangers(
            *(self.fleet, self.compiler.programs),
            generation=lambda: self.progress.generation + 1,
            begun=lambda: self.statuses.started,
            first=(dpid for dpid in known if dpid not in linked),
            known=linked,
        )
        self.convergence = Convergence(
            *(self.compiler, self.paths, self.fleet),
            generation=lambda: self.progress.generation + 1,
            repair_of=lambda dpid, destination: self.repairs.hops(dpid, destination),
            saved=self.epochs,
            strangers=self.strangers,
        )
        self.adoption = RouteAdoption(self.compiler, self.fleet, self.convergence)
        self.repairs = Repairs(self.convergence, enabled=self.settings.repair)
        self.readiness = Readiness(
            *(self.compiler, self.fleet, self.repairs, self.topology),
            lambda: bool(self.ready_links) or bool(self.strangers.returning),
        )
        self.ready_links = ReadyLinks(
            self.fleet.confirmed,
            lambda: self.progress.generation + 1,
            lambda: self.statuses.started,
            self.fleet.is_live,
        )
        self.underlay = Underlay(
            *(self.store, self.topology, self.compiler, self.attachments.bound),
            *(self.repairs, self.paths, self.convergence, self.ready_links),
            self.strangers,
        )

    def _make_probes(self, key: bytes) -> None:
        """Probes of the data plane, and what connections tell by them."""
        self.prober = Prober(key, self.fleet.session, self._is_ready, self.topology.latencies)
        self.flights = Flights(self.prober, self._far, self.topology.name_of)
        self.verification = Verification(
            self.prober,
            self.compiler.label,
            lambda name: None if self.progress.waits(name) else self.connections.target(name),
            self.connections.avoid,
            lambda dpid, now: self.audits.suspect(dpid, now),
            self.topology.name_of,
            self.settings.path_probe_interval,
        )
        self.statuses = Statuses(
            *(self.store, self.compiler, self.fleet, self.progress, self.attachments, self.connections),
            self.verification,
            self.topology.name_of,
            SharedAddresses(self.announcements, self.reporter),
        )

    def _make_watches(self, now: float) -> None:
        """Who looks whether switches, their databases and cables are as they should be."""
        settings = self.settings
        self.audits = Audits(self.fleet, self.topology.name_of, settings.audit_interval, now)
        self.managers = Managers(
            *(self.plugs, self.store, self.topology, self.attachments, self.reporter),
            known=lambda dpid: self.fleet.get(dpid) is not None,
            moved=self.underlay.binding_changed,
        )
        self.faults = FaultWatch(self.topology, self.reporter, settings.probe_interval * (settings.probe_misses + 1))
        self.bfd = Bfd(
            settings.bfd, self.topology, self.plugs, self.reporter, lambda dpid: self.fleet.session(dpid) is not None
        )

    def _far(self, dpid: Dpid, port: int) -> Dpid | None:
        """The switch at the other end of a link."""
        name = self.topology.discovery.interface(dpid, port)
        end = End(dpid, name or "")
        link = self.topology.discovery.link_at(end)
        return None if link is None else (link[1] if link[0] == end else link[0]).dpid

    def _is_ready(self, dpid: int) -> bool:
        """Whether a switch is known to hold its entries for probes."""
        switch = self.fleet.get(dpid)
        if switch is None or not switch.live or dpid in self.progress.waits(probes.owner(dpid)):
            return False
        return not self.compiler.blocked(Unit(PROBES, probes.owner(dpid), dpid))


def _topology_of(settings: Settings, key: bytes, declared: DeclaredTopology | None) -> TopologyState:
    return TopologyState(
        *(key, declared),
        interval=settings.probe_interval,
        misses=settings.probe_misses,
        damping=settings.damping,
        only_declared=settings.only_declared,
        measured=settings.measured_latency,
    )
