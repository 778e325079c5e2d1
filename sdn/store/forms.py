"""Forms of single values, whichever resource holds them."""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network, ip_network

from sdn.model.errors import InvalidInput
from sdn.model.intent import Address, Prefix

NOT_FOR_TENANTS = (
    *(ip_network(text) for text in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4")),
    *(ip_network(text) for text in ("::/96", "::ffff:0:0/96", "fe80::/10", "ff00::/8")),
)
"""This host, loopback, link-local, multicast, reserved; the same of IPv6, and IPv4 in disguise (RFC 6890)."""


def overlap(a: Prefix, b: Prefix) -> bool:
    """Whether two ranges share an address."""
    shorter, longer = sorted((a, b), key=lambda prefix: prefix.prefixlen)
    return shorter.version == longer.version and inside(longer.network_address, shorter)


def inside(address: Address, cidr: Prefix) -> bool:
    """Whether an address lies in a range, of which it may be of the other family."""
    return address.version == cidr.version and int(address) & int(cidr.netmask) == int(cidr.network_address)


def scoped(address: Address) -> bool:
    """Whether an address names a zone, as in fe80::1%eth0."""
    return isinstance(address, IPv6Address) and address.scope_id is not None


def check_host_address(field: str, address: Address, cidr: Prefix) -> None:
    """Raises InvalidInput unless a host of the subnet may have this address."""
    reason = ""
    if not inside(address, cidr):
        reason = f"{address} is not inside {cidr}"
    elif scoped(address):
        reason = f"{address} has a zone"
    elif address == cidr.network_address:
        special = "subnet-router anycast" if isinstance(cidr, IPv6Network) else "network"
        reason = f"{address} is the {special} address of {cidr}"
    elif cidr.version == 4 and address == cidr.broadcast_address:
        reason = f"{address} is the broadcast address of {cidr}"
    if reason:
        raise InvalidInput.of(field, reason, f"Use a host address of {cidr}.")


def no_repetition(field: str, values: tuple[object, ...]) -> None:
    """Raises InvalidInput when a value of a list is given twice."""
    seen: set[object] = set()
    for index, value in enumerate(values):
        if value in seen:
            raise InvalidInput.of(f"{field}[{index}]", f"{value} is repeated", "Give each one once.")
        seen.add(value)
