"""What a change costs the switches alone: the smallest bundle, and a barrier, to all of them at once by bare sockets.

Connects to the management sockets of the bridges, beside the daemon, which goes on as ever and leaves these flows alone
(their cookie is not its own, and their table is never reached).
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from sdn.openflow import Framer, decode, encode, wire, writes
from sdn.openflow.messages import BarrierReply, BundleReply, EchoRequest, Error, Message

_TIMEOUT = 60.0
_TABLE, _PRIORITY, _COOKIE = b"\xfa", b"\x00\x64", 1
_ETH_TYPE_IPV4 = bytes.fromhex("80000a020800")
_IPV4_DST = bytes.fromhex("80001804")
_SET_ETH_DST = bytes.fromhex("0004 0018 00000000  0019 0010 80000606 020000000001 0000")
"""APPLY_ACTIONS with one SET_FIELD."""
_GOTO = bytes.fromhex("0001 0008 fb 000000")
FLOWS = 3
"""What one more port of a routed IPv4 network costs every leaf but its own."""
_OPEN, _COMMIT, _BARRIER, _FIRST = 1, 2, 3, 16


def _add() -> bytes:
    body = _SET_ETH_DST + _GOTO
    flows = writes.flow_adds(_FIRST, 1, ((key, body, _COOKIE) for key in _keys()))
    return _bundle(flows)


def _delete() -> bytes:
    return _bundle(writes.flow_deletes(_FIRST, 1, _keys()))


def _keys() -> list[bytes]:
    return [_TABLE + _PRIORITY + _ETH_TYPE_IPV4 + _IPV4_DST + bytes([10, 0, 0, n]) for n in range(FLOWS)]


def _bundle(messages: bytes) -> bytes:
    first = encode.bundle_control(_OPEN, 1, wire.BUNDLE_OPEN)
    return first + messages + encode.bundle_control(_COMMIT, 1, wire.BUNDLE_COMMIT)


class Limit:
    """Connections to all these management sockets, as a context manager."""

    def __init__(self, sockets: Iterable[Path]) -> None:
        self._selector = selectors.DefaultSelector()
        self._connections: list[socket.socket] = []
        for path in sockets:
            connection = socket.socket(socket.AF_UNIX)
            self._connections.append(connection)
            connection.settimeout(_TIMEOUT)
            connection.connect(str(path))
            connection.sendall(encode.hello(0))
            self._selector.register(connection, selectors.EVENT_READ, Framer())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._selector.close()
        for connection in self._connections:
            connection.close()

    def add(self) -> float:
        """Seconds until every switch has committed a bundle that adds the flows."""
        return self._round(_add(), _committed)

    def delete(self) -> float:
        """The same, deleting them."""
        return self._round(_delete(), _committed)

    def barrier(self) -> float:
        """Seconds until every switch has answered a barrier."""
        return self._round(encode.barrier_request(_BARRIER), lambda message: isinstance(message, BarrierReply))

    def _round(self, request: bytes, is_answer: Callable[[Message], bool]) -> float:
        start = time.perf_counter()
        for connection in self._connections:
            connection.sendall(request)
        waiting = len(self._connections)
        while waiting:
            ready = self._selector.select(_TIMEOUT)
            if not ready:
                raise SystemExit(f"{waiting} switches do not answer within {_TIMEOUT:g} s")
            for key, _ in ready:
                assert isinstance(key.fileobj, socket.socket)
                waiting -= sum(map(is_answer, _receive(key.fileobj, key.data)))
        return time.perf_counter() - start


def _committed(message: Message) -> bool:
    return isinstance(message, BundleReply) and message.action == wire.BUNDLE_COMMITTED


def _receive(connection: socket.socket, framer: Framer) -> list[Message]:
    data = connection.recv(1 << 16)
    if not data:
        raise SystemExit("a switch closed its management connection")
    messages = [decode(raw) for raw in framer.feed(data)]
    for message in messages:
        if isinstance(message, Error):
            raise SystemExit(f"a switch refuses the flows of the limit: {message}")
        if isinstance(message, EchoRequest):
            connection.sendall(encode.echo_reply(message.xid, message.payload))
    return messages
