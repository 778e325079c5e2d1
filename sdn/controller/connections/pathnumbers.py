"""Path numbers, shared: connections along the same way have the same two numbers, and so the same entries in switches.

A *way* is a path in both directions, with a number for each. Who goes it the other way round has the same two numbers,
with their places changed. What switches hold for a way follows from its path and its numbers alone: the receiver is
told by the service part of the label, which every connection writes at its own ends. A way is counted: its numbers are
free when the last one who takes it has left it.

Belongs here: which numbers belong to which path, and who still needs them. Must not know: connections, switches, when a
way may be left.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sdn.model.errors import Exhausted, SdnError
from sdn.model.route import Path
from sdn.pipeline.facts import Way
from sdn.store.numbers import RANGES, Numbers

POOL = "path"
"""Pool of the numbers. Keys are of no meaning but to those who read records of earlier versions (``former_keys``)."""
Pair = tuple[int, int]
"""The number along a path, and the one against it."""


@dataclass(slots=True)
class _Shared:
    """A way. way: along ``_upright``; None while it is only claimed. users: who takes it, and how often, the first to
    come first. claims: how many will when they are restored.
    """

    way: Way | None = None
    users: dict[str, int] = field(default_factory=dict)
    claims: int = 0


class PathNumbers:
    """All ways. numbers: of the store, where they outlive the daemon."""

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers
        self._ways: dict[Pair, _Shared] = {}
        """By their numbers, the lesser one first."""
        self._by_path: dict[Path, _Shared] = {}
        """By ``_upright`` path: the way that all who come are given."""

    def lacking(self, paths: Iterable[Path]) -> int:
        """How many free numbers these paths would need, in which nobody goes yet. O(length of the paths)."""
        return 2 * len({upright for path in paths if (upright := _upright(path)) not in self._by_path})

    def has_room(self, paths: Iterable[Path]) -> bool:
        """Whether there are numbers for all these paths."""
        needed = self.lacking(paths)
        return not needed or self._numbers.room(POOL) >= needed

    def take(self, path: Path, user: str) -> Way:
        """The way along a path, with the numbers of those who go there, or new ones; raises Exhausted.

        Ask ``has_room`` first.
        """
        upright = _upright(path)
        shared = self._by_path.get(upright)
        if shared is None:
            way = Way(upright, self._new(), self._new())
            shared = self._by_path[upright] = self._ways[_key(way.forward, way.backward)] = _Shared(way)
        assert shared.way is not None
        shared.users[user] = shared.users.get(user, 0) + 1
        return _along(shared.way, path)

    def leave(self, numbers: Pair, user: str) -> None:
        """Somebody takes the way with these numbers once less."""
        key = _key(*numbers)
        users = self._ways[key].users
        users[user] -= 1
        if not users[user]:
            del users[user]
            self._end(key)

    def first(self, numbers: Pair) -> str:
        """Who takes the way with these numbers for the longest time."""
        return next(iter(self._ways[_key(*numbers)].users))

    def _end(self, key: Pair) -> None:
        shared = self._ways[key]
        if shared.users or shared.claims:
            return
        del self._ways[key]
        if shared.way is not None and self._by_path.get(shared.way.path) is shared:
            del self._by_path[shared.way.path]
        for number in key:
            self._release(number)

    # After a restart

    def claim(self, numbers: Pair) -> bool:
        """A record says that somebody took the way with these numbers: they are kept until that one is restored.

        False, and nothing is claimed: they cannot be a pair, by what else is stored. O(1).
        """
        key = _key(*numbers)
        if key[0] == key[1] or any(self._numbers.key_of(POOL, number) is None for number in key):
            return False
        self._ways.setdefault(key, _Shared()).claims += 1
        return True

    def waive(self, numbers: Pair) -> None:
        """One who claimed a way will not be restored."""
        key = _key(*numbers)
        self._ways[key].claims -= 1
        self._end(key)

    def sweep(self) -> None:
        """All claims are made: numbers that nobody claims are free. O(numbers)."""
        claimed = {number for key in self._ways for number in key}
        for number in [number for _, number in self._numbers.items(POOL) if number not in claimed]:
            self._release(number)

    def restore(self, numbers: Pair, path: Path, user: str) -> tuple[Way, bool] | None:
        """The way that somebody took along a path, which was claimed and is taken now.

        With it whether it is a second one along that path, where all others take another: records of earlier versions
        have one for each connection. None, and it is neither claimed nor taken: the numbers are those of another path.
        """
        shared, way = self._ways[_key(*numbers)], Way(path, *numbers)
        if shared.way is None:
            shared.way = _along(way, _upright(path))
            self._by_path.setdefault(shared.way.path, shared)
        elif _along(shared.way, path) != way:
            self.waive(numbers)
            return None
        shared.users[user] = shared.users.get(user, 0) + 1
        shared.claims -= 1
        return way, self._by_path[shared.way.path] is not shared

    def former(self, name: str, slot: int) -> Pair | None:
        """The numbers of a connection's slot in records that do not say them."""
        forward, backward = (self._numbers.get(POOL, key) for key in former_keys(name, slot))
        return None if forward is None or backward is None else (forward, backward)

    # Inside

    def _new(self) -> int:
        """A number under a key that no other has: itself."""
        return self._numbers.allocate(POOL, str(self._numbers.draft().next(POOL)))

    def _release(self, number: int) -> None:
        key = self._numbers.key_of(POOL, number)
        if key is not None:
            self._numbers.release(POOL, key)


def former_keys(name: str, slot: int) -> tuple[str, str]:
    """Keys of a slot's numbers in the pool, of both directions, as earlier versions wrote them."""
    end = f"|{slot}" if slot else ""
    return f"{name}|ab{end}", f"{name}|ba{end}"


def no_numbers() -> SdnError:
    """There are too many paths for the labels of packets."""
    first, last = RANGES[POOL]
    reason = f"all {last - first + 1} path numbers are in use: two for each path that is another, four if protected"
    return Exhausted.of("path_numbers", reason, "Delete connections, or ask for less protection.")


def _key(forward: int, backward: int) -> Pair:
    return min(forward, backward), max(forward, backward)


def _turned(path: Path) -> Path:
    return Path(path.switches[::-1], tuple([(into, out) for out, into in reversed(path.links)]))


def _upright(path: Path) -> Path:
    """A path, or the same the other way round: of the two always the same one."""
    return path if path.switches[0] <= path.switches[-1] else _turned(path)


def _along(way: Way, path: Path) -> Way:
    """A way as one who takes this path sees it; the same one, or turned."""
    return way if way.path == path else Way(_turned(way.path), way.backward, way.forward)
