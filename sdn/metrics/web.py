"""HTTP: what Prometheus scrapes and what health checks ask, in threads of their own.

Rules: nothing of the daemon is touched from here. Its loop is asked, within a deadline, so that /healthz says whether
the loop still turns; texts are made in the thread. Connections and their time are bounded, TLS handshakes included.
Where callers have to say who they are, /healthz alone is open to all: what watches daemons has no key.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from socketserver import ThreadingMixIn
from typing import Any, TypeVar
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

from sdn.metrics.collector import StateCollector
from sdn.model.errors import SdnError, Unauthenticated, Unavailable
from sdn.model.measures import Measures

MAX_CONNECTIONS = 16
"""At the same time; more are closed at once."""
MAX_CONNECTIONS_OF_ONE = 8
"""Of one address, so that whoever is not let in does not take all places."""
IDLE_SECONDS = 10.0
"""A connection that neither sends nor takes anything for so long is closed."""
REQUEST_SECONDS = 10.0
"""For the TLS handshake and the request together, however busily a client sends them byte by byte."""
ANSWER_SECONDS = 5.0
"""In which the daemon's loop has to answer."""
_PATHS = "Ask for /metrics, /healthz or /readyz.\n"
_log = logging.getLogger("sdn.metrics")
T = TypeVar("T")
_Start = Callable[[str, list[tuple[str, str]]], object]
Admit = Callable[[str, str, str | None, bytes | None], None]
"""Told path, address, header Authorization and the client's certificate (PEM), None for none; raises SdnError."""
_CERTIFICATE = "sdn.certificate"
"""Where the handler of a connection leaves the client's certificate for the application."""


class Web:
    """For the running event loop. registry: what is exported beside the daemon's state.

    measure: the daemon's state; missing: what it lacks to be ready, nothing when it is. context: gives what TLS is made
    with at each handshake, from any thread; None for plain HTTP. admit: None lets everybody in; called on the loop.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        measure: Callable[[], Coroutine[Any, Any, Measures]],
        missing: Callable[[], Iterable[str]],
        *,
        context: Callable[[], ssl.SSLContext] | None = None,
        admit: Admit | None = None,
    ) -> None:
        self._context = context
        self._admit = admit
        self._loop = asyncio.get_running_loop()
        self._missing = missing
        self._server: WSGIServer | None = None
        self._thread: threading.Thread | None = None
        registry.register(StateCollector(lambda: self._ask(measure())))
        self._metrics = make_wsgi_app(registry)

    def start(self, host: str, port: int) -> int:
        """Listen; returns the port, which is chosen if ``port`` is 0. Raises Unavailable."""
        kind = _Server6 if ":" in host else _Server
        try:
            self._server = make_server(host, port, self._serve, kind, _Handler)
        except OSError as error:
            raise Unavailable.of(
                "metrics",
                f"cannot listen on {host}:{port}: {error.strerror}",
                "Stop the program that uses it, or choose another address.",
            ) from None
        assert isinstance(self._server, _Server)
        self._server.context = self._context
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()
        bound: int = self._server.server_address[1]
        _log.info("metrics on %s, port %d", host, bound)
        return bound

    async def stop(self) -> None:
        """Stop listening. Connections that are open end by themselves."""
        server, self._server = self._server, None
        if server is not None:
            await asyncio.to_thread(server.shutdown)
            server.server_close()

    def _ask(self, question: Coroutine[Any, Any, T]) -> T:
        """The answer of the daemon's loop, from a thread; raises TimeoutError."""
        future = asyncio.run_coroutine_threadsafe(question, self._loop)
        try:
            return future.result(ANSWER_SECONDS)
        finally:
            future.cancel()

    def _serve(self, environ: dict[str, Any], start: _Start) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            return _text(start, "405 Method Not Allowed", "Only GET is understood.\n")
        try:
            refusal = self._refusal(environ) if path in ("/metrics", "/readyz") else None
            if isinstance(refusal, Unauthenticated):
                return _text(start, "401 Unauthorized", f"{refusal}\n", ("WWW-Authenticate", "Bearer"))
            if refusal is not None:
                return _text(start, "403 Forbidden", f"{refusal}\n")
            if path == "/metrics":
                answer: Iterable[bytes] = self._metrics(environ, start)
                return answer
            if path == "/healthz":
                self._ask(self._lacks())
                return _text(start, "200 OK", "ok\n")
            if path == "/readyz":
                lacks = self._ask(self._lacks())
                text = "".join(f"{line}\n" for line in lacks) or "ready\n"
                return _text(start, "503 Service Unavailable" if lacks else "200 OK", text)
        except TimeoutError:
            return _text(start, "503 Service Unavailable", f"the daemon did not answer for {ANSWER_SECONDS:g} s\n")
        return _text(start, "404 Not Found", _PATHS)

    def _refusal(self, environ: dict[str, Any]) -> SdnError | None:
        """Why a caller is not answered, None if it is."""
        admit = self._admit
        if admit is None:
            return None
        asked: tuple[str, str] = environ.get("PATH_INFO", ""), environ.get("REMOTE_ADDR", "")
        given: tuple[str | None, bytes | None] = environ.get("HTTP_AUTHORIZATION"), environ.get(_CERTIFICATE)

        async def ask() -> SdnError | None:
            try:
                admit(*asked, *given)
            except SdnError as error:
                return error
            return None

        return self._ask(ask())

    async def _lacks(self) -> tuple[str, ...]:
        return tuple(self._missing())


