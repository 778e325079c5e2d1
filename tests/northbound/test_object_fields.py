"""Wrong values in the fields of objects over a socket, and that right ones come back as they were given."""

from __future__ import annotations

from typing import Any

import grpc.aio
import pytest
from fake_backend import FakeBackend
from test_wrong_requests import error_of

from sdn.client import ApiError, AsyncClient
from sdn.v1 import resources_pb2 as pb
from sdn.v1 import services_pb2 as s

RED = "tenants/red"


def route(prefix: str = "10.9.0.0/16", next_hop: str = "blackhole") -> pb.StaticRoute:
    return pb.StaticRoute(prefix=prefix, next_hop=next_hop)


def router(*routes: pb.StaticRoute) -> s.CreateRouterRequest:
    return s.CreateRouterRequest(router=pb.Router(name=f"{RED}/routers/new", subnets=["v4"], routes=routes))


def port(*pairs: pb.AddressPair) -> s.CreatePortRequest:
    return s.CreatePortRequest(port=pb.Port(name=f"{RED}/ports/new", network="web", allowed_address_pairs=pairs))


def pair(address: str = "10.0.0.100", mac: str = "", active: bool = False) -> pb.AddressPair:
    return pb.AddressPair(address=address, mac=mac, active=active)


def moving(**fields: pb.Binding) -> s.CreatePortRequest:
    return s.CreatePortRequest(port=pb.Port(name=f"{RED}/ports/new", network="web", **fields))  # type: ignore[arg-type]


HERE, THERE = (pb.Binding(switch=name, interface="new0") for name in ("leaf1", "leaf2"))
TARGET = "port.migration_target"
PAIRS = "port.allowed_address_pairs"
WRONG: list[tuple[str, Any, str, tuple[str, ...]]] = [
    ("CreateRouter", router(route("")), "router.routes[0].prefix", ("not given", "10.0.0.0/24")),
    ("CreateRouter", router(route(), route("10.9.1.0/16")), "router.routes[1].prefix", ("host bits", "10.9.0.0/16?")),
    ("CreateRouter", router(route(next_hop="")), "router.routes[0].next_hop", ("''", "'blackhole'")),
    ("CreateRouter", router(route(next_hop="nowhere")), "router.routes[0].next_hop", ("'nowhere'", "'blackhole'")),
    ("CreateRouter", router(route(next_hop="10.0.0.9/32")), "router.routes[0].next_hop", ("/32", "without prefix")),
    ("CreateRouter", router(route(next_hop="10.7.0.1")), "router.routes[0].next_hop", ("none of", "10.0.0.0/24")),
    ("CreateRouter", router(route(next_hop="10.0.0.1")), "router.routes[0].next_hop", ("own address", "Name the host")),
    ("CreateRouter", router(route(next_hop="fe80::1")), "router.routes[0].next_hop", ("version", "IPv4")),
    ("CreateRouter", router(route(), route()), "router.routes[1].prefix", ("repeated", "one route")),
    ("CreateRouter", router(route("10.0.0.0/24")), "router.routes[0].prefix", ("subnets/v4", "longer prefixes")),
    ("CreateRouter", router(route("127.0.0.0/8")), "router.routes[0].prefix", ("never routed", "another range")),
    (
        "CreateRouter",
        router(*(route(f"10.{100 + n // 256}.{n % 256}.0/24") for n in range(257))),
        "router.routes",
        ("257", "at most 256"),
    ),
    (
        "CreatePort",
        moving(binding=pb.Binding(switch="leaf1", iface_id="vm1")),
        "port.binding.iface_id",
        ("beside", "iface_id alone"),
    ),
    ("CreatePort", moving(binding=pb.Binding(iface_id="a b")), "port.binding.iface_id", ("'a b'", "without spaces")),
    ("CreatePort", moving(migration_target=THERE), TARGET, ("not bound", "bind it at once")),
    ("CreatePort", moving(binding=HERE, migration_target=HERE), TARGET, ("is the binding", "Leave it out")),
    ("CreatePort", moving(binding=HERE, migration_target=pb.Binding()), f"{TARGET}.switch", ("not given", "64")),
    (
        "CreatePort",
        moving(binding=HERE, migration_target=pb.Binding(switch="leaf2", interface="x" * 16)),
        f"{TARGET}.interface",
        ("'xxxxxxxxxxxxxxxx'", "1 to 15"),
    ),
    ("CreatePort", port(pair(""), pair("x")), f"{PAIRS}[0].address", ("''", "without prefix")),
    ("CreatePort", port(pair(), pair("10.0.0.1/24")), f"{PAIRS}[1].address", ("host bits", "10.0.0.0/24?")),
    ("CreatePort", port(pair("127.0.0.5")), f"{PAIRS}[0].address", ("127.0.0.0/8", "another address")),
    ("CreatePort", port(pair(mac="zz")), f"{PAIRS}[0].mac", ("'zz'", "six pairs")),
    ("CreatePort", port(pair(mac="03:00:00:00:00:01")), f"{PAIRS}[0].mac", ("unicast", "one host")),
    ("CreatePort", port(pair("10.4.0.0/16", active=True)), f"{PAIRS}[0].active", ("range", "Route ranges")),
    ("CreatePort", port(pair(), pair()), f"{PAIRS}[1]", ("repeated", "once")),
    ("CreatePort", port(*(pair(f"10.4.0.{n}") for n in range(65))), PAIRS, ("65", "at most 64")),
]


