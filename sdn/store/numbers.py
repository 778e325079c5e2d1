"""Numbers that stand for objects in the data plane: stable while their owner lives, and slow to come back.

Belongs here: pools of numbers, which key holds which number, and the records that make this durable.
Must not know: what the numbers mean to the pipeline, or when an object deserves one.

Allocation is next-fit: a pool's cursor only moves upwards and wraps at the end, and a number that was freed is not
given out again in the same lap, so that stale data-plane entries of its last owner are gone before it has a new one.
(After a restart only the cursor is known: numbers freed ahead of it may come in the same lap; switches are read back
before anything is written then.)

A number can be retired: its key has none any more, and nobody else gets it before it is freed; the key gets it back
when it asks for one again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from sdn.model import codec
from sdn.model.errors import Exhausted, Limit, SdnError

NUMBERS = "numbers"
"""Bucket: key ``POOL/KEY``, value the number."""
CURSORS = "cursors"
"""Bucket: key ``POOL``, value the number at which the next search begins."""
RETIRED = "retired"
"""Bucket: key ``POOL/KEY``, value a number that its key has no more and nobody else may get."""

RANGES: dict[str, tuple[int, int]] = {
    "switch": (1, 65533),
    "network": (1, 2**23 - 2),
    "router": (1, 2**24 - 2),
    "service": (1, 2**23 - 2),
    "path": (1, 65533),
    "meter": (65536, 196607),
}
"""First and last number of each pool."""

Puts = tuple[tuple[str, str, str], ...]
Deletes = tuple[tuple[str, str], ...]


class StoreMoved(RuntimeError):
    """Something was written between prepare and commit: a mistake of the caller, who must prepare again."""


@dataclass(slots=True)
class _Pool:
    name: str
    first: int
    last: int
    cursor: int
    by_key: dict[str, int] = field(default_factory=dict)
    by_number: dict[int, str] = field(default_factory=dict)
    resting: set[int] = field(default_factory=set)
    """Freed in this lap ahead of the cursor: left out until the cursor has wrapped."""
    retired: dict[str, int] = field(default_factory=dict)
    """By former key; ``by_number`` has them too."""
    version: int = 0

    def set(self, key: str, number: int) -> None:
        self.by_key[key] = number
        self.by_number[number] = key

    def retire(self, key: str) -> None:
        self.retired[key] = self.by_key.pop(key)

    def revive(self, key: str) -> int:
        number = self.by_key[key] = self.retired.pop(key)
        return number

    def free(self, key: str) -> None:
        number = self.by_key.pop(key)
        del self.by_number[number]
        if number >= self.cursor:
            self.resting.add(number)

    def exhausted(self) -> SdnError:
        size = self.last - self.first + 1
        remedy = f"Delete objects that need a {self.name} number."
        if self.retired:
            remedy = f"{len(self.retired)} of them are retired, and free soon after a start of the daemon. {remedy}"
        return Exhausted.of(
            "",
            f"all {size} {self.name} numbers are in use",
            remedy,
            Limit("", f"{self.name} numbers", size, size),
        )


class _PoolDraft:
    """Changes to one pool that are not made yet."""

    def __init__(self, pool: _Pool) -> None:
        self.pool = pool
        self.version = pool.version
        self.cursor = pool.cursor
        self.wrapped = False
        self.taken: dict[str, int] = {}
        self.numbers: set[int] = set()
        self.dropped: set[str] = set()
        self.start = pool.cursor
        self.freed: dict[str, int] = {}
        self.rested = pool.resting

    def next(self) -> int:
        """The number that comes next, with the cursor set on it; raises Exhausted."""
        pool = self.pool
        if len(pool.by_number) + len(self.numbers) > pool.last - pool.first:
            raise pool.exhausted()
        number = self.cursor
        while True:
            if number > pool.last:
                number, self.wrapped = pool.first, True
            rests = not self.wrapped and number in pool.resting
            if number not in pool.by_number and number not in self.numbers and not rests:
                self.cursor = number
                return number
            number += 1

    def skip(self) -> None:
        """Leave out the number that would come next."""
        self.cursor = self.next() + 1

    def take(self, key: str) -> int:
        number = self.next()
        self.taken[key] = number
        self.numbers.add(number)
        self.cursor = number + 1
        return number


class NumbersDraft:
    """Allocations and releases prepared on top of Numbers, which stays as it is until ``Numbers.apply``.

    Numbers released in a draft are not given out again by the same draft.
    """

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers
        self._pools: dict[str, _PoolDraft] = {}

    def _pool(self, pool: str) -> _PoolDraft:
        if pool not in self._pools:
            self._pools[pool] = _PoolDraft(self._numbers.pool(pool))
        return self._pools[pool]

    def next(self, pool: str) -> int:
        """The number that the next ``take`` of this pool will give; raises Exhausted."""
        return self._pool(pool).next()

    def skip(self, pool: str) -> None:
        """Leave out the number that would come next."""
        self._pool(pool).skip()

    def take(self, pool: str, key: str) -> int:
        """A number for a key that has none; raises Exhausted."""
        return self._pool(pool).take(key)

    def drop(self, pool: str, key: str) -> None:
        """Release the number of a key that has one."""
        self._pool(pool).dropped.add(key)

    @property
    def drafts(self) -> Iterator[_PoolDraft]:
        """The pools concerned."""
        return iter(self._pools.values())

    def records(self) -> tuple[Puts, Deletes]:
        """What must become durable with this draft."""
        puts: list[tuple[str, str, str]] = []
        deletes: list[tuple[str, str]] = []
        for draft in self._pools.values():
            name = draft.pool.name
            deletes += ((NUMBERS, f"{name}/{key}") for key in draft.dropped)
            puts += ((NUMBERS, f"{name}/{key}", str(number)) for key, number in draft.taken.items())
            if draft.cursor != draft.pool.cursor:
                puts.append((CURSORS, name, str(draft.cursor)))
        return tuple(puts), tuple(deletes)


class Numbers:
    """All pools. ``allocate`` and ``release`` act at once; what they change is collected for ``drain_records``."""

    def __init__(self) -> None:
        self._pools = {name: _Pool(name, first, last, first) for name, (first, last) in RANGES.items()}
        self._dirty: dict[tuple[str, str], None] = {}
        self._dirty_retired: dict[tuple[str, str], None] = {}
        self._dirty_cursors: dict[str, None] = {}

    def pool(self, name: str) -> _Pool:
        """For this package alone."""
        return self._pools[name]

    def get(self, pool: str, key: str) -> int | None:
        """The number of a key, if it has one."""
        return self._pools[pool].by_key.get(key)

    def key_of(self, pool: str, number: int) -> str | None:
        """The key that holds a number, if any."""
        return self._pools[pool].by_number.get(number)

    def items(self, pool: str) -> Iterator[tuple[str, int]]:
        """All (key, number) of a pool, in no particular order."""
        return iter(self._pools[pool].by_key.items())

    def room(self, pool: str) -> int:
        """How many numbers are free."""
        item = self._pools[pool]
        return item.last - item.first + 1 - len(item.by_number)

    def allocate(self, pool: str, key: str) -> int:
        """The number of a key, a new one if it has and had none; raises Exhausted."""
        number = self.get(pool, key)
        if number is not None:
            return number
        if key in self._pools[pool].retired:
            return self._revive(pool, key)
        draft = NumbersDraft(self)
        number = draft.take(pool, key)
        self.apply(draft)
        self._dirty[pool, key] = None
        self._dirty_cursors[pool] = None
        return number

    def release(self, pool: str, key: str) -> None:
        """Free the number of a key; nothing happens if it has none."""
        if self.get(pool, key) is None:
            return
        self._pools[pool].free(key)
        self._pools[pool].version += 1
        self._dirty[pool, key] = None

    def retire(self, pool: str, key: str) -> None:
        """Take the number of a key away and keep it from others; nothing happens if it has none."""
        if self.get(pool, key) is not None:
            self._pools[pool].retire(key)
            self._dirty[pool, key] = self._dirty_retired[pool, key] = None

    def retired(self, pool: str) -> list[str]:
        """Keys whose numbers are retired."""
        return list(self._pools[pool].retired)

    def release_retired(self, pool: str, key: str) -> None:
        """Free the number that a key had before it was retired."""
        self._revive(pool, key)
        self.release(pool, key)

    def _revive(self, pool: str, key: str) -> int:
        self._dirty[pool, key] = self._dirty_retired[pool, key] = None
        return self._pools[pool].revive(key)

    def drain_records(self) -> tuple[Puts, Deletes]:
        """Records (puts, deletes) for all that changed since the last call, but for drafts."""
        puts: list[tuple[str, str, str]] = []
        deletes: list[tuple[str, str]] = []
        own = ((NUMBERS, pool, key, self.get(pool, key)) for pool, key in self._dirty)
        retired = ((RETIRED, pool, key, self._pools[pool].retired.get(key)) for pool, key in self._dirty_retired)
        for bucket, pool, key, number in chain(own, retired):
            if number is None:
                deletes.append((bucket, f"{pool}/{key}"))
            else:
                puts.append((bucket, f"{pool}/{key}", str(number)))
        puts += ((CURSORS, pool, str(self._pools[pool].cursor)) for pool in self._dirty_cursors)
        self._dirty.clear()
        self._dirty_retired.clear()
        self._dirty_cursors.clear()
        return tuple(puts), tuple(deletes)

    def draft(self) -> NumbersDraft:
        """A draft on top of the present state."""
        return NumbersDraft(self)

    def check(self, draft: NumbersDraft) -> None:
        """Raises StoreMoved if a pool concerned has changed since the draft was begun."""
        for part in draft.drafts:
            if part.version != part.pool.version:
                raise StoreMoved(f"the pool of {part.pool.name} numbers changed since prepare")

    def apply(self, draft: NumbersDraft) -> None:
        """Make a draft real; raises StoreMoved and changes nothing if a pool has changed since."""
        self.check(draft)
        for part in draft.drafts:
            pool = part.pool
            if part.wrapped:
                part.rested, pool.resting = pool.resting, set()
            pool.cursor = part.cursor
            part.freed = {key: pool.by_key[key] for key in part.dropped}
            for key in part.dropped:
                pool.free(key)
            for key, number in part.taken.items():
                pool.set(key, number)
            pool.version += 1

    def undo(self, draft: NumbersDraft) -> None:
        """Everything as it was before a draft was applied, which must be the newest change to the pools concerned."""
        for part in draft.drafts:
            pool = part.pool
            for key, number in part.taken.items():
                del pool.by_key[key], pool.by_number[number]
            pool.resting.difference_update(part.freed.values())
            if part.wrapped:
                pool.resting = part.rested
            for key, number in part.freed.items():
                pool.set(key, number)
            pool.cursor, pool.version = part.start, part.version

    def records(self) -> dict[str, dict[str, str]]:
        """All records by bucket and key, as ``load`` takes them."""
        numbers = {f"{p.name}/{key}": str(number) for p in self._pools.values() for key, number in p.by_key.items()}
        cursors = {p.name: str(p.cursor) for p in self._pools.values() if p.cursor != p.first}
        retired = {f"{p.name}/{key}": str(number) for p in self._pools.values() for key, number in p.retired.items()}
        return {NUMBERS: numbers, CURSORS: cursors} | ({RETIRED: retired} if retired else {})

    @classmethod
    def load(cls, records: Mapping[str, Mapping[str, str]]) -> Numbers:
        """Rebuild from records by bucket and key; raises SdnError naming a damaged one."""
        numbers = cls()
        for name, text in records.get(CURSORS, {}).items():
            pool = numbers._pools.get(name)
            if pool is None:
                raise damaged(CURSORS, name, "no pool of this name")
            pool.cursor = load_int(CURSORS, name, text, pool.first, pool.last + 1)
        for bucket in (NUMBERS, RETIRED):
            for name, text in records.get(bucket, {}).items():
                pool_name, _, key = name.partition("/")
                pool = numbers._pools.get(pool_name)
                if pool is None or not key or key in pool.by_key:
                    raise damaged(bucket, name, "not of the form POOL/KEY, or has a number")
                number = load_int(bucket, name, text, pool.first, pool.last)
                if number in pool.by_number:
                    raise damaged(bucket, name, f"number {number} is held by {pool.by_number[number]!r} too")
                pool.set(key, number)
                if bucket == RETIRED:
                    pool.retire(key)
        return numbers


def damaged(bucket: str, key: str, reason: str) -> SdnError:
    """The error for a stored record that cannot be right."""
    return SdnError.of(
        f"{bucket}[{key}]"[:300],
        f"the stored record is damaged: {reason}",
        "Restore the state directory from a backup; nothing was changed.",
    )


def load_int(bucket: str, key: str, text: str, first: int, last: int) -> int:
    """A whole number of a record, within limits; raises SdnError."""
    try:
        value = codec.loads(text)
    except SdnError as error:
        raise damaged(bucket, key, error.violations[0].reason) from None
    if not isinstance(value, int) or isinstance(value, bool) or not first <= value <= last:
        raise damaged(bucket, key, f"expected a whole number from {first} to {last}, found {text[:40]!r}")
    return value
