"""One call that was let in: what it may name and see, and its line in the audit log."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import grpc
from google.protobuf.descriptor import FieldDescriptor

from sdn.model.errors import SdnError
from sdn.northbound.rpc import Context
from sdn.northbound.scope import Scope
from sdn.security.access import Identity
from sdn.security.auditlog import AuditLog, Record

_CODES = {code.value[0]: code.name for code in grpc.StatusCode}


class Visit:
    """scope: for roles with tenants, else None; audit: where a write is recorded, None for other calls."""

    def __init__(self, identity: Identity, scope: Scope | None, audit: AuditLog | None, record: Record) -> None:
        self.identity = identity
        self.ended = False
        """Its right ended while it ran."""
        self._scope = scope
        self._audit = audit
        self.record = record

    @property
    def looks(self) -> bool:
        """Whether the request must be looked at."""
        return self._scope is not None or self._audit is not None

    def admit(self, request: Any) -> None:
        """Note what the request names; raises PermissionDenied if it must not."""
        record = self.record
        record.names = _names_in(request)
        record.dry_run = bool(getattr(request, "dry_run", False))
        record.request_id = str(getattr(getattr(request, "options", None), "request_id", ""))
        if self._scope is not None:
            self._scope.check(request)
            self._scope.own_request_id(request, self.identity.subject.name)

    def answer(self, message: Any) -> Any:
        """What this caller may see of an answer."""
        if self._scope is not None:
            self._scope.redact(message)
        return message

    def shown(self, error: SdnError) -> SdnError:
        """What this caller may know of an error."""
        return error if self._scope is None else self._scope.shown(error)

    def committed(self, revision: int) -> None:
        """What it wrote is durable, whatever comes of waiting for switches."""
        self.record.revision = 0 if self.record.dry_run else revision
        self.done("OK")

    def done(self, code: str) -> None:
        """It was answered; told once."""
        if self._audit is not None and not self.record.done:
            self.record.done = True
            self.record.code = code
            self._audit.add(self.record)

    def failed(self, context: Context, error: BaseException) -> None:
        """The handler raised, as it does when it answers with an error."""
        if isinstance(error, asyncio.CancelledError | GeneratorExit):
            return self.done("CANCELLED")
        code: Any = context.code()
        number = code.value[0] if isinstance(code, grpc.StatusCode) else code
        self.record.reason = str(context.details() or "")
        return self.done(_CODES.get(number or 2, "UNKNOWN"))


def record_of(method: str, context: Context, identity: Identity | None) -> Record:
    """What is known of a call at its beginning."""
    record = Record(method, context.peer() or "")
    if identity is not None:
        subject = identity.subject
        record.identity, record.role = subject.name, subject.role
        record.source, record.key = identity.source, identity.key
    return record


def _names_in(request: Any) -> Sequence[str]:
    """The objects, or the switch, that a write is about."""
    if request.DESCRIPTOR.name == "ApplyRequest":
        members = ((member, member.WhichOneof("kind")) for member in request.resources)
        return [*(getattr(member, which).name for member, which in members if which), *request.deletes]
    return list(_named(request))


def _named(request: Any) -> Iterator[str]:
    for field, value in request.ListFields():
        if field.name in ("name", "parent", "object", "switch") and isinstance(value, str):
            yield value
        elif field.type == FieldDescriptor.TYPE_MESSAGE and "name" in field.message_type.fields_by_name:
            yield value.name
