"""The gRPC server: services, health (grpc.health.v1), reflection; start and stop."""

from __future__ import annotations

import asyncio
import logging
import re
import warnings
from contextlib import suppress
from typing import Any

import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from sdn.controller.reader import Backend
from sdn.model.errors import InvalidInput, NotFound, Unavailable
from sdn.model.intent import kind_of
from sdn.northbound.access import AccessService
from sdn.northbound.admin import AdminService, Keeper, LogLevels, Settings
from sdn.northbound.apply import ApplyService
from sdn.northbound.counters import Counters, CounterService
from sdn.northbound.events import EventService
from sdn.northbound.guard import Guard
from sdn.northbound.kinds import CODECS
from sdn.northbound.metering import Calls, Unknown, metered
from sdn.northbound.objects import ObjectService
from sdn.northbound.pathservice import PathService
from sdn.northbound.tracing import TraceService
from sdn.northbound.views import Views
from sdn.security.access import LOCAL, Access
from sdn.security.auditlog import AuditLog
from sdn.security.hosts import is_local
from sdn.security.tls import Pem, TlsFiles
from sdn.v1 import access_pb2, admin_pb2, counters_pb2, events_pb2, paths_pb2, services_pb2, topology_pb2, trace_pb2

DEFAULT_ADDRESS = "127.0.0.1:50051"
MAX_REQUEST_BYTES = 16 * 1024 * 1024
MAX_CALLS = 1024
"""Calls at the same time, streams included; more get RESOURCE_EXHAUSTED."""
_MODULES = (services_pb2, topology_pb2, paths_pb2, trace_pb2, events_pb2, counters_pb2, admin_pb2, access_pb2)
_FILES = tuple(module.DESCRIPTOR for module in _MODULES)
SERVICES = tuple(service.full_name for file in _FILES for service in file.services_by_name.values())
_READING = {f"sdn.v1.{name}Service" for name in ("Topology", "System", "Path", "Counter", "Admin", "Access", "Trace")}
"""Services that work while the store cannot be written; backups do, and are wanted then."""
STORE, SWITCHES = HEALTH = ("sdn.store", "sdn.switches")
"""Names that can be asked for in grpc.health.v1 beside those of services."""
_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
    ("grpc.so_reuseport", 0),  # a second daemon on the same port must fail, not share it
    ("grpc.keepalive_time_ms", 60_000),  # finds watchers that vanished without a word
    ("grpc.keepalive_timeout_ms", 20_000),
    # What strangers could do: docs/security.md says why these figures.
    ("grpc.max_concurrent_streams", 256),
    ("grpc.max_metadata_size", 16_384),
    ("grpc.max_connection_idle_ms", 900_000),
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.http2.max_ping_strikes", 2),
)
RECHECK_SECONDS = 1.0
"""How soon a changed file of tokens, or a renewed certificate, is taken."""
_TCP = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})")
_log = logging.getLogger("sdn.northbound")


