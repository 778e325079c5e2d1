"""What users wish for: tenants, networks, subnets, routers, ports and connections.

Values here are complete: defaults (a port's MAC, its addresses, a gateway) were filled in when the object was admitted
to the store, so compiling never has to guess. References between objects are full resource names.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from sdn.model.calendar import ALWAYS, Calendar
from sdn.model.circuit import is_circuit_end
from sdn.model.ids import Kind

Address = IPv4Address | IPv6Address
Prefix = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What every object carries. revision: store revision of the last write; created: Unix time in seconds."""

    name: str
    description: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    revision: int = 0
    created: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """Numbers of objects by kind. As a tenant's own: how many it may have, 0 for what the daemon gives by default."""

    networks: int = 0
    subnets: int = 0
    routers: int = 0
    ports: int = 0
    connections: int = 0


DEFAULT_QUOTA = Quota(networks=50_000, subnets=50_000, routers=10_000, ports=100_000, connections=20_000)
"""Of a tenant without one of its own, unless the settings of the daemon say otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant(Resource):
    """Owner of everything else; nothing crosses between tenants."""

    quota: Quota = Quota()


@dataclass(frozen=True, slots=True, kw_only=True)
class Network(Resource):
    """One broadcast domain. mtu: bytes of IP packet that hosts may send."""

    mtu: int = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class Subnet(Resource):
    """An address range of a network. gateway: the router's address in it, None for a subnet without one."""

    network: str
    cidr: Prefix
    gateway: Address | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticRoute:
    """Packets to ``prefix`` go to whoever has the address ``next_hop`` in a subnet of the router; None drops them."""

    prefix: Prefix
    next_hop: Address | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Router(Resource):
    """A distributed router between subnets (full names); it owns the gateway address of each.

    routes: beside the subnets themselves; the longest prefix wins among all of them.
    """

    subnets: tuple[str, ...] = ()
    routes: tuple[StaticRoute, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """Where a port is plugged in: at an interface of a switch, or wherever an interface has the iface-id.

    switch: name or datapath id (hex); interface: name, at most 15 characters; both '' where iface_id is given.
    """

    switch: str
    interface: str
    iface_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPair:
    """An address or range that a port may use beside its own ones, with its own MAC ('') or another one.

    active: of several ports that may use the same address, this one has it now.
    """

    prefix: Prefix
    mac: str = ""
    active: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Port(Resource):
    """An attachment of one host: its MAC (lower case, colons) and its addresses.

    Each address is inside a subnet of the network, unless the port was learned (label ``learned``).

    Frames with another source MAC or address are dropped at the switch where the port is bound, but for those that the
    pairs allow: each pair is an address with a MAC, not every address with every MAC. migration_target: where the host
    moves to; the port is at both places until the target becomes the binding. The iface-id of the binding as the target
    says that the id may be at two places for a while, and that the port is at both then.
    """

    network: str
    mac: str
    addresses: tuple[Address, ...] = ()
    binding: Binding | None = None
    allowed_address_pairs: tuple[AddressPair, ...] = ()
    migration_target: Binding | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraints:
    """What the path of a connection must satisfy besides its bandwidth; 0 and empty: nothing.

    max_latency_us: microseconds, never more; target_latency_us: not more if that is possible. max_hops: links;
    max_cost: sum of link costs. Switches by name or datapath id, links as ``SWITCH:INTERFACE`` of either end.
    via: switches to pass, in this order. include_switches, include_links, include_risk_groups: to be used in any order,
    of each group at least one link. strategy: a name in ``sdn.model.request.Strategy``. diverse_from: connections
    (full names) with whose paths nothing is shared that ``diversity`` names, a name in ``sdn.model.request.Protect``;
    it holds in both directions. explicit_path: all switches from the one of a to the one of b, each by name or, with
    the interface by which the path leaves it, as ``SWITCH:INTERFACE``. affine_to: connections whose links it shares
    where it can. pinned: it takes no other path than its first one.
    """

    max_latency_us: int = 0
    target_latency_us: int = 0
    max_hops: int = 0
    max_cost: int = 0
    exclude_switches: tuple[str, ...] = ()
    exclude_links: tuple[str, ...] = ()
    exclude_risk_groups: tuple[str, ...] = ()
    include_switches: tuple[str, ...] = ()
    include_links: tuple[str, ...] = ()
    include_risk_groups: tuple[str, ...] = ()
    via: tuple[str, ...] = ()
    strategy: str = "COST"
    diverse_from: tuple[str, ...] = ()
    diversity: str = "LINK"
    explicit_path: tuple[str, ...] = ()
    affine_to: tuple[str, ...] = ()
    pinned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """A second path, reserved and installed beside the first. mode: NONE, PREFERRED or REQUIRED.

    scope: what the two do not share, a name in ``sdn.model.request.Protect``.
    """

    mode: str = "NONE"
    scope: str = "LINK"


@dataclass(frozen=True, slots=True, kw_only=True)
class Classifier:
    """Which packets between its ends a connection takes, as they are from a to b; back, the two sides change places.

    ip_version: 4, 6, or 0 for both; protocol: of IP, 0 for any; ports: of TCP or UDP, 0 for any; prefixes: of the
    addresses at a and at b; dscp: -1 for any. precedence: of two that take a packet the higher one has it.
    """

    ip_version: int = 0
    protocol: int = 0
    a_prefix: Prefix | None = None
    b_prefix: Prefix | None = None
    a_port: int = 0
    b_port: int = 0
    dscp: int = -1
    precedence: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection(Resource):
    """Traffic between two ports of a tenant takes one path with bandwidth reserved along it.

    bandwidth: bits/s from a to b; reverse: from b to a, 0: as much. ceiling, reverse_ceiling: bits/s that are not
    exceeded from a to b and from b to a, 0: no bound. calendar: when it is wanted. no_path: what becomes of a request
    for which there is no path: FAIL, WAIT or BEST_EFFORT. level: 0 to 7, those of a higher one get other paths first
    after a failure. priority: 0 to 7, it displaces connections whose holding priority is lower. hold: its own holding
    priority, 0: as ``priority``. classifier: None for all packets that no other
    connection between the same ends takes.

    One of many ends has a port as ``a`` and, instead of b, ``targets`` (ports) or a network as b; or a port as ``b``
    and, instead of a, ``sources`` or a network as a. It has a *leg*, a connection of its own, for each of these ports,
    and its legs share what is reserved: each link has it once in each direction. leg_of: of a leg, the connection to
    which it belongs; '' of others. left_out: ports of the network that have no leg because there are too many.
    shared_ceiling: the ceiling of what the one port sends is that of all legs together, instead of each.
    A bare circuit has interfaces of switches instead of ports (``sdn.model.circuit``). One of many ends copies what
    comes in at the one, its root, to all the others, so each leg reserves for itself what goes away from the root.
    """

    a: str
    b: str
    bandwidth: int
    reverse: int = 0
    constraints: Constraints = Constraints()
    protection: Protection = Protection()
    ceiling: int = 0
    reverse_ceiling: int = 0
    calendar: Calendar = ALWAYS
    no_path: str = "FAIL"
    level: int = 0
    priority: int = 0
    hold: int = 0
    classifier: Classifier | None = None
    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    leg_of: str = ""
    left_out: int = 0
    shared_ceiling: bool = False

    @property
    def network(self) -> str:
        """The network that is an end, '' if none is."""
        return next((end for end in (self.a, self.b) if _NETWORKS in end), "")

    @property
    def from_one(self) -> bool:
        """Of many ends: whether a is the one port, and the many are at b."""
        return bool(self.targets) or self.network == self.b != ""

    @property
    def circuit(self) -> bool:
        """Whether it is a bare circuit: the end that is not in a list says so."""
        return is_circuit_end(self.a or self.b)

    @property
    def many(self) -> bool:
        """Whether it has legs, and is not placed itself."""
        return bool(self.sources or self.targets or self.network)

    @property
    def holding(self) -> int:
        """Against which others need a higher priority."""
        return self.hold or self.priority


_NETWORKS = "/networks/"

LEARNED = "learned"
"""Label of ports that learning mode made: ``silent`` until the host has been heard, then ``true``."""

KIND_OF: dict[type[Resource], Kind] = {
    Tenant: Kind.TENANT,
    Network: Kind.NETWORK,
    Subnet: Kind.SUBNET,
    Router: Kind.ROUTER,
    Port: Kind.PORT,
    Connection: Kind.CONNECTION,
}
CLASS_OF: dict[Kind, type[Resource]] = {kind: cls for cls, kind in KIND_OF.items()}


def kind_of(resource: Resource) -> Kind:
    """The kind of a resource."""
    return KIND_OF[type(resource)]
