"""The door of the API: every call, of every service, goes through here before its handler.

Rules: who calls is found out first, then what the policy says of the method, then (for roles with tenants) what the
request names. A caller without a right learns nothing of what exists. Where a token decides, that happens before the
request's body is read, so that strangers cannot fill the memory. Streams that run on end when their caller's right
does. Every write, and every refusal, leaves a line in the audit log.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, NoReturn

import grpc
import grpc.aio
from google.protobuf import message_factory
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.message import DecodeError

from sdn.model.errors import Exhausted, PermissionDenied, SdnError, Unauthenticated, Unavailable
from sdn.northbound import calls, errors
from sdn.northbound.places import Places, Shares
from sdn.northbound.policy import POLICY, Need, Rule, allows, roles_with
from sdn.northbound.rpc import Context, Decoded
from sdn.northbound.scope import Scope, Stored
from sdn.northbound.visit import Visit, record_of
from sdn.security.access import Access, Identity
from sdn.security.auditlog import AuditLog, Record
from sdn.security.subjects import SCOPED

MAX_CALLS_OF_ONE = 256
"""Calls of one caller at the same time, streams included, so that no tenant takes the places of all others.

Administrators and callers of this machine are not limited.
"""
MAX_CALLS_OF_TENANT = 256
"""The same of all callers of a tenant."""
MAX_CALLS_OF_TENANTS = 768
"""Of all tenants together, so that operators find a place."""
MAX_STREAMS_OF_ONE = 128
"""Streams of one caller, or of one tenant: the rest of its calls is for what it wants to do."""
MAX_STREAMS_OF_TENANTS = 512
STRANGERS = 32
"""Calls at a time for which nobody needs a right (Health/Check)."""
STRANGER_SECONDS = 5.0
_SECRET = Rule(Need.ADMIN)
Handler = Any
"""grpc.RpcMethodHandler, whose type says nothing of its functions."""


class Guard(grpc.aio.ServerInterceptor):
    """audit: None for no log; stored: objects as messages; files: of the services served."""

    def __init__(self, access: Access, audit: AuditLog | None, stored: Stored, files: Iterable[FileDescriptor]) -> None:
        self.access = access
        self.audit = audit
        self._stored = stored
        self._requests = {
            f"/{service.full_name}/{method.name}": message_factory.GetMessageClass(method.input_type)
            for file in files
            for service in file.services_by_name.values()
            for method in service.methods
        }
        self.streams: dict[asyncio.Task[Any], Visit] = {}
        remedy = "End some of them, watches above all, or wait for them."
        self._calls, self._watches = Places("calls", remedy), Places("streams", remedy)
        self._strangers = 0

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Handler]], handler_call_details: Any
    ) -> Handler:
        """The handler of a call, guarded; None for a method that there is not."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        method = str(handler_call_details.method)
        metadata = dict(handler_call_details.invocation_metadata or ())
        known: Identity | None = None
        if POLICY.get(method, _SECRET).need is Need.NOTHING:
            return self._open_to_all(handler)
        try:
            known = self._early(method, metadata.get("authorization"))
            if known is not None:
                allow(method, rule_of(method), known)
        except SdnError as error:
            return grpc.stream_stream_rpc_method_handler(_refusing(self, method, known, error))
        return _Guarded(self, method, handler, known).handler()

    def _early(self, method: str, authorization: str | bytes | None) -> Identity | None:
        """Who calls, as far as that is known without the connection and the request; raises SdnError."""
        if authorization is not None:
            text = authorization.decode("latin-1") if isinstance(authorization, bytes) else authorization
            return self.access.by_token(text)
        return None if self.access.certificates else self.access.by_certificate(None)

    def _open_to_all(self, handler: Handler) -> Handler:
        """For calls of nobody in particular: few at a time, and soon, since a request may be large."""

        async def call(requests: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
            if self._strangers >= STRANGERS:
                reason = f"{STRANGERS} calls of strangers are open"
                await _abort(context, Exhausted.of("", reason, "Try again in a moment."))
            self._strangers += 1
            try:
                async with asyncio.timeout(STRANGER_SECONDS):
                    request = await anext(aiter(requests))
                    response = await handler.unary_unary(request, context)
                yield response
            except (TimeoutError, StopAsyncIteration):
                reason = f"no request within {STRANGER_SECONDS:g} s"
                await _abort(context, Unavailable.of("", reason, "Send it at once."))
            finally:
                self._strangers -= 1

        return grpc.stream_stream_rpc_method_handler(call, handler.request_deserializer, handler.response_serializer)

    def visit(self, method: str, context: Context, known: Identity | None) -> Visit:
        """A call that its method permits; raises SdnError."""
        rule = rule_of(method)
        if known is None:
            shown = list(context.auth_context().get("x509_pem_cert", ()))
            known = self.access.by_certificate(bytes(shown[0]) if shown else None)
            allow(method, rule, known)
        if rule.writes and self.audit is not None:
            self.audit.ready()
        scoped = known.subject.role in SCOPED and rule.need in (Need.READ, Need.WRITE, Need.EVENTS)
        scope = Scope(known.subject.tenants, self._stored) if scoped else None
        audit = self.audit if rule.writes else None
        return Visit(known, scope, audit, record_of(method, context, known))

    def enter(self, visit: Visit, *, stream: bool) -> None:
        """One more call of a caller; raises Exhausted when it, or its tenant, has too many."""
        identity = visit.identity
        if stream:
            self._watches.enter(identity, Shares(MAX_STREAMS_OF_ONE, MAX_STREAMS_OF_ONE, MAX_STREAMS_OF_TENANTS))
        try:
            self._calls.enter(identity, Shares(MAX_CALLS_OF_ONE, MAX_CALLS_OF_TENANT, MAX_CALLS_OF_TENANTS))
        except Exhausted:
            if stream:
                self._watches.leave(identity)
            raise

    def leave(self, visit: Visit, *, stream: bool) -> None:
        """It ended."""
        self._calls.leave(visit.identity)
        if stream:
            self._watches.leave(visit.identity)

    def decoded(self, method: str, data: bytes) -> Decoded | None:
        """The request in these bytes; None if they are none, which the handler will tell."""
        try:
            return Decoded(self._requests[method].FromString(data), data)
        except (DecodeError, UnicodeDecodeError):
            return None

    def refused(self, record: Record, error: SdnError) -> None:
        """For the audit log."""
        if self.audit is not None and isinstance(error, Unauthenticated | PermissionDenied):
            record.code, record.reason = errors.status_of(error)[0].name, str(error.violations[0])
            self.audit.refuse(record)

    def recheck(self) -> None:
        """End the streams of callers that would not be let in now."""
        for task, visit in list(self.streams.items()):
            if not visit.ended and not self.access.holds(visit.identity):
                visit.ended = True
                task.cancel()


class _Guarded:
    """One handler for one call. known: who calls, if that is clear before the connection is looked at."""

    def __init__(self, guard: Guard, method: str, inner: Handler, known: Identity | None) -> None:
        self._guard = guard
        self._method = method
        self._inner = inner
        self._known = known
        self._call = inner.unary_unary or inner.unary_stream or inner.stream_unary or inner.stream_stream

    def handler(self) -> Handler:
        """Of the same form as the one inside."""
        inner = self._inner
        if not inner.response_streaming:
            call: Any = self._unary
            one, many = grpc.unary_unary_rpc_method_handler, grpc.stream_unary_rpc_method_handler
        else:
            call = self._stream if inspect.isasyncgenfunction(self._call) else self._writing_stream
            one, many = grpc.unary_stream_rpc_method_handler, grpc.stream_stream_rpc_method_handler
        make: Any = many if inner.request_streaming else one
        return make(call, inner.request_deserializer, inner.response_serializer)

    async def _unary(self, request: Any, context: Context) -> Any:
        visit, request = await self._let_in(request, context)
        try:
            response = await self._call(request, context)
        except BaseException as error:
            visit.failed(context, error)
            raise
        finally:
            self._guard.leave(visit, stream=False)
        visit.done("OK")
        return visit.answer(response)

    async def _stream(self, request: Any, context: Context) -> AsyncIterator[Any]:
        visit, request = await self._let_in(request, context)
        task = asyncio.current_task()
        assert task is not None
        self._guard.streams[task] = visit
        try:
            async for item in self._call(request, context):
                yield visit.answer(item)
            visit.done("OK")
        except BaseException as error:
            await self._end(visit, context, error)
            raise
        finally:
            del self._guard.streams[task]
            self._guard.leave(visit, stream=True)

    async def _writing_stream(self, request: Any, context: Context) -> None:
        """For handlers that write their answers themselves, which none of ours does."""
        visit, request = await self._let_in(request, context)
        task = asyncio.current_task()
        assert task is not None
        self._guard.streams[task] = visit
        try:
            await self._call(request, context)
        except BaseException as error:
            await self._end(visit, context, error)
            raise
        finally:
            del self._guard.streams[task]
            self._guard.leave(visit, stream=True)

    async def _end(self, visit: Visit, context: Context, error: BaseException) -> None:
        """A stream broke off; where that was our doing the caller is told."""
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and visit.ended and task is not None:
            task.uncancel()
            remedy = "Ask an administrator for a new token or certificate."
            refusal = Unauthenticated.of("", "the caller's right to call has ended", remedy)
            self._guard.refused(record_of(self._method, context, visit.identity), refusal)
            await _abort(context, refusal)
        visit.failed(context, error)

    async def _let_in(self, request: Any, context: Context) -> tuple[Visit, Any]:
        """The call and its request, or an answer that says why not."""
        record = record_of(self._method, context, self._known)
        try:
            visit = self._guard.visit(self._method, context, self._known)
            record = visit.record
            if visit.looks and isinstance(request, bytes):
                decoded = self._guard.decoded(self._method, request)
                if decoded is not None:
                    visit.admit(decoded.message)
                    request = decoded
            self._guard.enter(visit, stream=bool(self._inner.response_streaming))
        except SdnError as error:
            self._guard.refused(record, error)
            await _abort(context, error)
        calls.current.set(visit)
        return visit, request


def _refusing(
    guard: Guard, method: str, identity: Identity | None, error: SdnError
) -> Callable[[Any, Context], AsyncIterator[Any]]:
    """A handler that reads nothing."""

    async def call(requests: Any, context: Context) -> AsyncIterator[Any]:
        nothing: tuple[Any, ...] = ()
        for item in nothing:  # a stream is a generator, also an empty one
            yield item
        guard.refused(record_of(method, context, identity), error)
        await _abort(context, error)

    return call


async def _abort(context: Context, error: SdnError) -> NoReturn:
    code, message, trailers = errors.status_of(error)
    await context.abort(code, message, trailers)
    raise AssertionError  # abort does not return


def rule_of(method: str) -> Rule:
    """What a method needs; raises PermissionDenied for one that nobody thought of."""
    rule = POLICY.get(method)
    if rule is None:
        reason = f"{method} is not in the policy"
        raise PermissionDenied.of("", reason, "This is a fault of this version of sdnd: report it.")
    return rule


def allow(method: str, rule: Rule, identity: Identity) -> None:
    """Raises PermissionDenied with the roles that may."""
    subject = identity.subject
    if allows(subject.role, rule.need):
        return
    who = f"{subject.name} has the role {subject.role}" if subject.role else f"{subject.name} has no role"
    able = " or ".join(roles_with(rule.need))
    remedy = f"Ask an administrator for the role {able}, or let one of them do it."
    raise PermissionDenied.of("", f"{who}, which has no right {rule.need.value} ({method})", remedy)
