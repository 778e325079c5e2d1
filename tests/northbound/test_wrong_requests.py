"""Wrong requests over a socket: status, machine word, field and remedy of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
import pytest
from fake_backend import FakeBackend
from google.protobuf import duration_pb2, field_mask_pb2

from sdn.client import ApiError
from sdn.model.command import Create, Transaction
from sdn.model.intent import Network, Quota, Tenant
from sdn.northbound.paging import make_token
from sdn.v1 import paths_pb2 as ppb
from sdn.v1 import resources_pb2 as pb
from sdn.v1 import services_pb2 as s
from sdn.v1 import topology_pb2 as t

INVALID = "INVALID_ARGUMENT InvalidInput"
GONE = "OUT_OF_RANGE Gone"
RED = "tenants/red"
H3 = f"{RED}/ports/h3"


def mask(*paths: str) -> field_mask_pb2.FieldMask:
    return field_mask_pb2.FieldMask(paths=paths)


def port(**fields: Any) -> pb.Port:
    return pb.Port(**{"name": H3, "network": "web", **fields})


def create_port(**fields: Any) -> s.CreatePortRequest:
    return s.CreatePortRequest(port=port(**fields))


def update_port(*paths: str, **fields: Any) -> s.UpdatePortRequest:
    return s.UpdatePortRequest(port=pb.Port(**{"name": f"{RED}/ports/h1", **fields}), update_mask=mask(*paths))


def subnet(**fields: Any) -> s.CreateSubnetRequest:
    return s.CreateSubnetRequest(
        subnet=pb.Subnet(**{"name": f"{RED}/subnets/new", "network": "web", "cidr": "10.9.0.0/24", **fields})
    )


def connection(**fields: Any) -> pb.Connection:
    return pb.Connection(**{"name": f"{RED}/connections/d", "a": "h1", "b": "h2", "bandwidth_bps": 1, **fields})


def apply(*members: Any, deletes: tuple[str, ...] = ()) -> s.ApplyRequest:
    resources = [pb.Resource(**{type(m).__name__.lower(): m}) if m is not None else pb.Resource() for m in members]
    return s.ApplyRequest(resources=resources, deletes=deletes)


def waiting(seconds: int = 0, nanos: int = 0) -> s.CreateTenantRequest:
    options = s.WriteOptions(wait=duration_pb2.Duration(seconds=seconds, nanos=nanos))
    return s.CreateTenantRequest(tenant=pb.Tenant(name="tenants/t"), options=options)


@dataclass(frozen=True)
class Wrong:
    """says: pieces that the description must hold, the last one of the remedy."""

    method: str
    request: Any
    status: str
    field: str
    says: tuple[str, ...]


WRONG = [
    # names
    Wrong("GetPort", s.GetPortRequest(), INVALID, "name", ("not given", "tenants/T/ports/ID")),
    Wrong("GetPort", s.GetPortRequest(name="h1"), INVALID, "name", ("'h1'", "Write it as tenants/T/ports/ID")),
    Wrong("GetPort", s.GetPortRequest(name=f"{RED}/networks/web"), INVALID, "name", ("form", "tenants/T/ports/ID")),
    Wrong("GetPort", s.GetPortRequest(name=f"{RED}/ports/H_1!"), INVALID, "name", ("'H_1!'", "Use 1 to 63")),
    Wrong("GetPort", s.GetPortRequest(name="x" * 100_000), INVALID, "name", ("100000 characters", "at most 63")),
    Wrong("GetTenant", s.GetTenantRequest(name=f"{RED}/ports/h1"), INVALID, "name", ("form", "tenants/T.")),
    Wrong("GetPort", s.GetPortRequest(name=H3), "NOT_FOUND NotFound", "name", ("does not exist", "Create it")),
    # lists
    Wrong("ListPorts", s.ListPortsRequest(), INVALID, "parent", ("not given", "tenants/- for all")),
    Wrong("ListPorts", s.ListPortsRequest(parent="red"), INVALID, "parent", ("'red'", "tenants/- for all")),
    Wrong("ListPorts", s.ListPortsRequest(parent="tenants/RED"), INVALID, "parent", ("'RED'", "tenants/- for all")),
    Wrong(
        "ListPorts", s.ListPortsRequest(parent=RED, page_size=-1), INVALID, "page_size", ("negative", "Give 1 to 1000")
    ),
    Wrong(
        "ListPorts",
        s.ListPortsRequest(parent=RED, page_token="!"),
        INVALID,
        "page_token",
        ("'!'", "Give next_page_token"),
    ),
    Wrong(
        "ListPorts",
        s.ListPortsRequest(parent=RED, page_token=make_token("Port blue", H3)),
        INVALID,
        "page_token",
        ("not a token of this list", "same parent"),
    ),
    Wrong(
        "ListTenants",
        s.ListTenantsRequest(page_token="A" * 5000),
        INVALID,
        "page_token",
        ("not a token", "next_page_token"),
    ),
    Wrong("WatchPorts", s.WatchPortsRequest(parent="tenants"), INVALID, "parent", ("form", "tenants/- for all")),
    Wrong(
        "ListPorts",
        s.ListPortsRequest(parent=RED, page_token=make_token("Port red", H3), filter="env=prod"),
        INVALID,
        "page_token",
        ("not a token of this list", "same parent and filter"),
    ),
    # filters
    *(
        Wrong(method, request, INVALID, "filter", ("at character 5: expected", "found 'a'", "Write it as env=prod"))
        for method, request in (
            ("ListTenants", s.ListTenantsRequest(filter="has a")),
            ("ListNetworks", s.ListNetworksRequest(parent=RED, filter="has a")),
            ("ListSubnets", s.ListSubnetsRequest(parent=RED, filter="has a")),
            ("ListRouters", s.ListRoutersRequest(parent=RED, filter="has a")),
            ("ListPorts", s.ListPortsRequest(parent=RED, filter="has a")),
            ("ListConnections", s.ListConnectionsRequest(parent=RED, filter="has a")),
            ("WatchTenants", s.WatchTenantsRequest(filter="has a")),
            ("WatchPorts", s.WatchPortsRequest(parent=RED, filter="has a")),
        )
    ),
    Wrong(
        "ListPorts",
        s.ListPortsRequest(parent=RED, filter="a" * 1025),
        INVALID,
        "filter",
        ("1025 characters", "at most 1024"),
    ),
    Wrong("ListPorts", s.ListPortsRequest(parent=RED, filter='a="b'), INVALID, "filter", ("not closed", "in quotes")),
    Wrong(
        "ListPorts",
        s.ListPortsRequest(parent=RED, filter=",".join("a" * 20)),
        INVALID,
        "filter",
        ("more than 16", "Use fewer"),
    ),
    # revisions
    Wrong(
        "WatchPorts",
        s.WatchPortsRequest(parent=RED, from_revision=1),
        GONE,
        "from_revision",
        ("before the last start", "watch anew from 0"),
    ),
    Wrong(
        "WatchTenants",
        s.WatchTenantsRequest(from_revision=2**64 - 1),
        GONE,
        "from_revision",
        ("no revision", "watch anew from 0"),
    ),
    # create
    Wrong("CreatePort", s.CreatePortRequest(), INVALID, "port", ("not given", "Send the port")),
    Wrong("CreatePort", create_port(name=""), INVALID, "port.name", ("not given", "Write it as tenants/T/ports/ID")),
    Wrong("CreatePort", create_port(name=f"{RED}/routers/r"), INVALID, "port.name", ("form", "Write it as")),
    Wrong(
        "CreatePort",
        create_port(addresses=["10.0.0.9", "10.0.0.300"]),
        INVALID,
        "port.addresses[1]",
        ("'10.0.0.300'", "without prefix"),
    ),
    Wrong(
        "CreatePort", create_port(addresses=["10.0.0.9/24"]), INVALID, "port.addresses[0]", ("/24", "without prefix")
    ),
    Wrong(
        "CreatePort", create_port(addresses=["fe80::1%eth0"]), INVALID, "port.addresses[0]", ("%eth0", "without prefix")
    ),
    Wrong("CreatePort", create_port(addresses=["10.8.0.1"]), INVALID, "port.addresses[0]", ("10.8.0.1", "subnet")),
    Wrong("CreatePort", create_port(mac="02:00:zz"), INVALID, "port.mac", ("'02:00:zz'", "six pairs")),
    Wrong("CreatePort", create_port(mac="01:00:5e:00:00:01"), INVALID, "port.mac", ("unicast", "one host")),
    Wrong("CreatePort", create_port(network=""), INVALID, "port.network", ("not given", "Name a network")),
    Wrong(
        "CreatePort",
        create_port(network="tenants/blue/networks/x"),
        INVALID,
        "port.network",
        ("another tenant", "Name a network of tenants/red"),
    ),
    Wrong(
        "CreatePort",
        create_port(network="nowhere"),
        "NOT_FOUND NotFound",
        "port.network",
        ("does not exist", "Create the network"),
    ),
    Wrong(
        "CreatePort",
        create_port(binding=pb.Binding(switch="leaf1")),
        INVALID,
        "port.binding.interface",
        ("not given", "Use 1 to 15"),
    ),
    Wrong(
        "CreatePort",
        create_port(binding=pb.Binding(switch="leaf1", interface="h1-eth0")),
        "FAILED_PRECONDITION InUse",
        "port.binding",
        ("h1", ""),
    ),
    Wrong(
        "CreatePort",
        create_port(name=f"{RED}/ports/h1"),
        "ALREADY_EXISTS AlreadyExists",
        "port.name",
        ("exists already", "choose another name"),
    ),
    Wrong(
        "CreatePort",
        create_port(metadata=pb.Metadata(labels={"a b": "c"})),
        INVALID,
        "port.metadata.labels",
        ("'a b'", "Use 1 to 63"),
    ),
    Wrong(
        "CreatePort",
        create_port(metadata=pb.Metadata(labels={"a": "c" * 300})),
        INVALID,
        "port.metadata.labels[a]",
        ("too long", "at most 255"),
    ),
    Wrong(
        "CreatePort",
        create_port(metadata=pb.Metadata(description="d" * 1025)),
        INVALID,
        "port.metadata.description",
        ("1025", "at most 1024"),
    ),
    Wrong(
        "CreateNetwork",
        s.CreateNetworkRequest(network=pb.Network(name=f"{RED}/networks/n", mtu=99_999)),
        INVALID,
        "network.mtu",
        ("99999", "Give 576 to 9000"),
    ),
    Wrong("CreateSubnet", subnet(cidr=""), INVALID, "subnet.cidr", ("not given", "10.0.0.0/24")),
    Wrong("CreateSubnet", subnet(cidr="10.9.0.0"), INVALID, "subnet.cidr", ("not an address range", "10.0.0.0/24")),
    Wrong(
        "CreateSubnet",
        subnet(cidr="10.9.0.0/255.255.255.0"),
        INVALID,
        "subnet.cidr",
        ("not an address range", "10.0.0.0/24"),
    ),
    Wrong(
        "CreateSubnet", subnet(cidr="10.9.0.5/24"), INVALID, "subnet.cidr", ("host bits", "Did you mean 10.9.0.0/24")
    ),
    Wrong("CreateSubnet", subnet(cidr="10.9.0.0/33"), INVALID, "subnet.cidr", ("not an address range", "Write it")),
    Wrong("CreateSubnet", subnet(cidr="10.9.0.0/31"), INVALID, "subnet.cidr", ("31", "/30")),
    Wrong("CreateSubnet", subnet(gateway="off"), INVALID, "subnet.gateway", ("'off'", "write 'none'")),
    Wrong("CreateSubnet", subnet(gateway="10.8.0.1"), INVALID, "subnet.gateway", ("not inside", "Use a host address")),
    Wrong(
        "CreateRouter",
        s.CreateRouterRequest(router=pb.Router(name=f"{RED}/routers/q", subnets=["v4", "v4"])),
        INVALID,
        "router.subnets[1]",
        ("repeated", "Give each one once"),
    ),
    Wrong(
        "CreateConnection",
        s.CreateConnectionRequest(connection=connection(bandwidth_bps=0)),
        INVALID,
        "connection.bandwidth_bps",
        ("out of range", "Give 1 to"),
    ),
    Wrong(
        "CreateConnection",
        s.CreateConnectionRequest(connection=connection(b="h1")),
        INVALID,
        "connection.b",
        ("both ends", "two different ports"),
    ),
    Wrong(
        "CreateConnection",
        s.CreateConnectionRequest(connection=connection()),
        "FAILED_PRECONDITION InUse",
        "connection",
        ("connections/c", ""),
    ),
    Wrong(
        "CreateConnection",
        s.CreateConnectionRequest(connection=connection(targets=["h3"])),
        INVALID,
        "connection.b",
        ("given beside targets", "one of the two"),
    ),
    Wrong(
        "CreateConnection",
        s.CreateConnectionRequest(connection=connection(b="", targets=["h2", "h1"])),
        INVALID,
        "connection.targets[1]",
        ("is the other end", "Name other ports"),
    ),
    Wrong(
        "CreateConnection",
        s.CreateConnectionRequest(connection=connection(a="", b="h2", sources=["h1", "h9"])),
        "NOT_FOUND NotFound",
        "connection.sources[1]",
        ("ports/h9 does not exist", "Create the port first"),
    ),
    Wrong(
        "CreateConnection",
        s.CreateConnectionRequest(connection=connection(a=f"{RED}/networks/web", b=f"{RED}/networks/web")),
        INVALID,
        "connection.b",
        ("many ends at the other side", "Name one port there"),
    ),
    Wrong(
        "CreateConnection",
        s.CreateConnectionRequest(connection=connection(a=f"{RED}/networks/none")),
        "NOT_FOUND NotFound",
        "connection.a",
        ("networks/none does not exist", "Create the network first"),
    ),
    Wrong(
        "CreateConnection",
        s.CreateConnectionRequest(connection=connection(b="", targets=["h2"], priority=2, hold_priority=1)),
        INVALID,
        "connection.hold_priority",
        ("below the priority", "Give at least"),
    ),
    Wrong(
        "CreateConnection",
        s.CreateConnectionRequest(connection=connection(b="", targets=["h2"], shared_ceiling=True)),
        INVALID,
        "connection.ceiling_bps",
        ("the one port has no ceiling", "Give that ceiling"),
    ),
    Wrong(
        "CreateConnection",
        s.CreateConnectionRequest(connection=connection(a="leaf1:eth7", b="", targets=["leaf2:eth1", "leaf2:eth2@5"])),
        INVALID,
        "connection.targets[1]",
        ("one end takes all frames", "both with a VLAN"),
    ),
    Wrong(
        "CreateConnection",
        s.CreateConnectionRequest(connection=connection(b="", targets=["h2", "leaf2:eth2"])),
        INVALID,
        "connection.targets[1]",
        ("is an end of a circuit, and a is none", "or interfaces of switches"),
    ),
    Wrong(
        "CreateConnection",
        s.CreateConnectionRequest(connection=connection(shared_ceiling=True)),
        INVALID,
        "connection.shared_ceiling",
        ("no legs", "Leave it out"),
    ),
    Wrong(
        "CreateConnection",
        s.CreateConnectionRequest(connection=connection(leg_of=f"{RED}/connections/c")),
        INVALID,
        "connection.leg_of",
        ("none of them", "Leave it out"),
    ),
    Wrong(
        "CreateConnection",
        s.CreateConnectionRequest(
            connection=connection(constraints=pb.Constraints(include_switches=["x"], exclude_switches=["x"]))
        ),
        INVALID,
        "connection.constraints.include_switches[0]",
        ("also in exclude_switches", "one of the two"),
    ),
    # quotas
    Wrong(
        "CreateTenant",
        s.CreateTenantRequest(tenant=pb.Tenant(name="tenants/t", quota=pb.Quota(ports=1_000_001))),
        INVALID,
        "tenant.quota.ports",
        ("out of range", "Give 1 to 1000000, or 0"),
    ),
    Wrong(
        "UpdateTenant",
        s.UpdateTenantRequest(tenant=pb.Tenant(name=RED), update_mask=mask("usage")),
        INVALID,
        "update_mask.paths[0]",
        ("by the daemon", "Choose from"),
    ),
    Wrong(
        "CreateNetwork",
        s.CreateNetworkRequest(network=pb.Network(name="tenants/small/networks/n")),
        "RESOURCE_EXHAUSTED Exhausted",
        "network.name",
        ("would have 2 networks", "raise its quota.networks"),
    ),
    Wrong(
        "Apply",
        apply(
            pb.Tenant(name="tenants/t", quota=pb.Quota(networks=1)),
            *(pb.Network(name=f"tenants/t/networks/{n}") for n in "ab"),
        ),
        "RESOURCE_EXHAUSTED Exhausted",
        "resources[2].network.name",
        ("its quota is 1", "raise its quota.networks"),
    ),
    # options
    Wrong("CreateTenant", waiting(seconds=-1), INVALID, "options.wait", ("negative", "Give 0 to 3600")),
    Wrong("CreateTenant", waiting(seconds=3601), INVALID, "options.wait", ("too long", "Give 0 to 3600")),
    Wrong("CreateTenant", waiting(seconds=1, nanos=-1), INVALID, "options.wait", ("not a duration", "Give 0 to 3600")),
    Wrong(
        "CreateTenant",
        s.CreateTenantRequest(tenant=pb.Tenant(name="tenants/t"), options=s.WriteOptions(request_id="i" * 129)),
        INVALID,
        "options.request_id",
        ("129 characters", "at most 128"),
    ),
    Wrong(
        "DeleteTenant",
        s.DeleteTenantRequest(name=RED, options=s.WriteOptions(request_id="a\nb")),
        INVALID,
        "options.request_id",
        ("control", "at most 128"),
    ),
    # update
    Wrong("UpdatePort", s.UpdatePortRequest(), INVALID, "port", ("not given", "Send the port")),
    Wrong(
        "UpdatePort",
        update_port("mac", name=H3, mac="02:00:00:00:aa:09"),
        "NOT_FOUND NotFound",
        "port.name",
        ("does not exist", "Create it first"),
    ),
    Wrong("UpdatePort", update_port("colour"), INVALID, "update_mask.paths[0]", ("'colour'", "Choose from addresses,")),
    Wrong("UpdatePort", update_port("mac", "network"), INVALID, "update_mask.paths[1]", ("cannot change", "create it")),
    Wrong("UpdatePort", update_port("status"), INVALID, "update_mask.paths[0]", ("by the daemon", "Choose from")),
    Wrong("UpdatePort", update_port("name"), INVALID, "update_mask.paths[0]", ("by the daemon", "Choose from")),
    Wrong("UpdatePort", update_port("binding.switch"), INVALID, "update_mask.paths[0]", ("not a field", "binding")),
    Wrong("UpdatePort", update_port("mac", mac="x"), INVALID, "port.mac", ("'x'", "six pairs")),
    Wrong(
        "UpdatePort",
        update_port("mac", metadata=pb.Metadata(etag="abc")),
        INVALID,
        "port.metadata.etag",
        ("'abc'", "leave it out"),
    ),
    Wrong(
        "UpdatePort",
        update_port("mac", metadata=pb.Metadata(etag="99")),
        "ABORTED Conflict",
        "port.metadata.etag",
        ("not 99", "Read it again"),
    ),
    Wrong("UpdatePort", update_port(network="other"), INVALID, "port.network", ("cannot change", "create it anew")),
    # delete
    Wrong("DeletePort", s.DeletePortRequest(name=""), INVALID, "name", ("not given", "Write it as")),
    Wrong(
        "DeletePort",
        s.DeletePortRequest(name=f"{RED}/ports/h1", etag='"1"'),
        INVALID,
        "etag",
        ("not an etag", "leave it out"),
    ),
    Wrong(
        "DeletePort",
        s.DeletePortRequest(name=f"{RED}/ports/h1", etag="77"),
        "ABORTED Conflict",
        "etag",
        ("not 77", "Read it again"),
    ),
    Wrong("DeletePort", s.DeletePortRequest(name=H3), "NOT_FOUND NotFound", "name", ("does not exist", "correct")),
    Wrong(
        "DeletePort",
        s.DeletePortRequest(name=f"{RED}/ports/h1"),
        "FAILED_PRECONDITION InUse",
        "name",
        ("connections/c", "Delete or change these first"),
    ),
    # apply
    Wrong("Apply", apply(None), INVALID, "resources[0]", ("empty", "Set one of tenant, network")),
    Wrong(
        "Apply",
        apply(pb.Tenant(name="tenants/t"), port(mac="x")),
        INVALID,
        "resources[1].port.mac",
        ("'x'", "six pairs"),
    ),
    Wrong("Apply", apply(port(mac="x")), INVALID, "resources[0].port.mac", ("'x'", "six pairs")),
    Wrong(
        "Apply",
        apply(pb.Tenant(name="tenants/t"), connection(bandwidth_bps=0)),
        INVALID,
        "resources[1].connection.bandwidth_bps",
        ("out of range", "Give 1 to"),
    ),
    Wrong(
        "Apply",
        apply(pb.Tenant(name="tenants/t"), pb.Tenant(name="tenants/t")),
        INVALID,
        "resources[1].tenant.name",
        ("also resources[0].tenant.name", "only once"),
    ),
    Wrong(
        "Apply",
        apply(pb.Tenant(name="tenants/t"), deletes=("tenants/t",)),
        INVALID,
        "deletes[0]",
        ("also resources[0]", "only once"),
    ),
    Wrong("Apply", apply(deletes=("tenants/red/x/y",)), INVALID, "deletes[0]", ("form", "tenants/T/COLLECTION/ID")),
    Wrong(
        "Apply",
        apply(pb.Tenant(name="tenants/t"), deletes=(f"{RED}/ports/h1",)),
        "FAILED_PRECONDITION InUse",
        "deletes[0]",
        ("connections/c", "Delete or change these first"),
    ),
    Wrong("Apply", apply(deletes=(H3,)), "NOT_FOUND NotFound", "deletes[0]", ("does not exist", "correct")),
    Wrong(
        "Apply",
        apply(*(pb.Tenant() for _ in range(20_001))),
        INVALID,
        "resources",
        ("20001 objects", "Split the request"),
    ),
    # views
    Wrong("FindPaths", ppb.PathQuery(destination="x"), INVALID, "source", ("not given", "Give a switch's name")),
    Wrong(
        "FindPaths",
        ppb.PathQuery(source="x", destination="y"),
        "NOT_FOUND NotFound",
        "source",
        ("not known", "Name a switch"),
    ),
    Wrong("ListFlows", t.ListFlowsRequest(), INVALID, "switch", ("not given", "Give a switch's name")),
    Wrong("ListFlows", t.ListFlowsRequest(switch="s" * 999), INVALID, "switch", ("999", "Give a switch's name")),
    Wrong("ListFlows", t.ListFlowsRequest(switch="s9"), "NOT_FOUND NotFound", "switch", ("not known", "Name a switch")),
]


def path_of(method: str) -> str:
    for file in (s.DESCRIPTOR, t.DESCRIPTOR, ppb.DESCRIPTOR):
        for service in file.services_by_name.values():
            if method in service.methods_by_name:
                return f"/{service.full_name}/{method}"
    raise AssertionError(method)


async def error_of(channel: grpc.aio.Channel, method: str, request: bytes) -> ApiError:
    """Call with raw bytes, as a stream, which serves for both forms of methods."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in channel.unary_stream(path_of(method))(request, timeout=20):
            pass
    return ApiError.of(caught.value)


