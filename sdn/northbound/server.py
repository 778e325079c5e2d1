"""The gRPC server: services, health (grpc.health.v1), reflection; start and stop."""

from __future__ import annotations

import asyncio
import logging
import re
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from sdn.controller.reader import Backend
from sdn.model.errors import InvalidInput, Unavailable
from sdn.northbound.admin import AdminService, Keeper, LogLevels
from sdn.northbound.apply import ApplyService
from sdn.northbound.counters import Counters, CounterService
from sdn.northbound.events import EventService
from sdn.northbound.kinds import CODECS
from sdn.northbound.metering import CallMeter, Calls
from sdn.northbound.objects import ObjectService
from sdn.northbound.pathservice import PathService
from sdn.northbound.tracing import TraceService
from sdn.northbound.views import Views
from sdn.v1 import admin_pb2, counters_pb2, events_pb2, paths_pb2, services_pb2, topology_pb2, trace_pb2

DEFAULT_ADDRESS = "127.0.0.1:50051"
MAX_REQUEST_BYTES = 16 * 1024 * 1024
MAX_CALLS = 1024
"""Calls at the same time, streams included; more get RESOURCE_EXHAUSTED."""
SERVICES = tuple(
    service.full_name
    for file in (services_pb2, topology_pb2, paths_pb2, events_pb2, counters_pb2, admin_pb2, trace_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
)
_READING = {f"sdn.v1.{name}Service" for name in ("Topology", "System", "Path", "Counter", "Admin", "Trace")}
"""Services that work while the store cannot be written; backups do, and are wanted then."""
STORE, SWITCHES = HEALTH = ("sdn.store", "sdn.switches")
"""Names that can be asked for in grpc.health.v1 beside those of services."""
_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
    ("grpc.so_reuseport", 0),  # a second daemon on the same port must fail, not share it
    ("grpc.keepalive_time_ms", 60_000),  # finds watchers that vanished without a word
    ("grpc.keepalive_timeout_ms", 20_000),
)
_TCP = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})")
_log = logging.getLogger("sdn.northbound")


class Server:
    """The API of the daemon, to be used within one event loop.

    address: ``host:port`` (port 0: any free one), ``[::1]:port`` or ``unix:/path``. Beyond loopback it is refused with
    InvalidInput, since nothing is encrypted or authenticated, unless ``insecure`` says that this is wanted.
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
    ) -> None:
        check_address(address, insecure)
        self._backend = backend
        self._keeper = keeper
        self._counters = counters
        self._logs = logs
        self._meters = [CallMeter(calls)] if calls is not None else []
        self._address = address
        self._stopping = asyncio.Event()
        self._health: Any = health.aio.HealthServicer()
        self._server: grpc.aio.Server | None = None
        self._writable = True
        self._switches = False
        self._telling: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        """Listen; returns the bound port (1 for a unix socket). Raises Unavailable when the address cannot be had."""
        server = grpc.aio.server(interceptors=self._meters, options=_OPTIONS, maximum_concurrent_rpcs=MAX_CALLS)
        handlers = [ObjectService(codec, self._backend, self._stopping).handler() for codec in CODECS.values()]
        handlers += [ApplyService(self._backend).handler(), *Views(self._backend).handlers()]
        handlers.append(PathService(self._backend).handler())
        handlers.append(EventService(self._backend, self._stopping).handler())
        handlers.append(CounterService(self._counters, self._stopping).handler())
        handlers.append(AdminService(self._keeper, self._logs).handler())
        handlers.append(TraceService(self._backend).handler())
        server.add_generic_rpc_handlers(tuple(handlers))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection((*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
        try:
            port = server.add_insecure_port(self._address)
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
        _log.info("gRPC on %s, port %d", self._address, port)
        return port

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
        # A health watcher that does not read must not hold us.
        with suppress(TimeoutError):
            await asyncio.wait_for(self._health.enter_graceful_shutdown(), 1.0)
        self._stopping.set()
        await server.stop(grace)


def check_address(address: str, insecure: bool) -> None:
    """Raises InvalidInput unless the address has a known form and is on this machine alone, or ``insecure``."""
    if re.fullmatch(r"unix:.{1,100}", address):
        return
    match = _TCP.fullmatch(address)
    if match is None or int(match[3]) > 65535:
        raise InvalidInput.of(
            "address", f"{address[:80]!r} is not an address", "Write host:port, [IPv6]:port or unix:/path."
        )
    if not insecure and not _is_loopback(match[1] or match[2]):
        raise InvalidInput.of(
            "address",
            f"{address} can be reached from other machines, where the API would be open to all",
            "Listen on 127.0.0.1, [::1] or a unix socket, or allow it with the option 'insecure'.",
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
