"""Streams of the blocking client: changes of objects, and events."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Generic, Self

import grpc

from sdn.client import call
from sdn.client.call import Change, M
from sdn.client.errors import ApiError
from sdn.v1 import events_pb2 as epb


class _Stream:
    """An endless stream, ended from any thread by ``close`` (or as a context manager).

    Iterating raises ApiError when the stream breaks; after ``close`` it just ends.
    """

    def __init__(self, stream: Any, address: str) -> None:
        self._stream = stream
        self._address = address
        self._closed = False

    def _next(self) -> Any:
        try:
            return next(self._stream)
        except grpc.RpcError as error:
            if self._closed:
                raise StopIteration from None
            raise ApiError.of(error, self._address) from None

    def close(self) -> None:
        """End the stream."""
        self._closed = True
        self._stream.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


class Watch(_Stream, Generic[M]):
    """Changes of the objects of a kind, as they come.

    revision: from which another watch can go on after what was read of this one; 0 before the initial list is complete.
    """

    def __init__(self, stream: Any, singular: str, address: str, synced: bool) -> None:
        super().__init__(stream, address)
        self._singular = singular
        self._synced = synced
        self.revision = 0

    def __iter__(self) -> Iterator[Change[M]]:
        return self

    def __next__(self) -> Change[M]:
        while True:
            change = call.change(self._next(), self._singular)
            self.revision = change.revision or self.revision
            if change.type != call.SYNCED or self._synced:
                return change


class EventWatch(_Stream):
    """Events, as they come."""

    def __iter__(self) -> Iterator[epb.Event]:
        return self

    def __next__(self) -> epb.Event:
        event: epb.Event = self._next()
        return event
