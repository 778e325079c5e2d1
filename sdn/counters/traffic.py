"""Totals of connections, added up from what the flows count where their traffic comes in.

Rules: a flow counts from the moment at which it is written, so its first observation counts in full, also what came in
while no daemon looked. A counter that is smaller than before began anew. A connection that is deleted and made anew is
another one and begins at zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from sdn.counters.ledger import added
from sdn.model.counters import NO_COUNTS, NO_RATES, Counted, Counts, FlowSample, Rates
from sdn.model.ids import Dpid
from sdn.model.program import FlowKey

_SHORTEST = 1e-3
"""Seconds between two observations from which a rate can be told."""


class Counting(NamedTuple):
    """Of a flow: the connection that it counts for, when that was created, and whether it counts from a to b."""

    name: str
    created: float
    forward: bool


@dataclass(slots=True)
class _Line:
    """One flow. packets, octets: as the switch said last; at: monotonic seconds."""

    whose: Counting
    packets: int
    octets: int
    at: float
    rates: Rates = NO_RATES


@dataclass(slots=True)
class _Total:
    created: float
    counts: Counts = NO_COUNTS
    wall: float = 0.0
    lines: dict[tuple[Dpid, FlowKey], None] = field(default_factory=dict)


class Traffic:
    """By full name of a connection: rx is what a sends to b, tx what b sends to a. patience: as of Book."""

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self._lines: dict[Dpid, dict[FlowKey, _Line]] = {}
        self._totals: dict[str, _Total] = {}

    def take(self, sample: FlowSample, whose: Callable[[FlowKey], Counting | None]) -> None:
        """A switch told what its flows have counted. O(flows)."""
        before, after = self._lines.get(sample.dpid, {}), {}
        for key, (packets, octets) in sample.flows.items():
            counting = whose(key)
            if counting is not None:
                after[key] = self._grown(sample, before.get(key), counting, packets, octets)
        self._lines[sample.dpid] = after
        for key in before.keys() - after.keys():
            total = self._totals.get(before[key].whose.name)
            if total is not None:
                total.lines.pop((sample.dpid, key), None)
        for key, line in after.items():
            self._totals[line.whose.name].lines[sample.dpid, key] = None

    def _grown(self, sample: FlowSample, line: _Line | None, whose: Counting, packets: int, octets: int) -> _Line:
        total = self._totals.get(whose.name)
        if total is None or total.created != whose.created:
            total = self._totals[whose.name] = _Total(whose.created)
        goes_on = line is not None and line.whose == whose and packets >= line.packets and octets >= line.octets
        more = (packets - line.packets, octets - line.octets) if line is not None and goes_on else (packets, octets)
        total.counts, total.wall = added(total.counts, _counts(whose, *more)), sample.wall
        rates = NO_RATES
        if line is not None and line.whose == whose:
            seconds = sample.at - line.at
            rates = _rates(whose, *(count / seconds for count in more)) if seconds >= _SHORTEST else line.rates
        return _Line(whose, packets, octets, sample.at, rates)

    def read(self, name: str, created: float, now: float) -> Counted:
        """Of a connection that was created then. now: monotonic seconds."""
        total = self._totals.get(name)
        if total is None or total.created != created:
            return Counted()
        lines = [self._lines[dpid][key] for dpid, key in total.lines]
        fresh = [line.rates for line in lines if now - line.at <= self.patience]
        return Counted(total.counts, Rates(*map(sum, zip(NO_RATES, *fresh, strict=True))), total.wall)

    def prune(self, exists: Callable[[str], bool]) -> None:
        """Forget what does not exist any more. O(connections)."""
        for name in [name for name in self._totals if not exists(name)]:
            for dpid, key in self._totals.pop(name).lines:
                del self._lines[dpid][key]


def _counts(whose: Counting, packets: int, octets: int) -> Counts:
    if whose.forward:
        return Counts(rx_packets=packets, rx_bytes=octets)
    return Counts(tx_packets=packets, tx_bytes=octets)


def _rates(whose: Counting, packets: float, octets: float) -> Rates:
    if whose.forward:
        return Rates(rx_packets=packets, rx_bits=octets * 8)
    return Rates(tx_packets=packets, tx_bits=octets * 8)
