"""Checks and normal forms of one resource by itself: what needs no look at any other resource.

``normal`` is idempotent: what it gave out it leaves as it is, which ``load`` relies on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from sdn.model.calendar import DAY, DAYS, MAX_OCCURRENCES, Calendar
from sdn.model.circuit import is_circuit_end
from sdn.model.errors import InvalidInput
from sdn.model.ids import Kind, parse_name, qualify
from sdn.model.intent import (
    Binding,
    Connection,
    Constraints,
    Network,
    Port,
    Resource,
    Router,
    Subnet,
    Tenant,
)
from sdn.model.plugs import MAX_IFACE_ID, is_iface_id
from sdn.model.request import Protect, Strategy
from sdn.model.selector import LABEL_KEY
from sdn.store.circuits import check_circuit
from sdn.store.classifiers import check_classifier
from sdn.store.forms import NOT_FOR_TENANTS, check_host_address, check_mac, no_repetition, overlap, scoped
from sdn.store.manyends import check_many, check_shared
from sdn.store.manyends import network_end as _network_end
from sdn.store.names import tenant_of
from sdn.store.pairs import check_pairs
from sdn.store.static_routes import check_routes

MIN_MTU, MAX_MTU, DEFAULT_MTU = 576, 9000, 1500
"""Bytes of IP packet. 576: what every IPv4 host must take (RFC 1122, 3.3.2)."""
MIN_MTU_IPV6 = 1280
"""RFC 8200, section 5."""
PREFIX_LENGTHS = {4: (8, 30), 6: (48, 126)}
"""Shortest and longest prefix of a subnet. Longer ones have no room for a gateway and a host."""
MAX_BANDWIDTH = 10**15
MAX_CEILING = (2**32 - 1) * 1000
"""Bits/s: a band of a meter has 32 bits for kbit/s (OpenFlow 1.3.5, section 7.3.4.4)."""
MAX_QUOTA = 1_000_000
"""Objects of a kind that a tenant may have at most."""
NO_PATH = ("FAIL", "WAIT", "BEST_EFFORT")
MAX_PRIORITY = 7
MAX_TIME = 253_370_764_800
"""Unix time of the year 9999."""
PROTECTION_MODES = ("NONE", "PREFERRED", "REQUIRED")
MAX_CONSTRAINTS = 64
"""Entries of each list of a connection's constraints."""
MAX_CONSTRAINT_TEXT = 128
MAX_INCLUDED = 4
"""Things that a path is to use in any order, all three lists together: the search takes twice as long with each."""
_PATHS = ("explicit_path", "affine_to")
_EXCLUDED = ("exclude_switches", "exclude_links", "exclude_risk_groups")
_INCLUDED = ("include_switches", "include_links", "include_risk_groups")
_BOUNDS = {"max_latency_us": 10**9, "target_latency_us": 10**9, "max_hops": 65535, "max_cost": 2**40}
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
    network = _reference("network", subnet.network, subnet.name, Kind.NETWORK)
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
        _reference(f"subnets[{index}]", name, router.name, Kind.SUBNET) for index, name in enumerate(router.subnets)
    )
    no_repetition("subnets", subnets)
    check_routes(router.routes)
    return {"subnets": subnets}


def _port(port: Port) -> dict[str, Any]:
    network = _reference("network", port.network, port.name, Kind.NETWORK)
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


def _connection(connection: Connection) -> dict[str, Any]:
    ends: dict[str, Any] = {}
    if connection.sources or connection.targets or _network_end(connection):
        ends = check_many(connection, _reference)
        a, b = ends["a"], ends["b"]
    elif is_circuit_end(connection.a) or is_circuit_end(connection.b):
        a, b = check_circuit(connection)
    else:
        a = _reference("a", connection.a, connection.name, Kind.PORT)
        b = _reference("b", connection.b, connection.name, Kind.PORT)
    if a == b:
        raise InvalidInput.of("b", f"both ends are {a}", "Name two different ports.")
    for field, least in (("bandwidth", 1), ("reverse", 0)):
        value = getattr(connection, field)
        if not least <= value <= MAX_BANDWIDTH:
            raise InvalidInput.of(field, f"{value} bits/s is out of range", f"Give {least} to {MAX_BANDWIDTH} bits/s.")
    _ceilings(connection)
    check_classifier(connection)
    _life(connection)
    _one_of("protection.mode", connection.protection.mode, PROTECTION_MODES)
    _one_of("protection.scope", connection.protection.scope, tuple(Protect))
    return {**ends, "a": a, "b": b, "constraints": _constraints(connection)}


def _ceilings(connection: Connection) -> None:
    reserved = connection.bandwidth, connection.reverse or connection.bandwidth
    for field, bandwidth in zip(("ceiling", "reverse_ceiling"), reserved, strict=True):
        value = getattr(connection, field)
        if not value:
            continue
        if value > MAX_CEILING:
            raise InvalidInput.of(field, f"{value} bits/s is out of range", f"Give at most {MAX_CEILING} bits/s, or 0.")
        if value < bandwidth:
            reason = f"{value} bits/s is less than the {bandwidth} bits/s that are reserved"
            raise InvalidInput.of(field, reason, "Give at least as much, or 0 for no ceiling.")
    check_shared(connection)


