"""Every method of every service against every role; names of other tenants; streams whose right ends."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from fake_backend import FakeBackend
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from test_counter_service import FakeCounters

from sdn.model.errors import Refused
from sdn.model.ids import Kind
from sdn.model.notice import Severity
from sdn.model.status import State, Status
from sdn.northbound import Server, counters, guard
from sdn.northbound.places import Shares
from sdn.northbound.policy import HAS, POLICY
from sdn.northbound.scope import Scope
from sdn.security.access import Access
from sdn.security.auditlog import AuditLog
from sdn.security.subjects import ROLES, Subject
from sdn.security.tokens import make_token
from sdn.v1 import access_pb2
from sdn.v1 import counters_pb2 as cpb
from sdn.v1 import events_pb2 as epb
from sdn.v1 import resources_pb2 as pb
from sdn.v1 import services_pb2 as spb
from sdn.v1 import topology_pb2 as tpb

ADMIN, OPERATOR, VIEWER, MEMBER, TENANT_VIEWER = ROLES
EVERYBODY = set(ROLES)
READERS = {ADMIN, OPERATOR, VIEWER}
WHO: dict[str, set[str]] = {
    **{f"/sdn.v1.{kind}Service/{verb}{kind}": EVERYBODY for kind in Kind for verb in ("Get",)},
    **{f"/sdn.v1.{kind}Service/{verb}{kind}s": EVERYBODY for kind in Kind for verb in ("List", "Watch")},
    **{
        f"/sdn.v1.{kind}Service/{verb}{kind}": {ADMIN} if kind is Kind.TENANT else {ADMIN, MEMBER}
        for kind in Kind
        for verb in ("Create", "Update", "Delete")
    },
    # They have no parent, and so no form in which one tenant could be asked for.
    "/sdn.v1.TenantService/ListTenants": READERS,
    "/sdn.v1.TenantService/WatchTenants": READERS,
    "/sdn.v1.ApplyService/Apply": {ADMIN, MEMBER},
    "/sdn.v1.EventService/ListEvents": EVERYBODY,
    "/sdn.v1.EventService/WatchEvents": EVERYBODY,
    "/sdn.v1.TopologyService/GetTopology": READERS,
    "/sdn.v1.TopologyService/GetResilience": READERS,
    "/sdn.v1.TopologyService/ListFlows": READERS,
    "/sdn.v1.TopologyService/AuditSwitch": {ADMIN, OPERATOR},
    "/sdn.v1.TopologyService/SetMaintenance": {ADMIN, OPERATOR},
    "/sdn.v1.TopologyService/ForgetSwitch": {ADMIN, OPERATOR},
    "/sdn.v1.TopologyService/GetMaintenance": READERS,
    "/sdn.v1.PathService/CheckConnection": READERS,
    "/sdn.v1.PathService/FindPaths": READERS,
    "/sdn.v1.PathService/WhatIf": READERS,
    "/sdn.v1.TraceService/TracePacket": READERS,
    "/sdn.v1.TraceService/TracePacketLive": {ADMIN, OPERATOR},
    "/sdn.v1.SystemService/GetSystemStatus": READERS,
    "/sdn.v1.CounterService/GetCounters": EVERYBODY,
    "/sdn.v1.CounterService/ListCounters": EVERYBODY,
    "/sdn.v1.CounterService/WatchCounters": EVERYBODY,
    "/sdn.v1.AdminService/GetLogLevels": READERS,
    "/sdn.v1.AdminService/SetLogLevel": {ADMIN, OPERATOR},
    "/sdn.v1.AdminService/GetSettings": {ADMIN, OPERATOR},
    "/sdn.v1.AdminService/Backup": {ADMIN},
    "/sdn.v1.AdminService/Restore": {ADMIN},
    "/sdn.v1.AccessService/WhoAmI": EVERYBODY,
    "/grpc.health.v1.Health/Check": EVERYBODY | {""},
    "/grpc.health.v1.Health/List": EVERYBODY,
    "/grpc.health.v1.Health/Watch": EVERYBODY,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": EVERYBODY,
}
"""Method → roles that may call it for a tenant of theirs; '' is who does not say who it is."""


@dataclass
class Door:
    """A server that demands tokens. tokens: by role, or by another word that a test gave."""

    address: str
    server: Server
    file: Path
    audit: Path
    backend: FakeBackend
    tokens: dict[str, str] = field(default_factory=dict)

    def give(self, word: str, subject: Subject) -> None:
        token, line = make_token(subject, None)
        self.tokens[word] = token
        with self.file.open("a") as file:
            file.write(line + "\n")

    def metadata(self, word: str) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.tokens[word]}"),) if word else ()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.audit.read_text().splitlines()]


@pytest.fixture
async def door(backend: FakeBackend, tmp_path: Path) -> AsyncIterator[Door]:
    file = tmp_path / "tokens"
    file.touch(0o600)
    door = Door("", None, file, tmp_path / "audit.log", backend)  # type: ignore[arg-type]
    for role in ROLES:
        door.give(role, Subject(f"the-{role}", role, ("red",) if role in (MEMBER, TENANT_VIEWER) else ()))
    door.give("both", Subject("both", MEMBER, ("red", "green")))
    access = Access(file, anonymous=None)
    door.server = Server(backend, "127.0.0.1:0", access=access, audit=AuditLog(door.audit), counters=FakeCounters())
    door.address = f"127.0.0.1:{await door.server.start()}"
    yield door
    await door.server.stop(0)


def method_of(path: str) -> MethodDescriptor:
    service, _, name = path[1:].rpartition("/")
    return descriptor_pool.Default().FindServiceByName(service).methods_by_name[name]


def request_for(path: str, tenant: str = "tenants/red") -> Any:
    """One that names only what belongs to a tenant."""
    method = method_of(path)
    request = message_factory.GetMessageClass(method.input_type)()
    fields = request.DESCRIPTOR.fields_by_name
    if "parent" in fields:
        request.parent = tenant
    elif "object" in fields:
        request.object = tenant
    elif path.endswith("/Apply"):
        request.deletes.append(f"{tenant}/ports/none")
    for kind in Kind:
        name = tenant if kind is Kind.TENANT else f"{tenant}/{kind.collection}/none"
        if method.name in (f"Get{kind}", f"Delete{kind}", "GetCounters"):
            request.name = name
        elif kind.value.lower() in fields and fields[kind.value.lower()].message_type is not None:
            getattr(request, kind.value.lower()).name = name
    return request


async def outcome(channel: grpc.aio.Channel, path: str, request: Any, metadata: Any) -> grpc.aio.AioRpcError | None:
    """The error of a call, None if it has an answer (a stream: a first one, or an end)."""
    method = method_of(path)
    response = message_factory.GetMessageClass(method.output_type).FromString
    data = request.SerializeToString()
    try:
        if method.client_streaming and method.server_streaming:
            both = channel.stream_stream(path, None, response)(iter([data]), metadata=metadata, timeout=20)
            await both.read()
            both.cancel()
        elif method.client_streaming:
            await channel.stream_unary(path, None, response)(iter([data]), metadata=metadata, timeout=20)
        elif method.server_streaming:
            stream = channel.unary_stream(path, None, response)(data, metadata=metadata, timeout=20)
            await stream.read()
            stream.cancel()
        else:
            await channel.unary_unary(path, None, response)(data, metadata=metadata, timeout=20)
    except grpc.aio.AioRpcError as error:
        return error
    return None


def details_of(error: grpc.aio.AioRpcError) -> tuple[str, str, str]:
    """(reason, field, description) of an error."""
    metadata: Any = error.trailing_metadata()
    status = status_pb2.Status.FromString(dict(metadata)["grpc-status-details-bin"])
    bad, info = error_details_pb2.BadRequest(), error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(bad)
    assert status.details[1].Unpack(info)
    return info.reason, bad.field_violations[0].field, bad.field_violations[0].description


async def test_every_method_of_every_registered_service_is_in_the_policy(door: Door) -> None:
    async with grpc.aio.insecure_channel(door.address) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        ask = reflection_pb2.ServerReflectionRequest(list_services="")
        answers = stub.ServerReflectionInfo(iter([ask]), metadata=door.metadata(VIEWER))
        services = [service.name for service in (await answers.read()).list_services_response.service]
        answers.cancel()
    pool = descriptor_pool.Default()
    methods = {f"/{name}/{m.name}" for name in services for m in pool.FindServiceByName(name).methods}
    assert len(services) >= 14
    assert methods == set(POLICY), "give every method a line in sdn/northbound/policy.py, and one in WHO above"
    assert set(POLICY) == set(WHO)


def test_every_role_is_in_the_policy() -> None:
    assert set(HAS) == {"", *ROLES}


@pytest.mark.parametrize("role", ["", *ROLES])
async def test_every_method_for_a_role(door: Door, role: str) -> None:
    door.backend.tell(Severity.INFO, "Test", "tenants/red/ports/h1")
    allowed = set()
    async with grpc.aio.insecure_channel(door.address) as channel:
        for path in WHO:
            error = await outcome(channel, path, request_for(path), door.metadata(role))
            if error is None or error.code() not in (
                grpc.StatusCode.PERMISSION_DENIED,
                grpc.StatusCode.UNAUTHENTICATED,
            ):
                allowed.add(path)
                continue
            reason, _, description = details_of(error)
            expected = "PermissionDenied" if role else "Unauthenticated"
            assert (path, reason) == (path, expected)
            assert description.count(". ") >= 1, "a remedy follows the reason"
            assert description.endswith(".")
    assert allowed == {path for path, roles in WHO.items() if role in roles}


@pytest.mark.parametrize("role", [MEMBER, TENANT_VIEWER])
@pytest.mark.parametrize("tenant", ["tenants/blue", "tenants/none"])
async def test_other_tenants_are_refused_alike_whether_they_exist(door: Door, role: str, tenant: str) -> None:
    """blue exists, none does not; nothing tells the two apart."""
    async with grpc.aio.insecure_channel(door.address) as channel:
        for path, roles in WHO.items():
            if role not in roles or not path.startswith("/sdn.v1.") or path.endswith("/WhoAmI"):
                continue
            before = len(door.backend.transactions)
            error = await outcome(channel, path, request_for(path, tenant), door.metadata(role))
            assert error is not None, path
            assert error.code() is grpc.StatusCode.PERMISSION_DENIED, path
            reason, where, description = details_of(error)
            assert (reason, description) == (
                "PermissionDenied",
                "not within your tenants. Name what belongs to tenants/red.",
            )
            assert where
            assert len(door.backend.transactions) == before


async def call(door: Door, path: str, request: Any, word: str) -> Any:
    """The answer of a unary call; raises AioRpcError."""
    async with grpc.aio.insecure_channel(door.address) as channel:
        response = message_factory.GetMessageClass(method_of(path).output_type).FromString
        return await channel.unary_unary(path, None, response)(
            request.SerializeToString(), metadata=door.metadata(word), timeout=20
        )


async def denied(door: Door, path: str, request: Any, word: str) -> tuple[str, str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(door, path, request, word)
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
    return details_of(caught.value)


PORTS, APPLY = "/sdn.v1.PortService", "/sdn.v1.ApplyService/Apply"
RED = "tenants/red"


async def test_a_list_of_all_tenants_is_that_of_ones_own(door: Door) -> None:
    found = await call(door, f"{PORTS}/ListPorts", spb.ListPortsRequest(parent="tenants/-", page_size=1), MEMBER)
    assert [port.name for port in found.ports] == [f"{RED}/ports/h1"]
    more = spb.ListPortsRequest(parent="tenants/-", page_size=1, page_token=found.next_page_token)
    found = await call(door, f"{PORTS}/ListPorts", more, MEMBER)
    assert [port.name for port in found.ports] == [f"{RED}/ports/h2"]
    _, where, text = await denied(door, f"{PORTS}/ListPorts", spb.ListPortsRequest(parent="tenants/-"), "both")
    assert where == "parent"
    assert "tenants/green, tenants/red" in text
    for parent in ("", "tenants/", "tenants/re", "tenants/red/", "red", "tenants/red/../blue", "tenants/blue"):
        request = spb.ListPortsRequest(parent=parent)
        with pytest.raises(grpc.aio.AioRpcError):
            await call(door, f"{PORTS}/ListPorts", request, MEMBER)


async def test_events_are_those_of_ones_own_objects(door: Door) -> None:
    for name in (f"{RED}/ports/h1", "tenants/blue/ports/x", "leaf1", "", "tenants/redder/ports/x"):
        door.backend.tell(Severity.INFO, "Test", name, switch="leaf1")
    path = "/sdn.v1.EventService/ListEvents"
    found = await call(door, path, epb.ListEventsRequest(), TENANT_VIEWER)
    assert [event.object for event in found.events] == [f"{RED}/ports/h1"]
    assert (found.events[0].reason, found.events[0].message, dict(found.events[0].details)) == ("Test", "", {})
    whole = await call(door, path, epb.ListEventsRequest(object=f"{RED}/ports/h1"), VIEWER)
    assert (whole.events[0].message, dict(whole.events[0].details)) == (f"Test of {RED}/ports/h1", {"switch": "leaf1"})
    for name in ("leaf1", "tenants", "tenants/", "tenants/blue", "tenants/redder"):
        await denied(door, path, epb.ListEventsRequest(object=name), TENANT_VIEWER)
    _, where, _ = await denied(door, path, epb.ListEventsRequest(), "both")
    assert where == "object"


async def test_counters_are_those_of_ones_own_objects(door: Door) -> None:
    """Links are the network's, also where they are only meant by saying nothing."""
    listed, watched = "/sdn.v1.CounterService/ListCounters", "/sdn.v1.CounterService/WatchCounters"
    await denied(door, listed, cpb.ListCountersRequest(kind=cpb.LINKS), MEMBER)
    await denied(door, listed, cpb.ListCountersRequest(kind=cpb.LINKS, parent=RED), MEMBER)
    await denied(door, listed, cpb.ListCountersRequest(kind=cpb.PORTS, parent=RED, switch="leaf1"), MEMBER)
    async with grpc.aio.insecure_channel(door.address) as channel:
        for fields in ({"kinds": [cpb.PORTS, cpb.LINKS]}, {"switch": "leaf1"}):
            error = await outcome(
                channel, watched, cpb.WatchCountersRequest(parent=RED, **fields), door.metadata(MEMBER)
            )
            assert error is not None
            assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    own = cpb.WatchCountersRequest(parent="tenants/-")
    Scope(("red",), lambda name: None).check(own)
    assert (own.parent, list(own.kinds)) == (RED, [cpb.PORTS, cpb.NETWORKS, cpb.CONNECTIONS])


