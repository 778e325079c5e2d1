"""What switches count: frames and bytes of their ports, as they are shown for ports, networks and links.

Directions are the switch's: *rx* came into the switch through the port, *tx* left it. For the port of a tenant rx is
thus what the tenant's machine sent. Of a connection rx is what its end a sends to b, and tx what b sends to a.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from sdn.model.ids import Dpid
from sdn.model.program import FlowKey

MAX_COUNT = 2**64 - 1
"""Totals stay here when they would go beyond it."""


class Counts(NamedTuple):
    """Totals, or what was added to them. dropped: for lack of room, or because a port was down; not by policy."""

    rx_packets: int = 0
    tx_packets: int = 0
    rx_bytes: int = 0
    tx_bytes: int = 0
    rx_dropped: int = 0
    tx_dropped: int = 0
    rx_errors: int = 0
    tx_errors: int = 0


class Rates(NamedTuple):
    """Per second, over the time between the two newest observations."""

    rx_packets: float = 0.0
    tx_packets: float = 0.0
    rx_bits: float = 0.0
    tx_bits: float = 0.0


NO_COUNTS, NO_RATES = Counts(), Rates()

Raw = tuple[int | None, ...]
"""As a switch gives them, in the order of ``Counts``; None where it does not count."""


@dataclass(frozen=True, slots=True)
class PortSample:
    """All ports of a switch at one moment, by OpenFlow port number. at: monotonic seconds; wall: Unix time."""

    dpid: Dpid
    ports: dict[int, Raw]
    at: float
    wall: float


@dataclass(frozen=True, slots=True)
class FlowSample:
    """The flows of a table of a switch at one moment, as (packets, bytes) by key. at, wall: as of PortSample."""

    dpid: Dpid
    flows: dict[FlowKey, tuple[int, int]]
    at: float
    wall: float


@dataclass(frozen=True, slots=True)
class Counted:
    """What is known of an object or one direction of a link. wall: Unix time of the newest observation, 0 if none.

    rates: zero when the newest observation is old.
    """

    counts: Counts = NO_COUNTS
    rates: Rates = NO_RATES
    wall: float = 0.0


@dataclass(frozen=True, slots=True)
class ObjectCounters:
    """Of a port, network or connection by full name."""

    name: str
    counted: Counted


@dataclass(frozen=True, slots=True)
class LinkCounters:
    """Of a link; ends are (switch name, interface name), capacity in bits/s for each direction.

    a_side, b_side: what the switches at the two ends count at their port of the link. From a to b goes what a sends.
    """

    a: tuple[str, str]
    b: tuple[str, str]
    up: bool
    capacity: int
    a_side: Counted
    b_side: Counted

    def load(self, side: Counted) -> float:
        """The part of the capacity that one side sends, 0 without a capacity."""
        return side.rates.tx_bits / self.capacity if self.capacity else 0.0
