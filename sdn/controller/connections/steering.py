"""Moving connections between paths so that no packet is lost: first the new path is made, then the ends send along it,
then the old one is removed.

A connection has *slots*, each a path with numbers that switches know. Traffic takes one of them, or none:
then it goes the shortest way, which is always there. A slot is steered to only when every switch of its path has
confirmed it, and removed only some time after the switches at both ends have confirmed that they do not send along it
(a barrier does not cover packets on their way, nor the cache of the datapath). Connections along the same way share its
numbers (``pathnumbers.py``); each takes and leaves it at its own time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from sdn.controller.connections.pathnumbers import Pair, PathNumbers, no_numbers
from sdn.model.ids import Dpid
from sdn.model.program import GRACE
from sdn.model.route import Path
from sdn.pipeline.facts import CircuitFacts, ConnectionFacts, Way
from sdn.store.numbers import Numbers


class Confirmed(Protocol):
    """What switches have said; see ``Confirmation``, with objects by name."""

    def has(self, name: str, switches: Collection[int], generation: int) -> bool:
        """Whether switches have confirmed all that a generation (or one before) changed for an object."""

    def holds(self, name: str, switches: Collection[int], generation: int) -> bool:
        """The same, none of these switches refused something, and all are connected and read back."""

    def refused(self, name: str, switches: Collection[int]) -> bool:
        """Whether one of these switches refused what the paths of a connection need there."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Where a connection should go. a, b: service numbers of its ends; backup: installed beside the primary."""

    a: int
    b: int
    primary: Path
    backup: Path | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """What must be installed."""
        return (self.primary,) if self.backup is None else (self.primary, self.backup)


@dataclass(frozen=True, slots=True)
class Target:
    """What traffic of a connection meets. way: the path that it takes; a, b: service numbers of its ends.

    classified: only some of what the ends send to each other takes it. circuit: the ends a and b of a bare one, whose
    port numbers are known; rooted: of a leg of one, which of them (0, 1) is the root.
    """

    way: Way
    a: int
    b: int
    classified: bool = False
    circuit: tuple[CircuitFacts, CircuitFacts] | None = None
    rooted: int | None = None


@dataclass(slots=True)
class _Slot:
    path: Path
    way: Way
    made: int
    """Generation from which it is among what switches are to hold."""
    since: int
    """Generation that switches must have confirmed before it can be used."""
    used: bool = False
    """Whether traffic has ever taken it."""
    second: bool = False
    """Whether others along this path have other numbers, to which it changes."""


@dataclass(slots=True)
class _Steering:
    """One connection. wish: None: it takes no path of its own, and ends when its slots are removed."""

    wish: Wish | None = None
    ends: tuple[int, int] = (0, 0)
    slots: dict[int, _Slot] = field(default_factory=dict)
    steered: int | None = None
    turned: int = 0
    """Generation of the last change of ``steered``."""
    left: frozenset[Dpid] = frozenset()
    """Ends of the slots that were left since the last removal."""
    removal: float | None = None
    restored: bool = False
    """It stays as it is until somebody says where it should go."""
    realised: Path | None = None
    """The path that traffic takes, as far as the switches of its ends have confirmed."""

    def slot_of(self, path: Path) -> int | None:
        """The slot that holds a path, with the numbers of all who take it."""
        return next((n for n, slot in self.slots.items() if slot.path == path and not slot.second), None)

    @property
    def steered_path(self) -> Path | None:
        """What switches were told last."""
        return None if self.steered is None else self.slots[self.steered].path


