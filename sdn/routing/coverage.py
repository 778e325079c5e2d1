"""Which failures are survived without the controller: packets followed through what switches hold.

Links, and what switches do for a destination, in; for every link and every switch, pairs with destinations out. This
looks at next hops as they are, however they came to be, and not at how repair trees are made: it judges them.

A pair of a failure and a destination counts if some switch next to the failure has a primary next hop over it. Only
there a packet can meet the failure: who has another primary next hop that lives takes it (ECMP), and who has none
changes the color, from where the way is fixed, and is followed to its end. A pair is repairable if one of these
switches is still joined to the destination, which the blocks of the network tell, and repaired if all that are joined
get their packets there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sdn.model.ids import Dpid
from sdn.model.resilience import Coverage
from sdn.model.topology import Link
from sdn.routing.blocks import Arcs, BlockForest, find_blocks

Failure = Link | Dpid
MAX_NAMED = 16
"""Destinations that are named of each failure, of those that could be reached and are not."""
_EVERYTHING = -1
"""As a set of bits."""


class Hops(NamedTuple):
    """What a switch does for a destination. red, blue: None without repair entries. ready: they are confirmed."""

    primary: tuple[int, ...]
    red: int | None
    blue: int | None
    ready: bool = True


@dataclass(slots=True)
class Found:
    """Of one failure, over the destinations so far. separates: it is a bridge or a cut switch."""

    separates: bool
    coverage: Coverage = field(default_factory=Coverage)
    unrepaired: list[tuple[Dpid, str, Dpid]] = field(default_factory=list)
    """(destination, why, where), at most MAX_NAMED."""


class _Arc(NamedTuple):
    """One direction of a link, by the port it leaves by. bits: of the link and of the switch at its other end."""

    peer: Dpid
    link: Link
    bits: int


class Survey:
    """Of a network: give it each destination, and read ``found``.

    O(N + L) to begin with and for each destination, but for sets of N + L bits. Packets of which a way without failures
    shows that they do not meet this one are not followed step by step.
    """

    def __init__(self, links: Iterable[Link]) -> None:
        self._links = [link for link in links if link.a.dpid != link.b.dpid]
        ends = [end for link in self._links for end in (link.a, link.b)]
        failures: list[Failure] = [*self._links, *sorted({end.dpid for end in ends})]
        self._bit: dict[Failure, int] = {failure: 1 << number for number, failure in enumerate(failures)}
        self._arcs: dict[Dpid, dict[int, _Arc]] = {}
        for link in self._links:
            for near, far in ((link.a, link.b), (link.b, link.a)):
                bits = self._bit[link] | self._bit[far.dpid]
                self._arcs.setdefault(near.dpid, {})[near.port] = _Arc(far.dpid, link, bits)
        self._forest = BlockForest(find_blocks(_plain(self._arcs)))
        self._block_of: dict[tuple[Dpid, Dpid], int] = {}
        separators = self._divide()
        self.found = {failure: Found(failure in separators) for failure in failures}

    def _divide(self) -> set[Failure]:
        """Note the block of every two neighbours; answers bridges and cut switches."""
        found, seen = set[Failure](), set[Dpid]()
        for number, block in enumerate(self._forest.blocks):
            found.update(seen.intersection(block.switches))
            seen.update(block.switches)
            for switch, own in zip(block.switches, block.arcs, strict=True):
                for neighbour, _, port in own:
                    self._block_of[switch, neighbour] = number
                    if block.bridge:
                        found.add(self._arcs[switch][port].link)
        return found

    def add(self, destination: Dpid, hops: Mapping[Dpid, Hops]) -> None:
        """One more destination. hops: of all switches that have a way to it."""
        if destination not in self._arcs:
            return
        roots = dict(self._forest.towards(destination))
        met: dict[Failure, dict[Dpid, None]] = {}
        """By failure: switches next to it with a primary next hop over it."""
        for switch, own in hops.items():
            arcs = self._arcs.get(switch, {})
            for port in own.primary:
                arc = arcs.get(port)
                if arc is not None:
                    met.setdefault(arc.link, {})[switch] = None
                    if arc.peer != destination:
                        met.setdefault(arc.peer, {})[switch] = None
        ways = _Ways(destination, hops, self._arcs, self._bit)
        for failure, switches in met.items():
            found = self.found[failure]
            joined = [s for s in switches if self._joined(s, failure, found.separates, roots)]
            outcomes = [ways.follow(switch, self._bit[failure]) for switch in joined]
            bad = next((outcome for outcome in outcomes if outcome.why), None)
            good = bool(joined) and bad is None
            ready = good and all(outcome.ready for outcome in outcomes)
            found.coverage += Coverage(1, bool(joined), good, ready)
            if bad is not None and len(found.unrepaired) < MAX_NAMED:
                found.unrepaired.append((destination, bad.why, bad.where))

    def _joined(self, switch: Dpid, failure: Failure, separates: bool, roots: Mapping[int, Dpid]) -> bool:
        """Whether a switch next to a failure, with a primary next hop over it, is still joined to the destination."""
        if isinstance(failure, Link) or not separates:
            return not separates
        return roots[self._block_of[switch, failure]] != failure


class _Outcome(NamedTuple):
    """Of a packet. why: it does not arrive, '' if it does; where: it ended; ready: all it met is confirmed."""

    why: str
    where: Dpid
    ready: bool


class _Ways:
    """Towards one destination. Failures are sets of bits."""

    def __init__(
        self,
        destination: Dpid,
        hops: Mapping[Dpid, Hops],
        arcs: Mapping[Dpid, Mapping[int, _Arc]],
        bit: Mapping[Failure, int],
    ) -> None:
        self._destination, self._hops, self._arcs, self._bit = destination, hops, arcs, bit
        self._unready = sum(bit[switch] for switch, own in hops.items() if not own.ready and switch in arcs)
        self._red = self._met({s: own.red for s, own in hops.items()})
        self._blue = self._met({s: own.blue for s, own in hops.items()})

    def _met(self, ports: Mapping[Dpid, int | None]) -> dict[Dpid, int]:
        """Links and switches on the way of a color from each switch, itself included; everything if it does not end."""
        met = {self._destination: 0}
        for start in ports:
            way: list[tuple[Dpid, int]] = []
            switch, passed = start, set[Dpid]()
            while switch not in met and switch not in passed:
                port = ports.get(switch)
                arc = None if port is None else self._arcs.get(switch, {}).get(port)
                if arc is None:
                    met[switch] = _EVERYTHING
                    break
                passed.add(switch)
                way.append((switch, arc.bits | self._bit[switch]))
                switch = arc.peer
            rest = met.get(switch, _EVERYTHING)
            for switch, bits in reversed(way):
                rest = met[switch] = rest | bits
        return met

    def follow(self, switch: Dpid, dead: int) -> _Outcome:
        """What becomes of a packet that is at a switch and has no color yet. dead: the failure."""
        own: Hops | None = self._hops[switch]
        if own is not None and any(self._alive(switch, port, dead) for port in own.primary):
            return _Outcome("", switch, own.ready)
        confirmed = True
        for met in (self._red, self._blue):
            passed = set[Dpid]()
            while switch not in passed:
                if not met.get(switch, _EVERYTHING) & dead:
                    return _Outcome("", switch, confirmed and not met[switch] & self._unready)
                own = self._hops.get(switch)
                if own is None or own.red is None or own.blue is None:
                    return _Outcome("there are no repair entries", switch, confirmed)
                confirmed = confirmed and own.ready
                arc = self._alive(switch, own.red if met is self._red else own.blue, dead)
                if arc is None:
                    break  # the next color
                passed.add(switch)
                switch = arc.peer
            else:
                return _Outcome("a repair way is a loop", switch, confirmed)
        return _Outcome("both repair ways end", switch, confirmed)

    def _alive(self, switch: Dpid, port: int | None, dead: int) -> _Arc | None:
        arc = None if port is None else self._arcs.get(switch, {}).get(port)
        return None if arc is None or arc.bits & dead else arc


def _plain(arcs: Mapping[Dpid, Mapping[int, _Arc]]) -> Arcs:
    """As blocks are found by; costs do not matter to them."""
    return {switch: sorted((arc.peer, 1, port) for port, arc in own.items()) for switch, own in arcs.items()}
