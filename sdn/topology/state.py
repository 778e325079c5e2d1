"""The network as routing and people see it: observed links with declared attributes and names.

Feed events to ``discovery``; call ``expire`` regularly; ``take_changes`` tells how ``links()`` has changed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from sdn.model.errors import SdnError
from sdn.model.ids import Dpid, format_dpid, parse_dpid
from sdn.model.request import Exclusion
from sdn.model.topology import (
    DEFAULT_CAPACITY,
    DeclaredLink,
    DeclaredTopology,
    Link,
    LinkChanges,
    LinkEnd,
    WiringFault,
)
from sdn.topology import declared as wiring
from sdn.topology.adjacency import End
from sdn.topology.damping import Damping, DampingChange, DampingRule
from sdn.topology.discovery import Discovery
from sdn.topology.latency import Latencies
from sdn.topology.linkstate import LinkState
from sdn.topology.maintenance import LinkWish, Maintenance
from sdn.topology.records import key, read_penalties, write_penalty
from sdn.topology.silence import SilenceChange, Silences

PENALTY = 1_000_000
"""Added to the cost of a link for each end whose switch is away, and while it is damped: taken only where there is no
other way."""

_STEP = 100
"""Microseconds by which a measured latency must differ from the one in use, at least."""


class TopologyState:
    """Discovery and declaration together.

    key, interval, misses: see Discovery. hold: seconds for which a switch may be away before routing avoids it as
    transit (its flows cannot be changed; its links stay). restart_hold: the same for switches that have not returned
    since ``load``; longer, because all come back one by one and nothing may be rerouted meanwhile. damping: of links
    that come and go. only_declared: a link that was not declared is shown, and not used. measured: where no latency is
    declared, that of a link is what is measured.
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
        damping: DampingRule | None = None,
        only_declared: bool = False,
        measured: bool = False,
    ) -> None:
        self.discovery = Discovery(key, interval, misses)
        self.declared = declared
        self._names = {dpid: name for name, dpid in declared.switches.items()} if declared else {}
        self._patience = misses * interval
        self._hold = hold
        self._restart_hold = restart_hold
        self._now = 0.0
        self._avoided: frozenset[Dpid] = frozenset()
        self._aside: frozenset[Dpid] = frozenset()
        self._wiring = wiring.Wiring(declared)
        self._only_declared = only_declared and declared is not None
        self._damping = Damping[wiring.SeenLink](damping or DampingRule())
        self._measured = measured
        self.maintenance = Maintenance(PENALTY)
        self._latency: dict[wiring.SeenLink, int] = {}
        """As measured when it was taken over, in microseconds."""
        self.latencies = Latencies()
        self._silences = Silences(self.discovery, self._show)
        self._damping_changes: dict[wiring.SeenLink, DampingChange] = {}
        self._pairs: dict[End, wiring.SeenLink] = {}
        self._plain: dict[wiring.SeenLink, Link] = {}
        self._now_used: dict[wiring.SeenLink, Link] = {}
        """With penalties, as routing sees them."""
        self._before: dict[wiring.SeenLink, Link | None] = {}
        """Of the links that may have changed since ``take_changes``: as they were then."""
        self._sorted: tuple[Link, ...] | None = ()
        self._moved = False
        self._version = 0

    # Time and restart

    def expire(self, now: float) -> None:
        """Time passed: ends unheard links and decides which switches are avoided. O(links)."""
        self._now = now
        self.discovery.expire(now)
        away = ((dpid, self.discovery.away_since(dpid)) for dpid in self.discovery.switches())
        avoided = frozenset(dpid for dpid, since in away if since is not None and now - since >= self._hold)
        changed, self._avoided = avoided ^ self._avoided, avoided
        self._use_all(changed)
        for pair in self._damping.expire(now):
            self._note_damping(pair, damped=False)
            self._use(pair)
        self._refresh()
        for pair in self.latencies.take_changed():
            self._note_latency(pair)

    def load(
        self, records: Mapping[str, str], now: float, penalties: Mapping[str, str] | None = None, wall: float = 0.0
    ) -> None:
        """Take over the links and penalties of before a restart; raises InvalidInput. Call it before any event.

        wall: Unix seconds now.
        """
        self._now = now
        self._damping.load(read_penalties(penalties or {}), now, wall)
        self.discovery.load(records, now + self._restart_hold - self._hold)

    def records(self) -> dict[str, str]:
        """The learned links as key → JSON text, for ``load`` after a restart. O(L)."""
        return self.discovery.records()

    # Maintenance

    def set_link(self, pair: wiring.SeenLink, wish: LinkWish) -> bool:
        """An operator says something about a link, the lower end first; whether it is news."""
        news = self.maintenance.set_link(pair, wish)
        if news:
            self._use(pair)
        return news

    def known_pairs(self) -> set[wiring.SeenLink]:
        """Links that are up, and those that something is said about."""
        return {*self._plain, *self.maintenance.links()}

    def avoided(self) -> Exclusion:
        """What operators have drained, for searches of paths. O(drained)."""
        ends = (
            (link.a, link.b)
            for pair in self.maintenance.links()
            if self.maintenance.of(pair).drained and (link := self._plain.get(pair)) is not None
        )
        links = frozenset(end for both in ends for end in both)
        return Exclusion(links=links, switches=frozenset(self.maintenance.switches()))

    def drain_switch(self, dpid: Dpid, *, drained: bool) -> bool:
        """An operator says whether traffic is to leave a switch; whether it is news. O(links)."""
        news = self.maintenance.set_switch(dpid, drained=drained)
        if news:
            self._use_all({dpid})
        return news

    def set_aside(self, dpids: frozenset[Dpid]) -> None:
        """No link of these switches is used, for now. O(links) when they are others."""
        changed, self._aside = dpids ^ self._aside, dpids
        self._use_all(changed)

    def forget_switch(self, dpid: Dpid) -> None:
        """A switch that is away and not declared is gone for good, with all that is known and said of it. O(links)."""
        self.maintenance.forget_switch(dpid)
        self.discovery.forget_switch(dpid)
        self._refresh()
        self._damping.forget(lambda pair: dpid in (pair[0].dpid, pair[1].dpid))
        self._damping_changes = {p: c for p, c in self._damping_changes.items() if dpid not in (p[0].dpid, p[1].dpid)}
        self._silences.forget_switch(dpid)

    def take_penalty_records(self, wall: float) -> dict[str, str | None]:
        """Penalties as key → JSON text, for ``load``, that are others since the last call (None: forgotten).

        wall: Unix seconds now.
        """
        changes = self._damping.take_changes(self._now, wall).items()
        return {key(*link): None if penalty is None else write_penalty(link, penalty) for link, penalty in changes}

    # For routing

    @property
    def version(self) -> int:
        """Grows exactly when ``links()`` has changed since it was asked. O(ports that changed)."""
        self._refresh()
        if self._moved:
            self._version, self._moved = self._version + 1, False
        return self._version

    def links(self) -> tuple[Link, ...]:
        """All links that are up, sorted, with declared attributes, and PENALTY on those of switches long away.

        O(1) unless they have changed, then O(L log L).
        """
        self._refresh()
        if self._sorted is None:
            self._sorted = tuple(sorted(self._now_used.values(), key=_order))
        return self._sorted

    def take_changes(self) -> tuple[LinkChanges, dict[str, str | None]]:
        """How ``links()`` has changed since the last call, and the records that are others (None: gone).

        O(ports that changed).
        """
        self._refresh()
        before, self._before = self._before, {}
        gone: list[Link] = []
        new: list[Link] = []
        records: dict[str, str | None] = {}
        for pair, old in before.items():
            now = self._now_used.get(pair)
            if old != now:
                gone += [old] if old is not None else []
                new += [now] if now is not None else []
            if pair not in self._plain or self._is_aside(pair):
                records[key(*pair)] = None
            else:
                name, records[name] = self.discovery.record(pair)
        return LinkChanges(tuple(gone), tuple(new)), records

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
        states = [self._link_state(pair, link) for pair, link in self._plain.items()]
        missing = self._wiring.matching().missing
        states += [LinkState(min(link.a, link.b), max(link.a, link.b), None, link) for link in missing]
        return tuple(sorted(states, key=lambda state: (state.a, state.b)))

    def faults(self) -> tuple[WiringFault, ...]:
        """Where the network differs from its declaration (see declared.faults), SilentLink, OneWayLink. O(L log L)."""
        self._refresh()
        found = []
        if self.declared is not None:
            found = wiring.faults(self.declared, self._wiring.matching(), self.discovery, self._show, self.name_of)
        found = self._silences.explain(found, self._named)
        for sender, receiver in self.discovery.one_way(self._now - self._patience):
            message = f"{self._show(receiver)} hears {self._show(sender)}, but is not heard by it"
            ends = self._named(sender), self._named(receiver)
            found.append(WiringFault("OneWayLink", message, ends))
        return tuple(found)

    def take_damping_changes(self) -> tuple[DampingChange, ...]:
        """Links that are damped, or not any more, since the last call."""
        changes, self._damping_changes = self._damping_changes, {}
        return tuple(changes.values())

    def fabric(self) -> list[wiring.SeenLink]:
        """Links that are used, or would be if they were not silent: confirmed, and declared if they must be."""
        links = self.discovery.links()
        return [pair for pair in links if not self._only_declared or self._wiring.declared(pair) is not None]

    def take_silence_changes(self) -> tuple[SilenceChange, ...]:
        """Links that carry nothing while their ports are up, or do again, since the last call."""
        return self._silences.take()

    # Inside

    def _link_state(self, pair: wiring.SeenLink, link: Link) -> LinkState:
        return LinkState(
            self._named(pair[0]),
            self._named(pair[1]),
            link,
            self._wiring.declared(pair),
            away=not all(self.discovery.connected(end.dpid) for end in pair),
            damped=self._damping.suppressed(pair),
            drained=self.maintenance.drained(pair),
            unused=pair not in self._now_used,
            measured=self.latencies.of(pair),
        )

    def _note_latency(self, pair: wiring.SeenLink) -> None:
        """Take a measured latency over when it is clearly another one: each change is a change of the network."""
        link, found = self._plain.get(pair), self.latencies.of(pair) if self._measured else None
        if link is None or found is None:
            return
        known = self._latency.get(pair)
        if known is None or abs(found.microseconds - known) > max(found.error, known // 2, _STEP):
            self._latency[pair] = found.microseconds
            self._plain[pair] = self._link(pair, self._wiring.declared(pair))
            self._use(pair)

    def _note_damping(self, pair: wiring.SeenLink, *, damped: bool) -> None:
        penalty = round(self._damping.penalty(pair, self._now))
        self._damping_changes[pair] = DampingChange((self._show(pair[0]), self._show(pair[1])), damped, penalty)

    def _refresh(self) -> None:
        """Look at the links of ports that may have changed."""
        touched = self.discovery.take_touched()
        if not touched:
            return
        found = (self._pairs.get(end) for end in touched), map(self.discovery.link_at, touched)
        for pair in dict.fromkeys(pair for pairs in found for pair in pairs if pair is not None):
            up = self.discovery.usable(pair)
            for end in pair:
                if up:
                    self._pairs[end] = pair
                elif self._pairs.get(end) == pair:
                    del self._pairs[end]
            self._silences.note(pair, up=pair in self._plain)
            if not up and self._plain.pop(pair, None) is not None and self._damping.lost(pair, self._now):
                self._note_damping(pair, damped=True)
            if not up:
                self.latencies.forget(pair)
                self._latency.pop(pair, None)
            for other in self._wiring.update(pair, up):
                # One that is gone as well has its own turn in this loop.
                if self.discovery.usable(other):
                    self._plain[other] = self._link(other, self._wiring.declared(other))
                self._use(other)

    def _is_aside(self, pair: wiring.SeenLink) -> bool:
        return bool(self._aside) and any(end.dpid in self._aside for end in pair)

    def _use_all(self, dpids: Collection[Dpid]) -> None:
        for pair in [pair for pair in self._plain if dpids and any(end.dpid in dpids for end in pair)]:
            self._use(pair)

    def _use(self, pair: wiring.SeenLink) -> None:
        """Routing gets a link as it is now."""
        link, before, now = self._plain.get(pair), self._now_used.get(pair), None
        if (self._only_declared and self._wiring.declared(pair) is None) or self._is_aside(pair):
            link = None
        if link is not None:
            now = self._penalised(self.maintenance.apply(pair, link), damped=self._damping.suppressed(pair))
        self._before.setdefault(pair, before)
        if now == before:
            return
        if now is None:
            del self._now_used[pair]
        else:
            self._now_used[pair] = now
        self._sorted, self._moved = None, True

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
        latency = (declared.latency if declared is not None else 0) or self._latency.get(pair, 0)
        if declared is None:
            return Link(a, b, capacity=min(speeds, default=DEFAULT_CAPACITY), latency=latency)
        return Link(a, b, declared.cost, declared.capacity, latency, declared.risk_groups)

    def _penalised(self, link: Link, *, damped: bool) -> Link:
        reasons = (link.a.dpid in self._avoided) + (link.b.dpid in self._avoided) + damped
        return replace(link, cost=link.cost + reasons * PENALTY) if reasons else link

    def _named(self, end: End) -> tuple[str, str]:
        return self.name_of(end.dpid), end.interface

    def _show(self, end: End) -> str:
        return f"{self.name_of(end.dpid)}:{end.interface}" if end.interface else self.name_of(end.dpid)


def _order(link: Link) -> tuple[int, int, int, int]:
    return link.a.dpid, link.a.port, link.b.dpid, link.b.port
