"""The state of the daemon in numbers, as it is exported for monitoring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sdn.model.counters import Counted, LinkCounters
from sdn.model.status import ProbeCounts


@dataclass(frozen=True, slots=True)
class SwitchMeasures:
    """One switch. pending: entries not confirmed; counted: Unix time of its newest counters, 0 if there are none."""

    name: str
    connected: bool
    ports: int
    flows: int
    groups: int
    meters: int
    pending: int
    alien_flows: int
    alien_groups: int
    counted: float


@dataclass(frozen=True, slots=True)
class LinkMeasures:
    """One link. reserved: bits/s from a to b and from b to a."""

    counters: LinkCounters
    reserved: tuple[int, int]


@dataclass(frozen=True, slots=True)
class PortMeasures:
    """One port of a tenant; ids, not full names."""

    tenant: str
    network: str
    port: str
    counted: Counted


@dataclass(frozen=True, slots=True)
class NetworkMeasures:
    """One network of a tenant; ids, not full names."""

    tenant: str
    network: str
    counted: Counted


@dataclass(frozen=True, slots=True)
class ConnectionMeasures:
    """One connection of a tenant; ids, not full names.

    counted: its ``wall`` is 0 while nothing was. state: as in sdn.model.status. reserved: bits/s from a to b and from b
    to a that it has now. probes: None where none were sent.
    """

    tenant: str
    connection: str
    counted: Counted
    state: str = ""
    reserved: tuple[int, int] = (0, 0)
    probes: ProbeCounts | None = None


@dataclass(frozen=True, slots=True)
class Measures:
    """All of it at about one moment.

    writable: whether the store takes writes. objects: by kind; states: objects by state. events: since the start, by
    (severity, reason). differences: entries that audits found, by what was wrong with them. queues: what waits, by what
    it is. dropped: packets to and from switches. ports_left_out, networks_left_out, connections_left_out: how many have
    no series of their own, because they are too many or not wanted.
    """

    version: str
    revision: int
    ready: bool
    writable: bool
    objects: Mapping[str, int]
    states: Mapping[str, int]
    switches: tuple[SwitchMeasures, ...]
    links: tuple[LinkMeasures, ...]
    ports: tuple[PortMeasures, ...]
    networks: tuple[NetworkMeasures, ...]
    ports_left_out: int
    networks_left_out: int
    events: Mapping[tuple[str, str], int]
    differences: Mapping[str, int]
    queues: Mapping[str, int]
    sessions: int
    dropped: int
    connections: tuple[ConnectionMeasures, ...] = ()
    connections_left_out: int = 0
