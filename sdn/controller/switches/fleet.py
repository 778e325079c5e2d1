"""The switches: their sessions, what was adopted, and one batch on its way to each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from sdn.controller.effects import RequestReadBack, SendBatch
from sdn.controller.events import BatchDone, ReadBack, Session, SwitchDown, SwitchUp
from sdn.model.ids import Dpid
from sdn.model.program import Entry, FlowKey, Installed
from sdn.pipeline.program import SwitchProgram
from sdn.reconcile import TOGETHER, Adoption, SwitchSync


@dataclass(slots=True)
class Switch:
    """A switch that has connected at least once in this life of the daemon.

    installed: read back, but not adopted yet. live: adopted, so that ``sync`` is true. batch: id of the one on its way,
    0 if none is. auditing: a full read-back was asked for. alien, alien_groups: flows and groups that are not ours.
    missed: the oldest generation that it had not confirmed when its session ended.
    """

    dpid: Dpid
    sync: SwitchSync
    session: Session | None = None
    peer: str = ""
    installed: Installed | None = None
    live: bool = False
    alien: int = 0
    alien_groups: int = 0
    batch: int = 0
    auditing: bool = False
    missed: int | None = None


class Fleet:
    """All switches by datapath id. programs: what each must hold, by datapath id. spared: see SwitchSync."""

    def __init__(self, programs: Mapping[int, SwitchProgram], spared: Collection[FlowKey] = frozenset()) -> None:
        self._programs = programs
        self._spared = spared
        self._switches: dict[int, Switch] = {}
        self._ready: dict[int, None] = {}
        self._idling: dict[int, None] = {}
        """Switches with groups that are to be deleted later."""
        self._batches = 0

    def __iter__(self) -> Iterator[Switch]:
        return iter(self._switches.values())

    def get(self, dpid: int) -> Switch | None:
        """A switch that has connected."""
        return self._switches.get(dpid)

    def session(self, dpid: int) -> Session | None:
        """The session of a connected switch."""
        switch = self._switches.get(dpid)
        return switch.session if switch else None

    def current(self, dpid: int, session: Session) -> Switch | None:
        """The switch, if this is its present session."""
        switch = self._switches.get(dpid)
        return switch if switch is not None and switch.session == session else None

    def up(self, event: SwitchUp) -> None:
        """A switch connected; its program must exist. It is not written to before ``adopt``."""
        switch = self._switches.get(event.dpid)
        if switch is None:
            switch = Switch(event.dpid, SwitchSync(self._programs[event.dpid], self._spared))
            self._switches[event.dpid] = switch
        self._end(switch)
        switch.session, switch.peer, switch.installed = event.session, event.peer, event.installed

    def down(self, event: SwitchDown) -> bool:
        """A session ended; whether it was the present one."""
        switch = self.current(event.dpid, event.session)
        if switch is not None:
            self._end(switch)
        return switch is not None

    def forget(self, dpid: int) -> None:
        """A switch that is away is as if it had never connected."""
        for table in (self._switches, self._ready, self._idling):
            table.pop(dpid, None)

    @staticmethod
    def _end(switch: Switch) -> None:
        if switch.live:
            switch.missed = switch.sync.oldest
        switch.session, switch.installed, switch.live, switch.batch, switch.auditing = None, None, False, 0, False
        switch.sync.reset()

    def waiting(self) -> list[Switch]:
        """Switches that are connected and not adopted."""
        return [switch for switch in self._switches.values() if switch.installed is not None]

    def adopt(self, switch: Switch, generation: int) -> Adoption:
        """Compare what a switch holds with its program; from now on it is written to.

        generation: the first that it may have missed while it was away.
        """
        assert switch.installed is not None
        first = generation if switch.missed is None else min(generation, switch.missed)
        adoption = switch.sync.adopt(switch.installed, first)
        switch.installed, switch.live = None, True
        switch.alien, switch.alien_groups = adoption.alien, adoption.alien_groups
        self._ready[switch.dpid] = None
        return adoption

    def touched(self, dpid: int) -> Switch | None:
        """The switch, if it is live; it is looked at when batches are made next."""
        switch = self._switches.get(dpid)
        if switch is None or not switch.live:
            return None
        self._ready[dpid] = None
        return switch

    def batches(self, now: float, generation: int) -> Iterator[SendBatch]:
        """The next batch of each live switch that has something to be written and none on its way."""
        ready, self._ready = self._ready | self._idling, {}
        for dpid in ready:
            switch = self._switches[dpid]
            if switch.live and switch.sync.retire(now, generation):
                self._idling[dpid] = None
            else:
                self._idling.pop(dpid, None)
            batch = switch.sync.next_batch(together=TOGETHER) if switch.live and not switch.batch else None
            if batch is not None and switch.session is not None:
                self._batches += 1
                switch.batch = self._batches
                yield SendBatch(switch.session, switch.batch, batch)

    def done(self, event: BatchDone) -> Switch | None:
        """A batch was answered; the switch, if this is its present session and batch."""
        switch = self.current(event.dpid, event.session)
        if switch is None or switch.batch != event.batch_id:
            return None
        switch.batch = 0
        self._ready[event.dpid] = None
        switch.sync.done(event.failures)
        return switch

    def unspare(self, generation: int) -> None:
        """Nothing is spared any more: delete what was."""
        for switch in self._switches.values():
            if switch.live:
                switch.sync.unspare(generation)
                self._ready[switch.dpid] = None

    def is_live(self, dpid: int) -> bool:
        """Whether a switch is connected and adopted."""
        switch = self._switches.get(dpid)
        return switch is not None and switch.live

    def confirmed(self, dpid: int, generation: int) -> bool:
        """Whether a switch is known to hold all that this generation and those before it asked for."""
        switch = self._switches.get(dpid)
        if switch is None or not switch.live:
            return False
        oldest = switch.sync.oldest
        return oldest is None or oldest > generation

    def holds(self, dpid: int, entries: Iterable[Entry]) -> bool:
        """Whether a switch is known to hold these entries of its program as they should be."""
        switch = self._switches.get(dpid)
        return switch is not None and switch.live and not any(map(switch.sync.is_pending, entries))

    # Audit

    def ask(self, switch: Switch) -> RequestReadBack | None:
        """Ask a live switch for everything it holds; None while an answer is on its way."""
        if not switch.live or switch.session is None or switch.auditing:
            return None
        switch.auditing = True
        switch.sync.begin_audit()
        return RequestReadBack(switch.session)

    def audit(self, event: ReadBack, generation: int) -> Adoption | None:
        """Compare instructions too; what differs is written. None when this was not asked of the present session."""
        switch = self.current(event.dpid, event.session)
        if switch is None or not switch.auditing:
            return None
        switch.auditing = False
        found = switch.sync.end_audit(event.installed, generation)
        switch.alien, switch.alien_groups = found.alien, found.alien_groups
        self._ready[switch.dpid] = None
        return found
