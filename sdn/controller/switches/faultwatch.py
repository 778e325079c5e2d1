"""Which wiring faults are new and which are gone, told when they have lasted: a start finds links one by one.

Links that are damped, or not any more, are told at once.
"""

from __future__ import annotations

from sdn.controller.reporter import Reporter
from sdn.model.topology import WiringFault
from sdn.topology import TopologyState

_CHECK_SECONDS = 1.0


class FaultWatch:
    """patience: seconds that a fault must last before it is told."""

    def __init__(self, topology: TopologyState, reporter: Reporter, patience: float) -> None:
        self._topology = topology
        self._reporter = reporter
        self._patience = patience
        self._revision = -1
        self._until = 0.0
        self._due = 0.0
        self._since: dict[WiringFault, float] = {}
        self._told: dict[WiringFault, None] = {}

    def tick(self, now: float) -> None:
        """Look once a second while something changes. O(L log L) then, L links."""
        for silence in self._topology.take_silence_changes():
            self._reporter.silent(silence)
        for change in self._topology.take_damping_changes():
            self._reporter.damped(change)
        if self._topology.discovery.revision != self._revision:
            self._revision = self._topology.discovery.revision
            # What is one-way shows by time alone, so look a little longer.
            self._until = now + 2 * self._patience + _CHECK_SECONDS
        if now < self._due or now > self._until:
            return
        self._due = now + _CHECK_SECONDS
        present = dict.fromkeys(self._topology.faults())
        self._since = {fault: self._since.get(fault, now) for fault in present}
        cleared = [fault for fault in self._told if fault not in present]
        new = [f for f, since in self._since.items() if f not in self._told and now - since >= self._patience]
        for fault in cleared:
            del self._told[fault]
        self._told.update(dict.fromkeys(new))
        self._reporter.wiring(cleared, cleared=True)
        self._reporter.wiring(new, cleared=False)
