"""A network in memory: the real controller, switches that keep what they are sent, and links that carry probes."""

from __future__ import annotations

import itertools
from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from sdn.controller.core import Controller
from sdn.controller.effects import (
    Audited,
    CloseSession,
    Effect,
    Flown,
    Log,
    Persist,
    Publish,
    Reply,
    RequestReadBack,
    SendBatch,
    SendPacket,
)
from sdn.controller.errands import Seen
from sdn.controller.events import (
    Audit,
    BatchDone,
    Event,
    PacketIn,
    PortChanged,
    ReadBack,
    Request,
    SwitchDown,
    SwitchUp,
    Tick,
)
from sdn.controller.settings import Settings
from sdn.graph import load_topology
from sdn.graph.files import assign_interfaces
from sdn.model.command import Command, Put, Transaction, TransactionResult
from sdn.model.errors import SdnError
from sdn.model.ids import Dpid
from sdn.model.intent import Resource
from sdn.model.notice import AuditReport, Filter, Notice
from sdn.model.program import Batch, Group, Installed, Meter, WriteFailure, cookie_of
from sdn.model.status import State
from sdn.model.topology import SwitchPort

KEY = b"k" * 32
LLDP = b"\x88\xcc"


@dataclass
class Device:
    """A switch and what it holds. refuses: body → error text, for bodies it does not take."""

    dpid: Dpid
    ports: dict[str, SwitchPort] = field(default_factory=dict)
    flows: dict[bytes, bytes] = field(default_factory=dict)
    groups: dict[int, Group] = field(default_factory=dict)
    meters: dict[int, Meter] = field(default_factory=dict)
    session: int = 0
    writes: int = 0
    refuses: dict[bytes, str] = field(default_factory=dict)
    silent: bool = False

    def installed(self) -> Installed:
        cookies = {key: cookie_of(body) for key, body in self.flows.items()}
        return Installed(cookies, dict(self.groups), dict(self.meters))

    def write(self, batch: Batch) -> tuple[WriteFailure, ...]:
        for number, meter, exists in batch.meters:
            assert (number in self.meters) == exists
            self.meters[number] = meter
        bad = tuple(WriteFailure("flow", k, 4, 9, self.refuses[b]) for k, b in batch.flows if b in self.refuses)
        if bad:
            return bad
        self.writes += len(batch.flows) + len(batch.groups) + len(batch.deletes) + len(batch.group_deletes)
        self.writes += len(batch.meters) + len(batch.meter_deletes)
        self.groups.update(batch.groups)
        self.flows.update(batch.flows)
        for key in batch.deletes:
            self.flows.pop(key, None)
        for number in batch.group_deletes:
            self.groups.pop(number, None)
        for number in batch.meter_deletes:
            self.meters.pop(number, None)
        return ()

    def add_port(self, name: str, number: int | None = None) -> SwitchPort:
        if number is None:
            number = max((port.number for port in self.ports.values()), default=0) + 1
        mac = bytes([2]) + self.dpid.to_bytes(8, "big")[-3:] + number.to_bytes(2, "big")
        port = SwitchPort(number, name, mac, True, 10**9)
        self.ports[name] = port
        return port


