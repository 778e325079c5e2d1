"""Packet-outs of one turn of the event loop, written together: each write wakes the switch up.

Those that are to be timed go first, with an echo request right behind them: its answer tells how long the way to the
switch and back took at that moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from sdn.openflow import encode

_MAX_OUTSTANDING = 16
"""Echo requests that are not answered; while there are more, nothing is timed."""


class Outbox:
    """write: takes bytes. take_xids: the first of so many free xids. left: (tokens, when they left, round trip)."""

    def __init__(
        self,
        write: Callable[[bytes], None],
        take_xids: Callable[[int], int],
        left: Callable[[tuple[int, ...], float, float], None],
    ) -> None:
        self._write = write
        self._take_xids = take_xids
        self._left = left
        self._loop = asyncio.get_running_loop()
        self._plain: list[bytes] = []
        self._timed: list[tuple[int, bytes]] = []
        self._flush: asyncio.Handle | None = None
        self._echoes: dict[int, tuple[tuple[int, ...], float]] = {}

    def put(self, out_port: int, frame: bytes, in_port: int, token: int = 0) -> None:
        """Send a frame at the end of this turn; token: not 0 if it is to be timed. Raises MessageTooLong."""
        self._put(encode.packet_out(self._take_xids(1), out_port, frame, in_port), token)

    def put_into(
        self,
        table: int,
        registers: Iterable[tuple[int, int]],
        frame: bytes,
        in_port: int,
        token: int = 0,
        look_up: int | None = None,
    ) -> None:
        """As ``put``, but through the switch's tables: see encode.packet_into."""
        self._put(encode.packet_into(self._take_xids(1), table, registers, frame, in_port, look_up), token)

    def _put(self, message: bytes, token: int) -> None:
        if token and len(self._echoes) < _MAX_OUTSTANDING:
            self._timed.append((token, message))
        else:
            self._plain.append(message)
        if self._flush is None:
            self._flush = self._loop.call_soon(self._send)

    def flush(self) -> None:
        """Send now what waits, because something else follows that must come behind it."""
        if self._flush is not None:
            self._flush.cancel()
            self._send()

    def stop(self) -> None:
        """Send nothing more."""
        if self._flush is not None:
            self._flush.cancel()

    def answered(self, xid: int, now: float) -> bool:
        """An echo reply came; whether it is one of these."""
        echo = self._echoes.pop(xid, None)
        if echo is None:
            return False
        tokens, at = echo
        self._left(tokens, at, now - at)
        return True

    def _send(self) -> None:
        self._flush = None
        timed, self._timed = self._timed, []
        plain, self._plain = self._plain, []
        messages = [message for _, message in timed]
        if timed:
            xid = self._take_xids(1)
            messages.append(encode.echo_request(xid))
            self._echoes[xid] = tuple(token for token, _ in timed), self._loop.time()
        self._write(b"".join(messages + plain))
