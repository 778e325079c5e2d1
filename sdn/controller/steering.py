"""Moving connections between paths so that no packet is lost: first the new path is made, then the ends send along it,
then the old one is removed.

A connection has *slots*, each a path with numbers of its own that switches know. Traffic takes one of them, or none:
then it goes the shortest way, which is always there. A slot is steered to only when every switch of its path has
confirmed it, and removed only some time after the switches at both ends have confirmed that they do not send along it
(a barrier does not cover packets on their way, nor the cache of the datapath).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from sdn.model.errors import Exhausted, SdnError
from sdn.model.ids import Dpid
from sdn.model.program import GRACE
from sdn.model.route import Path
from sdn.pipeline.facts import CircuitFacts, ConnectionFacts, Way
from sdn.store.numbers import RANGES, Numbers

_POOL = "path"

Confirmed = Callable[[str, Iterable[Dpid], int], bool]
"""Whether switches have confirmed all that a generation (or one before) changed for an object."""


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
    port numbers are known.
    """

    way: Way
    a: int
    b: int
    classified: bool = False
    circuit: tuple[CircuitFacts, CircuitFacts] | None = None


@dataclass(slots=True)
class _Slot:
    path: Path
    way: Way
    since: int
    """Generation that installs it."""
    used: bool = False
    """Whether traffic has ever taken it."""


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

    def slot_of(self, path: Path) -> int | None:
        """The slot that holds a path."""
        return next((number for number, slot in self.slots.items() if slot.path == path), None)


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
        self._numbers = numbers
        self._set_facts = set_facts
        self._generation = generation
        self._confirmed = confirmed
        self._all: dict[str, _Steering] = {}
        self._moving: dict[str, None] = {}
        self._changed: dict[str, None] = {}

    def restore(self, name: str, slots: Mapping[int, Path], steered: int | None) -> None:
        """What switches were told in an earlier life; call it before the first ``want`` of this connection."""
        steering = self._all.setdefault(name, _Steering())
        for number, path in slots.items():
            steering.slots[number] = _Slot(path, self._way(name, number, path), 0, used=True)
        steering.steered = steered if steered in slots else None
        self._moving[name] = None

    def want(self, name: str, wish: Wish | None) -> None:
        """Let a connection go there from now on, as soon as it can; None: by no path of its own. O(1).

        Raises Exhausted when there are no numbers for its paths; then nothing is changed.
        """
        steering = self._all.get(name)
        if steering is None:
            if wish is None:
                return
            self._check_room(len(wish.paths))
            steering = self._all[name] = _Steering()
        if steering.wish == wish:
            return
        if wish is not None:
            self._check_room(sum(steering.slot_of(path) is None for path in wish.paths))
        steering.wish = wish
        if wish is not None:
            for path in wish.paths:
                self._install(name, steering, path)
            if steering.ends != (wish.a, wish.b):
                steering.ends = (wish.a, wish.b)
                self._changed[name] = None
        self._moving[name] = None

    def _check_room(self, paths: int) -> None:
        if paths and self._numbers.room(_POOL) < 2 * paths:
            raise no_numbers()

    def _install(self, name: str, steering: _Steering, path: Path) -> None:
        if steering.slot_of(path) is not None:
            return
        number = next(n for n in range(len(steering.slots) + 1) if n not in steering.slots)
        steering.slots[number] = _Slot(path, self._way(name, number, path), self._generation())
        self._changed[name] = None

    def _way(self, name: str, slot: int, path: Path) -> Way:
        forward, backward = (self._numbers.allocate(_POOL, key) for key in keys(name, slot))
        return Way(path, forward, backward)

    def moving(self, name: str) -> bool:
        """Whether a connection is not yet on the path that it should take, or its backup is not there yet."""
        steering = self._all.get(name)
        if steering is None or steering.wish is None:
            return False
        primary = steering.wish.primary
        if steering.steered != steering.slot_of(primary):
            return True
        ends = primary.switches[0], primary.switches[-1]
        return not self._confirmed(name, ends, steering.turned) or not all(
            self._ready(name, steering, path) for path in steering.wish.paths
        )

    @property
    def resting(self) -> bool:
        """Whether nobody moves."""
        return not self._moving

    def steered(self, name: str) -> Path | None:
        """The path that traffic takes, as far as switches were told."""
        steering = self._all.get(name)
        return None if steering is None or steering.steered is None else steering.slots[steering.steered].path

    def target(self, name: str) -> Target | None:
        """What is to be probed; None while traffic is not where it should be."""
        steering = self._all.get(name)
        if steering is None or steering.steered is None or self.moving(name):
            return None
        return Target(steering.slots[steering.steered].way, *steering.ends)

    def installed(self, name: str) -> tuple[dict[int, Path], int | None]:
        """For ``restore``: the paths by slot, and which is steered to."""
        steering = self._all.get(name)
        if steering is None:
            return {}, None
        return {number: slot.path for number, slot in steering.slots.items()}, steering.steered

    def step(self, now: float) -> list[str]:
        """Take the steps that are due; answers who has another ``installed`` now. O(connections that move)."""
        for name in list(self._moving):
            steering = self._all[name]
            self._turn(name, steering)
            if self._tidy(name, steering, now):
                del self._moving[name]
        changed, self._changed = self._changed, {}
        for name in changed:
            self._tell(name)
        return list(changed)

    # ---- inside --------------------------------------------------------------------------------------------------

    def _turn(self, name: str, steering: _Steering) -> None:
        """Steer to the wanted path if that is ready."""
        wish = steering.wish
        target = None if wish is None else steering.slot_of(wish.primary)
        before = None if steering.steered is None else steering.slots[steering.steered].path
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

    def _ready(self, name: str, steering: _Steering, path: Path) -> bool:
        slot = next(slot for slot in steering.slots.values() if slot.path == path)
        return self._confirmed(name, path.switches, slot.since)

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
        if not self._confirmed(name, steering.left, steering.turned):
            return False
        if steering.removal is None:
            steering.removal = now + GRACE
        return now >= steering.removal

    def _drop(self, name: str, steering: _Steering, number: int) -> None:
        del steering.slots[number]
        for key in keys(name, number):
            self._numbers.release(_POOL, key)
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


def no_numbers() -> SdnError:
    """There are too many paths for the labels of packets."""
    first, last = RANGES[_POOL]
    reason = f"all {last - first + 1} path numbers are in use: two for each path, four if protected"
    return Exhausted.of("path_numbers", reason, "Delete connections, or ask for less protection.")


def keys(name: str, slot: int) -> tuple[str, str]:
    """Keys of a slot's numbers in the pool "path", of both directions."""
    end = f"|{slot}" if slot else ""
    return f"{name}|ab{end}", f"{name}|ba{end}"
