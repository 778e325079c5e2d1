"""Checks and normal forms of one resource by itself: what needs no look at any other resource.

``normal`` is idempotent: what it gave out it leaves as it is, which ``load`` relies on.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv6Address, IPv6Network, ip_network
from typing import Any

from sdn.model.errors import InvalidInput
from sdn.model.ids import Kind, parse_name, qualify
from sdn.model.intent import LEARNED, Address, Binding, Connection, Network, Port, Prefix, Resource, Router, Subnet
from sdn.store.names import tenant_of

MIN_MTU, MAX_MTU, DEFAULT_MTU = 576, 9000, 1500
"""Bytes of IP packet. 576: what every IPv4 host must take (RFC 1122, 3.3.2)."""
MIN_MTU_IPV6 = 1280
"""RFC 8200, section 5."""
PREFIX_LENGTHS = {4: (8, 30), 6: (48, 126)}
"""Shortest and longest prefix of a subnet. Longer ones have no room for a gateway and a host."""
MAX_BANDWIDTH = 10**15
MAX_LABELS = 64
MAX_LABEL_VALUE = 255
MAX_DESCRIPTION = 1024
MAX_SUBNETS_PER_ROUTER = 64
MAX_SUBNETS_PER_NETWORK = 64
MAX_ADDRESSES_PER_PORT = 64
MAX_SWITCH_NAME = 64
MAX_INTERFACE_NAME = 15
"""IFNAMSIZ of Linux less the final zero; OpenFlow 1.3 carries no more either."""
ROUTER_MAC_PREFIX = "06:00:00:"
"""First half of the MAC addresses of routers; the other half is the router's number."""