class Server:
    """The API of the daemon, to be used within one event loop.

    address: ``host:port`` (port 0: any free one), ``[::1]:port`` or ``unix:/path``. tls: None for none. access: who
    callers are. audit: None for no log. Beyond loopback it is refused with InvalidInput where something is not
    encrypted or anybody is let in, unless ``insecure`` says that this is wanted.
    """

    def __init__(
        self,
        backend: Backend,
        address: str = DEFAULT_ADDRESS,
        *,
        insecure: bool = False,
        keeper: Keeper | None = None,
        counters: Counters | None = None,
        calls: Calls | None = None,
        logs: LogLevels | None = None,
        settings: Settings | None = None,
        tls: TlsFiles | None = None,
        access: Access | None = None,
        audit: AuditLog | None = None,
    ) -> None:
        self._access = access or Access(anonymous=LOCAL)
        check_address(address, insecure or (tls is not None and self._access.anonymous is None))
        self._tls = tls
        self._guard = Guard(self._access, audit, self._stored, _FILES)
        self._checking: asyncio.Task[None] | None = None
        self._backend = backend
        self._keeper = keeper
        self._counters = counters
        self._logs = logs
        self._settings = settings
        self._calls = calls
        self._address = address
        self._stopping = asyncio.Event()
        self._health: Any = health.aio.HealthServicer()
        self._server: grpc.aio.Server | None = None
        self._writable = True
        self._switches = False
        self._telling: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        """Listen; returns the bound port (1 for a unix socket). Raises Unavailable when the address cannot be had."""
        # A call that is refused before its request is read leaves gRPC's reader of it unused.
        warnings.filterwarnings("ignore", r"coroutine '_MessageReceiver\._async_message_receiver'", RuntimeWarning)
        server = grpc.aio.server(interceptors=[self._guard], options=_OPTIONS, maximum_concurrent_rpcs=MAX_CALLS)
        handlers = [ObjectService(codec, self._backend, self._stopping).handler() for codec in CODECS.values()]
        handlers += [ApplyService(self._backend).handler(), *Views(self._backend).handlers()]
        handlers.append(PathService(self._backend).handler())
        handlers.append(EventService(self._backend, self._stopping).handler())
        handlers.append(CounterService(self._counters, self._stopping).handler())
        handlers += [AdminService(self._keeper, self._logs, self._settings).handler(), AccessService().handler()]
        handlers.append(TraceService(self._backend).handler())
        server.add_generic_rpc_handlers(metered(handlers, self._calls))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection((*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
        if self._calls is not None:
            server.add_generic_rpc_handlers((Unknown(self._calls),))
        try:
            if self._tls is None:
                port = server.add_insecure_port(self._address)
            else:
                port = server.add_secure_port(self._address, _credentials(self._tls))
        except RuntimeError:
            port = 0
        if port == 0:
            raise Unavailable.of(
                "address",
                f"cannot listen on {self._address}",
                "Stop the program that uses it (another sdnd?), or choose another address.",
            )
        await self._tell_health()
        await server.start()
        self._server = server
        self._checking = asyncio.create_task(self._check())
        _log.info("gRPC on %s, port %d", self._address, port)
        return port

    def recheck(self, *, force: bool = False) -> None:
        """Read the file of tokens if it changed, or in any case; streams whose caller's right has ended, end."""
        self._access.refresh(force=force)
        self._guard.recheck()

    async def _check(self) -> None:
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            self.recheck()

    def _stored(self, name: str) -> Any:
        """A stored object as its message, None if there is none."""
        try:
            resource, status = self._backend.reader.get(name)
        except NotFound:
            return None
        return CODECS[kind_of(resource)].to_message(resource, status)

    def set_writable(self, writable: bool) -> None:
        """Say NOT_SERVING for the server and for services that write while writes are refused; reads go on."""
        self._writable = writable
        self._health_changed()

    def set_switches(self, in_sync: bool) -> None:
        """Say NOT_SERVING for ``sdn.switches`` while a switch is away or has not confirmed what it must hold."""
        self._switches = in_sync
        self._health_changed()

    def _health_changed(self) -> None:
        task = asyncio.create_task(self._tell_health())
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _tell_health(self) -> None:
        # At once: a watcher that does not read holds up its own service alone.
        await asyncio.gather(*(self._health.set(name, self._health_of(name)) for name in ("", *HEALTH, *SERVICES)))

    def _health_of(self, name: str) -> health_pb2.HealthCheckResponse.ServingStatus:
        works = self._switches if name == SWITCHES else self._writable or name in _READING
        return health_pb2.HealthCheckResponse.SERVING if works else health_pb2.HealthCheckResponse.NOT_SERVING

    async def stop(self, grace: float = 2.0) -> None:
        """Say NOT_SERVING, end watches, let other calls finish for ``grace`` seconds, then cancel them."""
        server, self._server = self._server, None
        if server is None:
            return
        if self._checking is not None:
            self._checking.cancel()
        # A health watcher that does not read must not hold us.
        with suppress(TimeoutError):
            await asyncio.wait_for(self._health.enter_graceful_shutdown(), 1.0)
        self._stopping.set()
        await server.stop(grace)


def check_address(address: str, insecure: bool) -> None:
    """Raises InvalidInput unless the address has a known form and is on this machine alone, or ``insecure``.

    insecure: also true where TLS and authentication make it secure.
    """
    if re.fullmatch(r"unix:.{1,100}", address):
        return
    match = _TCP.fullmatch(address)
    if match is None or int(match[3]) > 65535:
        raise InvalidInput.of(
            "address", f"{address[:80]!r} is not an address", "Write host:port, [IPv6]:port or unix:/path."
        )
    if not insecure and not is_local(match[1] or match[2]):
        raise InvalidInput.of(
            "address",
            f"{address} can be reached from other machines, where the API would be open to all",
            "Listen on 127.0.0.1, [::1] or a unix socket, set up TLS, or allow it with the option 'insecure'.",
        )


def _credentials(tls: TlsFiles) -> grpc.ServerCredentials:
    """Of what is in the files at each handshake, so that renewed certificates are taken."""

    def configuration(pem: Pem) -> grpc.ServerCertificateConfiguration:
        return grpc.ssl_server_certificate_configuration([(pem.key, pem.certificate)], root_certificates=pem.ca)

    def fetch() -> Any:
        pem = tls.renewed()
        return None if pem is None else configuration(pem)  # None: go on with what there was

    return grpc.dynamic_ssl_server_credentials(configuration(tls.pem), fetch, tls.mutual)
