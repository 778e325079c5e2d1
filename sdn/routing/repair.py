"""Repair trees to every destination, kept up to date in small steps while links come and go.

Links and destinations in, repair hops that changed out. What a switch does for a destination depends only on the block
in which it is and on the switch by which that block is left towards the destination, so red and blue trees are made
once for each (block, root), shared by all destinations behind that root, and kept while the block stays as it is.

One failure is always survived: a switch whose primary next hops are all dead stands next to it, and sends the packet on
red. Red meets the failed link only if that is its very first hop, and a failed switch perhaps later; where it does, the
packet becomes blue, and blue from there shares neither the link nor the switch with red. A color never comes back, and
within one color a packet moves along a tree, so it ends, whatever else fails.
"""

from __future__ import annotations

from collections.abc import Iterable

from sdn.model.ids import Dpid
from sdn.model.route import Repair, RepairHops
from sdn.model.topology import Link, LinkEnd
from sdn.routing.blocks import Arcs, Block, BlockForest, find_blocks
from sdn.routing.redundant import redundant_trees

_Tree = dict[Dpid, RepairHops]


class RepairTrees:
    """Repair hops of every switch for a set of destinations: a function of the links and nothing else.

    For N switches, L links and D destinations: O(N + L) for the blocks after a change, then O(links of a block) for
    each root of a block that changed and O(blocks) for each destination, then O(repair hops that differ). Memory is
    O(D · blocks + sum of blocks' switches · roots), at most O(D N).

    Switches that no repair can lead over have none: those of a component without cycles, and the near end of a bridge
    where none are on that side.
    """

    def __init__(self) -> None:
        self._links: dict[tuple[LinkEnd, LinkEnd], int] = {}
        self._destinations: set[Dpid] = set()
        self._forest = BlockForest(())
        self._made: dict[Block, dict[Dpid, _Tree]] = {}
        self._parts: dict[Dpid, tuple[_Tree, ...]] = {}
        """By destination: the trees of all blocks of its component that packets on repair may pass."""
        self._hops: dict[tuple[int, int], RepairHops] = {}
        self._useless: set[tuple[int, Dpid]] = set()
        self._stale = False
        self._waiting: dict[Dpid, None] = {}

    def set_links(self, links: Iterable[Link]) -> None:
        """Replace all links. O(L)."""
        now = _by_ends(links)
        if now != self._links:
            self._links, self._stale = now, True

    def change_links(self, gone: Iterable[Link], new: Iterable[Link]) -> None:
        """As ``set_links``, told only what is different; a link with another cost is gone and new. O(links given)."""
        lost, won = _by_ends(gone), _by_ends(new)
        for ends in {**lost, **won}:
            before, after = self._links.pop(ends, None), won.get(ends)
            if after is not None:
                self._links[ends] = after
            self._stale |= before != after

    def set_destinations(self, dpids: Iterable[Dpid]) -> None:
        """Replace the destinations. O(those that differ)."""
        wanted = set(dpids)
        self._waiting.update(dict.fromkeys(sorted(wanted ^ self._destinations)))
        self._destinations = wanted

    @property
    def busy(self) -> bool:
        """Whether ``work`` has something to do."""
        return self._stale or bool(self._waiting)

    def work(self, effort: int | None = None) -> list[Repair]:
        """Bring repair hops up to date, a part of them; answers each (switch, destination) whose hops are now others.

        effort: stop behind so many switches and links looked at, None to finish; but at least one destination is dealt
        with, and blocks are always found in one step.
        """
        spent = 0
        changed: list[Repair] = []
        if self._stale:
            self._divide()
        while self._waiting and (effort is None or spent < effort):
            destination = next(iter(self._waiting))
            del self._waiting[destination]
            spent += self._follow(destination, changed)
        return changed

    def hops(self, switch: Dpid, destination: Dpid) -> RepairHops | None:
        """As ``work`` told last. O(blocks)."""
        return next((tree[switch] for tree in self._parts.get(destination, ()) if switch in tree), None)

    def _divide(self) -> None:
        """The links are others: find the blocks, and keep those that are what they were."""
        arcs = _arcs_of(self._links)
        known = {block.content: block for block in self._made}
        self._forest = BlockForest(known.get(block.content, block) for block in find_blocks(arcs))
        self._made = {block: self._made.get(block, {}) for block in self._forest.blocks}
        self._useless = self._forest.without_cycles()
        # Those that have waited longest stay in front, so that links that never rest keep nobody from being served.
        self._waiting.update(dict.fromkeys(sorted(self._destinations | self._parts.keys())))
        self._stale = False

    def _follow(self, destination: Dpid, changed: list[Repair]) -> int:
        """Bring one destination up to date; answers the effort."""
        before = self._parts.pop(destination, ())
        spent, parts = 1, []
        if destination in self._destinations:
            for number, root in self._forest.towards(destination):
                spent += 1
                if (number, root) in self._useless:
                    continue
                block = self._forest.blocks[number]
                tree = self._made[block].get(root)
                if tree is None:
                    tree = self._made[block][root] = self._make(block, root)
                    spent += block.size
                parts.append(tree)
        if parts:
            self._parts[destination] = tuple(parts)
        return spent + _tell(destination, before, parts, changed)

    def _make(self, block: Block, root: Dpid) -> _Tree:
        """Equal hops are one object."""
        share = self._hops.setdefault
        return {s: share(ports, RepairHops(*ports)) for s, ports in redundant_trees(block, root).items()}


def _tell(destination: Dpid, before: Iterable[_Tree], after: Iterable[_Tree], changed: list[Repair]) -> int:
    """Note what is different between two lists of trees; answers how many switches were looked at."""
    kept = {id(tree) for tree in before} & {id(tree) for tree in after}
    old = {s: hops for tree in before if id(tree) not in kept for s, hops in tree.items()}
    new = {s: hops for tree in after if id(tree) not in kept for s, hops in tree.items()}
    changed += [(s, destination, hops) for s, hops in new.items() if old.get(s) is not hops]
    changed += [(s, destination, None) for s in old if s not in new]
    return len(old) + len(new)


def _by_ends(links: Iterable[Link]) -> dict[tuple[LinkEnd, LinkEnd], int]:
    """Costs by ends, without links that join a switch with itself."""
    return {(link.a, link.b): link.cost for link in links if link.a.dpid != link.b.dpid}


def _arcs_of(links: dict[tuple[LinkEnd, LinkEnd], int]) -> Arcs:
    arcs: Arcs = {}
    for (a, b), cost in links.items():
        arcs.setdefault(a.dpid, []).append((b.dpid, cost, a.port))
        arcs.setdefault(b.dpid, []).append((a.dpid, cost, b.port))
    for own in arcs.values():
        own.sort()
    return arcs