def _text(start: _Start, status: str, text: str, *headers: tuple[str, str]) -> Iterable[bytes]:
    data = text.encode()
    start(status, [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(data))), *headers])
    return (data,)


class _Server(ThreadingMixIn, WSGIServer):
    """A thread for each connection, and so many at most."""

    context: Callable[[], ssl.SSLContext] | None = None
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, *arguments: Any) -> None:
        self._lock = threading.Lock()
        self._open: Counter[str] = Counter()
        self._deadlines: dict[Any, _Deadline] = {}
        super().__init__(*arguments)

    def server_bind(self) -> None:
        """As WSGIServer, without asking a name server for our own name."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        """In a thread, if there is one."""
        address = str(client_address[0])
        with self._lock:
            room = self._open.total() < MAX_CONNECTIONS and self._open[address] < MAX_CONNECTIONS_OF_ONE
            if room:
                self._open[address] += 1
        if room:
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Shake hands, serve, and give the place back."""
        deadline = self._deadlines[client_address] = _Deadline(request)
        try:
            request.settimeout(_Handler.timeout)
            try:
                if self.context is not None:
                    request = self.context().wrap_socket(request, server_side=True)
            except OSError:
                _log.debug("TLS handshake failed", exc_info=True)
                self.shutdown_request(request)
            else:
                super().process_request_thread(request, client_address)
        finally:
            deadline.met()
            del self._deadlines[client_address]
            with self._lock:
                self._open[str(client_address[0])] -= 1
                self._open += Counter()  # forgets addresses without connections

    def read(self, client_address: Any) -> None:
        """The request of a connection is known; what takes time now is the answer."""
        self._deadlines[client_address].met()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no error of ours."""
        _log.debug("metrics connection failed", exc_info=True)


class _Deadline:
    """Breaks a connection off whose request does not come in time."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection.dup()  # TLS takes the other one over
        self._timer = threading.Timer(REQUEST_SECONDS, self._break_off)
        self._timer.daemon = True
        self._timer.start()

    def met(self) -> None:
        """It has come, or the connection has ended; does nothing a second time."""
        self._timer.cancel()
        self._connection.close()

    def _break_off(self) -> None:
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = IDLE_SECONDS

    def get_environ(self) -> dict[str, Any]:
        """What is known of a request, the client's certificate included."""
        assert isinstance(self.server, _Server)
        self.server.read(self.client_address)
        environ: dict[str, Any] = super().get_environ()
        if isinstance(self.connection, ssl.SSLSocket):
            found = self.connection.getpeercert(binary_form=True)
            environ[_CERTIFICATE] = ssl.DER_cert_to_PEM_cert(found).encode() if found else None
        return environ

    def log_message(self, form: str, *arguments: Any) -> None:
        """Nothing: a scrape every few seconds is not worth a line."""
