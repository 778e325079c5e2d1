"""AdminService by itself: one call at a time, limits; and health that tells whether writes are taken."""

from __future__ import annotations

import asyncio

import grpc
import grpc.aio
import pytest
from fake_backend import FakeBackend
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sdn.client import ApiError, AsyncClient
from sdn.model.command import Restored
from sdn.northbound import Server, admin
from sdn.northbound.server import SERVICES
from sdn.v1 import admin_pb2 as apb
from sdn.v1 import admin_pb2_grpc as arpc

DATA = bytes(range(256)) * 12_000


class Keeper:
    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.entered = asyncio.Event()
        self.restored = b""

    async def backup(self) -> bytes:
        self.entered.set()
        await self.go.wait()
        return DATA

    async def restore(self, data: bytes, *, dry_run: bool) -> Restored:
        self.restored = data
        return Restored(("a",), ("b",), ("c",) if dry_run else (), 7)


async def test_snapshots_arrive_as_they_were_sent(backend: FakeBackend) -> None:
    keeper = Keeper()
    keeper.go.set()
    server = Server(backend, "127.0.0.1:0", keeper=keeper)
    async with AsyncClient(f"127.0.0.1:{await server.start()}") as client:
        assert await client.backup() == DATA
        answer = await client.restore(DATA, dry_run=True)
        assert (list(answer.created), list(answer.updated), list(answer.deleted)) == (["a"], ["b"], ["c"])
        assert answer.revision == 7
        assert keeper.restored == DATA
    await server.stop(0)


async def test_one_at_a_time(backend: FakeBackend) -> None:
    keeper = Keeper()
    server = Server(backend, "127.0.0.1:0", keeper=keeper)
    async with AsyncClient(f"127.0.0.1:{await server.start()}") as client:
        first = asyncio.create_task(client.backup())
        await asyncio.wait_for(keeper.entered.wait(), 20)
        with pytest.raises(ApiError, match="under way") as caught:
            await client.restore(DATA)
        assert caught.value.code is grpc.StatusCode.UNAVAILABLE
        keeper.go.set()
        assert await first == DATA
        assert (await client.restore(DATA)).revision == 7
    await server.stop(0)


async def test_without_a_keeper_it_says_so(backend: FakeBackend) -> None:
    server = Server(backend, "127.0.0.1:0")
    async with AsyncClient(f"127.0.0.1:{await server.start()}") as client:
        with pytest.raises(ApiError, match="Ask the daemon"):
            await client.backup()
    await server.stop(0)


async def test_a_client_that_stops_sending_does_not_hold_others(
    backend: FakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin, "IDLE_SECONDS", 0.05)
    keeper = Keeper()
    keeper.go.set()
    server = Server(backend, "127.0.0.1:0", keeper=keeper)
    address = f"127.0.0.1:{await server.start()}"
    async with grpc.aio.insecure_channel(address) as channel, AsyncClient(address) as client:
        call = arpc.AdminServiceStub(channel).Restore()
        await call.write(apb.RestoreRequest(options=apb.RestoreOptions()))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert await client.backup() == DATA
    await server.stop(0)


async def test_health_tells_whether_writes_are_taken(backend: FakeBackend) -> None:
    server = Server(backend, "127.0.0.1:0")
    states = health_pb2.HealthCheckResponse
    reading = {
        f"sdn.v1.{name}Service" for name in ("Topology", "System", "Path", "Counter", "Admin", "Access", "Trace")
    }
    port = await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            watch = stub.Watch(health_pb2.HealthCheckRequest(service="sdn.v1.PortService"))
            assert (await watch.read()).status == states.SERVING
            server.set_writable(False)
            assert (await asyncio.wait_for(watch.read(), 20)).status == states.NOT_SERVING
            found = {
                name: (await stub.Check(health_pb2.HealthCheckRequest(service=name))).status for name in ("", *SERVICES)
            }
            assert {name for name, status in found.items() if status == states.SERVING} == reading
            server.set_writable(True)
            assert (await asyncio.wait_for(watch.read(), 20)).status == states.SERVING
            assert (await stub.Check(health_pb2.HealthCheckRequest())).status == states.SERVING
            watch.cancel()
    finally:
        await server.stop(0)
