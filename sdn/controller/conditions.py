"""Conditions: single statements about an object, each with the time since which it is as it is.

What they say follows from the object's status; only the times are kept, one for each condition, and looked at when the
status of an object may have changed. They begin anew with each life of the daemon, which has to find out everything
again.

Programmed  every switch concerned has confirmed what the object needs
Bound       of a port: it is attached where its binding says
Admitted    of a connection: a path with its bandwidth is reserved
Verified    of a connection: probes come back along its path
Complete    of a connection or a router: nothing that it asks for is missing, as a backup path or a next hop
"""

from __future__ import annotations

from collections.abc import Iterator

from sdn.controller.hosts.attachments import Detached
from sdn.model.intent import Connection, Port, Resource, Router
from sdn.model.status import IN_PLACE, Condition, State, Status

TRUE, FALSE, UNKNOWN = "TRUE", "FALSE", "UNKNOWN"
STARTING = "Starting"
_Judgement = tuple[str, str, str, str]
"""Type, status, reason, message."""


class Conditions:
    """Times of transitions by object. wall: Unix time in seconds of the turn."""

    def __init__(self) -> None:
        self.wall = 0.0
        self._first = 0.0
        self._since: dict[str, tuple[tuple[str, float], ...]] = {}

    def begin_turn(self, wall: float) -> None:
        """wall: Unix time in seconds."""
        self.wall = wall
        self._first = self._first or wall

    def note(self, resource: Resource, status: Status, detached: Detached | None) -> None:
        """The status of an object may have changed. O(1)."""
        self._since[resource.name] = tuple((c.status, c.since) for c in self.of(resource, status, detached))

    def forget(self, name: str) -> None:
        """An object was deleted."""
        self._since.pop(name, None)

    def of(self, resource: Resource, status: Status, detached: Detached | None) -> tuple[Condition, ...]:
        """The conditions of an object. detached: why it is attached nowhere."""
        known = self._since.get(resource.name)
        found = []
        for index, (kind, value, reason, message) in enumerate(judge(resource, status, detached)):
            if known is None:
                since = max(resource.created, self._first)
            else:
                since = known[index][1] if known[index][0] == value else self.wall
            found.append(Condition(kind, value, reason, message, since))
        return tuple(found)


def judge(resource: Resource, status: Status, detached: Detached | None) -> Iterator[_Judgement]:
    """What can be said about an object; for each kind always the same types in the same order."""
    if isinstance(resource, Port):
        if detached is None:
            yield "Bound", TRUE, "Attached", ""
        else:
            yield "Bound", FALSE, detached.reason, detached.message
    if isinstance(resource, Connection):
        yield _admitted(status)
    programmed = _programmed(resource, status)
    yield programmed
    if isinstance(resource, Connection):
        yield _verified(status)
    if isinstance(resource, Connection | Router):
        yield _complete(status, programmed)


def _programmed(resource: Resource, status: Status) -> _Judgement:
    if status.reason == STARTING:
        return "Programmed", UNKNOWN, status.reason, status.message
    works = status.state is State.DEGRADED and (bool(status.path) or not isinstance(resource, Connection))
    if works or status.state in IN_PLACE:
        return "Programmed", TRUE, "Confirmed", ""
    return "Programmed", FALSE, status.reason, status.message


def _admitted(status: Status) -> _Judgement:
    if status.path:
        return "Admitted", TRUE, "PathReserved", ""
    value = FALSE if status.state in (State.REJECTED, State.DEGRADED, State.EXPIRED) else UNKNOWN
    return "Admitted", value, status.reason, status.message


def _verified(status: Status) -> _Judgement:
    if status.verified_path:
        return "Verified", TRUE, "ProbesCameBack", ""
    if status.reason in ("ProbeLost", "ProbeDetoured"):
        return "Verified", FALSE, status.reason, status.message
    return "Verified", UNKNOWN, "NotProbed", "No probe has come back along this path yet."


def _complete(status: Status, programmed: _Judgement) -> _Judgement:
    if status.state in IN_PLACE and not status.reason:
        return "Complete", TRUE, "NothingMissing", ""
    value = FALSE if programmed[1] == TRUE or status.state not in (State.PENDING, State.ADMITTED) else UNKNOWN
    return "Complete", value, status.reason, status.message
