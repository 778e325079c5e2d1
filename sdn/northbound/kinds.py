"""The six kinds, message ⇄ model.

A new field of a kind is one line in its ``_read`` and one in its ``_write`` function, and one in ``fields`` of its
Codec. Fields that are text in the model pass unchanged: the store knows their rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from ipaddress import ip_network
from typing import Any

from sdn.model import intent
from sdn.model.ids import Kind
from sdn.model.intent import Address, Prefix
from sdn.model.status import Status
from sdn.northbound import answers, check, connection_fields
from sdn.northbound.check import Problems
from sdn.v1 import resources_pb2 as pb

NO_GATEWAY = "none"
BLACKHOLE = "blackhole"
Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Codec:
    """How one kind is read and written.

    fields: path in the message → field of the model, for what users write beside metadata; immutable: those of the
    paths that stay as they were created. read: model values of these fields; write: sets them in a message.
    """

    kind: Kind
    message: type[Any]
    fields: Mapping[str, str]
    immutable: frozenset[str]
    read: Callable[[Any, str, Problems], Values]
    write: Callable[[Any, Any], None]

    @property
    def singular(self) -> str:
        """The word in fields of requests: ``port``."""
        return self.kind.value.lower()

    @property
    def paths(self) -> dict[str, str]:
        """Every path that users may write → field of the model."""
        return {"metadata.description": "description", "metadata.labels": "labels", **self.fields}

    def to_model(self, message: Any, path: str, problems: Problems) -> intent.Resource | None:
        """The wish in a message; None when something was noted in ``problems``, with fields below ``path``.

        What only the daemon writes (status, etag, create_time, usage, limits) is not looked at.
        """
        before = len(problems.violations)
        check.name(message.name, f"{path}.name", self.kind, problems)
        values = self.read(message, f"{path}.", problems)
        if len(problems.violations) > before:
            return None
        metadata = message.metadata
        return intent.CLASS_OF[self.kind](
            name=message.name,
            description=metadata.description,
            labels=tuple(sorted(metadata.labels.items())),
            **values,
        )

    def to_message(self, resource: intent.Resource, status: Status | None) -> Any:
        """An object as answered; status: None if it is gone by now."""
        message = self.message(name=resource.name, status=answers.status(status))
        metadata = message.metadata
        metadata.description = resource.description
        metadata.labels.update(resource.labels)
        metadata.etag = etag(resource.revision)
        if resource.created:
            metadata.create_time.CopyFrom(answers.timestamp(resource.created))
        self.write(resource, message)
        return message


def etag(revision: int) -> str:
    """The etag of a revision: its digits."""
    return str(revision) if revision else ""


def first_host(cidr: Prefix) -> Address | None:
    """The address after the network's own; None when the range has no room for it."""
    return cidr.network_address + 1 if cidr.num_addresses > 1 else None


def quota(value: intent.Quota) -> pb.Quota:
    """Numbers of objects as a message."""
    return pb.Quota(**asdict(value))


def _read_tenant(message: pb.Tenant, path: str, problems: Problems) -> Values:
    return {"quota": intent.Quota(**{item.name: getattr(message.quota, item.name) for item in fields(intent.Quota)})}


def _write_tenant(resource: intent.Tenant, message: pb.Tenant) -> None:
    if resource.quota != intent.Quota():
        message.quota.CopyFrom(quota(resource.quota))


def _read_network(message: pb.Network, path: str, problems: Problems) -> Values:
    return {"mtu": message.mtu} if message.mtu else {}


def _write_network(resource: intent.Network, message: pb.Network) -> None:
    message.mtu = resource.mtu


def _read_subnet(message: pb.Subnet, path: str, problems: Problems) -> Values:
    cidr = check.prefix(message.cidr, f"{path}cidr", problems)
    gateway: Address | None = None
    if message.gateway == "":
        gateway = first_host(cidr) if cidr is not None else None
    elif message.gateway != NO_GATEWAY:
        found = Problems()
        gateway = check.address(message.gateway, f"{path}gateway", found)
        for violation in found.violations:
            remedy = f"{violation.remedy} Or leave it out for the first host address, or write 'none'."
            problems.add(violation.field, violation.reason, remedy)
    return {"network": message.network, "cidr": cidr, "gateway": gateway}


def _write_subnet(resource: intent.Subnet, message: pb.Subnet) -> None:
    message.network = resource.network
    message.cidr = str(resource.cidr)
    message.gateway = NO_GATEWAY if resource.gateway is None else str(resource.gateway)


def _read_router(message: pb.Router, path: str, problems: Problems) -> Values:
    routes = []
    for index, route in enumerate(message.routes):
        if problems.full:
            break
        routes.append(_read_route(route, f"{path}routes[{index}].", problems))
    return {"subnets": tuple(message.subnets), "routes": tuple(routes)}


def _read_route(message: pb.StaticRoute, path: str, problems: Problems) -> intent.StaticRoute | None:
    prefix = check.prefix(message.prefix, f"{path}prefix", problems)
    hop: Address | None = None
    if message.next_hop != BLACKHOLE:
        found = Problems()
        hop = check.address(message.next_hop, f"{path}next_hop", found)
        for violation in found.violations:
            problems.add(violation.field, violation.reason, f"{violation.remedy} Or write 'blackhole' to drop packets.")
    return None if prefix is None else intent.StaticRoute(prefix=prefix, next_hop=hop)


def _write_router(resource: intent.Router, message: pb.Router) -> None:
    message.subnets.extend(resource.subnets)
    for route in resource.routes:
        message.routes.add(
            prefix=str(route.prefix), next_hop=BLACKHOLE if route.next_hop is None else str(route.next_hop)
        )


