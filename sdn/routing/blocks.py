"""The blocks of a network: what stays connected when any one of its switches fails, joined at cut switches.

A block is a largest set of links in which no switch separates others (a biconnected component; Hopcroft and Tarjan,
Comm. ACM 16, 1973): a bridge, parallel links between two switches, or something with cycles. Blocks and the switches
that several of them share form a forest, so the way from anywhere to a destination passes the same blocks and cut
switches whatever fails inside a block.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from sdn.model.ids import Dpid

Arc = tuple[Dpid, int, int]
"""(neighbour, cost, own port)."""
Arcs = dict[Dpid, list[Arc]]
"""All directions of links by the switch that sends; ascending."""


@dataclass(slots=True, eq=False)
class Block:
    """One block. switches: ascending; arcs: of each switch, in the order of ``switches``, ascending.

    bridge: it is one single link.
    """

    switches: tuple[Dpid, ...]
    arcs: tuple[tuple[Arc, ...], ...]
    bridge: bool = field(init=False)

    def __post_init__(self) -> None:
        self.bridge = len(self.switches) == 2 and len(self.arcs[0]) == 1

    @property
    def content(self) -> tuple[object, ...]:
        """Equal for equal blocks."""
        return self.switches, self.arcs

    @property
    def size(self) -> int:
        """Switches and directions of links."""
        return len(self.switches) + sum(map(len, self.arcs))


def find_blocks(arcs: Arcs) -> list[Block]:
    """All blocks, in an order that follows from the links alone. O(N + L) but for sorting."""
    members = _components(arcs)
    shared = Counter(switch for found in members for switch in found)
    blocks = []
    for found in members:
        switches = tuple(sorted(found))
        inside = []
        for switch in switches:
            own = arcs[switch]
            if shared[switch] > 1:
                own = [arc for arc in own if arc[0] in found]
            inside.append(tuple(own))
        blocks.append(Block(switches, tuple(inside)))
    return blocks


def _components(arcs: Arcs) -> list[set[Dpid]]:
    """The switches of each block: depth first over neighbours, without recursion, as networks may be deep."""
    found: list[set[Dpid]] = []
    order: dict[Dpid, int] = {}
    low: dict[Dpid, int] = {}
    for start in sorted(arcs):
        if start in order:
            continue
        order[start] = low[start] = len(order)
        path = [(start, start, iter(arcs[start]))]
        open_: list[Dpid] = []
        while path:
            switch, parent, rest = path[-1]
            for neighbour, _, _ in rest:
                if neighbour == parent:
                    continue
                if neighbour not in order:
                    order[neighbour] = low[neighbour] = len(order)
                    open_.append(neighbour)
                    path.append((neighbour, switch, iter(arcs[neighbour])))
                    break
                if order[neighbour] < low[switch]:
                    low[switch] = order[neighbour]
            else:
                path.pop()
                if path:
                    low[parent] = min(low[parent], low[switch])
                    if low[switch] >= order[parent]:
                        found.append(_close(open_, switch, parent))
    return found


def _close(open_: list[Dpid], switch: Dpid, parent: Dpid) -> set[Dpid]:
    """Take the switches of a block that is complete: those since ``switch``, and the parent, which may have more."""
    block = {parent}
    while True:
        last = open_.pop()
        block.add(last)
        if last == switch:
            return block


class BlockForest:
    """Which blocks a switch is in, and the way from a destination through them."""

    def __init__(self, blocks: Iterable[Block]) -> None:
        self.blocks = list(blocks)
        self._of: dict[Dpid, list[int]] = {}
        for number, block in enumerate(self.blocks):
            for switch in block.switches:
                self._of.setdefault(switch, []).append(number)
        self._cuts = [tuple(s for s in block.switches if len(self._of[s]) > 1) for block in self.blocks]

    def towards(self, destination: Dpid) -> list[tuple[int, Dpid]]:
        """Each block of the destination's component, by number, with its root: the switch by which it is left.

        O(blocks). In the order of a walk away from the destination: a block comes behind that of its root.
        """
        way = [(number, destination) for number in self._of.get(destination, ())]
        for number, root in way:
            for cut in self._cuts[number]:
                if cut != root:
                    way += [(other, cut) for other in self._of[cut] if other != number]
        return way

    def without_cycles(self) -> set[tuple[int, Dpid]]:
        """Bridges, with that of their two ends beyond which there is no cycle on the other side. O(blocks).

        No packet on a repair tree comes over such a bridge towards that end.
        """
        found: set[tuple[int, Dpid]] = set()
        seen: set[int] = set()
        for number, block in enumerate(self.blocks):
            if number in seen:
                continue
            way = self.towards(block.switches[0])
            seen.update(item for item, _ in way)
            total = sum(not self.blocks[item].bridge for item, _ in way)
            beyond = self._cycles_beyond(way)
            for item, root in way:
                if self.blocks[item].bridge:
                    a, b = self.blocks[item].switches
                    found |= {(item, root)} if not beyond[item] else set()
                    found |= {(item, a if root == b else b)} if beyond[item] == total else set()
        return found

    def _cycles_beyond(self, way: list[tuple[int, Dpid]]) -> dict[int, int]:
        """How many blocks that are not bridges hang on each block of a walk, itself included."""
        beyond = {number: int(not self.blocks[number].bridge) for number, _ in way}
        parents = {cut: number for number, root in way for cut in self._cuts[number] if cut != root}
        for number, root in reversed(way):
            if root in parents:
                beyond[parents[root]] += beyond[number]
        return beyond
