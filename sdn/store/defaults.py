"""What a user left open: addresses of ports, their MAC addresses, and the numbers of new resources."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from sdn.model.errors import Exhausted, Limit
from sdn.model.intent import Address, Connection, Network, Port, Resource, Router, Subnet
from sdn.store.addresses import AddressPool
from sdn.store.draft import Draft
from sdn.store.index import offset, subnet_of
from sdn.store.names import Problems, address_claim, circuit_keys, mac_claim, service_keys
from sdn.store.numbers import NumbersDraft

_MAX_MACS_TRIED = 10_000
OWNED_POOLS: dict[type[Resource], str] = {Network: "network", Router: "router", Port: "service"}
"""The pools from which resources get their number."""


def number_keys(resource: Resource | None) -> tuple[tuple[str, str], ...]:
    """(pool, key) of a resource's numbers; empty for kinds without any."""
    if isinstance(resource, Connection) and resource.circuit:
        return tuple(("service", key) for key in circuit_keys(resource))
    pool = OWNED_POOLS.get(type(resource)) if resource is not None else None
    if resource is None or pool is None:
        return ()
    keys = service_keys(resource) if isinstance(resource, Port) else (resource.name,)
    return tuple((pool, key) for key in keys)


def keep_addresses(draft: Draft) -> None:
    """A port whose addresses were left open keeps those it has that still lie in a subnet."""
    for target, new in draft.kept():
        if target.fill and isinstance(new, Port) and isinstance(target.old, Port):
            subnets = draft.subnets_of(new.network)
            kept = tuple(a for a in target.old.addresses if subnet_of(subnets, a) is not None)
            target.new = replace(new, addresses=kept)


def fill_addresses(draft: Draft, problems: Problems) -> None:
    """Give the lowest free address of every subnet in which it has none to each port whose addresses were left open."""
    pools: _Pools | None = None
    for target, new in draft.kept():
        if not target.fill or not isinstance(new, Port):
            continue
        held = {s.name for a in new.addresses if (s := subnet_of(draft.subnets_of(new.network), a)) is not None}
        missing = [s for s in draft.subnets_of(new.network) if s.name not in held]
        if missing:
            pools = pools or _Pools(draft)
            with problems.at(target.name):
                chosen = [pools.lowest(subnet) for subnet in missing]
                for address in chosen:
                    draft.claim(address_claim(new.network, int(address)), new.name)
                target.new = replace(new, addresses=(*new.addresses, *chosen))


class _Pools:
    """Free addresses as the transaction leaves them."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._pools: dict[str, AddressPool] = {}
        for target in draft.targets.values():
            self._mark(target.old, taken=False)
        for target in draft.targets.values():
            self._mark(target.new, taken=True)

    def _pool(self, subnet: Subnet) -> AddressPool:
        if subnet.name not in self._pools:
            stored = self._draft.index.pools.get(subnet.name)
            self._pools[subnet.name] = AddressPool.of(subnet.cidr) if stored is None else stored.draft()
        return self._pools[subnet.name]

    def _mark(self, resource: Resource | None, *, taken: bool) -> None:
        addresses: tuple[Address, ...] = ()
        if isinstance(resource, Port):
            addresses, network = resource.addresses, resource.network
        elif isinstance(resource, Subnet) and resource.gateway is not None:
            addresses, network = (resource.gateway,), resource.network
        for address in addresses:
            subnet = subnet_of(self._draft.subnets_of(network), address)
            if subnet is not None:
                pool = self._pool(subnet)
                (pool.take if taken else pool.free)(offset(subnet, address))

    def lowest(self, subnet: Subnet) -> Address:
        pool = self._pool(subnet)
        place = pool.lowest()
        if place is None:
            raise Exhausted.of(
                "addresses",
                f"{subnet.name} ({subnet.cidr}) has no free address",
                "Delete ports or add a subnet.",
                Limit(subnet.name, "addresses", pool.size, pool.size),
            )
        pool.take(place)
        address = int(subnet.cidr.network_address) + place
        return ip_address(address.to_bytes(4 if subnet.cidr.version == 4 else 16, "big"))


def assign_numbers(draft: Draft, numbers: NumbersDraft, problems: Problems) -> None:
    """Release numbers of what goes, give numbers to what comes, and MACs made from them where none was given."""
    for target in draft.targets.values():
        with problems.at(target.name):
            before = number_keys(target.old)
            if isinstance(target.new, Port) and not target.new.mac:
                target.new = replace(target.new, mac=_free_mac(draft, target.new, numbers))
            after = number_keys(target.new)
            for key in before:
                if key not in after:
                    numbers.drop(*key)
            for key in after:
                if key not in before:
                    numbers.take(*key)


def _free_mac(draft: Draft, port: Port, numbers: NumbersDraft) -> str:
    """The MAC of the number that comes next; a number whose MAC somebody has asked for is passed over."""
    for _ in range(_MAX_MACS_TRIED):
        mac = mac_of_number(numbers.next("service"))
        if draft.claim(mac_claim(port.network, mac), port.name) is None:
            return mac
        numbers.skip("service")
    raise Exhausted.of("mac", "no free address was found", "Give a MAC address.")


def mac_of_number(number: int) -> str:
    """The locally administered MAC made from a service number (24 bits)."""
    return f"02:00:00:{number >> 16 & 0xFF:02x}:{number >> 8 & 0xFF:02x}:{number & 0xFF:02x}"
