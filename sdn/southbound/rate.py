"""A token bucket."""

from __future__ import annotations


class Rate:
    """Lets ``per_second`` through, and as many at once. Time is an argument, in seconds."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._tokens = per_second
        self._at = 0.0

    def take(self, now: float) -> bool:
        """Whether one more may pass now."""
        self._tokens = min(self._per_second, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
