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


RouteKey = tuple[Dpid, Dpid]
"""(switch, destination switch)."""
Reroute = tuple[Dpid, Dpid, NextHops | None]
"""(switch, destination switch, its next hops from now on; None: there is no way)."""


@dataclass(frozen=True, slots=True)
class Path:
    """An explicit simple path. switches: n ids from ingress to egress; links: the n-1 (out port, in port) pairs."""

    switches: tuple[Dpid, ...]
    links: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class RepairHops:
    """Where a switch sends a packet that is on the red or on the blue tree of a destination.

    red, blue: OpenFlow port numbers; equal where all ways lead over one link (a bridge).
    """

    red: int
    blue: int


Repair = tuple[Dpid, Dpid, RepairHops | None]
"""(switch, destination switch, its repair hops from now on; None: no repair tree leads over it)."""
