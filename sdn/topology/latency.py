"""How long a frame takes over a link, from the times of probes and the round trips to the switches at both ends.

A probe's way is: controller to sender (d1), the link, receiver to controller (u2). An echo to the sender that leaves
with the probe takes d1 + u1, echoes to the receiver take d2 + u2. A sample is therefore::

    (d1 + link + u2) - (d1 + u1)/2 - (d2 + u2)/2  =  link + ((d1 - u1) - (d2 - u2))/2

and in the other direction the same with the opposite sign behind the link. So the middle between the medians of both
directions does not depend on how a round trip is divided, as long as a link is as fast one way as the other. What is
left in it is what a switch takes longer for a packet than for an echo. Medians leave out what was held up.

Times are seconds; the answer is microseconds. No clock: all times are told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from math import inf
from statistics import median, quantiles

from sdn.model.ids import Dpid
from sdn.topology.adjacency import End

WINDOW = 9
"""Samples of a direction, and round trips of a switch, that are kept."""
NEEDED = 5
"""Samples of each direction without which nothing is said."""
AGAIN_SECONDS = 10.0
"""Between samples of a direction that has enough of them."""
AT_ONCE = 4
"""Probes of one switch that are timed together: more would wait for each other."""


@dataclass(frozen=True, slots=True)
class Latency:
    """microseconds one way; error: half of what the directions differ, and half the middle half of the samples.

    samples: of both directions.
    """

    microseconds: int
    error: int
    samples: int


class Latencies:
    """Samples by direction. Memory follows the links: ``forget`` one that is gone."""

    def __init__(self) -> None:
        self._samples: dict[tuple[End, End], deque[float]] = {}
        self._trips: dict[Dpid, deque[float]] = {}
        self._next: dict[End, float] = {}
        """When a port may be timed again."""
        self._changed: dict[tuple[End, End], None] = {}

    def wants(self, sender: End, now: float) -> bool:
        """Whether a probe of a port is worth timing now, if it has a link."""
        return now >= self._next.get(sender, now)

    def choose(self, due: Collection[tuple[End, End]], now: float) -> set[End]:
        """Which of these (sender, receiver) are timed now: of each switch those that waited longest."""
        waiting: dict[Dpid, list[tuple[float, End]]] = {}
        for sender, _ in due:
            waiting.setdefault(sender.dpid, []).append((self._next.get(sender, -inf), sender))
        chosen = {end for ends in waiting.values() for _, end in sorted(ends)[:AT_ONCE]}
        for pair in due:
            if pair[0] in chosen:
                enough = len(self._samples.get(pair, ())) >= WINDOW
                self._next[pair[0]] = now + (AGAIN_SECONDS if enough else 0.0)
        return chosen

    def round_trip(self, dpid: Dpid, seconds: float) -> None:
        """An echo to a switch was answered."""
        self._trips.setdefault(dpid, deque(maxlen=WINDOW)).append(seconds)

    def trip(self, dpid: Dpid) -> float | None:
        """Seconds to a switch and back, the median of the last ones; None if none is known."""
        trips = self._trips.get(dpid)
        return median(trips) if trips else None

    def switch_down(self, dpid: Dpid) -> None:
        """Its connection ended; the next one may take another way."""
        self._trips.pop(dpid, None)

    def probe(self, sender: End, receiver: End, way: float, trip: float) -> None:
        """A probe took ``way`` from the controller to the controller, and an echo to the sender, with it, ``trip``."""
        trips = self._trips.get(receiver.dpid)
        if not trips:
            return
        direction = sender, receiver
        samples = self._samples.setdefault(direction, deque(maxlen=WINDOW))
        samples.append(way - trip / 2 - median(trips) / 2)
        self._changed[min(direction, direction[::-1])] = None

    def of(self, link: tuple[End, End]) -> Latency | None:
        """The latency of a link, given by its ends in any order; None while there are not enough samples."""
        there, back = (self._samples.get(direction, ()) for direction in (link, link[::-1]))
        if min(len(there), len(back)) < NEEDED:
            return None
        middles = median(there), median(back)
        spread = max(
            high - low for low, _, high in (quantiles(side, n=4, method="inclusive") for side in (there, back))
        )
        error = abs(middles[0] - middles[1]) / 2 + spread / 2
        return Latency(max(0, round(sum(middles) / 2 * 1e6)), round(error * 1e6), len(there) + len(back))

    def take_changed(self) -> list[tuple[End, End]]:
        """Links (lower end, higher end) with new samples since the last call."""
        changed, self._changed = self._changed, {}
        return list(changed)

    def forget(self, link: tuple[End, End]) -> None:
        """A link is gone: its next life begins anew."""
        for direction in (link, link[::-1]):
            self._samples.pop(direction, None)
            self._next.pop(direction[0], None)
        self._changed.pop(link, None)
