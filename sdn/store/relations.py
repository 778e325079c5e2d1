"""Checks between resources, on the final state of everything that a transaction touches.

Who contradicts a stored resource gets InUse (trying again after that one has changed may succeed); commands that
contradict each other get InvalidInput.
"""

from __future__ import annotations

from collections.abc import Iterable

from sdn.model.errors import Exhausted, InUse, InvalidInput, Limit, NotFound, SdnError, Thing, UsedBy
from sdn.model.intent import Binding, Connection, Network, Port, Resource, Router, Subnet
from sdn.store.draft import Draft, Target
from sdn.store.forms import check_free_address, check_host_address, inside, is_learned
from sdn.store.index import subnet_of
from sdn.store.names import Problems, claims, references, routed_claim
from sdn.store.pairs import single
from sdn.store.rules import MAX_SUBNETS_PER_NETWORK, MIN_MTU_IPV6
from sdn.store.static_routes import check_gateway_free, check_next_hops

_SHOWN_USERS, _TOLD_USERS = 10, 100
"""Users named in the text of an error, and for programs."""


def check_references(draft: Draft, problems: Problems) -> None:
    """Everything referred to exists, and nothing that is deleted is referred to."""
    for target in draft.targets.values():
        with problems.at(target.name):
            if target.new is None:
                _check_unused(draft, target)
            else:
                _check_targets(draft, target.new)


def _check_unused(draft: Draft, target: Target) -> None:
    count, first = draft.users_left(target.name, _TOLD_USERS)
    if count:
        shown = ", ".join(first[:_SHOWN_USERS]) + (", ..." if count > _SHOWN_USERS else "")
        raise InUse.of(
            "name",
            f"{target.name} is used by {count} object{'s' if count > 1 else ''}: {shown}",
            "Delete or change these first, or in the same transaction.",
            UsedBy(target.name, first, count),
        )


def _check_targets(draft: Draft, resource: Resource) -> None:
    if isinstance(resource, Connection) and resource.leg_of:
        return  # what it names is named by the connection of which it is a leg, or by nobody
    for field, name, kind in references(resource):
        if draft.get(name) is None:
            gone = "is deleted by the same request" if draft.touched(name) else "does not exist"
            remedy = f"Create the {kind.value.lower()} first or with this request."
            raise NotFound.of(field, f"{name} {gone}", remedy, Thing(kind.value, name))


def check_subnets(draft: Draft, problems: Problems) -> None:
    """Subnets of one network or router do not overlap, their MTU is large enough, routed ones have a gateway."""
    networks: dict[str, None] = {}
    for target, new in draft.kept():
        if isinstance(new, Network) and target.old is not None:
            networks[new.name] = None
        elif isinstance(new, Subnet):
            networks[new.network] = None
            with problems.at(target.name):
                _check_gateway_kept(draft, new)
        elif isinstance(new, Router):
            with problems.at(target.name):
                _check_router(draft, new)
    for name in networks:
        network = draft.get(name)
        if isinstance(network, Network):
            _check_network(draft, problems, network)


def _check_gateway_kept(draft: Draft, subnet: Subnet) -> None:
    router = draft.index.claims.get(routed_claim(subnet.name))
    if subnet.gateway is None and router is not None and not draft.touched(router):
        raise InUse.of(
            "gateway",
            f"{router} needs the gateway of {subnet.name}",
            "Take the subnet out of the router first.",
            UsedBy(subnet.name, (router,), 1),
        )
    owner = draft.get(router) if router is not None and not draft.touched(router) else None
    if isinstance(owner, Router):
        check_gateway_free(owner, subnet)


def _check_router(draft: Draft, router: Router) -> None:
    subnets = []
    for index, name in enumerate(router.subnets):
        subnet = draft.get(name)
        assert isinstance(subnet, Subnet)
        if subnet.gateway is None:
            raise InvalidInput.of(
                f"subnets[{index}]", f"{name} has no gateway", "Give the subnet a gateway or leave it out."
            )
        subnets.append(subnet)
    pair = _overlapping(subnets)
    if pair is not None:
        a, b = pair
        raise InvalidInput.of(
            "subnets",
            f"{a.name} ({a.cidr}) and {b.name} ({b.cidr}) overlap",
            "A router can only join subnets with different ranges.",
        )
    check_next_hops(router, subnets)


def _check_network(draft: Draft, problems: Problems, network: Network) -> None:
    subnets = draft.subnets_of(network.name)
    touched = [subnet for subnet in subnets if draft.touched(subnet.name)]
    blamed = touched[-1].name if touched else network.name
    with problems.at(blamed):
        if len(subnets) > MAX_SUBNETS_PER_NETWORK:
            raise Exhausted.of(
                "network",
                f"{network.name} would have {len(subnets)} subnets",
                f"Keep to {MAX_SUBNETS_PER_NETWORK} subnets per network.",
                Limit(network.name, "subnets", MAX_SUBNETS_PER_NETWORK, len(subnets)),
            )
    six = [subnet for subnet in subnets if subnet.cidr.version == 6]
    if network.mtu < MIN_MTU_IPV6 and six:
        changed = draft.touched(network.name)
        with problems.at(network.name if changed else blamed):
            raise InvalidInput.of(
                "mtu" if changed else "network",
                f"mtu {network.mtu} of {network.name} is too small for the IPv6 subnet {six[0].name}",
                f"IPv6 needs an mtu of at least {MIN_MTU_IPV6} bytes.",
            )
    pair = _overlapping(subnets)
    if pair is not None:
        a, b = pair if draft.touched(pair[1].name) else (pair[1], pair[0])
        with problems.at(b.name):
            error = conflict_class(draft, a.name)
            raise error.of(
                "cidr",
                f"{b.cidr} overlaps {a.cidr} of {a.name}",
                "Use a range that is free in this network.",
                UsedBy("", (a.name,), 1),
            )


