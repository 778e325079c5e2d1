"""What a resource refers to and which keys it claims for itself, as pure functions of the resource."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256

from sdn.model.circuit import UNTAGGED, is_circuit_end, parse_circuit_end
from sdn.model.errors import InvalidInput, SdnError
from sdn.model.ids import Kind, parse_name, qualify
from sdn.model.intent import Binding, Connection, Port, Resource, Router, Subnet, Tenant

Claim = tuple[str, ...] | tuple[str, str, int]
"""A key that only one resource may hold. The first item says what it is."""

_MAX_VIOLATIONS = 20
_MAX_ID = 63
_PLAIN = re.compile("[a-z0-9]([a-z0-9_-]*[a-z0-9])?")


def mac_claim(network: str, mac: str) -> Claim:
    """A MAC is unique within its network."""
    return ("mac", network, mac)


def address_claim(network: str, address: int) -> Claim:
    """An address is unique within its network, gateways included.

    IPv4 and IPv6 numbers never meet, as ::/96 is refused for subnets.
    """
    return ("address", network, address)


def binding_claim(switch: str, interface: str) -> Claim:
    """An interface belongs to one port of the whole system."""
    return ("binding", switch, interface)


def iface_claim(iface_id: str) -> Claim:
    """An iface-id belongs to one port of the whole system, as the interface that has it does."""
    return ("iface-id", iface_id)


def _binding_claim_of(binding: Binding) -> Claim:
    return iface_claim(binding.iface_id) if binding.iface_id else binding_claim(binding.switch, binding.interface)


def routed_claim(subnet: str) -> Claim:
    """A subnet has at most one router."""
    return ("routed", subnet)


def pair_claim(a: str, b: str) -> Claim:
    """Two ports have at most one connection without a classifier, whichever is called a."""
    return ("pair", *sorted((a, b)))


def active_claim(network: str, what: int | str) -> Claim:
    """An address (as a number) or MAC that several ports of a network may use has one active port at most."""
    return ("active", network, str(what))


def _active(port: Port) -> Iterator[tuple[str, Claim]]:
    seen: set[Claim] = set()
    for index, pair in enumerate(port.allowed_address_pairs):
        if pair.active:
            found = [active_claim(port.network, int(pair.prefix.network_address))]
            if pair.mac and pair.mac != port.mac:
                found.append(active_claim(port.network, pair.mac))
            for claim in found:
                if claim not in seen:
                    yield f"allowed_address_pairs[{index}].active", claim
            seen.update(found)


def claims(resource: Resource) -> Iterator[tuple[str, Claim]]:
    """The (field, claim) pairs of a resource; what was not given yet claims nothing."""
    if isinstance(resource, Port):
        if resource.mac:
            yield "mac", mac_claim(resource.network, resource.mac)
        for index, address in enumerate(resource.addresses):
            yield f"addresses[{index}]", address_claim(resource.network, int(address))
        if resource.binding is not None:
            yield "binding", _binding_claim_of(resource.binding)
        if resource.migration_target not in (None, resource.binding):
            assert resource.migration_target is not None
            yield "migration_target", _binding_claim_of(resource.migration_target)
        yield from _active(resource)
    elif isinstance(resource, Subnet):
        if resource.gateway is not None:
            yield "gateway", address_claim(resource.network, int(resource.gateway))
    elif isinstance(resource, Router):
        for index, subnet in enumerate(resource.subnets):
            yield f"subnets[{index}]", routed_claim(subnet)
    elif isinstance(resource, Connection) and resource.circuit:
        yield from _circuit_claims(resource)
    elif isinstance(resource, Connection) and resource.classifier is None and not resource.many:
        yield "", pair_claim(resource.a, resource.b)


def _circuit_claims(connection: Connection) -> Iterator[tuple[str, Claim]]:
    """All frames of an interface belong to one circuit, as an interface to one port; so do those of one VLAN.

    One of many ends claims for its legs too.
    """
    for field, text in _ends(connection) if not connection.leg_of else ():
        end = parse_circuit_end(text)
        assert end is not None
        if end.vlan is None:
            yield field, binding_claim(end.switch, end.interface)
        else:
            yield field, ("circuit", end.switch, f"{end.interface}@{end.vlan}")


def references(resource: Resource) -> Iterator[tuple[str, str, Kind]]:
    """The (field, full name, kind) of what a resource names; its tenant comes first."""
    if not isinstance(resource, Tenant):
        yield "name", f"tenants/{tenant_of(resource.name)}", Kind.TENANT
    if isinstance(resource, Subnet | Port):
        yield "network", resource.network, Kind.NETWORK
    elif isinstance(resource, Router):
        for index, subnet in enumerate(resource.subnets):
            yield f"subnets[{index}]", subnet, Kind.SUBNET
    elif isinstance(resource, Connection):
        if not resource.circuit:
            yield from _ends_of(resource)
        if resource.leg_of:
            yield "leg_of", resource.leg_of, Kind.CONNECTION
        for index, other in enumerate(resource.constraints.diverse_from):
            yield f"constraints.diverse_from[{index}]", other, Kind.CONNECTION
        for index, other in enumerate(resource.constraints.affine_to):
            yield f"constraints.affine_to[{index}]", other, Kind.CONNECTION


def _ends_of(connection: Connection) -> Iterator[tuple[str, str, Kind]]:
    """The (field, full name, kind) of the ends of a connection between ports and networks."""
    for field, end in _ends(connection):
        yield field, end, Kind.NETWORK if end == connection.network else Kind.PORT


def _ends(connection: Connection) -> Iterator[tuple[str, str]]:
    """The (field, end) of all that are given."""
    for field in ("a", "b"):
        if getattr(connection, field):
            yield field, getattr(connection, field)
    for field in ("sources", "targets"):
        for index, end in enumerate(getattr(connection, field)):
            yield f"{field}[{index}]", end


def tenant_of(name: str) -> str:
    """The tenant's id in a full resource name."""
    return name.split("/", 2)[1]


