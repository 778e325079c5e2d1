"""Two maximally redundant trees towards the root of a block, red and blue (RFC 7812; Itai and Rodeh, 1984).

The switches of a block are numbered from the root r to one of its neighbours t so that every other one has neighbours
with a lower and with a higher number (st-numbering; Tarjan, Two streamlined depth-first search algorithms, 1986). Blue
leads to lower numbers down to r; red to higher ones up to t, and from there over the link t-r, which blue does not use.
So from every switch the two ways share no switch but both ends, and no link. Any lower and any higher neighbour will
do; the nearest is taken.
"""

from __future__ import annotations

from sdn.model.ids import Dpid
from sdn.routing.blocks import Block

Hops = tuple[int, int]
"""(port of red, port of blue)."""
_Arc = tuple[int, int, int]
"""(place of the neighbour, cost, own port)."""
_Reach = tuple[int, int]
"""(cost to the root, own port)."""


def redundant_trees(block: Block, root: Dpid) -> dict[Dpid, Hops]:
    """Red and blue ports of every switch of a block but the root. O(links of the block) but for sorting.

    They are equal at a bridge only. Equal costs are broken by the port, so the result follows from the links alone.
    """
    switches = block.switches
    place = {switch: index for index, switch in enumerate(switches)}
    arcs = [[(place[to], cost, port) for to, cost, port in own] for own in block.arcs]
    start = place[root]
    _, _, first = min((cost, port, to) for to, cost, port in arcs[start])
    order = _numbering(arcs, start, first)
    cost, port = min((cost, port) for to, cost, port in arcs[first] if to == start)
    red = _climb(arcs, list(reversed(order)), {first: (cost, port)})
    own = arcs[first]
    if not block.bridge:
        arcs[first] = [arc for arc in own if arc[2] != port]
    blue = _climb(arcs, order, {})
    return {switches[v]: (red[v][1], blue[v][1]) for v in order[1:]}


def _climb(arcs: list[list[_Arc]], order: list[int], known: dict[int, _Reach]) -> dict[int, _Reach]:
    """The nearest way of each switch over those that come before it in ``order``; the first one is the end, or known.

    The root ends the order of red; it is nobody's neighbour on the way up, as it comes last.
    """
    found = dict(known)
    cost_to = [-1] * len(arcs)
    head = order[0]
    cost_to[head] = known[head][0] if head in known else 0
    for switch in order[1:]:
        best: _Reach | None = None
        for to, cost, port in arcs[switch]:
            far = cost_to[to]
            if far < 0:
                continue
            far += cost
            if best is None or far < best[0] or (far == best[0] and port < best[1]):
                best = far, port
        assert best is not None, "every switch of a block has neighbours on both sides"
        found[switch] = best
        cost_to[switch] = best[0]
    return found


def _numbering(arcs: list[list[_Arc]], start: int, first: int) -> list[int]:
    """An st-order of a block, beginning with ``start`` and ending with its neighbour ``first``."""
    count = len(arcs)
    visited, parent, low = _depth_first(arcs, start, first)
    behind, before = [-1] * count, [-1] * count
    behind[start], before[first] = first, start
    minus = [False] * count
    minus[start] = True
    for switch in visited[2:]:
        above = parent[switch]
        left, right = (before[above], above) if minus[low[switch]] else (above, behind[above])
        minus[above] = not minus[low[switch]]
        before[switch], behind[switch] = left, right
        if left >= 0:
            behind[left] = switch
        if right >= 0:
            before[right] = switch
    order = [start]
    while behind[order[-1]] >= 0:
        order.append(behind[order[-1]])
    return order


def _depth_first(arcs: list[list[_Arc]], start: int, first: int) -> tuple[list[int], list[int], list[int]]:
    """Order of visits, and of each switch its parent and the earliest one that it or those below it are linked to."""
    count = len(arcs)
    visited = [start, first]
    number, parent, low = [-1] * count, [start] * count, [start] * count
    number[start], number[first] = 0, 1
    path = [(first, iter(arcs[first]))]
    while path:
        switch, rest = path[-1]
        above = parent[switch]
        for to, _, _ in rest:
            if number[to] < 0:
                number[to], parent[to], low[to] = len(visited), switch, to
                visited.append(to)
                path.append((to, iter(arcs[to])))
                break
            if to != above and number[to] < number[low[switch]]:
                low[switch] = to
        else:
            path.pop()
            if number[low[switch]] < number[low[above]]:
                low[above] = low[switch]
    return visited, parent, low
