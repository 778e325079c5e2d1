"""What time it is for the calendars of connections, and which of them begins or ends now.

The time of day may be set wrongly for a while. So a jump of more than JUMP seconds against the clock that only goes
forward is believed only when it has lasted for PATIENCE seconds; until then time goes on as before.
"""

from __future__ import annotations

from sdn.model.calendar import Windows, next_change

JUMP = 2.0
PATIENCE = 60.0


class Calendars:
    """Of all connections that have one."""

    def __init__(self) -> None:
        self.now = 0
        """Unix time in seconds; 0 while it is not known."""
        self._offset: float | None = None
        """Time of day less monotonic time, as believed."""
        self._doubted: tuple[float, float] | None = None
        """Another offset, and the monotonic time since which it is seen."""
        self._due: dict[str, int] = {}
        self._over: set[str] = set()
        """Nothing begins or ends any more, unless the clock is set back."""
        self._next: int | None = None

    def advance(self, now: float, wall: float) -> int:
        """Time passed. now: monotonic seconds; wall: Unix time in seconds by the machine, 0 where that is not known."""
        if not wall:
            return self.now
        offset = wall - now
        if self._offset is None or abs(offset - self._offset) <= JUMP:
            self._offset, self._doubted = offset, None
        elif self._doubted is None or abs(offset - self._doubted[0]) > JUMP:
            self._doubted = offset, now
        elif now - self._doubted[1] >= PATIENCE:
            self._offset, self._doubted = offset, None
            self._next = 0  # what is due may be something else now
        self.now = int(now + self._offset)
        return self.now

    def watch(self, name: str, windows: Windows | None) -> None:
        """Tell when the next of these times begins or ends; None: it has no calendar."""
        due = None if windows is None else next_change(windows, self.now)
        if due is None:
            self.forget(name)
            if windows is not None:
                self._over.add(name)
            return
        self._due[name] = due
        self._over.discard(name)
        self._next = due if self._next is None else min(self._next, due)

    def forget(self, name: str) -> None:
        """It is gone, or has no calendar any more."""
        self._due.pop(name, None)
        self._over.discard(name)

    def due(self) -> list[str]:
        """Those for which something begins or ends; they are to be watched again. O(1) while there are none."""
        if self._next is None or self.now < self._next:
            return []
        everything = self._next == 0
        found = sorted(name for name, due in self._due.items() if everything or due <= self.now)
        for name in found:
            del self._due[name]
        if everything:
            found = sorted({*found, *self._over})
        self._next = min(self._due.values(), default=None)
        return found
