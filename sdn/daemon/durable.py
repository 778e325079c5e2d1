"""Between the controller's records and the journal: what to do while the journal refuses writes.

Nothing is acted upon before it is durable. Records of requests are offered once; refused, they are dropped and the
caller is told. Records of the controller itself (numbers, links, paths) cannot be taken back, so they are held and
offered again, together with whatever comes, and batches for switches wait behind them in order.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from sdn.controller.effects import OutwardEffect, SendBatch
from sdn.daemon.meter import Meter, Unmetered
from sdn.model.errors import WriteRefused

RETRY_SECONDS = 2.0
PROBE = ("probe", "room")
"""Bucket and key of a record that asks whether there is room again; it is deleted at once."""
_MAX_PROBE = 16 * 2**20
_log = logging.getLogger("sdn.store")

Records = Mapping[tuple[str, str], str | None]
"""By bucket and key; None deletes."""
Tell = Callable[[WriteRefused | None], None]


class Journal(Protocol):
    """Where records are made durable; may block, and is called from one thread at a time."""

    def commit(self, puts: Iterable[tuple[str, str, str]], deletes: Iterable[tuple[str, str]]) -> None:
        """Return when they are durable; raises WriteRefused with nothing written, SdnError when that is not known."""
        ...


class Durable:
    """Writes for one event loop, one at a time.

    perform: carries out an effect that concerns a switch. tell: told the reason when writes begin to be refused, None
    when one has succeeded again.
    """

    def __init__(
        self, journal: Journal, perform: Callable[[OutwardEffect], None], tell: Tell, meter: Meter | None = None
    ) -> None:
        self._journal = journal
        self._meter = meter or Unmetered()
        self._perform = perform
        self._tell = tell
        self._held: dict[tuple[str, str], str | None] = {}
        self._waiting: list[SendBatch] = []
        self._wanted = 0
        self._due = 0.0
        self.trouble: WriteRefused | None = None

    @property
    def waiting(self) -> tuple[int, int]:
        """Records that are held because the journal refuses writes, and batches that wait behind them."""
        return len(self._held), len(self._waiting)

    async def offer(self, records: Records, now: float) -> WriteRefused | None:
        """Write these, or nothing of them; returns why not. now: monotonic seconds. Raises what ends the daemon."""
        if not records:
            return None
        error = await self._write({**self._held, **records})
        if error is None:
            self._released()
        else:
            self._refused(error, records, now)
        return error

    async def keep(self, records: Records, now: float) -> None:
        """Write these now or later; batches that are sent from now on wait for them."""
        if not records:
            return
        if await self.offer(records, now) is not None:
            self._held.update(records)

    async def retry(self, now: float) -> None:
        """See whether writes work again, if it is time to."""
        if self.trouble is None or now < self._due:
            return
        # As much as was refused: a small record may find room in the write-ahead log of a full disk.
        error = await self._write({**self._held, PROBE: "x" * self._wanted})
        error = error or await self._write({PROBE: None})
        if error is None:
            self._released()
        else:
            self._refused(error, {}, now)

    def send(self, effect: OutwardEffect) -> None:
        """Carry out an effect, a batch not before everything held is durable."""
        if isinstance(effect, SendBatch) and self._held:
            self._waiting.append(effect)
        else:
            self._perform(effect)

    async def _write(self, records: Records) -> WriteRefused | None:
        puts = [(bucket, key, text) for (bucket, key), text in records.items() if text is not None]
        deletes = [record for record, text in records.items() if text is None]
        start = time.monotonic()
        refused: WriteRefused | None = None
        try:
            # In a thread: a slow disk must not keep echo replies from switches.
            await asyncio.to_thread(self._journal.commit, puts, deletes)
        except WriteRefused as error:
            refused = error
        self._meter.wrote(time.monotonic() - start, refused=refused is not None)
        return refused

    def _refused(self, error: WriteRefused, records: Records, now: float) -> None:
        size = sum(len(bucket) + len(key) + len(text or "") for (bucket, key), text in records.items())
        self._wanted = min(max(self._wanted, size), _MAX_PROBE)
        self._due = now + RETRY_SECONDS
        if self.trouble is None:
            _log.error("writes are refused: %s", error)
            self._tell(error)
        self.trouble = error

    def _released(self) -> None:
        self._held.clear()
        waiting, self._waiting = self._waiting, []
        for batch in waiting:
            self._perform(batch)
        if self.trouble is not None:
            self.trouble = None
            self._wanted = 0
            _log.info("writes work again")
            self._tell(None)