def _calendar(wish: Calendar) -> None:
    for field in ("start", "end"):
        value = getattr(wish, field)
        if not 0 <= value <= MAX_TIME:
            raise InvalidInput.of(f"calendar.{field}", f"{value} is out of range", "Give a time before the year 9999.")
    if wish.end and wish.end <= wish.start:
        raise InvalidInput.of("calendar.end", "it is not after the start", "Give a later time.")
    for index, day in enumerate(wish.days):
        _one_of(f"calendar.days[{index}]", day, DAYS)
    no_repetition("calendar.days", wish.days)
    if not wish.duration:
        if wish.days:
            raise InvalidInput.of("calendar.duration", "not given beside days", "Say how long each time lasts.")
        return
    if not 1 <= wish.duration <= DAY:
        raise InvalidInput.of("calendar.duration", f"{wish.duration} is out of range", f"Give 1 to {DAY} seconds.")
    if not wish.start or not wish.end:
        field = "end" if wish.start else "start"
        raise InvalidInput.of(f"calendar.{field}", "not given, and it recurs", "Say from when until when.")
    times = -1 if (wish.end - wish.start) // DAY > 7 * MAX_OCCURRENCES else len(tuple(wish.occurrences()))
    if not 0 <= times <= MAX_OCCURRENCES:
        raise InvalidInput.of("calendar.end", f"there are more than {MAX_OCCURRENCES} times", "Let it end earlier.")
    if not times:
        reason = "on none of them a time begins between start and end; days are those of UTC"
        raise InvalidInput.of("calendar.days", reason, "Name a day between them, or let it end later.")


def _life(connection: Connection) -> None:
    _calendar(connection.calendar)
    _one_of("no_path", connection.no_path, NO_PATH)
    for field in ("level", "priority", "hold"):
        value = getattr(connection, field)
        if not 0 <= value <= MAX_PRIORITY:
            raise InvalidInput.of(field, f"{value} is out of range", f"Give 0 to {MAX_PRIORITY}.")
    if 0 < connection.hold < connection.priority:
        reason = f"{connection.hold} is below the priority {connection.priority}: it could be displaced by its like"
        raise InvalidInput.of("hold", reason, "Give at least the priority, or leave it out.")


def _constraints(connection: Connection) -> Constraints:
    wish = connection.constraints
    for field, most in (
        ("max_latency_us", 10**9),
        ("target_latency_us", 10**9),
        ("max_hops", 65535),
        ("max_cost", 2**40),
    ):
        value = getattr(wish, field)
        if not 0 <= value <= most:
            raise InvalidInput.of(f"constraints.{field}", f"{value} is out of range", f"Give 0 to {most}.")
    _one_of("constraints.strategy", wish.strategy, tuple(Strategy))
    _one_of("constraints.diversity", wish.diversity, tuple(Protect))
    for field in (*_EXCLUDED, *_INCLUDED, "via", "diverse_from", *_PATHS):
        values = getattr(wish, field)
        if len(values) > MAX_CONSTRAINTS:
            reason = f"{len(values)} entries are more than {MAX_CONSTRAINTS}"
            raise InvalidInput.of(f"constraints.{field}", reason, "Name fewer.")
        no_repetition(f"constraints.{field}", values)
        for index, value in enumerate(values):
            if not value or len(value) > MAX_CONSTRAINT_TEXT or not value.isprintable():
                where = f"constraints.{field}[{index}]"
                raise InvalidInput.of(where, f"{value[:80]!r} is not a name", "Give a name of printable characters.")
    for field in ("via", *_INCLUDED) if wish.explicit_path else ():
        if getattr(wish, field):
            raise InvalidInput.of(f"constraints.{field}", "given beside explicit_path", "Leave out one of the two.")
    _check_included(wish)
    others = {field: _others(connection, field) for field in ("diverse_from", "affine_to")}
    both = set(others["diverse_from"]) & set(others["affine_to"])
    if both:
        reason = f"{min(both)} is also in diverse_from"
        raise InvalidInput.of("constraints.affine_to", reason, "Name it in one of the two.")
    if all(getattr(wish, field) == names for field, names in others.items()):
        return wish
    return replace(wish, diverse_from=others["diverse_from"], affine_to=others["affine_to"])


def _check_included(wish: Constraints) -> None:
    """What is to be used is little, and not excluded."""
    count = sum(len(getattr(wish, field)) for field in _INCLUDED)
    if count > MAX_INCLUDED:
        field = next(field for field in reversed(_INCLUDED) if getattr(wish, field))
        remedy = f"Keep to {MAX_INCLUDED} in all; name switches in their order as via, or the whole path."
        raise InvalidInput.of(f"constraints.{field}", f"{count} things to be used are too many", remedy)
    for included, excluded in zip(_INCLUDED, _EXCLUDED, strict=True):
        for index, value in enumerate(getattr(wish, included)):
            if value in getattr(wish, excluded):
                where = f"constraints.{included}[{index}]"
                raise InvalidInput.of(where, f"{value} is also in {excluded}", "Name it in one of the two.")


def _others(connection: Connection, field: str) -> tuple[str, ...]:
    """Full names of the connections that a field of the constraints names."""
    where = f"constraints.{field}"
    others = tuple(
        _reference(f"{where}[{index}]", name, connection.name, Kind.CONNECTION)
        for index, name in enumerate(getattr(connection.constraints, field))
    )
    if connection.name in others:
        raise InvalidInput.of(where, "names the connection itself", "Name others.")
    no_repetition(where, others)
    return others


def _one_of(field: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InvalidInput.of(field, f"{value[:40]!r} is not known", f"Choose from {', '.join(known)}.")


_RULES: dict[type[Resource], Callable[[Any], dict[str, Any]]] = {
    Tenant: _tenant,
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