_LABEL_KEY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?")
_MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}|[0-9a-f]{2}(?:-[0-9a-f]{2}){5}")
_NOT_FOR_TENANTS = (
    *(ip_network(text) for text in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4")),
    *(ip_network(text) for text in ("::/96", "::ffff:0:0/96", "fe80::/10", "ff00::/8")),
)
"""This host, loopback, link-local, multicast, reserved; the same of IPv6, and IPv4 in disguise (RFC 6890)."""


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
        if not _LABEL_KEY.fullmatch(key):
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


def _reference(field: str, name: str, owner: str, kind: Kind) -> str:
    """The full name of a reference, which must stay within the tenant of ``owner``."""
    if not name:
        raise InvalidInput.of(field, "not given", f"Name a {kind.value.lower()} of the same tenant.")
    tenant = tenant_of(owner)
    full = qualify(name, tenant, kind)
    if parse_name(full, field, kind).tenant != tenant:
        raise InvalidInput.of(
            field, f"{full} belongs to another tenant", f"Name a {kind.value.lower()} of tenants/{tenant}."
        )
    return full


def _network(network: Network) -> dict[str, Any]:
    mtu = network.mtu or DEFAULT_MTU
    if not MIN_MTU <= mtu <= MAX_MTU:
        raise InvalidInput.of("mtu", f"{mtu} is out of range", f"Give {MIN_MTU} to {MAX_MTU} bytes.")
    return {"mtu": mtu}


def _subnet(subnet: Subnet) -> dict[str, Any]:
    network = _reference("network", subnet.network, subnet.name, Kind.NETWORK)
    cidr = subnet.cidr
    shortest, longest = PREFIX_LENGTHS[cidr.version]
    if not shortest <= cidr.prefixlen <= longest:
        raise InvalidInput.of(
            "cidr",
            f"prefix length {cidr.prefixlen} of {cidr} is out of range",
            f"Use /{shortest} to /{longest} for IPv{cidr.version}.",
        )
    if _scoped(cidr.network_address):
        raise InvalidInput.of("cidr", f"{cidr} has a zone", "Leave out '%' and what follows.")
    for special in _NOT_FOR_TENANTS:
        if _overlap(cidr, special):
            raise InvalidInput.of("cidr", f"{cidr} overlaps {special}, which hosts may not use", "Use another range.")
    if subnet.gateway is not None:
        check_host_address("gateway", subnet.gateway, cidr)
    return {"network": network}


def _overlap(a: Prefix, b: Prefix) -> bool:
    shorter, longer = sorted((a, b), key=lambda prefix: prefix.prefixlen)
    return shorter.version == longer.version and inside(longer.network_address, shorter)


def inside(address: Address, cidr: Prefix) -> bool:
    """Whether an address lies in a range, of which it may be of the other family."""
    return address.version == cidr.version and int(address) & int(cidr.netmask) == int(cidr.network_address)


def _scoped(address: Address) -> bool:
    return isinstance(address, IPv6Address) and address.scope_id is not None


def check_host_address(field: str, address: Address, cidr: Prefix) -> None:
    """Raises InvalidInput unless a host of the subnet may have this address."""
    reason = ""
    if not inside(address, cidr):
        reason = f"{address} is not inside {cidr}"
    elif _scoped(address):
        reason = f"{address} has a zone"
    elif address == cidr.network_address:
        special = "subnet-router anycast" if isinstance(cidr, IPv6Network) else "network"
        reason = f"{address} is the {special} address of {cidr}"
    elif cidr.version == 4 and address == cidr.broadcast_address:
        reason = f"{address} is the broadcast address of {cidr}"
    if reason:
        raise InvalidInput.of(field, reason, f"Use a host address of {cidr}.")


_NO_HOST = tuple(
    ip_network(text)
    for text in ("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "::/96", "::ffff:0:0/96", "ff00::/8")
)


def is_learned(port: Port) -> bool:
    """Whether a port bears the label of learned ones: its host chose its addresses, in a subnet or not."""
    return any(key == LEARNED for key, _ in port.labels)


def check_free_address(field: str, address: Address) -> None:
    """Raises InvalidInput unless a host may have this address outside of any subnet; link-local is allowed."""
    if _scoped(address):
        raise InvalidInput.of(field, f"{address} has a zone", "Leave out '%' and what follows.")
    for special in _NO_HOST:
        if inside(address, special):
            raise InvalidInput.of(field, f"{address} is in {special}, which hosts may not use", "Use another address.")


def _router(router: Router) -> dict[str, Any]:
    if len(router.subnets) > MAX_SUBNETS_PER_ROUTER:
        raise InvalidInput.of("subnets", f"{len(router.subnets)} subnets", f"Give at most {MAX_SUBNETS_PER_ROUTER}.")
    subnets = tuple(
        _reference(f"subnets[{index}]", name, router.name, Kind.SUBNET) for index, name in enumerate(router.subnets)
    )
    _no_repetition("subnets", subnets)
    return {"subnets": subnets}


def _no_repetition(field: str, values: tuple[object, ...]) -> None:
    seen: set[object] = set()
    for index, value in enumerate(values):
        if value in seen:
            raise InvalidInput.of(f"{field}[{index}]", f"{value} is repeated", "Give each one once.")
        seen.add(value)


def _port(port: Port) -> dict[str, Any]:
    network = _reference("network", port.network, port.name, Kind.NETWORK)
    if len(port.addresses) > MAX_ADDRESSES_PER_PORT:
        raise InvalidInput.of(
            "addresses", f"{len(port.addresses)} addresses", f"Give at most {MAX_ADDRESSES_PER_PORT}."
        )
    _no_repetition("addresses", port.addresses)
    if port.binding is not None:
        _binding(port.binding)
    return {"network": network, "mac": _mac(port.mac)}


def _mac(text: str) -> str:
    if not text:
        return ""
    mac = text.lower()
    if not _MAC.fullmatch(mac):
        raise InvalidInput.of(
            "mac", f"{text[:40]!r} is not a MAC address", "Give six pairs of hexadecimal digits with colons between."
        )
    mac = mac.replace("-", ":")
    if mac == "00:00:00:00:00:00" or int(mac[:2], 16) & 1:
        raise InvalidInput.of("mac", f"{mac} is not a unicast address", "Give the address of one host.")
    if mac.startswith(ROUTER_MAC_PREFIX):
        raise InvalidInput.of(
            "mac", f"{mac} is reserved for routers", f"Use an address that does not begin with {ROUTER_MAC_PREFIX}."
        )
    return mac


def _binding(binding: Binding) -> None:
    for field, value, limit in (
        ("switch", binding.switch, MAX_SWITCH_NAME),
        ("interface", binding.interface, MAX_INTERFACE_NAME),
    ):
        plain = value.isprintable() and "/" not in value and not any(char.isspace() for char in value)
        if not 1 <= len(value) <= limit or not plain:
            raise InvalidInput.of(
                f"binding.{field}",
                f"{value[:80]!r} is not a name of a {field}" if value else "not given",
                f"Use 1 to {limit} printable characters without spaces and '/'.",
            )


def _connection(connection: Connection) -> dict[str, Any]:
    a = _reference("a", connection.a, connection.name, Kind.PORT)
    b = _reference("b", connection.b, connection.name, Kind.PORT)
    if a == b:
        raise InvalidInput.of("b", f"both ends are {a}", "Name two different ports.")
    if not 1 <= connection.bandwidth <= MAX_BANDWIDTH:
        raise InvalidInput.of(
            "bandwidth", f"{connection.bandwidth} bits/s is out of range", f"Give 1 to {MAX_BANDWIDTH} bits/s."
        )
    return {"a": a, "b": b}


_RULES: dict[type[Resource], Callable[[Any], dict[str, Any]]] = {
    Network: _network,
    Subnet: _subnet,
    Router: _router,
    Port: _port,
    Connection: _connection,
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