@pytest.mark.parametrize(("method", "request_", "field", "says"), WRONG, ids=range(len(WRONG)))
async def test_wrong_field(
    channel: grpc.aio.Channel, backend: FakeBackend, method: str, request_: Any, field: str, says: tuple[str, ...]
) -> None:
    before = backend.store.revision
    error = await error_of(channel, method, request_.SerializeToString())
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert error.violations[0].field == field
    assert all(piece in error.violations[0].description for piece in says)
    assert backend.store.revision == before


async def test_routes_come_back_and_are_replaced_as_a_whole(client: AsyncClient) -> None:
    routes = [route("0.0.0.0/0", "10.0.0.9"), route("10.0.0.128/25"), route("10.9.0.0/16", "10.0.0.10")]
    name = f"{RED}/routers/r"
    changed = await client.routers.update(pb.Router(name=name, routes=routes), mask=["routes"])
    assert list(changed.routes) == routes
    changed = await client.routers.update(pb.Router(name=name, routes=routes[1:]), mask=["routes"])
    assert list((await client.routers.get(name)).routes) == routes[1:]
    assert list(changed.subnets) == [f"{RED}/subnets/v4"]


async def test_pairs_come_back_as_they_were_given(client: AsyncClient) -> None:
    pairs = [pair(), pair("10.0.0.101", "00:00:5e:00:01:07", active=True), pair("0.0.0.0/0"), pair("2001:db8::/48")]
    wish = pb.Port(name=f"{RED}/ports/h1", allowed_address_pairs=pairs)
    changed = await client.ports.update(wish, mask=["allowed_address_pairs"])
    assert list(changed.allowed_address_pairs) == pairs
    assert changed.binding.switch == "leaf1"


async def test_a_move_in_three_requests(client: AsyncClient) -> None:
    name, both = f"{RED}/ports/h1", ["binding", "migration_target"]
    was = (await client.ports.get(name)).binding
    moved = await client.ports.update(pb.Port(name=name, migration_target=THERE), mask=["migration_target"])
    assert (moved.binding, moved.migration_target) == (was, THERE)
    with pytest.raises(ApiError, match=r"interface new0 of switch leaf2 belongs to tenants/red/ports/h1"):
        await client.ports.update(pb.Port(name=f"{RED}/ports/h2", binding=THERE), mask=["binding"])
    moved = await client.ports.update(pb.Port(name=name, binding=THERE), mask=both)
    assert moved.binding == THERE
    assert not moved.HasField("migration_target")
    await client.ports.update(pb.Port(name=f"{RED}/ports/h2", binding=was), mask=["binding"])


