"""From a method of a service to its handler: decoding, errors, ends of streams.

Requests are decoded here and not by gRPC, so that bytes which are no such message, and fields that this version does
not know, are the caller's error with a reason, instead of being an internal error or passed over in silence.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

import grpc
import grpc.aio
from google.protobuf import message_factory
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from sdn.model.errors import InvalidInput, SdnError, Unavailable
from sdn.northbound import calls, errors

T = TypeVar("T")
Context = grpc.aio.ServicerContext[Any, Any]
Unary = Callable[[Any, Context], Awaitable[Message]]
Stream = Callable[[Any, Context], AsyncIterator[Message]]
"""Unary serves methods whose client streams as well: they get an iterator of requests."""
_END = object()


def handler(service: ServiceDescriptor, methods: Mapping[str, Unary | Stream]) -> grpc.GenericRpcHandler:
    """The handler of a service; every one of its methods must be given."""
    names = {method.name for method in service.methods}
    if names != set(methods):
        raise ValueError(f"{service.full_name}: {sorted(names ^ set(methods))}")
    handlers: dict[str, Any] = {}
    for method in service.methods:
        request = message_factory.GetMessageClass(method.input_type)
        response = message_factory.GetMessageClass(method.output_type)
        path = f"/{service.full_name}/{method.name}"
        implementation: Any = methods[method.name]
        if method.server_streaming:
            call: Any = _stream(path, request, implementation)
            make: Any = grpc.unary_stream_rpc_method_handler
        elif method.client_streaming:
            call = _collecting(path, request, implementation)
            make = grpc.stream_unary_rpc_method_handler
        else:
            call = _unary(path, request, implementation)
            make = grpc.unary_unary_rpc_method_handler
        handlers[method.name] = make(call, response_serializer=response.SerializeToString)
    return grpc.method_handlers_generic_handler(service.full_name, handlers)


def _unary(path: str, request: type[Message], method: Unary) -> Callable[[bytes, Context], Awaitable[Message]]:
    async def call(data: bytes, context: Context) -> Message:
        try:
            return await method(decode(request, data), context)
        except SdnError as error:
            code, message, trailers = errors.status_of(calls.shown(error))
        except grpc.aio.AbortError:
            raise
        except Exception:  # whatever it is, the caller must get an answer and the log the reason
            code, message, trailers = errors.internal(path)
        return await context.abort(code, message, trailers)

    return call


def _collecting(
    path: str, request: type[Message], method: Unary
) -> Callable[[AsyncIterator[bytes], Context], Awaitable[Message]]:
    async def call(data: AsyncIterator[bytes], context: Context) -> Message:
        try:
            return await method((decode(request, item) async for item in data), context)
        except SdnError as error:
            code, message, trailers = errors.status_of(calls.shown(error))
        except grpc.aio.AbortError:
            raise
        except Exception:  # as above
            code, message, trailers = errors.internal(path)
        return await context.abort(code, message, trailers)

    return call


def _stream(path: str, request: type[Message], method: Stream) -> Callable[[bytes, Context], AsyncIterator[Message]]:
    async def call(data: bytes, context: Context) -> AsyncIterator[Message]:
        try:
            async for item in method(decode(request, data), context):
                yield item
            return
        except SdnError as error:
            code, message, trailers = errors.status_of(calls.shown(error))
        except grpc.aio.AbortError:
            raise
        except Exception:  # as above
            code, message, trailers = errors.internal(path)
        await context.abort(code, message, trailers)

    return call


class Decoded(NamedTuple):
    """A request that the guard has looked at before, and its bytes."""

    message: Message
    data: bytes


def decode(cls: type[Message], data: bytes | Decoded) -> Message:
    """The message in these bytes; raises InvalidInput."""
    try:
        message, data = data if isinstance(data, Decoded) else (cls.FromString(data), data)
    except (DecodeError, UnicodeDecodeError):
        name = cls.DESCRIPTOR.full_name
        raise InvalidInput.of("", f"not a {name}", "Send a message made from protos/sdn/v1, text as UTF-8.") from None
    size = message.ByteSize()
    message.DiscardUnknownFields()
    if message.ByteSize() != size:
        field, number = _unknown(cls.FromString(data), "")
        raise InvalidInput.of(
            field, f"field number {number} is not known", "Use a client of this version, or leave the field out."
        )
    return message


def _unknown(message: Any, path: str) -> tuple[str, int]:
    """(path of the message, number of the field) of the first unknown field; number 0 if there is none."""
    for field in UnknownFieldSet(message):  # type: ignore[attr-defined]  # iterable by its __getitem__
        return path, field.field_number
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None or descriptor.message_type.GetOptions().map_entry:
            continue
        base = f"{path}.{descriptor.name}" if path else descriptor.name
        parts = [(f"{base}[{i}]", v) for i, v in enumerate(value)] if descriptor.is_repeated else [(base, value)]
        for where, part in parts:
            found = _unknown(part, where)
            if found[1]:
                return found
    return path, 0


async def until(source: AsyncIterator[T], stopping: asyncio.Event) -> AsyncIterator[T]:
    """The items of ``source``; raises Unavailable when the server stops, so that endless streams do not hold it."""
    stop = asyncio.ensure_future(stopping.wait())
    item: asyncio.Future[Any] | None = None
    try:
        while True:
            item = asyncio.ensure_future(_next(source))
            await asyncio.wait({item, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not item.done():
                raise Unavailable.of("", "the daemon is stopping", "Connect again in a moment.")
            value = item.result()
            if value is _END:
                return
            yield value
    finally:
        stop.cancel()
        if item is not None and not item.done():
            item.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await item
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()


async def _next(source: AsyncIterator[Any]) -> Any:
    return await anext(source, _END)