@pytest.fixture(autouse=True)
def small(backend: FakeBackend) -> None:
    """A tenant that has all it may have."""
    name = "tenants/small"
    commands = (Create(Tenant(name=name, quota=Quota(networks=1))), Create(Network(name=f"{name}/networks/m")))
    backend.store.commit(backend.store.prepare(Transaction(commands), 0.0))


@pytest.mark.parametrize("wrong", WRONG, ids=[f"{i}-{w.method}-{w.field}" for i, w in enumerate(WRONG)])
async def test_wrong_request(channel: grpc.aio.Channel, backend: FakeBackend, wrong: Wrong) -> None:
    before = backend.store.revision
    error = await error_of(channel, wrong.method, wrong.request.SerializeToString())
    assert f"{error.code.name} {error.reason}" == wrong.status
    assert [v.field for v in error.violations] == [wrong.field]
    description = error.violations[0].description
    for piece in wrong.says:
        assert piece in description
    reason, _, remedy = description.rpartition(". ")
    assert reason, description
    assert remedy.endswith("."), description
    assert "commands[" not in str(error)
    assert wrong.field in error.message
    assert backend.store.revision == before


def test_there_are_enough_distinct_ones() -> None:
    assert len({(w.method, w.request.SerializeToString()) for w in WRONG}) == len(WRONG) >= 60


