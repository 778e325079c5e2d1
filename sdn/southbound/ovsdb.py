"""Databases of switches: ovsdb-server connects to us (``ovs-vsctl set-manager tcp:HOST:PORT``, or ``ssl:``)
and is listened to.

With TLS a database tells of bridges whose datapath ids its certificate names, and of no others.

Nothing is written to a database but how interfaces of fabric links are watched (``SetWatching``: the columns bfd and
cfm_mpid of Interface), and only where these are still as they were seen. One connection may tell of many bridges.
JSON-RPC as in RFC 7047, section 4; a peer that sends anything else, too much or too deep loses its own connection and
nothing more.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count

from sdn.controller.effects import SetWatching
from sdn.controller.events import BridgesSeen, ManagerDown, ManagerEvent, SessionRefused
from sdn.model.ids import Dpid, format_dpid
from sdn.model.plugs import Bridge
from sdn.security.tls import TlsFiles
from sdn.southbound.gate import Gate
from sdn.southbound.jsonstream import BadStream, Json, JsonStream
from sdn.southbound.ovsdb_rows import COLUMNS, DATABASE, Rows, update_of
from sdn.southbound.refusals import Refusals
from sdn.southbound.secured import Secured, peer_of

log = logging.getLogger("sdn.southbound")
_MONITOR = "sdn"
_WRITE = "watch"
_BACKLOG = 1024
_MAX_ID = 1 << 16
"""Bytes of the id and the parameters of an echo that are sent back."""


@dataclass(frozen=True, slots=True)
class OvsdbLimits:
    """Times in seconds. waiting_bytes: a peer that takes no more answers than this is disconnected."""

    connections: int = 1024
    reply_seconds: float = 20.0
    """From the connection to the first rows."""
    idle_seconds: float = 10.0
    dead_seconds: float = 20.0
    """Silence after an echo request that ends the connection."""
    greetings: int = 1024
    """TLS greetings at a time; with more, the oldest of the address that has most of them is dropped."""
    hello_seconds: float = 5.0
    """For the greeting of TLS."""
    refusals_seconds: float = 60.0
    """A refusal of the same peer for the same reason is told once in this time."""
    waiting_bytes: int = 1 << 20


class OvsdbServer:
    """emit: called on the loop for every event; it must return at once and not raise.

    tls: certificate and authority, None for plain TCP. barred: whether the certificate with a serial number
    (hexadecimal) is revoked.
    """

    def __init__(
        self,
        emit: Callable[[ManagerEvent | SessionRefused], None],
        limits: OvsdbLimits | None = None,
        tls: TlsFiles | None = None,
        barred: Callable[[str], bool] = lambda serial: False,
    ) -> None:
        self.emit = emit
        self.limits = limits or OvsdbLimits()
        self.open: dict[int, Manager] = {}
        self.refusals = Refusals(
            lambda event: self.emit(event), time.monotonic, self.limits.refusals_seconds, database=True
        )
        self._barred = barred
        self._numbers = count(1)
        self._server: asyncio.Server | None = None
        self._gate: Gate | None = None
        if tls is not None:
            self._gate = Gate(tls, self._manager, self.refusals.tell, barred, self.limits)

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port, which is chosen if ``port`` is 0. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._gate or self._manager, host, port, backlog=_BACKLOG)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    def recheck(self) -> None:
        """End the connections whose certificates were revoked."""
        for manager in list(self.open.values()):
            if manager.serial and self._barred(manager.serial):
                manager.close(f"the certificate {manager.serial} is revoked")

    def perform(self, effect: SetWatching) -> None:
        """Carry it out; ignored when its connection, or the interface, is no more."""
        manager = self.open.get(effect.manager)
        if manager is not None and manager.known:
            manager.set_watching(effect)

    def _manager(self) -> Manager:
        return Manager(next(self._numbers), self)

    async def close(self) -> None:
        """Stop listening and end all connections."""
        if self._server is not None:
            self._server.close()
        if self._gate is not None:
            self._gate.close()
        for manager in list(self.open.values()):
            manager.close("the controller stops")
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None


class Manager(Secured):
    """One connection. number: never reused. known: the first rows have come."""

    def __init__(self, number: int, owner: OvsdbServer) -> None:
        super().__init__()
        self.number = number
        self.peer = "?"
        self.known = False
        self._foreign: set[Dpid] = set()
        """Bridges that its certificate does not name, each told once."""
        self._owner = owner
        self._stream = JsonStream()
        self._rows = Rows()
        self._loop = asyncio.get_running_loop()
        self._born = self._heard = self._loop.time()
        self._asked: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the rows, if there is room for one more."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.peer = peer_of(transport)
        if len(self._owner.open) >= self._owner.limits.connections:
            self.close(f"more than {self._owner.limits.connections} connections")
            return
        if self.bound is not None and not self.bound:
            self._owner.refusals.tell(self.peer, "its certificate is for no switch")
            self.close("its certificate is for no switch")
            return
        self._owner.open[self.number] = self
        tables: dict[str, Json] = {name: {"columns": list(columns)} for name, columns in COLUMNS.items()}
        self._send({"method": "monitor", "params": [DATABASE, _MONITOR, tables], "id": _MONITOR})
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer closed, or we did."""
        self.close(f"connection lost: {exc}" if exc else "connection closed by the switch")

    def close(self, reason: str) -> None:
        """End the connection; does nothing a second time."""
        if self.ended:
            return
        self.ended = True
        if self._timer is not None:
            self._timer.cancel()
        self._owner.open.pop(self.number, None)
        self._transport.abort()
        log.info("manager connection ended", extra={"fields": {"peer": self.peer, "reason": reason}})
        if self.known:
            self._owner.emit(ManagerDown(self.number, self.peer, reason))

    def data_received(self, data: bytes) -> None:
        """Bytes of the database server."""
        if self.ended:
            return
        self._heard, self._asked = self._loop.time(), None
        try:
            for message in self._stream.feed(data):
                self._take(message)
        except BadStream as error:
            self.close(str(error))

    def set_watching(self, effect: SetWatching) -> None:
        """Write, if nobody else has meanwhile. A bridge that the certificate does not name is left alone."""
        uuid = self._rows.interface(effect.dpid, effect.interface)
        if uuid is None or (self.bound is not None and effect.dpid not in self.bound):
            return
        try:
            self._send({"method": "transact", "params": [DATABASE, update_of(uuid, effect)], "id": _WRITE})
        except BadStream as error:
            self.close(str(error))

    def _take(self, message: dict[str, Json]) -> None:
        method, params = message.get("method"), message.get("params")
        if method == "echo":
            self._send({"result": params, "error": None, "id": message.get("id")}, _MAX_ID)
        elif method == "update":
            if not isinstance(params, list) or len(params) != 2:
                raise BadStream("an update of another form")
            if params[0] == _MONITOR and self.known:
                self._apply(params[1])
        elif method is not None:
            if message.get("id") is not None:
                self._send({"result": None, "error": "unknown method", "id": message["id"]}, _MAX_ID)
        elif message.get("id") == _MONITOR and not self.known:
            if message.get("error") is not None:
                raise BadStream(f"the database refuses: {str(message['error'])[:200]}")
            self.known = True
            self._apply(message.get("result"))
        elif message.get("id") == _WRITE:
            self._written(message)

    def _written(self, message: dict[str, Json]) -> None:
        """A write that finds another value than was seen changes nothing, and is no error."""
        results, found = message.get("result"), [message.get("error")]
        if isinstance(results, list):
            found += [item.get("error") for item in results if isinstance(item, dict)]
        reasons = [reason for reason in found if reason is not None]
        if reasons:
            fields = {"peer": self.peer, "reason": str(reasons[0])[:200]}
            log.warning("the database refuses a write", extra={"fields": fields})

    def _apply(self, updates: Json) -> None:
        bridges, gone = self._rows.apply(updates)
        if self.bound is not None:
            self._note_foreign(bridge for bridge in bridges if bridge.dpid not in self.bound)
            bridges = [bridge for bridge in bridges if bridge.dpid in self.bound]
            gone = [dpid for dpid in gone if dpid in self.bound]
        if bridges or gone:
            self._owner.emit(BridgesSeen(self.number, self.peer, tuple(bridges), tuple(gone)))

    def _note_foreign(self, bridges: Iterable[Bridge]) -> None:
        for bridge in bridges:
            if bridge.dpid not in self._foreign:
                self._foreign.add(bridge.dpid)
                reason = f"its certificate is not for datapath id {format_dpid(bridge.dpid)} (bridge {bridge.name})"
                self._owner.refusals.tell(self.peer, reason, bridge.dpid)

    def _send(self, message: dict[str, Json], most: int = 1 << 20) -> None:
        data = json.dumps(message).encode()
        if len(data) > most:
            raise BadStream("a request whose answer would be too long")
        if self._transport.get_write_buffer_size() > self._owner.limits.waiting_bytes:
            raise BadStream("asks and takes no answers")
        self._transport.write(data)

    def _watch(self) -> None:
        """Deadlines and keepalive."""
        now, limits = self._loop.time(), self._owner.limits
        if not self.known and now - self._born >= limits.reply_seconds:
            self.close(f"no rows within {limits.reply_seconds:g} s")
        elif self._asked is not None and now - self._asked >= limits.dead_seconds:
            self.close(f"no sign of life within {limits.dead_seconds:g} s")
        elif self.known and self._asked is None and now - self._heard >= limits.idle_seconds:
            self._asked = now
            self._transport.write(b'{"method":"echo","params":[],"id":"echo"}')
        if not self.ended:
            steps = min(limits.reply_seconds, limits.idle_seconds, limits.dead_seconds)
            self._timer = self._loop.call_later(steps / 4, self._watch)