def test_what_a_tenant_sees_of_an_answer() -> None:
    """Of a dry run no switches, of a status what the network does not stand in."""
    answer = spb.ApplyResponse(
        switches=[spb.SwitchChange(switch="leaf1")], switches_unknown="leaf2 is away", revision=7
    )
    condition = pb.Condition(type="Programmed", reason="SwitchAway", message="leaf9 is away")
    answer.resources.add().port.status.CopyFrom(pb.Status(reason="SwitchAway", conditions=[condition]))
    Scope(("red",), lambda name: None).redact(answer)
    kept = pb.Condition(type="Programmed", reason="SwitchAway")
    assert answer.resources[0].port.status == pb.Status(reason="SwitchAway", conditions=[kept])
    del answer.resources[:]
    assert answer == spb.ApplyResponse(revision=7)


async def test_a_member_does_not_move_ports(door: Door) -> None:
    port = pb.Port(name=f"{RED}/ports/h1", migration_target=pb.Binding(switch="leaf1", interface="up1"))
    update = spb.UpdatePortRequest(port=port)
    update.update_mask.paths.append("migration_target")
    assert (await denied(door, f"{PORTS}/UpdatePort", update, MEMBER))[1] == "port.migration_target"


BLUE = "tenants/blue/networks/web"


@pytest.mark.parametrize(
    ("resource", "where"),
    [
        (pb.Resource(network=pb.Network(name=BLUE)), "resources[1].network.name"),
        (pb.Resource(port=pb.Port(name=f"{RED}/ports/x", network=BLUE)), "resources[1].port.network"),
        (pb.Resource(subnet=pb.Subnet(name=f"{RED}/subnets/x", network=BLUE)), "resources[1].subnet.network"),
        (
            pb.Resource(router=pb.Router(name=f"{RED}/routers/x", subnets=["v4", BLUE])),
            "resources[1].router.subnets[1]",
        ),
        (
            pb.Resource(connection=pb.Connection(name=f"{RED}/connections/x", a="h1", b=BLUE)),
            "resources[1].connection.b",
        ),
        (pb.Resource(tenant=pb.Tenant(name=RED)), "resources[1].tenant"),
        (pb.Resource(tenant=pb.Tenant(name="tenants/blue")), "resources[1].tenant.name"),
        (
            pb.Resource(port=pb.Port(name=f"{RED}/ports/x", binding=pb.Binding(switch="leaf1", interface="up1"))),
            "resources[1].port.binding",
        ),
        (
            pb.Resource(port=pb.Port(name=f"{RED}/ports/h1", binding=pb.Binding(switch="leaf1", interface="up1"))),
            "resources[1].port.binding",
        ),
        (pb.Resource(port=pb.Port(name=f"{RED}/ports/h1", network="web")), "resources[1].port.binding"),
        (
            pb.Resource(connection=pb.Connection(name=f"{RED}/connections/c", a="leaf1:e7", b="leaf2:e7@5")),
            "resources[1].connection.a",
        ),
        *(
            (pb.Resource(connection=pb.Connection(name=f"{RED}/connections/c", **ends)), "resources[1].connection.a")
            for ends in (
                {"a": "leaf1:e7", "targets": ["leaf2:e7", "leaf3:e7"]},
                {"a": "h1", "targets": ["h2", "leaf3:e7"]},
                {"b": "h1", "sources": ["leaf3:e7"]},
            )
        ),
        *(
            (
                pb.Resource(
                    connection=pb.Connection(
                        name=f"{RED}/connections/c", a="h1", b="h2", constraints=pb.Constraints(**{field: ["leaf1"]})
                    )
                ),
                f"resources[1].connection.constraints.{field}",
            )
            for field in (
                "via",
                *("exclude_switches", "exclude_links", "exclude_risk_groups"),
                *("include_switches", "include_links", "include_risk_groups"),
            )
        ),
    ],
)
async def test_apply_is_refused_before_anything_is_looked_at(door: Door, resource: pb.Resource, where: str) -> None:
    good = pb.Resource(network=pb.Network(name=f"{RED}/networks/new"))
    found = await denied(door, APPLY, spb.ApplyRequest(resources=[good, resource]), MEMBER)
    assert found[1] == where
    assert door.backend.transactions == []


