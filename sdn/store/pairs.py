"""Allowed address pairs of ports: what is a pair, and that none is an address of a router."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sdn.model.errors import InvalidInput
from sdn.model.intent import AddressPair, Port
from sdn.store.forms import NOT_FOR_TENANTS, check_mac, inside, scoped

MAX_PAIRS_PER_PORT = 64
_LINK_LOCAL = ("169.254.0.0/16", "fe80::/10")
_FORBIDDEN = tuple(special for special in NOT_FOR_TENANTS if str(special) not in _LINK_LOCAL)
"""Link-local addresses may be shared: VRRP needs them with IPv6 (RFC 5798, section 6.1)."""


def single(pair: AddressPair) -> bool:
    """Whether a pair is about one address, not a range."""
    return pair.prefix.prefixlen == pair.prefix.max_prefixlen


def paired_addresses(port: Port) -> set[tuple[str, int]]:
    """(network, address as a number) of the single addresses that a port may use beside its own."""
    return {(port.network, int(pair.prefix.network_address)) for pair in port.allowed_address_pairs if single(pair)}


def check_pairs(pairs: Sequence[AddressPair]) -> tuple[AddressPair, ...]:
    """Pairs with MAC addresses in normal form; raises InvalidInput."""
    if len(pairs) > MAX_PAIRS_PER_PORT:
        raise InvalidInput.of(
            "allowed_address_pairs", f"{len(pairs)} pairs", f"Give at most {MAX_PAIRS_PER_PORT}, or wider ranges."
        )
    found: dict[tuple[object, str], AddressPair] = {}
    for index, pair in enumerate(pairs):
        field = f"allowed_address_pairs[{index}]"
        _check_prefix(field, pair)
        made = replace(pair, mac=check_mac(f"{field}.mac", pair.mac))
        if (made.prefix, made.mac) in found:
            raise InvalidInput.of(field, f"{made.prefix} is repeated with the same MAC", "Give each pair once.")
        found[made.prefix, made.mac] = made
    return tuple(found.values())


def _check_prefix(field: str, pair: AddressPair) -> None:
    prefix = pair.prefix
    if scoped(prefix.network_address):
        raise InvalidInput.of(f"{field}.address", f"{prefix} has a zone", "Leave out '%' and what follows.")
    for special in _FORBIDDEN:
        if special.prefixlen <= prefix.prefixlen and inside(prefix.network_address, special):
            raise InvalidInput.of(
                f"{field}.address", f"{prefix} is part of {special}, which hosts may not use", "Use another address."
            )
    if pair.active and not single(pair):
        raise InvalidInput.of(
            f"{field}.active", f"{prefix} is a range", "Only a single address has an active port. Route ranges instead."
        )
