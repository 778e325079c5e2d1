"""HTTP: what is asked, who may ask how long, and a daemon whose loop does not turn."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry
from test_metrics_collector import EMPTY

from sdn.metrics import Web, web
from sdn.model.errors import Unavailable
from sdn.model.measures import Measures

TIMEOUT = 20


class Daemon:
    """What is asked of it."""

    def __init__(self) -> None:
        self.lacks: list[str] = []

    async def measures(self) -> Measures:
        return EMPTY


def get(port: int, path: str, method: str = "GET", host: str = "127.0.0.1") -> tuple[int, str]:
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


@asynccontextmanager
async def serving(daemon: Daemon, host: str = "127.0.0.1") -> AsyncIterator[int]:
    found = Web(CollectorRegistry(), daemon.measures, lambda: daemon.lacks)
    port = found.start(host, 0)
    try:
        yield port
    finally:
        await found.stop()


async def test_paths() -> None:
    daemon = Daemon()
    async with serving(daemon) as port:
        status, text = await asyncio.to_thread(get, port, "/metrics")
        assert (status, "\nsdn_ready 0.0\n" in text) == (200, True)
        assert await asyncio.to_thread(get, port, "/healthz") == (200, "ok\n")
        assert await asyncio.to_thread(get, port, "/readyz") == (200, "ready\n")
        daemon.lacks = ["switch leaf1 is not connected", "link a - b is not up"]
        assert await asyncio.to_thread(get, port, "/readyz") == (503, "\n".join([*daemon.lacks, ""]))
        assert (await asyncio.to_thread(get, port, "/"))[0] == 404
        assert (await asyncio.to_thread(get, port, "/metrics", "POST"))[0] == 405


async def test_ipv6() -> None:
    async with serving(Daemon(), "::1") as port:
        assert await asyncio.to_thread(get, port, "/healthz", "GET", "::1") == (200, "ok\n")


async def test_a_loop_that_does_not_turn_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "ANSWER_SECONDS", 0.2)
    async with serving(Daemon()) as port:
        found: dict[str, int] = {}
        paths = ("/healthz", "/readyz", "/metrics")
        threads = [threading.Thread(target=lambda p=path: found.update({p: get(port, p)[0]})) for path in paths]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(TIMEOUT)  # the loop waits here, and answers nobody
        assert found == dict.fromkeys(paths, 503)
        assert await asyncio.to_thread(get, port, "/healthz") == (200, "ok\n")


async def test_connections_are_bounded_and_idle_ones_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "MAX_CONNECTIONS", 2)
    monkeypatch.setattr(web._Handler, "timeout", 1.0)
    async with serving(Daemon()) as port:
        idle = [socket.create_connection(("127.0.0.1", port), TIMEOUT) for _ in range(2)]
        with socket.create_connection(("127.0.0.1", port), TIMEOUT) as third:
            assert await asyncio.to_thread(third.recv, 1) == b""
        for connection in idle:
            assert await asyncio.to_thread(connection.recv, 1) == b""
            connection.close()
        async with asyncio.timeout(TIMEOUT):
            while True:
                try:
                    assert await asyncio.to_thread(get, port, "/healthz") == (200, "ok\n")
                    break
                except (http.client.HTTPException, ConnectionError):
                    continue  # the places of the idle ones come free a little later


async def test_one_address_does_not_take_all_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "MAX_CONNECTIONS_OF_ONE", 1)
    async with serving(Daemon()) as port:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT):
            with socket.create_connection(("127.0.0.1", port), TIMEOUT) as second:
                assert await asyncio.to_thread(second.recv, 1) == b""
            with socket.create_connection(("127.0.0.1", port), TIMEOUT, ("127.0.0.2", 0)) as other:
                other.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
                assert (await asyncio.to_thread(other.makefile("rb").read)).endswith(b"ok\n")


async def test_what_is_no_http_harms_nobody() -> None:
    async with serving(Daemon()) as port:
        for data in (b"\0\xff" * 100 + b"\r\n\r\n", b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"GET\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", port), TIMEOUT) as connection:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                await asyncio.to_thread(connection.makefile("rb").read)
        assert await asyncio.to_thread(get, port, "/healthz") == (200, "ok\n")


async def test_an_address_in_use() -> None:
    async with serving(Daemon()) as port:
        with pytest.raises(Unavailable, match="cannot listen"):
            Web(CollectorRegistry(), Daemon().measures, list).start("127.0.0.1", port)
