"""BFD on the links between switches: what is to be set at which interface, from the links and what databases tell.

Rules
- Both ends of a link are watched or neither is: one that nobody answers counts as dead. So both databases must tell of
  their bridges, both switches be connected (and ours), and neither end be set by an operator. His settings are never
  touched, and told once.
- A session takes a second to come up, and a port without one is not live meanwhile. CFM, which calls a cable good until
  it has heard nothing for 3.5 s, is set with it and taken off when BFD is up at both ends: Open vSwitch takes a port
  for live when either says so. So nothing is lost where BFD begins, or where it never comes up.
- What is set stays while a link is silent, and ``KEEP`` seconds longer than it was one: by it the switches find out
  that frames pass again. It goes at once when the port is a host's, or its new peer cannot be watched.
- Nothing is written twice within ``AGAIN`` seconds when it has had no effect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sdn.controller.effects import SetWatching
from sdn.controller.hosts.plugs import Plugs
from sdn.controller.reporter import Reporter
from sdn.controller.switches.bfdrule import POINTS, BfdRule, is_ours
from sdn.model.ids import Dpid
from sdn.model.notice import Severity
from sdn.model.plugs import Watching
from sdn.topology import End, TopologyState

KEEP = 60.0
AGAIN = 10.0
CHECK = 0.5
"""Seconds between looks. O(links) where something has changed, else nothing."""
_NOTHING = Watching()


class Bfd:
    """ready: whether a switch is connected and ours to write to."""

    def __init__(
        self, rule: BfdRule, topology: TopologyState, plugs: Plugs, reporter: Reporter, ready: Callable[[Dpid], bool]
    ) -> None:
        self._rule = rule
        self._topology = topology
        self._plugs = plugs
        self._reporter = reporter
        self._ready = ready
        self._due = 0.0
        self._seen: tuple[int, int] = (-1, -1)
        self._until = 0.0
        self._linked: dict[End, float] = {}
        """When a port was last one of a link, since the start."""
        self._tried: dict[End, tuple[float, Watching, Watching]] = {}
        self._foreign: set[End] = set()
        self._without: set[tuple[End, End]] = set()

    def tick(self, now: float) -> list[SetWatching]:
        """What is to be written now. O(1) but for ``KEEP`` seconds after a change, then O(links) in ``CHECK``."""
        seen = self._topology.discovery.revision, self._plugs.revision
        if now < self._due or (seen == self._seen and now > self._until):
            return []
        self._due = now + CHECK
        if seen != self._seen:
            self._seen, self._until = seen, now + KEEP + AGAIN
        wanted = self._wanted(now)
        return [effect for end, watching in wanted.items() for effect in self._write(end, watching, now)]

    def _wanted(self, now: float) -> dict[End, Watching]:
        """By end, for those that a database tells of and that are not as they should be."""
        pairs = self._topology.fabric()
        self._linked |= {end: now for pair in pairs for end in pair}
        wanted: dict[End, Watching] = {}
        kept: set[End] = set()
        for pair in pairs:
            if self._can(pair):
                kept.update(pair)
                wanted |= self._of(pair)
        for end in self._ours():
            if end not in kept and self._over(end, now):
                wanted[end] = _NOTHING
        return wanted

    def _can(self, pair: tuple[End, End]) -> bool:
        """Whether both ends are to be watched."""
        if self._rule.mode == "off":
            return False
        why = next((text for end in pair if (text := self._why_not(end))), "")
        if self._rule.mode == "on" and bool(why) != (pair in self._without):
            a, b = map(self._show, pair)
            if why:
                self._without.add(pair)
                message = f"The link {a} - {b} is not watched by BFD: {why}. Probes alone find it silent."
                self._reporter.bfd(Severity.WARNING, "LinkWithoutBfd", a, message)
            else:
                self._without.discard(pair)
        return not why

    def _why_not(self, end: End) -> str:
        """'' if the end can be watched."""
        bridge = self._plugs.bridge(end.dpid)
        if bridge is None:
            return f"the database of {self._topology.name_of(end.dpid)} is not connected"
        if end.interface in bridge.patches:
            return f"{self._show(end)} is a patch port"
        if not self._ready(end.dpid):
            return f"{self._topology.name_of(end.dpid)} is not connected"
        if is_ours(bridge.watched.get(end.interface, _NOTHING)):
            self._foreign.discard(end)
            return ""
        if end not in self._foreign:
            self._foreign.add(end)
            message = f"{self._show(end)} has BFD or CFM settings of an operator; its link is left as it is."
            self._reporter.bfd(Severity.INFO, "BfdNotOurs", self._show(end), message)
        return f"{self._show(end)} has settings of an operator"

    def _of(self, pair: tuple[End, End]) -> dict[End, Watching]:
        """Both ends: with CFM beside it from the beginning until both sessions are up."""
        now = [self._now(end) for end in pair]
        settings = self._rule.settings()
        found = {}
        for end, at, point in zip(pair, now, POINTS, strict=True):
            fresh = not at.bfd or at.bfd.get("enable") != "true"
            beside = fresh or (at.cfm is not None and not all(other.up for other in now))
            found[end] = Watching(settings, (at.cfm or point) if beside else None)
        return found

    def _over(self, end: End, now: float) -> bool:
        """Whether a port that is set, and has no link that is watched, is none of one any more."""
        discovery = self._topology.discovery
        if self._rule.mode == "off" or discovery.is_host(end) or discovery.link_at(end) is not None:
            return self._rule.mode == "off" or discovery.is_host(end) or self._peer_cannot(end)
        return now - self._linked.setdefault(end, now) >= KEEP

    def _peer_cannot(self, end: End) -> bool:
        """A peer whose database is merely away may hold its session; one that is told of and has none cannot."""
        pair = self._topology.discovery.link_at(end)
        other = next((peer for peer in pair or () if peer != end), end)
        bridge = self._plugs.bridge(other.dpid)
        return bridge is not None and bridge.watched.get(other.interface, _NOTHING).bfd.get("enable") != "true"

    def _ours(self) -> Iterator[End]:
        """Ends that we have set, of bridges that are told of and ready."""
        for bridge in self._plugs.bridges():
            for name, watching in bridge.watched.items() if self._ready(bridge.dpid) else ():
                if watching.bfd and is_ours(watching):
                    yield End(bridge.dpid, name)

    def _now(self, end: End) -> Watching:
        bridge = self._plugs.bridge(end.dpid)
        return bridge.watched.get(end.interface, _NOTHING) if bridge is not None else _NOTHING

    def _write(self, end: End, wanted: Watching, now: float) -> Iterator[SetWatching]:
        seen = self._now(end)
        manager = self._plugs.manager(end.dpid)
        if manager is None or (dict(seen.bfd), seen.cfm) == (dict(wanted.bfd), wanted.cfm):
            return
        when, before, last = self._tried.get(end, (-AGAIN, seen, wanted))
        if now - when < AGAIN and (before, last) == (seen, wanted):
            return
        self._tried[end] = now, seen, wanted
        yield SetWatching(manager, end.dpid, end.interface, seen, wanted)

    def _show(self, end: End) -> str:
        return f"{self._topology.name_of(end.dpid)}:{end.interface}"