def _read_port(message: pb.Port, path: str, problems: Problems) -> Values:
    addresses: list[Address | None] = []
    for index, text in enumerate(message.addresses):
        if problems.full:
            break
        addresses.append(check.address(text, f"{path}addresses[{index}]", problems))
    pairs: list[intent.AddressPair | None] = []
    for index, pair in enumerate(message.allowed_address_pairs):
        if problems.full:
            break
        pairs.append(_read_pair(pair, f"{path}allowed_address_pairs[{index}].", problems))
    return {
        "network": message.network,
        "mac": message.mac,
        "addresses": tuple(addresses),
        "binding": _read_binding(message, "binding"),
        "migration_target": _read_binding(message, "migration_target"),
        "allowed_address_pairs": tuple(pairs),
    }


def _read_binding(message: pb.Port, field: str) -> intent.Binding | None:
    if not message.HasField(field):  # type: ignore[arg-type]
        return None
    binding = getattr(message, field)
    return intent.Binding(switch=binding.switch, interface=binding.interface, iface_id=binding.iface_id)


def _read_pair(message: pb.AddressPair, path: str, problems: Problems) -> intent.AddressPair | None:
    prefix: Prefix | None
    if "/" in message.address:
        prefix = check.prefix(message.address, f"{path}address", problems)
    else:
        address = check.address(message.address, f"{path}address", problems)
        prefix = None if address is None else ip_network(address)
    return None if prefix is None else intent.AddressPair(prefix=prefix, mac=message.mac, active=message.active)


def _write_port(resource: intent.Port, message: pb.Port) -> None:
    message.network = resource.network
    message.mac = resource.mac
    message.addresses.extend(str(a) for a in resource.addresses)
    for field in ("binding", "migration_target"):
        binding = getattr(resource, field)
        if binding is not None:
            place = pb.Binding(switch=binding.switch, interface=binding.interface, iface_id=binding.iface_id)
            getattr(message, field).CopyFrom(place)
    for pair in resource.allowed_address_pairs:
        single = pair.prefix.prefixlen == pair.prefix.max_prefixlen
        text = str(pair.prefix.network_address if single else pair.prefix)
        message.allowed_address_pairs.add(address=text, mac=pair.mac, active=pair.active)


def _read_connection(message: pb.Connection, path: str, problems: Problems) -> Values:
    return {
        "a": message.a,
        "b": message.b,
        "sources": tuple(message.sources),
        "targets": tuple(message.targets),
        "leg_of": message.leg_of,
        "bandwidth": message.bandwidth_bps,
        "reverse": message.reverse_bandwidth_bps,
        "ceiling": message.ceiling_bps,
        "reverse_ceiling": message.reverse_ceiling_bps,
        "shared_ceiling": message.shared_ceiling,
        "constraints": connection_fields.read_constraints(message.constraints, f"{path}constraints.", problems),
        "protection": connection_fields.read_protection(message.protection, f"{path}protection.", problems),
        "classifier": connection_fields.read_classifier(message, f"{path}classifier.", problems),
        **connection_fields.read_life(message, path, problems),
    }


def _write_connection(resource: intent.Connection, message: pb.Connection) -> None:
    message.a = resource.a
    message.b = resource.b
    message.sources.extend(resource.sources)
    message.targets.extend(resource.targets)
    message.leg_of, message.left_out = resource.leg_of, resource.left_out
    message.bandwidth_bps = resource.bandwidth
    message.reverse_bandwidth_bps = resource.reverse
    message.ceiling_bps, message.reverse_ceiling_bps = resource.ceiling, resource.reverse_ceiling
    message.shared_ceiling = resource.shared_ceiling
    if resource.constraints != intent.Constraints():
        connection_fields.write_constraints(resource.constraints, message.constraints)
    if resource.protection != intent.Protection():
        connection_fields.write_protection(resource.protection, message.protection)
    if resource.classifier is not None:
        connection_fields.write_classifier(resource.classifier, message.classifier)
    connection_fields.write_life(resource, message)


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


_NONE: frozenset[str] = frozenset()
CODECS: dict[Kind, Codec] = {
    codec.kind: codec
    for codec in (
        Codec(Kind.TENANT, pb.Tenant, _same("quota"), _NONE, _read_tenant, _write_tenant),
        Codec(Kind.NETWORK, pb.Network, _same("mtu"), _NONE, _read_network, _write_network),
        Codec(
            Kind.SUBNET,
            pb.Subnet,
            _same("network", "cidr", "gateway"),
            frozenset({"network", "cidr"}),
            _read_subnet,
            _write_subnet,
        ),
        Codec(Kind.ROUTER, pb.Router, _same("subnets", "routes"), _NONE, _read_router, _write_router),
        Codec(
            Kind.PORT,
            pb.Port,
            _same("network", "mac", "addresses", "binding", "allowed_address_pairs", "migration_target"),
            frozenset({"network"}),
            _read_port,
            _write_port,
        ),
        Codec(
            Kind.CONNECTION,
            pb.Connection,
            {
                **_same("a", "b", "sources", "targets", "constraints", "protection", "classifier", "shared_ceiling"),
                **connection_fields.LIFE,
                "bandwidth_bps": "bandwidth",
                "reverse_bandwidth_bps": "reverse",
                "ceiling_bps": "ceiling",
                "reverse_ceiling_bps": "reverse_ceiling",
            },
            frozenset({"a", "b"}),
            _read_connection,
            _write_connection,
        ),
    )
}
BY_FIELD = {codec.singular: codec for codec in CODECS.values()}
"""By the name of the member in ``Resource``."""
