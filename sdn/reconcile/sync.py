"""One switch: entries that wait to be written, are on their way, or are confirmed.

What the switch holds is not stored twice: everything that is neither waiting nor on its way is installed as desired.
Order: meters, groups, flows, and only when nothing is left to add, deletions of flows, then of groups and meters, so
that a flow never refers to a missing group, and a switch forwards by new entries before it loses the old ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from sdn.model.program import (
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
    is_ours,
)

BATCH_LIMIT = 5000
"""Entries in one bundle. OVS forwards and commits in the same thread: 5,000 flows hold packets up for about 13 ms."""
PUT_ORDER = ("meter", "group", "flow")
DELETE_ORDER = ("flow", "group", "meter")


class Desired(Protocol):
    """What a switch must hold; read when a batch is made."""

    flows: dict[FlowKey, FlowBody]
    groups: dict[int, Group]
    meters: dict[int, Meter]


@dataclass(frozen=True, slots=True)
class Adoption:
    """Result of comparing a switch with its program. differences: entries to write; alien: flows that are not ours."""

    differences: tuple[Entry, ...]
    kept: int
    alien: int


class SwitchSync:
    """Brings one switch to its program. Generations number the changes; they only grow."""

    def __init__(self, desired: Desired) -> None:
        self._desired = desired
        self._waiting: dict[Entry, int] = {}
        self._deletes: dict[Entry, int] = {}
        self._flying: dict[Entry, int] = {}
        self._open: dict[int, int] = {}
        self._meters: set[int] = set()
        self._adding = True

    def adopt(self, installed: Installed, generation: int) -> Adoption:
        """Start from what the switch holds; the differences wait to be written. O(installed + desired)."""
        self.reset()
        self._meters = set(installed.meters)
        differences: list[Entry] = []
        alien = self._compare_flows(installed, differences)
        differences += _compare(installed.groups, self._desired.groups, "group", OUR_GROUPS_FROM)
        differences += _compare(installed.meters, self._desired.meters, "meter", 0)
        self.touch(differences, generation)
        return Adoption(tuple(differences), len(installed.flows) - alien, alien)

    def _compare_flows(self, installed: Installed, differences: list[Entry]) -> int:
        flows, bodies, alien = self._desired.flows, installed.bodies, 0
        for key, body in flows.items():
            cookie = installed.flows.get(key)
            if cookie != cookie_of(body) or (bodies is not None and bodies.get(key) != body):
                differences.append(Entry("flow", key))
        for key, cookie in installed.flows.items():
            if key not in flows:
                if is_ours(cookie):
                    differences.append(Entry("flow", key))
                else:
                    alien += 1
        return alien

    def touch(self, entries: Iterable[Entry], generation: int) -> None:
        """These entries were changed by this generation: write or delete them, as the program says by then."""
        for entry in entries:
            wanted = entry.key in self._table(entry.kind)
            there, other = (self._waiting, self._deletes) if wanted else (self._deletes, self._waiting)
            first = other.pop(entry, None)
            if first is None:
                first = there.get(entry)
            if first is None:
                first = generation
                self._open[generation] = self._open.get(generation, 0) + 1
            there[entry] = first

    def next_batch(self, limit: int = BATCH_LIMIT) -> Batch | None:
        """The next writes, at most ``limit`` entries; None when nothing waits or a batch is on its way."""
        if self._flying:
            return None
        self._adding = bool(self._waiting)
        if self._adding:
            chosen = self._take(self._waiting, limit, PUT_ORDER)
            return self._put_batch(chosen)
        if self._deletes:
            return _delete_batch(self._take(self._deletes, limit, DELETE_ORDER))
        return None

    def done(self, failures: Iterable[WriteFailure]) -> None:
        """The batch on its way was answered. After failures its entries wait again; take the refused ones out first.

        Meters are written before the bundle: those that are not named in ``failures`` are there in any case.
        """
        refused = {Entry(failure.kind, failure.key) for failure in failures}
        flying, self._flying = self._flying, {}
        for entry, generation in flying.items():
            self._close(generation)
            if entry.kind == "meter" and isinstance(entry.key, int):
                if self._adding and entry not in refused:
                    self._meters.add(entry.key)
                elif not self._adding and not refused:
                    self._meters.discard(entry.key)
            if refused:
                self.touch([entry], generation)

    def give_up(self, entry: Entry) -> bool:
        """Do not write an entry that waits: the switch refuses it, and nobody is there who could be told.

        Returns whether it did wait.
        """
        for queue in (self._waiting, self._deletes):
            generation = queue.pop(entry, None)
            if generation is not None:
                self._close(generation)
                return True
        return False

    def reset(self) -> None:
        """The session ended: nothing is known about the switch until it is adopted again."""
        for pending in (self._waiting, self._deletes, self._flying, self._open):
            pending.clear()

    @property
    def oldest(self) -> int | None:
        """The oldest generation that is not wholly confirmed; None when the switch is in sync."""
        return min(self._open, default=None)

    @property
    def pending(self) -> int:
        """Entries not yet confirmed."""
        return len(self._waiting) + len(self._deletes) + len(self._flying)

    def is_pending(self, entry: Entry) -> bool:
        """Whether this entry is not yet confirmed."""
        return entry in self._waiting or entry in self._deletes or entry in self._flying

    def _close(self, generation: int) -> None:
        left = self._open[generation] - 1
        if left:
            self._open[generation] = left
        else:
            del self._open[generation]

    def _table(self, kind: str) -> Mapping[FlowKey | int, object]:
        tables: dict[str, Mapping[FlowKey | int, object]] = {
            "flow": self._desired.flows,  # type: ignore[dict-item]
            "group": self._desired.groups,  # type: ignore[dict-item]
            "meter": self._desired.meters,  # type: ignore[dict-item]
        }
        return tables[kind]

    def _take(self, queue: dict[Entry, int], limit: int, order: tuple[str, ...]) -> list[Entry]:
        """Send up to ``limit`` entries on their way, by kind, within a kind in the order in which they came."""
        chosen: list[Entry] = []
        for kind in order:
            if len(chosen) < limit:
                chosen += islice((entry for entry in queue if entry.kind == kind), limit - len(chosen))
        for entry in chosen:
            self._flying[entry] = queue.pop(entry)
        return chosen

    def _put_batch(self, chosen: list[Entry]) -> Batch:
        flows, groups, meters = self._desired.flows, self._desired.groups, self._desired.meters
        return Batch(
            meters=tuple(
                (e.key, meters[e.key], e.key in self._meters)
                for e in chosen
                if e.kind == "meter" and isinstance(e.key, int)
            ),
            groups=tuple((e.key, groups[e.key]) for e in chosen if e.kind == "group" and isinstance(e.key, int)),
            flows=tuple((e.key, flows[e.key]) for e in chosen if isinstance(e.key, bytes)),
        )


def _compare(
    installed: Mapping[int, object], desired: Mapping[int, object], kind: str, ours_from: int
) -> Iterator[Entry]:
    """Entries by number that are missing or others than they must be, or ours and not wanted."""
    for number, content in desired.items():
        if installed.get(number) != content:
            yield Entry(kind, number)
    for number in installed:
        if number >= ours_from and number not in desired:
            yield Entry(kind, number)


def _delete_batch(chosen: list[Entry]) -> Batch:
    return Batch(
        deletes=tuple(entry.key for entry in chosen if isinstance(entry.key, bytes)),
        group_deletes=tuple(e.key for e in chosen if e.kind == "group" and isinstance(e.key, int)),
        meter_deletes=tuple(e.key for e in chosen if e.kind == "meter" and isinstance(e.key, int)),
    )
