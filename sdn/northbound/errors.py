"""Errors as clients get them: a gRPC status with google.rpc details (https://google.aip.dev/193).

Details are one BadRequest with a field violation per Violation, one ErrorInfo whose reason is the name of the error's
class, and what ``details.py`` makes of the facts. They travel in the trailer ``grpc-status-details-bin``; clients
refuse more than 8 KiB of trailers, so long errors are cut.
"""

from __future__ import annotations

import logging
import secrets
from urllib.parse import quote

import grpc
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]  # ships stubs without py.typed

from sdn.model.errors import (
    AlreadyExists,
    Conflict,
    Disabled,
    Exhausted,
    Gone,
    InUse,
    InvalidInput,
    NotFound,
    PermissionDenied,
    Refused,
    SdnError,
    StorageFull,
    Unauthenticated,
    Unavailable,
    Violation,
)
from sdn.northbound import details

DETAILS_KEY = "grpc-status-details-bin"
CODES: dict[type[SdnError], grpc.StatusCode] = {
    InvalidInput: grpc.StatusCode.INVALID_ARGUMENT,
    NotFound: grpc.StatusCode.NOT_FOUND,
    AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    Conflict: grpc.StatusCode.ABORTED,
    InUse: grpc.StatusCode.FAILED_PRECONDITION,
    Disabled: grpc.StatusCode.FAILED_PRECONDITION,
    Refused: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Exhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    StorageFull: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
    Gone: grpc.StatusCode.OUT_OF_RANGE,
    Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    PermissionDenied: grpc.StatusCode.PERMISSION_DENIED,
}
_MAX_DETAILS = 4100
_MAX_BAD_REQUEST = 2600
_MAX_MESSAGE = 900
_MAX_FIELD = 300
_MAX_DESCRIPTION = 900
"""Bytes: details grow by a third in base64, and the message is in them once more."""

Trailers = tuple[tuple[str, bytes], ...]

_log = logging.getLogger("sdn.northbound")


def status_of(error: SdnError) -> tuple[grpc.StatusCode, str, Trailers]:
    """Code, message and trailers for an error meant for the caller."""
    code = next((CODES[cls] for cls in type(error).__mro__ if cls in CODES), grpc.StatusCode.UNKNOWN)
    return _status(code, type(error), type(error).__name__, error.violations)


def internal(method: str) -> tuple[grpc.StatusCode, str, Trailers]:
    """For an exception that nobody expected, to be called while it is handled.

    The caller gets a number under which the log has it, and nothing of what it says.
    """
    incident = secrets.token_hex(4)
    _log.exception("unexpected error in %s (incident %s)", method, incident)
    problem = Violation("", f"internal error, incident {incident}", "Look for this number in the log of sdnd.")
    return _status(grpc.StatusCode.INTERNAL, SdnError, "Internal", (problem,))


def _status(
    code: grpc.StatusCode, cls: type[SdnError], reason: str, violations: tuple[Violation, ...]
) -> tuple[grpc.StatusCode, str, Trailers]:
    bad = error_details_pb2.BadRequest()
    for violation in violations:
        field = _cut(violation.field, _MAX_FIELD)
        description = f"{_cut(violation.reason, _MAX_DESCRIPTION)}. {_cut(violation.remedy, _MAX_DESCRIPTION)}"
        bad.field_violations.add(field=field, description=description, reason=violation.word)
        if len(bad.field_violations) > 1 and bad.ByteSize() > _MAX_BAD_REQUEST:
            del bad.field_violations[-1]
            break
    message = _message(bad, len(violations))
    packed = [details.pack(bad), details.pack(details.info_of(reason, violations))]
    packed += details.details_of(cls, violations, _MAX_DETAILS - sum(item.ByteSize() + 3 for item in packed))
    status = status_pb2.Status(code=code.value[0], message=message, details=packed)
    return code, message, ((DETAILS_KEY, status.SerializeToString()),)


def _message(bad: error_details_pb2.BadRequest, count: int) -> str:
    first = bad.field_violations[0]
    text = f"{first.field}: {first.description}" if first.field else first.description
    more = f" (and {count - 1} more)" if count > 1 else ""
    return _cut(text, _MAX_MESSAGE) + more


def _cut(text: str, limit: int) -> str:
    """At most ``limit`` bytes on the wire, where other characters than ASCII take three per byte."""
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    room = limit
    for index, char in enumerate(text):
        room -= len(quote(char, safe=" !\"#$&'()*+,/:;<=>?@[]^`{|}\\", errors="replace"))
        if room < 3:
            return text[:index] + "..."
    return text
