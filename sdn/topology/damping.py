"""Damping of links that come and go, in the terms of RFC 2439 (sections 2 and 4): a penalty that decays.

Each loss of a link adds to its figure of merit, which decays exponentially. Above the cutoff the link is suppressed
until it has decayed below the reuse threshold. The figure has a ceiling, so that no link is suppressed longer than the
maximum hold time after its last loss. Time is an argument, in seconds of a monotonic clock; where penalties outlive it,
in a restart, in Unix time (``wall``). A wall clock may jump: backwards nothing has decayed meanwhile, forwards all has,
and in no case is a link suppressed for longer than the maximum hold time after the start.

Other than a route of RFC 2439, a suppressed link is not withheld: routing avoids it as long as there is another way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class DampingRule:
    """half_life: seconds in which a penalty halves, 0 for no damping. penalty: of one loss. longest: seconds.

    With these numbers the fourth loss in a row suppresses, as does any link that is lost more often than about every
    nine seconds; after the fourth it is used again when it has held for some 28 seconds.
    """

    half_life: float = 15.0
    penalty: float = 1000.0
    cutoff: float = 3000.0
    reuse: float = 1000.0
    longest: float = 60.0

    @property
    def ceiling(self) -> float:
        """The highest penalty, from which the reuse threshold is reached in the maximum hold time (section 4.2)."""
        return float(self.reuse * 2 ** min(self.longest / self.half_life, 100.0))


@dataclass(frozen=True, slots=True)
class DampingChange:
    """A link is damped from now on, or not any more. ends: as shown to people; penalty: see DampingRule."""

    ends: tuple[str, str]
    damped: bool
    penalty: int


@dataclass(frozen=True, slots=True)
class Penalty:
    """A figure of merit as it was at a time. wall: Unix seconds."""

    figure: float
    suppressed: bool
    wall: float


class Damping(Generic[K]):
    """Penalties by link. Memory follows the losses of the last minutes: what has decayed is forgotten."""

    def __init__(self, rule: DampingRule) -> None:
        self.rule = rule
        self._figures: dict[K, tuple[float, float]] = {}
        self._suppressed: dict[K, None] = {}
        self._changed: dict[K, None] = {}

    def load(self, penalties: Mapping[K, Penalty], now: float, wall: float) -> None:
        """Take over the penalties of an earlier life, decayed by the time that has passed on the wall."""
        for link, penalty in penalties.items():
            self._changed[link] = None
            if self.rule.half_life:
                age = max(0.0, wall - penalty.wall)
                self._figures[link] = min(penalty.figure, self.rule.ceiling), now - age
                if penalty.suppressed:
                    self._suppressed[link] = None
        self.expire(now)

    def take_changes(self, now: float, wall: float) -> dict[K, Penalty | None]:
        """Penalties that were given, and links that were released or forgotten (None), since the last call."""
        changed, self._changed = self._changed, {}
        return {
            link: Penalty(self.penalty(link, now), link in self._suppressed, wall) if link in self._figures else None
            for link in changed
        }

    def lost(self, link: K, now: float) -> bool:
        """A link was lost; whether it is suppressed from now on, and was not before."""
        if not self.rule.half_life:
            return False
        figure = min(self.penalty(link, now) + self.rule.penalty, self.rule.ceiling)
        self._figures[link] = figure, now
        self._changed[link] = None
        if figure <= self.rule.cutoff or link in self._suppressed:
            return False
        self._suppressed[link] = None
        return True

    def forget(self, wanted: Callable[[K], bool]) -> None:
        """These links are gone for good. O(links lost lately)."""
        for link in [link for link in self._figures if wanted(link)]:
            del self._figures[link]
            self._suppressed.pop(link, None)
            self._changed[link] = None

    def penalty(self, link: K, now: float) -> float:
        """The figure of merit as it is now."""
        figure, since = self._figures.get(link, (0.0, now))
        return float(figure * 0.5 ** (max(0.0, now - since) / self.rule.half_life)) if figure else 0.0

    def suppressed(self, link: K) -> bool:
        """Whether routing is to avoid the link."""
        return link in self._suppressed

    def expire(self, now: float) -> list[K]:
        """Time passed: the links that may be used again. O(links lost lately)."""
        again = [link for link in self._suppressed if self.penalty(link, now) < self.rule.reuse]
        for link in again:
            del self._suppressed[link]
            self._changed[link] = None
        # Half the reuse threshold: nothing above it is forgotten (section 4.8.2).
        for link in [link for link in self._figures if self.penalty(link, now) < self.rule.reuse / 2]:
            del self._figures[link]
            self._changed[link] = None
        return again
