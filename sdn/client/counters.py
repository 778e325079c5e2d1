"""What switches count: frames and bytes of ports, networks, connections and links, as lists and in rounds."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import grpc
from google.protobuf import duration_pb2

from sdn.client.call import PAGE_SIZE
from sdn.client.errors import ApiError
from sdn.v1 import counters_pb2 as cpb
from sdn.v1 import counters_pb2_grpc as crpc

_List = list  # the accessors have a method of that name


class Caller(Protocol):
    """The part of a client that is needed here. invoke: calls a method, or of an asyncio client answers a coroutine."""

    address: str
    channel: Any

    def invoke(self, method: Any, request: Any, wait: float = 0.0) -> Any:
        """Raises ApiError."""
        ...


@dataclass(slots=True)
class CounterRound:
    """All that was asked for, at about one moment. objects: ports, networks, connections, each by name."""

    objects: list[cpb.ObjectCounters] = field(default_factory=list)
    links: list[cpb.LinkCounters] = field(default_factory=list)

    def add(self, part: cpb.CountersPart) -> bool:
        """Take a piece; whether it was the last one."""
        self.objects += part.objects
        self.links += part.links
        return part.last


class Counters:
    """``client.counters``; all raise ApiError."""

    def __init__(self, client: Caller) -> None:
        self._client = client
        self._stub = crpc.CounterServiceStub(client.channel)

    def get(self, name: str) -> cpb.ObjectCounters:
        """Of a port, network or connection by full name."""
        found: cpb.ObjectCounters = self._client.invoke(self._stub.GetCounters, cpb.GetCountersRequest(name=name))
        return found

    def ports(self, parent: str = "tenants/-", selector: str = "") -> _List[cpb.ObjectCounters]:
        """Of all ports, or those of a tenant (full name), with such labels, by name."""
        return self._list(kind=cpb.PORTS, parent=parent, filter=selector).objects

    def networks(self, parent: str = "tenants/-", selector: str = "") -> _List[cpb.ObjectCounters]:
        """Of all networks, or those of a tenant (full name), with such labels, by name."""
        return self._list(kind=cpb.NETWORKS, parent=parent, filter=selector).objects

    def connections(self, parent: str = "tenants/-", selector: str = "") -> _List[cpb.ObjectCounters]:
        """Of all connections, or those of a tenant (full name), with such labels, by name."""
        return self._list(kind=cpb.CONNECTIONS, parent=parent, filter=selector).objects

    def links(self, switch: str = "") -> _List[cpb.LinkCounters]:
        """Of all links, or those of a switch (name or datapath id), by the names of their ends."""
        return self._list(kind=cpb.LINKS, switch=switch).links

    def _list(self, **fields: Any) -> CounterRound:
        found = CounterRound()
        request = cpb.ListCountersRequest(page_size=PAGE_SIZE, **fields)
        while True:
            page = self._client.invoke(self._stub.ListCounters, request)
            found.objects += page.objects
            found.links += page.links
            request.page_token = page.next_page_token
            if not request.page_token:
                return found

    @contextmanager
    def watch(
        self,
        kinds: Iterable[str] = (),
        parent: str = "tenants/-",
        switch: str = "",
        interval: float = 0.0,
        selector: str = "",
    ) -> Iterator[Iterator[CounterRound]]:
        """Rounds without end, the first one at once; the watch ends with the context.

        kinds: of PORTS, NETWORKS, CONNECTIONS and LINKS, none for all that there are within ``parent``; interval:
        seconds, 0 for as often as the daemon asks its switches.
        """
        stream = self._stub.WatchCounters(_watch(kinds, parent, switch, interval, selector))
        try:
            yield self._rounds(stream)
        finally:
            stream.cancel()

    def _rounds(self, stream: Any) -> Iterator[CounterRound]:
        now = CounterRound()
        try:
            for part in stream:
                if now.add(part):
                    yield now
                    now = CounterRound()
        except grpc.RpcError as error:
            raise ApiError.of(error, self._client.address) from None


class AsyncCounters:
    """The same for asyncio."""

    def __init__(self, client: Caller) -> None:
        self._client = client
        self._stub: Any = crpc.CounterServiceStub(client.channel)

    async def get(self, name: str) -> cpb.ObjectCounters:
        """Of a port, network or connection by full name."""
        request = cpb.GetCountersRequest(name=name)
        found: cpb.ObjectCounters = await self._client.invoke(self._stub.GetCounters, request)
        return found

    async def ports(self, parent: str = "tenants/-", selector: str = "") -> _List[cpb.ObjectCounters]:
        """Of all ports, or those of a tenant (full name), with such labels, by name."""
        return (await self._list(kind=cpb.PORTS, parent=parent, filter=selector)).objects

    async def networks(self, parent: str = "tenants/-", selector: str = "") -> _List[cpb.ObjectCounters]:
        """Of all networks, or those of a tenant (full name), with such labels, by name."""
        return (await self._list(kind=cpb.NETWORKS, parent=parent, filter=selector)).objects

    async def connections(self, parent: str = "tenants/-", selector: str = "") -> _List[cpb.ObjectCounters]:
        """Of all connections, or those of a tenant (full name), with such labels, by name."""
        return (await self._list(kind=cpb.CONNECTIONS, parent=parent, filter=selector)).objects

    async def links(self, switch: str = "") -> _List[cpb.LinkCounters]:
        """Of all links, or those of a switch (name or datapath id), by the names of their ends."""
        return (await self._list(kind=cpb.LINKS, switch=switch)).links

    async def _list(self, **fields: Any) -> CounterRound:
        found = CounterRound()
        request = cpb.ListCountersRequest(page_size=PAGE_SIZE, **fields)
        while True:
            page = await self._client.invoke(self._stub.ListCounters, request)
            found.objects += page.objects
            found.links += page.links
            request.page_token = page.next_page_token
            if not request.page_token:
                return found

    async def watch(
        self,
        kinds: Iterable[str] = (),
        parent: str = "tenants/-",
        switch: str = "",
        interval: float = 0.0,
        selector: str = "",
    ) -> AsyncGenerator[CounterRound, None]:
        """Rounds without end, the first one at once; close the iterator to stop."""
        stream = self._stub.WatchCounters(_watch(kinds, parent, switch, interval, selector))
        now = CounterRound()
        try:
            async for part in stream:
                if now.add(part):
                    yield now
                    now = CounterRound()
        except grpc.RpcError as error:
            raise ApiError.of(error, self._client.address) from None
        finally:
            stream.cancel()


def _watch(kinds: Iterable[str], parent: str, switch: str, interval: float, selector: str) -> cpb.WatchCountersRequest:
    """Raises ValueError for an unknown kind."""
    known = map(cpb.CounterKind.Value, kinds)
    request = cpb.WatchCountersRequest(kinds=known, parent=parent, switch=switch, filter=selector)
    if interval:
        duration = duration_pb2.Duration()
        duration.FromNanoseconds(round(interval * 1e9))
        request.interval.CopyFrom(duration)
    return request
