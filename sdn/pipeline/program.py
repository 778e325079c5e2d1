"""The program of one switch: its entries and the units that own them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Protocol

from sdn.model.ids import Dpid
from sdn.model.program import Entries, Entry, FlowBody, FlowKey, Group, Meter, Unit

Content = FlowBody | Group | Meter


class OwnershipError(Exception):
    """Two units claim the same flow or meter, and do not share it: a bug of the pipeline, or contradictory facts."""


class Others(Protocol):
    """Who else writes into a program: the routes."""

    def owners(self, dpid: Dpid, entry: Entry) -> tuple[Unit, ...]:
        """The units that asked for an entry."""

    def units(self, dpid: Dpid) -> Iterator[Unit]:
        """All units with entries on a switch."""


class SwitchProgram:
    """Keyed maps of what a switch must hold, kept by unit.

    Releases of all units come before puts, as keys change hands.
    """

    def __init__(self, dpid: Dpid, others: Others) -> None:
        """others: write into ``flows`` and ``groups`` too, under keys of their own."""
        self._dpid, self._others = dpid, others
        self.flows: dict[FlowKey, FlowBody] = {}
        self.groups: dict[int, Group] = {}
        self.meters: dict[int, Meter] = {}
        self._flow_owner: dict[FlowKey, Unit] = {}
        self._flow_sharers: dict[FlowKey, dict[Unit, None]] = {}
        """Of flows that units share, which have no single owner."""
        self._meter_owner: dict[int, Unit] = {}
        self._group_owners: dict[int, dict[Unit, None]] = {}
        self._entries: dict[Unit, tuple[tuple[FlowKey, ...], tuple[int, ...], tuple[int, ...]]] = {}

    def release(self, unit: Unit, new: Entries) -> dict[Entry, Content]:
        """Take out what a unit no longer contributes, given what it will; answers what is gone, as it was."""
        flows, groups, meters = self._entries.pop(unit, ((), (), ()))
        gone: dict[Entry, Content] = {}
        for key in flows:
            if key not in new.flows and self._release_flow(unit, key):
                gone[Entry("flow", key)] = self.flows.pop(key)
        for number in meters:
            if number not in new.meters:
                gone[Entry("meter", number)] = self.meters.pop(number)
                del self._meter_owner[number]
        for number in groups:
            if number not in new.groups:
                content = self.groups[number]
                if self._release_group(unit, number):
                    gone[Entry("group", number)] = content
        return gone

    def add(self, unit: Unit, new: Entries) -> list[Entry] | None:
        """Shortcut for a unit that was not there, with flows alone that nobody has; answers them.

        None, and nothing is done, for any other unit.
        """
        flows = new.flows
        more = new.groups or new.meters or new.shared
        if more or unit in self._entries or not flows.keys().isdisjoint(self.flows.keys()):
            return None
        self.flows.update(flows)
        self._flow_owner.update(dict.fromkeys(flows, unit))
        if flows:
            self._entries[unit] = tuple(flows), (), ()
        return [Entry("flow", key) for key in flows]

    def rewrite(self, unit: Unit, new: Entries) -> list[Entry] | None:
        """Shortcut for a unit that keeps its flows and has nothing else: answers those whose instructions changed.

        None, and nothing is done, for any other unit: it needs ``release`` and ``put``.
        """
        held = self._entries.get(unit)
        more = new.groups or new.meters or new.shared
        if held is None or more or held[1] or held[2] or held[0] != tuple(new.flows):
            return None
        changed = [Entry("flow", key) for key, body in new.flows.items() if self.flows[key] != body]
        self.flows.update(new.flows)
        return changed

    def content(self, entry: Entry) -> Content | None:
        """Instructions of a flow, a group or a meter; None if there is no such entry."""
        if isinstance(entry.key, bytes):
            return self.flows.get(entry.key)
        return self.groups.get(entry.key) if entry.kind == "group" else self.meters.get(entry.key)

    def put(self, unit: Unit, new: Entries) -> list[Entry]:
        """Set what a unit contributes, after ``release``; answers the names of entries that are new or different.

        Raises OwnershipError when another unit owns one of them; then nothing changed.
        """
        self._check(unit, new)
        if new.flows.keys().isdisjoint(self.flows.keys()):
            changed = [Entry("flow", key) for key in new.flows]
        else:
            changed = [Entry("flow", key) for key, body in new.flows.items() if self.flows.get(key) != body]
        self.flows.update(new.flows)
        if new.shared:
            for key in new.flows:
                self._flow_sharers.setdefault(key, {})[unit] = None
        else:
            self._flow_owner.update(dict.fromkeys(new.flows, unit))
        for number, meter in new.meters.items():
            if self.meters.get(number) != meter:
                changed.append(Entry("meter", number))
            self.meters[number], self._meter_owner[number] = meter, unit
        for number, content in new.groups.items():
            if self.groups.get(number) != content:
                changed.append(Entry("group", number))
            self.groups[number] = content
            self._group_owners.setdefault(number, {})[unit] = None
        if new.flows or new.groups or new.meters:
            self._entries[unit] = (tuple(new.flows), tuple(new.groups), tuple(new.meters))
        return changed

    def held(self, unit: Unit) -> Iterator[Entry]:
        """What a unit contributes now."""
        flows, groups, meters = self._entries.get(unit, ((), (), ()))
        yield from (Entry("flow", key) for key in flows)
        yield from (Entry("group", number) for number in groups)
        yield from (Entry("meter", number) for number in meters)

    def owners(self, entry: Entry) -> tuple[Unit, ...]:
        """The units that asked for an entry; several only for a shared flow or group."""
        owner: Unit | None
        if isinstance(entry.key, bytes):
            if entry.key in self._flow_sharers:
                return tuple(self._flow_sharers[entry.key])
            owner = self._flow_owner.get(entry.key)
        elif entry.kind == "group":
            users = self._group_owners.get(entry.key)
            return tuple(users) if users else self._others.owners(self._dpid, entry)
        else:
            owner = self._meter_owner.get(entry.key)
        return (owner,) if owner else self._others.owners(self._dpid, entry)

    def units(self) -> Iterator[Unit]:
        """All units with entries here."""
        return chain(self._entries, self._others.units(self._dpid))

    def _check(self, unit: Unit, new: Entries) -> None:
        if not new.flows.keys().isdisjoint(self._flow_owner.keys()):
            for key in new.flows:
                owner = self._flow_owner.get(key)
                if owner is not None and (owner != unit or new.shared):
                    raise OwnershipError(f"{unit} and {owner} both claim flow {key.hex()}")
        if not new.flows.keys().isdisjoint(self._flow_sharers.keys()):
            for key, body in new.flows.items():
                sharers = self._flow_sharers.get(key, {}).keys()
                if sharers and not (new.shared and (sharers == {unit} or self.flows[key] == body)):
                    raise OwnershipError(f"{unit} and {set(sharers)} claim flow {key.hex()} with different content")
        for number in new.meters:
            if self._meter_owner.get(number, unit) != unit:
                raise OwnershipError(f"{unit} and {self._meter_owner[number]} both claim meter {number}")
        for number, content in new.groups.items():
            others = self._group_owners.get(number, {}).keys() - {unit}
            if others and self.groups[number] != content:
                raise OwnershipError(f"{unit} and {others} claim group {number:#x} with different content")

    def _release_flow(self, unit: Unit, key: FlowKey) -> bool:
        """Whether nobody has the flow any more."""
        sharers = self._flow_sharers.get(key)
        if sharers is None:
            del self._flow_owner[key]
            return True
        del sharers[unit]
        if not sharers:
            del self._flow_sharers[key]
        return not sharers

    def _release_group(self, unit: Unit, number: int) -> bool:
        users = self._group_owners[number]
        del users[unit]
        if users:
            return False
        del self._group_owners[number], self.groups[number]
        return True
