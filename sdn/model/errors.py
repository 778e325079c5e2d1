"""Errors that reach a user: each says what is wrong, in which field, and what to do about it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Thing:
    """The object that is missing, or in the way. kind: Port, Switch, ...; name: as the caller named it."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class UsedBy:
    """Who uses an object, or holds what is wanted of it. total: of all users, of which ``users`` may be the first."""

    name: str
    users: tuple[str, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit that is reached. subject: whose it is; what: of which there would be too many; most: how many may be."""

    subject: str
    what: str
    most: int
    used: int


Fact = Thing | UsedBy | Limit
"""What a violation says, for programs."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing wrong with a request.

    field: dotted path into the request (``ports[3].mac``), empty when it concerns the whole.
    reason: what is wrong. remedy: what the caller can do, a full sentence.
    fact: what there is to say for programs. word: the reason in one word for them (LatencyTooHigh), '' where the
    error's class says all.
    """

    field: str
    reason: str
    remedy: str
    fact: Fact | None = dataclasses.field(default=None, compare=False)
    word: str = dataclasses.field(default="", compare=False)

    def at(self, field: str) -> Violation:
        """The same in another field."""
        return replace(self, field=field)

    def __str__(self) -> str:
        where = f"{self.field}: " if self.field else ""
        return f"{where}{self.reason}. {self.remedy}"


class SdnError(Exception):
    """Base of all errors meant for a caller. ``violations`` has at least one entry."""

    def __init__(self, *violations: Violation) -> None:
        self.violations = violations
        super().__init__("; ".join(str(v) for v in violations))

    @classmethod
    def of(cls, field: str, reason: str, remedy: str, fact: Fact | None = None, word: str = "") -> SdnError:
        """An error of this class with a single violation."""
        return cls(Violation(field, reason, remedy, fact, word))


class InvalidInput(SdnError):
    """The request itself is malformed or contradicts itself (gRPC INVALID_ARGUMENT)."""


class NotFound(SdnError):
    """A named object does not exist (gRPC NOT_FOUND)."""


class AlreadyExists(SdnError):
    """An object of that name exists already (gRPC ALREADY_EXISTS)."""


class Conflict(SdnError):
    """The object changed since the caller read it: etag mismatch (gRPC ABORTED)."""


class InUse(SdnError):
    """Deletion refused because others refer to the object (gRPC FAILED_PRECONDITION)."""


class Refused(SdnError):
    """A connectivity request that does not fit, with the reason (gRPC RESOURCE_EXHAUSTED)."""


class Exhausted(SdnError):
    """A number space or limit is used up (gRPC RESOURCE_EXHAUSTED)."""


class Disabled(SdnError):
    """The daemon is set up not to do this (gRPC FAILED_PRECONDITION)."""


class Unavailable(SdnError):
    """The daemon cannot do this now; trying again later may succeed (gRPC UNAVAILABLE)."""


class Gone(SdnError):
    """What was asked for is not kept any more, or not there yet (gRPC OUT_OF_RANGE)."""


class WriteRefused(Unavailable):
    """The store could not be written; nothing of the write took effect, and reads go on (gRPC UNAVAILABLE)."""


class StorageFull(WriteRefused):
    """The same because there is no room on the disk (gRPC RESOURCE_EXHAUSTED)."""


class Unauthenticated(SdnError):
    """It is not known who asks, and it must be (gRPC UNAUTHENTICATED)."""


class PermissionDenied(SdnError):
    """Who asks must not do this; says nothing of whether the object exists (gRPC PERMISSION_DENIED)."""
