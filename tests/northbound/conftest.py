from __future__ import annotations

from collections.abc import AsyncIterator

import grpc.aio
import pytest
from fake_backend import FakeBackend, seed

from sdn.client import AsyncClient
from sdn.northbound import Server


@pytest.fixture
async def backend() -> FakeBackend:
    backend = FakeBackend()
    seed(backend)
    return backend


@pytest.fixture
async def address(backend: FakeBackend) -> AsyncIterator[str]:
    server = Server(backend, "127.0.0.1:0")
    yield f"127.0.0.1:{await server.start()}"
    await server.stop(0)


@pytest.fixture
async def client(address: str) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(address, timeout=20) as client:
        yield client


@pytest.fixture
async def channel(address: str) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(address) as channel:
        yield channel
