"""Switches that were cut off, session and links, and from when to when nobody hears them.

The rest goes on without such a switch, and gives epochs again that it may give to packets still. So

- one that is away and has no link is *cut off*. What it holds counts until nobody hears it any more: no port towards it
  takes labelled frames, the switches with these ports have confirmed that, and a grace is over;
- from then on it is a *stranger*, and what it holds is forgotten: its neighbours drop all that it sends;
- it is one until it is back, has confirmed what its program says, and a grace is over, as its cache may know until then
  what it held before. None of its links is used until then, so nobody listens to it or sends to it.

So one that never comes back keeps others from nothing for more than some seconds. After a start all switches are
strangers of which no link is known from before: the last daemon may have given epochs again without them. So is one of
which nothing is known though it has flows of ours, as it was forgotten.

Belongs here: who is a stranger. Must not know: what switches hold, epochs, how links are learned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from sdn.controller.convergence.lingering import Fading
from sdn.controller.switches.fleet import Fleet
from sdn.model.ids import Dpid
from sdn.model.program import GRACE, is_ours
from sdn.model.topology import LinkChanges

Listens = Callable[[Dpid, int], bool]
"""Whether the program of a switch lets it take labelled frames at a port."""


@dataclass(slots=True)
class _Cut:
    """A switch that is cut off. generation: that has closed the ports towards it, None while one is open; deadline:
    when nobody hears it any more, None while not all have confirmed that."""

    generation: int | None = None
    deadline: float | None = None


class Strangers:
    """switches: all that have a program. generation: of the compile that is to come; begun: whether switches are
    written to. first: those that are strangers from the start; known: those that are not."""

    def __init__(
        self,
        fleet: Fleet,
        switches: Collection[int],
        generation: Callable[[], int],
        begun: Callable[[], bool],
        first: Iterable[Dpid] = (),
        known: Iterable[Dpid] = (),
    ) -> None:
        self._fleet, self._switches = fleet, switches
        self._generation, self._begun = generation, begun
        self._links: Counter[Dpid] = Counter()
        self._facing: dict[tuple[Dpid, int], Dpid] = {}
        """The switch that a port leads to, or did last."""
        self._cut: dict[Dpid, _Cut] = {}
        self._known: set[int] = set(known)
        self._all: dict[Dpid, Fading | None] = dict.fromkeys(first)
        """Strangers; of those that are back, what they have not confirmed."""
        self._start: Fading | None = None
        self.closed = not self._all
        """Whether all ports towards those that were strangers at the start are known to be closed."""

    def forgot(self, dpid: Dpid, generation: int) -> bool:
        """Whether no packet meets what a switch did before a generation, a grace from now."""
        return dpid in self._all or self._fleet.confirmed(dpid, generation)

    def forget(self, dpid: Dpid) -> None:
        """An operator says that a switch is gone for good: what is closed does not wait for it."""
        if self._start is not None:
            self._start.waits.discard(dpid)

    @property
    def returning(self) -> list[Dpid]:
        """Those that are back, so that their links are going to be used."""
        return [dpid for dpid in self._all if self._fleet.is_live(dpid)]

    def change_links(self, changes: LinkChanges) -> None:
        """Links that are used are others."""
        for link in changes.gone:
            self._links.subtract((link.a.dpid, link.b.dpid))
        for link in changes.new:
            self._links.update((link.a.dpid, link.b.dpid))
            for end in (link.a, link.b):
                self._facing[end.dpid, end.port] = link.other(end).dpid

    def step(self, now: float, listens: Listens) -> frozenset[Dpid]:
        """Answers all strangers; call it before each compile, when links may have changed. O(switches), and O(links)
        while one has just been cut off."""
        for switch in self._fleet.waiting():
            if switch.dpid not in self._known and switch.installed is not None:
                if any(map(is_ours, switch.installed.flows.values())):
                    self._all[switch.dpid], self._start, self.closed = None, None, False
                self._known.add(switch.dpid)
        if not self._begun():
            return frozenset(self._all)
        self._return(now)
        off = {d for d in map(Dpid, self._switches) if not self._fleet.is_live(d) and not self._links[d]}
        self._cut = {dpid: self._cut.get(dpid) or _Cut() for dpid in off - self._all.keys()}
        if self._cut:
            heard = self._heard(now, off, listens)
            self._all.update(dict.fromkeys(self._cut.keys() - heard))
        if not self.closed:
            self._close(now)
        return frozenset(self._all)

    def _return(self, now: float) -> None:
        """Some are strangers no more."""
        for dpid, fading in list(self._all.items()):
            if not self._fleet.is_live(dpid):
                self._all[dpid] = None
            elif fading is None:
                self._all[dpid] = Fading(self._generation(), {dpid})
            elif fading.over(now, self._fleet.confirmed):
                del self._all[dpid]

    def _heard(self, now: float, off: Collection[Dpid], listens: Listens) -> set[Dpid]:
        """Those cut off that somebody may hear, also by way of others that are cut off."""
        ports: dict[Dpid, list[tuple[Dpid, int]]] = {dpid: [] for dpid in self._cut}
        beside: dict[Dpid, list[Dpid]] = {dpid: [] for dpid in self._cut}
        for (dpid, port), peer in self._facing.items():
            if peer in self._cut and dpid not in off:
                ports[peer].append((dpid, port))
            elif peer in self._cut and dpid in self._cut:
                beside[dpid].append(peer)
        stack = [dpid for dpid, cut in self._cut.items() if not self._is_over(cut, ports[dpid], now, listens)]
        heard = set(stack)
        while stack:
            more = [peer for peer in beside[stack.pop()] if peer not in heard]
            heard.update(more)
            stack += more
        return heard

    def _is_over(self, cut: _Cut, ports: list[tuple[Dpid, int]], now: float, listens: Listens) -> bool:
        """Whether these ports are closed."""
        if any(listens(*port) for port in ports):
            cut.generation = cut.deadline = None
            return False
        if cut.generation is None:
            cut.generation = self._generation()
        if not all(self._fleet.confirmed(dpid, cut.generation) for dpid, _ in ports):
            cut.deadline = None
        elif cut.deadline is None:
            cut.deadline = now + GRACE
        return cut.deadline is not None and now >= cut.deadline

    def _close(self, now: float) -> None:
        """The last daemon may have left ports open: wait until all switches that are there have confirmed the first
        programs of this one."""
        if self._start is None:
            there = {dpid for dpid in map(Dpid, self._switches) if self._fleet.session(dpid) is not None}
            self._start = Fading(self._generation(), there - self._all.keys())
        self.closed = self._start.over(now, self._fleet.confirmed)