OBJECTS = {
    "Tenant": pb.Tenant(name="tenants/new"),
    "Network": pb.Network(name=f"{RED}/networks/new"),
    "Subnet": pb.Subnet(name=f"{RED}/subnets/new", network="web", cidr="10.8.0.0/24"),
    "Router": pb.Router(name=f"{RED}/routers/new"),
    "Port": pb.Port(name=f"{RED}/ports/new", network="web"),
    "Connection": pb.Connection(name=f"{RED}/connections/new", a="h2", b="h3", bandwidth_bps=1),
}
MANY = {f"key-{n}": "v" * 255 for n in range(64)}
METADATA: list[tuple[pb.Metadata, str, str]] = [
    (pb.Metadata(description="d" * 1024 + "!"), "metadata.description", "at most 1024"),
    (pb.Metadata(description="\x1b[2J"), "metadata.description", "control characters"),
    (pb.Metadata(labels={**MANY, "one": "more"}), "metadata.labels", "at most 64"),
    (pb.Metadata(labels={"k" * 64: "v"}), "metadata.labels", "1 to 63"),
    (pb.Metadata(labels={"-k": "v"}), "metadata.labels", "1 to 63"),
    (pb.Metadata(labels={"k": "v" * 256}), "metadata.labels[k]", "at most 255"),
]


@pytest.mark.parametrize("kind", OBJECTS)
async def test_labels_and_descriptions_of_every_kind(channel: grpc.aio.Channel, client: AsyncClient, kind: str) -> None:
    await client.ports.create(pb.Port(name=f"{RED}/ports/h3", network="web"))
    word = kind.lower()
    for metadata, field, says in METADATA:
        wrong = type(OBJECTS[kind])(**{f.name: v for f, v in OBJECTS[kind].ListFields()}, metadata=metadata)
        request_ = getattr(s, f"Create{kind}Request")(**{word: wrong})
        error = await error_of(channel, f"Create{kind}", request_.SerializeToString())
        assert error.code is grpc.StatusCode.INVALID_ARGUMENT
        assert error.violations[0].field == f"{word}.{field}"
        assert says in error.violations[0].description
    most = pb.Metadata(description="line\n" * 204, labels=MANY)
    right = type(OBJECTS[kind])(**{f.name: v for f, v in OBJECTS[kind].ListFields()}, metadata=most)
    made = await getattr(client, f"{word}s").create(right)
    assert made.metadata.description == most.description
    assert dict(made.metadata.labels) == MANY


@pytest.mark.parametrize(("mtu", "says"), [(575, "576 to 9000"), (9001, "576 to 9000"), (2**32 - 1, "576 to 9000")])
async def test_mtu_out_of_range(channel: grpc.aio.Channel, mtu: int, says: str) -> None:
    request_ = s.CreateNetworkRequest(network=pb.Network(name=f"{RED}/networks/new", mtu=mtu))
    error = await error_of(channel, "CreateNetwork", request_.SerializeToString())
    assert [v.field for v in error.violations] == ["network.mtu"]
    assert says in error.violations[0].description


async def test_an_mtu_too_small_for_ipv6(channel: grpc.aio.Channel, client: AsyncClient) -> None:
    small = await client.networks.create(pb.Network(name=f"{RED}/networks/small", mtu=1279))
    assert small.mtu == 1279
    six = pb.Subnet(name=f"{RED}/subnets/six", network="small", cidr="2001:db8::/64")
    error = await error_of(channel, "CreateSubnet", s.CreateSubnetRequest(subnet=six).SerializeToString())
    assert "at least 1280" in error.violations[0].description
    await client.networks.update(pb.Network(name=small.name, mtu=1280), mask=["mtu"])
    await client.subnets.create(six)
    request_ = s.UpdateNetworkRequest(network=pb.Network(name=small.name, mtu=1000), update_mask={"paths": ["mtu"]})
    error = await error_of(channel, "UpdateNetwork", request_.SerializeToString())
    assert error.violations[0].field == "network.mtu"


