"""Errors of the API as exceptions that say which field is wrong and what to do."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]  # ships stubs without py.typed

_DETAILS_KEY = "grpc-status-details-bin"
NO_TRUST = "no trust"
_TLS = (
    (
        "CERTIFICATE_VERIFY_FAILED",
        "the daemon's certificate is of another authority, or not valid now",
        "Name the authority of the daemon (tls-ca), and look at its certificate's end.",
    ),
    (
        "Hostname Verification",
        "the daemon's certificate is for other names",
        "Call the daemon by a name in its certificate, or make one for this name: sdnctl certs server --san NAME.",
    ),
    ("WRONG_VERSION_NUMBER", "it does not speak TLS", "Leave out tls-ca, or give sdnd tls_cert and tls_key."),
    (
        "Socket closed",
        "it closed the connection while being greeted",
        "If it speaks TLS, give tls-ca, and if it asks for certificates, tls-cert and tls-key of its authority.",
    ),
)
"""What gRPC says when a handshake fails, and what that means."""


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One thing wrong with a request. field: path in the request (``port.addresses[1]``), empty for the whole of it.

    reason: of a refused connection in one word, as a status says it (``LatencyTooHigh``); empty for others.
    """

    field: str
    description: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.field}: {self.description}" if self.field else self.description


@dataclass(frozen=True, slots=True)
class Details:
    """What an error says for programs, as far as it fits; ``metadata`` has the totals (``users``, ``limit``, ``used``).

    users: (user, object) that refuse a deletion; holders: who holds what was asked for; objects: (kind, name) that do
    not exist, or exist already; limits: (whose, which limit is reached); retry_after: seconds.
    """

    users: tuple[tuple[str, str], ...] = ()
    holders: tuple[str, ...] = ()
    objects: tuple[tuple[str, str], ...] = ()
    limits: tuple[tuple[str, str], ...] = ()
    retry_after: float | None = None
    metadata: dict[str, str] = field(default_factory=dict)


class ApiError(Exception):
    """A call that failed.

    code: gRPC status; message: for people; violations: by field, may be empty; reason: machine word in CamelCase
    (``NotFound``, ``InUse``), empty when the server did not give one; details: what else it gave.
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        violations: tuple[FieldViolation, ...] = (),
        reason: str = "",
        details: Details | None = None,
    ) -> None:
        self.code = code
        self.message = message
        self.violations = violations
        self.reason = reason
        self.details = details or Details()
        super().__init__(code, message, violations, reason)

    def __str__(self) -> str:
        return "\n".join(str(v) for v in self.violations) or self.message

    @classmethod
    def of(cls, error: grpc.RpcError, address: str = "") -> ApiError:
        """From an error of grpc or grpc.aio. address: of the server, to name it when it cannot be reached."""
        code: grpc.StatusCode = error.code()
        text: str = error.details() or code.name
        details = _details(error)
        if details is None:
            return cls(code, _explain(code, text, address))
        found = _by_type(details)
        bad = next(iter(found[error_details_pb2.BadRequest]), error_details_pb2.BadRequest())
        info = next(iter(found[error_details_pb2.ErrorInfo]), error_details_pb2.ErrorInfo())
        violations = tuple(FieldViolation(v.field, v.description, v.reason) for v in bad.field_violations)
        return cls(code, text, violations, info.reason, _for_programs(found, dict(info.metadata)))


def _details(error: grpc.RpcError) -> status_pb2.Status | None:
    trailers: Any = error.trailing_metadata() or ()  # pairs, whichever of the two libraries they come from
    for key, value in trailers:
        if key == _DETAILS_KEY and isinstance(value, bytes):
            try:
                return status_pb2.Status.FromString(value)
            except DecodeError:
                return None
    return None


_TYPES = [
    error_details_pb2.BadRequest,
    error_details_pb2.ErrorInfo,
    error_details_pb2.PreconditionFailure,
    error_details_pb2.ResourceInfo,
    error_details_pb2.QuotaFailure,
    error_details_pb2.RetryInfo,
]


def _by_type(status: status_pb2.Status) -> dict[Any, list[Any]]:
    """The details that are known, by their class."""
    found: dict[Any, list[Any]] = {known: [] for known in _TYPES}
    for item in status.details:
        for known, members in found.items():
            message = known()
            with suppress(DecodeError):
                if item.Is(known.DESCRIPTOR) and item.Unpack(message):
                    members.append(message)
    return found


def _for_programs(found: dict[Any, list[Any]], metadata: dict[str, str]) -> Details:
    conditions = [v for failure in found[error_details_pb2.PreconditionFailure] for v in failure.violations]
    retries = found[error_details_pb2.RetryInfo]
    return Details(
        users=tuple((v.subject, v.description) for v in conditions if v.type == "USED_BY"),
        holders=tuple(v.subject for v in conditions if v.type == "HELD_BY"),
        objects=tuple(
            (r.resource_type.removeprefix("sdn.v1."), r.resource_name) for r in found[error_details_pb2.ResourceInfo]
        ),
        limits=tuple((v.subject, v.description) for f in found[error_details_pb2.QuotaFailure] for v in f.violations),
        retry_after=retries[0].retry_delay.ToNanoseconds() / 1e9 if retries else None,
        metadata=metadata,
    )


def _explain(code: grpc.StatusCode, text: str, address: str) -> str:
    """What to do about errors that gRPC itself makes."""
    for sign, reason, remedy in _TLS:
        if code is grpc.StatusCode.UNAVAILABLE and text.startswith("failed to connect") and sign in text:
            return f"{NO_TRUST} between this client and sdnd at {address}: {reason}. {remedy}"
    if code is grpc.StatusCode.UNAVAILABLE and address:
        return f"cannot reach sdnd at {address} ({text}). Start it, or give the address at which it listens."
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return f"no answer in time ({text}). Try again with a longer timeout."
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in text:
        return f"the request is too large ({text}). Split it into several."
    return text
