"""Ports that may turn out to be links: watched for a while before a host is believed to be there.

A port passes when it has been up, not bound and without a probe of ours for the whole time. Meanwhile it is probed
twice as often. Time in which the controller did nothing does not count, since nothing could have been heard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sdn.controller.hosts.plugs import Place
from sdn.model.ids import Dpid
from sdn.topology.adjacency import End
from sdn.topology.discovery import Discovery
from sdn.topology.inventory import MAX_PORT


class Quarantine:
    """seconds: how long; bound: whether a tenant's port is plugged in at a place; now: monotonic seconds."""

    def __init__(self, discovery: Discovery, bound: Callable[[Place], bool], seconds: float, now: float) -> None:
        self._discovery = discovery
        self._bound = bound
        self._seconds = seconds
        self._last = now
        self._quiet: dict[Place, float] = {}
        self._looked: dict[Place, None] = {}

    def look(self, places: Iterable[Place]) -> None:
        """Something has changed there."""
        self._looked.update(dict.fromkeys(places))

    def look_switch(self, dpid: Dpid) -> None:
        """A switch came or went."""
        self._looked.update(dict.fromkeys((dpid, port.name) for port in self._discovery.ports(dpid)))
        self._looked.update(dict.fromkeys(place for place in self._quiet if place[0] == dpid))

    def tick(self, now: float) -> list[Place]:
        """Time passed; the places where a host is believed to be from now on. O(places that are watched)."""
        passed = min(now - self._last, self._seconds / 4)
        self._last = now
        looked, self._looked = self._looked, {}
        for place in looked:
            if self._eligible(place):
                self._quiet.setdefault(place, 0.0)
            else:
                self._quiet.pop(place, None)
        found = []
        for place, quiet in self._quiet.items():
            end = End(*place)
            self._quiet[place] = 0.0 if self._discovery.heard(end) else quiet + passed
            self._discovery.hurry(end, now)
            if self._quiet[place] >= self._seconds:
                found.append(place)
        for place in found:
            del self._quiet[place]
        return found

    def _eligible(self, place: Place) -> bool:
        end = End(*place)
        port = self._discovery.port(end)
        if port is None or not port.up or not 0 < port.number < MAX_PORT:
            return False
        linked = self._discovery.link_at(end) is not None
        return self._discovery.connected(place[0]) and not self._bound(place) and not linked