WEEKLY = pb.Calendar(duration_s=3600, days=[pb.MONDAY, pb.FRIDAY])
WEEKLY.start.seconds, WEEKLY.end.seconds = 1_900_000_000, 1_910_000_000


async def test_a_calendar_comes_back_and_is_checked(client: AsyncClient) -> None:
    name = f"{RED}/connections/c"
    made = await client.connections.update(pb.Connection(name=name, calendar=WEEKLY), mask=["calendar"])
    assert made.calendar == WEEKLY
    assert (await client.connections.get(name)).calendar == WEEKLY
    for field, change in (
        ("start", {"start": {"nanos": 5}}),
        ("start", {"start": {"seconds": -5}}),
        ("end", {"end": {"seconds": 1_900_000_000}}),
        ("days[1]", {"days": [pb.FRIDAY, 9]}),
        ("duration", {"duration_s": 90_000}),
    ):
        wrong = pb.Calendar()
        wrong.CopyFrom(WEEKLY)
        for key in change:
            wrong.ClearField(key)  # type: ignore[arg-type]
        wrong.MergeFrom(pb.Calendar(**change))  # type: ignore[arg-type]
        with pytest.raises(ApiError) as error:
            await client.connections.update(pb.Connection(name=name, calendar=wrong), mask=["calendar"])
        assert error.value.violations[0].field.startswith(f"connection.calendar.{field}")
    made = await client.connections.update(pb.Connection(name=name), mask=["calendar"])
    assert not made.HasField("calendar")


async def test_wishes_about_paths_come_back(client: AsyncClient) -> None:
    name = f"{RED}/connections/c"
    wish = pb.Constraints(explicit_path=["leaf1:up1", "spine1", "leaf2"], pinned=True)
    made = await client.connections.update(pb.Connection(name=name, constraints=wish), mask=["constraints"])
    assert list(made.constraints.explicit_path) == list(wish.explicit_path)
    assert made.constraints.pinned
    await client.ports.create(pb.Port(name=f"{RED}/ports/new", network="web"))
    other = pb.Connection(name=f"{RED}/connections/d", a="h2", b="new", bandwidth_bps=1)
    other.constraints.affine_to.append("c")
    made = await client.connections.create(other)
    assert list(made.constraints.affine_to) == [name]
    with pytest.raises(ApiError, match="connections/d"):
        await client.connections.delete(name)


LIFE = {"no_path": pb.WAIT, "service_level": 7, "priority": 2, "hold_priority": 5}


async def test_what_is_asked_about_no_path_and_priorities_comes_back(client: AsyncClient) -> None:
    await client.ports.create(pb.Port(name=f"{RED}/ports/new", network="web"))
    wish = pb.Connection(name=f"{RED}/connections/new", a="h2", b="new", bandwidth_bps=1, **LIFE)
    made = await client.connections.create(wish)
    assert {field: getattr(made, field) for field in LIFE} == LIFE
    less = pb.Connection(name=wish.name, priority=1, no_path=pb.FAIL)
    made = await client.connections.update(less, mask=["priority", "no_path"])
    assert (made.priority, made.no_path, made.hold_priority) == (1, pb.FAIL, 5)
    for field, value in (("service_level", 8), ("priority", 9), ("hold_priority", 1), ("no_path", 9)):
        wrong = pb.Connection(name=wish.name, **LIFE | {field: value})
        with pytest.raises(ApiError, match=field):
            await client.connections.update(wrong, mask=list(LIFE))
