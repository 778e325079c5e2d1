"""Errors that reach a user: each says what is wrong, in which field, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing wrong with a request.

    field: dotted path into the request (``ports[3].mac``), empty when it concerns the whole.
    reason: what is wrong. remedy: what the caller can do, a full sentence.
    """

    field: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        where = f"{self.field}: " if self.field else ""
        return f"{where}{self.reason}. {self.remedy}"


class SdnError(Exception):
    """Base of all errors meant for a caller. ``violations`` has at least one entry."""

    def __init__(self, *violations: Violation) -> None:
        self.violations = violations
        super().__init__("; ".join(str(v) for v in violations))

    @classmethod
    def of(cls, field: str, reason: str, remedy: str) -> SdnError:
        """An error of this class with a single violation."""
        return cls(Violation(field, reason, remedy))


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
