"""What switches may still act upon though it was changed, until they have confirmed that and a grace is over."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from sdn.model.ids import Dpid
from sdn.model.program import GRACE

Hops = TypeVar("Hops")
"""NextHops, or RepairHops."""
Confirmed = Callable[[Dpid, int], bool]
"""Whether a switch, connected, holds all that a generation and those before it asked for."""


@dataclass(slots=True)
class Fading:
    """Something that ends when all of these switches have confirmed a generation, and a grace is over."""

    generation: int
    waits: set[Dpid]
    deadline: float | None = None

    def over(self, now: float, confirmed: Confirmed) -> bool:
        """Whether it has ended. O(switches that have not confirmed)."""
        if self.waits:
            self.waits = {dpid for dpid in self.waits if not confirmed(dpid, self.generation)}
        if self.waits:
            return False
        if self.deadline is None:
            self.deadline = now + GRACE
        return now >= self.deadline


@dataclass(slots=True)
class _Batch(Generic[Hops]):
    fading: Fading
    hops: dict[Dpid, dict[Dpid, Hops | None]] = field(default_factory=dict)
    """Former hops by version of a destination and switch."""
    mixed: bool = True
    """Whether switches may be among these that have confirmed, beside others that have not."""

    def waits_only_for(self, dpids: Collection[Dpid]) -> bool:
        """Whether only these have not confirmed, and some of them have not."""
        return bool(self.fading.waits) and all(dpid in dpids for dpid in self.fading.waits)

    def split(self) -> _Batch[Hops]:
        """Leave only those that have not confirmed; answers the others. O(these and those)."""
        kept, others, self.mixed = self.hops, _Batch[Hops](Fading(self.fading.generation, set())), False
        self.hops = {}
        for name, former in kept.items():
            for dpid, hops in former.items():
                batch = self if dpid in self.fading.waits else others
                batch.hops.setdefault(name, {})[dpid] = hops
        return others


class Lingering(Generic[Hops]):
    """Former next hops, or repair hops. Memory follows what has changed within the last moments."""

    def __init__(self) -> None:
        self._batches: list[_Batch[Hops]] = []

    def note(self, generation: int, former: Iterable[tuple[Dpid, Dpid, Hops | None]]) -> None:
        """former: (switch, version of a destination, what it had); a generation changes them. O(former)."""
        batch: _Batch[Hops] = _Batch(Fading(generation, set()))
        for dpid, name, hops in former:
            batch.fading.waits.add(dpid)
            batch.hops.setdefault(name, {})[dpid] = hops
        if batch.hops:
            self._batches.append(batch)

    def step(self, now: float, confirmed: Confirmed, away: Collection[Dpid] = ()) -> bool:
        """Forget what is over; whether there was any. away: what others had is not kept until these are back."""
        kept: list[_Batch[Hops]] = []
        over = False
        for batch in self._batches:
            waited = len(batch.fading.waits)
            if batch.fading.over(now, confirmed):
                over = True
                continue
            kept.append(batch)
            batch.mixed = batch.mixed or len(batch.fading.waits) < waited
            if batch.mixed and batch.waits_only_for(away):
                others = batch.split()
                if others.hops:
                    others.fading.over(now, confirmed)
                    kept.append(others)
        self._batches = kept
        return over

    def names(self, besides: Collection[Dpid] = ()) -> set[Dpid]:
        """The versions of destinations of which there are any; besides: away, and of no interest."""
        return set().union(*(batch.hops for batch in self._batches if not batch.waits_only_for(besides)))

    def of(self, name: Dpid) -> Iterator[tuple[Dpid, Hops | None]]:
        """(switch, former hops) of a version of a destination; a switch may occur more than once."""
        return (item for batch in self._batches if name in batch.hops for item in batch.hops[name].items())

    def unconfirmed(self) -> Iterator[tuple[Dpid, Dpid, Hops | None]]:
        """(switch, version of a destination, former hops) of changes that not all have confirmed. O(these)."""
        for batch in self._batches:
            if batch.fading.waits:
                for name, former in batch.hops.items():
                    for dpid, hops in former.items():
                        yield dpid, name, hops


class Inherited:
    """Destinations of which caches may know what a former daemon wrote before switches were read back, for a grace.

    others: those for which switches hold other next hops than are wanted; both are empty when the grace is over.
    """

    def __init__(self) -> None:
        self.all: frozenset[Dpid] = frozenset()
        self.others: frozenset[Dpid] = frozenset()
        self._until = 0.0

    def begin(self, known: frozenset[Dpid], others: frozenset[Dpid], now: float) -> None:
        """Switches were read back."""
        self.all, self.others, self._until = known, others, now + GRACE

    def step(self, now: float) -> bool:
        """Whether that is over now, and was not before."""
        if not self.all or now < self._until:
            return False
        self.all = self.others = frozenset()
        return True
