"""The client for asyncio: the same methods as Client, awaited."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from types import TracebackType
from typing import Any, Generic, Self

import grpc
import grpc.aio

from sdn.client import call, snapshots
from sdn.client.access import Credentials, aio_channel
from sdn.client.call import DEFAULT_ADDRESS, DEFAULT_TIMEOUT, PAGE_SIZE, Change, M
from sdn.client.counters import AsyncCounters
from sdn.client.errors import ApiError
from sdn.client.kinds import KINDS, AnyObject, KindInfo
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

_List = list  # the accessors have a method of that name


class AsyncCollection(Generic[M]):
    """The objects of one kind; parameters and errors as in ``Collection``."""

    def __init__(self, client: AsyncClient, info: KindInfo) -> None:
        self._client: AsyncClient = client
        self._stub = info.stub(client.channel)
        self.info = info

    async def _call(self, verb: str, request: Any, wait: float = 0.0) -> Any:
        plural = "s" if verb == "List" else ""
        return await self._client.invoke(getattr(self._stub, f"{verb}{self.info.kind}{plural}"), request, wait)

    async def get(self, name: str) -> M:
        """The object of a full name."""
        found: M = await self._call("Get", call.request(self.info, "Get", name=name))
        return found

    async def list(self, parent: str = "", page_size: int = PAGE_SIZE, selector: str = "") -> _List[M]:
        """All objects by name, fetched page by page."""
        found: _List[M] = []
        token = ""
        while True:
            fields = {"parent": parent, "page_size": page_size, "page_token": token, "filter": selector}
            page = await self._call("List", call.request(self.info, "List", **fields))
            found += getattr(page, self.info.collection)
            token = page.next_page_token
            if not token:
                return found

    async def create(self, resource: M, *, wait: float = 0.0, request_id: str = "") -> M:
        """Add an object; returns it as stored."""
        request = call.request(self.info, "Create", resource=resource, options=call.options(wait, request_id))
        created: M = await self._call("Create", request, wait)
        return created

    async def update(
        self, resource: M, *, mask: Iterable[str] | None = None, wait: float = 0.0, request_id: str = ""
    ) -> M:
        """Replace the fields named by ``mask`` (all if None)."""
        request = call.update_request(self.info, resource, mask, wait, request_id)
        updated: M = await self._call("Update", request, wait)
        return updated

    async def delete(self, name: str, *, etag: str = "", wait: float = 0.0, request_id: str = "") -> None:
        """Remove an object."""
        options = call.options(wait, request_id)
        await self._call("Delete", call.request(self.info, "Delete", name=name, etag=etag, options=options), wait)

    async def watch(
        self, parent: str = "", selector: str = "", from_revision: int = 0, *, synced: bool = False
    ) -> AsyncIterator[Change[M]]:
        """Every existing object as ADDED, or what came after a revision, then each change; close it to stop."""
        fields = {"parent": parent, "filter": selector, "from_revision": from_revision}
        stream = getattr(self._stub, f"Watch{self.info.kind}s")(call.request(self.info, "Watch", **fields))
        try:
            async for message in stream:
                change = call.change(message, self.info.singular)
                if change.type != call.SYNCED or synced:
                    yield change
        except grpc.RpcError as error:
            raise ApiError.of(error, self._client.address) from None
        finally:
            stream.cancel()


class AsyncClient:
    """A connection to the daemon for one event loop; parameters as in ``Client``."""

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        credentials: Credentials | None = None,
    ) -> None:
        self.address = address
        self.timeout = timeout
        self.channel = aio_channel(address, credentials)
        self.tenants: AsyncCollection[pb.Tenant] = AsyncCollection(self, KINDS["Tenant"])
        self.networks: AsyncCollection[pb.Network] = AsyncCollection(self, KINDS["Network"])
        self.subnets: AsyncCollection[pb.Subnet] = AsyncCollection(self, KINDS["Subnet"])
        self.routers: AsyncCollection[pb.Router] = AsyncCollection(self, KINDS["Router"])
        self.ports: AsyncCollection[pb.Port] = AsyncCollection(self, KINDS["Port"])
        self.connections: AsyncCollection[pb.Connection] = AsyncCollection(self, KINDS["Connection"])
        self.counters = AsyncCounters(self)
        self._apply: Any = rpc.ApplyServiceStub(self.channel)
        self._topology: Any = trpc.TopologyServiceStub(self.channel)
        self._paths: Any = pgrpc.PathServiceStub(self.channel)
        self._admin: Any = arpc.AdminServiceStub(self.channel)
        self._system: Any = trpc.SystemServiceStub(self.channel)
        self._trace: Any = xrpc.TraceServiceStub(self.channel)
        self._events: Any = erpc.EventServiceStub(self.channel)

    async def close(self) -> None:
        """End the connection and all its streams."""
        await self.channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.close()

    async def invoke(self, method: Any, request: Any, wait: float = 0.0) -> Any:
        """Call a method of a stub; raises ApiError. wait: seconds that the request itself asks to wait."""
        try:
            return await method(request, timeout=self.timeout + wait)
        except grpc.RpcError as error:
            raise ApiError.of(error, self.address) from None

    async def apply(
        self,
        resources: Iterable[AnyObject | pb.Resource],
        deletes: Iterable[str] = (),
        *,
        dry_run: bool = False,
        wait: float = 0.0,
        request_id: str = "",
    ) -> spb.ApplyResponse:
        """Create or replace all these and delete those by name, all or nothing."""
        request = call.apply_request(resources, deletes, dry_run, wait, request_id)
        response: spb.ApplyResponse = await self.invoke(self._apply.Apply, request, wait)
        return response

    async def topology(self) -> tpb.Topology:
        """Switches, links and wiring faults."""
        topology: tpb.Topology = await self.invoke(self._topology.GetTopology, tpb.GetTopologyRequest())
        return topology

    async def resilience(self) -> tpb.Resilience:
        """Which failures are repaired without the controller. Takes seconds for networks of hundreds of switches."""
        found: tpb.Resilience = await self.invoke(self._topology.GetResilience, tpb.GetResilienceRequest(), wait=60.0)
        return found

    async def find_paths(self, query: ppb.PathQuery) -> list[ppb.FoundPath]:
        """The best paths that satisfy a query, the best first; raises ApiError with the reasons when there is none."""
        return list((await self.invoke(self._paths.FindPaths, query)).paths)

    async def check_connection(self, connection: pb.Connection) -> ppb.CheckConnectionResponse:
        """Whether a connection would be admitted now, with its paths, or what stands in the way."""
        request = ppb.CheckConnectionRequest(connection=connection)
        response: ppb.CheckConnectionResponse = await self.invoke(self._paths.CheckConnection, request)
        return response

    async def what_if(self, **asked: Any) -> AsyncIterator[ppb.Consequence]:
        """What failures would do to connections, as ``Client.what_if``."""
        stream = self._paths.WhatIf(ppb.WhatIfRequest(**asked), timeout=call.LONG_TIMEOUT)
        whole = ppb.Consequence()
        try:
            async for piece in stream:
                whole.MergeFrom(piece)
                if piece.last:
                    yield whole
                    whole = ppb.Consequence()
        except grpc.RpcError as error:
            raise ApiError.of(error, self.address) from None

    async def flows(self, switch: str) -> AsyncIterator[tpb.FlowEntry]:
        """The program of a switch, entry by entry."""
        stream = self._topology.ListFlows(tpb.ListFlowsRequest(switch=switch), timeout=self.timeout)
        try:
            async for entry in stream:
                yield entry
        except grpc.RpcError as error:
            raise ApiError.of(error, self.address) from None

    async def trace(
        self, source: str, destination: str = "", *, live: bool = False, **fields: Any
    ) -> xpb.TracePacketResponse:
        """What would become of a packet from a port (full name) to a port, an address or a MAC.

        live: it is sent as a probe too, which takes up to two seconds. fields: of TracePacketRequest, as
        ``protocol="TCP", port=80``. Raises ApiError, or ValueError for other names.
        """
        request = xpb.TracePacketRequest(source=source, destination=destination, **fields)
        method = self._trace.TracePacketLive if live else self._trace.TracePacket
        answer: xpb.TracePacketResponse = await self.invoke(method, request)
        return answer

    async def status(self) -> tpb.SystemStatus:
        """The daemon at a glance."""
        status: tpb.SystemStatus = await self.invoke(self._system.GetSystemStatus, tpb.GetSystemStatusRequest())
        return status

    async def set_maintenance(
        self,
        target: tpb.MaintenanceTarget,
        *,
        drained: bool | None = None,
        cost: int | None = None,
        oversubscription: float | None = None,
    ) -> tpb.Maintenance:
        """Drain a link or switch (or end that), or give a link another cost, 0 for its own; None: as before."""
        request = tpb.SetMaintenanceRequest(
            target=target, drained=drained, cost=cost, oversubscription=oversubscription
        )
        answer: tpb.Maintenance = await self.invoke(self._topology.SetMaintenance, request)
        return answer

    async def get_maintenance(self, target: tpb.MaintenanceTarget) -> tpb.Maintenance:
        """What is said about a link or switch, and what has become of it."""
        request = tpb.GetMaintenanceRequest(target=target)
        answer: tpb.Maintenance = await self.invoke(self._topology.GetMaintenance, request)
        return answer

    async def forget_switch(self, switch: str) -> tpb.ForgetSwitchResponse:
        """Say that a switch (name or datapath id), which is away, is gone for good; what was bound there."""
        request = tpb.ForgetSwitchRequest(switch=switch)
        answer: tpb.ForgetSwitchResponse = await self.invoke(self._topology.ForgetSwitch, request)
        return answer

    async def audit(self, switch: str) -> tpb.AuditReport:
        """Compare a switch (name or datapath id) with its program and repair it; what was found."""
        report: tpb.AuditReport = await self.invoke(self._topology.AuditSwitch, tpb.AuditSwitchRequest(switch=switch))
        return report

    async def events(
        self, object: str = "", reason: str = "", severity: str = "INFO", selector: str = ""
    ) -> list[epb.Event]:
        """All events that are kept, the oldest first. severity: INFO, WARNING or ERROR, and what is above it.

        selector: labels that the objects they are about have now, as ``env=prod,tier!=web``.
        """
        found: list[epb.Event] = []
        request = epb.ListEventsRequest(page_size=PAGE_SIZE, **call.event_filter(object, reason, severity, selector))
        while True:
            page = await self.invoke(self._events.ListEvents, request)
            found += page.events
            request.page_token = page.next_page_token
            if not request.page_token:
                return found

    async def watch_events(
        self, from_number: int = 0, object: str = "", reason: str = "", severity: str = "INFO", selector: str = ""
    ) -> AsyncIterator[epb.Event]:
        """Events from a number on (0: all that are kept), then each new one; close the iterator to stop."""
        wanted = call.event_filter(object, reason, severity, selector)
        stream = self._events.WatchEvents(epb.WatchEventsRequest(from_number=from_number, **wanted))
        try:
            async for event in stream:
                yield event
        except grpc.RpcError as error:
            raise ApiError.of(error, self.address) from None
        finally:
            stream.cancel()

    async def log_levels(self) -> dict[str, str]:
        """Level by logger; '' for all others, and for a logger that has the level of the one above it."""
        found = await self.invoke(self._admin.GetLogLevels, apb.GetLogLevelsRequest())
        return {item.logger: item.level for item in found.levels}

    async def set_log_level(self, level: str, logger: str = "") -> dict[str, str]:
        """Log from this level up until the daemon ends; all levels as they are then."""
        found = await self.invoke(self._admin.SetLogLevel, apb.SetLogLevelRequest(logger=logger, level=level))
        return {item.logger: item.level for item in found.levels}

    async def settings(self) -> list[apb.Setting]:
        """The daemon's settings in force, with where each comes from; never what is in the files of keys and tokens."""
        found: apb.GetSettingsResponse = await self.invoke(self._admin.GetSettings, apb.GetSettingsRequest())
        return list(found.settings)

    async def whoami(self) -> acpb.WhoAmIResponse:
        """Who the daemon takes this client for."""
        stub: Any = acrpc.AccessServiceStub(self.channel)
        found: acpb.WhoAmIResponse = await self.invoke(stub.WhoAmI, acpb.WhoAmIRequest())
        return found

    async def backup(self) -> bytes:
        """A snapshot of everything durable, checked; it holds secrets."""
        assembly = snapshots.Assembly()
        try:
            async for message in self._admin.Backup(apb.BackupRequest(), timeout=snapshots.TIMEOUT):
                assembly.add(message)
        except grpc.RpcError as error:
            raise ApiError.of(error, self.address) from None
        return assembly.data()

    async def restore(self, snapshot: bytes, *, dry_run: bool = False) -> apb.RestoreResponse:
        """Make the objects those of a snapshot, all or nothing; returns what changed, or would."""
        try:
            response: apb.RestoreResponse = await self._admin.Restore(
                snapshots.parts(snapshot, dry_run), timeout=snapshots.TIMEOUT
            )
        except grpc.RpcError as error:
            raise ApiError.of(error, self.address) from None
        return response
