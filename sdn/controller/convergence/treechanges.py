"""From other repair trees to other programs, so that no packet on repair ever goes round in circles.

As with routes, switches change at different moments, and act on what they had for a while: a packet may meet any
mixture of an old tree and a new one. Switches whose old and new hops together have no loop change at once, in any
order. The others have no hop of that color until the rest has settled: red packets become blue there, blue ones end. As
blue never becomes red, and each color moves along something without loops at all times, a packet crosses each link at
most once per color and direction, whatever fails while trees change. What it costs is a second in which a second
failure may find no repair at these few switches.

Belongs here: which repair hops are given to which switch, and when. Must not know: how trees are made, what is in
programs but repair hops.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Set
from functools import lru_cache

from sdn.controller.convergence.lingering import Confirmed, Lingering
from sdn.model.ids import Dpid
from sdn.model.route import NO_HOP, Repair, RepairHops, unversioned
from sdn.routing import transition

EFFORT = 6_000
"""Switches that are looked at in one turn, and some more: 130 ms at most on zoo:Kdl, of 754 switches."""
NOBODY: transition.Heads = frozenset()
COLORS: tuple[Callable[[RepairHops], int], ...] = (lambda hops: hops.red, lambda hops: hops.blue)

_hops = lru_cache(maxsize=1 << 14)(RepairHops)  # equal hops are one object
Wanted = dict[Dpid, RepairHops | None]


class TreeChanges:
    """Repair hops that were told and are not given yet, by version of a destination.

    repairs_of: what (switch, version) pairs have; known: switches that have a program; wires: neighbours by switch and
    port, also over links that are dead: these may be back at any moment. is_destination: whether anybody is there who
    could be sent to.
    """

    def __init__(
        self,
        repairs_of: Callable[[Iterable[tuple[Dpid, Dpid]]], list[RepairHops | None]],
        known: Container[int],
        wires: Mapping[tuple[Dpid, int], Dpid],
        is_destination: Callable[[Dpid], bool],
    ) -> None:
        self._repairs_of, self._known, self._wires = repairs_of, known, wires
        self.is_destination = is_destination
        self._wanted: dict[Dpid, Wanted] = {}
        self._due: dict[Dpid, None] = {}
        self._lingering: Lingering[RepairHops] = Lingering()
        self._away: Set[Dpid] = frozenset()
        self.alone: Set[Dpid] = frozenset()

    def __bool__(self) -> bool:
        """Whether some are still to be given to switches that are there."""
        return any(dpid not in self._away for wanted in self._wanted.values() for dpid in wanted)

    @property
    def changing(self) -> bool:
        """Whether some switch that is there is still to be given others."""
        wanted = (item for some in self._wanted.values() for item in some.items())
        return any(hops is not None and dpid not in self._away for dpid, hops in wanted)

    def waiting(self, dpid: Dpid) -> set[Dpid]:
        """Destinations for which a switch is still to be given others; not those for which it is to have none."""
        return {unversioned(name) for name, wanted in self._wanted.items() if wanted.get(dpid) is not None}

    def want(self, repairs: Iterable[Repair]) -> None:
        """Other repair hops of versions. O(repairs)."""
        for dpid, name, hops in repairs:
            self._wanted.setdefault(name, {})[dpid] = hops
            self._due[name] = None

    def forget(self, name: Dpid) -> None:
        """A version stays what it is, as no packet is given it any more."""
        self._wanted.pop(name, None)
        self._due.pop(name, None)

    def step(
        self, now: float, generation: int, away: Set[Dpid], confirmed: Confirmed, alone: Set[Dpid] = frozenset()
    ) -> list[Repair]:
        """Answers what is to be given by the compile that is to come, of this generation; once before each.

        away: switches that cannot be told anything; alone: of these, those without links, which nobody waits for.
        """
        moved = (away - alone, alone) != (self._away, self.alone)
        self._away, self.alone = away - alone, alone
        if self._lingering.step(now, confirmed, away) or moved:
            self._due.update(dict.fromkeys(self._wanted))
        given: list[Repair] = []
        late: dict[Dpid, None] = {}
        effort = EFFORT
        for name in self._due:
            step = _Step(name, self._wanted[name], self)
            if effort > 0 or step.is_first:
                given += step.hops()
                effort -= step.looked_at
            else:
                late[name] = None
            if not self._wanted[name]:
                del self._wanted[name]
        self._due = late
        self._note(given, generation)
        return given

    def _note(self, given: list[Repair], generation: int) -> None:
        before = self._repairs_of((dpid, name) for dpid, name, _ in given)
        self._lingering.note(
            generation,
            (
                (dpid, name, former)
                for (dpid, name, _), former in zip(given, before, strict=True)
                if dpid in self._known and dpid not in self._away
            ),
        )

    def former(self, name: Dpid) -> dict[Dpid, list[RepairHops | None]]:
        """What switches may still act upon."""
        found: dict[Dpid, list[RepairHops | None]] = {}
        for dpid, hops in self._lingering.of(name):
            found.setdefault(dpid, []).append(hops)
        return found

    def have_all(self, dpids: Iterable[Dpid], name: Dpid) -> list[RepairHops | None]:
        """What programs have."""
        return self._repairs_of([(dpid, name) for dpid in dpids])

    def is_away(self, dpid: Dpid) -> bool:
        """Whether a switch cannot be told anything."""
        return dpid in self._away

    def heads(self, dpid: Dpid, port: int) -> transition.Heads:
        """Where a port leads."""
        peer = self._wires.get((dpid, port))
        return NOBODY if peer is None else frozenset((peer,))


class _Step:
    """One version of a destination: what may be given now. What is given is taken out of ``wanted``."""

    def __init__(self, name: Dpid, wanted: Wanted, changes: TreeChanges) -> None:
        self._name, self._wanted, self._changes = name, wanted, changes
        self._destination = unversioned(name)
        self._former = changes.former(name)
        self._here: Wanted = dict(zip(wanted, changes.have_all(wanted, name), strict=True))
        self.is_first = not self._former and not any(self._here.values())
        """Whether nobody has any of those that are wanted: as when the controller starts, and all must be there before
        switches are adopted."""

    @property
    def looked_at(self) -> int:
        """How many switches were, for which it had to be found out what they do."""
        return 0 if self.is_first else len(self._here) + 1

    def hops(self) -> list[Repair]:
        """Those to be given."""
        if self.is_first:
            every: list[Repair] = [(dpid, self._name, hops) for dpid, hops in self._wanted.items() if hops is not None]
            self._wanted.clear()
            return every
        for dpid in [dpid for dpid, hops in self._wanted.items() if hops == self._have(dpid)]:
            del self._wanted[dpid]
        # One that is away does what it did; if that is nothing it does no harm to have something when it is back.
        told = {d: hops for d, hops in self._wanted.items() if not (self._changes.is_away(d) and self._have(d))}
        new = {dpid: hops for dpid, hops in told.items() if hops is not None}
        if not new:
            # Nobody needs these any more when all others have what they should, and have forgotten what they had, or
            # when nobody can be sent to.
            over = self._former.keys() <= self._changes.alone and len(told) == len(self._wanted)
            gone = list(told) if over or not self._changes.is_destination(self._destination) else []
            return [(dpid, self._name, None) for dpid in gone if self._wanted.pop(dpid, None) is None]
        red, blue = (self._ports(color, new) for color in COLORS)
        given: list[Repair] = []
        for dpid, hops in new.items():
            if red[dpid] == blue[dpid] == NO_HOP:
                blue[dpid] = self._port(COLORS[1], self._have(dpid))  # one after the other
            now = hops if (red[dpid], blue[dpid]) == (hops.red, hops.blue) else _hops(red[dpid], blue[dpid])
            if now is hops:
                del self._wanted[dpid]
            if now != (self._have(dpid) or _hops(NO_HOP, NO_HOP)):
                given.append((dpid, self._name, now))
        return given

    def _ports(self, color: Callable[[RepairHops], int], new: Mapping[Dpid, RepairHops]) -> dict[Dpid, int]:
        """What switches that are to have others may have of one color."""
        ports = {dpid: self._port(color, self._have(dpid)) for dpid in new}
        others = {dpid: color(hops) for dpid, hops in new.items() if color(hops) != ports[dpid]}
        heads = {dpid: self._changes.heads(dpid, port) for dpid, port in others.items()}
        depths: dict[Dpid, int | None] = {self._destination: 0}
        plan = transition.plan(
            *(self._destination, heads, lambda dpid: self._acting(color, dpid)),
            lambda dpid: self._depth(color, dpid, depths),
        )
        return ports | {dpid: others[dpid] for dpid in plan.now} | dict.fromkeys(plan.looping, NO_HOP)

    def _acting(self, color: Callable[[RepairHops], int], dpid: Dpid) -> transition.Acting:
        every = [self._have(dpid), *self._former.get(dpid, ())]
        heads = NOBODY.union(*(self._changes.heads(dpid, self._port(color, hops)) for hops in every))
        # A packet that is red becomes blue where red does not go on.
        last = COLORS[COLORS.index(color) :]
        return transition.Acting(heads, all(any(self._port(c, hops) != NO_HOP for c in last) for hops in every))

    def _depth(self, color: Callable[[RepairHops], int], dpid: Dpid, known: dict[Dpid, int | None]) -> int | None:
        """Switches on the way to the destination by the new tree; None if it does not lead there."""
        passed: dict[Dpid, None] = {}
        at: Dpid | None = dpid
        while at is not None and at not in known and at not in passed:
            passed[at] = None
            hops = self._wanted[at] if at in self._wanted else self._have(at)
            at = next(iter(self._changes.heads(at, self._port(color, hops))), None)
        depth = None if at is None else known.get(at)
        for switch in reversed(passed):
            depth = known[switch] = None if depth is None else depth + 1
        return known[dpid]

    def _have(self, dpid: Dpid) -> RepairHops | None:
        if dpid not in self._here:
            (self._here[dpid],) = self._changes.have_all((dpid,), self._name)
        return self._here[dpid]

    @staticmethod
    def _port(color: Callable[[RepairHops], int], hops: RepairHops | None) -> int:
        return NO_HOP if hops is None else color(hops)
