"""Connections: admission against the ledger, their paths, and what becomes of them when the network changes.

A connection keeps its path for as long as that exists, also over a restart (bucket ``paths``). It is refused when it is
asked for and does not fit; when it was admitted and its path is lost, it takes another one, or is DEGRADED (its traffic
goes the shortest way, without a reservation) until there is one again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sdn.controller.attachments import Attachments
from sdn.model import codec
from sdn.model.errors import Exhausted, Refused, SdnError, Violation
from sdn.model.ids import Dpid, Kind, format_dpid, parse_dpid
from sdn.model.intent import Connection, Port
from sdn.model.request import PathRequest
from sdn.model.route import Path
from sdn.model.status import PathHop, State
from sdn.model.topology import LinkChanges
from sdn.pipeline.facts import ConnectionFacts
from sdn.routing import Finder, Ledger
from sdn.store import Change, Store
from sdn.topology import TopologyState

PATHS = "paths"
"""Bucket: key the connection's name, value its path as [datapath id, out interface, in interface of the next] steps."""

SetFacts = Callable[[str, ConnectionFacts | None], None]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a connection has no path."""

    state: State
    reason: str
    message: str


class Connections:
    """All connections and the bandwidth they hold. set_facts: told whenever a connection's facts are others."""

    def __init__(
        self,
        store: Store,
        topology: TopologyState,
        attachments: Attachments,
        set_facts: SetFacts,
        saved: Mapping[str, str],
    ) -> None:
        self._store = store
        self._topology = topology
        self._attachments = attachments
        self._set_facts = set_facts
        self._saved = dict(saved)
        self._ledger = Ledger()
        self._finder = Finder(self._ledger.mesh, topology.show, topology.name_of)
        self._trouble: dict[str, Trouble] = {}
        self._changed: dict[str, None] = {}
        self._admitted: dict[str, None] = {}
        self._puts: dict[str, str | None] = {}

    @property
    def ledger(self) -> Ledger:
        """Who holds how much."""
        return self._ledger

    # Events

    def load(self) -> None:
        """Look at all connections of the store: the daemon has started."""
        self._changed.update(dict.fromkeys(self._store.names(Kind.CONNECTION)))

    def admit(self, changes: tuple[Change, ...], fields: Callable[[str], str]) -> dict[str, Path]:
        """Paths for the connections of a transaction, all of them together; nothing is kept until ``apply``.

        fields: prefix for fields of violations by name. Connections with an end that is attached nowhere yet have no
        path here and are admitted later. Raises Refused.
        """
        asking = [change for change in changes if _asks_anew(change)]
        if not asking:
            return {}
        ports = {change.name: change.new for change in changes if isinstance(change.new, Port)}
        before = {change.name: held for change in asking if (held := self._ledger.held(change.name)) is not None}
        paths: dict[str, Path] = {}
        for name in before:
            self._ledger.release(name)
        try:
            for connection in (change.new for change in asking):
                if isinstance(connection, Connection):
                    try:
                        path = self._fitting(connection, ports)
                    except Refused as error:
                        raise _placed(error, fields(connection.name)) from None
                    if path is not None:
                        self._ledger.reserve(connection.name, path, connection.bandwidth)
                        paths[connection.name] = path
        finally:
            for name in paths:
                self._ledger.release(name)
            for name, held in before.items():
                self._ledger.reserve(name, *held)
        return paths

    def apply(self, changes: tuple[Change, ...], paths: Mapping[str, Path]) -> None:
        """Connections were created, updated or deleted, with the paths that ``admit`` found."""
        asking = [change for change in changes if _asks_anew(change)]
        for change in asking:
            self._withdraw(change.name)
            self._saved.pop(change.name, None)
            if change.new is None:
                self._forget(change.name)
            else:
                self._changed[change.name] = None
        for change in asking:
            if isinstance(change.new, Connection) and change.name in paths:
                self._hold(change.new, paths[change.name])

    def port_changed(self, port: str) -> None:
        """A port was attached, moved or detached."""
        for user in self._store.users(port):
            if isinstance(self._store.objects.get(user), Connection):
                self._changed[user] = None

    def change_links(self, changes: LinkChanges) -> None:
        """The topology changed. O(links given, connections on them, and those without a path)."""
        for name in self._ledger.change_links(changes):
            self._withdraw(name)
            self._changed[name] = None
        self._changed.update(dict.fromkeys(self._trouble))

    def settle(self) -> list[str]:
        """Look at all connections concerned again; returns those whose state or path changed."""
        changed, self._changed = self._changed, {}
        told = []
        for name in sorted(changed, key=lambda name: (name not in self._saved, name)):
            before = self._ledger.held(name), self._trouble.get(name)
            self._place(name)
            if before != (self._ledger.held(name), self._trouble.get(name)) or before[0] is None:
                told.append(name)
        return told

    def records(self) -> dict[str, str | None]:
        """Records to put (None: delete) in the bucket ``paths`` since the last call."""
        puts, self._puts = self._puts, {}
        return puts

    # Questions

    def trouble(self, name: str) -> Trouble | None:
        """Why a connection has no path."""
        return self._trouble.get(name)

    def hops(self, connection: Connection) -> tuple[PathHop, ...]:
        """The path of a connection from a to b; empty while there is none."""
        held = self._ledger.held(connection.name)
        if held is None:
            return ()
        ends = self._attachments.interface(connection.a), self._attachments.interface(connection.b)
        return self.describe(held.path, *ends)

    def describe(self, path: Path, ingress: str = "", egress: str = "") -> tuple[PathHop, ...]:
        """A path by names. ingress, egress: interfaces at its ends."""
        interface = self._topology.discovery.interface
        hops = []
        for index, dpid in enumerate(path.switches):
            into, out = ingress, egress
            if index > 0:
                into = interface(dpid, path.links[index - 1][1]) or ""
            if index < len(path.links):
                out = interface(dpid, path.links[index][0]) or ""
            hops.append(PathHop(self._topology.name_of(dpid), into, out))
        return tuple(hops)

    # Inside

    def _place(self, name: str) -> None:
        """Bring one connection in accordance with its ends and the links."""
        connection = self._store.objects.get(name)
        if not isinstance(connection, Connection):
            return
        ends = [self._attachments.facts(port) for port in (connection.a, connection.b)]
        a, b = ends
        if a is None or b is None:
            self._withdraw(name)
            away = [port for port, facts in zip((connection.a, connection.b), ends, strict=True) if facts is None]
            message = f"Not attached: {', '.join(away)}."
            self._trouble[name] = Trouble(State.PENDING, "EndNotAttached", message)
            return
        held = self._ledger.held(name)
        if held is not None and (held.path.switches[0], held.path.switches[-1]) != (a.dpid, b.dpid):
            self._withdraw(name)
            held = None
        path = held.path if held is not None else self._find(connection, Dpid(a.dpid), Dpid(b.dpid))
        if path is None:
            return
        self._trouble.pop(name, None)
        self._admitted[name] = None
        numbers = self._store.numbers
        forward, backward = (numbers.allocate("path", f"{name}|{way}") for way in ("ab", "ba"))
        self._set_facts(name, ConnectionFacts(a.service, b.service, path, forward, backward))

    def _find(self, connection: Connection, a: Dpid, b: Dpid) -> Path | None:
        """A path and its reservation; the one it had before a restart if that is still there."""
        name = connection.name
        saved = self._restore(name, a, b)
        if saved is not None:
            try:
                self._ledger.reserve(name, saved, connection.bandwidth)
            except Refused:
                pass
            else:
                return saved
        try:
            path = self._finder.path(_request(connection, a, b))
        except (Refused, Exhausted) as error:
            state = State.DEGRADED if name in self._admitted else State.REJECTED
            violation = error.violations[0]
            reason = "NoCapacity" if violation.field == "bandwidth" else "NoPath"
            self._trouble[name] = Trouble(state, reason, f"{violation.reason}. {violation.remedy}")
            return None
        self._hold(connection, path)
        return path

    def _hold(self, connection: Connection, path: Path) -> None:
        self._ledger.reserve(connection.name, path, connection.bandwidth)
        self._puts[connection.name] = self._text(path)

    def _fitting(self, connection: Connection, ports: Mapping[str, Port]) -> Path | None:
        ends = []
        for name in (connection.a, connection.b):
            port = ports.get(name) or self._store.objects.get(name)
            dpid = self._attachments.locate(port) if isinstance(port, Port) else None
            if dpid is None:
                return None
            ends.append(dpid)
        return self._finder.path(_request(connection, *ends))

    def _withdraw(self, name: str) -> None:
        """Give the path back; others that wait for room are tried."""
        if self._ledger.release(name):
            self._set_facts(name, None)
            self._changed.update(dict.fromkeys(self._trouble))

    def _forget(self, name: str) -> None:
        self._trouble.pop(name, None)
        self._admitted.pop(name, None)
        self._saved.pop(name, None)
        self._puts[name] = None
        for way in ("ab", "ba"):
            self._store.numbers.release("path", f"{name}|{way}")

    def _text(self, path: Path) -> str:
        interface = self._topology.discovery.interface
        steps: list[codec.Json] = [
            [format_dpid(near), interface(near, out) or "", interface(far, into) or ""]
            for near, far, (out, into) in zip(path.switches, path.switches[1:], path.links, strict=False)
        ]
        return codec.dumps([*steps, [format_dpid(path.switches[-1]), "", ""]])

    def _restore(self, name: str, a: Dpid, b: Dpid) -> Path | None:
        """The path of a record, None if there is none or it does not exist any more."""
        text = self._saved.pop(name, None)
        if text is None:
            return None
        self._admitted[name] = None
        try:
            path = self._read(codec.loads(text))
        except (SdnError, ValueError, TypeError):
            return None
        simple = len(set(path.switches)) == len(path.switches)
        return path if simple and (path.switches[0], path.switches[-1]) == (a, b) else None

    def _read(self, steps: object) -> Path:
        """The path of a record; raises SdnError, ValueError or TypeError if it is not one."""
        if not isinstance(steps, list) or not steps:
            raise ValueError("no steps")
        switches = tuple(parse_dpid(dpid) for dpid, _, _ in steps)
        links = tuple(
            (self._number(near, out), self._number(far, into))
            for near, far, (_, out, into) in zip(switches, switches[1:], steps, strict=False)
        )
        return Path(switches, links)

    def _number(self, dpid: Dpid, interface: str) -> int:
        number = self._topology.port_number(dpid, interface)
        return -1 if number is None else number


def _request(connection: Connection, a: Dpid, b: Dpid) -> PathRequest:
    return PathRequest(source=a, destination=b, forward=connection.bandwidth, backward=connection.bandwidth)


def _asks_anew(change: Change) -> bool:
    """Whether this is a connection for which admission has to decide again, or which ends."""
    old, new = change
    if not isinstance(new or old, Connection):
        return False
    if not isinstance(old, Connection) or not isinstance(new, Connection):
        return True
    return (old.a, old.b, old.bandwidth) != (new.a, new.b, new.bandwidth)


def _placed(error: Refused, prefix: str) -> SdnError:
    violations = (Violation((prefix + v.field).rstrip("."), v.reason, v.remedy) for v in error.violations)
    return Refused(*violations)
