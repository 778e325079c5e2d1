"""Probes that somebody asked for: sent at once, answered when their way is known, or when they are lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sdn.controller.effects import Flown, SendPacket
from sdn.controller.errands import Seen, Sighting
from sdn.controller.events import Fly
from sdn.controller.probes.prober import TIMEOUT, Flight, Prober
from sdn.model.errors import Exhausted, Limit, SdnError, Unavailable
from sdn.model.ids import Dpid
from sdn.pipeline.layout import Table

PER_SECOND = 20
"""Of all who ask together, as many at once; more are refused. Every switch on the way tells of each (layout.py)."""
PER_CALLER = 10
"""The same of one of them, so that nobody takes the probes of all others."""
Far = Callable[[Dpid, int], Dpid | None]
"""The switch at the other end of the link at a port, None if none is there."""


@dataclass(slots=True)
class _Asked:
    token: int
    flight: Flight
    ends: int


@dataclass(slots=True)
class _Budget:
    """Probes that may be sent now; as many as there may be at most come again within a second."""

    most: int
    filled: float = 0.0
    left: float = field(init=False)

    def __post_init__(self) -> None:
        self.left = float(self.most)

    def refill(self, now: float) -> bool:
        """What has come again since; whether it is full."""
        self.left, self.filled = min(self.most, self.left + (now - self.filled) * self.most), now
        return self.left >= self.most


class Flights:
    """Those under way. far: see Far; name_of: a switch for people. Memory is bounded by PER_SECOND."""

    def __init__(self, prober: Prober, far: Far, name_of: Callable[[Dpid], str]) -> None:
        self._prober, self._far, self._name_of = prober, far, name_of
        self._open: list[_Asked] = []
        self._all = _Budget(PER_SECOND)
        self._callers: dict[str, _Budget] = {}

    def want(self, event: Fly, now: float, random_bytes: Callable[[int], bytes]) -> SendPacket | Flown:
        """Send one, or say why not."""
        self._refill(now)
        error: SdnError | None = None
        if not self._prober.can([event.errand.dpid]):
            name = self._name_of(event.errand.dpid)
            error = Unavailable.of("source", f"switch {name} takes no probes now", "Ask again when it is in sync.")
        elif event.caller is not None:
            error = self._pay(event.caller, now)
        else:
            self._all.left -= 1  # a debt, perhaps, that those who come pay
        if error is not None:
            return Flown(event.token, error)
        flight, packet = self._prober.send(event.errand, now, random_bytes)
        self._open.append(_Asked(event.token, flight, event.ends))
        return packet

    def _refill(self, now: float) -> None:
        self._all.refill(now)
        for caller in [caller for caller, budget in self._callers.items() if budget.refill(now)]:
            del self._callers[caller]

    def _pay(self, caller: str, now: float) -> SdnError | None:
        """Take a probe from what a caller and all have; what is refused if there is none."""
        own = self._callers.get(caller) or _Budget(PER_CALLER, filled=now)
        for budget, whose in ((own, "by one caller"), (self._all, "by all callers")):
            if budget.left < 1:
                limit = Limit("", "probes a second", budget.most, budget.most)
                reason = f"{budget.most} probes were asked for {whose} within a second"
                return Exhausted.of("", reason, "Ask again in a second, or trace without a probe.", limit)
        own.left -= 1
        self._all.left -= 1
        self._callers[caller] = own
        return None

    def settle(self, now: float) -> Iterator[Flown]:
        """Answer those whose way is known to its end, and those that are lost."""
        still = []
        for asked in self._open:
            if now - asked.flight.begun >= TIMEOUT or is_whole(asked.flight, asked.ends, self._far):
                yield Flown(asked.token, self._seen(asked.flight))
            else:
                still.append(asked)
        self._open = still

    def _seen(self, flight: Flight) -> tuple[Seen, ...]:
        return tuple(Seen(one, self._prober.after(flight, one)) for one in in_order(flight, self._far))


def in_order(flight: Flight, far: Far) -> list[Sighting]:
    """Sightings along the way: by links from where it entered; what no link leads to is behind, by time.

    Messages of several switches come in any order, and clocks of connections are no better than half a round trip.
    """
    depths = _depths(flight, far)

    def place(sighting: Sighting) -> tuple[int, bool, float]:
        return depths.get(sighting.dpid, len(depths)), sighting.table != Table.FABRIC, sighting.at

    return sorted(flight.seen, key=place)


def is_whole(flight: Flight, ends: int, far: Far) -> bool:
    """Whether so many copies ended, and every switch before has told of it. O(sightings squared); they are few."""
    ended = [sighting for sighting in flight.seen if sighting.table != Table.FABRIC]
    depths = _depths(flight, far)
    return len(ended) >= ends and all(sighting.dpid in depths for sighting in flight.seen)


def _depths(flight: Flight, far: Far) -> dict[Dpid, int]:
    """Links between where it entered and each switch, of those to which an unbroken row of sightings leads."""
    depths = {flight.dpid: 0}
    passed = [sighting for sighting in flight.seen if sighting.table == Table.FABRIC]
    for _ in passed:
        for sighting in passed:
            before = far(sighting.dpid, sighting.in_port)
            if before in depths:
                depths.setdefault(sighting.dpid, depths[before] + 1)
    return depths
