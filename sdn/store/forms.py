"""Forms of single values, whichever resource holds them."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, IPv6Network, ip_network

from sdn.model.errors import InvalidInput
from sdn.model.intent import LEARNED, Address, Port, Prefix

ROUTER_MAC_PREFIX = "06:00:00:"
"""First half of the MAC addresses of routers; the other half is the router's number."""
PROBE_MAC_PREFIX = "06:00:01:"
RESERVED = {ROUTER_MAC_PREFIX: "routers", PROBE_MAC_PREFIX: "probes"}
"""By prefix: who has MACs that ports may not use (routers; probes of the data plane)."""
NOT_FOR_TENANTS = (
    *(ip_network(text) for text in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4")),
    *(ip_network(text) for text in ("::/96", "::ffff:0:0/96", "fe80::/10", "ff00::/8")),
)
"""This host, loopback, link-local, multicast, reserved; the same of IPv6, and IPv4 in disguise (RFC 6890)."""
_MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}|[0-9a-f]{2}(?:-[0-9a-f]{2}){5}")

_NO_HOST = tuple(
    ip_network(text)
    for text in ("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "::/96", "::ffff:0:0/96", "ff00::/8")
)
"""What no host may have, on whatever network: NOT_FOR_TENANTS without the link-local ranges."""


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


def is_learned(port: Port) -> bool:
    """Whether a port bears the label of learned ones: its host chose its addresses, in a subnet or not."""
    return any(key == LEARNED for key, _ in port.labels)


def check_free_address(field: str, address: Address) -> None:
    """Raises InvalidInput unless a host may have this address outside of any subnet; link-local is allowed."""
    if scoped(address):
        raise InvalidInput.of(field, f"{address} has a zone", "Leave out '%' and what follows.")
    for special in _NO_HOST:
        if inside(address, special):
            raise InvalidInput.of(field, f"{address} is in {special}, which hosts may not use", "Use another address.")


def no_repetition(field: str, values: tuple[object, ...]) -> None:
    """Raises InvalidInput when a value of a list is given twice."""
    seen: set[object] = set()
    for index, value in enumerate(values):
        if value in seen:
            raise InvalidInput.of(f"{field}[{index}]", f"{value} is repeated", "Give each one once.")
        seen.add(value)


def check_mac(field: str, text: str) -> str:
    """A MAC address in lower case with colons, '' as it is; raises InvalidInput unless a host may have it."""
    if not text:
        return ""
    mac = text.lower()
    if not _MAC.fullmatch(mac):
        raise InvalidInput.of(
            field, f"{text[:40]!r} is not a MAC address", "Give six pairs of hexadecimal digits with colons between."
        )
    mac = mac.replace("-", ":")
    if mac == "00:00:00:00:00:00" or int(mac[:2], 16) & 1:
        raise InvalidInput.of(field, f"{mac} is not a unicast address", "Give the address of one host.")
    for prefix, users in RESERVED.items():
        if mac.startswith(prefix):
            remedy = f"Use an address that does not begin with {prefix}."
            raise InvalidInput.of(field, f"{mac} is reserved for {users}", remedy)
    return mac
