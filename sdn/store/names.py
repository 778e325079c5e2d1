"""What a resource refers to and which keys it claims for itself, as pure functions of the resource."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sdn.model.circuit import is_circuit_end, parse_circuit_end
from sdn.model.errors import SdnError
from sdn.model.ids import Kind
from sdn.model.intent import Binding, Connection, Port, Resource, Router, Subnet, Tenant

Claim = tuple[str, ...] | tuple[str, str, int]
"""A key that only one resource may hold. The first item says what it is."""

_MAX_VIOLATIONS = 20


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
    elif isinstance(resource, Connection) and is_circuit_end(resource.a):
        yield from _circuit_claims(resource)
    elif isinstance(resource, Connection) and resource.classifier is None and not resource.many:
        yield "", pair_claim(resource.a, resource.b)


def _circuit_claims(connection: Connection) -> Iterator[tuple[str, Claim]]:
    """All frames of an interface belong to one circuit, as an interface to one port; so do those of one VLAN."""
    for field in ("a", "b"):
        end = parse_circuit_end(getattr(connection, field))
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
        if not is_circuit_end(resource.a):
            yield from _ends_of(resource)
        for index, other in enumerate(resource.constraints.diverse_from):
            yield f"constraints.diverse_from[{index}]", other, Kind.CONNECTION
        for index, other in enumerate(resource.constraints.affine_to):
            yield f"constraints.affine_to[{index}]", other, Kind.CONNECTION


def _ends_of(connection: Connection) -> Iterator[tuple[str, str, Kind]]:
    """The (field, full name, kind) of the ends of a connection between ports, networks and legs."""
    for field in ("a", "b"):
        end = getattr(connection, field)
        if end:
            yield field, end, Kind.NETWORK if end == connection.network else Kind.PORT
    for field in ("sources", "targets"):
        for index, port in enumerate(getattr(connection, field)):
            yield f"{field}[{index}]", port, Kind.PORT
    if connection.leg_of:
        yield "leg_of", connection.leg_of, Kind.CONNECTION


def tenant_of(name: str) -> str:
    """The tenant's id in a full resource name."""
    return name.split("/", 2)[1]


def circuit_keys(connection: Connection) -> tuple[str, str]:
    """The keys of the numbers of a circuit's ends in the pool "service", and their names where they are attached."""
    return f"{connection.name}|a", f"{connection.name}|b"


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
