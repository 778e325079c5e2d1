"""Who waits for which switch: objects whose entries are to be written, until their switches have confirmed them."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sdn.controller.outcome import Outcome
from sdn.controller.switches.fleet import Fleet, Switch
from sdn.controller.switches.progress import Progress
from sdn.model.ids import Dpid, format_dpid
from sdn.model.program import Unit
from sdn.pipeline import Compiler
from sdn.pipeline.routes import switch_object
from sdn.pipeline.units import CONNECTION
from sdn.reconcile import Adoption
from sdn.store import Store


class Confirmation:
    """Between what is compiled and what switches say."""

    def __init__(self, store: Store, compiler: Compiler, fleet: Fleet, progress: Progress, outcome: Outcome) -> None:
        self._store, self._compiler, self._outcome = store, compiler, outcome
        self._fleet, self._progress = fleet, progress

    def has(self, name: str, switches: Iterable[int], generation: int) -> bool:
        """Whether switches hold what was to be changed for an object up to a generation."""
        if generation > self._progress.generation:
            return False
        waits = self._progress.waits(name)
        return all(dpid not in waits or self._fleet.confirmed(dpid, generation) for dpid in switches)

    def holds(self, name: str, switches: Collection[int], generation: int) -> bool:
        """The same of a connection, none of these switches refused something, and all are connected and read back."""
        there = all(self._fleet.holds(dpid, ()) for dpid in switches)
        return there and self.has(name, switches, generation) and not self.refused(name, switches)

    def refused(self, name: str, switches: Iterable[int]) -> bool:
        """Whether one of these switches refused what the paths of a connection need there, and has not taken it."""
        return any(self._compiler.lacks(Unit(CONNECTION, name, dpid)) for dpid in switches)

    def is_waiting(self, owners: Iterable[str]) -> bool:
        """Whether a connected switch has not confirmed what one of these asked for."""
        waits = (dpid for owner in owners for dpid in self._progress.waits(owner))
        return any(self._fleet.session(dpid) is not None for dpid in waits)

    def compile(self) -> None:
        """Compile what is due; owners of what changes wait for the switches, and what changes is sent."""
        self._progress.generation += 1
        changes = self._compiler.compile()
        for unit in self._compiler.touched:
            self._touch(unit.object, unit.dpid)
        for at, destination, _ in self._compiler.rerouted:
            self._touch(switch_object(destination), at)
        for dpid, entries in changes.items():
            switch = self._fleet.touched(dpid)
            if switch is not None:
                switch.sync.touch(entries, self._progress.generation)
        for unit in self._compiler.joined:
            # What others share with it is not there before their switch has confirmed.
            if not self._fleet.holds(unit.dpid, self._compiler.programs[unit.dpid].held(unit)):
                self._touch(unit.object, unit.dpid)

    def _touch(self, owner: str, dpid: int) -> None:
        """An object waits for a switch; one that is gone does not wait for a switch that is away, and nobody for one
        that was forgotten."""
        live = self._fleet.is_live(dpid)
        gone = owner.startswith("tenants/") and owner not in self._store.objects
        if not live and (gone or self._store.numbers.get("switch", format_dpid(Dpid(dpid))) is None):
            self._progress.drop(owner, dpid)
        else:
            self._progress.touch(owner, dpid, live=live)
        self._outcome.tell(owner)

    def adopt(self, switch: Switch) -> Adoption:
        """Compare what a switch holds with its program; from now on it is written to."""
        adoption = self._fleet.adopt(switch, self._progress.first(switch.dpid))
        self.differs(switch, adoption)
        return adoption

    def differs(self, switch: Switch, found: Adoption) -> None:
        """The owners of what differs wait for it; all others have what they want."""
        program = self._compiler.programs[switch.dpid]
        for entry in found.differences:
            for unit in program.owners(entry):
                self._progress.lost(unit.object, switch.dpid)
                self._outcome.tell(unit.object)
        self.confirm(switch)

    def confirm(self, switch: Switch) -> None:
        """A switch has answered; whoever waited for nothing else has what it wants."""
        self._outcome.tell(*self._progress.confirm(switch.dpid, switch.sync.oldest))
