"""When a connection is wanted: from a start to an end, once or again every day or on some days of the week.

Times are Unix time in whole seconds, half open; days begin at midnight UTC, which has no summer time, so that a day is
always 86,400 seconds. Pure arithmetic: what time it is, is an argument.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

DAY = 86_400
FOREVER = 1 << 40
"""Later than any time that can be given."""
DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
MAX_OCCURRENCES = 400
_EPOCH_WEEKDAY = 3
"""1 January 1970 was a Thursday."""

Windows = tuple[tuple[int, int], ...]
"""(begin, end) of times that do not touch each other, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """start: 0: at once; end: 0: never. duration: seconds of each occurrence, 0: once, all the time from start to end.

    days: on which occurrences begin, names in DAYS; empty: on all. The first begins at ``start``, others at the same
    time of the day; none goes on after ``end``.
    """

    start: int = 0
    end: int = 0
    days: tuple[str, ...] = ()
    duration: int = 0

    def occurrences(self) -> Iterator[tuple[int, int]]:
        """All times that it means, in order; of one that recurs without an end there is no end."""
        end = self.end or FOREVER
        if not self.duration:
            yield self.start, end
            return
        begin = self.start
        while begin < end:
            if not self.days or DAYS[(begin // DAY + _EPOCH_WEEKDAY) % 7] in self.days:
                yield begin, min(begin + self.duration, end)
            begin += DAY

    def windows(self, now: int) -> Windows:
        """What is left of it, at most MAX_OCCURRENCES; times that touch are one."""
        found: list[tuple[int, int]] = []
        for begin, end in self._from(now).occurrences():
            if end <= now:
                continue
            if found and found[-1][1] >= begin:
                found[-1] = found[-1][0], end
            elif len(found) == MAX_OCCURRENCES:
                break
            else:
                found.append((begin, end))
        return tuple(found)

    def _from(self, now: int) -> Calendar:
        """The same without days that are over, so that long ago costs nothing."""
        skip = max(0, (now - self.start) // DAY - 1)
        if not self.duration or not skip:
            return self
        return Calendar(start=self.start + skip * DAY, end=self.end, days=self.days, duration=self.duration)


ALWAYS = Calendar()


def active(windows: Windows, now: int) -> bool:
    """Whether one of these times is now."""
    return any(begin <= now < end for begin, end in windows)


def within(windows: Windows, others: Windows) -> bool:
    """Whether each of these times is part of one of the others."""
    return all(any(begin <= start and stop <= end for begin, end in others) for start, stop in windows)


def next_change(windows: Windows, now: int) -> int | None:
    """When one of these times begins or ends next; None: never."""
    edges = (edge for window in windows for edge in window if now < edge < FOREVER)
    return min(edges, default=None)
