"""The state of the daemon in numbers, put together when it is scraped.

Rules: runs on the daemon's loop and gives way between pieces of work, so that a scrape of many ports delays nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeVar

from sdn.controller.core import Controller
from sdn.controller.reader import LinkView, SwitchView, TopologyView
from sdn.daemon.counting import Counting
from sdn.daemon.engine import Engine
from sdn.daemon.views import DaemonViews
from sdn.model.calendar import active
from sdn.model.counters import Counted
from sdn.model.ids import Kind, parse_name
from sdn.model.intent import Connection, Port
from sdn.model.measures import (
    ConnectionMeasures,
    LinkMeasures,
    Measures,
    NetworkMeasures,
    PortMeasures,
    SwitchMeasures,
)

MAX_SERIES = 20_000
"""Ports, networks, or connections, that have series of their own; if there are more, none of them has."""
_PIECE = 500
_T = TypeVar("_T")


class Measuring:
    """per_port, per_connection: whether ports and connections have series of their own.

    openflow: (sessions, packets dropped) of the southbound.
    """

    def __init__(
        self,
        controller: Controller,
        reader: DaemonViews,
        engine: Engine,
        counting: Counting,
        openflow: Callable[[], tuple[int, int]],
        *,
        per_port: bool,
        per_connection: bool = True,
    ) -> None:
        self._controller = controller
        self._reader = reader
        self._engine = engine
        self._counting = counting
        self._openflow = openflow
        self._per_port, self._per_connection = per_port, per_connection

    async def measures(self) -> Measures:
        """All of it. O(ports + networks + connections + links + switches)."""
        store, statuses = self._controller.store, self._controller.statuses
        ports, ports_left_out = await self._series(Kind.PORT, self._port, self._per_port)
        networks, networks_left_out = await self._series(Kind.NETWORK, self._network, True)
        connections, connections_left_out = await self._series(Kind.CONNECTION, self._connection, self._per_connection)
        topology = self._reader.topology()
        sessions, dropped = self._openflow()
        return Measures(
            version=self._reader.version,
            revision=store.revision,
            ready=not any(True for _ in self._reader.missing()),
            writable=self._reader.trouble is None,
            objects={kind.value: len(store.select(kind)) for kind in Kind},
            states={state.value: count for state, count in statuses.summary().items()},
            switches=tuple(self._switch(view) for view in topology.switches),
            links=self._links(topology),
            ports=tuple(ports),
            networks=tuple(networks),
            ports_left_out=ports_left_out,
            networks_left_out=networks_left_out,
            events=dict(self._controller.notices.counts),
            differences=dict(self._controller.reporter.differences),
            queues=self._queues(),
            sessions=sessions,
            dropped=dropped,
            connections=tuple(connections),
            connections_left_out=connections_left_out,
        )

    async def _series(
        self, kind: Kind, make: Callable[[str, Counted], _T | None], wanted: bool
    ) -> tuple[list[_T], int]:
        names = self._counting.names(kind, "")
        if not wanted or len(names) > MAX_SERIES:
            return [], len(names)
        found: list[_T] = []
        for at, name in enumerate(names, 1):
            counted = self._counting.read(name)
            seen = counted is not None and (counted.wall or kind is Kind.CONNECTION)
            item = make(name, counted) if counted is not None and seen else None
            if item is not None:
                found.append(item)
            if not at % _PIECE:
                await asyncio.sleep(0)
        return found, 0

    def _port(self, name: str, counted: Counted) -> PortMeasures | None:
        port = self._controller.store.objects.get(name)
        if not isinstance(port, Port):
            return None
        ref = parse_name(name)
        return PortMeasures(ref.tenant, parse_name(port.network).id, ref.id, counted)

    def _network(self, name: str, counted: Counted) -> NetworkMeasures:
        ref = parse_name(name)
        return NetworkMeasures(ref.tenant, ref.id, counted)

    def _connection(self, name: str, counted: Counted) -> ConnectionMeasures | None:
        """Also of one that has not been counted: its state and what it has reserved are known."""
        resource, connections = self._controller.store.objects.get(name), self._controller.connections
        if not isinstance(resource, Connection):
            return None
        if resource.many:
            counted = Counted()  # its legs have series of their own, and a sum over all would have everything twice
        status, held = self._controller.statuses.of(resource), connections.ledger.held(name)
        has_it = held is not None and (not held.windows or active(held.windows, connections.placer.now))
        reserved = (held.forward, held.backward) if held is not None and has_it else (0, 0)
        ref = parse_name(name)
        return ConnectionMeasures(ref.tenant, ref.id, counted, status.state.value, reserved, status.probes)

    def _switch(self, view: SwitchView) -> SwitchMeasures:
        return SwitchMeasures(
            name=view.name,
            connected=view.connected,
            ports=len(view.ports),
            flows=view.flows,
            groups=view.groups,
            meters=view.meters,
            pending=view.pending,
            alien_flows=view.alien,
            alien_groups=view.alien_groups,
            counted=self._counting.newest(view.dpid),
        )

    def _links(self, topology: TopologyView) -> tuple[LinkMeasures, ...]:
        reserved: dict[tuple[tuple[str, str], tuple[str, str]], LinkView] = {
            (view.a, view.b): view for view in topology.links
        }
        found = []
        for link in self._counting.links():
            view = reserved.get((link.a, link.b))
            other = reserved.get((link.b, link.a))
            bits = view.reserved if view else (other.reserved[1], other.reserved[0]) if other else (0, 0)
            found.append(LinkMeasures(link, bits))
        return tuple(found)

    def _queues(self) -> Mapping[str, int]:
        return {**self._engine.queues(), "audits": self._controller.parts.audits.waiting}