def reference(field: str, name: str, owner: str, kind: Kind) -> str:
    """The full name of a reference, which must stay within the tenant of ``owner``; raises InvalidInput."""
    if not name:
        raise InvalidInput.of(field, "not given", f"Name a {kind.value.lower()} of the same tenant.")
    tenant = tenant_of(owner)
    full = qualify(name, tenant, kind)
    if parse_name(full, field, kind).tenant != tenant:
        raise InvalidInput.of(
            field, f"{full} belongs to another tenant", f"Name a {kind.value.lower()} of tenants/{tenant}."
        )
    return full


def leg_name(connection: str, end: str) -> str:
    """The full name of a leg: the id of the connection and that of its end, as a digest where it cannot be written.

    end: at the side of the many: the full name of a port, or an end of a circuit. No two ends have the same name.
    """
    head, _, own = connection.rpartition("/")
    name = f"{own}.{_end_id(end)}"
    if len(name) > _MAX_ID or not _end_id(end):
        name = f"{own[:40].rstrip('._-')}.{sha256(end.encode()).hexdigest()[:16]}"
    return f"{head}/{name}"


def _end_id(end: str) -> str:
    """``h1``, ``leaf1.eth7`` or ``leaf1.eth7.100``; '' where parts of it are not plain enough for an id."""
    if not is_circuit_end(end):
        return end.rpartition("/")[2]
    found = parse_circuit_end(end)
    assert found is not None
    parts = [found.switch, found.interface]
    parts += [] if found.vlan is None else [str(found.vlan) if found.vlan != UNTAGGED else "untagged"]
    return ".".join(parts) if all(map(_PLAIN.fullmatch, parts)) else ""


def root_side(leg: Connection) -> str:
    """Of a leg of a circuit: which of its ends, a or b, is the root that all legs have."""
    return "b" if leg.name == leg_name(leg.leg_of, leg.a) else "a"


def rooted(circuit: Connection) -> int | None:
    """Of a circuit of two ends that is a leg: which of them (0, 1) is the root."""
    return "ab".index(root_side(circuit)) if circuit.leg_of else None


def circuit_keys(connection: Connection) -> tuple[str, ...]:
    """The keys of the numbers of a circuit's ends in the pool "service": of one of many ends that of its root."""
    if connection.many:
        return (f"{connection.name}|{'a' if connection.a else 'b'}",)
    return f"{connection.name}|a", f"{connection.name}|b"


def circuit_places(connection: Connection) -> tuple[str, str]:
    """The names of the ends a and b of a circuit of two ends where they are attached: legs share that of their root."""
    root = root_side(connection) if connection.leg_of else ""
    return tuple(f"{connection.leg_of if side == root else connection.name}|{side}" for side in ("a", "b"))  # type: ignore[return-value]


def service_key(port: Port, mac: str = "") -> str:
    """The key of a port's number in the pool "service", with its own MAC or another one that it may use."""
    return f"{port.name}|{mac or port.mac}"


def service_keys(port: Port) -> tuple[str, ...]:
    """The keys of all numbers of a port, its own first."""
    macs = dict.fromkeys(("", *(pair.mac for pair in port.allowed_address_pairs)))
    return tuple(dict.fromkeys(service_key(port, mac) for mac in macs))


class Problems:
    """Collects what is wrong in one phase, so that a caller learns of all of it at once (at most 20 violations)."""

    def __init__(self, prefix: Callable[[str], str]) -> None:
        """prefix: what to put before fields, by the resource's name."""
        self._prefix = prefix
        self._errors: list[SdnError] = []

    @contextmanager
    def at(self, name: str) -> Iterator[None]:
        """Collect the errors raised inside, which concern the resource of that name."""
        try:
            yield
        except SdnError as error:
            self._errors.append(self._placed(error, self._prefix(name)))

    @staticmethod
    def _placed(error: SdnError, prefix: str) -> SdnError:
        if not prefix:
            return error
        placed = (v.at((prefix + v.field).rstrip(".")) for v in error.violations)
        return type(error)(*placed)

    def settle(self) -> None:
        """End the phase: raise what was collected, as the class of the first error, with all errors of that class."""
        if self._errors:
            first = type(self._errors[0])
            same = (v for error in self._errors if type(error) is first for v in error.violations)
            raise first(*list(same)[:_MAX_VIOLATIONS])
