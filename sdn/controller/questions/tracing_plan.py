"""Which packet a question means, and where it should arrive: what the kernel of a host would decide before it sends.

Next hop (itself on the same subnet, else the gateway), source address, MACs of groups. What has to be asked of the
network (the MAC of the next hop) is left open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from sdn.model.errors import InvalidInput, NotFound
from sdn.model.intent import Address, AddressPair, Network, Port, Resource, Router, Subnet
from sdn.model.tracing import Protocol, TraceQuestion
from sdn.pipeline.facts import PortFacts
from sdn.store import Store
from sdn.trace.build import BROADCAST, EXPERIMENTAL, HEADERS, ether_type, ethernet, group_mac, packet, question
from sdn.trace.packet import ICMP, ICMPV6, TCP, UDP


@dataclass(frozen=True, slots=True)
class Plan:
    """A packet to be. title: in words. targets: ports that must get it; back: the sender must get an answer.

    ask: for whose MAC the sender asks first, and the question; None if it needs none. frame: of the packet, given that
    MAC. refusal: why there is no packet at all. anybody: that anybody gets it is enough.
    """

    title: str
    frame: Callable[[bytes], bytes]
    targets: tuple[str, ...] = ()
    back: bool = False
    anybody: bool = False
    ask: Address | None = None
    question: bytes = b""
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a packet goes. mac: known without asking; ports: that should get it."""

    address: Address | None
    mac: bytes | None
    ports: tuple[str, ...]


def packed_mac(mac: str) -> bytes:
    """Six bytes of a MAC with colons."""
    return bytes.fromhex(mac.replace(":", ""))


def shown_mac(mac: bytes) -> str:
    """A MAC with colons."""
    return mac.hex(":")


