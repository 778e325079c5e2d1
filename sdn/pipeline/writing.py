"""Brings units into the programs of switches, and tells which entries changed by it.

Belongs here: the order in which keys change hands. Must not know: what the units are about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set

from sdn.model.program import Entries, Entry, Unit
from sdn.pipeline.program import Content, SwitchProgram

Changes = dict[int, list[Entry]]
"""By datapath id: entries that are new, different or gone."""


class Writer:
    """programs: by datapath id. make: makes a unit anew, with other group ids where the ones it has were taken."""

    def __init__(self, programs: Mapping[int, SwitchProgram], make: Callable[[Unit], Entries]) -> None:
        self._programs, self._make = programs, make

    def write(self, made: Mapping[Unit, Entries]) -> tuple[Changes, list[Unit]]:
        """The entries that changed, and the units they are of: what is gone leaves before what is new comes.

        O(entries). Raises OwnershipError where two units want the same key with different contents.
        """
        done: dict[Unit, list[Entry]] = {}
        rewritten: set[Unit] = set()
        released: dict[Unit, dict[Entry, Content]] = {}
        for unit, entries in made.items():
            program = self._programs[unit.dpid]
            added = program.add(unit, entries)
            if added is not None:
                done[unit] = added
                continue
            same = program.rewrite(unit, entries)
            if same is not None:
                done[unit] = same
                rewritten.add(unit)
                continue
            gone = program.release(unit, entries)
            if gone:
                released[unit] = gone
        for unit, entries in made.items():
            if unit not in done:
                done[unit] = self._put(unit, entries)
        return self._changed({unit: done[unit] for unit in made}, rewritten, released)

    def _put(self, unit: Unit, entries: Entries) -> list[Entry]:
        program = self._programs[unit.dpid]
        groups = entries.groups
        if groups and any(program.groups.get(number, content) != content for number, content in groups.items()):
            mine = {number for number in entries.groups if program.owners(Entry("group", number)) in ((), (unit,))}
            if mine != entries.groups.keys():
                entries = self._make(unit)  # a group id was taken by other content since: choose another
        return program.put(unit, entries)

    def _changed(
        self, done: Mapping[Unit, list[Entry]], rewritten: Set[Unit], released: Mapping[Unit, dict[Entry, Content]]
    ) -> tuple[Changes, list[Unit]]:
        """Of what was put and released, what differs now; in the order of ``done``."""
        before: dict[int, dict[Entry, Content]] = {}
        for unit, gone in released.items():
            before.setdefault(unit.dpid, {}).update(gone)
        changed: dict[int, dict[Entry, None]] = {}
        touched = []
        for unit, news in done.items():
            old = before.get(unit.dpid)
            if old and unit not in rewritten:
                # An entry that went from one unit to another as it was has not changed.
                content = self._programs[unit.dpid].content
                every = (*released.get(unit, ()), *news)
                news = [entry for entry in every if entry not in old or content(entry) != old[entry]]
            if news:
                changed.setdefault(unit.dpid, {}).update(dict.fromkeys(news))
                touched.append(unit)
        return {dpid: list(entries) for dpid, entries in changed.items()}, touched
