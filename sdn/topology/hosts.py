"""Ports at which a host is known to be though nothing is bound there, until their cables are pulled.

Kept over restarts: what may relay probes after one could do so before.
"""

from __future__ import annotations

from collections.abc import Mapping

from sdn.model.errors import InvalidInput, SdnError
from sdn.model.ids import Dpid, format_dpid, parse_dpid
from sdn.topology.adjacency import End

HOSTS = "hosts"
"""Bucket of their records: a key for each, without content."""


class HostPorts:
    """A set of ports that tells how it has changed."""

    def __init__(self) -> None:
        self._ends: set[End] = set()
        self._changed: dict[End, None] = {}

    def __contains__(self, end: End) -> bool:
        return end in self._ends

    def load(self, records: Mapping[str, str]) -> None:
        """Take over those of an earlier life; raises InvalidInput naming the record."""
        for key in records:
            switch, _, interface = key.partition("/")
            try:
                dpid = parse_dpid(switch)
            except SdnError:
                dpid = None
            if dpid is None or not interface:
                raise InvalidInput.of(f"{HOSTS}/{key}", "not of the form DPID/INTERFACE", "Remove the record.")
            self._ends.add(End(dpid, interface))

    def add(self, end: End) -> None:
        """A host is there."""
        if end not in self._ends:
            self._ends.add(end)
            self._changed[end] = None

    def discard(self, end: End) -> None:
        """Whatever was there, its cable was pulled."""
        if end in self._ends:
            self._ends.remove(end)
            self._changed[end] = None

    def forget_switch(self, dpid: Dpid) -> None:
        """A switch is gone for good. O(these)."""
        for end in [end for end in self._ends if end.dpid == dpid]:
            self.discard(end)

    def take_records(self) -> dict[str, str | None]:
        """Records to put (None: delete) since the last call."""
        changed, self._changed = self._changed, {}
        return {f"{format_dpid(end.dpid)}/{end.interface}": "" if end in self._ends else None for end in changed}
