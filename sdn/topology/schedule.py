"""When the probes of which port are due: at once when it comes up, then evenly spread over the interval.

Neighbouring ports of a switch go together, because each time that a switch wakes up costs it a look at all its ports;
switches are spread by the golden ratio, however many there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush

from sdn.topology.adjacency import End
from sdn.topology.inventory import PortState

_TOGETHER = 64
"""Neighbouring ports of a switch whose probes leave at the same time: one or two milliseconds of work."""
_GOLDEN = 0x9E3779B97F4A7C15
"""The golden ratio in 64 bits: its multiples spread evenly, however many there are (Knuth, volume 3, section 6.4)."""


class Schedule:
    """A queue of ports by the time of their next probe. interval: seconds. Entries that were overtaken are void."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._queue: list[tuple[float, End]] = []

    def push(self, end: End, port: PortState, when: float) -> None:
        """The next probe of a port goes at that time and no other. O(log P)."""
        port.due = when
        heappush(self._queue, (when, end))

    def due(self, now: float) -> Iterator[tuple[float, End]]:
        """(time, port) of what is due, taken out; void where it is not the port's ``due``."""
        while self._queue and self._queue[0][0] <= now:
            yield heappop(self._queue)

    def push_next(self, end: End, port: PortState, now: float) -> None:
        """Half an interval to one and a half from now, then exactly one each time."""
        step = (end.dpid + port.port.number // _TOGETHER) * _GOLDEN & 0xFFFFFFFFFFFFFFFF
        phase = step / 2**64 * self._interval
        turns = (now + self._interval / 2 - phase) // self._interval + 1
        self.push(end, port, phase + turns * self._interval)

    def hurry(self, end: End, port: PortState, now: float) -> None:
        """Probe early, because the other direction is wanted; but never more often than twice per interval."""
        when = max(now, port.sent + self._interval / 2)
        if when < port.due:
            self.push(end, port, when)
