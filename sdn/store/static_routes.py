"""Checks of a router's static routes, by themselves and against the subnets that the router joins.

Who has a next hop, and whether anybody does, is not asked here: hosts come and go, and a route waits for them.
"""

from __future__ import annotations

from collections.abc import Sequence

from sdn.model.errors import InUse, InvalidInput, UsedBy
from sdn.model.intent import Prefix, Router, StaticRoute, Subnet
from sdn.store.forms import NOT_FOR_TENANTS, check_host_address, inside, scoped

MAX_ROUTES_PER_ROUTER = 256
"""Each costs one flow on every switch where the router has ports."""


def check_routes(routes: Sequence[StaticRoute]) -> None:
    """Raises InvalidInput unless these can be routes of one router, whatever its subnets."""
    if len(routes) > MAX_ROUTES_PER_ROUTER:
        raise InvalidInput.of(
            "routes", f"{len(routes)} routes", f"Give at most {MAX_ROUTES_PER_ROUTER}, joining neighbouring prefixes."
        )
    for index, route in enumerate(routes):
        _check_prefix(f"routes[{index}].prefix", route.prefix)
        hop, version = route.next_hop, route.prefix.version
        if hop is not None and hop.version != version:
            raise InvalidInput.of(
                f"routes[{index}].next_hop",
                f"{hop} is of another IP version than {route.prefix}",
                f"Give an IPv{version} address.",
            )
    prefixes = [route.prefix for route in routes]
    for index, prefix in enumerate(prefixes):
        if prefix in prefixes[:index]:
            raise InvalidInput.of(f"routes[{index}].prefix", f"{prefix} is repeated", "Give one route to each prefix.")


def _check_prefix(field: str, prefix: Prefix) -> None:
    if scoped(prefix.network_address):
        raise InvalidInput.of(field, f"{prefix} has a zone", "Leave out '%' and what follows.")
    for special in NOT_FOR_TENANTS:
        if special.prefixlen <= prefix.prefixlen and inside(prefix.network_address, special):
            raise InvalidInput.of(field, f"{prefix} is part of {special}, which is never routed", "Use another range.")


def check_next_hops(router: Router, subnets: Sequence[Subnet]) -> None:
    """Raises InvalidInput unless every next hop can be a host of one of the router's subnets (all of them given)."""
    by_range = {subnet.cidr: subnet for subnet in subnets}
    for index, route in enumerate(router.routes):
        same = by_range.get(route.prefix)
        if same is not None:
            raise InvalidInput.of(
                f"routes[{index}].prefix",
                f"{route.prefix} is the range of {same.name}, which the router joins",
                "Give longer prefixes for parts of the subnet, or take it out of the router.",
            )
        if route.next_hop is not None:
            _check_next_hop(f"routes[{index}].next_hop", route, subnets)


def _check_next_hop(field: str, route: StaticRoute, subnets: Sequence[Subnet]) -> None:
    hop = route.next_hop
    assert hop is not None
    subnet = next((subnet for subnet in subnets if inside(hop, subnet.cidr)), None)
    if subnet is None:
        ranges = ", ".join(str(s.cidr) for s in subnets[:10] if s.cidr.version == hop.version)
        raise InvalidInput.of(
            field,
            f"{hop} is in none of the router's subnets",
            f"Use an address of {ranges}, or 'blackhole'." if ranges else "Add its subnet to the router first.",
        )
    check_host_address(field, hop, subnet.cidr)
    if hop == subnet.gateway:
        raise InvalidInput.of(
            field, f"{hop} is the router's own address in {subnet.name}", "Name the host that is to get the packets."
        )


def check_gateway_free(router: Router, subnet: Subnet) -> None:
    """Raises InUse when the gateway of a subnet is a next hop of its router."""
    for route in router.routes:
        if route.next_hop is not None and route.next_hop == subnet.gateway:
            raise InUse.of(
                "gateway",
                f"{subnet.gateway} is the next hop to {route.prefix} of {router.name}",
                "Change that route first, or in the same transaction.",
                UsedBy(subnet.name, (router.name,), 1),
            )
