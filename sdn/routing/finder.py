"""Paths and protected pairs for requests, or why there are none and what would be possible instead.

A refusal has one violation for each constraint that stands in the way alone: without it, and with all others, there
would be a path; the remedy is the value with which there would be one. Where several constraints together stand in the
way, that is said. Fields are those of ``PathRequest``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from sdn.model.errors import Refused, SdnError, Violation
from sdn.model.ids import Dpid, format_dpid
from sdn.model.request import Exclusion, Inclusion, PathRequest, Protect, Strategy
from sdn.model.route import Path
from sdn.model.topology import LinkEnd
from sdn.routing.admission import check_bandwidth, plain
from sdn.routing.bounded import best_path, total
from sdn.routing.goals import single
from sdn.routing.kpaths import best_paths
from sdn.routing.mesh import Mesh, Way, path_of
from sdn.routing.pairs import best_pair, together

_SHOWN = 3
"""Links named in a refusal."""

ShowEnd = Callable[[LinkEnd], str]
ShowSwitch = Callable[[Dpid], str]


class Finder:
    """Answers over the links of a mesh. show, show_switch: how ends and switches are named to people."""

    def __init__(self, mesh: Mesh, show: ShowEnd = plain, show_switch: ShowSwitch = format_dpid) -> None:
        self._mesh = mesh
        self._show = show
        self._switch = show_switch

    def path(self, request: PathRequest) -> Path:
        """The best path; raises Refused with reasons, InvalidInput, or Exhausted when the search was given up."""
        way = self.way(request)
        if way is None:
            raise self._refusal(request)
        return path_of(request.source, way)

    def way(self, request: PathRequest) -> Way | None:
        """The same as arcs; None when there is none."""
        check_bandwidth(request.forward, request.backward)
        return best_path(self._mesh, request)

    def pair(self, request: PathRequest, protect: Protect) -> tuple[Path, Path]:
        """The best path and one that protects it; raises as ``path``."""
        check_bandwidth(request.forward, request.backward)
        pair = best_pair(self._mesh, request, protect)
        if pair is None:
            raise self._unprotected(request, protect)
        return path_of(request.source, pair[0]), path_of(request.source, pair[1])

    def beside(self, request: PathRequest, primary: Path, protect: Protect) -> Path:
        """The best path that protects another one, whatever waypoints that has; raises as ``path``."""
        check_bandwidth(request.forward, request.backward)
        plain_request = replace(request, via=(), include=Inclusion(), only=None)
        exclude = self._mesh.shared(primary, protect)
        way = best_path(self._mesh, plain_request, exclude)
        if way is None:
            reason = f"no path shares no {_word(protect)} with the first one and satisfies the request"
            raise Refused.of("protection", reason, "Add a link around it, or ask without protection.")
        return path_of(request.source, way)

    def widest(self, request: PathRequest) -> tuple[int, Path] | None:
        """The largest bits/s, at most what is asked for, for which there is a path that satisfies all else; None when
        there is none for any. Of a request for 0 bits/s: 0. O(log L) searches."""
        if best_path(self._mesh, request) is not None:
            return max(request.forward, request.backward), self.path(request)
        if best_path(self._mesh, replace(request, forward=0, backward=0)) is None:
            return None
        most, way = self._widest(request, max(request.forward, request.backward))
        return most, path_of(request.source, way)

    def shared(self, path: Path, protect: Protect) -> Exclusion:
        """What a path that protects this one must not use."""
        return self._mesh.shared(path, protect)

    def paths(self, request: PathRequest) -> Iterator[Path]:
        """All paths, the best first, one at a time; none when there is none."""
        check_bandwidth(request.forward, request.backward)
        for way in best_paths(self._mesh, request):
            yield path_of(request.source, way)

    # ---- why not -------------------------------------------------------------------------------------------------

    def _refusal(self, request: PathRequest) -> SdnError:
        ends = PathRequest(source=request.source, destination=request.destination)
        if best_path(self._mesh, ends) is None:
            reason = f"there is no path from {self._switch(request.source)} to {self._switch(request.destination)}"
            return Refused.of("", reason, "Connect the two switches, or wait until their links are up.")
        violations = [*self._bandwidth(request), *self._bounds(request), *self._shape(request)]
        return Refused(*violations) if violations else self._together(request)

    def _bandwidth(self, request: PathRequest) -> Iterator[Violation]:
        free = replace(request, forward=0, backward=0)
        if (request.forward, request.backward) == (0, 0) or best_path(self._mesh, free) is None:
            return
        asked = max(request.forward, request.backward)
        most, way = self._widest(request, asked)
        narrow = sorted((room, arc.link) for arc in way if (room := min(arc.room.free, arc.twin.room.free)) < asked)
        shown = ", ".join(self._narrow(link.a, link.b, room) for room, link in narrow[:_SHOWN])
        more = f" and {len(narrow) - _SHOWN} more" if len(narrow) > _SHOWN else ""
        reason = f"no path has {asked} bit/s free; the widest one carries {most} bit/s, limited by {shown}{more}"
        if most:
            remedy = f"Ask for at most {most} bit/s, or delete a connection on these links."
        else:
            remedy = "Delete a connection on these links, or add capacity."
        yield Violation("bandwidth", reason, remedy)

    def _narrow(self, a: LinkEnd, b: LinkEnd, room: int) -> str:
        return f"{self._show(a)} - {self._show(b)} ({room} bit/s free)"

    def _widest(self, request: PathRequest, asked: int) -> tuple[int, Way]:
        """The largest bandwidth below ``asked`` for which there is a path, and that path. O(log L) searches."""
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
                needed = ", ".join(self._excluded(request, way)[:_SHOWN])
                yield Violation("exclude", f"every path needs something excluded, as {needed}", "Exclude less.")
        yield from self._included(request)
        if request.only is not None and best_path(self._mesh, replace(request, via=(), only=None)) is not None:
            reason = "a link of the path that is given is not there, or it keeps no other constraint"
            yield Violation("explicit_path", reason, "Give another path, or wait until its links are up.")
        elif request.via:
            way = best_path(self._mesh, replace(request, via=()))
            if way is not None:
                names = ", ".join(self._switch(switch) for switch in request.via)
                yield Violation("via", f"no path passes {names} in this order, and no switch twice", "Name others.")

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
                shown = " - ".join(map(self._switch, (request.source, *(arc.far for arc in way))))
                reason = f"no path that satisfies all else uses {self._goal(what)}, and no switch twice"
                yield Violation(field, reason, f"Leave it out: the best path is {shown} then.")
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

    def _together(self, request: PathRequest) -> SdnError:
        """No constraint stands in the way alone."""
        wishes = {
            "bandwidth": request.forward or request.backward,
            "max_latency": request.max_latency is not None,
            "max_hops": request.max_hops is not None,
            "max_cost": request.max_cost is not None,
            "exclude": request.exclude != Exclusion(),
            "via": request.via,
            "include": len(request.include),
        }
        names = ", ".join(name for name, wished in wishes.items() if wished)
        reason = f"no path satisfies {names} together, and none does if only one of them is left out"
        return Refused.of("", reason, "Loosen several of them.")

    def _unprotected(self, request: PathRequest, protect: Protect) -> SdnError:
        if best_path(self._mesh, request) is None:
            return self._refusal(request)
        bare = PathRequest(source=request.source, destination=request.destination)
        pair = together(self._mesh, bare, protect, share=True)
        common = self._common(pair, protect) if pair else []
        if common:
            shown = ", ".join(common[:_SHOWN])
            more = f" and {len(common) - _SHOWN} more" if len(common) > _SHOWN else ""
            reason = f"no two paths are disjoint: all pass {shown}{more}"
            return Refused.of("protection", reason, "Add a link around it, or ask without protection.")
        reason = f"no two paths share no {_word(protect)} and both satisfy the request"
        return Refused.of("protection", reason, "Loosen a constraint, or ask without protection.")

    def _common(self, pair: tuple[Way, Way], protect: Protect) -> list[str]:
        first, second = pair
        ends = {arc.end for arc in second}
        names = [f"the link {self._show(arc.end)} - {self._show(arc.peer)}" for arc in first if arc.end in ends]
        if protect is Protect.SWITCH:
            inner = {arc.far for arc in second[:-1]}
            names += [f"the switch {self._switch(arc.far)}" for arc in first[:-1] if arc.far in inner]
        return names


def _word(protect: Protect) -> str:
    return protect.value.lower().replace("_", " ")


def _at_most(request: PathRequest, bandwidth: int) -> PathRequest:
    return replace(request, forward=min(request.forward, bandwidth), backward=min(request.backward, bandwidth))


def _bound(field: str, asked: str, best: str, value: int) -> Violation:
    unit = {"max_latency": " microseconds", "max_hops": " hops"}.get(field, "")
    reason = f"no path keeps {asked}; the {best} that satisfies all else takes {value}{unit}"
    return Violation(field, reason, f"Ask for at least {value}{unit}.")
