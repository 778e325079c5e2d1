"""Paths and protected pairs for requests, or why there are none (``refusals.py``)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sdn.model.errors import Refused
from sdn.model.ids import format_dpid
from sdn.model.request import Exclusion, Inclusion, PathRequest, Protect
from sdn.model.route import Path
from sdn.routing.admission import check_bandwidth, plain
from sdn.routing.bounded import best_path
from sdn.routing.kpaths import best_paths
from sdn.routing.mesh import Mesh, Way, path_of
from sdn.routing.pairs import best_pair
from sdn.routing.refusals import Down, Refusals, ShowEnd, ShowSwitch, word_of


class Finder:
    """Answers over the links of a mesh. show, show_switch: how ends and switches are named to people; down: see
    ``Refusals``."""

    def __init__(
        self, mesh: Mesh, show: ShowEnd = plain, show_switch: ShowSwitch = format_dpid, down: Down = tuple
    ) -> None:
        self._mesh = mesh
        self._why = Refusals(mesh, show, show_switch, down)

    def path(self, request: PathRequest) -> Path:
        """The best path; raises Refused with reasons, InvalidInput, or Exhausted when the search was given up."""
        way = self.way(request)
        if way is None:
            raise self._why.no_path(request)
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
            raise self._why.no_pair(request, protect)
        return path_of(request.source, pair[0]), path_of(request.source, pair[1])

    def beside(self, request: PathRequest, primary: Path, protect: Protect) -> Path:
        """The best path that protects another one, whatever waypoints that has; raises as ``path``."""
        check_bandwidth(request.forward, request.backward)
        plain_request = replace(request, via=(), include=Inclusion(), only=None)
        exclude = self._mesh.shared(primary, protect)
        way = best_path(self._mesh, plain_request, exclude)
        if way is None:
            reason = f"no path shares no {word_of(protect)} with the first one and satisfies the request"
            raise Refused.of("protection", reason, "Add a link around it, or ask without protection.")
        return path_of(request.source, way)

    def widest(self, request: PathRequest) -> tuple[int, Path] | None:
        """The largest bits/s, at most what is asked for, for which there is a path that satisfies all else; None when
        there is none for any. Of a request for 0 bits/s: 0. O(log L) searches."""
        if best_path(self._mesh, request) is not None:
            return max(request.forward, request.backward), self.path(request)
        if best_path(self._mesh, replace(request, forward=0, backward=0)) is None:
            return None
        most, way = self._why.widest(request)
        return most, path_of(request.source, way)

    def shared(self, path: Path, protect: Protect) -> Exclusion:
        """What a path that protects this one must not use."""
        return self._mesh.shared(path, protect)

    def paths(self, request: PathRequest) -> Iterator[Path]:
        """All paths, the best first, one at a time; none when there is none."""
        check_bandwidth(request.forward, request.backward)
        for way in best_paths(self._mesh, request):
            yield path_of(request.source, way)