class Simulation:
    """Switches and links of a topology spec, hosts' interfaces included; nothing is connected at first.

    staged: requests go through Controller.stage, as in the daemon. learn: see Settings. ``sent``: packets that are no
    probes. path_probe_interval: of connections, which are probed only where a subclass carries probes.
    """

    path_probe_interval = 0.0
    tells_declared = True
    """Whether the controller is told of the topology."""

    def __init__(
        self,
        spec: str,
        *,
        staged: bool = False,
        learn: str = "",
        repair: bool = True,
        oversubscription: float = 1.0,
    ) -> None:
        self.staged, self.repair, self.oversubscription = staged, repair, oversubscription
        self.learn = learn
        self.sent: list[SendPacket] = []
        self.declared = assign_interfaces(load_topology(spec))
        self.records: dict[str, dict[str, str]] = {}
        self.now, self.wall = 1000.0, 1.7e9
        self.devices = {name: Device(dpid) for name, dpid in self.declared.switches.items()}
        self.by_dpid = {device.dpid: name for name, device in self.devices.items()}
        self.wires: dict[tuple[str, str], tuple[str, str]] = {}
        for link in self.declared.links:
            for end, other in ((link.a, link.b), (link.b, link.a)):
                self.devices[end[0]].add_port(end[1])
                self.wires[end] = other
        for host in self.declared.hosts:
            self.devices[host.switch].add_port(host.interface)
        self.replies: dict[int, TransactionResult | SdnError] = {}
        self.audits: dict[int, AuditReport | SdnError] = {}
        self.flown: dict[int, tuple[Seen, ...] | SdnError] = {}
        self.published: list[Publish] = []
        self.logs: list[Log] = []
        self._sessions = itertools.count(1)
        self._tokens = itertools.count(1)
        self._counter = itertools.count(1)
        self.start()

    def start(self) -> None:
        """A new controller on the records of the last one; all sessions are over."""
        for device in self.devices.values():
            device.session = 0
        self.controller = Controller(
            self.records,
            key=KEY,
            random_bytes=lambda size: next(self._counter).to_bytes(size, "big"),
            now=self.now,
            wall=self.wall,
            declared=self.declared if self.tells_declared else None,
            settings=Settings(
                start_grace=10.0,
                learn=self.learn,
                repair=self.repair,
                oversubscription=self.oversubscription,
                path_probe_interval=self.path_probe_interval,
            ),
        )

    def turn(self, *events: Event) -> None:
        """Take a turn, and those that follow from it."""
        queue = list(events)
        for _ in range(1000):
            requests = [event for event in queue if isinstance(event, Request)] if self.staged else []
            left: list[Event] = []
            if requests:
                staged = self.controller.stage([partial(copy, request) for request in requests], self.wall)
                self._carry_out(Persist(staged.puts, staged.deletes))
                left = [*requests[staged.taken :]]
                others = [event for event in queue if not isinstance(event, Request)]
                effects = self.controller.turn([staged, *others], self.now, self.wall)
            else:
                effects = self.controller.turn(queue, self.now, self.wall)
            queue = left + [event for effect in effects for event in self._carry_out(effect)]
            if not queue:
                return
        raise AssertionError("it never ends")

    def _carry_out(self, effect: Effect) -> list[Event]:
        match effect:
            case Persist():
                for bucket, key, value in effect.puts:
                    self.records.setdefault(bucket, {})[key] = value
                for bucket, key in effect.deletes:
                    self.records.get(bucket, {}).pop(key, None)
            case SendBatch():
                device = self._of_session(effect.session)
                if device is not None and not device.silent:
                    return [BatchDone(effect.session, device.dpid, effect.batch_id, device.write(effect.batch))]
            case SendPacket():
                return self._carry(effect)
            case RequestReadBack():
                device = self._of_session(effect.session)
                if device is not None:
                    return [
                        ReadBack(effect.session, device.dpid, replace(device.installed(), bodies=dict(device.flows)))
                    ]
            case CloseSession():
                device = self._of_session(effect.session)
                if device is not None:
                    device.session = 0
                    return [SwitchDown(effect.session, device.dpid, effect.reason)]
            case Flown():
                self.flown[effect.token] = effect.result
            case Audited():
                self.audits[effect.token] = effect.result
            case Reply():
                self.replies[effect.token] = effect.result
            case Publish():
                self.published.append(effect)
            case Log():
                self.logs.append(effect)
        return []

    def _of_session(self, session: int) -> Device | None:
        return next((device for device in self.devices.values() if device.session == session), None)

    def _carry(self, packet: SendPacket) -> list[Event]:
        device = self._of_session(packet.session)
        if device is None or packet.data[12:14] != LLDP:
            self.sent.append(packet)
            return []
        name = next(port.name for port in device.ports.values() if port.number == packet.out_port)
        other = self.wires.get((self.by_dpid[device.dpid], name))
        if other is None:
            return []
        far = self.devices[other[0]]
        port = far.ports[other[1]]
        if not far.session or not port.up:
            return []
        return [PacketIn(far.session, far.dpid, port.number, 0, 0, {}, packet.data)]

    def connect(self, *names: str) -> None:
        """Switches connect, all of them if none is named."""
        for name in names or self.devices:
            device = self.devices[name]
            device.session = next(self._sessions)
            ports = tuple(device.ports.values())
            self.turn(SwitchUp(device.session, device.dpid, "127.0.0.1:1", ports, device.installed()))

    def disconnect(self, name: str) -> None:
        device = self.devices[name]
        session, device.session = device.session, 0
        self.turn(SwitchDown(session, device.dpid, "gone"))

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            self.now += 0.1
            self.wall += 0.1
            self.turn(Tick())

    def set_link(self, a: tuple[str, str], up: bool) -> None:
        """Cut or mend the cable at both its ends."""
        for switch, interface in (a, self.wires[a]):
            device = self.devices[switch]
            old = device.ports[interface]
            device.ports[interface] = SwitchPort(old.number, old.name, old.mac, up, old.speed)
            if device.session:
                self.turn(PortChanged(device.session, device.dpid, device.ports[interface]))

    def submit(self, *commands: Command, dry_run: bool = False, request_id: str = "") -> TransactionResult:
        """Carry out a transaction; raises its error."""
        token = next(self._tokens)
        self.turn(Request(token, Transaction(commands, request_id, dry_run)))
        result = self.replies[token]
        if isinstance(result, SdnError):
            raise result
        return result

    def audit(self, switch: str) -> AuditReport:
        """Audit a switch; raises its error."""
        token = next(self._tokens)
        self.turn(Audit(token, switch))
        result = self.audits[token]
        if isinstance(result, SdnError):
            raise result
        return result

    def events(self, **wanted: Any) -> tuple[Notice, ...]:
        """Notices that are kept; wanted: fields of a Filter."""
        return self.controller.notices.page(0, Filter(**wanted), 10_000).notices

    def put(self, *resources: Resource) -> TransactionResult:
        return self.submit(*(Put(resource) for resource in resources))

    def state(self, name: str) -> State:
        return self.controller.statuses.of(self.controller.store.objects[name]).state

    def reason(self, name: str) -> str:
        return self.controller.statuses.of(self.controller.store.objects[name]).reason

    def writes(self) -> int:
        """Entries written to all switches since the last call."""
        total = sum(device.writes for device in self.devices.values())
        for device in self.devices.values():
            device.writes = 0
        return total

    def in_sync(self) -> bool:
        """Whether every switch holds exactly its program."""
        programs = self.controller.compiler.programs
        return all(
            (device.flows, device.groups, device.meters)
            == (programs[device.dpid].flows, programs[device.dpid].groups, programs[device.dpid].meters)
            for device in self.devices.values()
        )
