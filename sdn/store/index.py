"""The state as it is, with every look-up that checks and compilers need at a cost that does not grow with the store."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple, TypeVar

from sdn.model.ids import Kind
from sdn.model.intent import Address, Connection, Port, Resource, Subnet, kind_of
from sdn.store.addresses import AddressPool
from sdn.store.forms import inside
from sdn.store.names import Claim, claims, references, tenant_of
from sdn.store.pairs import paired_addresses

_T = TypeVar("_T")
_K = TypeVar("_K")


class Change(NamedTuple):
    """What becomes of one resource. old: None when it is created; new: None when it is deleted."""

    old: Resource | None
    new: Resource | None

    @property
    def name(self) -> str:
        """The resource's full name."""
        resource = self.new or self.old
        assert resource is not None
        return resource.name


class Index:
    """Resources with their claims and users. ``apply`` takes checked changes only."""

    def __init__(self) -> None:
        self.objects: dict[str, Resource] = {}
        self.claims: dict[Claim, str] = {}
        self.users: dict[str, dict[str, None]] = {}
        self.subnets: dict[str, dict[str, Subnet]] = {}
        self.pools: dict[str, AddressPool] = {}
        self.paired: dict[tuple[str, int], dict[str, None]] = {}
        """By network and address: the ports that may use it beside their own."""
        self.spans: dict[str, dict[str, None]] = {}
        """By network: the connections of which it is an end."""
        self._members: dict[tuple[Kind, str], dict[str, Resource]] = {}
        self._sorted: dict[tuple[Kind, str], tuple[str, ...]] = {}

    def members(self, kind: Kind, tenant: str) -> Collection[Resource]:
        """Resources of a kind, of one tenant or ('') of all, in no particular order."""
        return self._members.get((kind, tenant), {}).values()

    def subnets_of(self, network: str) -> Collection[Subnet]:
        """The subnets of a network; a live view."""
        return self.subnets.get(network, {}).values()

    def names(self, kind: Kind, tenant: str) -> Sequence[str]:
        """The sorted names of these; sorted again only after one was added or removed."""
        key = kind, tenant
        if key not in self._sorted:
            if key not in self._members:
                return ()
            self._sorted[key] = tuple(sorted(self._members[key]))
        return self._sorted[key]

    def apply(self, changes: Iterable[Change]) -> None:
        """Make changes real. Ports let go of their addresses while their subnets are still there, and the reverse."""
        changes = tuple(changes)
        for old, new in changes:
            if old is not None:
                self._unlink(old)
                if new is None:
                    self._forget(old)
        for old, new in changes:
            if isinstance(old or new, Subnet):
                self._move_pool(old, new)
        for _, new in changes:
            if new is not None:
                self._link(new)

    def _move_pool(self, old: Resource | None, new: Resource | None) -> None:
        if isinstance(old, Subnet):
            if old.gateway is not None:
                self.pools[old.name].free(offset(old, old.gateway))
            _discard(self.subnets, old.network, old.name)
        if isinstance(new, Subnet):
            if old is None:
                self.pools[new.name] = AddressPool.of(new.cidr)
            if new.gateway is not None:
                self.pools[new.name].take(offset(new, new.gateway))
            self.subnets.setdefault(new.network, {})[new.name] = new
        elif old is not None:
            del self.pools[old.name]

    def _link(self, resource: Resource) -> None:
        name = resource.name
        self.objects[name] = resource
        for _, claim in claims(resource):
            self.claims[claim] = name
        for _, target, _ in references(resource):
            self.users.setdefault(target, {})[name] = None
        if isinstance(resource, Connection) and resource.network:
            self.spans.setdefault(resource.network, {})[name] = None
        if isinstance(resource, Port):
            for address in resource.addresses:
                subnet = subnet_of(self.subnets_of(resource.network), address)
                if subnet is not None:  # an address of a learned port may be in none
                    self.users.setdefault(subnet.name, {})[name] = None
                    self.pools[subnet.name].take(offset(subnet, address))
            for place in paired_addresses(resource):
                self.paired.setdefault(place, {})[name] = None
        for key in _member_keys(resource):
            members = self._members.setdefault(key, {})
            if name not in members:
                self._sorted.pop(key, None)
            members[name] = resource

    def _unlink(self, resource: Resource) -> None:
        name = resource.name
        for _, claim in claims(resource):
            del self.claims[claim]
        for _, target, _ in references(resource):
            _discard(self.users, target, name)
        if isinstance(resource, Connection) and resource.network:
            _discard(self.spans, resource.network, name)
        if isinstance(resource, Port):
            for address in resource.addresses:
                subnet = subnet_of(self.subnets_of(resource.network), address)
                if subnet is not None:
                    _discard(self.users, subnet.name, name)
                    self.pools[subnet.name].free(offset(subnet, address))
            for place in paired_addresses(resource):
                _discard(self.paired, place, name)

    def _forget(self, resource: Resource) -> None:
        name = resource.name
        del self.objects[name]
        for key in _member_keys(resource):
            members = self._members[key]
            del members[name]
            self._sorted.pop(key, None)
            if not members:
                del self._members[key]


def _member_keys(resource: Resource) -> tuple[tuple[Kind, str], ...]:
    kind = kind_of(resource)
    return ((kind, ""), (kind, tenant_of(resource.name)))


def _discard(table: dict[_K, dict[str, _T]], key: _K, name: str) -> None:
    """Remove an entry of a table of tables, and the inner table with its last one."""
    inner = table.get(key)
    if inner is not None:
        inner.pop(name, None)
        if not inner:
            del table[key]


def offset(subnet: Subnet, address: Address) -> int:
    """The place of an address in its subnet, from 0."""
    return int(address) - int(subnet.cidr.network_address)


def subnet_of(subnets: Iterable[Subnet], address: Address) -> Subnet | None:
    """The one among these (a network's, at most 64) in which an address lies."""
    return next((subnet for subnet in subnets if inside(address, subnet.cidr)), None)
