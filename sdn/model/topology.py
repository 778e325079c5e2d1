"""The observed network: switches, their ports and the links between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sdn.model.ids import Dpid

DEFAULT_COST = 10
DEFAULT_CAPACITY = 10_000_000_000
"""bits/s, for links whose capacity neither a topology file nor the port's speed tells."""


@dataclass(frozen=True, slots=True)
class SwitchPort:
    """An OpenFlow port. up: neither administratively down nor without carrier; speed: bits/s, 0 if unknown.

    live: whether fast-failover groups take it; what watches the cable (BFD) can deny that while the port is up.
    """

    number: int
    name: str
    mac: bytes
    up: bool
    speed: int = 0
    live: bool = True


@dataclass(frozen=True, slots=True, order=True)
class LinkEnd:
    """One side of a link: the switch and its OpenFlow port number."""

    dpid: Dpid
    port: int


@dataclass(frozen=True, slots=True, order=True)
class Link:
    """A full-duplex link between two switches, ``a < b``.

    cost: positive integer; capacity: bits/s per direction; latency: microseconds. oversubscription: how much of the
    capacity connections may reserve, 0: as of all links.
    """

    a: LinkEnd
    b: LinkEnd
    cost: int = DEFAULT_COST
    capacity: int = DEFAULT_CAPACITY
    latency: int = 0
    risk_groups: frozenset[str] = frozenset()
    oversubscription: float = 0.0

    def other(self, end: LinkEnd) -> LinkEnd:
        """The opposite end."""
        return self.b if end == self.a else self.a


@dataclass(frozen=True, slots=True)
class LinkChanges:
    """What is different about the links; one with other attributes is gone and new."""

    gone: tuple[Link, ...] = ()
    new: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class DeclaredLink:
    """A link of a topology file; ends are (switch name, interface name or '' when the file does not say)."""

    a: tuple[str, str]
    b: tuple[str, str]
    cost: int = DEFAULT_COST
    capacity: int = DEFAULT_CAPACITY
    latency: int = 0
    risk_groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class DeclaredHost:
    """A host of a topology file, for experiments: where it attaches."""

    name: str
    switch: str
    interface: str


@dataclass(frozen=True, slots=True)
class Site:
    """Where a switch stands, for people and drawings; nothing is forwarded by it.

    label: what people call it. location: latitude and longitude in degrees. drawn: x to the right and y downwards, in
    any unit, on a drawing of the network.
    """

    label: str = ""
    location: tuple[float, float] | None = None
    drawn: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Demand:
    """Traffic that a topology file states for planning and measurements: bits/s from one switch to another."""

    source: str
    target: str
    bandwidth: int


@dataclass(frozen=True, slots=True)
class DeclaredTopology:
    """A topology file or a generator's result. switches: name → datapath id, in the file's order.

    ports: the interfaces that a switch has, for the switches whose file lists them. sites: for the switches of which
    something is known. origin: where the facts come from.
    """

    name: str
    switches: dict[str, Dpid]
    links: tuple[DeclaredLink, ...]
    hosts: tuple[DeclaredHost, ...] = ()
    ports: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sites: Mapping[str, Site] = field(default_factory=dict)
    demands: tuple[Demand, ...] = ()
    description: str = ""
    origin: str = ""


@dataclass(frozen=True, slots=True)
class WiringFault:
    """A difference between the declared and the observed topology. kind: CamelCase, as MissingLink or MissingSwitch.

    ends: of the link concerned, as declared or, if it is not, as seen: (switch name, interface name).
    """

    kind: str
    message: str
    ends: tuple[tuple[str, str], ...] = ()
