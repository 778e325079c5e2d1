"""What would become of connections if a link, a switch or a shared-risk group failed.

Answered on a copy of the ledger, made when the question came, by the same search that would run then and in the same
order: backup paths take over, and those that lost their path get others one behind the other. Nothing is changed, and
other work may go on between any two steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sdn.controller.connections.connections import Connections
from sdn.controller.connections.placing import NOT_NOW, Placer, Routes, backup_of, holder_of, recovery_order
from sdn.model.errors import Exhausted, NotFound, Refused, Thing
from sdn.model.ids import Dpid
from sdn.model.intent import Connection
from sdn.model.request import PathRequest
from sdn.model.route import Path
from sdn.model.status import PathHop
from sdn.model.topology import Link, LinkChanges, LinkEnd
from sdn.model.whatif import Affected, Consequence, FailureKind, Fate, Overload, WhatIfQuery
from sdn.routing.admission import Reservation
from sdn.store import Store
from sdn.topology import TopologyState


@dataclass(frozen=True, slots=True)
class _Failure:
    kind: FailureKind
    name: str
    links: tuple[Link, ...]
    switches: frozenset[Dpid] = frozenset()


class WhatIf:
    """One question. Raises NotFound for a name that is not known."""

    def __init__(self, query: WhatIfQuery, store: Store, topology: TopologyState, connections: Connections) -> None:
        self._topology = topology
        self._connections = connections
        self._placer: Placer = connections.placer.twin()
        self._ledger = self._placer.ledger
        self._links = sorted(self._ledger.mesh.links(), key=lambda link: (link.a, link.b))
        held = {holder_of(key) for key, _ in self._ledger.items()}
        found = (store.objects.get(name) for name in sorted(held))
        self._objects = {item.name: item for item in found if isinstance(item, Connection)}
        self._failures = list(self._chosen(query))

    def steps(self) -> Iterator[Consequence | None]:
        """The consequences one after the other; None: a bounded piece of work was done."""
        for failure in self._failures:
            yield from self._try(failure)

    # ---- which failures ------------------------------------------------------------------------------------------

    def _chosen(self, query: WhatIfQuery) -> Iterator[_Failure]:
        if not (query.links or query.switches or query.risk_groups):
            yield from map(self._of_link, self._links)
            yield from map(self._of_switch, self._topology.switches())
            groups = sorted({group for link in self._links for group in link.risk_groups})
            yield from map(self._of_group, groups)
            return
        named = [self._of_link(self._find(text, f"links[{i}]")) for i, text in enumerate(query.links)]
        named += [self._of_switch(self._switch(text, f"switches[{i}]")) for i, text in enumerate(query.switches)]
        for index, group in enumerate(query.risk_groups):
            if not self._ledger.mesh.has_risk(group):
                where, remedy = f"risk_groups[{index}]", "Name a shared-risk group of the topology file."
                raise NotFound.of(where, f"risk group {group} is not known", remedy, Thing("", group))
            named.append(self._of_group(group))
        yield from [_all_of(named)] if query.together and len(named) > 1 else named

    def _of_link(self, link: Link) -> _Failure:
        name = f"{self._topology.show(link.a)} - {self._topology.show(link.b)}"
        return _Failure(FailureKind.LINK, name, (link,))

    def _of_switch(self, dpid: Dpid) -> _Failure:
        links = tuple(link for link in self._links if dpid in (link.a.dpid, link.b.dpid))
        return _Failure(FailureKind.SWITCH, self._topology.name_of(dpid), links, frozenset({dpid}))

    def _of_group(self, group: str) -> _Failure:
        links = tuple(link for link in self._links if group in link.risk_groups)
        return _Failure(FailureKind.RISK_GROUP, group, links)

    def _find(self, text: str, field: str) -> Link:
        for link in self._links:
            a, b = self._topology.show(link.a), self._topology.show(link.b)
            if text.replace(" ", "") in (a, b, f"{a}-{b}", f"{b}-{a}"):
                return link
        remedy = "Name a link that is up by one end as SWITCH:INTERFACE, or by both joined by '-'."
        raise NotFound.of(field, f"there is no link {text}", remedy, Thing("", text))

    def _switch(self, text: str, field: str) -> Dpid:
        dpid = self._topology.resolve(text)
        if dpid is None or dpid not in self._topology.switches():
            raise NotFound.of(field, f"there is no switch {text}", "List the topology.", Thing("Switch", text))
        return dpid

    # ---- one failure ---------------------------------------------------------------------------------------------

    def _try(self, failure: _Failure) -> Iterator[Consequence | None]:
        """Let it happen on the copy, see what becomes of everybody, and undo it."""
        lost = set(self._ledger.change_links(LinkChanges(gone=failure.links)))
        ended = set()
        if failure.switches:
            ended = {key for key, held in self._ledger.items() if failure.switches & {*_ends(held.path)}}
        names = {holder_of(key) for key in lost | ended}
        before = {name: dict(self._placer.held(name)) for name in names}
        for key in lost | ended:
            self._ledger.release(key)
        affected: list[Affected] = []
        extra: dict[LinkEnd, int] = {}
        for connection in sorted((self._objects[n] for n in names if n in self._objects), key=recovery_order):
            old = before[connection.name]
            affected.append(self._place(connection, old, failure, extra))
            yield None
        affected.sort(key=lambda item: item.name)
        consequence = Consequence(failure.kind, failure.name, tuple(affected), tuple(self._overloads(extra)))
        for name in names:
            self._placer.release(name)
        self._ledger.change_links(LinkChanges(new=failure.links))
        for held in before.values():
            for key, reservation in held.items():
                self._ledger.put_back(key, reservation)
        yield consequence

    def _place(
        self, connection: Connection, old: dict[str, Reservation], failure: _Failure, extra: dict[LinkEnd, int]
    ) -> Affected:
        name = connection.name
        a, b = _ends(next(iter(old.values())).path)
        if failure.switches & {a, b}:
            where = ", ".join(self._topology.name_of(dpid) for dpid in sorted(failure.switches & {a, b}))
            return Affected(name, Fate.CUT_OFF, message=f"an end is at {where}")
        kept = name in dict(self._placer.held(name))
        try:
            placed = self._placer.place(self._connections.as_placed(connection), a, b, admitted=True)
        except NOT_NOW as error:
            return self._without(connection, a, b, error, extra)
        routes = placed.routes
        backup = old.get(backup_of(name))
        if kept:
            fate = Fate.BACKUP_LOST
        else:
            fate = Fate.CHANGES_OVER if backup is not None and routes.primary == backup.path else Fate.MOVES
        message = "" if placed.missing is None else placed.missing.reason
        return Affected(
            name,
            fate,
            *self._hops(connection, routes),
            placed.missing is not None,
            connection.bandwidth,
            message,
        )

    def _hops(self, connection: Connection, routes: Routes) -> tuple[tuple[PathHop, ...], tuple[PathHop, ...]]:
        describe = self._connections.hops_of
        return describe(connection, routes.primary), describe(connection, routes.backup) if routes.backup else ()

    def _without(
        self, connection: Connection, a: Dpid, b: Dpid, error: Exception, extra: dict[LinkEnd, int]
    ) -> Affected:
        """It has no path with its bandwidth. extra: gets what it sends unreserved."""
        reason = str(error)
        bare = PathRequest(source=a, destination=b)
        finder = self._placer.finder
        try:
            shortest = finder.path(bare)
        except Refused:
            return Affected(connection.name, Fate.CUT_OFF, message=reason)
        for near, far, (out, into) in zip(shortest.switches, shortest.switches[1:], shortest.links, strict=False):
            there, back = LinkEnd(near, out), LinkEnd(far, into)
            extra[there] = extra.get(there, 0) + connection.bandwidth
            extra[back] = extra.get(back, 0) + (connection.reverse or connection.bandwidth)
        if isinstance(error, Exhausted):
            return Affected(connection.name, Fate.UNCERTAIN, message=reason)
        possible = 0
        try:
            widest = finder.widest(self._placer.demands.of(connection, a, b).request)
            possible = widest[0] if widest is not None else 0
        except NOT_NOW:
            pass  # then it cannot be said, and the reason above is all there is
        return Affected(connection.name, Fate.UNGUARANTEED, bandwidth=possible, message=reason)

    def _overloads(self, extra: dict[LinkEnd, int]) -> Iterator[Overload]:
        links = {end: link for link in self._ledger.mesh.links() for end in (link.a, link.b)}
        for end in sorted(extra):
            link, reserved = links[end], self._ledger.reserved(end)
            if reserved + extra[end] > link.capacity:
                there, back = self._names(end), self._names(link.other(end))
                yield Overload(there, back, link.capacity, reserved, extra[end])

    def _names(self, end: LinkEnd) -> tuple[str, str]:
        switch, _, interface = self._topology.show(end).rpartition(":")
        return switch, interface


def _ends(path: Path) -> tuple[Dpid, Dpid]:
    return path.switches[0], path.switches[-1]


def _all_of(failures: Iterable[_Failure]) -> _Failure:
    parts = list(failures)
    links = dict.fromkeys(link for part in parts for link in part.links)
    switches = frozenset(dpid for part in parts for dpid in part.switches)
    return _Failure(FailureKind.TOGETHER, ", ".join(part.name for part in parts), tuple(links), switches)
