"""What a path must satisfy: the computational part of a connectivity request."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from sdn.model.ids import Dpid
from sdn.model.topology import LinkEnd


class Strategy(StrEnum):
    """Which of the paths that satisfy a request is best; among equals the one with the fewest hops.

    COST: least sum of link costs. LATENCY: least sum of latencies. FREE: least sum of utilisations, each that of the
    fuller direction of a link after the reservation, so that load spreads.
    """

    COST = "COST"
    LATENCY = "LATENCY"
    FREE = "FREE"


class Protect(StrEnum):
    """What two paths must not share: no link, no switch between the ends, or no shared-risk group (and no link)."""

    LINK = "LINK"
    SWITCH = "SWITCH"
    RISK_GROUP = "RISK_GROUP"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """What a path must not use. links: by either of their ends; the ends of a path cannot be among ``switches``."""

    switches: frozenset[Dpid] = frozenset()
    links: frozenset[LinkEnd] = frozenset()
    risk_groups: frozenset[str] = frozenset()

    def __or__(self, other: Exclusion) -> Exclusion:
        return Exclusion(
            switches=self.switches | other.switches,
            links=self.links | other.links,
            risk_groups=self.risk_groups | other.risk_groups,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Inclusion:
    """What a path must use, in any order: all of these switches, of these links (by either of their ends), and for each
    shared-risk group at least one link that is in it. In the order in which they were named; few: ``routing.goals``.
    """

    switches: tuple[Dpid, ...] = ()
    links: tuple[LinkEnd, ...] = ()
    risk_groups: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.switches) + len(self.links) + len(self.risk_groups)


@dataclass(frozen=True, slots=True, kw_only=True)
class PathRequest:
    """A path from ``source`` to ``destination``.

    forward, backward: bits/s to be free in each direction (0: none is needed). max_latency: microseconds, max_hops:
    links, max_cost: sum of link costs; None: no bound. via: switches to pass, in this order.
    include: to be used in any order, beside via. only: both ends of all links that the path may use, None: any.
    prefer: ends of links that cost nothing.
    """

    source: Dpid
    destination: Dpid
    forward: int = 0
    backward: int = 0
    max_latency: int | None = None
    max_hops: int | None = None
    max_cost: int | None = None
    exclude: Exclusion = field(default_factory=Exclusion)
    via: tuple[Dpid, ...] = ()
    include: Inclusion = field(default_factory=Inclusion)
    strategy: Strategy = Strategy.COST
    only: frozenset[LinkEnd] | None = None
    prefer: frozenset[LinkEnd] = frozenset()