@pytest.mark.parametrize("name", [RED, "tenants/blue", "tenants/blue/ports/x"])
async def test_apply_deletes_nothing_of_others_nor_the_tenant(door: Door, name: str) -> None:
    assert (await denied(door, APPLY, spb.ApplyRequest(deletes=[name]), MEMBER))[1] == "deletes[0]"
    assert door.backend.transactions == []


async def test_a_member_writes_what_is_its_own_and_keeps_bindings(door: Door) -> None:
    port = pb.Port(name=f"{RED}/ports/h1", network="web", binding=pb.Binding(switch="leaf1", interface="h1-eth0"))
    port.metadata.description = "tenants/blue is only a word here"
    await call(door, APPLY, spb.ApplyRequest(resources=[pb.Resource(port=port)]), MEMBER)
    update = spb.UpdatePortRequest(port=pb.Port(name=port.name, metadata=pb.Metadata(description="new")))
    assert (await denied(door, f"{PORTS}/UpdatePort", update, MEMBER))[1] == "port.binding"
    update.update_mask.paths.append("metadata.description")
    found = await call(door, f"{PORTS}/UpdatePort", update, MEMBER)
    assert (found.metadata.description, found.binding.interface) == ("new", "h1-eth0")
    for mask in ("binding", "binding.interface", "*"):
        update.update_mask.paths[:] = [mask]
        assert (await denied(door, f"{PORTS}/UpdatePort", update, MEMBER))[1] == "port.binding"


