"""A server whose events can be awaited, and a fake switch that says whatever a test wants."""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sdn.controller.events import SwitchEvent, SwitchUp
from sdn.openflow import Framer
from sdn.southbound import Limits, OpenFlowServer

E = TypeVar("E")
DEADLINE = 20.0

HELLO, ERROR, ECHO_REQUEST, ECHO_REPLY, EXPERIMENTER = range(5)
FEATURES_REQUEST, FEATURES_REPLY = 5, 6
PACKET_IN, PORT_STATUS, PACKET_OUT = 10, 12, 13
MULTIPART_REQUEST, MULTIPART_REPLY, BARRIER_REQUEST, BARRIER_REPLY, METER_MOD = 18, 19, 20, 21, 29
BUNDLE_CONTROL, BUNDLE_ADD = 2300, 2301


class Rig:
    """The server with the events it emitted, in order."""

    def __init__(self, limits: Limits, **more: Any) -> None:
        self.events: list[SwitchEvent] = []
        self._changed = asyncio.Event()
        self.server = OpenFlowServer(self._emit, limits, **more)
        self.port = 0

    def _emit(self, event: SwitchEvent) -> None:
        self.events.append(event)
        self._changed.set()

    async def expect(
        self, kind: type[E], accept: Callable[[E], bool] = lambda event: True, *, seconds: float = DEADLINE
    ) -> E:
        """Take the first event of this kind that is accepted, as soon as there is one."""
        async with asyncio.timeout(seconds):
            while True:
                for event in self.events:
                    if isinstance(event, kind) and accept(event):
                        self.events.remove(event)
                        return event
                self._changed.clear()
                await self._changed.wait()

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]


@asynccontextmanager
async def serving(limits: Limits | None = None, **more: Any) -> AsyncIterator[Rig]:
    """more: other arguments of the server."""
    rig = Rig(limits or Limits(), **more)
    rig.port = await rig.server.start("127.0.0.1", 0)
    try:
        yield rig
    finally:
        await rig.server.close()


def raw(type_: int, xid: int, body: bytes = b"") -> bytes:
    return struct.pack("!BBHI", 4, type_, 8 + len(body), xid) + body


class FakeSwitch:
    """Answers as asked: ``read`` gives what came, ``send`` sends any bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._framer = Framer()
        self._messages: list[bytes] = []

    @classmethod
    async def connect(cls, port: int, context: ssl.SSLContext | None = None) -> FakeSwitch:
        return cls(*await asyncio.open_connection("127.0.0.1", port, ssl=context))

    def send(self, *messages: bytes) -> None:
        self.writer.write(b"".join(messages))

    async def read(self) -> bytes | None:
        """The next message, None at the end of the connection."""
        async with asyncio.timeout(DEADLINE):
            while not self._messages:
                try:
                    data = await self.reader.read(65536)
                except ConnectionError:
                    return None
                if not data:
                    return None
                self._messages += self._framer.feed(data)
        return self._messages.pop(0)

    async def until(self, type_: int) -> bytes:
        """The next message of a type; those before it are dropped."""
        while True:
            message = await self.read()
            assert message is not None, "connection closed"
            if message[1] == type_:
                return message

    async def ended(self) -> bool:
        """Wait for the end of the connection."""
        while await self.read() is not None:
            pass
        return True

    async def greet(self, dpid: int, auxiliary: int = 0) -> None:
        """Hello and features."""
        self.send(raw(HELLO, 1))
        request = await self.until(FEATURES_REQUEST)
        body = struct.pack("!QIBB2xII", dpid, 0, 254, auxiliary, 0x4F, 0)
        self.send(raw(FEATURES_REPLY, xid_of(request), body))

    async def tell(self, bodies: dict[int, bytes] | None = None) -> None:
        """Answer the five requests of the read-back; bodies: multipart type → body, empty where not given."""
        for _ in range(5):
            request = await self.until(MULTIPART_REQUEST)
            type_ = int.from_bytes(request[8:10], "big")
            body = (bodies or {}).get(type_, bytes(1056) if type_ == 0 else b"")
            self.send(multipart(xid_of(request), type_, body))

    async def come_up(self, rig: Rig, dpid: int, bodies: dict[int, bytes] | None = None) -> SwitchUp:
        await self.greet(dpid)
        await self.tell(bodies)
        return await rig.expect(SwitchUp, lambda event: event.dpid == dpid)

    def close(self) -> None:
        self.writer.transport.abort()


def xid_of(message: bytes) -> int:
    return int.from_bytes(message[4:8], "big")


def multipart(xid: int, type_: int, body: bytes, *, more: bool = False) -> bytes:
    return raw(MULTIPART_REPLY, xid, struct.pack("!HH4x", type_, int(more)) + body)


def port_description(number: int, name: bytes, state: int = 4) -> bytes:
    mac = b"\x02\0\0\0\0" + bytes([number & 0xFF])
    return struct.pack("!I4x6s2x16sIIIIIIII", number, mac, name, 0, state, 0, 0, 0, 0, 10_000_000, 0)


def port_status(reason: int, port: bytes) -> bytes:
    return raw(PORT_STATUS, 0, bytes([reason]) + bytes(7) + port)


def error(xid: int, type_: int, code: int) -> bytes:
    return raw(ERROR, xid, struct.pack("!HH", type_, code) + bytes(64))


def onf_error(xid: int, code: int) -> bytes:
    return raw(ERROR, xid, struct.pack("!HHI", 0xFFFF, code, 0x4F4E4600))


def bundle_reply(xid: int, action: int) -> bytes:
    return raw(EXPERIMENTER, xid, struct.pack("!IIIHH", 0x4F4E4600, 2300, 1, action, 3))


def experiment(message: bytes) -> tuple[int, int]:
    """(experimenter type, bundle action) of a bundle message."""
    assert message[1] == EXPERIMENTER
    type_ = int.from_bytes(message[12:16], "big")
    return type_, int.from_bytes(message[20:22], "big")


def packet_in(data: bytes) -> bytes:
    fields = bytes.fromhex("80000004") + struct.pack("!I", 5) + bytes.fromhex("00010604") + struct.pack("!I", 7)
    match = struct.pack("!HH", 1, 4 + len(fields)) + fields + bytes(-(4 + len(fields)) % 8)
    return raw(PACKET_IN, 0, struct.pack("!IHBBQ", 0xFFFFFFFF, len(data), 1, 60, 77) + match + bytes(2) + data)