def _overlapping(subnets: Iterable[Subnet]) -> tuple[Subnet, Subnet] | None:
    """Two whose ranges meet, if any; ranges are aligned, so in sorted order one contains its follower."""
    last: Subnet | None = None
    for subnet in sorted(subnets, key=lambda s: (s.cidr.version, int(s.cidr.network_address), s.cidr.prefixlen)):
        if last is not None and last.cidr.overlaps(subnet.cidr):
            return last, subnet
        last = subnet
    return None


def conflict_class(draft: Draft, other: str) -> type[SdnError]:
    """The class of an error about a contradiction with another resource."""
    return InvalidInput if draft.touched(other) else InUse


def check_addresses(draft: Draft, problems: Problems) -> None:
    """Every address of a port is a host address of one of its network's subnets, and no pair is a gateway.

    An address of a learned port may be in no subnet.
    """
    for target, new in draft.kept():
        if isinstance(new, Port):
            with problems.at(target.name):
                _check_addresses(draft, new)
                _check_pairs(draft, new)
        elif isinstance(new, Subnet):
            with problems.at(target.name):
                if new.gateway is not None:
                    _check_gateway_unused(draft, new)
                if target.old is None:
                    _check_new_subnet(draft, new)


def _check_new_subnet(draft: Draft, subnet: Subnet) -> None:
    """No learned port has an address in it already: that would not be counted as taken."""
    for name in draft.index.users.get(subnet.network, ()):
        port = draft.index.objects[name]
        taken = isinstance(port, Port) and next((a for a in port.addresses if inside(a, subnet.cidr)), None)
        if taken:
            raise InUse.of(
                "cidr",
                f"{taken} of it belongs to {name}, a learned port",
                "Delete that port first; it is learned again.",
            )


def _check_pairs(draft: Draft, port: Port) -> None:
    gateways = {subnet.gateway: subnet for subnet in draft.subnets_of(port.network)}
    for index, pair in enumerate(port.allowed_address_pairs):
        subnet = gateways.get(pair.prefix.network_address) if single(pair) else None
        if subnet is not None:
            raise conflict_class(draft, subnet.name).of(
                f"allowed_address_pairs[{index}].address",
                f"{subnet.gateway} is the gateway of {subnet.name}",
                "Use another address, or create the subnet without a gateway.",
                UsedBy("", (subnet.name,), 1),
            )


def _check_gateway_unused(draft: Draft, subnet: Subnet) -> None:
    """Ports that the transaction names are looked at themselves."""
    assert subnet.gateway is not None
    for name in draft.index.paired.get((subnet.network, int(subnet.gateway)), ()):
        if not draft.touched(name):
            remedy = "Take the pair out of that port first."
            raise InUse.of("gateway", f"{name} may use {subnet.gateway}", remedy, UsedBy(subnet.name, (name,), 1))


def _check_addresses(draft: Draft, port: Port) -> None:
    subnets = draft.subnets_of(port.network)
    for index, address in enumerate(port.addresses):
        subnet = subnet_of(subnets, address)
        if subnet is None and is_learned(port) and subnet_of(draft.index.subnets_of(port.network), address) is None:
            check_free_address(f"addresses[{index}]", address)
            continue
        if subnet is None:
            ranges = ", ".join(str(s.cidr) for s in subnets[:10])
            raise InvalidInput.of(
                f"addresses[{index}]",
                f"{address} is in no subnet of {port.network}",
                f"Use an address of {ranges}." if ranges else "Create a subnet first, or give no addresses.",
            )
        check_host_address(f"addresses[{index}]", address, subnet.cidr)


def check_claims(draft: Draft, problems: Problems) -> None:
    """Every unique key is held by one resource; the draft knows the holders afterwards."""
    for target, new in draft.kept():
        with problems.at(target.name):
            for field, claim in claims(new):
                holder = draft.claim(claim, target.name)
                if holder is not None:
                    raise _taken(draft, field, claim[0], new, holder)


def _taken(draft: Draft, field: str, what: str, resource: Resource, holder: str) -> SdnError:
    error, fact = conflict_class(draft, holder), UsedBy("", (holder,), 1)
    if what == "pair":
        return error.of(
            "", f"{holder} already joins these ports", "Change that connection, or give a classifier.", fact
        )
    if what == "routed":
        return error.of(field, f"{holder} already routes this subnet", "A subnet has one router at most.", fact)
    binding = getattr(resource, field, None) if what in ("binding", "iface-id") else None
    if isinstance(binding, Binding):
        where = f"interface {binding.interface} of switch {binding.switch}"
        where = f"iface-id {binding.iface_id}" if binding.iface_id else where
        return error.of(field, f"{where} belongs to {holder}", "Unbind that port or use another interface.", fact)
    if what == "active":
        return error.of(field, f"{holder} is the active port", "Make that port inactive in the same request.", fact)
    if what in ("binding", "circuit") and isinstance(resource, Connection):
        remedy = "Use another interface or VLAN, or delete that object first."
        return error.of(field, f"{holder} has this interface or these frames of it", remedy, fact)
    if what == "mac":
        remedy = "Use a MAC that is free in this network, or none."
        return error.of(field, f"the address belongs to {holder}", remedy, fact)
    role = "is the gateway of" if isinstance(draft.get(holder), Subnet) else "belongs to"
    return error.of(field, f"the address {role} {holder}", "Use an address that is free in this network.", fact)