async def test_a_tenant_does_not_see_the_network_in_a_status(door: Door) -> None:
    name = f"{RED}/connections/c"
    path, request = "/sdn.v1.ConnectionService/GetConnection", spb.GetConnectionRequest(name=name)
    whole = await call(door, path, request, VIEWER)
    assert len(whole.status.path) == 3
    text = f"tenants/blue/ports/x is bound to the same interface; {RED}/ports/h1 waits."
    hops = door.backend.fake.statuses[name].path
    where = {"path": hops, "backup_path": hops, "switches_pending": ("leaf1",)}
    door.backend.fake.statuses[name] = Status(State.PENDING, "X", text, ("leaf9",), **where)
    found = await call(door, path, request, TENANT_VIEWER)
    assert found.status == pb.Status(state=pb.PENDING, reason="X")
    listed = await call(
        door, "/sdn.v1.ConnectionService/ListConnections", spb.ListConnectionsRequest(parent=RED), TENANT_VIEWER
    )
    assert listed.connections[0].status == found.status
    door.backend.fake.statuses[name] = Status(State.PENDING, "Unbound", "The port is not bound.")
    assert (await call(door, path, request, TENANT_VIEWER)).status.message == "The port is not bound."


async def test_a_tenant_is_not_told_which_link_is_full(door: Door) -> None:
    door.backend.failure = Refused.of("connection.bandwidth_bps", "leaf1 - spine1 has 5 bit/s free", "Ask for 5.")
    request = spb.CreateConnectionRequest(connection=pb.Connection(name=f"{RED}/connections/x", a="h1", b="h2"))
    texts = {}
    for word in (MEMBER, ADMIN):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(door, "/sdn.v1.ConnectionService/CreateConnection", request, word)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        texts[word] = details_of(caught.value)
    assert "leaf1" in texts[ADMIN][2]
    assert texts[MEMBER][:2] == texts[ADMIN][:2]
    assert texts[MEMBER][2].startswith("the network has no room for it. Ask for less")
    assert "leaf1" not in door.audit.read_text().splitlines()[0]


