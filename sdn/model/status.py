"""What is known about an object beside what was wished: programmed or not, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    """Lifecycle of an object in the switches.

    PENDING: not (yet) in every switch concerned, ``reason`` says why. ADMITTED: a connection whose path is reserved
    and that does not use it yet: its time has not come, or not every switch concerned has confirmed. PROGRAMMED: every
    switch concerned has confirmed. VERIFIED: a connection that is PROGRAMMED, and probes came back along its path.
    DEGRADED: works, but not as promised. REJECTED: a connection that cannot be given. FAILED: a switch refused it.
    EXPIRED: a connection whose time is over.
    """

    PENDING = "PENDING"
    ADMITTED = "ADMITTED"
    PROGRAMMED = "PROGRAMMED"
    VERIFIED = "VERIFIED"
    DEGRADED = "DEGRADED"
    REJECTED = "REJECTED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class PathHop:
    """One switch of a path with the interface names by which the path enters and leaves it."""

    switch: str
    ingress: str
    egress: str


@dataclass(frozen=True, slots=True)
class Condition:
    """One statement about an object. type: Programmed, Bound, ...; status: TRUE, FALSE or UNKNOWN; reason: CamelCase.

    since: Unix time in seconds of the last change of ``status``.
    """

    type: str
    status: str
    reason: str
    message: str
    since: float


IN_PLACE = (State.PROGRAMMED, State.VERIFIED)
"""Every switch concerned has confirmed, and nothing is known to be wrong."""


@dataclass(frozen=True, slots=True)
class ProbeCounts:
    """What probes of a connection's path have told. sent, lost: since the daemon knows the connection.

    loss: share of the last 40 that were lost. latency_us: one way, estimated, the mean of both directions, 0 while it
    is not known; the error covers what the ways between controller and switches may add. verified_at: Unix time in
    seconds when probes came back along the path last, 0: never. jitter_us: by how much that time differs from one probe
    to the next, the mean of the last ones and of both directions; None while it is not known.
    """

    sent: int
    lost: int
    loss: float
    latency_us: int
    latency_error_us: int
    verified_at: float
    jitter_us: int | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of a connection's state. time: Unix time in seconds; before: None for the first; path: names of switches
    joined by ' > ', '' while there was none."""

    time: float
    before: State | None
    after: State
    reason: str
    path: str


@dataclass(frozen=True, slots=True)
class SharedAddress:
    """Who has an address or MAC that a port may use beside its own.

    holder: name of a port, '' if it leads nowhere. reason: Announced (it was the last to say so), Active, Alone (no
    other attached port may use it), Own. since: Unix time in seconds, 0 if that is not known.
    """

    address: str
    holder: str = ""
    reason: str = ""
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class LegStatus:
    """A leg of a connection of many ends. name: as a connection of its own; port: at the side of the many."""

    name: str
    port: str
    state: State
    reason: str = ""
    message: str = ""
    path: tuple[PathHop, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """State with a machine-readable reason (CamelCase) and a message for people.

    switches_away: names of switches concerned that are not connected. path: of a connection, from a to b.
    switches_pending: names of those that are connected and have not confirmed yet. backup_path: of a protected
    connection. places: of a port that is bound by an iface-id or moves, where it is. shared: of a port, who has what it
    may use by its pairs. conditions: the same in single statements, with times. history: of a connection that is asked
    for alone. path is what is reserved; realised_path: what its traffic takes as far as switches have confirmed, empty
    for the shortest way; verified_path: the one along which probes came back, empty while that is not the path that
    traffic takes. probes: of a connection that has been probed. legs: of a connection of many ends.
    """

    state: State
    reason: str = ""
    message: str = ""
    switches_away: tuple[str, ...] = ()
    path: tuple[PathHop, ...] = ()
    switches_pending: tuple[str, ...] = ()
    backup_path: tuple[PathHop, ...] = ()
    shared: tuple[SharedAddress, ...] = ()
    realised_path: tuple[PathHop, ...] = ()
    verified_path: tuple[PathHop, ...] = ()
    probes: ProbeCounts | None = field(default=None, compare=False)
    places: tuple[str, ...] = ()
    legs: tuple[LegStatus, ...] = ()
    conditions: tuple[Condition, ...] = field(default=(), compare=False)
    history: tuple[Transition, ...] = field(default=(), compare=False)


class ChangeType(StrEnum):
    """How an object changed, as Watch reports it. SYNCED concerns none: all changes up to a revision were told."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    SYNCED = "SYNCED"
