"""One batch on its way: what to send when, and which entry an error is about. No I/O.

::

    METERS ─barrier─► ADDING ─barrier─► COMMITTING ─committed─► FINISHING ─barrier─► DONE
       │                │  refused ─► DISCARDING ──────────────────────────────────► DONE
       └─ refused ──────┴────────────────── refused at the commit ─────────────────► DONE

Open vSwitch does not fail the commit for a message that it refused when it was added, so the barrier comes first and
the bundle is discarded if anything was refused. Stages without work are skipped; FINISHING deletes meters, as the reply
to a commit says as much as a barrier behind it would.

A small bundle is sent with its commit at once: one time less that the switch wakes up, which is most of what a small
change costs. If one of its messages is refused, by a switch that lacks a feature, the others take effect all the same
and are written again with the next batch.

Every message has its own xid, and the entry follows from it by arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum, auto
from typing import TypeVar

from sdn.model.program import Batch, FlowBody, FlowKey, WriteFailure, cookie_of
from sdn.openflow import BAD_LENGTH, ProtocolError, encode, error_text, wire, writes
from sdn.openflow.messages import BarrierReply, BundleReply, Error

_BUNDLE = 1
"""A bundle id belongs to its connection and is free again after commit or discard, so one is enough."""
SMALL = 64
"""Entries in a bundle that is committed without waiting for refusals."""
_CHUNK = 128
"""Messages encoded at a time: some 20 KiB, and less than a millisecond."""
_SURELY_FITS = wire.MAX_MESSAGE - 128
"""Bytes of key and instructions that leave room for everything else of the message."""
_METERED, _OPEN, _ADDED, _COMMIT, _DISCARD, _FINISHED, _CONTROLS = range(7)
"""Offsets of the xids that do not belong to an entry, and their number."""

_T = TypeVar("_T")


class Stage(Enum):
    """What a batch waits for."""

    METERS = auto()
    ADDING = auto()
    COMMITTING = auto()
    DISCARDING = auto()
    FINISHING = auto()
    DONE = auto()


class BatchRun:
    """Send what ``begin`` and ``receive`` yield, in order, until ``stage`` is DONE; then ``failures`` tells the result.

    xid: the first of ``size(batch)`` numbers that are free.
    """

    def __init__(self, batch: Batch, xid: int) -> None:
        self.stage = Stage.METERS
        self._batch = batch
        self._xid = xid
        first = xid + _CONTROLS
        parts: tuple[tuple[str, Sequence[object]], ...] = (
            ("meter", [meter for meter, _, _ in batch.meters]),
            ("group", [group for group, _ in batch.groups]),
            ("flow", batch.flows),
            ("flow", batch.deletes),
            ("group", batch.group_deletes),
            ("meter", batch.meter_deletes),
        )
        self._parts: list[tuple[int, str, Sequence[object]]] = []
        for kind, entries in parts:
            self._parts.append((first, kind, entries))
            first += len(entries)
        self._end = first
        self._failures: dict[int, WriteFailure] = {}
        self.leftovers: list[str] = []
        """Refusals that change nothing of the result: of meters to be deleted."""

    @staticmethod
    def size(batch: Batch) -> int:
        """How many xids a batch needs."""
        puts = len(batch.meters) + len(batch.groups) + len(batch.flows)
        return _CONTROLS + puts + len(batch.deletes) + len(batch.group_deletes) + len(batch.meter_deletes)

    @property
    def failures(self) -> tuple[WriteFailure, ...]:
        """What was refused, in the order of the batch."""
        return tuple(self._failures[xid] for xid in sorted(self._failures))

    def owns(self, xid: int) -> bool:
        """Whether a message of this xid belongs to the batch."""
        return self._xid <= xid < self._end

    def begin(self) -> Iterator[bytes]:
        """The first messages."""
        self._refuse_oversized()
        if self._failures:
            return self._done()
        if self._batch.meters:
            return self._send_meters()
        return self._begin_bundle()

    def receive(self, message: BarrierReply | BundleReply | Error) -> Iterator[bytes]:
        """Take an answer that the batch owns; returns what is to be sent then. Raises ProtocolError."""
        at = message.xid - self._xid
        if isinstance(message, Error):
            return self._error(at, message)
        if isinstance(message, BarrierReply):
            return self._barrier(at)
        return self._bundle_reply(at, message.action)

    # What is sent

    def _send_meters(self) -> Iterator[bytes]:
        for xid, (meter, form, exists) in enumerate(self._batch.meters, self._parts[0][0]):
            yield encode.meter_put(xid, meter, form.rate, form.burst, exists=exists, bits=form.bits)
        yield encode.barrier_request(self._xid + _METERED)

    def _begin_bundle(self) -> Iterator[bytes]:
        batch = self._batch
        entries = len(batch.groups) + len(batch.flows) + len(batch.deletes) + len(batch.group_deletes)
        if entries:
            self.stage = Stage.COMMITTING if entries <= SMALL else Stage.ADDING
            return self._send_bundle()
        return self._finish()

    def _send_bundle(self) -> Iterator[bytes]:
        batch = self._batch
        _, groups, flows, deletes, group_deletes, _ = (first for first, _, _ in self._parts)
        yield encode.bundle_control(self._xid + _OPEN, _BUNDLE, wire.BUNDLE_OPEN)
        for xid, some_groups in _chunks(batch.groups, groups):
            yield writes.group_puts(
                xid, _BUNDLE, ((number, group.type, group.buckets) for number, group in some_groups)
            )
        for xid, some in _chunks(batch.flows, flows):
            yield writes.flow_adds(xid, _BUNDLE, _with_cookies(some))
        for xid, keys in _chunks(batch.deletes, deletes):
            yield writes.flow_deletes(xid, _BUNDLE, keys)
        for xid, numbers in _chunks(batch.group_deletes, group_deletes):
            yield writes.group_deletes(xid, _BUNDLE, numbers)
        if self.stage is Stage.ADDING:
            yield encode.barrier_request(self._xid + _ADDED)
        else:
            yield encode.bundle_control(self._xid + _COMMIT, _BUNDLE, wire.BUNDLE_COMMIT)

    def _finish(self) -> Iterator[bytes]:
        if self._failures or not self._batch.meter_deletes:
            return self._done()
        self.stage = Stage.FINISHING
        return self._send_meter_deletes()

    def _send_meter_deletes(self) -> Iterator[bytes]:
        for xid, meter in enumerate(self._batch.meter_deletes, self._parts[5][0]):
            yield encode.meter_delete(xid, meter)
        yield encode.barrier_request(self._xid + _FINISHED)

    def _done(self) -> Iterator[bytes]:
        self.stage = Stage.DONE
        return iter(())

    # What comes

    def _barrier(self, at: int) -> Iterator[bytes]:
        if at == _METERED and self.stage is Stage.METERS:
            return self._done() if self._failures else self._begin_bundle()
        if at == _ADDED and self.stage is Stage.ADDING:
            if self._failures:
                self.stage = Stage.DISCARDING
                return iter([encode.bundle_control(self._xid + _DISCARD, _BUNDLE, wire.BUNDLE_DISCARD)])
            self.stage = Stage.COMMITTING
            return iter([encode.bundle_control(self._xid + _COMMIT, _BUNDLE, wire.BUNDLE_COMMIT)])
        if at == _FINISHED and self.stage is Stage.FINISHING:
            return self._done()
        raise ProtocolError(f"barrier reply {at} while {self.stage.name.lower()}")

    def _bundle_reply(self, at: int, action: int) -> Iterator[bytes]:
        if (at, action) == (_OPEN, wire.BUNDLE_OPENED):
            return iter(())
        if (at, action, self.stage) == (_COMMIT, wire.BUNDLE_COMMITTED, Stage.COMMITTING):
            return self._finish()
        if (at, action, self.stage) == (_DISCARD, wire.BUNDLE_DISCARDED, Stage.DISCARDING):
            return self._done()
        raise ProtocolError(f"bundle reply {action} to request {at} while {self.stage.name.lower()}")

    def _error(self, at: int, error: Error) -> Iterator[bytes]:
        text = error_text(error.type, error.code, error.experimenter)
        if at >= _CONTROLS:
            self._refused(error, text)
        elif at == _COMMIT and self.stage is Stage.COMMITTING and self._failures:
            return self._done()
        elif at == _DISCARD and self.stage is Stage.DISCARDING:
            return self._done()  # There is nothing to discard: the switch has dropped the bundle already.
        else:
            raise ProtocolError(f"switch refuses to handle a bundle: {text}")
        return iter(())

    def _refused(self, error: Error, text: str) -> None:
        if self.stage is Stage.FINISHING:
            # The bundle is in effect. A meter that stays hurts nobody, and the next read-back finds it.
            self.leftovers.append(text)
            return
        kind, key = self._entry(error.xid)
        self._failures.setdefault(error.xid, WriteFailure(kind, key, error.type, error.code, text))

    def _entry(self, xid: int) -> tuple[str, bytes | int]:
        for first, kind, entries in self._parts:
            if xid < first + len(entries):
                entry = entries[xid - first]
                key = entry[0] if isinstance(entry, tuple) else entry
                assert isinstance(key, bytes | int)
                return kind, key
        raise AssertionError(f"xid {xid} is not of this batch")

    def _refuse_oversized(self) -> None:
        groups, flows = self._parts[1][0], self._parts[2][0]
        for xid, (number, group) in enumerate(self._batch.groups, groups):
            self._check_size(xid, "group", number, writes.group_size(group.buckets))
        for xid, (key, body) in enumerate(self._batch.flows, flows):
            if len(key) + len(body) > _SURELY_FITS:
                self._check_size(xid, "flow", key, writes.flow_size(key, body))

    def _check_size(self, xid: int, kind: str, key: bytes | int, size: int) -> None:
        if size > wire.MAX_MESSAGE:
            text = f"message of {size} bytes is longer than the {wire.MAX_MESSAGE} of OpenFlow"
            self._failures[xid] = WriteFailure(kind, key, *BAD_LENGTH, text)


def _with_cookies(flows: Iterable[tuple[FlowKey, FlowBody]]) -> Iterator[tuple[FlowKey, FlowBody, int]]:
    """(key, body, cookie). Hashing is most of the work, and flows of one object often do the same."""
    known: dict[FlowBody, int] = {}
    for key, body in flows:
        cookie = known.get(body)
        if cookie is None:
            cookie = known[body] = cookie_of(body)
        yield key, body, cookie


def _chunks(entries: Sequence[_T], first: int) -> Iterator[tuple[int, Sequence[_T]]]:
    """Slices with the xid of their first entry."""
    for at in range(0, len(entries), _CHUNK):
        yield first + at, entries[at : at + _CHUNK]
