"""One connection of a switch: bytes in, events out, effects in, bytes out. All methods belong to the event loop.

Rules: whatever is wrong with the peer ends this session and nothing else. Batches and read-backs are done one after
the other (jobs); their messages are encoded while the transport takes them. Nothing is queued without a bound.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from sdn.controller.effects import SendBatch, SendPacket
from sdn.controller.events import (
    PacketIn,
    PacketsSent,
    PortChanged,
    SwitchDown,
    SwitchEvent,
    SwitchUp,
)
from sdn.model.ids import Dpid
from sdn.openflow import (
    AnotherMaster,
    Claim,
    Framer,
    Handshake,
    MessageTooLong,
    ProtocolError,
    State,
    decode,
    encode,
    wire,
)
from sdn.openflow.messages import (
    BarrierReply,
    BundleReply,
    EchoReply,
    EchoRequest,
    Error,
    Message,
    MultipartReply,
    PacketReceived,
    PortStatus,
)
from sdn.southbound.convert import installed_of, port_of
from sdn.southbound.jobs import Jobs
from sdn.southbound.limits import Limits
from sdn.southbound.outbox import Outbox
from sdn.southbound.polling import Polling, PortPoll
from sdn.southbound.pump import Pump
from sdn.southbound.rate import Rate
from sdn.southbound.secured import Secured, peer_of

log = logging.getLogger("sdn.southbound")
_HIGH_WATER = 1 << 18
_MAX_XID = 0xFFFFFFFF


class Owner(Protocol):
    """What a session needs of the server."""

    limits: Limits
    emit: Callable[[SwitchEvent], None]
    polling: Polling | None
    claim: Claim | None

    def opened(self, session: Session) -> bool:
        """A connection begins; False if there are too many."""
        ...

    def identified(self, session: Session) -> None:
        """The datapath id is known; calls ``session.accept`` or ``session.close``."""
        ...

    def refused(self, session: Session, reason: str) -> None:
        """The switch belongs to somebody else; the session ends."""
        ...

    def closed(self, session: Session) -> None:
        """The session ended, and emits nothing more than SwitchDown."""
        ...


class Session(Secured):
    """number: of the session, never reused; dpid: 0 until it is known; up: handshake and read-back are done."""

    def __init__(self, number: int, owner: Owner) -> None:
        super().__init__()
        self.number = number
        self.dpid = Dpid(0)
        self.peer = "?"
        self.up = False
        self.packets_dropped = 0
        """Packet-ins over the rate and packet-outs that the connection could not take."""
        self._owner = owner
        self._limits = owner.limits
        self._loop = asyncio.get_running_loop()
        self._framer = Framer()
        self._handshake = Handshake(owner.claim)
        self._xid = Handshake.first_free_xid
        self._rate = Rate(self._limits.packet_ins_per_second)
        self._poll: PortPoll | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._born = self._heard_at = self._loop.time()
        self._echo_at: float | None = None
        self._life: asyncio.Future[bool] | None = None
        self._reported = 0

    # Life of the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet, if there is room for one more."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._pump = Pump(transport, self._sent)
        self._outbox = Outbox(transport.write, self.take_xids, self._packets_left)
        self._jobs = Jobs(self, self._pump.send, lambda event: self._owner.emit(event), self._loop.time)
        self.peer = peer_of(transport)
        transport.set_write_buffer_limits(high=_HIGH_WATER)
        if not self._owner.opened(self):
            self.close(f"more than {self._limits.connections} connections")
            return
        transport.write(self._handshake.begin())
        self._tick()

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer closed, or we did."""
        self.close(f"connection lost: {exc}" if exc else "connection closed by the switch")

    def close(self, reason: str) -> None:
        """End the session; SwitchDown follows at once if it was up. Does nothing a second time."""
        if self.ended:
            return
        self.ended = True
        if self._timer is not None:
            self._timer.cancel()
        if self._life is not None and not self._life.done():
            self._life.set_result(False)
        if self._poll is not None:
            self._poll.stop()
        self._pump.stop()
        self._outbox.stop()
        self._jobs.clear()
        # With unsent bytes a close would wait for a peer that may never read.
        if self._transport.get_write_buffer_size():
            self._transport.abort()
        else:
            self._transport.close()
        level = logging.INFO if self.up else logging.WARNING
        log.log(level, "switch session ended", extra={"fields": self.fields | {"reason": reason}})
        self._owner.closed(self)
        if self.up:
            self._owner.emit(SwitchDown(self.number, self.dpid, reason))

    @property
    def fields(self) -> dict[str, str | int]:
        """What names the session in a log record."""
        return {"session": self.number, "peer": self.peer, "dpid": f"{self.dpid:016x}"}

    def pause_writing(self) -> None:
        """The switch does not take more for now."""
        self._pump.pause()

    def resume_writing(self) -> None:
        """The switch takes more."""
        self._pump.resume()

    def _tick(self) -> None:
        """Deadlines and keepalive."""
        now, limits = self._loop.time(), self._limits
        reason = self._overdue(now)
        if reason:
            self.close(reason)
            return
        if self._echo_at is None and now - self._heard_at >= limits.idle_seconds:
            self._echo(now)
        if self.packets_dropped > self._reported:
            self._reported = self.packets_dropped
            log.warning("packets dropped", extra={"fields": self.fields | {"total": self._reported}})
        steps = (limits.hello_seconds, limits.handshake_seconds, limits.idle_seconds, limits.dead_seconds)
        self._timer = self._loop.call_later(min(*steps, limits.reply_seconds) / 4, self._tick)

    def _overdue(self, now: float) -> str:
        limits = self._limits
        if not self.up:
            if self._handshake.features is None and now - self._born >= limits.hello_seconds:
                return f"no features reply within {limits.hello_seconds:g} s"
            if now - self._born >= limits.handshake_seconds:
                return f"handshake not done within {limits.handshake_seconds:g} s"
        if self._echo_at is not None and now - self._echo_at >= limits.dead_seconds:
            return f"no reply to an echo request within {limits.dead_seconds:g} s"
        if self._jobs.under_way and now - self._jobs.progress_at >= limits.reply_seconds:
            return f"a {self._jobs.under_way} stood still for {limits.reply_seconds:g} s"
        return ""

    def _echo(self, now: float) -> None:
        if self._handshake.state not in (State.HELLO, State.FEATURES):
            self._transport.write(encode.echo_request(self.take_xids(1)))
            self._echo_at = now

    async def shows_life(self, seconds: float) -> bool:
        """Send an echo request; whether anything comes within that time."""
        if self.ended:
            return False
        if self._life is None or self._life.done():
            self._life = self._loop.create_future()
            self._transport.write(encode.echo_request(self.take_xids(1)))
        done, _ = await asyncio.wait([self._life], timeout=seconds)
        return bool(done) and self._life.result() and not self.ended

    # What comes

    def data_received(self, data: bytes) -> None:
        """Bytes of the switch."""
        if not self.ended:
            self._hear(data)

    def _hear(self, data: bytes) -> None:
        self._heard_at = self._loop.time()
        self._echo_at = None
        if self._life is not None and not self._life.done():
            self._life.set_result(True)
        try:
            for message in self._framer.feed(data):
                self._take(message)
                if self.ended:
                    return
        except AnotherMaster as error:
            self._owner.refused(self, str(error))
            self.close(str(error))
        except ProtocolError as error:
            if self._handshake.state is State.HELLO:
                self._transport.write(encode.error(0, 0, 0, str(error).encode()))
            self.close(str(error))

    def _take(self, raw: bytes) -> None:
        if raw[1] == wire.PACKET_IN and not (self.up and self._rate.take(self._heard_at)):
            self.packets_dropped += self.up
            return
        message = decode(raw)
        if isinstance(message, EchoRequest):
            if self._transport.get_write_buffer_size() > self._limits.waiting_bytes:
                raise ProtocolError("switch sends echo requests but takes no replies")
            self._transport.write(encode.echo_reply(message.xid, message.payload))
        elif self.up:
            self._dispatch(message)
        else:
            self._shake(message)

    def _shake(self, message: Message) -> None:
        state = self._handshake.state
        self._transport.write(self._handshake.receive(message))
        if self._handshake.state is state:
            return
        if self._handshake.state is State.IDENTIFIED:
            assert self._handshake.features is not None
            self.dpid = Dpid(self._handshake.features.dpid)
            self._owner.identified(self)
        elif self._handshake.state is State.UP:
            self._come_up()

    def accept(self) -> None:
        """The datapath id is this session's: read the switch back."""
        self._transport.write(self._handshake.accept())

    def _come_up(self) -> None:
        self.up = True
        contents = self._handshake.contents
        ports = tuple(port_of(contents.ports[number]) for number in sorted(contents.ports))
        installed = installed_of(contents, with_bodies=False)
        self._handshake = _shaken()
        log.debug("switch is up", extra={"fields": self.fields | {"ports": len(ports), "flows": len(installed.flows)}})
        self._owner.emit(SwitchUp(self.number, self.dpid, self.peer, ports, installed, contents.description))
        if self._owner.polling is not None:
            self._poll = PortPoll(self._owner.polling, self, self._limits.reply_seconds)

    def _dispatch(self, message: Message) -> None:
        match message:
            case PacketReceived() if message.in_port:
                self._owner.emit(
                    PacketIn(
                        *(self.number, self.dpid, message.in_port, message.table, message.cookie),
                        registers=message.registers,
                        data=message.data,
                        at=self._heard_at,
                    )
                )
            case PortStatus():
                self._owner.emit(PortChanged(self.number, self.dpid, port_of(message.port), message.removed))
            case Error() if (message.type, message.code) == wire.IS_SLAVE:
                raise AnotherMaster("another controller has become its master, and nothing is written to it any more")
            case MultipartReply() | BarrierReply() | BundleReply() | Error() if self._jobs.expects(message):
                self._jobs.take(message, self._heard_at)
            case MultipartReply() | Error() if self._poll is not None and self._poll.expects(message.xid):
                self._poll.take(message)
            case Error():
                log.debug("switch reports an error", extra={"fields": self.fields | {"error": str(message)}})
            case EchoReply():
                self._outbox.answered(message.xid, self._heard_at)
            case _:
                pass  # What nobody asked for.

    # What is asked for

    def send_batch(self, effect: SendBatch) -> None:
        """Write a batch when those before it are done."""
        self._outbox.flush()
        self._jobs.put(effect)

    def read_back(self) -> None:
        """Read the whole switch when the batches before are done."""
        self._outbox.flush()
        self._jobs.put(None)

    def send_packet(self, effect: SendPacket) -> None:
        """Packet-out at the end of this turn; dropped and counted when the switch does not take its bytes."""
        if self._pump.paused:
            self.packets_dropped += 1
            return
        try:
            in_port = wire.PORT_CONTROLLER if effect.in_port is None else effect.in_port
            if effect.entrance is not None:
                where = effect.entrance
                into = where.table, where.registers, effect.data, in_port, effect.token, where.look_up
                self._outbox.put_into(*into)
                return
            self._outbox.put(effect.out_port, effect.data, in_port, effect.token)
        except MessageTooLong as error:
            log.warning("packet-out refused", extra={"fields": self.fields | {"reason": str(error)}})

    @property
    def busy(self) -> bool:
        """Whether a batch or a read-back is on its way."""
        return bool(self._jobs.under_way)

    def ask(self, make: Callable[[int], bytes]) -> bool:
        """Send the message made with a free xid, unless the switch takes nothing for now."""
        if not self._pump.paused:
            self._transport.write(make(self.take_xids(1)))
        return not self._pump.paused

    def take_xids(self, count: int) -> int:
        """The first of ``count`` consecutive numbers that no message under way has."""
        if self._xid + count > _MAX_XID:
            self._xid = Handshake.first_free_xid
        first = self._xid
        self._xid += count
        return first

    def _packets_left(self, tokens: tuple[int, ...], at: float, round_trip: float) -> None:
        self._owner.emit(PacketsSent(self.number, self.dpid, tokens, at, round_trip))

    def _sent(self) -> None:
        self._jobs.progress_at = self._loop.time()


def _shaken() -> Handshake:
    """Stands for a handshake that is done, without what it read."""
    done = Handshake()
    done.state = State.UP
    return done
