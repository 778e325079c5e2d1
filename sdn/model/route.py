"""Results of routing: next hops on shortest-path DAGs and explicit paths."""

from __future__ import annotations

from dataclasses import dataclass

from sdn.model.ids import Dpid


@dataclass(frozen=True, slots=True)
class NextHops:
    """How one switch reaches one destination switch over shortest paths.

    ports: OpenFlow port numbers, ascending (parallel links count each). tier: how many switches have several next
    hops, this one included, on the shortest path with most of them; such switches spread load by it differently.
    """

    ports: tuple[int, ...]
    tier: int


@dataclass(frozen=True, slots=True)
class Leg:
    """Next hops of one version of the routes to a destination, on one switch.

    epoch: written into labels, so that a packet stays in its version. stamped: whether the switch gives it to the
    packets that enter here; of the versions of a destination that a switch holds it does so for one.
    """

    hops: NextHops
    epoch: int
    stamped: bool


EPOCHS = 4
"""How many versions of the routes to one destination can be told apart."""
_VERSION_SHIFT = 64


def version(destination: Dpid, epoch: int) -> Dpid:
    """The name of a version where a destination is asked for: that of epoch 0 is the destination's own."""
    return Dpid(destination | epoch << _VERSION_SHIFT)


def unversioned(name: int) -> Dpid:
    """The destination of a version."""
    return Dpid(name & (1 << _VERSION_SHIFT) - 1)


def epoch_of(name: int) -> int:
    """The epoch of a version."""
    return name >> _VERSION_SHIFT


RouteKey = tuple[Dpid, Dpid]
"""(switch, destination switch)."""
Reroute = tuple[Dpid, Dpid, NextHops | None]
"""(switch, destination switch, its next hops from now on; None: there is no way)."""
VersionReroute = tuple[Dpid, Dpid, NextHops | Leg | None]
"""(switch, version of a destination, its next hops from now on). NextHops alone: epoch 0, stamped."""


@dataclass(frozen=True, slots=True)
class Path:
    """An explicit simple path. switches: n ids from ingress to egress; links: the n-1 (out port, in port) pairs."""

    switches: tuple[Dpid, ...]
    links: tuple[tuple[int, int], ...]


NO_HOP = 0
"""No port has this number (OpenFlow 1.3, 7.2.1)."""


@dataclass(frozen=True, slots=True)
class RepairHops:
    """Where a switch sends a packet that is on the red or on the blue tree of a destination.

    red, blue: OpenFlow port numbers; equal where all ways lead over one link (a bridge). NO_HOP for a moment, where
    the old tree and the new one would make a loop: what is red becomes blue there, what is blue ends.
    """

    red: int
    blue: int


Repair = tuple[Dpid, Dpid, RepairHops | None]
"""(switch, destination switch, its repair hops from now on; None: no repair tree leads over it)."""
