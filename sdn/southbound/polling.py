"""Asks a switch for the counters of its ports, and then of the flows of a table, again and again. No I/O of its own.

Rules: programming comes first. A switch that is being written to or read back is asked later, at the latest after one
interval, and at most one question is unanswered. A switch that does not answer is asked again when so long nothing else
could be outstanding either; one that refuses is not asked again in this session. Neither ends the session: its counters
are old, and say so by their time. Malformed answers end it as all others do.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sdn.model.counters import FlowSample, PortSample
from sdn.model.ids import Dpid
from sdn.openflow import FlowCountsReading, PortStatsReading, error_text
from sdn.openflow.messages import Error, MultipartReply

log = logging.getLogger("sdn.southbound")
_GOLDEN = 0.6180339887
"""Spreads sessions evenly over an interval, whatever their number."""
_FIRST_WITHIN = 1.0
"""Seconds after the handshake: the first answer is where counting begins."""
_WHILE_BUSY = 0.1
"""Part of the interval after which a busy switch is looked at again."""


@dataclass(frozen=True, slots=True)
class Polling:
    """How counters are asked for. interval: seconds; deliver: takes what a switch answered, at once.

    table, deliver_flows: the same for the flows of a table; None: they are not asked for.
    """

    interval: float
    deliver: Callable[[PortSample], None]
    table: int | None = None
    deliver_flows: Callable[[FlowSample], None] | None = None


class Asked(Protocol):
    """What a poll needs of its session."""

    number: int
    dpid: Dpid

    @property
    def busy(self) -> bool:
        """Whether a batch or a read-back is on its way."""
        ...

    @property
    def fields(self) -> dict[str, str | int]:
        """What names the session in a log record."""
        ...

    def ask(self, make: Callable[[int], bytes]) -> bool:
        """Send the message made with a free xid, unless the switch takes nothing for now."""
        ...


class PortPoll:
    """Of one session. patience: seconds until an unanswered question is given up."""

    def __init__(self, polling: Polling, session: Asked, patience: float) -> None:
        self._polling = polling
        self._session = session
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._reading: PortStatsReading | FlowCountsReading | None = None
        self._flows_refused = False
        self._asked_at = 0.0
        self._due = 0.0
        phase = session.number * _GOLDEN % 1
        self._second = polling.interval * (1 + phase) / 2
        self._timer: asyncio.TimerHandle | None = None
        self._wait(phase * min(polling.interval, _FIRST_WITHIN))

    def stop(self) -> None:
        """Ask no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._reading = None

    def expects(self, xid: int) -> bool:
        """Whether a reply or error of this xid answers the question."""
        return self._reading is not None and self._reading.expects(xid)

    def take(self, message: MultipartReply | Error) -> None:
        """An answer that is expected. Raises ProtocolError."""
        reading = self._reading
        assert reading is not None
        if isinstance(message, Error):
            text = error_text(message.type, message.code, message.experimenter)
            log.warning("switch refuses to tell counters", extra={"fields": self._session.fields | {"error": text}})
            if isinstance(reading, PortStatsReading):
                self.stop()
            else:
                self._reading, self._flows_refused = None, True
            return
        reading.reply(message)
        if reading.complete:
            self._reading = None
            self._deliver(reading)

    def _deliver(self, reading: PortStatsReading | FlowCountsReading) -> None:
        polling, moment = self._polling, (self._loop.time(), time.time())
        if isinstance(reading, FlowCountsReading):
            assert polling.deliver_flows is not None
            polling.deliver_flows(FlowSample(self._session.dpid, reading.flows, *moment))
            return
        polling.deliver(PortSample(self._session.dpid, reading.ports, *moment))
        if polling.table is not None and not self._flows_refused and self._session.ask(self._flow_question):
            self._asked_at = self._loop.time()

    def _wait(self, seconds: float) -> None:
        self._due = self._loop.time() + seconds
        self._timer = self._loop.call_later(seconds, self._tick)

    def _tick(self) -> None:
        now, interval = self._loop.time(), self._polling.interval
        if self._session.busy and now < self._due + interval:
            self._timer = self._loop.call_later(interval * _WHILE_BUSY, self._tick)
            return
        if self._reading is None or now - self._asked_at >= self._patience:
            self._reading = None
            if self._session.ask(self._question):
                self._asked_at = now
        self._wait(self._second)
        self._second = interval

    def _question(self, xid: int) -> bytes:
        self._reading = PortStatsReading(xid)
        return self._reading.request()

    def _flow_question(self, xid: int) -> bytes:
        assert self._polling.table is not None
        self._reading = FlowCountsReading(xid, self._polling.table)
        return self._reading.request()
