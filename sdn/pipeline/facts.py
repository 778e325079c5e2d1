"""What the compiler is told: objects with their numbers, already resolved to switches and OpenFlow ports.

Addresses are packed: MAC 6 bytes, IPv4 4, IPv6 16.
"""

from __future__ import annotations

from dataclasses import dataclass

from sdn.model.route import Path


@dataclass(frozen=True, slots=True)
class SwitchFacts:
    """A switch. label: its transport number; links: ports with a link; probes: ports where LLDP is listened to.

    Single ports: ``Compiler.set_wiring``.
    """

    label: int
    links: frozenset[int] = frozenset()
    probes: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class PairFacts:
    """An address (with all bits) or range that a port may use beside its own. service: of the port with this MAC."""

    prefix: bytes
    length: int
    mac: bytes
    service: int
    active: bool = False

    @property
    def single(self) -> bool:
        """Whether it is one address."""
        return self.length == len(self.prefix) * 8


@dataclass(frozen=True, slots=True)
class PortFacts:
    """An attached tenant port. ofport: None while the switch's port numbers are not known (it is away).

    asks: it is in the network that learns hosts, so it may talk to hosts not known yet. learned: it is learned itself.
    """

    network: int
    service: int
    mac: bytes
    v4: tuple[bytes, ...]
    v6: tuple[bytes, ...]
    dpid: int
    ofport: int | None
    pairs: tuple[PairFacts, ...] = ()
    target: tuple[int, int | None] | None = None
    """Where the port moves to, as (dpid, ofport): it is at both places for the time being."""

    asks: bool = False
    learned: bool = False

    @property
    def sites(self) -> tuple[tuple[int, int | None], ...]:
        """(dpid, ofport) of all places where the port is, the one it moves to at last."""
        here = (self.dpid, self.ofport)
        return (here,) if self.target is None or self.target == here else (here, self.target)

    @property
    def dpids(self) -> tuple[int, ...]:
        """The switches where it is."""
        return (self.dpid,) if self.target is None else tuple(dict.fromkeys(dpid for dpid, _ in self.sites))


@dataclass(frozen=True, slots=True)
class Held:
    """An address or MAC (packed) that a port has by a pair; mac and service: with which it is used.

    shared: others may use it too and none is active, so that the network must be asked who has it.
    """

    value: bytes
    mac: bytes
    service: int
    shared: bool = False


@dataclass(frozen=True, slots=True)
class InterfaceFacts:
    """A router's interface in a subnet. network: number; prefix and gateway: packed; length: of the prefix in bits.

    limit: largest IP packet of the network in bytes, 0 where the router gets no larger ones.
    """

    network: int
    prefix: bytes
    length: int
    gateway: bytes
    limit: int = 0


@dataclass(frozen=True, slots=True)
class StaticFacts:
    """A static route. network: number of the one in which the next hop is looked for; next_hop: packed, b'' to drop.

    limit: as of the interface in that network.
    """

    prefix: bytes
    length: int
    network: int = 0
    next_hop: bytes = b""
    limit: int = 0


@dataclass(frozen=True, slots=True)
class RouterFacts:
    """A router by its number, its interfaces and its static routes."""

    number: int
    interfaces: tuple[InterfaceFacts, ...]
    routes: tuple[StaticFacts, ...] = ()

    @property
    def networks(self) -> set[int]:
        """The networks it joins."""
        return {interface.network for interface in self.interfaces}


@dataclass(frozen=True, slots=True)
class Way:
    """A path that is there, whether or not anything takes it. forward, backward: path numbers of its two directions."""

    path: Path
    forward: int
    backward: int


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most that a connection may send in one direction. meter: number of the meter; rate: kbit/s.

    shared: the meter is that of the connection of many ends of which this one is a leg, and made on its behalf.
    """

    meter: int
    rate: int
    shared: bool = False


@dataclass(frozen=True, slots=True)
class ClassFacts:
    """What packets look like in one direction. version: of IP; source, destination: packed prefix and its length.

    protocol, ports: 0 for any; dscp: -1 for any.
    """

    version: int
    source: tuple[bytes, int] | None = None
    destination: tuple[bytes, int] | None = None
    protocol: int = 0
    source_port: int = 0
    destination_port: int = 0
    dscp: int = -1


@dataclass(frozen=True, slots=True)
class SideFacts:
    """One direction of a connection, where it comes in. sender, receiver: service numbers.

    dpids: switches where the sender is. classes: the packets that it takes, without any all; precedence: among several
    that take a packet.
    """

    sender: int
    receiver: int
    dpids: tuple[int, ...]
    ceiling: Ceiling | None = None
    classes: tuple[ClassFacts, ...] = ()
    precedence: int = 0


@dataclass(frozen=True, slots=True)
class CircuitFacts:
    """An end of a bare circuit. ofport: None while the switch's port numbers are not known.

    vlan: None for all frames, 0 for those without a tag.
    """

    service: int
    dpid: int
    ofport: int | None
    vlan: int | None


@dataclass(frozen=True, slots=True)
class RootFacts:
    """The one end of a circuit of many: what comes in there is copied to all legs.

    end: with the service number that frames have until they are copied. copies: by leg (the service number at its root,
    the other end), in the order of these numbers.
    """

    end: CircuitFacts
    copies: tuple[tuple[int, CircuitFacts], ...]


@dataclass(frozen=True, slots=True)
class EdgeFacts:
    """Where traffic of a connection comes in, from a to b and back; it does not depend on the way that is taken.

    circuit: the ends a and b of a bare circuit, None if they are ports. rooted: of a leg of one: which of them (0, 1)
    is the root, where the edge of the whole takes frames in. root: of a circuit of many ends itself. meter_alone: of
    another connection of many ends: the ceiling of its legs where the one port is, and nothing else.
    """

    there: SideFacts
    back: SideFacts
    circuit: tuple[CircuitFacts, CircuitFacts] | None = None
    meter_alone: bool = False
    rooted: int | None = None
    root: RootFacts | None = None


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """A connection whose ends are attached. a, b: service numbers of its ends; ways: its paths, each from a to b.

    steered: the one of the ways that traffic takes; None: the shortest way, as without a connection.
    """

    a: int
    b: int
    ways: tuple[Way, ...]
    steered: Way | None
