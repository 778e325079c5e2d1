"""The blocking client. It may be used from several threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sdn.client import call, snapshots
from sdn.client.access import Credentials, channel
from sdn.client.call import DEFAULT_ADDRESS, DEFAULT_TIMEOUT, PAGE_SIZE
from sdn.client.collection import Collection
from sdn.client.counters import Counters
from sdn.client.errors import NO_TRUST, ApiError
from sdn.client.kinds import KINDS, AnyObject, kind_of_name
from sdn.client.streams import EventWatch
from sdn.v1 import access_pb2 as acpb
from sdn.v1 import access_pb2_grpc as acrpc
from sdn.v1 import admin_pb2 as apb
from sdn.v1 import admin_pb2_grpc as arpc
from sdn.v1 import events_pb2 as epb
from sdn.v1 import events_pb2_grpc as erpc
from sdn.v1 import paths_pb2 as ppb
from sdn.v1 import paths_pb2_grpc as pgrpc
from sdn.v1 import resources_pb2 as pb
from sdn.v1 import services_pb2 as spb
from sdn.v1 import services_pb2_grpc as rpc
from sdn.v1 import topology_pb2 as tpb
from sdn.v1 import topology_pb2_grpc as trpc
from sdn.v1 import trace_pb2 as xpb
from sdn.v1 import trace_pb2_grpc as xrpc

_POLL_SECONDS = 0.1


class Client:
    """A connection to the daemon, made at the first call; ``connect`` makes it at once.

    address: ``host:port`` or ``unix:/path``; timeout: seconds for each call, beside what it is asked to wait;
    credentials: for TLS and tokens, ``Credentials.load(tls_ca=…)``. Raises ValueError for a token without TLS beyond
    this machine.
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        credentials: Credentials | None = None,
    ) -> None:
        self.address = address
        self.timeout = timeout
        self.channel = channel(address, credentials)
        self.tenants: Collection[pb.Tenant] = Collection(self, KINDS["Tenant"])
        self.networks: Collection[pb.Network] = Collection(self, KINDS["Network"])
        self.subnets: Collection[pb.Subnet] = Collection(self, KINDS["Subnet"])
        self.routers: Collection[pb.Router] = Collection(self, KINDS["Router"])
        self.ports: Collection[pb.Port] = Collection(self, KINDS["Port"])
        self.connections: Collection[pb.Connection] = Collection(self, KINDS["Connection"])
        self.counters = Counters(self)
        self._apply = rpc.ApplyServiceStub(self.channel)
        self._topology = trpc.TopologyServiceStub(self.channel)
        self._paths = pgrpc.PathServiceStub(self.channel)
        self._system = trpc.SystemServiceStub(self.channel)
        self._events = erpc.EventServiceStub(self.channel)
        self._admin = arpc.AdminServiceStub(self.channel)
        self._trace = xrpc.TraceServiceStub(self.channel)
        self._health = health_pb2_grpc.HealthStub(self.channel)

    @classmethod
    def connect(
        cls,
        address: str = DEFAULT_ADDRESS,
        *,
        deadline: float = 5.0,
        timeout: float = DEFAULT_TIMEOUT,
        credentials: Credentials | None = None,
    ) -> Self:
        """A connected client; tries again until ``deadline`` seconds are over, then raises ApiError (UNAVAILABLE)."""
        client = cls(address, timeout=timeout, credentials=credentials)
        ready = grpc.channel_ready_future(client.channel)
        try:
            ready.result(timeout=deadline)
        except grpc.FutureTimeoutError:
            ready.cancel()
            why = client._trust_problem()
            client.close()
            text = (
                f"cannot reach sdnd at {address} within {deadline:g} s. "
                "Start it, or give the address at which it listens."
            )
            raise ApiError(grpc.StatusCode.UNAVAILABLE, why or text, reason="Unreachable") from None
        return client

    def close(self) -> None:
        """End the connection and all its streams."""
        self.channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def invoke(self, method: Any, request: Any, wait: float = 0.0) -> Any:
        """Call a method of a stub; raises ApiError. wait: seconds that the request itself asks to wait."""
        try:
            return method(request, timeout=self.timeout + wait)
        except grpc.RpcError as error:
            raise ApiError.of(error, self.address) from None

    def of_kind(self, kind: str) -> Collection[Any]:
        """The accessor of a kind (``Port``); raises KeyError."""
        collection: Collection[Any] = getattr(self, KINDS[kind].collection)
        return collection

    def of_name(self, name: str) -> Collection[Any]:
        """The accessor of the kind that a full name tells; raises ValueError."""
        return self.of_kind(kind_of_name(name).kind)

    def apply(
        self,
        resources: Iterable[AnyObject | pb.Resource],
        deletes: Iterable[str] = (),
        *,
        dry_run: bool = False,
        wait: float = 0.0,
        request_id: str = "",
    ) -> spb.ApplyResponse:
        """Create or replace all these and delete those by name, all or nothing; raises ApiError."""
        request = call.apply_request(resources, deletes, dry_run, wait, request_id)
        response: spb.ApplyResponse = self.invoke(self._apply.Apply, request, wait)
        return response

    def topology(self) -> tpb.Topology:
        """Switches, links and wiring faults."""
        topology: tpb.Topology = self.invoke(self._topology.GetTopology, tpb.GetTopologyRequest())
        return topology

    def resilience(self) -> tpb.Resilience:
        """Which failures are repaired without the controller. Takes seconds for networks of hundreds of switches."""
        found: tpb.Resilience = self.invoke(self._topology.GetResilience, tpb.GetResilienceRequest(), wait=60.0)
        return found

    def find_paths(self, query: ppb.PathQuery) -> list[ppb.FoundPath]:
        """The best paths that satisfy a query, the best first; raises ApiError with the reasons when there is none."""
        return list(self.invoke(self._paths.FindPaths, query).paths)

    def check_connection(self, connection: pb.Connection) -> ppb.CheckConnectionResponse:
        """Whether a connection would be admitted now, with its paths, or what stands in the way."""
        request = ppb.CheckConnectionRequest(connection=connection)
        response: ppb.CheckConnectionResponse = self.invoke(self._paths.CheckConnection, request)
        return response

    def what_if(self, **asked: Any) -> Iterator[ppb.Consequence]:
        """What failures would do to connections, one after the other, each with all its pieces as one message.

        asked: of WhatIfRequest, as ``switches=["leaf1"]``; nothing: every single link, switch and risk group. Raises
        ApiError.
        """
        stream = self._paths.WhatIf(ppb.WhatIfRequest(**asked), timeout=call.LONG_TIMEOUT)
        whole = ppb.Consequence()
        try:
            for piece in stream:
                whole.MergeFrom(piece)
                if piece.last:
                    yield whole
                    whole = ppb.Consequence()
        except grpc.RpcError as error:
            raise ApiError.of(error, self.address) from None

    def flows(self, switch: str) -> Iterator[tpb.FlowEntry]:
        """The program of a switch (name or datapath id), entry by entry."""
        stream = self._topology.ListFlows(tpb.ListFlowsRequest(switch=switch), timeout=self.timeout)
        try:
            yield from stream
        except grpc.RpcError as error:
            raise ApiError.of(error, self.address) from None

    def trace(
        self, source: str, destination: str = "", *, live: bool = False, **fields: Any
    ) -> xpb.TracePacketResponse:
        """What would become of a packet from a port (full name) to a port, an address or a MAC.

        live: it is sent as a probe too, which takes up to two seconds. fields: of TracePacketRequest, as
        ``protocol="TCP", port=80``. Raises ApiError, or ValueError for other names.
        """
        request = xpb.TracePacketRequest(source=source, destination=destination, **fields)
        method = self._trace.TracePacketLive if live else self._trace.TracePacket
        answer: xpb.TracePacketResponse = self.invoke(method, request)
        return answer

    def status(self) -> tpb.SystemStatus:
        """The daemon at a glance."""
        status: tpb.SystemStatus = self.invoke(self._system.GetSystemStatus, tpb.GetSystemStatusRequest())
        return status

    def set_maintenance(
        self,
        target: tpb.MaintenanceTarget,
        *,
        drained: bool | None = None,
        cost: int | None = None,
        oversubscription: float | None = None,
    ) -> tpb.Maintenance:
        """Drain a link or switch (or end that), or give a link another cost (0: its own) or oversubscription (0: that
        of all links); None: as before."""
        request = tpb.SetMaintenanceRequest(
            target=target, drained=drained, cost=cost, oversubscription=oversubscription
        )
        answer: tpb.Maintenance = self.invoke(self._topology.SetMaintenance, request)
        return answer

    def get_maintenance(self, target: tpb.MaintenanceTarget) -> tpb.Maintenance:
        """What is said about a link or switch, and what has become of it."""
        request = tpb.GetMaintenanceRequest(target=target)
        answer: tpb.Maintenance = self.invoke(self._topology.GetMaintenance, request)
        return answer

    def forget_switch(self, switch: str) -> tpb.ForgetSwitchResponse:
        """Say that a switch (name or datapath id), which is away, is gone for good; what was bound there."""
        request = tpb.ForgetSwitchRequest(switch=switch)
        answer: tpb.ForgetSwitchResponse = self.invoke(self._topology.ForgetSwitch, request)
        return answer

    def audit(self, switch: str) -> tpb.AuditReport:
        """Compare a switch (name or datapath id) with its program and repair it; what was found."""
        report: tpb.AuditReport = self.invoke(self._topology.AuditSwitch, tpb.AuditSwitchRequest(switch=switch))
        return report

    def events(self, object: str = "", reason: str = "", severity: str = "INFO", selector: str = "") -> list[epb.Event]:
        """All events that are kept, the oldest first. severity: INFO, WARNING or ERROR, and what is above it.

        selector: labels that the objects they are about have now, as ``env=prod,tier!=web``.
        """
        found: list[epb.Event] = []
        request = epb.ListEventsRequest(page_size=PAGE_SIZE, **call.event_filter(object, reason, severity, selector))
        while True:
            page = self.invoke(self._events.ListEvents, request)
            found += page.events
            request.page_token = page.next_page_token
            if not request.page_token:
                return found

    def watch_events(
        self, from_number: int = 0, object: str = "", reason: str = "", severity: str = "INFO", selector: str = ""
    ) -> EventWatch:
        """Events from a number on (0: all that are kept), then each new one, without end."""
        wanted = call.event_filter(object, reason, severity, selector)
        stream = self._events.WatchEvents(epb.WatchEventsRequest(from_number=from_number, **wanted))
        return EventWatch(stream, self.address)

    def backup(self, told: Callable[[int], None] = lambda size: None) -> bytes:
        """A snapshot of everything durable, checked; it holds secrets. Raises ApiError.

        told: called with how many bytes have come, again and again.
        """
        assembly = snapshots.Assembly()
        try:
            for message in self._admin.Backup(apb.BackupRequest(), timeout=snapshots.TIMEOUT):
                assembly.add(message)
                told(assembly.size)
        except grpc.RpcError as error:
            raise ApiError.of(error, self.address) from None
        return assembly.data()

    def restore(
        self, snapshot: bytes, *, dry_run: bool = False, told: Callable[[int], None] = lambda size: None
    ) -> apb.RestoreResponse:
        """Make the objects those of a snapshot, all or nothing; returns what changed, or would. Raises ApiError.

        told: called with how many bytes are sent, again and again, from another thread.
        """
        try:
            return self._admin.Restore(snapshots.parts(snapshot, dry_run, told), timeout=snapshots.TIMEOUT)
        except grpc.RpcError as error:
            raise ApiError.of(error, self.address) from None

    def log_levels(self) -> dict[str, str]:
        """Level by logger; '' for all others, and for a logger that has the level of the one above it."""
        found = self.invoke(self._admin.GetLogLevels, apb.GetLogLevelsRequest())
        return {item.logger: item.level for item in found.levels}

    def set_log_level(self, level: str, logger: str = "") -> dict[str, str]:
        """Log from this level up (debug, info, warning, error) until the daemon ends; all levels as they are then."""
        found = self.invoke(self._admin.SetLogLevel, apb.SetLogLevelRequest(logger=logger, level=level))
        return {item.logger: item.level for item in found.levels}

    def settings(self) -> list[apb.Setting]:
        """The daemon's settings in force, with where each comes from; never what is in the files of keys and tokens."""
        found: apb.GetSettingsResponse = self.invoke(self._admin.GetSettings, apb.GetSettingsRequest())
        return list(found.settings)

    def whoami(self) -> acpb.WhoAmIResponse:
        """Who the daemon takes this client for."""
        found: acpb.WhoAmIResponse = self.invoke(acrpc.AccessServiceStub(self.channel).WhoAmI, acpb.WhoAmIRequest())
        return found

    def _trust_problem(self) -> str:
        """Why TLS does not come about; '' where it is something else."""
        try:
            self._health.Check(health_pb2.HealthCheckRequest(), timeout=1.0)
        except grpc.RpcError as error:
            text = ApiError.of(error, self.address).message
            return text if text.startswith(NO_TRUST) else ""
        return ""

    def healthy(self) -> bool:
        """Whether the daemon answers and says that it serves."""
        try:
            answer = self._health.Check(health_pb2.HealthCheckRequest(), timeout=self.timeout)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    def wait_ready(
        self, timeout: float = 60.0, told: Callable[[Sequence[str]], None] = lambda missing: None
    ) -> tpb.SystemStatus:
        """Return when every known switch is in sync and every declared link is up.

        An unreachable daemon counts as not ready. Raises ApiError (DEADLINE_EXCEEDED) naming what is missing.
        told: called with what is missing, each time that was asked.
        """
        end = time.monotonic() + timeout
        missing: tuple[str, ...] = ()
        while True:
            left = end - time.monotonic()
            try:
                status = self._system.GetSystemStatus(
                    tpb.GetSystemStatusRequest(), timeout=max(left, _POLL_SECONDS), wait_for_ready=True
                )
                if status.ready:
                    return status
                missing = tuple(status.not_ready)
            except grpc.RpcError as error:
                failure = ApiError.of(error, self.address)
                if failure.code not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                    raise failure from None
                missing = (f"sdnd at {self.address} does not answer",)
            told(missing)
            if left <= 0:
                raise ApiError(grpc.StatusCode.DEADLINE_EXCEEDED, call.not_ready(missing, timeout), reason="NotReady")
            time.sleep(min(_POLL_SECONDS, left))
