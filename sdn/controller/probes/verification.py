"""Connections verified: probes along the path that their traffic takes, and what follows when they are lost.

Every connection whose traffic is where it should be is probed at once, and then at an interval, in both directions; all
connections together send at most PROBES_PER_SECOND, so many of them are probed less often than the interval says. After
a lost round the next one comes soon, and every switch on the way tells of it, so that it is known between which two the
probe ends. When that goes on (judgement.py), the switches there are read back, and the connection moves off that link
if there is another path: not again before a time that doubles with each move, and the link is left alone for twice as
long. The time and the randomness are arguments.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import mean, median
from zlib import crc32

from sdn.controller.connections.steering import Target
from sdn.controller.effects import SendPacket
from sdn.controller.probes.judgement import LOST_AFTER, Judgement, Verdict
from sdn.controller.probes.pathprobes import Missing, errand, missing
from sdn.controller.probes.prober import TIMEOUT, Flight, Prober
from sdn.model.ids import Dpid
from sdn.model.route import Path
from sdn.model.status import ProbeCounts
from sdn.model.topology import LinkEnd
from sdn.pipeline.layout import PROBE_HOPS, PROBE_QUIET

PROBES_PER_SECOND = 100
"""Of all connections together."""
RETRY = 1.0
"""Seconds from one round to the next while rounds are lost, or the path is not proved again."""
HOLD = 30.0
"""Seconds between two moves of a connection because of lost probes; doubles with each, up to 64 times."""
_MOST_DOUBLINGS = 6
_SAMPLES = 9


@dataclass(slots=True)
class _Watch:
    """A connection. due: when its next round begins; round: that is under way; missing: how the last bad one ended."""

    target: Target | None = None
    due: float = 0.0
    begun: float = 0.0
    round: tuple[Flight, Flight] | None = None
    judgement: Judgement = field(default_factory=Judgement)
    missing: Missing | None = None
    proved: Path | None = None
    proved_at: float = 0.0
    ways: tuple[deque[float], deque[float]] = field(
        default_factory=lambda: (deque(maxlen=_SAMPLES), deque(maxlen=_SAMPLES))
    )
    doubt: float = 0.0
    next_move: float = 0.0
    moves: int = 0


def jitter(ways: Iterable[Sequence[float]]) -> int | None:
    """Microseconds by which one-way times differ from those before them (RFC 3393): the mean of all, of both ways.

    ways: seconds of each direction, in order; None unless each has two.
    """
    means = [mean(abs(b - a) for a, b in pairwise(times)) if len(times) > 1 else None for times in ways]
    known = [value for value in means if value is not None]
    return round(mean(known) * 1e6) if known and len(known) == len(means) else None


class Verification:
    """Probes connections. interval: seconds between rounds of one, 0: none is ever probed.

    transport_of: the label of a switch; target_of: see Connections.target, None also while a switch has not confirmed;
    avoid: see Connections.avoid; suspect: reads a switch back soon; name_of: a switch for people.
    """

    def __init__(
        self,
        prober: Prober,
        transport_of: Callable[[int], int],
        target_of: Callable[[str], Target | None],
        avoid: Callable[[str, frozenset[LinkEnd], float], bool],
        suspect: Callable[[Dpid, float], None],
        name_of: Callable[[Dpid], str],
        interval: float,
    ) -> None:
        self._prober, self._transport_of, self._target_of = prober, transport_of, target_of
        self._avoid, self._suspect, self._name_of = avoid, suspect, name_of
        self._interval = interval
        self._watches: dict[str, _Watch] = {}
        self._due: list[tuple[float, str]] = []
        self._open: dict[str, None] = {}
        self._measured: deque[tuple[float, _Watch, int, Flight]] = deque()
        self._budget, self._filled = 0.0, 0.0
        self._news: dict[str, None] = {}

    # What happens

    def look(self, name: str, now: float) -> None:
        """Something about a connection may have changed: its path, or whether it is where it should be. O(1)."""
        if not self._interval:
            return
        target = self._target_of(name)
        watch = self._watches.get(name)
        if watch is None:
            if target is None:
                return
            watch = self._watches[name] = _Watch()
        if watch.target == target:
            return
        watch.target, watch.round = target, None
        self._open.pop(name, None)
        watch.judgement.moved()
        watch.proved = None
        for samples in watch.ways:
            samples.clear()
        if target is not None:
            self._push(name, watch, now)

    def forget(self, name: str) -> None:
        """A connection is gone."""
        self._watches.pop(name, None)
        self._open.pop(name, None)

    def tick(self, now: float, random_bytes: Callable[[int], bytes]) -> Iterator[SendPacket]:
        """The probes that are due, as many as may go now."""
        self._measure(now)
        self._budget = min(PROBES_PER_SECOND / 5, self._budget + (now - self._filled) * PROBES_PER_SECOND)
        self._filled = now
        while self._due and self._due[0][0] <= now and self._budget >= 2:
            when, name = heapq.heappop(self._due)
            watch = self._watches.get(name)
            if watch is None or watch.due != when or watch.target is None:
                continue
            path = watch.target.way.path
            if not self._prober.can((path.switches[0], path.switches[-1])):
                self._skip(name, watch, now)
                continue
            self._budget -= 2
            yield from self._begin(name, watch, watch.target, now, random_bytes)

    def settle(self, now: float, wall: float) -> list[str]:
        """End the rounds that are over; connections of which something else is known now. wall: Unix time, seconds."""
        for name in list(self._open):
            watch = self._watches[name]
            assert watch.round is not None
            assert watch.target is not None
            over = now - watch.begun >= TIMEOUT
            if over or all(flight.arrival is not None for flight in watch.round):
                del self._open[name]
                self._end(name, watch, watch.target, now, wall)
        news, self._news = self._news, {}
        return list(news)

    # What is known

    def verdict(self, name: str) -> Verdict:
        """What is known of a connection."""
        watch = self._watches.get(name)
        return Verdict.UNPROVED if watch is None else watch.judgement.verdict

    def trouble(self, name: str) -> tuple[str, str] | None:
        """Of one whose probes are lost: a reason in CamelCase, and in words where."""
        watch = self._watches.get(name)
        if watch is None or watch.judgement.verdict is not Verdict.LOST or watch.missing is None:
            return None
        return watch.missing.reason, watch.missing.text(self._name_of)

    def proved(self, name: str) -> Path | None:
        """The path along which probes came back; None while that is not known of the path that traffic takes."""
        watch = self._watches.get(name)
        return watch.proved if watch is not None else None

    def counts(self, name: str) -> ProbeCounts | None:
        """What probes of a connection have told; None where there were none."""
        watch = self._watches.get(name)
        if watch is None or not watch.judgement.sent:
            return None
        ways = [median(samples) for samples in watch.ways if samples]
        latency = round(sum(ways) / 2 * 1e6) if len(ways) == 2 else 0
        error = round((abs(ways[0] - ways[1]) / 2 + watch.doubt) * 1e6) if len(ways) == 2 else 0
        judgement = watch.judgement
        return ProbeCounts(
            sent=judgement.sent,
            lost=judgement.lost,
            loss=judgement.loss,
            latency_us=max(1, latency) if len(ways) == 2 else 0,
            latency_error_us=error,
            verified_at=watch.proved_at,
            jitter_us=jitter(watch.ways),
        )

    def names(self) -> Iterator[str]:
        """The connections that have been probed."""
        return (name for name, watch in self._watches.items() if watch.judgement.sent)

    # Inside

    def _push(self, name: str, watch: _Watch, due: float) -> None:
        watch.due = due
        heapq.heappush(self._due, (due, name))

    def _skip(self, name: str, watch: _Watch, now: float) -> None:
        """A round cannot be made: a switch is away."""
        before = watch.judgement.verdict
        watch.judgement.skip()
        if watch.judgement.verdict is not before:
            watch.proved = None
            self._news[name] = None
        self._push(name, watch, now + self._interval)

    def _begin(
        self, name: str, watch: _Watch, target: Target, now: float, random_bytes: Callable[[int], bytes]
    ) -> Iterator[SendPacket]:
        doubted = watch.judgement.bad > 0 or watch.judgement.verdict is Verdict.LOST
        flights = []
        for back in (False, True):
            wanted = errand(target, back, self._transport_of, PROBE_HOPS if doubted else PROBE_QUIET)
            flight, effect = self._prober.send(wanted, now, random_bytes)
            flights.append(flight)
            yield effect
        watch.round, watch.begun = (flights[0], flights[1]), now
        self._open[name] = None

    def _end(self, name: str, watch: _Watch, target: Target, now: float, wall: float) -> None:
        flights, watch.round = watch.round, None
        assert flights is not None
        found = [missing(target, back, flight) for back, flight in enumerate(flights)]
        before, told = watch.judgement.verdict, watch.missing
        watch.judgement.round(*(what is not None for what in found))
        watch.missing = next((what for what in found if what is not None), watch.missing)
        if not any(found):
            self._good(watch, target, flights, now, wall)
        elif watch.judgement.verdict is Verdict.LOST:
            watch.proved = None
            self._recover(name, watch, now)
        judgement = watch.judgement
        if judgement.verdict is not before or (judgement.verdict is Verdict.LOST and watch.missing != told):
            self._news[name] = None
        soon = 0 < judgement.bad <= 2 * LOST_AFTER or (judgement.verdict is Verdict.LOST and judgement.good > 0)
        self._push(name, watch, max(now, watch.begun + RETRY) if soon else now + self._spread(name))

    def _spread(self, name: str) -> float:
        """The interval, a tenth more or less: what began together does not go on together."""
        return self._interval * (0.9 + crc32(name.encode()) % 1000 / 5000)

    def _good(self, watch: _Watch, target: Target, flights: tuple[Flight, Flight], now: float, wall: float) -> None:
        if watch.judgement.verdict is Verdict.PROVED:
            watch.proved, watch.proved_at, watch.missing = target.way.path, wall, None
            if now > watch.next_move + HOLD * 2**watch.moves:
                watch.moves = 0
        for back, flight in enumerate(flights):
            self._measured.append((now, watch, back, flight))

    def _measure(self, now: float) -> None:
        """When probes left is told behind them, perhaps after they have arrived."""
        waiting, self._measured = self._measured, deque()
        for since, watch, back, flight in waiting:
            way = self._prober.way(flight)
            if way is not None:
                watch.ways[back].append(way[0])
                watch.doubt = way[1]
            elif now - since < TIMEOUT:
                self._measured.append((since, watch, back, flight))

    def _recover(self, name: str, watch: _Watch, now: float) -> None:
        """Probes are lost: look what the switches there hold, and go another way."""
        what = watch.missing
        assert what is not None
        for dpid in what.near:
            self._suspect(dpid, now)
        if what.links and now >= watch.next_move:
            hold = HOLD * 2**watch.moves
            if self._avoid(name, what.links, now + 2 * hold):
                watch.moves = min(_MOST_DOUBLINGS, watch.moves + 1)
            watch.next_move = now + hold
