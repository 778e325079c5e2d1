"""Counts calls: clocks around the handlers of our services (health and reflection are not counted).

Rules: a handler is wrapped once, when it is first called, and not anew for each call as an interceptor would do, which
costs more than all the rest of the counting.
"""

from __future__ import annotations

import inspect
from asyncio import CancelledError
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from time import perf_counter
from typing import Any, Protocol

import grpc

_OK = grpc.StatusCode.OK.name


class Calls(Protocol):
    """Who counts. method: ``PortService/GetPort``."""

    def called(self, method: str, code: str, seconds: float | None) -> None:
        """A call is over; seconds: None for a stream."""
        ...

    def streams(self, method: str, step: int) -> None:
        """One stream more (1) or less (-1)."""
        ...


def metered(handlers: Sequence[grpc.GenericRpcHandler], calls: Calls | None) -> tuple[grpc.GenericRpcHandler, ...]:
    """The handlers of services with clocks around them, if anybody counts."""
    return tuple(handlers) if calls is None else tuple(_Metered(handler, calls) for handler in handlers)


def short_name(method: str) -> str:
    """``PortService/GetPort`` of ``/sdn.v1.PortService/GetPort``."""
    return method.rpartition(".")[2]


class Unknown(grpc.GenericRpcHandler):
    """To be asked last: a method that nobody else knows. All of them are counted together."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def service(self, handler_call_details: Any) -> None:
        """There is none."""
        self._calls.called("unknown", grpc.StatusCode.UNIMPLEMENTED.name, None)


class _Metered(grpc.GenericRpcHandler):
    """The methods of one service."""

    def __init__(self, inner: grpc.GenericRpcHandler, calls: Calls) -> None:
        self._inner = inner
        self._calls = calls
        self._wrapped: dict[str, Any] = {}

    def service(self, handler_call_details: Any) -> Any:
        """The handler of a method with a clock around it, None if the service has no such method."""
        method: str = handler_call_details.method
        wrapped = self._wrapped.get(method)
        if wrapped is None:
            handler = self._inner.service(handler_call_details)
            if handler is None:
                return None
            wrapped = self._wrapped[method] = self._wrap(short_name(method), handler)
        return wrapped

    def _wrap(self, name: str, handler: Any) -> Any:
        many = (handler.request_streaming, handler.response_streaming)
        kind = "_".join("stream" if part else "unary" for part in many)
        inner = getattr(handler, kind)
        wrap = self._stream if inspect.isasyncgenfunction(inner) else self._single
        return handler._replace(**{kind: wrap(name, inner)})

    def _single(self, name: str, method: Callable[[Any, Any], Awaitable[Any]]) -> Callable[[Any, Any], Awaitable[Any]]:
        called = self._calls.called

        async def call(request: Any, context: Any) -> Any:
            start = perf_counter()
            try:
                response = await method(request, context)
            except BaseException as error:
                called(name, _code(context, error), perf_counter() - start)
                raise
            called(name, _OK, perf_counter() - start)
            return response

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
