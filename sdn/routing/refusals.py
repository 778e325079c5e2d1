"""Why there is no path or no protected pair for a request, and what would be possible instead.

A refusal has one violation for each constraint that stands in the way alone: without it, and with all others, there
would be a path; the remedy is the value with which there would be one, or what to leave out and the path that there is
then. Where several constraints together stand in the way, that is said, and which of them to leave out. Where ends are
not joined at all, the links that joined them are named. Fields are those of ``PathRequest``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

from sdn.model.errors import Exhausted, Refused, SdnError, Violation
from sdn.model.ids import Dpid
from sdn.model.request import Exclusion, Inclusion, PathRequest, Protect, Strategy
from sdn.model.topology import LinkEnd
from sdn.routing.bounded import best_path, total
from sdn.routing.goals import single
from sdn.routing.mesh import Mesh, Way
from sdn.routing.pairs import keeps, shares_risk, together

_SHOWN = 3
"""Links named in a refusal."""
TOGETHER = "NotTogether"
"""The word for a request that no path satisfies though none of its constraints stands in the way alone."""
_UNITS = {"max_latency": " microseconds", "max_hops": " hops"}

Named = tuple[str, str]
"""An end of a link: names of switch and interface."""
Down = Callable[[], Iterable[tuple[Named, Named]]]
"""Links that are known and not there at present."""
ShowEnd = Callable[[LinkEnd], str]
ShowSwitch = Callable[[Dpid], str]


class Refusals:
    """Errors about the links of a mesh, as people read them. show, show_switch: how ends and switches are named."""

    def __init__(self, mesh: Mesh, show: ShowEnd, show_switch: ShowSwitch, down: Down) -> None:
        self._mesh = mesh
        self._show = show
        self._switch = show_switch
        self._down = down

    def no_path(self, request: PathRequest) -> SdnError:
        """For a request without a path."""
        ends = PathRequest(source=request.source, destination=request.destination)
        if best_path(self._mesh, ends) is None:
            return self._apart(request)
        violations = [*self._bandwidth(request), *self._bounds(request), *self._shape(request)]
        return Refused(*violations) if violations else self._together(request)

    def no_pair(self, request: PathRequest, protect: Protect) -> SdnError:
        """For a request without two paths."""
        if best_path(self._mesh, request) is None:
            return self.no_path(request)
        bare = PathRequest(source=request.source, destination=request.destination)
        common = self._common(together(self._mesh, bare, protect, share=True), protect)
        if common:
            reason = f"no two paths are disjoint: all pass {_few(common)}"
            remedy = self._less(request, protect) or "Add a link around it, or ask without protection."
            return Refused.of("protection", reason, remedy)
        remedy = self._less(request, protect) or self._longer(request, protect)
        roomy = replace(bare, forward=request.forward, backward=request.backward, exclude=request.exclude)
        common = [] if remedy else self._common(together(self._mesh, roomy, protect, share=True), protect)
        if common:
            those = "that have the bandwidth and avoid what is excluded"
            reason = f"no two paths {those} are disjoint: all pass {_few(common)}"
            return Refused.of("protection", reason, "Add a link around it, or ask without protection.")
        reason = f"no two paths share no {word_of(protect)} and both satisfy the request"
        return Refused.of("protection", reason, remedy or "Loosen a constraint, or ask without protection.")

    def widest(self, request: PathRequest) -> tuple[int, Way]:
        """The largest bits/s below what is asked for with which there is a path, and that path, where there is one
        for any. O(log L) searches."""
        asked = max(request.forward, request.backward)
        rooms = sorted({0} | {free for free in self._mesh.rooms() if free < asked})
        best: Way = []
        low, high = 0, len(rooms) - 1
        while low <= high:
            middle = (low + high) // 2
            way = best_path(self._mesh, _at_most(request, rooms[middle]))
            if way is None:
                high = middle - 1
            else:
                best, low = way, middle + 1
        return rooms[low - 1], best

    # ---- not joined ----------------------------------------------------------------------------------------------

    def _apart(self, request: PathRequest) -> SdnError:
        """There is no path whatever is asked for: the links around that side which has fewer of them are named."""
        a, b = self._switch(request.source), self._switch(request.destination)
        reason = f"there is no path from {a} to {b}"
        lost = list(self._down())
        cuts = []
        for end in (request.source, request.destination):
            part = self._part(end)
            out = sorted(tuple(map(":".join, ends)) for ends in lost if (ends[0][0] in part) != (ends[1][0] in part))
            cuts.append((len(out), len(part), self._switch(end), out))
        number, size, around, cut = min(cuts)
        if number:
            more = "" if size == 1 else f" and the {size - 1} switches that it is joined to"
            reason += f"; down are the links around {around}{more}: {_few([' - '.join(ends) for ends in cut])}"
        return Refused.of("", reason, "Connect the two switches, or wait until their links are up.")

    def _part(self, start: Dpid) -> set[str]:
        """The names of all switches that are joined to one. O(N + L)."""
        seen, rest = {start}, [start]
        while rest:
            found = {arc.far for arc in self._mesh.arcs(rest.pop())} - seen
            seen |= found
            rest += found
        return set(map(self._switch, seen))

    # ---- one constraint ------------------------------------------------------------------------------------------

    def _bandwidth(self, request: PathRequest) -> Iterator[Violation]:
        free = replace(request, forward=0, backward=0)
        if (request.forward, request.backward) == (0, 0) or best_path(self._mesh, free) is None:
            return
        asked = max(request.forward, request.backward)
        most, way = self.widest(request)
        narrow = sorted((room, arc.link) for arc in way if (room := min(arc.room.free, arc.twin.room.free)) < asked)
        shown = _few([f"{self._show(link.a)} - {self._show(link.b)} ({room} bit/s free)" for room, link in narrow])
        reason = f"no path has {asked} bit/s free; the widest one carries {most} bit/s, limited by {shown}"
        if most:
            remedy = f"Ask for at most {most} bit/s, or delete a connection on these links."
        else:
            remedy = "Delete a connection on these links, or add capacity."
        yield Violation("bandwidth", reason, remedy)

    def _bounds(self, request: PathRequest) -> Iterator[Violation]:
        if request.max_latency is not None:
            way = best_path(self._mesh, replace(request, max_latency=None, strategy=Strategy.LATENCY))
            if way is not None:
                yield _bound("max_latency", f"{request.max_latency} microseconds", "quickest", total(way)[1])
        if request.max_cost is not None:
            way = best_path(self._mesh, replace(request, max_cost=None, strategy=Strategy.COST))
            if way is not None:
                yield _bound("max_cost", f"a cost of {request.max_cost}", "cheapest", total(way)[0])
        if request.max_hops is not None:
            way = best_path(self._mesh, replace(request, max_hops=None))
            if way is not None:
                yield _bound("max_hops", f"{request.max_hops} hops", "shortest", self._fewest(request, len(way)))

    def _fewest(self, request: PathRequest, enough: int) -> int:
        """The least number of hops with which there is a path; with ``enough`` there is one."""
        low, high = (request.max_hops or 0) + 1, enough
        while low < high:
            middle = (low + high) // 2
            if best_path(self._mesh, replace(request, max_hops=middle)) is None:
                low = middle + 1
            else:
                high = middle
        return low

    def _shape(self, request: PathRequest) -> Iterator[Violation]:
        if request.exclude != Exclusion():
            way = best_path(self._mesh, replace(request, exclude=Exclusion()))
            if way is not None:
                needed = self._excluded(request, way)
                reason = f"every path needs something excluded, as {', '.join(needed[:_SHOWN])}"
                remedy = f"Exclude less: without {', '.join(needed)} the best path is {self._path(request, way)}."
                yield Violation("exclude", reason, remedy)
        yield from self._included(request)
        if request.only is not None:
            yield from self._given(request)
        elif request.via and (found := self._passing(request)) is not None:
            out, way = found
            names = ", ".join(map(self._switch, request.via))
            remedy = f"Leave out {', '.join(map(self._switch, out))}: the best path is {self._path(request, way)} then."
            yield Violation("via", f"no path passes {names} in this order, and no switch twice", remedy)

    def _passing(self, request: PathRequest) -> tuple[list[Dpid], Way] | None:
        """Waypoints to leave out, the others being kept from the first on, and the best path then."""
        best = best_path(self._mesh, replace(request, via=()))
        kept: list[Dpid] = []
        out: list[Dpid] = []
        if best is None:
            return None
        for switch in request.via:
            way = best_path(self._mesh, replace(request, via=(*kept, switch)))
            if way is None:
                out.append(switch)
            else:
                best = way
                kept.append(switch)
        return out, best

    def _given(self, request: PathRequest) -> Iterator[Violation]:
        """A path that is given, and cannot be taken."""
        way = best_path(self._mesh, replace(request, via=(), only=None))
        if way is None:
            return
        only, steps = request.only or frozenset(), pairwise((request.source, *request.via, request.destination))
        gone = [
            f"{self._switch(near)} - {self._switch(far)}"
            for near, far in steps
            if not any(arc.far == far and arc.end in only for arc in self._mesh.arcs(near))
        ]
        reason = "a link of the path that is given is not there, or it keeps no other constraint"
        if gone:
            reason = f"a link of the path that is given is not there: {_few(gone)}"
        remedy = f"Wait until its links are up, or give another path, as {self._path(request, way)}."
        yield Violation("explicit_path", reason, remedy)

    def _included(self, request: PathRequest) -> Iterator[Violation]:
        """What is to be used and stands in the way alone, each with the path that there is without it."""
        without = replace(request, include=Inclusion())
        if not len(request.include) or best_path(self._mesh, without) is None:
            return
        alone = False
        for field, what, rest in single(request.include):
            way = best_path(self._mesh, replace(request, include=rest))
            if way is not None:
                alone = True
                reason = f"no path that satisfies all else uses {self._goal(what)}, and no switch twice"
                yield Violation(field, reason, f"Leave it out: the best path is {self._path(request, way)} then.")
        if not alone:
            named = ", ".join(self._goal(what) for _, what, _ in single(request.include))
            first = next(single(request.include))[0]
            yield Violation(first, f"no path uses {named} together, and no switch twice", "Name fewer of them.")

    def _goal(self, what: LinkEnd | Dpid | str) -> str:
        if isinstance(what, LinkEnd):
            return f"the link at {self._show(what)}"
        return f"a link of the risk group {what}" if isinstance(what, str) else f"the switch {self._switch(what)}"

    def _excluded(self, request: PathRequest, way: Way) -> list[str]:
        exclude = request.exclude
        names = []
        for arc in way:
            names += [f"the switch {self._switch(end)}" for end in (arc.near, arc.far) if end in exclude.switches]
            if arc.end in exclude.links or arc.peer in exclude.links:
                names.append(f"the link {self._show(arc.end)} - {self._show(arc.peer)}")
            names += [f"the risk group {risk}" for risk in sorted(arc.link.risk_groups & exclude.risk_groups)]
        return list(dict.fromkeys(names))

    # ---- several -------------------------------------------------------------------------------------------------

    def _together(self, request: PathRequest) -> SdnError:
        """No constraint stands in the way alone: those are kept, in a fixed order, with which there is a path."""
        bare = PathRequest(source=request.source, destination=request.destination, strategy=request.strategy)
        wishes = {
            "bandwidth": {"forward": request.forward, "backward": request.backward},
            "exclude": {"exclude": request.exclude},
            "via": {"via": request.via},
            "explicit_path": {"via": request.via, "only": request.only},
            "include": {"include": request.include},
            "max_latency": {"max_latency": request.max_latency},
            "max_cost": {"max_cost": request.max_cost},
            "max_hops": {"max_hops": request.max_hops},
        }
        del wishes["via" if request.only is not None else "explicit_path"]
        asked = {name: fields for name, fields in wishes.items() if replace(bare, **fields) != bare}  # type: ignore[arg-type]
        way, out = best_path(self._mesh, bare) or [], []
        for name, fields in asked.items():
            found = best_path(self._mesh, replace(bare, **fields))  # type: ignore[arg-type]
            if found is None:
                out.append(name)
            else:
                bare, way = replace(bare, **fields), found  # type: ignore[arg-type]
        reason = f"no path satisfies {', '.join(asked)} together, and none does if only one of them is left out"
        remedy = f"Loosen several of them: without {' and '.join(out)} the best path is {self._path(bare, way)}."
        return Refused.of("", reason, remedy, word=TOGETHER)

    def _path(self, request: PathRequest, way: Way) -> str:
        return " - ".join(map(self._switch, (request.source, *(arc.far for arc in way))))

    # ---- pairs ---------------------------------------------------------------------------------------------------

    def _common(self, pair: tuple[Way, Way] | None, protect: Protect) -> list[str]:
        if pair is None:
            return []
        first, second = pair
        ends = {arc.end for arc in second}
        names = [f"the link {self._show(arc.end)} - {self._show(arc.peer)}" for arc in first if arc.end in ends]
        if protect is Protect.SWITCH:
            inner = {arc.far for arc in second[:-1]}
            names += [f"the switch {self._switch(arc.far)}" for arc in first[:-1] if arc.far in inner]
        return names

    def _less(self, request: PathRequest, protect: Protect) -> str:
        """Another remedy where two paths can at least share no link; '' where not."""
        if protect is Protect.LINK or self._pair(request, Protect.LINK, request) is None:
            return ""
        return "Ask for protection against the loss of a link, or without protection."

    def _longer(self, request: PathRequest, protect: Protect) -> str:
        """Another remedy where a bound is in the way, with what would do as far as the pair of least sum tells."""
        offers = (("max_latency", Strategy.LATENCY, 1), ("max_cost", Strategy.COST, 0))
        for field, strategy, index in offers:
            free = replace(request, **{field: None})  # type: ignore[arg-type]
            if free == request:
                continue
            pair = self._pair(replace(free, strategy=strategy), protect, free)
            if pair is not None:
                value = max(total(way)[index] for way in pair)
                where = f"{field} {value}{_UNITS.get(field, '')}"
                return f"Ask for {where}, with which there are two, or without protection."
        return ""

    def _pair(self, request: PathRequest, protect: Protect, bounds: PathRequest) -> tuple[Way, Way] | None:
        """The pair of least sum, if it satisfies all that is asked; what is to be passed or used is not looked at."""
        if request.via or len(request.include) or request.only is not None:
            return None
        with suppress(Exhausted):
            pair = together(self._mesh, request, protect)
            if pair is not None and all(keeps(way, bounds) for way in pair) and not shares_risk(pair, protect):
                return pair
        return None


def word_of(protect: Protect) -> str:
    """What is not shared, in words."""
    return protect.value.lower().replace("_", " ")


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _at_most(request: PathRequest, bandwidth: int) -> PathRequest:
    return replace(request, forward=min(request.forward, bandwidth), backward=min(request.backward, bandwidth))


def _bound(field: str, asked: str, best: str, value: int) -> Violation:
    unit = _UNITS.get(field, "")
    reason = f"no path keeps {asked}; the {best} that satisfies all else takes {value}{unit}"
    return Violation(field, reason, f"Ask for at least {value}{unit}.")
