"""Checks and normal forms of one resource by itself: what needs no look at any other resource.

``normal`` is idempotent: what it gave out it leaves as it is, which ``load`` relies on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from sdn.model.errors import InvalidInput
from sdn.model.ids import Kind
from sdn.model.intent import (
    Binding,
    Connection,
    Network,
    Port,
    Resource,
    Router,
    Subnet,
    Tenant,
)
from sdn.model.plugs import MAX_IFACE_ID, is_iface_id
from sdn.model.selector import LABEL_KEY
from sdn.store.connection_rules import check_connection
from sdn.store.forms import NOT_FOR_TENANTS, check_host_address, check_mac, no_repetition, overlap, scoped
from sdn.store.names import reference
from sdn.store.pairs import check_pairs
from sdn.store.static_routes import check_routes

MIN_MTU, MAX_MTU, DEFAULT_MTU = 576, 9000, 1500
"""Bytes of IP packet. 576: what every IPv4 host must take (RFC 1122, 3.3.2)."""
MIN_MTU_IPV6 = 1280
"""RFC 8200, section 5."""
PREFIX_LENGTHS = {4: (8, 30), 6: (48, 126)}
"""Shortest and longest prefix of a subnet. Longer ones have no room for a gateway and a host."""
MAX_QUOTA = 1_000_000
"""Objects of a kind that a tenant may have at most."""
MAX_LABELS = 64
MAX_LABEL_VALUE = 255
MAX_DESCRIPTION = 1024
MAX_SUBNETS_PER_ROUTER = 64
MAX_SUBNETS_PER_NETWORK = 64
MAX_ADDRESSES_PER_PORT = 64
MAX_SWITCH_NAME = 64
MAX_INTERFACE_NAME = 15
"""IFNAMSIZ of Linux less the final zero; OpenFlow 1.3 carries no more either."""


def normal(resource: Resource) -> Resource:
    """The resource with full references and fields in normal form; raises InvalidInput.

    Not filled in: a MAC or addresses that were not given.
    """
    common = {"labels": _labels(resource.labels), "description": _description(resource.description)}
    rule = _RULES.get(type(resource))
    changes = common if rule is None else common | rule(resource)
    if all(getattr(resource, name) == value for name, value in changes.items()):
        return resource
    return replace(resource, **changes)


def _labels(labels: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    if len(labels) > MAX_LABELS:
        raise InvalidInput.of("labels", f"{len(labels)} labels", f"Give at most {MAX_LABELS}.")
    for key, value in labels:
        if not LABEL_KEY.fullmatch(key):
            raise InvalidInput.of(
                "labels",
                f"{key[:80]!r} is not a label key",
                "Use 1 to 63 of A-Z, a-z, 0-9, '.', '_', '/' and '-', beginning and ending with a letter or digit.",
            )
        if len(value) > MAX_LABEL_VALUE or not value.isprintable():
            raise InvalidInput.of(
                f"labels[{key}]",
                "the value is too long or holds control characters",
                f"Use at most {MAX_LABEL_VALUE} printable characters.",
            )
    if len(dict(labels)) != len(labels):
        raise InvalidInput.of("labels", "a key is repeated", "Give each key once.")
    return tuple(sorted(labels))


def _description(text: str) -> str:
    if len(text) > MAX_DESCRIPTION:
        raise InvalidInput.of("description", f"{len(text)} characters", f"Use at most {MAX_DESCRIPTION} characters.")
    if not all(char.isprintable() or char in "\n\t" for char in text):
        raise InvalidInput.of("description", "holds control characters", "Use printable text, newlines and tabs.")
    return text


def _tenant(tenant: Tenant) -> dict[str, Any]:
    for item in fields(tenant.quota):
        value = getattr(tenant.quota, item.name)
        if not 0 <= value <= MAX_QUOTA:
            raise InvalidInput.of(
                f"quota.{item.name}", f"{value} is out of range", f"Give 1 to {MAX_QUOTA}, or 0 for the default."
            )
    return {}


def _network(network: Network) -> dict[str, Any]:
    mtu = network.mtu or DEFAULT_MTU
    if not MIN_MTU <= mtu <= MAX_MTU:
        raise InvalidInput.of("mtu", f"{mtu} is out of range", f"Give {MIN_MTU} to {MAX_MTU} bytes.")
    return {"mtu": mtu}


def _subnet(subnet: Subnet) -> dict[str, Any]:
    network = reference("network", subnet.network, subnet.name, Kind.NETWORK)
    cidr = subnet.cidr
    shortest, longest = PREFIX_LENGTHS[cidr.version]
    if not shortest <= cidr.prefixlen <= longest:
        raise InvalidInput.of(
            "cidr",
            f"prefix length {cidr.prefixlen} of {cidr} is out of range",
            f"Use /{shortest} to /{longest} for IPv{cidr.version}.",
        )
    if scoped(cidr.network_address):
        raise InvalidInput.of("cidr", f"{cidr} has a zone", "Leave out '%' and what follows.")
    for special in NOT_FOR_TENANTS:
        if overlap(cidr, special):
            raise InvalidInput.of("cidr", f"{cidr} overlaps {special}, which hosts may not use", "Use another range.")
    if subnet.gateway is not None:
        check_host_address("gateway", subnet.gateway, cidr)
    return {"network": network}


def _router(router: Router) -> dict[str, Any]:
    if len(router.subnets) > MAX_SUBNETS_PER_ROUTER:
        raise InvalidInput.of("subnets", f"{len(router.subnets)} subnets", f"Give at most {MAX_SUBNETS_PER_ROUTER}.")
    subnets = tuple(
        reference(f"subnets[{index}]", name, router.name, Kind.SUBNET) for index, name in enumerate(router.subnets)
    )
    no_repetition("subnets", subnets)
    check_routes(router.routes)
    return {"subnets": subnets}


def _port(port: Port) -> dict[str, Any]:
    network = reference("network", port.network, port.name, Kind.NETWORK)
    if len(port.addresses) > MAX_ADDRESSES_PER_PORT:
        raise InvalidInput.of(
            "addresses", f"{len(port.addresses)} addresses", f"Give at most {MAX_ADDRESSES_PER_PORT}."
        )
    no_repetition("addresses", port.addresses)
    if port.binding is not None:
        _binding("binding", port.binding)
    if port.migration_target is not None:
        _binding("migration_target", port.migration_target)
        if port.binding is None:
            raise InvalidInput.of(
                "migration_target",
                "the port is not bound",
                "Give the place where it is as binding, or bind it at once.",
            )
        if port.migration_target == port.binding and not port.binding.iface_id:
            raise InvalidInput.of(
                "migration_target", "it is the binding", "Leave it out: the port is there, or its move is done."
            )
    mac = check_mac("mac", port.mac)
    return {"network": network, "mac": mac, "allowed_address_pairs": check_pairs(port.allowed_address_pairs)}


def _binding(path: str, binding: Binding) -> None:
    if binding.iface_id:
        if binding.switch or binding.interface:
            raise InvalidInput.of(
                f"{path}.iface_id", "given beside switch or interface", "Give iface_id alone, or switch and interface."
            )
        if not is_iface_id(binding.iface_id):
            raise InvalidInput.of(
                f"{path}.iface_id",
                f"{binding.iface_id[:80]!r} is not an iface-id",
                f"Use 1 to {MAX_IFACE_ID} printable characters without spaces.",
            )
        return
    for field, value, limit in (
        ("switch", binding.switch, MAX_SWITCH_NAME),
        ("interface", binding.interface, MAX_INTERFACE_NAME),
    ):
        plain = value.isprintable() and "/" not in value and not any(char.isspace() for char in value)
        if not 1 <= len(value) <= limit or not plain:
            raise InvalidInput.of(
                f"{path}.{field}",
                f"{value[:80]!r} is not a name of a {field}" if value else "not given",
                f"Use 1 to {limit} printable characters without spaces and '/'.",
            )


_RULES: dict[type[Resource], Callable[[Any], dict[str, Any]]] = {
    Tenant: _tenant,
    Network: _network,
    Subnet: _subnet,
    Router: _router,
    Port: _port,
    Connection: check_connection,
}

IMMUTABLE: dict[type[Resource], tuple[str, ...]] = {
    Subnet: ("network", "cidr"),
    Port: ("network",),
    Connection: ("a", "b"),
}
"""Fields that stay as they were created."""


def check_immutable(old: Resource, new: Resource) -> None:
    """Raises InvalidInput when an update would change what cannot change."""
    for field in IMMUTABLE.get(type(new), ()):
        before, after = getattr(old, field), getattr(new, field)
        if before != after:
            raise InvalidInput.of(
                field,
                f"cannot change from {before} to {after}",
                f"Delete {old.name} and create it anew with the other value.",
            )
