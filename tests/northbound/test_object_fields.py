"""Wrong values in the fields of objects over a socket, and that right ones come back as they were given."""

from __future__ import annotations

from typing import Any

import grpc.aio
import pytest
from fake_backend import FakeBackend
from test_wrong_requests import error_of

from sdn.client import AsyncClient
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
