"""The network as routing and people see it: observed links with declared attributes and names.

Feed events to ``discovery``; call ``expire`` regularly; ``version`` tells when ``links()`` has changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sdn.model.errors import SdnError
from sdn.model.ids import Dpid, format_dpid, parse_dpid
from sdn.model.topology import DEFAULT_CAPACITY, DeclaredLink, DeclaredTopology, Link, LinkEnd, WiringFault
from sdn.topology import declared as wiring
from sdn.topology.adjacency import End
from sdn.topology.discovery import Discovery

PENALTY = 1_000_000
"""Added to the cost of a link for each end whose switch is away: taken only where there is no other way."""


@dataclass(frozen=True, slots=True)
class LinkState:
    """A link for people; ends are (switch name, interface name, '' if a missing declared link does not say).

    link: as observed, without penalty, None when it is declared but not seen. declared: None when it was not declared.
    """

    a: tuple[str, str]
    b: tuple[str, str]
    link: Link | None
    declared: DeclaredLink | None


class TopologyState:
    """Discovery and declaration together.

    key, interval, misses: see Discovery. hold: seconds for which a switch may be away before routing avoids it as
    transit (its flows cannot be changed; its links stay). restart_hold: the same for switches that have not returned
    since ``load``; longer, because all come back one by one and nothing may be rerouted meanwhile.
    """

    def __init__(
        self,
        key: bytes,
        declared: DeclaredTopology | None = None,
        *,
        interval: float = 1.0,
        misses: int = 3,
        hold: float = 3.0,
        restart_hold: float = 15.0,
    ) -> None:
        self.discovery = Discovery(key, interval, misses)
        self.declared = declared
        self._names = {dpid: name for name, dpid in declared.switches.items()} if declared else {}
        self._patience = misses * interval
        self._hold = hold
        self._restart_hold = restart_hold
        self._now = 0.0
        self._avoided: frozenset[Dpid] = frozenset()
        self._seen_revision = -1
        self._matching = wiring.Matching({}, (), ())
        self._plain: dict[wiring.SeenLink, Link] = {}
        self._links: tuple[Link, ...] = ()
        self._version = 0

    # Time and restart

    def expire(self, now: float) -> None:
        """Time passed: ends unheard links and decides which switches are avoided. O(links)."""
        self._now = now
        self.discovery.expire(now)
        avoided = set()
        for dpid in self.discovery.switches():
            since = self.discovery.away_since(dpid)
            if since is not None and now - since >= self._hold:
                avoided.add(dpid)
        if avoided != self._avoided:
            self._avoided = frozenset(avoided)
            self._seen_revision = -1

    def load(self, records: Mapping[str, str], now: float) -> None:
        """Take over links learned before a restart; raises InvalidInput. Call it before any event."""
        self._now = now
        self.discovery.load(records, now + self._restart_hold - self._hold)

    def records(self) -> dict[str, str]:
        """The learned links as key → JSON text, for ``load`` after a restart. They change with ``version``."""
        return self.discovery.records()

    # For routing

    @property
    def version(self) -> int:
        """Grows exactly when ``links()`` changes. O(1) unless something happened, then O(L log L)."""
        self._refresh()
        return self._version

    def links(self) -> tuple[Link, ...]:
        """All links that are up, sorted, with declared attributes, and PENALTY on those of switches long away."""
        self._refresh()
        return self._links

    # Names

    def name_of(self, dpid: Dpid) -> str:
        """The declared name of a switch, else its datapath id in 16 hexadecimal digits."""
        return self._names.get(dpid) or format_dpid(dpid)

    def resolve(self, switch: str) -> Dpid | None:
        """The datapath id that a name or hexadecimal digits mean; names win. The switch need not have appeared."""
        if self.declared is not None and switch in self.declared.switches:
            return self.declared.switches[switch]
        try:
            return parse_dpid(switch)
        except SdnError:
            return None

    def switches(self) -> tuple[Dpid, ...]:
        """All declared or observed switches, sorted."""
        return tuple(sorted({*self._names, *self.discovery.switches()}))

    def port_number(self, dpid: Dpid, interface: str) -> int | None:
        """The OpenFlow number of an interface, None while it does not exist."""
        port = self.discovery.port(End(dpid, interface))
        return None if port is None else port.number

    def show(self, end: LinkEnd) -> str:
        """``switch:interface`` of a link's end (the number where the name is not known)."""
        name = self.discovery.interface(end.dpid, end.port)
        return f"{self.name_of(end.dpid)}:{name if name is not None else end.port}"

    # For people

    def link_states(self) -> tuple[LinkState, ...]:
        """All links that are up or declared, sorted by names."""
        self._refresh()
        states = [
            LinkState(self._named(pair[0]), self._named(pair[1]), link, self._matching.declared.get(pair))
            for pair, link in self._plain.items()
        ]
        missing = self._matching.missing
        states += [LinkState(min(link.a, link.b), max(link.a, link.b), None, link) for link in missing]
        return tuple(sorted(states, key=lambda state: (state.a, state.b)))

    def faults(self) -> tuple[WiringFault, ...]:
        """Where the network differs from its declaration (see declared.faults), and OneWayLink. O(L log L)."""
        self._refresh()
        found = []
        if self.declared is not None:
            found = wiring.faults(self.declared, self._matching, self.discovery, self._show)
        for sender, receiver in self.discovery.one_way(self._now - self._patience):
            message = f"{self._show(receiver)} hears {self._show(sender)}, but is not heard by it"
            found.append(WiringFault("OneWayLink", message))
        return tuple(found)

    # Inside

    def _refresh(self) -> None:
        if self._seen_revision == self.discovery.revision:
            return
        self._seen_revision = self.discovery.revision
        pairs = self.discovery.links()
        if self.declared is None:
            self._matching = wiring.Matching({}, (), ())
        else:
            self._matching = wiring.match(self.declared, pairs)
        self._plain = {pair: self._link(pair, self._matching.declared.get(pair)) for pair in pairs}
        links = sorted((self._penalised(link) for link in self._plain.values()), key=_order)
        if tuple(links) != self._links:
            self._links = tuple(links)
            self._version += 1

    def _link(self, pair: wiring.SeenLink, declared: DeclaredLink | None) -> Link:
        ends = []
        speeds = []
        for end in pair:
            port = self.discovery.port(end)
            assert port is not None, "links exist between known ports only"
            ends.append(LinkEnd(end.dpid, port.number))
            if port.speed:
                speeds.append(port.speed)
        a, b = sorted(ends)
        if declared is None:
            return Link(a, b, capacity=min(speeds, default=DEFAULT_CAPACITY))
        return Link(a, b, declared.cost, declared.capacity, declared.latency, declared.risk_groups)

    def _penalised(self, link: Link) -> Link:
        away = (link.a.dpid in self._avoided) + (link.b.dpid in self._avoided)
        return replace(link, cost=link.cost + away * PENALTY) if away else link

    def _named(self, end: End) -> tuple[str, str]:
        return self.name_of(end.dpid), end.interface

    def _show(self, end: End) -> str:
        return f"{self.name_of(end.dpid)}:{end.interface}" if end.interface else self.name_of(end.dpid)


def _order(link: Link) -> tuple[int, int, int, int]:
    return link.a.dpid, link.a.port, link.b.dpid, link.b.port
