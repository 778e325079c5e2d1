"""Batches and read-backs of one switch: done one after the other, in the order in which they were asked for.

Belongs here: which of them is on its way, and what of the switch's answers is meant for it. Must not know: connections,
and what else is said on them.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

from sdn.controller.effects import SendBatch
from sdn.controller.events import BatchDone, ReadBack, SwitchEvent
from sdn.model.ids import Dpid
from sdn.openflow import Reading
from sdn.openflow.messages import BarrierReply, BundleReply, Error, Message, MultipartReply
from sdn.southbound.batch import BatchRun, Stage
from sdn.southbound.convert import installed_of

log = logging.getLogger("sdn.southbound")


class Worker(Protocol):
    """What jobs need of their session."""

    number: int
    dpid: Dpid
    ended: bool

    @property
    def fields(self) -> dict[str, str | int]:
        """What names the session in a log record."""
        ...

    def take_xids(self, count: int) -> int:
        """The first of ``count`` consecutive numbers that no message under way has."""
        ...


class Jobs:
    """send: writes messages while the transport takes them. emit: takes what came of a job. clock: seconds.

    progress_at: when something of the job on its way was last written or answered.
    """

    def __init__(
        self,
        session: Worker,
        send: Callable[[Iterator[bytes]], None],
        emit: Callable[[SwitchEvent], None],
        clock: Callable[[], float],
    ) -> None:
        self._session, self._send, self._emit, self._clock = session, send, emit, clock
        self._waiting: deque[SendBatch | None] = deque()
        """Batches that wait, None for a read-back."""
        self._batch: tuple[int, BatchRun] | None = None
        self._reading: Reading | None = None
        self.progress_at = clock()

    def put(self, job: SendBatch | None) -> None:
        """Do this when those before it are done: write a batch, or read the whole switch (None)."""
        self._waiting.append(job)
        self._next()

    def clear(self) -> None:
        """Begin nothing more."""
        self._waiting.clear()

    @property
    def under_way(self) -> str:
        """What is on its way, for people; empty if nothing is."""
        return "batch" if self._batch else "read-back" if self._reading else ""

    def expects(self, message: Message) -> bool:
        """Whether a message answers the job on its way."""
        if self._reading is not None:
            return isinstance(message, MultipartReply | Error) and self._reading.expects(message.xid)
        if self._batch is not None:
            return isinstance(message, BarrierReply | BundleReply | Error) and self._batch[1].owns(message.xid)
        return False

    def take(self, message: Message, at: float) -> None:
        """A message that was expected came at that time."""
        self.progress_at = at
        if self._reading is not None and isinstance(message, MultipartReply | Error):
            self._read(self._reading, message)
        elif self._batch is not None and isinstance(message, BarrierReply | BundleReply | Error):
            batch_id, run = self._batch
            self._advance(batch_id, run, run.receive(message))
            self._next()

    def _next(self) -> None:
        while self._waiting and not self.under_way and not self._session.ended:
            self.progress_at = self._clock()
            job = self._waiting.popleft()
            if job is None:
                self._reading = Reading(self._session.take_xids(Reading.size()), with_ports=False, with_bodies=True)
                self._send(iter([self._reading.requests()]))
            else:
                run = BatchRun(job.batch, self._session.take_xids(BatchRun.size(job.batch)))
                self._batch = (job.batch_id, run)
                self._advance(job.batch_id, run, run.begin())

    def _advance(self, batch_id: int, run: BatchRun, messages: Iterator[bytes]) -> None:
        if run.stage is not Stage.DONE:
            self._send(messages)
            return
        self._batch = None
        for text in run.leftovers:
            log.warning("meter not deleted", extra={"fields": self._session.fields | {"error": text}})
        self._emit(BatchDone(self._session.number, self._session.dpid, batch_id, run.failures))

    def _read(self, reading: Reading, message: MultipartReply | Error) -> None:
        if isinstance(message, Error):
            reading.refused(message)
        else:
            reading.reply(message)
        if reading.complete:
            self._reading = None
            installed = installed_of(reading.contents, with_bodies=True)
            self._emit(ReadBack(self._session.number, self._session.dpid, installed))
            self._next()
