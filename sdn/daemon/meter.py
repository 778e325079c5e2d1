"""What the daemon tells of its own work as it happens, to whoever counts it."""

from __future__ import annotations

from typing import Protocol

from sdn.controller.effects import Publish
from sdn.controller.statuses import PROGRAMMING
from sdn.model.status import IN_PLACE, ChangeType, State


class Meter(Protocol):
    """Times in seconds. Called on the hot path."""

    def turned(self, inputs: int, seconds: float) -> None:
        """A turn is over that took so many events and requests."""
        ...

    def wrote(self, seconds: float, *, refused: bool) -> None:
        """A write to the journal is over."""
        ...

    def programmed(self, seconds: float) -> None:
        """An object that a request wrote is in all switches, so long after the request came."""
        ...


class Unmetered:
    """Nobody counts."""

    def turned(self, inputs: int, seconds: float) -> None:
        """Nothing."""

    def wrote(self, seconds: float, *, refused: bool) -> None:
        """Nothing."""

    def programmed(self, seconds: float) -> None:
        """Nothing."""


class Latency:
    """From requests to *programmed*, by what is published. O(objects on their way) memory."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._since: dict[str, float] = {}

    def published(self, change: Publish, asked: float | None, now: float) -> None:
        """An object changed. asked: when the oldest request of this turn came, None if it had none."""
        name, status = change.resource.name, change.status
        if change.type is ChangeType.DELETED:
            self._since.pop(name, None)
        elif status.state in (State.PENDING, State.ADMITTED) and status.reason == PROGRAMMING:
            if asked is not None:
                self._since.setdefault(name, asked)
        else:
            # What waits for a switch that is away says nothing about how fast programming is.
            since = self._since.pop(name, None)
            if since is not None and status.state in IN_PLACE:
                self._meter.programmed(now - since)
