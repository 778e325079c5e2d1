"""Whether a path works, judged by probes: what single rounds say, and for how long that holds.

A round is one probe in each direction. PROVED: a round came back along the path; LOST: LOST_AFTER rounds in a row did
not, or half of the last WINDOW probes. LOST ends after BACK_AFTER good rounds in a row, also on another path, so a path
that fails now and then does not flap. Nothing is PROVED any more when no round could be made STALE_AFTER times.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum

LOST_AFTER = 3
BACK_AFTER = 3
STALE_AFTER = 3
WINDOW = 40
"""Probes over which loss is counted."""
_ENOUGH = 20
"""Of them, before their share decides."""


class Verdict(Enum):
    """What is known of a path: nothing, that it works, or that it does not."""

    UNPROVED = "unproved"
    PROVED = "proved"
    LOST = "lost"


@dataclass(slots=True)
class Judgement:
    """Of one connection. loss: which of the last probes were lost; skipped: rounds in a row that could not be made."""

    verdict: Verdict = Verdict.UNPROVED
    good: int = 0
    bad: int = 0
    skipped: int = 0
    losses: deque[bool] = field(default_factory=lambda: deque(maxlen=WINDOW))
    sent: int = 0
    lost: int = 0

    def round(self, *lost: bool) -> None:
        """A round ended; which of its probes were lost."""
        self.losses.extend(lost)
        self.sent += len(lost)
        self.lost += sum(lost)
        self.skipped = 0
        if any(lost):
            self.good, self.bad = 0, self.bad + 1
            if self.bad >= LOST_AFTER or (len(self.losses) >= _ENOUGH and self.loss >= 0.5):
                self.verdict = Verdict.LOST
            return
        self.good, self.bad = self.good + 1, 0
        if self.verdict is Verdict.LOST:
            if self.good < BACK_AFTER:
                return
            self.losses.clear()
        self.verdict = Verdict.PROVED

    def skip(self) -> None:
        """A round could not be made."""
        self.skipped += 1
        if self.skipped >= STALE_AFTER:
            self.moved()

    def moved(self) -> None:
        """Traffic takes another path, or none: what was proved holds no more, and what was lost holds until proved."""
        self.good = self.bad = 0
        if self.verdict is Verdict.PROVED:
            self.verdict = Verdict.UNPROVED

    @property
    def loss(self) -> float:
        """The share of the last probes that were lost."""
        return sum(self.losses) / len(self.losses) if self.losses else 0.0
