"""HTTP with TLS: who shows a certificate or a token is let in or told why not, and who says nothing takes no place."""

from __future__ import annotations

import asyncio
import http.client
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from test_metrics_web import TIMEOUT, Daemon

from sdn.metrics import Web, web
from sdn.model.errors import Unauthenticated
from sdn.security.authority import Authority, create_authority, read_certificate, subject_in
from sdn.security.subjects import VIEWER, Subject

TOKEN = "Bearer let-me-in"


class Certificates:
    """An authority with a server and a client, as files."""

    def __init__(self, directory: Path) -> None:
        made = create_authority("test", 2)
        self.ca = directory / "ca.crt"
        self.ca.write_bytes(made.certificate)
        authority = Authority(made.certificate, made.key)
        self.files: dict[str, tuple[Path, Path]] = {}
        for name, pair in (
            ("server", authority.server(["127.0.0.1"], 2)),
            ("client", authority.client(Subject("prometheus", VIEWER), 2)),
        ):
            files = self.files[name] = directory / f"{name}.crt", directory / f"{name}.key"
            files[0].write_bytes(pair.certificate)
            files[1].write_bytes(pair.key)

    def server(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_cert_chain(*self.files["server"])
        context.load_verify_locations(self.ca)
        return context

    def client(self, *, shown: bool) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.ca))
        if shown:
            context.load_cert_chain(*self.files["client"])
        return context


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


def admit(path: str, peer: str, authorization: str | None, certificate: bytes | None) -> None:
    """Prometheus by its certificate, or whoever has the token."""
    assert (path in ("/metrics", "/readyz"), peer) == (True, "127.0.0.1")
    name = subject_in(read_certificate(certificate)).name if certificate else ""
    if name != "prometheus" and authorization != TOKEN:
        raise Unauthenticated.of("", "it is not known who calls", "Show a certificate.")


@asynccontextmanager
async def serving(certificates: Certificates) -> AsyncIterator[int]:
    daemon = Daemon()
    found = Web(CollectorRegistry(), daemon.measures, lambda: daemon.lacks, context=certificates.server, admit=admit)
    try:
        yield found.start("127.0.0.1", 0)
    finally:
        await found.stop()


def get(port: int, context: ssl.SSLContext, path: str, token: str = "") -> tuple[int, str]:
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=TIMEOUT, context=context)
    try:
        connection.request("GET", path, headers={"Authorization": token} if token else {})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


async def test_who_is_let_in(certificates: Certificates) -> None:
    known, unknown = certificates.client(shown=True), certificates.client(shown=False)
    async with serving(certificates) as port:
        for path in ("/metrics", "/readyz"):
            assert (await asyncio.to_thread(get, port, known, path))[0] == 200
            assert (await asyncio.to_thread(get, port, unknown, path, TOKEN))[0] == 200
            for token in ("", "Bearer wrong"):
                status, text = await asyncio.to_thread(get, port, unknown, path, token)
                assert (status, text) == (401, "it is not known who calls. Show a certificate.\n")
        assert await asyncio.to_thread(get, port, unknown, "/healthz") == (200, "ok\n")


async def test_without_tls_nothing_is_answered(certificates: Certificates) -> None:
    async with serving(certificates) as port:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT) as plain:
            plain.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            answer = b""
            with suppress(ConnectionError):
                answer = await asyncio.to_thread(plain.makefile("rb").read)
            assert b"HTTP/" not in answer


async def test_a_handshake_that_stands_still_ends_and_others_are_served(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web._Handler, "timeout", 1.0)
    async with serving(certificates) as port:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT) as silent:
            context = certificates.client(shown=True)
            assert await asyncio.to_thread(get, port, context, "/healthz") == (200, "ok\n")
            assert await asyncio.to_thread(silent.recv, 1) == b""


@pytest.mark.parametrize("shaken", [False, True])
async def test_handshake_and_request_have_a_deadline_beside_that_of_silence(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch, shaken: bool
) -> None:
    """So that a client cannot keep a place by sending a byte now and then."""
    monkeypatch.setattr(web._Handler, "timeout", 3600.0)
    monkeypatch.setattr(web, "REQUEST_SECONDS", 1.0)
    async with serving(certificates) as port:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT) as raw:
            slow = raw
            if shaken:
                context = certificates.client(shown=True)
                slow = await asyncio.to_thread(context.wrap_socket, raw, server_hostname="127.0.0.1")
            slow.sendall(b"GET /metrics HTTP/1.1\r\n" if shaken else b"\x16\x03\x01")
            with suppress(ConnectionError, ssl.SSLError):  # not TimeoutError: it must be the server that ends it
                assert await asyncio.to_thread(slow.recv, 1) == b""
            slow.close()
