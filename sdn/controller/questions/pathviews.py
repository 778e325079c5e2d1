"""Questions about paths, answered from memory without reserving anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, islice

from sdn.controller.connections.connections import Connections
from sdn.controller.connections.placing import Grant, Routes, holder_of, whole_of
from sdn.controller.reader import CheckedConnection, FoundPath, PathQuery
from sdn.model.command import Put, Transaction
from sdn.model.errors import Exhausted, InvalidInput, Refused
from sdn.model.ids import Dpid, Kind
from sdn.model.intent import Connection, Port
from sdn.model.request import Exclusion, Inclusion, PathRequest, Protect
from sdn.model.route import Path
from sdn.model.topology import LinkEnd
from sdn.routing import Finder
from sdn.store import Change, Store
from sdn.store.names import tenant_of

Locate = Callable[[str, str], tuple[Dpid, str]]
"""Of a switch or a bound port, and the field it is given in: the switch, and of a port the interface."""


@dataclass(frozen=True, slots=True)
class PathViews:
    """Answers. locate: raises NotFound."""

    store: Store
    connections: Connections
    locate: Locate

    def check(self, connection: Connection) -> CheckedConnection:
        """Whether a connection would be admitted now; without a name: as a new one, or instead of the one there is.

        Raises SdnError for a wrong request.
        """
        if not connection.name:
            connection = self._named(connection)
        prepared = self.store.prepare(Transaction((Put(connection),), "", dry_run=True), 0.0)
        (stored,) = prepared.resources
        assert isinstance(stored, Connection)
        try:
            found = self.connections.admission.admit(prepared.changes, lambda _: "", strict=True)
        except (Refused, Exhausted) as error:
            return CheckedConnection(None, None, error.violations)
        displaced = self._displaced(found)
        if stored.many:
            legs = tuple(self._legs(stored.name, prepared.changes, found))
            return CheckedConnection(None, None, (), displaced, legs)
        grant = found.get(stored.name)
        if grant is None:
            return self._checked(stored, None if prepared.changes else self.connections.routes(stored.name))
        return replace(self._checked(stored, grant.routes), displaced=displaced)

    def _displaced(self, found: Mapping[str, Grant]) -> tuple[str, ...]:
        """Who would go, those of many ends by their own name."""
        names = {holder_of(key) for grant in found.values() for key in grant.displaced}
        others = (self.store.objects[name] for name in names)
        return tuple(sorted({whole_of(other) for other in others if isinstance(other, Connection)}))

    def _legs(
        self, whole: str, changes: tuple[Change, ...], found: Mapping[str, Grant]
    ) -> Iterator[tuple[str, FoundPath, FoundPath | None]]:
        """The paths of legs as they would be: those found, and of legs that stay as they are those that they have."""
        legs = {name: self.store.objects.get(name) for name in self.store.legs(whole)}
        legs.update((change.name, change.new) for change in changes)
        for name, leg in sorted(legs.items()):
            if not isinstance(leg, Connection) or leg.many:
                continue
            same = leg == self.store.objects.get(name)
            routes = self.connections.routes(name) if same else found[name].routes if name in found else None
            checked = self._checked(leg, routes)
            if checked.path is not None:
                yield name, checked.path, checked.backup

    def _named(self, connection: Connection) -> Connection:
        tenant = tenant_of(connection.a if "/" in connection.a else connection.b)
        ends = [self._full(end, tenant) for end in (connection.a, connection.b)]
        there = self.store.connection_between(ends[0], ends[1])
        if there is not None and connection.classifier is None:
            first = self.store.objects[there]
            assert isinstance(first, Connection)
            if first.a != ends[0]:
                reason = f"{there} joins these ports the other way round"
                raise InvalidInput.of("a", reason, "Ask with a and b as that connection has them.")
            return replace(connection, name=there)
        taken = set(self.store.names(Kind.CONNECTION, tenant))
        names = (f"tenants/{tenant}/connections/check-{number}" for number in range(len(taken) + 1))
        return replace(connection, name=next(name for name in names if name not in taken))

    @staticmethod
    def _full(name: str, tenant: str) -> str:
        return name if "/" in name else f"tenants/{tenant}/ports/{name}"

    def _checked(self, connection: Connection, routes: Routes | None) -> CheckedConnection:
        if routes is None:
            return CheckedConnection(None, None, ())
        ends = [port for port in (connection.a, connection.b) if isinstance(self.store.objects.get(port), Port)]
        interfaces = [self.locate(port, "")[1] for port in ends]
        primary, backup = routes
        return CheckedConnection(
            self._found(primary, *interfaces), None if backup is None else self._found(backup, *interfaces), ()
        )

    def find(self, query: PathQuery) -> Iterator[FoundPath]:
        """Paths, the best first, one at a time; raises SdnError for a wrong query."""
        a, ingress = self.locate(query.source, "source")
        b, egress = self.locate(query.destination, "destination")
        wish = Connection(
            name="",
            a=query.source,
            b=query.destination,
            bandwidth=query.bandwidth,
            reverse=query.reverse,
            constraints=query.constraints,
        )
        request = self.connections.placer.demands.of(wish, a, b).request
        finder = self.connections.placer.finder
        paths = finder.paths(request) if query.disjoint is None else _disjoint(finder, request, query.disjoint)
        first = next(paths, None)
        if first is None:
            finder.path(request)  # says why
            return
        for path in islice(chain([first], paths), query.count):
            yield self._found(path, ingress, egress)

    def _found(self, path: Path, ingress: str = "", egress: str = "") -> FoundPath:
        ledger = self.connections.ledger
        ends = [
            (LinkEnd(near, out), LinkEnd(far, into))
            for near, far, (out, into) in zip(path.switches, path.switches[1:], path.links, strict=False)
        ]
        cost, latency = ledger.mesh.total(path)
        return FoundPath(
            hops=self.connections.names.of(path, ingress, egress),
            cost=cost,
            latency=latency,
            free=min((ledger.free(out) for out, _ in ends), default=0),
            reverse_free=min((ledger.free(into) for _, into in ends), default=0),
        )


def _disjoint(finder: Finder, request: PathRequest, protect: Protect) -> Iterator[Path]:
    """The best pair, and then each time the best path beside those before it."""
    try:
        paths = list(finder.pair(request, protect))
    except (Refused, Exhausted):
        paths = [finder.path(request)]
    if request.source == request.destination:
        paths = paths[:1]
    yield from paths
    exclude = Exclusion()
    while len(paths[0].switches) > 1:
        for path in paths:
            exclude |= finder.shared(path, protect)
        try:
            paths = [finder.path(replace(request, via=(), include=Inclusion(), exclude=request.exclude | exclude))]
        except (Refused, Exhausted):
            return
        yield from paths
