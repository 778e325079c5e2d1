"""Static routes of routers: what is refused, with which field, and what stays possible."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from test_store import A, do, fails, net, port, router, sub

from sdn.model import codec
from sdn.model.command import Delete, Put, Update
from sdn.model.errors import InUse, InvalidInput
from sdn.model.intent import Router, StaticRoute, Tenant
from sdn.store import Store
from sdn.store.static_routes import MAX_ROUTES_PER_ROUTER


def to(prefix: str, hop: str | None = None) -> StaticRoute:
    return StaticRoute(prefix=ip_network(prefix), next_hop=ip_address(hop) if hop else None)


@pytest.fixture
def store() -> Store:
    """Two networks of IPv4 and IPv6, not yet routed."""
    store = Store()
    do(
        store,
        Tenant(name=A),
        net(),
        net("m"),
        sub("s"),
        sub("t", "10.0.1.0/24", network="m"),
        sub("six", "2001:db8::/64"),
        port("p"),
    )
    return store


def with_routes(*routes: StaticRoute, subnets: tuple[str, ...] = ("s", "t", "six")) -> Router:
    return router("r", *subnets, routes=routes)


@pytest.mark.parametrize(
    ("routes", "field", "says"),
    [
        ([to("10.9.0.0/16", "10.0.2.5")], "routes[0].next_hop", "10.0.0.0/24, 10.0.1.0/24"),
        ([to("10.9.0.0/16"), to("10.8.0.0/16", "10.0.0.1")], "routes[1].next_hop", "own address"),
        ([to("10.9.0.0/16", "10.0.0.0")], "routes[0].next_hop", "network address"),
        ([to("10.9.0.0/16", "10.0.0.255")], "routes[0].next_hop", "broadcast address"),
        ([to("10.9.0.0/16", "2001:db8::5")], "routes[0].next_hop", "IPv4 address"),
        ([to("::/0", "10.0.0.5")], "routes[0].next_hop", "IPv6 address"),
        ([to("2001:db8:1::/48", "2001:db8::")], "routes[0].next_hop", "anycast"),
        ([to("2001:db8:1::/48", "2001:db8:7::1")], "routes[0].next_hop", "2001:db8::/64"),
        ([to("0.0.0.0/0"), to("0.0.0.0/0", "10.0.0.5")], "routes[1].prefix", "repeated"),
        ([to("10.0.1.0/24", "10.0.0.5")], "routes[0].prefix", "subnets/t"),
        ([to("169.254.3.0/24")], "routes[0].prefix", "never routed"),
        ([to("224.0.0.0/4")], "routes[0].prefix", "never routed"),
        ([to("fe80::/64", "2001:db8::5")], "routes[0].prefix", "never routed"),
        ([to(f"10.{n >> 8}.{n & 255}.0/24") for n in range(257)], "routes", "at most 256"),
    ],
)
def test_what_is_no_route(store: Store, routes: list[StaticRoute], field: str, says: str) -> None:
    assert says in fails(store, InvalidInput, field, with_routes(*routes))


def test_a_next_hop_needs_a_subnet_of_the_router_itself(store: Store) -> None:
    text = fails(store, InvalidInput, "routes[0].next_hop", with_routes(to("::/0", "2001:db8::5"), subnets=("s",)))
    assert "Add its subnet to the router" in text


def test_routes_over_and_under_subnets_with_next_hops_that_nobody_has(store: Store) -> None:
    routes = (
        to("0.0.0.0/0", "10.0.0.250"),
        to("10.0.0.0/8"),
        to("10.0.1.128/25", "10.0.0.250"),
        to("10.0.1.7/32"),
        to("128.0.0.0/1", "10.0.1.9"),
        to("::/0", "2001:db8::9"),
        to("2001:db8::77/128", "2001:db8::9"),
    )
    (stored,) = do(store, with_routes(*routes)).resources
    assert isinstance(stored, Router)
    assert stored.routes == routes
    assert Store.load(store.records()).objects == store.objects


def test_as_many_routes_as_allowed(store: Store) -> None:
    do(store, with_routes(*(to(f"10.{100 + (n >> 8)}.{n & 255}.0/24") for n in range(MAX_ROUTES_PER_ROUTER))))


def test_a_subnet_with_a_next_hop_stays_in_the_router(store: Store) -> None:
    do(store, with_routes(to("0.0.0.0/0", "10.0.1.9")))
    less = router("r", "s", "six")
    assert "none of the router's subnets" in fails(
        store, InvalidInput, "routes[0].next_hop", Update(less, frozenset({"subnets"}))
    )
    do(store, Put(less))


def test_a_gateway_does_not_become_a_next_hop(store: Store) -> None:
    do(store, with_routes(to("0.0.0.0/0", "10.0.0.9")))
    moved = sub("s", gateway="10.0.0.9")
    fails(store, InUse, "gateway", Put(moved))
    text = fails(
        store, InvalidInput, "commands[1].routes[0].next_hop", Put(moved), Put(with_routes(to("0.0.0.0/0", "10.0.0.9")))
    )
    assert "own address" in text
    do(store, Put(moved), Put(with_routes(to("0.0.0.0/0", "10.0.0.1"))))


def test_the_holder_of_a_next_hop_may_go(store: Store) -> None:
    do(store, with_routes(to("0.0.0.0/0", "10.0.0.2")))
    do(store, Delete(f"{A}/ports/p"))


def test_records_of_before_there_were_routes_load(store: Store) -> None:
    do(store, router("r", "s"))
    records = store.records()
    old = codec.loads(records["objects"][f"{A}/routers/r"])
    assert isinstance(old, dict)
    del old["routes"]
    records["objects"][f"{A}/routers/r"] = codec.dumps(old)
    assert Store.load(records).objects == store.objects
