"""Writes long sequences of messages while the transport takes them, a little in each turn of the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator

_PER_TURN = 8
"""Pieces in one turn of the event loop, written together: each write wakes the switch up."""


class Pump:
    """messages given to ``send`` are generated and written in order; at most one turn's beyond the high-water mark.

    progress: called when something was written.
    """

    def __init__(self, transport: asyncio.Transport, progress: Callable[[], None]) -> None:
        self._transport = transport
        self._progress = progress
        self._queue: deque[Iterator[bytes]] = deque()
        self._again: asyncio.Handle | None = None
        self.paused = False

    def send(self, messages: Iterator[bytes]) -> None:
        """Write these behind all others."""
        self._queue.append(messages)
        if self._again is None:
            self._run()

    def pause(self) -> None:
        """The transport is above its high-water mark."""
        self.paused = True

    def resume(self) -> None:
        """The transport takes more."""
        self.paused = False
        if self._again is None:
            self._run()

    def stop(self) -> None:
        """Write nothing more."""
        self._queue.clear()
        if self._again is not None:
            self._again.cancel()
            self._again = None

    def _run(self) -> None:
        self._again = None
        if self.paused:
            return
        pieces: list[bytes] = []
        while self._queue and len(pieces) < _PER_TURN:
            piece = next(self._queue[0], None)
            if piece is None:
                self._queue.popleft()
            else:
                pieces.append(piece)
        if pieces:
            self._transport.write(b"".join(pieces))
            self._progress()
        if self._queue:
            # Others want their turn too: echo replies, and the other switches.
            self._again = asyncio.get_running_loop().call_soon(self._run)