@pytest.mark.parametrize(
    "value",
    ["", "Bearer", "Bearer x", "Basic eDp5", "Bearer sdn_000000000000_" + "A" * 43, "Bearer " + "x" * 5000],
)
async def test_what_is_no_valid_token(door: Door, value: str) -> None:
    async with grpc.aio.insecure_channel(door.address) as channel:
        path = "/sdn.v1.AccessService/WhoAmI"
        error = await outcome(channel, path, access_pb2.WhoAmIRequest(), (("authorization", value),))
    assert error is not None
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    reason, where, text = details_of(error)
    assert (reason, where) == ("Unauthenticated", "authorization")
    assert text.endswith(".")


async def test_who_am_i(door: Door) -> None:
    found = await call(door, "/sdn.v1.AccessService/WhoAmI", access_pb2.WhoAmIRequest(), "both")
    assert (found.name, found.role, list(found.tenants)) == ("both", "member", ["tenants/green", RED])
    assert found.source == access_pb2.TOKEN
    assert found.key in door.tokens["both"]


async def test_a_stranger_is_refused_before_its_request_is_read(door: Door) -> None:
    async with grpc.aio.insecure_channel(door.address) as channel:
        stream = channel.stream_unary("/sdn.v1.AdminService/Restore")(metadata=())
        assert await stream.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_method_that_nobody_thought_of_is_refused(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(POLICY, "/sdn.v1.SystemService/GetSystemStatus")
    found = await denied(door, "/sdn.v1.SystemService/GetSystemStatus", tpb.GetSystemStatusRequest(), ADMIN)
    assert "not in the policy" in found[2]


async def test_streams_end_when_the_token_is_revoked(door: Door) -> None:
    async with grpc.aio.insecure_channel(door.address) as channel:
        response = spb.PortChange.FromString
        request = spb.WatchPortsRequest(parent=RED).SerializeToString()
        watch = channel.unary_stream(f"{PORTS}/WatchPorts", None, response)
        loser, keeper = watch(request, metadata=door.metadata(MEMBER)), watch(request, metadata=door.metadata("both"))
        for stream in (loser, keeper):
            while (await stream.read()).type != spb.SYNCED:
                pass
        lines = door.file.read_text().splitlines()
        door.file.write_text("".join(f"{line}\n" for line in lines if "the-member" not in line))
        door.server.recheck()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await loser.read()
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert "ended" in details_of(caught.value)[2]
        new = spb.CreatePortRequest(port=pb.Port(name=f"{RED}/ports/later", network="web"))
        await call(door, f"{PORTS}/CreatePort", new, "both")
        assert (await keeper.read()).port.name == f"{RED}/ports/later"
        keeper.cancel()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(door, "/sdn.v1.AccessService/WhoAmI", access_pb2.WhoAmIRequest(), MEMBER)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_changed_file_is_taken_by_itself(door: Door) -> None:
    """Without being told: a watch of health ends as soon as its token is gone."""
    async with grpc.aio.insecure_channel(door.address) as channel:
        path = "/grpc.health.v1.Health/Watch"
        stream = channel.unary_stream(path)(b"", metadata=door.metadata(VIEWER), timeout=30)
        await stream.read()
        door.file.write_text("")
        assert await stream.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_one_caller_does_not_take_the_places_of_all(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "MAX_CALLS_OF_ONE", 2)
    request = spb.WatchPortsRequest(parent=RED).SerializeToString()
    async with grpc.aio.insecure_channel(door.address) as channel:
        watch = channel.unary_stream(f"{PORTS}/WatchPorts", None, spb.PortChange.FromString)
        held = [watch(request, metadata=door.metadata(MEMBER)) for _ in range(2)]
        for stream in held:
            await stream.read()
        third = watch(request, metadata=door.metadata(MEMBER))
        assert await third.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        other = watch(request, metadata=door.metadata("both"))
        assert (await other.read()).port.name == f"{RED}/ports/h1"
        for stream in (*held, other):
            stream.cancel()


WATCHES: dict[str, tuple[Any, type[Any]]] = {
    f"{PORTS}/WatchPorts": (spb.WatchPortsRequest(parent=RED), spb.PortChange),
    "/sdn.v1.CounterService/WatchCounters": (cpb.WatchCountersRequest(parent=RED), cpb.CountersPart),
    "/sdn.v1.EventService/WatchEvents": (epb.WatchEventsRequest(object=f"{RED}/ports/h1"), epb.Event),
}


@pytest.mark.parametrize("path", WATCHES)
@pytest.mark.parametrize("share", ["caller", "tenant", "tenants"])
async def test_watches_have_shares(door: Door, monkeypatch: pytest.MonkeyPatch, path: str, share: str) -> None:
    """Whoever uses one up is told whose it is and what to do; others, and operators, find a place; places come free."""
    shares = {"caller": 100, "tenant": 100, "tenants": 100, share: 2}
    monkeypatch.setattr(counters, "SHARES", Shares(**shares))
    if not path.endswith("/WatchCounters"):
        monkeypatch.setattr(guard, "MAX_CALLS_OF_ONE", shares["caller"])
        monkeypatch.setattr(guard, "MAX_CALLS_OF_TENANT", shares["tenant"])
        monkeypatch.setattr(guard, "MAX_CALLS_OF_TENANTS", shares["tenants"])
    door.backend.tell(Severity.INFO, "Test", f"{RED}/ports/h1")
    request, response = WATCHES[path]
    first, second = {"caller": (MEMBER, MEMBER)}.get(share, (MEMBER, TENANT_VIEWER))
    whose = {"caller": "the-member", "tenant": RED, "tenants": "all tenants"}[share]
    async with grpc.aio.insecure_channel(door.address) as channel:
        watch = channel.unary_stream(path, None, response.FromString)
        held = [watch(request.SerializeToString(), metadata=door.metadata(word)) for word in (first, second)]
        for stream in held:
            await stream.read()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await watch(request.SerializeToString(), metadata=door.metadata(first)).read()
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        text = details_of(caught.value)[2]
        assert f"2 {'watches of counters' if 'Counter' in path else 'calls'} of {whose} are open. End " in text
        operator = watch(request.SerializeToString(), metadata=door.metadata(VIEWER))
        await operator.read()
        held[0].cancel()
        async with asyncio.timeout(20):
            while (again := await outcome(channel, path, request, door.metadata(first))) is not None:
                assert again.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        for stream in (*held, operator):
            stream.cancel()


async def test_streams_leave_room_for_other_calls(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "MAX_STREAMS_OF_ONE", 1)
    request = spb.WatchPortsRequest(parent=RED)
    async with grpc.aio.insecure_channel(door.address) as channel:
        watch = channel.unary_stream(f"{PORTS}/WatchPorts", None, spb.PortChange.FromString)
        held = watch(request.SerializeToString(), metadata=door.metadata(MEMBER))
        await held.read()
        refused = await outcome(channel, f"{PORTS}/WatchPorts", request, door.metadata(MEMBER))
        assert refused is not None
        assert "1 streams of the-member are open" in details_of(refused)[2]
        assert (
            await outcome(channel, f"{PORTS}/ListPorts", spb.ListPortsRequest(parent=RED), door.metadata(MEMBER))
            is None
        )
        held.cancel()


def spoken(lines: list[dict[str, Any]]) -> list[tuple[str, str, str, list[str]]]:
    return [(line["method"].rpartition("/")[2], line["code"], line["identity"], line["names"]) for line in lines]


async def test_every_write_and_every_refusal_is_in_the_audit_log(door: Door) -> None:
    name = f"{RED}/networks/n"
    service = "/sdn.v1.NetworkService"
    options = spb.WriteOptions(request_id="once")
    await call(
        door,
        f"{service}/CreateNetwork",
        spb.CreateNetworkRequest(network=pb.Network(name=name), options=options),
        MEMBER,
    )
    again = spb.CreateNetworkRequest(network=pb.Network(name=name))
    with pytest.raises(grpc.aio.AioRpcError):
        await call(door, f"{service}/CreateNetwork", again, ADMIN)
    await call(door, f"{service}/GetNetwork", spb.GetNetworkRequest(name=name), VIEWER)
    with pytest.raises(grpc.aio.AioRpcError):
        await call(door, f"{service}/DeleteNetwork", spb.DeleteNetworkRequest(name=name), VIEWER)
    with pytest.raises(grpc.aio.AioRpcError):
        await call(door, f"{service}/DeleteNetwork", spb.DeleteNetworkRequest(name=BLUE), MEMBER)
    with pytest.raises(grpc.aio.AioRpcError):
        await call(door, f"{service}/GetNetwork", spb.GetNetworkRequest(name=name), "")
    dry = spb.ApplyRequest(
        resources=[pb.Resource(network=pb.Network(name=name))], deletes=[f"{RED}/connections/c"], dry_run=True
    )
    await call(door, APPLY, dry, MEMBER)
    await call(door, f"{service}/DeleteNetwork", spb.DeleteNetworkRequest(name=name), ADMIN)
    await call(door, "/sdn.v1.TopologyService/AuditSwitch", tpb.AuditSwitchRequest(switch="leaf1"), OPERATOR)
    lines = door.lines()
    assert spoken(lines) == [
        ("CreateNetwork", "OK", "the-member", [name]),
        ("CreateNetwork", "ALREADY_EXISTS", "the-admin", [name]),
        ("DeleteNetwork", "PERMISSION_DENIED", "the-viewer", []),
        ("DeleteNetwork", "PERMISSION_DENIED", "the-member", [BLUE]),
        ("GetNetwork", "UNAUTHENTICATED", "", []),
        ("Apply", "OK", "the-member", [name, f"{RED}/connections/c"]),
        ("DeleteNetwork", "OK", "the-admin", [name]),
        ("AuditSwitch", "OK", "the-operator", ["leaf1"]),
    ]
    first = lines[0]
    assert (first["role"], first["source"], first["request_id"]) == ("member", "token", "once")
    assert first["key"] in door.tokens[MEMBER]
    assert first["peer"].startswith("ipv4:127.0.0.1:")
    assert first["revision"] == lines[6]["revision"] - 1 > 0
    assert (lines[5]["dry_run"], lines[5]["revision"], lines[5]["names_total"]) == (True, 0, 2)
    text = door.audit.read_text()
    assert not any(token.split("_", 2)[2] in text for token in door.tokens.values())
    assert stat.S_IMODE(door.audit.stat().st_mode) == 0o600


async def test_a_write_is_in_the_log_when_it_is_durable_not_when_switches_are_done(door: Door) -> None:
    waiting, go = asyncio.Event(), asyncio.Event()

    async def wait(names: tuple[str, ...], timeout: float) -> None:  # noqa: ASYNC109 - the Backend's signature
        waiting.set()
        await go.wait()

    door.backend.wait_programmed = wait  # type: ignore[method-assign]
    request = spb.CreateNetworkRequest(network=pb.Network(name=f"{RED}/networks/n"))
    request.options.wait.seconds = 15
    slow = asyncio.ensure_future(call(door, "/sdn.v1.NetworkService/CreateNetwork", request, MEMBER))
    await asyncio.wait_for(waiting.wait(), 20)
    assert [line["code"] for line in door.lines()] == ["OK"]
    go.set()
    await slow
    assert len(door.lines()) == 1


async def test_writes_are_refused_while_the_log_cannot_be_written(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    path = "/sdn.v1.NetworkService/CreateNetwork"

    def wish(word: str) -> Any:
        return spb.CreateNetworkRequest(network=pb.Network(name=f"{RED}/networks/{word}"))

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        await call(door, path, wish("a"), MEMBER)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(door, path, wish("b"), MEMBER)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "audit log" in details_of(caught.value)[2]
        await call(door, "/sdn.v1.NetworkService/GetNetwork", spb.GetNetworkRequest(name=f"{RED}/networks/a"), MEMBER)
    await call(door, path, wish("c"), MEMBER)
    assert [line["names"][0][-1] for line in door.lines()] == ["a", "c"]


async def test_request_ids_of_tenants_are_spaces_of_their_own(door: Door) -> None:
    """What one wrote with an id is no answer, and no hindrance, to another one."""
    path = "/sdn.v1.NetworkService/CreateNetwork"
    options = spb.WriteOptions(request_id="same")
    for word, tenant in ((ADMIN, RED), (MEMBER, RED), ("both", "tenants/green")):
        if word == "both":
            await call(
                door,
                "/sdn.v1.TenantService/CreateTenant",
                spb.CreateTenantRequest(tenant=pb.Tenant(name=tenant)),
                ADMIN,
            )
        network = pb.Network(name=f"{tenant}/networks/by-{word}")
        request = spb.CreateNetworkRequest(network=network, options=options)
        first = await call(door, path, request, word)
        assert await call(door, path, request, word) == first
    assert [line["request_id"] for line in door.lines() if "Network" in line["method"]] == ["same"] * 6
    long = spb.CreateNetworkRequest(
        network=pb.Network(name=f"{RED}/networks/x"), options=spb.WriteOptions(request_id="x" * 129)
    )
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(door, path, long, MEMBER)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_strangers_get_few_places_and_little_time(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "STRANGERS", 2)
    monkeypatch.setattr(guard, "STRANGER_SECONDS", 1.0)
    path = "/grpc.health.v1.Health/Check"
    async with grpc.aio.insecure_channel(door.address) as channel:
        slow = [channel.stream_unary(path)() for _ in range(2)]
        for stream in slow:
            await stream.wait_for_connection()
        assert {await stream.code() for stream in slow} == {grpc.StatusCode.UNAVAILABLE}
        assert await outcome(channel, path, health_pb2.HealthCheckRequest(), ()) is None
    monkeypatch.setattr(guard, "STRANGERS", 0)
    async with grpc.aio.insecure_channel(door.address) as channel:
        error = await outcome(channel, path, health_pb2.HealthCheckRequest(), ())
    assert error is not None
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_large_metadata_and_large_requests_are_refused(door: Door) -> None:
    async with grpc.aio.insecure_channel(door.address) as channel:
        path = "/sdn.v1.AccessService/WhoAmI"
        for _ in range(3):
            error = await outcome(channel, path, access_pb2.WhoAmIRequest(), (("x-filler", "x" * 60_000),))
            assert error is not None
            assert error.code() in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE)
        big = spb.ApplyRequest(deletes=["x" * 17_000_000])
        error = await outcome(channel, APPLY, big, door.metadata(MEMBER))
        assert error is not None
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (await call(door, path, access_pb2.WhoAmIRequest(), VIEWER)).role == VIEWER
