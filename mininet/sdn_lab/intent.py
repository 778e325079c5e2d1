"""From what the API reports to what hosts must be set to, and who must reach whom. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface, ip_network

from sdn.model.ids import format_dpid
from sdn.model.topology import DeclaredTopology
from sdn.v1 import resources_pb2 as pb

NO_GATEWAY = ("", "none")
Pair = tuple[str, str]
"""(sender's host name, receiver's host name)."""


@dataclass(frozen=True, slots=True)
class HostSettings:
    """How a host's interface is set. addresses: with prefix length; gateways: of either family; mtu: bytes."""

    mac: str
    addresses: tuple[str, ...]
    gateways: tuple[str, ...] = ()
    mtu: int = 1500


@dataclass(frozen=True, slots=True)
class Address:
    """One address of a host. subnet: full name of its subnet; router: of the one that serves the subnet, or ''.

    routes: the router's static routes.
    """

    interface: IPv4Interface | IPv6Interface
    subnet: str
    router: str
    gateway: str
    routes: tuple[pb.StaticRoute, ...] = ()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host with the port that is bound to it."""

    host: str
    port: str
    tenant: str
    network: str
    mac: str
    mtu: int
    addresses: tuple[Address, ...]

    def address(self, version: int) -> Address | None:
        """The first address of an IP version."""
        return next((a for a in self.addresses if a.interface.version == version), None)

    def settings(self) -> HostSettings:
        """How the host's interface must be set."""
        served = {a.interface.version: a.gateway for a in reversed(self.addresses) if a.router}
        texts = tuple(str(a.interface) for a in self.addresses)
        return HostSettings(self.mac, texts, tuple(served.values()), self.mtu)


@dataclass(frozen=True, slots=True)
class Objects:
    """What the API reports."""

    networks: Sequence[pb.Network]
    subnets: Sequence[pb.Subnet]
    routers: Sequence[pb.Router]
    ports: Sequence[pb.Port]


def endpoints(topology: DeclaredTopology, objects: Objects) -> dict[str, Endpoint]:
    """Host name → endpoint, in the topology's order, for hosts to whose interface a port is bound."""
    place = {(host.switch, host.interface): host.name for host in topology.hosts}
    by_dpid = {format_dpid(dpid): name for name, dpid in topology.switches.items()}
    found: dict[str, Endpoint] = {}
    for port in objects.ports:
        switch = port.binding.switch
        switch = switch if switch in topology.switches else by_dpid.get(switch.lower().removeprefix("0x").zfill(16), "")
        host = place.get((switch, port.binding.interface))
        if host is not None:
            found[host] = _endpoint(host, port, objects)
    return {host.name: found[host.name] for host in topology.hosts if host.name in found}


def expected(hosts: Iterable[Endpoint], version: int) -> set[Pair]:
    """Who must reach whom: ends on one subnet, or on subnets that one router joins. Nobody else may.

    A static route for part of the other subnet takes its packets elsewhere, unless it leads to the very receiver.
    """
    ends = [(e, a) for e in hosts if (a := e.address(version)) is not None]
    return {
        (x.host, y.host)
        for x, a in ends
        for y, b in ends
        if x.host != y.host and (a.subnet == b.subnet or (a.router != "" and a.router == b.router and _goes_to(y, b)))
    }


def _goes_to(receiver: Endpoint, address: Address) -> bool:
    """Whether a router sends packets for an address of a receiver to it."""
    inside = [route for route in address.routes if address.interface.ip in ip_network(route.prefix)]
    longest = max(inside, key=lambda route: ip_network(route.prefix).prefixlen, default=None)
    if longest is None or ip_network(longest.prefix).prefixlen < address.interface.network.prefixlen:
        return True
    return longest.next_hop in {str(own.interface.ip) for own in receiver.addresses}


def _endpoint(host: str, port: pb.Port, objects: Objects) -> Endpoint:
    tenant = port.name.split("/")[1]
    network = _full(port.network, tenant, "networks")
    mtu = next((n.mtu for n in objects.networks if n.name == network), 1500) or 1500
    subnets = [s for s in objects.subnets if _full(s.network, s.name.split("/")[1], "networks") == network]
    addresses = tuple(_address(text, subnets, objects.routers) for text in port.addresses)
    return Endpoint(host, port.name, tenant, network, port.mac, mtu, addresses)


def _address(text: str, subnets: Sequence[pb.Subnet], routers: Sequence[pb.Router]) -> Address:
    address = ip_address(text)
    for subnet in subnets:
        prefix = ip_network(subnet.cidr)
        if address in prefix:
            gateway = "" if subnet.gateway in NO_GATEWAY else subnet.gateway
            router = next((r for r in routers if gateway and subnet.name in _subnets_of(r)), pb.Router())
            interface = ip_interface(f"{address}/{prefix.prefixlen}")
            return Address(interface, subnet.name, router.name, gateway, tuple(router.routes))
    raise ValueError(f"{text} lies in no subnet of its network")


def _subnets_of(router: pb.Router) -> set[str]:
    tenant = router.name.split("/")[1]
    return {_full(name, tenant, "subnets") for name in router.subnets}


def _full(name: str, tenant: str, collection: str) -> str:
    return name if "/" in name else f"tenants/{tenant}/{collection}/{name}"
