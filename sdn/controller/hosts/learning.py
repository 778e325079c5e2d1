"""Learning mode: every unknown host port is put into one network, and what is heard there becomes an ordinary port.

Rules
- A port of a switch that is up, not bound and not a link gets a learned port after a quarantine (sdn.controller.
  quarantine). Until a host is heard it has a MAC made from its place, so that broadcasts reach who has not spoken yet.
- What is heard is written like any wish, by transactions; only objects with the label of learned ports are touched.
- A probe of ours heard at a learned port takes the port back at once: it is a link. Where a host has been heard this is
  believed only just after the port came up or the sending switch connected, as two hosts may relay probes.
- A learned port goes when its interface has been away or down for a while, or its switch for a long while.
- At most ``MAX_PORTS`` ports are learned, and every refusal is told, the same one once in ``QUIET`` seconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from sdn.controller.effects import SendPacket
from sdn.controller.events import PacketIn, Session
from sdn.controller.hosts.attachments import Attachments, is_learned
from sdn.controller.hosts.heard import hear
from sdn.controller.hosts.held import Held
from sdn.controller.hosts.lessons import SILENT, Lesson, Refusal, Teacher, is_silent, labelled, silent_mac
from sdn.controller.hosts.plugs import Place
from sdn.controller.hosts.quarantine import Quarantine
from sdn.controller.hosts.sought import Sought
from sdn.controller.reporter import Reporter
from sdn.model.command import Command, Create, Delete
from sdn.model.errors import SdnError
from sdn.model.ids import Dpid, Kind, format_dpid, parse_name
from sdn.model.intent import Binding, Network, Port, Tenant
from sdn.model.notice import Severity
from sdn.model.topology import LinkChanges
from sdn.pipeline.layout import PUNT_LEARN, PUNT_UNKNOWN, REASON, Table
from sdn.store import Store
from sdn.topology import TopologyState, lldp
from sdn.topology.adjacency import End

MAX_PORTS = 4096
GONE_SECONDS, AWAY_SECONDS = 10.0, 300.0
"""How long an interface may be down or missing, and a switch away, before a learned port is forgotten."""
NEW_SECONDS = 10.0
"""For so long after a port came up, or a switch connected, a port may turn out to be a link though a host was heard."""
COPIES_PER_SECOND = 1000
"""Frames to unknown MACs that are handed to silent ports, all together."""
QUIET = 10.0
_REASON = int(REASON.name.removeprefix("reg"))
_PLAIN = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")
_REMEMBERED = 10_000

Write = Callable[[Sequence[Command]], SdnError | None]


def port_name(network: str, place: Place) -> str:
    """Name of the learned port at a place; interfaces whose names are no ids are written in hexadecimal digits."""
    interface = place[1] if _PLAIN.fullmatch(place[1]) else f"_{place[1].encode().hex()}x"
    return f"{network.rpartition('/networks/')[0]}/ports/learned-{place[0]:x}-{interface}"


class Learning:
    """Everything about learned ports. network: '' switches it off. now: monotonic seconds.

    write: carries out a transaction of ours at once, or answers why not. session: of a switch, None while it is away.
    waiting: whether connected switches have not confirmed what one of these objects asked for.
    """

    def __init__(
        self,
        network: str,
        store: Store,
        topology: TopologyState,
        attachments: Attachments,
        reporter: Reporter,
        *,
        quarantine: float,
        now: float,
        write: Write,
        session: Callable[[int], Session | None],
        waiting: Callable[[Sequence[str]], bool],
    ) -> None:
        if network:
            parse_name(network, "learn", Kind.NETWORK)
        self.network = network
        self._store, self._topology, self._attachments, self._reporter = store, topology, attachments, reporter
        self._write, self._session, self._waiting = write, session, waiting
        self._quarantine = Quarantine(topology.discovery, attachments.bound, quarantine, now)
        self._teacher = Teacher(store, network)
        self._held = Held()
        self._sought = Sought()
        self._at: dict[Place, str] = {}
        self._silent: dict[Place, None] = {}
        self._fresh: dict[Place, None] = {}
        """Silent ones whose switches may not know yet that they are to be heard."""
        self._gone: dict[Place, float] = {}
        self._new: dict[Place | Dpid, float] = {}
        """When learned ports came up, and when switches connected."""
        self._unwanted: dict[str, None] = {}
        self._told: dict[tuple[str, str], float] = {}
        self._copies = float(COPIES_PER_SECOND)
        self._now = now

    # What happened

    def port_written(self, old: Port | None, new: Port | None, now: float) -> None:
        """A port was created, updated or deleted, by us or by somebody else."""
        if not self.network:
            return
        for port in (old, new):
            place = self._place_of(port)
            if port is None or place is None:
                continue
            self._quarantine.look([place])
            if self._at.get(place) == port.name:
                del self._at[place]
                for table in (self._silent, self._fresh, self._gone, self._new):
                    table.pop(place, None)
        place = self._place_of(new)
        if new is None:
            self._held.forget(old.name if old else "")
            self._sought.forget(old.name if old else "")
        elif place is not None and is_learned(new, self.network):
            self._at[place] = new.name
            if is_silent(new):
                self._silent[place] = self._fresh[place] = None
            self._watch(place, now)
        elif place in self._at:
            self._unwanted[self._at[place]] = None  # a declared port is to have this interface

    def switch_changed(self, dpid: Dpid, now: float) -> None:
        """A switch came or went."""
        if self.network:
            self._new[dpid] = now
            self._quarantine.look_switch(dpid)
            for place in [place for place in self._at if place[0] == dpid]:
                self._watch(place, now)

    def forget(self, dpid: Dpid, now: float) -> None:
        """A switch is gone for good, and with it what was learned there."""
        self._new.pop(dpid, None)
        for place in [place for place in self._at if place[0] == dpid]:
            self._gone[place] = now - AWAY_SECONDS

    def interface_changed(self, place: Place, now: float) -> None:
        """A port of a switch came, went or is another one."""
        if self.network:
            self._quarantine.look([place])
            if place in self._at:
                self._watch(place, now)

    def links_changed(self, changes: LinkChanges) -> None:
        """Links came and went."""
        ends = [end for link in (*changes.gone, *changes.new) for end in (link.a, link.b)]
        names = ((end.dpid, self._topology.discovery.interface(end.dpid, end.port)) for end in ends)
        self._quarantine.look([(dpid, name) for dpid, name in names if name is not None] if self.network else [])

    def link_heard(self, event: PacketIn, now: float) -> bool:
        """A probe that is genuine came in at a bound port; whether that was a learned one, which is taken back."""
        place = event.dpid, self._topology.discovery.interface(event.dpid, event.in_port) or ""
        sender = lldp.parse(event.data).dpid
        name = self._at.get(place)
        news = max(self._new.get(place, now - NEW_SECONDS), self._new.get(sender, now - NEW_SECONDS))
        if name is None or (place not in self._silent and now - news >= NEW_SECONDS):
            return False
        self._delete(name, "LearnedPortIsLink", "a probe of another switch came in there: it is a link, not a host")
        return True

    def packet(self, event: PacketIn, now: float) -> Iterator[SendPacket]:
        """A tenant's packet was punted; answers what is to be sent at once."""
        reason = event.registers.get(_REASON, 0)
        port = self._store.objects.get(self._attachments.at(event.dpid, event.in_port) or "")
        if event.table != Table.PUNT or not isinstance(port, Port) or port.network != self.network or not self.network:
            return
        if reason == PUNT_LEARN and is_learned(port, self.network):
            self._learn(port, event, now)
        elif reason == PUNT_UNKNOWN:
            yield from self._unknown(port.name, event, now)

    # Time

    def tick(self, now: float) -> None:
        """Time passed, and switches may be written to."""
        if not self.network:
            return
        self._copies = min(float(COPIES_PER_SECOND), self._copies + (now - self._now) * COPIES_PER_SECOND)
        self._now = now
        passed = self._quarantine.tick(now)
        unwanted, self._unwanted = self._unwanted, {}
        for name in unwanted:
            self._delete(name, "LearnedPortGone", "a declared port is bound to its interface")
        for place, since in list(self._gone.items()):
            if now - since >= (GONE_SECONDS if self._topology.discovery.connected(place[0]) else AWAY_SECONDS):
                self._gone[place] = now  # should it be refused, it is tried again after as long
                self._delete(self._at[place], "LearnedPortGone", "its interface or switch is away")
        if self._network_is_there():
            for place in passed:
                self._create(place)

    def release(self, now: float) -> Iterator[SendPacket]:
        """Packets whose lessons the switches know by now, and those that new silent ports may be the receivers of."""
        yield from self._held.release(now, self._waits)
        self._sought.expire(now)
        for place in [place for place in self._fresh if self._is_heard(place)]:
            del self._fresh[place]
            for event in list(self._sought.all()):
                yield from self._hand(event, place)

    # Inside

    def _place_of(self, port: Port | None) -> Place | None:
        if port is None or port.binding is None:
            return None
        dpid = self._topology.resolve(port.binding.switch)
        return None if dpid is None else (dpid, port.binding.interface)

    def _watch(self, place: Place, now: float) -> None:
        """Begin or end to count the time for which a learned port is away."""
        port = self._topology.discovery.port(End(*place))
        if self._topology.discovery.connected(place[0]) and port is not None and port.up:
            if self._gone.pop(place, None) is not None:
                self._new[place] = now
        else:
            self._gone[place] = now

    def _waits(self, name: str) -> bool:
        facts = self._attachments.facts(name)
        return facts is not None and self._waiting((name, self.network, f"switches/{format_dpid(facts.dpid)}"))

    def _is_heard(self, place: Place) -> bool:
        """Whether frames of a silent port come to the controller by now."""
        name = self._at[place]
        there = self._session(place[0]) is not None and self._attachments.facts(name) is not None
        return there and not self._waits(name)

    def _network_is_there(self) -> bool:
        if self.network in self._store.objects:
            return True
        tenant = self.network.rpartition("/networks/")[0]
        missing = [Create(Tenant(name=tenant))] if tenant not in self._store.objects else []
        return self._do([*missing, Create(Network(name=self.network))], self.network)

    def _create(self, place: Place) -> None:
        """A host is believed to be there."""
        if len(self._at) >= MAX_PORTS:
            self._refused(self.network, "LearningFull", f"{MAX_PORTS} ports are learned already; others are left out")
            self._quarantine.look([place])
            return
        binding = Binding(switch=format_dpid(place[0]), interface=place[1])
        name = port_name(self.network, place)
        port = Port(
            name=name,
            description="Found by learning mode.",
            labels=labelled((), SILENT),
            network=self.network,
            mac=silent_mac(binding),
            binding=binding,
        )
        if not self._do([Create(port)], name):
            self._quarantine.look([place])

    def _delete(self, name: str, reason: str, why: str) -> None:
        if self._do([Delete(name)], name):
            self._reporter.learning(Severity.INFO, reason, name, f"{name} is forgotten: {why}.")

    def _learn(self, port: Port, event: PacketIn, now: float) -> None:
        heard = hear(event.data)
        lesson = self._teacher.lesson(port, heard, now) if heard is not None else None
        match lesson:
            case Refusal():
                self._refused(port.name, lesson.reason, lesson.message)
            case Lesson(commands=()):
                self._held.put_again(port.name, event, now)
            case Lesson() if heard is not None:
                place = self._place_of(port)
                reached = place in self._silent and place not in self._fresh
                if not self._do(lesson.commands, port.name):
                    return
                self._held.put(port.name, event, now)
                for sought in self._sought.found(heard.mac):
                    if not reached:
                        self._held.put_again(port.name, sought, now)
                if lesson.moved:
                    told = f"{heard.mac} at {port.name} has taken over from {', '.join(lesson.moved)}."
                    self._tell(Severity.INFO, "HostMoved", port.name, told)
                elif heard.mac != port.mac:
                    self._tell(Severity.INFO, "HostHeard", port.name, f"{heard.mac} was heard at {port.name}.")

    def _unknown(self, name: str, event: PacketIn, now: float) -> Iterator[SendPacket]:
        """A packet of a port to a MAC that nobody is known to have: for those who have not been heard."""
        heard = hear(event.data)
        holder = self._store.port_by_mac(self.network, heard.target) if heard is not None else None
        if heard is None or holder is not None:
            if holder is not None:
                self._held.put_again(holder, event, now)
            return
        self._sought.put(name, heard.target, event, now)
        for place in self._silent:
            if place not in self._fresh:
                yield from self._hand(event, place)

    def _hand(self, event: PacketIn, place: Place) -> Iterator[SendPacket]:
        """A copy for a silent port, unless there are too many."""
        session, number = self._session(place[0]), self._topology.port_number(*place)
        if session is None or number is None:
            return
        if self._copies < 1:
            self._refused(self.network, "LearningFull", f"over {COPIES_PER_SECOND} frames/s to unknown hosts")
            return
        self._copies -= 1
        yield SendPacket(session, number, event.data)

    def _do(self, commands: Sequence[Command], name: str) -> bool:
        error = self._write(commands)
        if error is not None:
            self._refused(name, "LearningRefused", str(error.violations[0]))
        return error is None

    def _refused(self, name: str, reason: str, message: str) -> None:
        self._tell(Severity.WARNING, reason, name, f"Not learned at {name}: {message}.")

    def _tell(self, severity: Severity, reason: str, name: str, message: str) -> None:
        """Tell it, but the same of one port only once in a while: hosts decide how often it happens."""
        key = name, reason
        if self._now - self._told.get(key, self._now - QUIET) < QUIET:
            return
        if len(self._told) >= _REMEMBERED:
            self._told.clear()
        self._told[key] = self._now
        self._reporter.learning(severity, reason, name, message)
