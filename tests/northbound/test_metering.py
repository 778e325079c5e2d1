"""Calls are counted by method and code, however they end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest
from fake_backend import FakeBackend
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sdn.client import ApiError, AsyncClient
from sdn.northbound import Server
from sdn.v1 import resources_pb2 as pb

TIMEOUT = 20


class Told:
    def __init__(self) -> None:
        self.calls: list[tuple[str, str, bool]] = []
        self.open: Counter[str] = Counter()
        self.changed = asyncio.Event()

    def called(self, method: str, code: str, seconds: float | None) -> None:
        assert seconds is None or seconds >= 0
        self.calls.append((method, code, seconds is not None))
        self.changed.set()

    def streams(self, method: str, step: int) -> None:
        self.open[method] += step
        self.changed.set()

    async def until(self, call: tuple[str, str, bool]) -> None:
        async with asyncio.timeout(TIMEOUT):
            while call not in self.calls:
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture
async def told(backend: FakeBackend) -> AsyncIterator[Told]:
    found = Told()
    server = Server(backend, "127.0.0.1:0", calls=found)
    found.address = f"127.0.0.1:{await server.start()}"  # type: ignore[attr-defined]
    yield found
    await server.stop(0)


@pytest.fixture
async def client(told: Told) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(told.address, timeout=TIMEOUT) as client:  # type: ignore[attr-defined]
        yield client


async def test_answers_and_errors(backend: FakeBackend, told: Told, client: AsyncClient) -> None:
    await client.tenants.get("tenants/red")
    with pytest.raises(ApiError):
        await client.tenants.get("tenants/none")
    with pytest.raises(ApiError):
        await client.tenants.create(pb.Tenant(name="Not A Name"))
    backend.fake._fail = lambda: 1 / 0  # type: ignore[assignment, method-assign]
    with pytest.raises(ApiError):
        await client.status()
    await told.until(("SystemService/GetSystemStatus", "INTERNAL", True))  # told when the answer is on its way
    assert told.calls == [
        ("TenantService/GetTenant", "OK", True),
        ("TenantService/GetTenant", "NOT_FOUND", True),
        ("TenantService/CreateTenant", "INVALID_ARGUMENT", True),
        ("SystemService/GetSystemStatus", "INTERNAL", True),
    ]


async def test_streams(told: Told, client: AsyncClient) -> None:
    assert [flow async for flow in client.flows("leaf1")]
    with pytest.raises(ApiError):
        await anext(client.flows("leaf9"))
    assert [(method, code) for method, code, timed in told.calls if not timed] == [
        ("TopologyService/ListFlows", "OK"),
        ("TopologyService/ListFlows", "NOT_FOUND"),
    ]
    watch = client.tenants.watch()
    await anext(watch)
    assert told.open["TenantService/WatchTenants"] == 1
    await watch.aclose()
    await told.until(("TenantService/WatchTenants", "CANCELLED", False))
    assert told.open["TenantService/WatchTenants"] == 0


async def test_a_client_that_goes_away(backend: FakeBackend, told: Told, client: AsyncClient) -> None:
    backend.hold = asyncio.Event()
    create = asyncio.create_task(client.tenants.create(pb.Tenant(name="tenants/green")))
    await asyncio.wait_for(backend.submitted.wait(), TIMEOUT)
    create.cancel()
    await told.until(("TenantService/CreateTenant", "CANCELLED", True))


async def test_methods_that_do_not_exist_and_those_of_others(told: Told) -> None:
    async with grpc.aio.insecure_channel(told.address) as channel:  # type: ignore[attr-defined]
        for path in ("/sdn.v1.TenantService/Nothing", "/some.Other/Thing"):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await channel.unary_unary(path)(b"", timeout=TIMEOUT)
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
        await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT)
    assert told.calls == [("unknown", "UNIMPLEMENTED", False)] * 2
