"""Shortest paths from every switch to every destination, kept up to date while links come and go.

Links in, next hops that changed out; the computation itself is in dags.py, or compiled in _dags.c.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sdn.model.ids import Dpid
from sdn.model.route import NextHops, Reroute
from sdn.model.topology import Link, LinkEnd
from sdn.routing import dags

try:
    from sdn.routing._dags import Dags as _Dags

    COMPILED = True
    """Whether the compiled form is there; without it everything works, and takes much longer on large networks."""
except ImportError:
    _Dags = dags.Dags  # type: ignore[assignment,misc]
    COMPILED = False


class ShortestPaths:
    """Shortest-path DAGs to a set of destinations.

    With N switches, L links, D destinations: a full computation is O(D (N + L) log N). A change of one link costs O(1)
    for a destination whose DAG it does not touch, else O((A + B) log N), where A is the number of switches whose
    distance or tier moves and B that of their links. Memory is O(D N).
    """

    def __init__(self, engine: type[dags.Dags] | type[_Dags] = _Dags) -> None:
        """engine: the form that computes."""
        self._dags = engine(NextHops)
        self._links: dict[int, Link] = {}
        self._costs: dict[tuple[LinkEnd, LinkEnd], int] = {}
        self._destinations: set[Dpid] = set()

    def set_links(self, links: Iterable[Link]) -> list[Reroute]:
        """Replace all links; answers exactly the (switch, destination) pairs whose next hops are now others or none.

        Only ends and costs matter here; a link that joins a switch with itself is ignored. No two links may have both
        ends in common. O(L) to compare, quick for links that are the same objects as before, then as the class says
        for each link that changed.
        """
        now = {id(link): link for link in links}  # links are immutable, and _links keeps the old ones alive
        gone = [link for number, link in self._links.items() if number not in now]
        new = [link for number, link in now.items() if number not in self._links]
        self._links = now
        return self._change(gone, new)

    def change_links(self, gone: Iterable[Link], new: Iterable[Link]) -> list[Reroute]:
        """As ``set_links``, told only what is different; a link with another cost is gone and new. O(links given)."""
        gone, new = list(gone), list(new)
        for link in gone:
            self._links.pop(id(link), None)
        self._links.update((id(link), link) for link in new)
        return self._change(gone, new)

    def _change(self, gone: list[Link], new: list[Link]) -> list[Reroute]:
        """Tell the DAGs what differs; a link that was only made anew does not."""
        costs = {(link.a, link.b): link.cost for link in new if link.a.dpid != link.b.dpid}
        changes: list[dags.LinkChange] = []
        for key in {(link.a, link.b): None for link in (*gone, *new)}:
            before, after = self._costs.pop(key, 0), costs.get(key, 0)
            if after:
                self._costs[key] = after
            if before != after:
                a, b = key
                changes.append((a.dpid, a.port, b.dpid, b.port, before, after))
        return self._dags.update(changes)

    def risky(self) -> list[Dpid]:
        """Whose DAG the last change of links altered so that not every order of switches will do; see Dags. O(D)."""
        return self._dags.risky()

    def set_destinations(self, dpids: Iterable[Dpid]) -> list[Reroute]:
        """Replace the destinations; answers the (switch, destination) pairs that gained or lost next hops."""
        wanted = set(dpids)
        changed: list[Reroute] = []
        for gone in sorted(self._destinations - wanted):
            changed += self._dags.remove(gone)
        for new in sorted(wanted - self._destinations):
            changed += self._dags.add(new)
        self._destinations = wanted
        return changed

    @property
    def destinations(self) -> Collection[Dpid]:
        """The destinations there are."""
        return self._destinations

    def next_hops(self, switch: Dpid, destination: Dpid) -> NextHops | None:
        """Over which ports ``switch`` sends towards ``destination``.

        None at the destination itself, where it cannot be reached, and for what is not among the destinations.
        """
        return self._dags.next_hops(switch, destination)

    def distance(self, switch: Dpid, destination: Dpid) -> int | None:
        """Cost of the shortest paths to one of the destinations, None if there are none."""
        return self._dags.distance(switch, destination)
