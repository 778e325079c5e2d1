"""From other routes to other programs, so that no packet loops or is lost on the way (docs/convergence.md).

Next hops that can be changed in any order of switches are changed in place. A destination whose can not gets a second
version of its routes, under another epoch: when all switches have confirmed it, what enters goes by the new version,
and when they have confirmed that too and a grace is over, the old version goes. Where a switch cannot be reached, no
version can be made anew; then as many switches as possible change in place, and the others when these have settled.

Belongs here: when which switch gets which next hops. Must not know: how they are compiled or sent, why they changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from sdn.controller.convergence import epochs
from sdn.controller.convergence.lingering import Fading, Inherited, Lingering
from sdn.controller.convergence.outlook import Outlook
from sdn.controller.convergence.repairchanges import RepairChanges
from sdn.controller.convergence.strangers import Strangers
from sdn.controller.convergence.versions import VersionedRoutes, VersionsOf, item, same_ports
from sdn.controller.switches.fleet import Fleet
from sdn.model.ids import Dpid
from sdn.model.route import EPOCHS, NextHops, Repair, RepairHops, Reroute, unversioned, version
from sdn.model.topology import LinkChanges
from sdn.pipeline import Compiler
from sdn.routing import ShortestPaths


class Convergence:
    """All routes and repair hops of the compiler.

    paths: what is wanted; generation: of the compile that is to come; repair_of: repair hops of (switch, destination),
    as they are now. Until the first ``settle`` nothing is written to switches, and everything is passed on at once.
    """

    def __init__(
        self,
        compiler: Compiler,
        paths: ShortestPaths,
        fleet: Fleet,
        generation: Callable[[], int],
        repair_of: Callable[[Dpid, Dpid], RepairHops | None],
        saved: epochs.Epochs,
        strangers: Strangers,
    ) -> None:
        """saved: as before a restart."""
        self._compiler, self.paths, self._fleet = compiler, paths, fleet
        self._generation, self.repair_of, self._strangers = generation, repair_of, strangers
        self._peers: dict[tuple[Dpid, int], Dpid] = {}
        self._wires: dict[tuple[Dpid, int], Dpid] = {}
        """As ``_peers``, also over links that are dead: they may be back at any moment."""
        self._restored = saved
        self._routes = VersionedRoutes(compiler, saved.current)
        self._versions: dict[Dpid, VersionsOf] = {}
        self._lingering: Lingering[NextHops] = Lingering()
        self.inherited = Inherited()
        self._pending: list[list[Reroute]] = []
        self._risky: set[Dpid] = set()
        self._postponed: dict[Dpid, None] = {}
        """Destinations that some switches cannot be given new next hops for, at present."""
        self._away: frozenset[Dpid] = frozenset()
        self._alone: frozenset[Dpid] = frozenset()
        """Of these, those without links that are alive: they do nothing to anybody, and nobody waits for them."""
        self._resting: dict[Dpid, Fading] = {}
        """Versions that are no more: some switch may still know them, so their epochs are not given again at once."""
        self.repairs = RepairChanges(compiler, self._routes, self._wires, self._is_destination)
        self._changed: dict[Dpid, None] = {}
        """Destinations whose record is another one."""

    # ---- told ----------------------------------------------------------------------------------------------------

    def change_links(self, changes: LinkChanges) -> None:
        """Links are others; call it before ``take``."""
        for link in changes.gone:
            for end in (link.a, link.b):
                if self._peers.get((end.dpid, end.port)) == link.other(end).dpid:
                    del self._peers[end.dpid, end.port]
        for link in changes.new:
            for end in (link.a, link.b):
                self._peers[end.dpid, end.port] = self._wires[end.dpid, end.port] = link.other(end).dpid

    def take(self, reroutes: list[Reroute], risky: Iterable[Dpid] = ()) -> None:
        """Other next hops are wanted; risky: see ShortestPaths."""
        if not self.repairs.begun:
            self._routes.set(self._routes.named(reroutes))
        elif reroutes:
            self._pending.append(reroutes)
            self._risky.update(risky)

    def set_repairs(self, repairs: list[Repair], now: float) -> None:
        """Other repair hops are wanted, or time has passed. They wait while packets may be on their way by repair."""
        if repairs or self.repairs:
            for dpid, name, _ in self.repairs.take(repairs, self._building(), now, *self._disturbed()):
                if dpid not in self._away:
                    self._versions[unversioned(name)].wait_for(dpid, self._generation())

    def adopt(self, reroutes: list[Reroute], repairs: list[Repair], since: float) -> None:
        """Switches hold this, and not what is wanted, which is given to them as any other change is."""
        others = {destination: None for _, destination, _ in reroutes}
        self._postponed.update(others)
        self._routes.set(self._routes.named(reroutes))
        wanted = [(dpid, d, self.repair_of(dpid, d)) for dpid, d, _ in repairs]
        self.repairs.adopt(repairs)
        self.repairs.take(wanted, {}, since, others, ())

    def records(self) -> dict[str, str | None]:
        """Records to put (None: delete) in the bucket ``epochs`` since the last call."""
        changed, self._changed = self._changed, {}
        return dict(epochs.records(changed, self._in_use))

    def _in_use(self, destination: Dpid) -> tuple[int, ...]:
        """Epochs that packets to a destination may carry: first that which they are given now."""
        versions = self._versions.get(destination)
        former = self._restored.former.get(destination, ())
        return self.epoch(destination), *(versions.draining if versions else ()), *former

    def epoch(self, destination: Dpid) -> int:
        """That which packets to a destination are given."""
        return self._routes.epochs.get(destination, 0)

    def holding(self, destination: Dpid) -> dict[int, dict[Dpid, NextHops]]:
        """By epoch, the next hops that programs have. O(switches)."""
        names = ((epoch, version(destination, epoch)) for epoch in range(EPOCHS))
        return {epoch: held for epoch, name in names if (held := dict(self._routes.holders(name)))}

    @property
    def settled(self) -> bool:
        """Whether all that is wanted has been given, and nothing former is left."""
        waiting = self._versions or self._postponed or self._pending or self.repairs
        return not (waiting or self._lingering.names(self._alone))

    def settle(self, now: float) -> None:
        """Take the steps that are due. Call it once before each compile, when switches are written to."""
        self.repairs.begun = True
        away = frozenset(Dpid(dpid) for dpid in self._compiler.programs if not self._fleet.is_live(dpid))
        alone = away - {dpid for dpid, _ in self._peers} if away else away
        moved = away != self._away or alone != self._alone
        self._away, self._alone = away, alone
        self._routes.dropped.clear()
        restored = self._restored
        over = restored.step(now, self._generation(), self._givers(), self._fleet) if restored.former else []
        self._changed.update(dict.fromkeys(over))
        rested = [name for name, fading in self._resting.items() if fading.over(now, self._strangers.forgot)]
        for name in rested:
            del self._resting[name]
        forgotten = self._lingering.step(now, self._fleet.confirmed, away)
        cleared = bool(over or rested) | self.inherited.step(now) | forgotten
        freed = [self._advance(d, versions, now) for d, versions in list(self._versions.items())]
        placed = self._place() if self._pending else set()
        if self._postponed and (moved or cleared or any(freed)):
            for destination in [destination for destination in self._postponed if destination not in placed]:
                self._judge(destination)
        self.set_repairs([], now)

    def settle_trees(self, now: float) -> None:
        """Give switches the repair hops they may have by now. Call it once before each compile, when all are told."""
        self.repairs.step(now, self._generation(), self._away, self._fleet.confirmed, self._alone)

    def _left(self, dpid: Dpid, generation: int) -> bool:
        """Whether a switch does nothing any more of what was before a generation.

        One that is away and has no links does nothing to anybody; what it does when it is back is what it says then.
        """
        return dpid in self._alone or self._fleet.confirmed(dpid, generation)

    def _givers(self) -> Iterable[Dpid]:
        """Switches that may give packets an epoch: those that are there, and those that have links."""
        linked = {dpid for dpid, _ in self._peers}
        return (dpid for dpid in map(Dpid, self._compiler.programs) if dpid in linked or dpid not in self._away)

    # ---- in place ------------------------------------------------------------------------------------------------

    def _place(self) -> set[Dpid]:
        """Carry out what is wanted since the last time; answers the destinations that were judged one by one."""
        pending, self._pending = self._pending, []
        risky, self._risky = self._risky, set()
        reroutes = pending[0]
        if len(pending) > 1:
            last = {(dpid, destination): hops for some in pending for dpid, destination, hops in some}
            reroutes = [(*key, hops) for key, hops in last.items()]
        known = {destination for _, destination, _ in reroutes}
        slow = known & (risky | self._versions.keys() | self._postponed.keys() | self.inherited.all)
        uneasy = self._lingering.names()
        slow.update(d for d in known - slow if self._routes.name(d) in uneasy and not self._is_calm(d))
        if slow:
            programs = self._compiler.programs
            # What a switch without a program would do is kept until it has one.
            reroutes = [r for r in reroutes if r[1] not in slow or r[0] not in programs]
        self._apply(reroutes)
        for destination in sorted(slow):
            self._judge(destination)
        return slow

    def _is_calm(self, destination: Dpid) -> bool:
        """Whether all that switches may still act upon leads nearer to a destination, as its next hops do."""
        distance, wires = self.paths.distance, self._wires
        for dpid, hops in self._lingering.of(self._routes.name(destination)):
            own = distance(dpid, destination)
            if hops is None or own is None:
                return False
            for port in hops.ports:
                peer = wires.get((dpid, port))
                if peer is not None:
                    far = distance(peer, destination)
                    if far is None or far >= own:
                        return False
        return True

    def _apply(self, reroutes: list[Reroute]) -> None:
        """Give switches these next hops in place; those that are away when they are back."""
        named = self._routes.named(reroutes)
        former = self._routes.former(named)
        if missed := self._away - self._alone:
            kept = []
            for reroute, before in zip(named, former, strict=True):
                if reroute[0] in missed and before is not None and self._is_destination(reroute[1]):
                    self._postponed[unversioned(reroute[1])] = None
                else:
                    kept.append((reroute, before))
            named, former = [reroute for reroute, _ in kept], [before for _, before in kept]
        self._routes.set(named)
        self._lingering.note(
            self._generation(),
            (
                (dpid, name, before)
                for (dpid, name, hops), before in zip(named, former, strict=True)
                if dpid in self._compiler.programs and dpid not in missed and not same_ports(before, hops)
            ),
        )

    def _judge(self, destination: Dpid) -> None:
        """Bring one destination as far as it can be brought now."""
        if not self._is_destination(destination):
            self._forget(destination)
            return
        if destination in self.inherited.all:
            self._postponed[destination] = None
            return
        outlook = self._outlook(destination)
        changed = outlook.changed
        now, looping = outlook.plan(changed)
        building = destination in self._versions and self._versions[destination].building is not None
        if len(now) == len(changed):
            self._postponed.pop(destination, None)
            if building:
                self._abandon(destination)
        else:
            self._postponed[destination] = None
            possible = bool(looping) and self._may_build(destination, outlook.wanted)
            if building or (possible and not outlook.can_wait(changed, now, self.paths.destinations)):
                self._build(destination, outlook.wanted)
                return
        self._apply([(dpid, destination, outlook.wanted[dpid]) for dpid in now])

    def _outlook(self, destination: Dpid) -> Outlook:
        name = self._routes.name(destination)
        switches = self._routes.switches(destination)
        former: dict[Dpid, list[NextHops | None]] = {}
        for dpid, hops in self._lingering.of(name):
            former.setdefault(dpid, []).append(hops)
        return Outlook(
            destination,
            dict(zip(switches, self._routes.hops_of(switches, name), strict=True)),
            {dpid: self.paths.next_hops(dpid, destination) for dpid in switches},
            former,
            self._away - self._alone,
            self._peers,
            self._wires,
            lambda dpid: self.paths.distance(dpid, destination),
        )

    # ---- by epochs -----------------------------------------------------------------------------------------------

    def _may_build(self, destination: Dpid, wanted: Mapping[Dpid, NextHops | None]) -> bool:
        """Whether a version can be made: all switches that would have it are there, and an epoch is free."""
        return self._free_epoch(destination) is not None and not any(
            wanted[dpid] for dpid in self._away & wanted.keys()
        )

    def _free_epoch(self, destination: Dpid) -> int | None:
        first, *_ = taken = self._in_use(destination)
        dropped = self._routes.dropped
        others = ((first + n) % EPOCHS for n in range(1, EPOCHS))
        names = ((e, version(destination, e)) for e in others if e not in taken)
        free = (e for e, name in names if name not in dropped and name not in self._resting)
        return next(free, None) if self._strangers.closed else None

    def _build(self, destination: Dpid, wanted: Mapping[Dpid, NextHops | None]) -> None:
        """Make a version that no packet is in yet, or bring it up to date."""
        versions = self._versions.setdefault(destination, VersionsOf())
        if versions.building is None:
            epoch = self._free_epoch(destination)
            assert epoch is not None, "asked for before"
            versions.building, versions.built = epoch, None
        name = self._routes.make(destination, versions.building)
        there = self._routes.hops_of(wanted, name)
        changes = [(dpid, hops) for (dpid, hops), before in zip(wanted.items(), there, strict=True) if before != hops]
        if not changes and versions.built is not None:
            return
        self._routes.set([item(dpid, name, hops, stamped=False) for dpid, hops in changes])
        if versions.built is None:  # later ones are told; also those without routes, which may get some in this version
            self._routes.set_repairs([(dpid, name, self.repair_of(dpid, destination)) for dpid in wanted])
        # Also those that are to have nothing: what they may have of it from before must be gone.
        waits = {dpid for dpid, hops in wanted.items() if hops is not None or dpid not in self._away}
        versions.built = Fading(self._generation(), waits)

    def _advance(self, destination: Dpid, versions: VersionsOf, now: float) -> bool:
        """Go on with the versions of a destination; whether an epoch was given up or became free."""
        gone = [e for e, fading in versions.draining.items() if fading.over(now, self._left)]
        for epoch in gone:
            del versions.draining[epoch]
            self._drop(destination, epoch)
            self._changed[destination] = None
        built = versions.built
        if built is not None:
            if not built.waits.isdisjoint(self._away):
                self._abandon(destination)
                self._postponed[destination] = None
                return True
            built.over(now, self._fleet.confirmed)
            if not built.waits:
                self._flip(destination, versions)
        if versions.building is None and not versions.draining:
            self._versions.pop(destination, None)
        return bool(gone)

    def _flip(self, destination: Dpid, versions: VersionsOf) -> None:
        """All switches have the new version: let what enters go by it."""
        old, new = self.epoch(destination), versions.building
        assert new is not None, "it was built"
        items, leaving = [], set()
        # The old version first: both have the entry that stamps, and the last one that writes it has it.
        for name, stamped in ((version(destination, old), False), (version(destination, new), True)):
            for dpid, hops in self._routes.holders(name):
                items.append(item(dpid, name, hops, stamped=stamped))
                leaving.add(dpid)
        self._routes.set(items)
        self.repairs.forget(version(destination, old))
        self._routes.epochs[destination] = new
        versions.draining[old] = Fading(self._generation(), leaving)
        versions.building, versions.built = None, None
        self._postponed.pop(destination, None)
        self._changed[destination] = None

    def _drop(self, destination: Dpid, epoch: int) -> None:
        """A version is not needed any more. O(switches)."""
        name = version(destination, epoch)
        self.repairs.forget(name)
        # Also those that were told to have nothing of it, and have not confirmed that yet.
        know = {dpid for dpid, _ in (*self._routes.holders(name), *self._lingering.of(name))}
        self._resting[name] = Fading(self._generation(), know)
        self._routes.drop(destination, epoch)

    def _abandon(self, destination: Dpid) -> None:
        """A version that no packet was in is of no use any more."""
        versions = self._versions[destination]
        epoch, versions.building, versions.built = versions.building, None, None
        if epoch is not None:
            self._drop(destination, epoch)
        if not versions.draining:
            del self._versions[destination]

    def _forget(self, destination: Dpid) -> None:
        """Nobody is there any more who could be sent to. If somebody is again at once, caches still know the way.

        Repair hops of the version that packets are given are left to ``set_repairs``: it tells differences, and none if
        somebody is there again before it would have told that they are gone.
        """
        versions = self._versions.pop(destination, VersionsOf())
        current = self.epoch(destination)
        for epoch in {*self._in_use(destination), *versions.draining, versions.building} - {None, current}:
            self._drop(destination, int(epoch or 0))
        name = self._routes.name(destination)
        there = [(dpid, name, hops) for dpid, hops in self._routes.holders(name) if dpid not in self._away]
        self._lingering.note(self._generation(), there)
        self._routes.empty(destination, current)
        self._postponed.pop(destination, None)
        self._changed[destination] = None

    # ---- repair --------------------------------------------------------------------------------------------------

    def _disturbed(self) -> tuple[set[Dpid], set[Dpid]]:
        """Busy and uneasy destinations (HeldRepairs): packets may be on their way by repair to those of which some
        switch had only next hops that are dead, until all have confirmed others."""
        peers = self._peers
        dead = (
            unversioned(name)
            for dpid, name, hops in self._lingering.unconfirmed()
            if hops is not None and not any((dpid, port) in peers for port in hops.ports)
        )
        moving = (destination for destination, versions in self._versions.items() if versions.moving)
        uneasy = {unversioned(name) for name in self._lingering.names(self._alone)}
        return {*moving, *dead, *self.inherited.others}, uneasy

    def _building(self) -> dict[Dpid, int]:
        return {d: versions.building for d, versions in self._versions.items() if versions.building is not None}

    def _is_destination(self, name: Dpid) -> bool:
        destination = unversioned(name)
        return self.paths.distance(destination, destination) is not None
