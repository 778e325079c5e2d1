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
]


@pytest.mark.parametrize(("method", "request_", "field", "says"), WRONG, ids=range(len(WRONG)))
async def test_wrong_field(
    channel: grpc.aio.Channel, backend: FakeBackend, method: str, request_: Any, field: str, says: tuple[str, ...]
) -> None:
    before = backend.store.revision
    error = await error_of(channel, method, request_.SerializeToString())
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert [v.field for v in error.violations] == [field]
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
