"""What a connection asks for, in terms of the topology: names of switches, links and other connections resolved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from sdn.model.errors import InvalidInput, SdnError
from sdn.model.ids import Dpid
from sdn.model.intent import Connection, Protection
from sdn.model.request import Exclusion, Inclusion, PathRequest, Protect, Strategy
from sdn.model.route import Path
from sdn.model.topology import LinkEnd
from sdn.routing import Ledger
from sdn.store import Store
from sdn.topology import TopologyState


@dataclass(frozen=True, slots=True)
class Demand:
    """protect: None without protection; required: refuse rather than go without. target: microseconds, 0: none."""

    request: PathRequest
    protect: Protect | None = None
    required: bool = False
    target: int = 0

    @property
    def tight(self) -> PathRequest:
        """The request with its target as the bound."""
        bound = self.request.max_latency
        most = self.target if bound is None else min(bound, self.target)
        return replace(self.request, max_latency=most) if self.target else self.request


class Demands:
    """Makes demands. held: the paths of a connection that is placed, none otherwise."""

    def __init__(
        self, store: Store, topology: TopologyState, ledger: Ledger, held: Callable[[str], Iterable[Path]]
    ) -> None:
        self._store = store
        self._topology = topology
        self._ledger = ledger
        self._held = held
        self.avoided: dict[str, frozenset[LinkEnd]] = {}
        """By connection: ends of links that it keeps off for the time being, beside what it excludes itself."""

    def of(
        self,
        connection: Connection,
        a: Dpid,
        b: Dpid,
        beside: Iterable[Connection] = (),
        *,
        avoiding: bool = True,
    ) -> Demand:
        """beside: connections of the same transaction; avoiding: without the links in ``avoided``.

        Raises InvalidInput for a name that is not known.
        """
        wish = connection.constraints
        exclude = Exclusion(
            switches=frozenset(self._switches("exclude_switches", wish.exclude_switches)),
            links=frozenset(self._links("exclude_links", wish.exclude_links))
            | (self.avoided.get(connection.name, frozenset()) if avoiding else frozenset()),
            risk_groups=frozenset(self._risks("exclude_risk_groups", wish.exclude_risk_groups)),
        )
        for others, scope in self._others(connection, beside):
            for path in others:
                exclude |= self._apart(path, scope, {a, b})
        via = tuple(self._switches("via", wish.via))
        only: frozenset[LinkEnd] | None = None
        if wish.explicit_path:
            via, only = self._explicit(wish.explicit_path, a, b)
        request = PathRequest(
            source=a,
            destination=b,
            forward=connection.bandwidth,
            backward=connection.reverse or connection.bandwidth,
            max_latency=wish.max_latency_us or None,
            max_hops=wish.max_hops or None,
            max_cost=wish.max_cost or None,
            exclude=exclude,
            via=via,
            include=Inclusion(
                switches=tuple(self._switches("include_switches", wish.include_switches)),
                links=tuple(self._links("include_links", wish.include_links)),
                risk_groups=tuple(self._risks("include_risk_groups", wish.include_risk_groups)),
            ),
            strategy=Strategy(wish.strategy),
            only=only,
            prefer=frozenset(self._of_others(wish.affine_to)),
        )
        protection = connection.protection
        return Demand(request, _scope(protection), protection.mode == "REQUIRED", wish.target_latency_us)

    def _of_others(self, names: Iterable[str]) -> Iterator[LinkEnd]:
        """Both ends of all links of the paths of connections."""
        for path in (path for name in names for path in self._held(name)):
            yield from self._ledger.mesh.shared(path, Protect.LINK).links

    def _apart(self, path: Path, scope: Protect, ends: set[Dpid]) -> Exclusion:
        """What another connection's path rules out; the switches at the own ends cannot be avoided."""
        shared = self._ledger.mesh.shared(path, scope)
        return replace(shared, switches=shared.switches - ends)

    def _switches(self, field: str, names: tuple[str, ...]) -> Iterator[Dpid]:
        for index, name in enumerate(names):
            dpid = self._topology.resolve(name)
            if dpid is None:
                raise _unknown(f"{field}[{index}]", f"switch {name}", "Name a switch as 'sdnctl topology' shows it.")
            yield dpid

    def _links(self, field: str, names: tuple[str, ...]) -> Iterator[LinkEnd]:
        return (self._link(f"{field}[{index}]", name) for index, name in enumerate(names))

    def _link(self, field: str, name: str) -> LinkEnd:
        switch, _, interface = name.rpartition(":")
        dpid = self._topology.resolve(switch) if switch else None
        port = self._topology.port_number(dpid, interface) if dpid is not None else None
        if dpid is None or port is None:
            raise _unknown(field, f"interface {name}", "Name one end of a link as SWITCH:INTERFACE.")
        return LinkEnd(dpid, port)

    def _explicit(self, names: tuple[str, ...], a: Dpid, b: Dpid) -> tuple[tuple[Dpid, ...], frozenset[LinkEnd]]:
        """The switches between the ends, and both ends of the links that are there from each to the next."""
        steps = [self._step(name, f"explicit_path[{index}]") for index, name in enumerate(names)]
        for index, end, word in ((0, a, "a"), (len(steps) - 1, b, "b")):
            if steps[index][0] != end:
                reason = f"the path is at {names[index]} there, and the port {word} at {self._topology.name_of(end)}"
                remedy = "Give all switches of the path."
                raise InvalidInput.of(f"constraints.explicit_path[{index}]", reason, remedy, word="PathNotThere")
        only = {
            end
            for (near, port), (far, _) in pairwise(steps)
            for arc in self._ledger.mesh.arcs(near)
            if arc.far == far and port in (None, arc.end.port)
            for end in (arc.end, arc.peer)
        }
        return tuple(dpid for dpid, _ in steps[1:-1]), frozenset(only)

    def _step(self, name: str, field: str) -> tuple[Dpid, int | None]:
        """A switch, and the port by which the path leaves it if that is given."""
        dpid = self._topology.resolve(name)
        if dpid is not None:
            return dpid, None
        end = self._link(field, name)
        return end.dpid, end.port

    def _risks(self, field: str, names: tuple[str, ...]) -> Iterator[str]:
        for index, name in enumerate(names):
            if not self._ledger.mesh.has_risk(name):
                remedy = "Name a shared-risk group of the topology file."
                raise _unknown(f"{field}[{index}]", f"risk group {name}", remedy)
            yield name

    def _others(self, connection: Connection, beside: Iterable[Connection]) -> Iterator[tuple[Iterable[Path], Protect]]:
        """Paths to stay away from: of those it names, and of those that name it."""
        wish = connection.constraints
        for name in wish.diverse_from:
            yield self._held(name), Protect(wish.diversity)
        own = {connection.name, connection.leg_of}
        users = [user for name in own - {""} for user in self._store.users(name)]
        named_by = {name: self._store.objects.get(name) for name in users}
        named_by.update((other.name, other) for other in beside)
        for name, other in sorted(named_by.items()):
            if isinstance(other, Connection) and not own.isdisjoint(other.constraints.diverse_from):
                yield self._held(name), Protect(other.constraints.diversity)


def _scope(protection: Protection) -> Protect | None:
    return None if protection.mode == "NONE" else Protect(protection.scope)


def _unknown(field: str, what: str, remedy: str) -> SdnError:
    return InvalidInput.of(f"constraints.{field}", f"{what} is not known", remedy)
