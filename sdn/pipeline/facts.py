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
    asks: bool = False
    learned: bool = False


@dataclass(frozen=True, slots=True)
class InterfaceFacts:
    """A router's interface in a subnet. network: number; prefix and gateway: packed; length: of the prefix in bits."""

    network: int
    prefix: bytes
    length: int
    gateway: bytes


@dataclass(frozen=True, slots=True)
class RouterFacts:
    """A router by its number and its interfaces."""

    number: int
    interfaces: tuple[InterfaceFacts, ...]


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """A connection whose ends are attached: service numbers of its ends and the path from a to b.

    forward and backward: path numbers (transport) of the two directions.
    """

    a: int
    b: int
    path: Path
    forward: int
    backward: int