class Steerings:
    """All connections with slots. numbers: of the store; set_facts: told of every change; generation: of the compile
    that is to come; confirmed: see above."""

    def __init__(
        self,
        numbers: Numbers,
        set_facts: Callable[[str, ConnectionFacts | None], None],
        generation: Callable[[], int],
        confirmed: Confirmed,
    ) -> None:
        self.ways = PathNumbers(numbers)
        self._set_facts = set_facts
        self._generation = generation
        self._confirmed = confirmed
        self._all: dict[str, _Steering] = {}
        self._moving: dict[str, None] = {}
        self._changed: dict[str, None] = {}

    def restore(self, name: str, slots: Mapping[int, tuple[Path, Pair]], steered: int | None) -> None:
        """What switches were told in an earlier life; call it before the first ``want`` of this connection.

        slots: of each the path, and its numbers, which ``ways`` has as claimed. Whether they had confirmed it is not
        known, but of the path that was steered to. So others are not steered to before they are confirmed in this life,
        and those that were left stay until the ends are known to send elsewhere.
        """
        steering, now = _Steering(), self._generation()
        for number, (path, numbers) in slots.items():
            restored = self.ways.restore(numbers, path, name)
            if restored is not None:
                way, second = restored
                since = 0 if number == steered else now
                steering.slots[number] = _Slot(path, way, now, since, used=True, second=second)
                steering.left |= set(_ends(path))
        if not steering.slots:
            return
        self._all[name] = steering
        steering.steered, steering.turned = steered if steered in steering.slots else None, now
        steering.realised, steering.restored = steering.steered_path, True
        self._moving[name] = self._changed[name] = None

    def want(self, name: str, wish: Wish | None) -> None:
        """Let a connection go there from now on, as soon as it can; None: by no path of its own. O(1).

        Raises Exhausted when there are no numbers for its paths; then nothing is changed.
        """
        steering = self._all.get(name)
        if steering is None:
            if wish is None:
                return
            steering = _Steering()
        steering.restored = False
        if steering.wish == wish:
            return
        if wish is not None and not self.ways.has_room(wish.paths):
            raise no_numbers()
        self._all[name] = steering
        steering.wish = wish
        if wish is not None:
            for path in wish.paths:
                self._install(name, steering, path)
            if steering.ends != (wish.a, wish.b):
                steering.ends = (wish.a, wish.b)
                self._changed[name] = None
        self._moving[name] = None

    def _install(self, name: str, steering: _Steering, path: Path) -> None:
        if steering.slot_of(path) is not None:
            return
        number = next(n for n in range(len(steering.slots) + 1) if n not in steering.slots)
        way, made = self.ways.take(path, name), self._generation()
        steering.slots[number] = _Slot(path, way, made, 0 if self._stands(way, name) else made)
        self._changed[name] = None

    def _stands(self, way: Way, name: str) -> bool:
        """Whether switches hold a way already, for one who has taken it before."""
        first = self.ways.first((way.forward, way.backward))
        if first == name:
            return False
        numbers = {way.forward, way.backward}
        slots = self._all[first].slots.values()
        made = max(slot.made for slot in slots if {slot.way.forward, slot.way.backward} == numbers)
        return self._confirmed.holds(first, way.path.switches, max(made, self._generation() - 1))

    def moving(self, name: str, path: Path | None = None) -> bool:
        """Whether a connection is not yet on the path that it should take, or its backup is not there yet.

        path: that it should take, if ``want`` may not have said it yet.
        """
        steering = self._all.get(name)
        wish = None if steering is None else steering.wish
        if path is not None and (wish is None or wish.primary != path):
            return True
        if steering is None or steering.wish is None:
            return False
        primary = steering.wish.primary
        if steering.steered != steering.slot_of(primary):
            return True
        ends = primary.switches[0], primary.switches[-1]
        return not self._confirmed.has(name, ends, steering.turned) or not all(
            self._ready(name, steering, path) for path in steering.wish.paths
        )

    @property
    def resting(self) -> bool:
        """Whether nobody moves."""
        return not self._moving

    def realised(self, name: str) -> Path | None:
        """The path that traffic takes, as far as switches have confirmed; the one before until all have."""
        steering = self._all.get(name)
        return None if steering is None else steering.realised

    def target(self, name: str) -> Target | None:
        """What is to be probed; None while traffic is not where it should be."""
        steering = self._all.get(name)
        if steering is None or steering.steered is None or self.moving(name):
            return None
        return Target(steering.slots[steering.steered].way, *steering.ends)

    def installed(self, name: str) -> tuple[dict[int, Way], int | None]:
        """For ``restore``: the ways by slot, and which is steered to."""
        steering = self._all.get(name)
        if steering is None:
            return {}, None
        return {number: slot.way for number, slot in steering.slots.items()}, steering.steered

    def step(self, now: float) -> list[str]:
        """Take the steps that are due; answers who has another ``installed`` or ``realised`` now.

        O(connections that move).
        """
        told: dict[str, None] = {}
        for name in list(self._moving):
            steering = self._all[name]
            if steering.restored:
                continue
            self._turn(name, steering)
            if self._realise(name, steering):
                told[name] = None
            if self._tidy(name, steering, now):
                del self._moving[name]
        changed, self._changed = self._changed, {}
        for name in changed:
            self._tell(name)
        return list(told | changed)

    # ---- inside --------------------------------------------------------------------------------------------------

    def _turn(self, name: str, steering: _Steering) -> None:
        """Steer to the wanted path if that is ready."""
        wish = steering.wish
        target = None if wish is None else steering.slot_of(wish.primary)
        before = steering.steered_path
        if target != steering.steered and wish is not None and not self._ready(name, steering, wish.primary):
            # What leads to where an end was before it moved is of no use until then; the shortest way is.
            target = steering.steered if before is None or _ends(before) == _ends(wish.primary) else None
        if target == steering.steered:
            return
        steering.left |= set(_ends(before)) if before else set()
        steering.steered, steering.turned, steering.removal = target, self._generation(), None
        if target is not None:
            steering.slots[target].used = True
        self._changed[name] = None

    def _realise(self, name: str, steering: _Steering) -> bool:
        """Whether traffic is known to have left one path for another."""
        path = steering.steered_path
        if path == steering.realised:
            return False
        ends = steering.left if path is None else _ends(path)
        if not self._confirmed.has(name, ends, steering.turned):
            return False
        steering.realised = path
        return True

    def _ready(self, name: str, steering: _Steering, path: Path) -> bool:
        number = steering.slot_of(path)
        if number is None or self._confirmed.refused(name, path.switches):
            return False
        return self._confirmed.has(name, path.switches, steering.slots[number].since)

    def _tidy(self, name: str, steering: _Steering, now: float) -> bool:
        """Remove slots that nobody needs; whether nothing is left to be done."""
        wish = steering.wish
        wanted = {steering.slot_of(path) for path in wish.paths} if wish is not None else set()
        wanted.add(steering.steered)
        extra = [number for number in steering.slots if number not in wanted]
        for number in [number for number in extra if not steering.slots[number].used]:
            self._drop(name, steering, number)
            extra.remove(number)
        if steering.steered != (None if wish is None else steering.slot_of(wish.primary)):
            return False
        if extra and not self._is_over(name, steering, now):
            return False
        for number in extra:
            self._drop(name, steering, number)
        steering.left, steering.removal = frozenset(), None
        return wish is None or not self.moving(name)

    def _is_over(self, name: str, steering: _Steering, now: float) -> bool:
        """Whether no packet can be on a slot that was left."""
        if not self._confirmed.has(name, steering.left, steering.turned):
            return False
        if steering.removal is None:
            steering.removal = now + GRACE
        return now >= steering.removal

    def _drop(self, name: str, steering: _Steering, number: int) -> None:
        way = steering.slots.pop(number).way
        self.ways.leave((way.forward, way.backward), name)
        self._changed[name] = None

    def _tell(self, name: str) -> None:
        steering = self._all[name]
        if not steering.slots and steering.wish is None:
            del self._all[name]
            self._set_facts(name, None)
            return
        ways = {number: slot.way for number, slot in sorted(steering.slots.items())}
        steered = None if steering.steered is None else ways[steering.steered]
        self._set_facts(name, ConnectionFacts(*steering.ends, tuple(ways.values()), steered))


def _ends(path: Path) -> tuple[Dpid, Dpid]:
    return path.switches[0], path.switches[-1]
