"""Totals of every interface of every switch.

Rules: a total never goes backwards while the daemon lives. A counter that is smaller than before began anew (the switch
or the port is another one), so what it says now was counted since. The first observation is where counting begins: what
a switch counted before is nobody's here. Switches are not trusted: totals are bounded, and so is what is remembered of
interfaces that are gone.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from sdn.model.counters import MAX_COUNT, NO_COUNTS, NO_RATES, Counted, Counts, PortSample, Rates, Raw
from sdn.model.ids import Dpid

MAX_GONE = 1024
"""Interfaces of a switch that are remembered after they went, so that their totals go on when they come back."""
_SHORTEST = 1e-3
"""Seconds between two observations from which a rate can be told."""


class Growth(NamedTuple):
    """What an observation adds."""

    counts: Counts
    rates: Rates


@dataclass(slots=True)
class _Line:
    """One interface. raw: as the switch said it last; at: monotonic seconds; wall: Unix time."""

    raw: Raw
    at: float
    wall: float
    total: Counts = NO_COUNTS
    rates: Rates = NO_RATES


def added(total: Counts, more: Counts) -> Counts:
    """The sum, which stays at its bound."""
    return Counts._make([min(a + b, MAX_COUNT) for a, b in zip(total, more, strict=True)])


class Ledger:
    """patience: seconds after which an observation is old, and its rate not shown any more."""

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self._switches: dict[Dpid, dict[str, _Line]] = {}
        self._newest: dict[Dpid, float] = {}

    def take(self, sample: PortSample, interface_of: Callable[[int], str | None]) -> Iterator[tuple[int, str, Growth]]:
        """(port number, interface, what was added) for each port that has a name. O(ports); go through all of it."""
        lines = self._switches.setdefault(sample.dpid, {})
        self._newest[sample.dpid] = sample.wall
        for number, raw in sample.ports.items():
            interface = interface_of(number)
            if interface:
                # In the order in which they were seen last, so that the oldest of those that are gone are first.
                line = lines.pop(interface, None)
                growth, lines[interface] = _grown(line, raw, sample)
                yield number, interface, growth
        excess = len(lines) - len(sample.ports) - MAX_GONE
        if excess > 0:
            for interface in list(lines)[:excess]:
                del lines[interface]

    def prune(self, known: Container[Dpid]) -> None:
        """Forget switches that are not known any more. O(switches)."""
        for table in (self._switches, self._newest):
            for dpid in [dpid for dpid in table if dpid not in known]:
                del table[dpid]

    def newest(self, dpid: Dpid) -> float:
        """Unix time of the newest observation of a switch, 0 if there is none."""
        return self._newest.get(dpid, 0.0)

    def read(self, dpid: Dpid, interface: str, now: float) -> Counted:
        """What is known of an interface. now: monotonic seconds."""
        line = self._switches.get(dpid, {}).get(interface)
        if line is None:
            return Counted()
        return Counted(line.total, line.rates if now - line.at <= self.patience else NO_RATES, line.wall)


def _grown(line: _Line | None, raw: Raw, sample: PortSample) -> tuple[Growth, _Line]:
    if line is None:
        return Growth(NO_COUNTS, NO_RATES), _Line(raw, sample.at, sample.wall)
    begun_anew = any(new is not None and old is not None and new < old for new, old in zip(raw, line.raw, strict=True))
    steps: list[int] = []
    known: list[int | None] = []
    for new, old in zip(raw, line.raw, strict=True):
        # A switch may leave a counter out for once; what it said before stays what the next is compared with.
        steps.append(0 if new is None or old is None else new if begun_anew else new - old)
        known.append(old if new is None and not begun_anew else new)
    counts = Counts._make(steps)
    rates = _rates(counts, sample.at - line.at) or line.rates
    grown = _Line(tuple(known), sample.at, sample.wall, added(line.total, counts), rates)
    return Growth(counts, rates), grown


def _rates(counts: Counts, seconds: float) -> Rates | None:
    if seconds < _SHORTEST:
        return None
    return Rates(
        counts.rx_packets / seconds,
        counts.tx_packets / seconds,
        counts.rx_bytes * 8 / seconds,
        counts.tx_bytes * 8 / seconds,
    )
