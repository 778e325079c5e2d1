"""Counts calls: an interceptor around all services of ours (health and reflection are not counted)."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import AsyncIterator, Awaitable, Callable
from time import perf_counter
from typing import Any, Protocol

import grpc
import grpc.aio

_OURS = "/sdn.v1."
_OK = grpc.StatusCode.OK.name


class Calls(Protocol):
    """Who counts. method: ``PortService/GetPort``."""

    def called(self, method: str, code: str, seconds: float | None) -> None:
        """A call is over; seconds: None for a stream."""
        ...

    def streams(self, method: str, step: int) -> None:
        """One stream more (1) or less (-1)."""
        ...


class CallMeter(grpc.aio.ServerInterceptor):
    """The outermost interceptor, so that what others refuse is counted as well."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any) -> Any:
        """The handler of a call, with a clock around it; methods that do not exist are counted together."""
        handler = await continuation(handler_call_details)
        method: str = handler_call_details.method
        if handler is None:
            self._calls.called("unknown", grpc.StatusCode.UNIMPLEMENTED.name, None)
            return None
        if not method.startswith(_OURS):
            return handler
        name = method.removeprefix(_OURS)
        if handler.response_streaming:
            kind = "stream_stream" if handler.request_streaming else "unary_stream"
            return handler._replace(**{kind: self._stream(name, getattr(handler, kind))})
        kind = "stream_unary" if handler.request_streaming else "unary_unary"
        return handler._replace(**{kind: self._single(name, getattr(handler, kind))})

    def _single(self, name: str, method: Callable[[Any, Any], Awaitable[Any]]) -> Callable[[Any, Any], Awaitable[Any]]:
        async def call(request: Any, context: Any) -> Any:
            start = perf_counter()
            code = _OK
            try:
                return await method(request, context)
            except BaseException as error:
                code = _code(context, error)
                raise
            finally:
                self._calls.called(name, code, perf_counter() - start)

        return call

    def _stream(
        self, name: str, method: Callable[[Any, Any], AsyncIterator[Any]]
    ) -> Callable[[Any, Any], AsyncIterator[Any]]:
        async def call(request: Any, context: Any) -> AsyncIterator[Any]:
            self._calls.streams(name, 1)
            code = _OK
            try:
                async for item in method(request, context):
                    yield item
            except BaseException as error:
                code = _code(context, error)
                raise
            finally:
                self._calls.streams(name, -1)
                self._calls.called(name, code, None)

        return call


def _code(context: Any, error: BaseException) -> str:
    """The word of a status code. A client that goes away ends a call by cancelling it."""
    if isinstance(error, CancelledError | GeneratorExit):
        return grpc.StatusCode.CANCELLED.name
    code = context.code()
    return code.name if isinstance(code, grpc.StatusCode) else grpc.StatusCode.UNKNOWN.name
