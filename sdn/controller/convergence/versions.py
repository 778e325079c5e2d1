"""Versions of routes in the compiler, by destination and epoch: how they are named, and what switches have of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from sdn.controller.convergence.lingering import Fading
from sdn.model.ids import Dpid
from sdn.model.route import Leg, NextHops, Repair, Reroute, VersionReroute, epoch_of, unversioned, version
from sdn.pipeline import Compiler

_leg = lru_cache(maxsize=1 << 16)(Leg)  # equal legs are one object, as next hops are


@dataclass(slots=True)
class VersionsOf:
    """Of a destination that has more than one version of routes. building: its epoch, and who has not confirmed it."""

    building: int | None = None
    built: Fading | None = None
    draining: dict[int, Fading] = field(default_factory=dict)

    def wait_for(self, dpid: Dpid, generation: int) -> None:
        """A switch gets something else of what is being made: all must have confirmed that too."""
        if self.built is not None:
            self.built.generation = generation
            self.built.waits.add(dpid)

    @property
    def moving(self) -> bool:
        """Whether some switch has not confirmed yet what packets are to be given."""
        return self.building is not None or any(fading.waits for fading in self.draining.values())


class VersionedRoutes:
    """epochs: of destinations, that which packets are given; 0 where there is none."""

    def __init__(self, compiler: Compiler, epochs: dict[Dpid, int]) -> None:
        self._compiler = compiler
        self.epochs = epochs
        self.dropped: set[Dpid] = set()
        """Versions dropped since this was cleared: what they were is still told by ``hops_of``."""
        for destination, epoch in epochs.items():
            compiler.add_version(destination, epoch)

    def name(self, destination: Dpid) -> Dpid:
        """The version that packets are given."""
        return version(destination, self.epochs.get(destination, 0))

    def named(self, reroutes: list[Reroute]) -> Sequence[VersionReroute]:
        """Routes to destinations as routes of the versions that packets are given. O(1) where all epochs are 0."""
        if not self.epochs:
            return reroutes
        return [item(dpid, self.name(d), hops, stamped=True) for dpid, d, hops in reroutes]

    def set(self, reroutes: Sequence[VersionReroute]) -> None:
        """Other routes."""
        self._compiler.set_routes(reroutes)

    def set_repairs(self, repairs: list[Repair]) -> None:
        """Other repair hops, of versions."""
        self._compiler.set_repairs(repairs)

    def make(self, destination: Dpid, epoch: int) -> Dpid:
        """The name of a version that is to be set for the first time, or again."""
        self._compiler.add_version(destination, epoch)
        return version(destination, epoch)

    def former(self, reroutes: Iterable[VersionReroute]) -> list[NextHops | None]:
        """What switches have, or had when last compiled, where these are to be set."""
        return list(map(plain, self._compiler.hops_of([(dpid, name) for dpid, name, _ in reroutes])))

    def hops_of(self, switches: Iterable[Dpid], name: Dpid) -> list[NextHops | None]:
        """What switches have of a version."""
        return list(map(plain, self._compiler.hops_of([(dpid, name) for dpid in switches])))

    def holders(self, name: Dpid) -> list[tuple[Dpid, NextHops]]:
        """Switches that have something of a version. O(switches)."""
        switches = self.switches(unversioned(name))
        there = zip(switches, self.hops_of(switches, name), strict=True)
        return [(dpid, hops) for dpid, hops in there if hops is not None]

    def switches(self, destination: Dpid) -> list[Dpid]:
        """All switches but a destination. O(switches)."""
        return [dpid for dpid in map(Dpid, self._compiler.programs) if dpid != destination]

    def drop(self, destination: Dpid, epoch: int) -> None:
        """A version is not needed any more. O(switches)."""
        self.empty(destination, epoch)
        name = version(destination, epoch)
        self.set_repairs([(dpid, name, None) for dpid in self.switches(destination)])

    def empty(self, destination: Dpid, epoch: int) -> None:
        """A version has no routes any more; repair hops stay, for the routes that may come. O(switches)."""
        name = version(destination, epoch)
        self.dropped.add(name)
        self.set([(dpid, name, None) for dpid, _ in self.holders(name)])


def item(dpid: Dpid, name: Dpid, hops: NextHops | None, *, stamped: bool) -> VersionReroute:
    """One route of a version. stamped: whether packets are given its epoch."""
    epoch = epoch_of(name)
    return dpid, name, hops if hops is None or (stamped and not epoch) else _leg(hops, epoch, stamped)


def plain(hops: NextHops | Leg | None) -> NextHops | None:
    """Next hops without their version."""
    return hops.hops if isinstance(hops, Leg) else hops


def same_ports(before: NextHops | None, after: NextHops | Leg | None) -> bool:
    """Whether packets go out of the same ports."""
    new = plain(after)
    return (before.ports if before else ()) == (new.ports if new else ())