class Planner:
    """Plans packets of one port. attached: facts of a port, None where it is not attached.

    announcer: the port that has an address of a network because it announced it, '' if none.
    """

    def __init__(
        self,
        store: Store,
        port: Port,
        attached: Callable[[str], PortFacts | None],
        announcer: Callable[[str, Address], str] = lambda network, address: "",
    ) -> None:
        self._store, self._port, self._attached, self._announcer = store, port, attached, announcer
        self._mac = packed_mac(port.mac)

    def plan(self, asked: TraceQuestion) -> Plan:
        """Raises InvalidInput or NotFound, naming the field of the request."""
        if asked.frame:
            return Plan(f"a frame of {len(asked.frame)} bytes", lambda _: asked.frame, anybody=True)
        sender = asked.from_mac or self._mac
        target = self._target(asked)
        if target.address is None:
            mac = target.mac or BROADCAST
            frame = ethernet(mac, sender, EXPERIMENTAL, b"")
            return Plan(f"a frame that is not IP, to {shown_mac(mac)}", lambda _: frame, targets=target.ports)
        if asked.protocol is Protocol.ARP:
            return self._question(asked, sender, target.address)
        return self._packet(asked, sender, target)

    # Where to

    def _target(self, asked: TraceQuestion) -> _Target:
        wanted = asked.destination
        if isinstance(wanted, bytes):
            return self._by_mac(wanted, asked.version)
        if not isinstance(wanted, str):
            if asked.version and asked.version != wanted.version:
                raise InvalidInput.of("ip_version", f"{wanted} is not of IPv{asked.version}", "Leave the version out.")
            return _Target(wanted, group_mac(wanted), self._receivers(wanted))
        other = self._store.objects.get(wanted)
        if not isinstance(other, Port):
            raise NotFound.of("destination", f"there is no port {wanted}", "List the ports to find its name.")
        address = self._common(other, asked)
        if address is None:
            if other.network != self._port.network or asked.version:
                raise InvalidInput.of(
                    "destination",
                    f"{self._port.name} and {wanted} have no {_version(asked.version)} address both",
                    "Give them addresses, or another version.",
                )
            return _Target(None, packed_mac(other.mac), (wanted,))
        return _Target(address, None, (wanted,))

    def _by_mac(self, mac: bytes, version: int) -> _Target:
        """An IP packet to a MAC where one can be made of it, else a frame that is not IP."""
        if mac[0] & 1:
            address = self._group_of(mac, version)
            return _Target(address, mac, self._members())
        name = self._store.port_by_mac(self._port.network, shown_mac(mac))
        other = self._store.objects.get(name) if name else None
        if not isinstance(other, Port):
            return _Target(None, mac, ())
        return _Target(self._common(other, TraceQuestion("", version=version)), mac, (other.name,))

    def _group_of(self, mac: bytes, version: int) -> Address | None:
        has = {address.version for address in self._port.addresses}
        if mac == BROADCAST and 4 in has and version != 6:
            return IPv4Address("255.255.255.255")
        if mac[:3] == b"\x01\x00\x5e" and 4 in has:
            return IPv4Address(0xEF000000 | int.from_bytes(mac[3:], "big") & 0x7FFFFF)
        if mac[:2] == b"\x33\x33" and 6 in has:
            return IPv6Address(0xFF02 << 112 | int.from_bytes(mac[2:], "big"))
        return None

    def _common(self, other: Port, asked: TraceQuestion) -> Address | None:
        """An address of another port of a version that both have; one on a subnet in common if there is one."""
        own = {address.version for address in self._port.addresses}
        if asked.from_address is not None:
            own = {asked.from_address.version}
        fits = [a for a in other.addresses if a.version in own and asked.version in (0, a.version)]
        return min(fits, key=lambda a: (a.version, not self._is_near(a)), default=None)

    def _is_near(self, address: Address) -> bool:
        return self._store.subnet_of(self._port.network, address) is not None

    def _receivers(self, address: Address) -> tuple[str, ...]:
        """The ports that a packet to an address is for, as the sender's network and router see it."""
        if group_mac(address) is not None:
            return self._members()
        for network in self._reach():
            holder = self._store.holder_of_address(network, address)
            if isinstance(self._store.objects.get(holder or ""), Port):
                return (str(holder),)
            if sharing := self._sharing(network, address):
                return sharing
        hop = self._static_hop(address)
        return self._receivers(hop) if hop is not None else ()

    def _sharing(self, network: str, address: Address) -> tuple[str, ...]:
        """Of the ports that may use an address beside their own: who announced it, the active one, or the only one."""
        if announcer := self._announcer(network, address):
            return (announcer,)
        users = sorted(self._store.users_of_address(network, address))
        active = [name for name in users if pair_of(self._store.objects[name], address, active=True)]
        return tuple(active or users) if len(active or users) == 1 else ()

    def _static_hop(self, address: Address) -> Address | None:
        """The next hop of the static route that a packet takes; None where there is none, or a subnet fits better."""
        longest, hop = -1, None
        for router in self._routers():
            for route in router.routes:
                if address.version == route.prefix.version and address in route.prefix:
                    longest, hop = max(
                        (longest, hop), (route.prefix.prefixlen, route.next_hop), key=lambda found: found[0]
                    )
            for name in router.subnets:
                subnet = self._store.objects[name]
                if isinstance(subnet, Subnet) and address in subnet.cidr and subnet.cidr.prefixlen > longest:
                    longest, hop = subnet.cidr.prefixlen, None
        return hop if hop != address else None

    def _reach(self) -> Iterable[str]:
        """The sender's network, then those that its routers join."""
        networks = {self._port.network: None}
        for router in self._routers():
            for name in router.subnets:
                subnet = self._store.objects[name]
                assert isinstance(subnet, Subnet)
                networks[subnet.network] = None
        return networks

    def _routers(self) -> Iterable[Router]:
        for subnet in self._store.subnets_of(self._port.network):
            router = self._store.objects.get(self._store.router_of(subnet.name) or "")
            if isinstance(router, Router):
                yield router

    def _members(self) -> tuple[str, ...]:
        users = self._store.users(self._port.network)
        ports = sorted(name for name in users if isinstance(self._store.objects.get(name), Port))
        return tuple(name for name in ports if name != self._port.name and self._attached(name) is not None)

    def _is_gateway(self, address: Address) -> bool:
        for router in self._routers():
            for name in router.subnets:
                subnet = self._store.objects[name]
                if isinstance(subnet, Subnet) and subnet.gateway == address:
                    return True
        return False

    # The packet

    def _source(self, asked: TraceQuestion, target: Address) -> Address:
        """The address that a host would take: one on the target's subnet, else its first one."""
        if asked.from_address is not None:
            if asked.from_address.version != target.version:
                raise InvalidInput.of(
                    "from_address", f"{asked.from_address} and {target} are of two versions", "Give one of the same."
                )
            return asked.from_address
        own = self._own(target)
        if own is None:
            raise InvalidInput.of(
                "source",
                f"{self._port.name} has no IPv{target.version} address",
                "Give it one, or state from_address.",
            )
        return own

    def _own(self, target: Address) -> Address | None:
        own = [address for address in self._port.addresses if address.version == target.version]
        subnet = self._store.subnet_of(self._port.network, target)
        near = [a for a in own if subnet is not None and self._store.subnet_of(self._port.network, a) == subnet]
        return next(iter(near or own), None)

    def _question(self, asked: TraceQuestion, sender: bytes, target: Address) -> Plan:
        frame = question(sender, self._source(asked, target), target)
        return Plan(title_of_question(target), lambda _: frame, ask=target, targets=self._receivers(target), back=True)

    def _packet(self, asked: TraceQuestion, sender: bytes, target: _Target) -> Plan:
        address = target.address
        assert address is not None
        source = self._source(asked, address)
        protocol = {Protocol.TCP: TCP, Protocol.UDP: UDP}.get(asked.protocol, ICMP if address.version == 4 else ICMPV6)
        size = max(asked.size, HEADERS[address.version, protocol])
        self._check_size(size)
        payload = packet(source, address, protocol, asked.port, size, asked.ttl)
        port = f" port {asked.port}" if asked.port else ""
        title = f"{asked.protocol}{port} from {source} to {address}, {size} bytes"

        def frame(mac: bytes) -> bytes:
            return ethernet(mac, sender, ether_type(address.version), payload)

        targets, back = target.ports, not target.ports and self._is_gateway(address)
        if target.mac is not None:
            known = target.mac
            return Plan(title, lambda _: frame(known), targets, back)
        own = self._own(address) or source
        hop = self._next_hop(own, address)
        if isinstance(hop, str):
            return Plan(title, frame, targets, back, refusal=hop)
        return Plan(title, frame, targets, back, ask=hop, question=question(self._mac, own, hop))

    def _next_hop(self, own: Address, target: Address) -> Address | str:
        """Whom to ask for a MAC, or why there is nobody."""
        subnet = self._store.subnet_of(self._port.network, own)
        if target.is_link_local or (subnet is not None and target in subnet.cidr):
            return target
        if subnet is None or subnet.gateway is None:
            where = f"subnet {subnet.name} has no gateway" if subnet else f"{own} is in no subnet of its network"
            return f"{self._port.name} has no way to {target}: {where}"
        return subnet.gateway

    def _check_size(self, size: int) -> None:
        network = self._store.objects[self._port.network]
        assert isinstance(network, Network)
        if size > network.mtu:
            reason = f"{size} bytes are more than the MTU {network.mtu} of {network.name}"
            raise InvalidInput.of("size", reason, "Give a smaller packet, as a host would send it.")


def pair_of(port: Resource | None, address: Address, *, active: bool = False) -> AddressPair | None:
    """The pair that lets a port use an address. active: only one that is."""
    if not isinstance(port, Port):
        return None
    fitting = (pair for pair in port.allowed_address_pairs if pair.prefix.version == address.version)
    return next((pair for pair in fitting if address in pair.prefix and (pair.active or not active)), None)


def title_of_question(target: Address) -> str:
    """The question for a MAC in words."""
    return f"{'ARP' if target.version == 4 else 'ND'}: who has {target}?"


def _version(version: int) -> str:
    return f"IPv{version}" if version else "IP"
