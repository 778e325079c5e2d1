"""What is told of addresses and MACs that ports may use beside their own: who has each of them, and since when.

Of what was announced the time is remembered. Of the rest it is that at which it was first seen to be so: when somebody
asked or was told, in this life of the daemon.
"""

from __future__ import annotations

from dataclasses import replace

from sdn.controller.hosts.announcements import Announcements
from sdn.controller.reporter import Reporter
from sdn.model.intent import Port
from sdn.model.status import SharedAddress


class SharedAddresses:
    """Asked for status. reporter: knows the time of the turn."""

    def __init__(self, announcements: Announcements, reporter: Reporter) -> None:
        self._announcements, self._reporter = announcements, reporter
        self._noted: dict[str, tuple[SharedAddress, ...]] = {}

    def of(self, port: Port) -> tuple[SharedAddress, ...]:
        """As it is now. O(pairs of the port)."""
        before = {item.address: item for item in self._noted.pop(port.name, ())}
        if not port.allowed_address_pairs:
            return ()
        found = tuple(self._timed(item, before.get(item.address)) for item in self._announcements.holders(port))
        self._noted[port.name] = found
        return found

    def forget(self, name: str) -> None:
        """A port was deleted."""
        self._noted.pop(name, None)

    def _timed(self, now: SharedAddress, before: SharedAddress | None) -> SharedAddress:
        if now.since:
            return now
        same = before is not None and (before.holder, before.reason) == (now.holder, now.reason)
        return replace(now, since=before.since if before is not None and same else self._reporter.wall)