async def test_all_wrong_fields_are_told_at_once(channel: grpc.aio.Channel) -> None:
    request = create_port(name="x", addresses=["a", "10.0.0.7", "b"])
    error = await error_of(channel, "CreatePort", request.SerializeToString())
    assert [v.field for v in error.violations] == ["port.name", "port.addresses[0]", "port.addresses[2]"]
    assert "(and 2 more)" in error.message


async def test_problems_of_a_large_request_are_bounded(channel: grpc.aio.Channel) -> None:
    request = apply(*(port(name="ü" * 1000, addresses=["ø" * 5000] * 50) for _ in range(10)))
    error = await error_of(channel, "Apply", request.SerializeToString())
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert 1 <= len(error.violations) <= 20
    assert error.violations[0].field == "resources[0].port.name"


async def test_bytes_that_are_no_message(channel: grpc.aio.Channel) -> None:
    for data in (b"\xff\xff\xff", b"\x0a\x02\xc3\x28", b"\x0a\x7f"):
        error = await error_of(channel, "GetPort", data)
        assert f"{error.code.name} {error.reason}" == INVALID
        assert "not a sdn.v1.GetPortRequest" in error.violations[0].description


async def test_unknown_fields_are_refused_where_they_are(channel: grpc.aio.Channel) -> None:
    request = apply(pb.Tenant(name="tenants/t"), port())
    unknown = b"\xfa\x3f\x01x"  # field 1023, length-delimited
    inner = request.resources[1].port.SerializeToString() + unknown
    member = b"\x2a" + bytes([len(inner)]) + inner
    data = apply(pb.Tenant(name="tenants/t")).SerializeToString() + b"\x0a" + bytes([len(member)]) + member
    error = await error_of(channel, "Apply", data)
    assert f"{error.code.name} {error.reason}" == INVALID
    assert error.violations[0].field == "resources[1].port"
    assert "1023" in error.violations[0].description
    error = await error_of(channel, "GetPort", s.GetPortRequest(name=H3).SerializeToString() + unknown)
    assert "1023" in error.violations[0].description


async def test_too_large_a_request(channel: grpc.aio.Channel) -> None:
    error = await error_of(channel, "Apply", b"\x12\xff\xff\xff\x07" + b"x" * (2**24))
    assert error.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "Split it" in error.message


async def test_unknown_method_and_service(channel: grpc.aio.Channel) -> None:
    for path in ("/sdn.v1.PortService/Explode", "/sdn.v2.PortService/GetPort"):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(path)(b"", timeout=20)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
