"""One switch: entries that wait to be written, are on their way, or are confirmed.

What the switch holds is not stored twice: everything that is neither waiting nor on its way is installed as desired.
Order: meters, groups, flows, and only when nothing is left to add, deletions of flows, then of meters, so that a flow
never refers to a missing group, and a switch forwards by new entries before it loses the old ones. A few entries may go
together, in this order: a bundle takes effect at once, and a switch takes one sooner than two.
Groups go a grace later (``retire``): Open vSwitch hashes a packet for a group of type select by sending it through its
cache again, with the group's number in what it remembers of the packet. If the group is gone by then, the packet is
dropped (1 of some 10,000 was, while the links of a fat tree came and went).
A switch with flows of another layout gets the new ones table by table against the direction of packets, so that table 0
leads into the new layout when that is complete; the old ones are deleted in the direction of packets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Protocol

from sdn.model.program import (
    GRACE,
    OUR_GROUPS_FROM,
    Batch,
    Entry,
    FlowBody,
    FlowKey,
    Group,
    Installed,
    Meter,
    WriteFailure,
    cookie_of,
    is_older,
    is_ours,
)

BATCH_LIMIT = 5000
"""Entries in one bundle. OVS forwards and commits in the same thread: 5,000 flows hold packets up for about 13 ms."""
TOGETHER = 64
"""Entries to be added and deleted that may go in one bundle: those of a single change."""
PUT_ORDER = ("meter", "group", "flow")
DELETE_ORDER = ("flow", "group", "meter")


class Desired(Protocol):
    """What a switch must hold; read when a batch is made."""

    flows: dict[FlowKey, FlowBody]
    groups: dict[int, Group]
    meters: dict[int, Meter]


@dataclass(frozen=True, slots=True)
class Adoption:
    """Result of comparing a switch with its program.

    missing: not there; changed: there with other content; extra: ours, there and not wanted. kept: flows of ours that
    were there; alien, alien_groups: flows and groups that are not ours. older: flows of ours of another layout version.
    """

    missing: tuple[Entry, ...]
    changed: tuple[Entry, ...]
    extra: tuple[Entry, ...]
    kept: int
    alien: int
    alien_groups: int
    older: int = 0

    @property
    def differences(self) -> tuple[Entry, ...]:
        """All entries to write or delete."""
        return (*self.missing, *self.changed, *self.extra)


@dataclass(slots=True)
class _Idle:
    """A group that no flow of the program leads to. generation: that has changed these flows; due: when it goes."""

    generation: int
    due: float | None = None


_Queue = dict[Any, int]
"""Generation by key: of a flow its key, of groups and meters the number."""


def _queues() -> dict[str, _Queue]:
    """Empty queues by kind."""
    return {kind: {} for kind in PUT_ORDER}


class SwitchSync:
    """Brings one switch to its program. Generations number the changes; they only grow.

    spared: flows that are not deleted where they are found, as long as they are in there, nor are groups of ours then:
    packets may need them.
    """

    def __init__(self, desired: Desired, spared: Collection[FlowKey] = frozenset()) -> None:
        self._desired = desired
        self._spared = spared
        self._found: tuple[Entry, ...] = ()
        """What was spared."""
        self._waiting = _queues()
        self._deletes = _queues()
        self._flying = _queues()
        self._idle: dict[int, _Idle] = {}
        self._open: dict[int, int] = {}
        self._meters: set[int] = set()
        self._unsure: set[Entry] | None = None
        """While an audit is under way: entries that its answer may show before or after their change."""
        self._meter_deletes: tuple[int, ...] = ()

    def adopt(self, installed: Installed, generation: int) -> Adoption:
        """Start from what the switch holds; the differences wait to be written. O(installed + desired)."""
        self.reset()
        self._meters = set(installed.meters)
        found = self._compare(installed)
        puts: Iterable[Entry] = (*found.missing, *found.changed)
        deletes: Iterable[Entry] = found.extra
        if found.older:
            puts, deletes = sorted(puts, key=_table, reverse=True), sorted(deletes, key=_table)
        for kind, key in puts:
            self._waiting[kind][key] = generation
        self._begin(generation, len(found.missing) + len(found.changed))
        self.touch(deletes, generation)
        return found

    def begin_audit(self) -> None:
        """A full read-back was asked for, to be carried out behind all that was sent so far."""
        self._unsure = {Entry(kind, key) for queues in self._every() for kind, queue in queues.items() for key in queue}

    def end_audit(self, installed: Installed, generation: int) -> Adoption:
        """Compare with the answer; the differences wait to be written. O(installed + desired).

        Entries that were changing since ``begin_audit`` are not judged: they are written anyway.
        """
        unsure, self._unsure = self._unsure or set(), None
        self._meters = set(installed.meters)
        found = self._compare(installed)
        if unsure:
            missing, changed, extra = (
                tuple(entry for entry in entries if entry not in unsure)
                for entries in (found.missing, found.changed, found.extra)
            )
            found = replace(found, missing=missing, changed=changed, extra=extra)
        self.touch(found.differences, generation)
        return found

    def _compare(self, installed: Installed) -> Adoption:
        flows, there, bodies = self._desired.flows, installed.flows, installed.bodies
        missing: list[Entry] = []
        changed: list[Entry] = []
        older = 0
        for key, body in flows.items():
            cookie = there.get(key)
            if cookie is None:
                missing.append(Entry("flow", key))
            elif cookie != cookie_of(body) or (bodies is not None and bodies.get(key) != body):
                changed.append(Entry("flow", key))
                older += is_older(cookie)
        unknown = [(key, cookie) for key, cookie in there.items() if key not in flows]
        extra = [Entry("flow", key) for key, cookie in unknown if is_ours(cookie)]
        alien = len(unknown) - len(extra)
        older += sum(is_older(cookie) for _, cookie in unknown)
        for kind, found, desired, first in (
            ("group", installed.groups, self._desired.groups, OUR_GROUPS_FROM),
            ("meter", installed.meters, self._desired.meters, 0),
        ):
            for number, content in desired.items():
                if found.get(number) != content:
                    (changed if number in found else missing).append(Entry(kind, number))
            idle = self._idle if kind == "group" else ()
            extra += (
                Entry(kind, number)
                for number in found
                if number >= first and number not in desired and number not in idle
            )
        if any(key in there for key in self._spared):
            extra = self._spare(extra)
        alien_groups = sum(number < OUR_GROUPS_FROM for number in installed.groups)
        kept = len(installed.flows) - alien
        return Adoption(tuple(missing), tuple(changed), tuple(extra), kept, alien, alien_groups, older)

    def _spare(self, extra: list[Entry]) -> list[Entry]:
        """Of what is not wanted, what is not spared."""
        self._found = tuple(entry for entry in extra if entry.kind == "group" or entry.key in self._spared)
        return [
            entry for entry in extra if entry.kind == "meter" or (entry.kind == "flow" and entry not in self._found)
        ]

    def unspare(self, generation: int) -> None:
        """Delete what was spared, unless it is wanted by now."""
        found, self._found = self._found, ()
        self.touch(found, generation)

    def touch(self, entries: Iterable[Entry], generation: int) -> None:
        """These entries were changed by this generation: write or delete them, as the program says by then."""
        desired = self._desired
        tables: dict[str, Mapping[Any, object]] = {
            "flow": desired.flows,
            "group": desired.groups,
            "meter": desired.meters,
        }
        begun = 0
        for kind, key in entries:
            there, other = self._waiting[kind], self._deletes[kind]
            if isinstance(key, int) and kind == "group" and self._rests(key, generation):
                continue
            if key not in tables[kind]:
                there, other = other, there
            first = other.pop(key, None)
            if first is None:
                first = there.get(key)
            if first is None:
                first = generation
                begun += 1
            there[key] = first
            if self._unsure is not None:
                self._unsure.add(Entry(kind, key))
        self._begin(generation, begun)

    def _rests(self, number: int, generation: int) -> bool:
        """Whether a group is left alone for a while, as the program no longer has it."""
        self._idle.pop(number, None)
        if number in self._desired.groups or number in self._deletes["group"]:
            return False
        first = self._waiting["group"].pop(number, None)
        if first is not None:
            self._close(first, 1)
        self._idle[number] = _Idle(generation)
        return True

    def retire(self, now: float, generation: int) -> bool:
        """Let groups be deleted that are idle for long enough; whether there are others. O(idle groups)."""
        if self._found:
            return bool(self._idle)  # flows that are spared may lead to them
        oldest, over = self.oldest, []
        for number, idle in self._idle.items():
            if idle.due is None:
                if oldest is None or oldest > idle.generation:
                    idle.due = now + GRACE
            elif idle.due <= now:
                over.append(number)
        for number in over:
            del self._idle[number]
            self._deletes["group"][number] = generation
            if self._unsure is not None:
                self._unsure.add(Entry("group", number))
        self._begin(generation, len(over))
        return bool(self._idle)

    def next_batch(self, limit: int = BATCH_LIMIT, together: int = 0) -> Batch | None:
        """The next writes, at most ``limit`` entries; None when nothing waits or a batch is on its way.

        together: deletions go with what is to be added when these are at most so many entries.
        """
        if any(self._flying.values()):
            return None
        puts, deletes = (sum(map(len, queues.values())) for queues in (self._waiting, self._deletes))
        put: dict[str, _Queue] = self._take(self._waiting, limit, PUT_ORDER) if puts else _queues()
        gone: dict[str, _Queue] = _queues()
        if deletes and (not puts or puts + deletes <= min(limit, together)):
            gone = self._take(self._deletes, limit, DELETE_ORDER)
        self._flying = {kind: put[kind] | gone[kind] for kind in PUT_ORDER}
        self._meter_deletes = tuple(gone["meter"])
        return self._batch(put, gone) if puts or deletes else None

    def done(self, failures: Iterable[WriteFailure]) -> None:
        """The batch on its way was answered. After failures its entries wait again; take the refused ones out first.

        Meters are written before the bundle: those that are not named in ``failures`` are there in any case.
        """
        refused = {Entry(failure.kind, failure.key) for failure in failures}
        flying, self._flying = self._flying, _queues()
        put = flying["meter"].keys() - self._meter_deletes
        self._meters.update(number for number in put if Entry("meter", number) not in refused)
        if not refused:
            self._meters.difference_update(self._meter_deletes)
        for queue in flying.values():
            for generation, count in Counter(queue.values()).items():
                self._close(generation, count)
        if refused:
            for kind, queue in flying.items():
                for key, generation in queue.items():
                    self.touch([Entry(kind, key)], generation)

    def give_up(self, entry: Entry) -> bool:
        """Do not write an entry that waits: the switch refuses it, and nobody is there who could be told.

        Returns whether it did wait.
        """
        for queues in (self._waiting, self._deletes):
            generation = queues[entry.kind].pop(entry.key, None)
            if generation is not None:
                self._close(generation, 1)
                return True
        return False

    def reset(self) -> None:
        """The session ended: nothing is known about the switch until it is adopted again."""
        self._waiting, self._deletes, self._flying = _queues(), _queues(), _queues()
        self._idle.clear()
        self._open.clear()
        self._unsure, self._found = None, ()

    @property
    def oldest(self) -> int | None:
        """The oldest generation that is not wholly confirmed; None when the switch is in sync."""
        return min(self._open, default=None)

    @property
    def pending(self) -> int:
        """Entries not yet confirmed."""
        return sum(len(queue) for queues in self._every() for queue in queues.values())

    def is_pending(self, entry: Entry) -> bool:
        """Whether this entry is not yet confirmed."""
        return any(entry.key in queues[entry.kind] for queues in self._every())

    def _every(self) -> tuple[dict[str, _Queue], ...]:
        return self._waiting, self._deletes, self._flying

    def _begin(self, generation: int, count: int) -> None:
        """So many more entries of a generation are not confirmed."""
        if count:
            self._open[generation] = self._open.get(generation, 0) + count

    def _close(self, generation: int, count: int) -> None:
        left = self._open[generation] - count
        if left:
            self._open[generation] = left
        else:
            del self._open[generation]

    @staticmethod
    def _take(queues: dict[str, _Queue], limit: int, order: tuple[str, ...]) -> dict[str, _Queue]:
        """Take up to ``limit`` entries out, by kind, within a kind in the order in which they came."""
        taken = _queues()
        for kind in order:
            queue = queues[kind]
            if len(queue) <= limit:
                taken[kind], queues[kind] = queue, {}
            else:
                taken[kind] = {key: queue.pop(key) for key in list(islice(queue, limit))}
            limit -= len(taken[kind])
        return taken

    def _batch(self, put: dict[str, _Queue], gone: dict[str, _Queue]) -> Batch:
        flows, groups, meters = self._desired.flows, self._desired.groups, self._desired.meters
        keys = put["flow"]
        return Batch(
            meters=tuple((number, meters[number], number in self._meters) for number in put["meter"]),
            groups=tuple((number, groups[number]) for number in put["group"]),
            flows=tuple(zip(keys, map(flows.__getitem__, keys), strict=True)),
            deletes=tuple(gone["flow"]),
            group_deletes=tuple(gone["group"]),
            meter_deletes=tuple(gone["meter"]),
        )


def _table(entry: Entry) -> int:
    """The table of a flow; groups and meters have queues of their own."""
    return entry.key[0] if isinstance(entry.key, bytes) else 0
