"""The OpenFlow server: accepts switches, one session each, and one session per datapath id."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from itertools import count

from sdn.controller.effects import CloseSession, RequestReadBack, SendBatch, SendPacket, SwitchEffect
from sdn.controller.events import SwitchEvent
from sdn.openflow import Claim
from sdn.security.tls import TlsFiles
from sdn.southbound.gate import Gate
from sdn.southbound.limits import Limits
from sdn.southbound.polling import Polling
from sdn.southbound.refusals import Refusals
from sdn.southbound.session import Session

log = logging.getLogger("sdn.southbound")
_BACKLOG = 1024


class OpenFlowServer:
    """Turns what switches send into events, and effects into what they receive. Belongs to one event loop.

    emit: called on the loop for every event; it must return at once and not raise. polling: how counters are asked
    for; None if they are not. tls: certificate and authority, None for plain TCP. barred: whether the certificate
    with a serial number (hexadecimal) is revoked. claim: see sdn.openflow.mastery; None: switches need not be ours.
    """

    def __init__(
        self,
        emit: Callable[[SwitchEvent], None],
        limits: Limits | None = None,
        polling: Polling | None = None,
        tls: TlsFiles | None = None,
        barred: Callable[[str], bool] = lambda serial: False,
        claim: Claim | None = None,
    ) -> None:
        self.emit = emit
        self.claim = claim
        self.polling = polling
        self.limits = limits or Limits()
        self._numbers = count(1)
        self._dropped = 0
        self._sessions: dict[int, Session] = {}
        self._by_dpid: dict[int, Session] = {}
        self._claims: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._barred = barred
        self._refusals = Refusals(lambda event: self.emit(event), time.monotonic, self.limits.refusals_seconds)
        self._gate: Gate | None = None
        if tls is not None:
            self._gate = Gate(tls, self._session, self._refusals.tell, barred, self.limits)

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port, which is chosen if ``port`` is 0. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._gate or self._session, host, port, backlog=_BACKLOG)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    def perform(self, effect: SwitchEffect) -> None:
        """Carry out an effect. It is ignored if its session is not up or no more."""
        session = self._sessions.get(effect.session)
        if session is None or not session.up:
            return
        match effect:
            case SendBatch():
                session.send_batch(effect)
            case SendPacket():
                session.send_packet(effect)
            case RequestReadBack():
                session.read_back()
            case CloseSession():
                session.close(effect.reason)

    @property
    def load(self) -> tuple[int, int]:
        """Connections, those in the handshake included; and packets to and from switches dropped since the start."""
        return len(self._sessions), self._dropped + sum(s.packets_dropped for s in self._sessions.values())

    def recheck(self) -> None:
        """End the sessions of switches whose certificates were revoked."""
        for session in list(self._sessions.values()):
            if session.serial and self._barred(session.serial):
                session.close(f"the certificate {session.serial} is revoked")

    async def close(self) -> None:
        """Stop listening and end all sessions. Switches keep forwarding."""
        if self._server is not None:
            self._server.close()
        if self._gate is not None:
            self._gate.close()
        for session in list(self._sessions.values()):
            session.close("the controller stops")
        await asyncio.gather(*self._claims)
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

    def _session(self) -> Session:
        return Session(next(self._numbers), self)

    # What sessions tell (session.Owner)

    def opened(self, session: Session) -> bool:
        """A connection begins; False if there are too many."""
        if len(self._sessions) >= self.limits.connections:
            return False
        self._sessions[session.number] = session
        return True

    def refused(self, session: Session, reason: str) -> None:
        """The switch of a session is another controller's."""
        self._refusals.tell(session.peer, reason, session.dpid)

    def closed(self, session: Session) -> None:
        """A session ended."""
        self._dropped += session.packets_dropped
        self._sessions.pop(session.number, None)
        if self._by_dpid.get(session.dpid) is session:
            del self._by_dpid[session.dpid]

    def identified(self, session: Session) -> None:
        """A session knows its datapath id: accept it now, or when it is clear that an older session is dead."""
        if session.bound is not None and session.dpid not in session.bound:
            reason = f"its certificate is not for datapath id {session.dpid:016x}"
            self._refusals.tell(session.peer, reason, session.dpid)
            session.close(reason)
            return
        if session.dpid not in self._by_dpid:
            self._accept(session)
            return
        task = asyncio.get_running_loop().create_task(self._claim(session))
        self._claims.add(task)
        task.add_done_callback(self._claims.discard)

    def _accept(self, session: Session) -> None:
        self._by_dpid[session.dpid] = session
        session.accept()

    async def _claim(self, newcomer: Session) -> None:
        """A switch whose old connection hangs must get in soon; a second switch of the same id must not get in."""
        while (older := self._by_dpid.get(newcomer.dpid)) is not None:
            alive = await older.shows_life(self.limits.probe_seconds)
            if newcomer.ended:
                return
            if alive:
                log.error(
                    "second switch with the same datapath id refused; set other-config:datapath-id of one of them",
                    extra={"fields": newcomer.fields | {"connected": older.peer}},
                )
                self._refusals.tell(newcomer.peer, "its datapath id is connected already", newcomer.dpid)
                newcomer.close(f"datapath id {newcomer.dpid:016x} is connected from {older.peer}")
                return
            older.close(f"the switch connected anew from {newcomer.peer}, and this connection gave no sign of life")
        self._accept(newcomer)
