"""Requests of users: checked, written to the store, and told to the parts that make facts of objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sdn.controller.effects import Reply
from sdn.controller.events import Request
from sdn.controller.parts import Parts
from sdn.controller.staging import Make, Staged, stage
from sdn.model.command import Command, Transaction, TransactionResult
from sdn.model.errors import SdnError
from sdn.model.intent import Connection, Port
from sdn.store import Change


class Requests:
    """What changes the store."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def stage(self, requests: Iterable[Make], wall: float, limit: int | None = None) -> Staged:
        """Check requests in order, as many as can be decided together; nothing changes."""
        return stage(self._parts.store, self._parts.connections, requests, wall, limit)

    def take(self, event: Request, now: float, wall: float) -> None:
        """Check a request and carry it out at once; its records are among those of the turn."""
        staged = self.stage((lambda: event,), wall)
        self._parts.outcome.keep_all(staged.records)
        self.carry_out(staged, now)

    def write(self, commands: Sequence[Command], now: float, wall: float) -> SdnError | None:
        """Carry out a transaction of the controller's own, at once; answers why it was refused."""
        staged = self.stage((lambda: Request(0, Transaction(tuple(commands))),), wall)
        (item,) = staged.items
        if isinstance(item, Reply):
            return item.result if isinstance(item.result, SdnError) else None
        self._parts.outcome.keep_all(staged.records)
        self.carry_out(staged, now)
        return None

    def carry_out(self, staged: Staged, now: float) -> None:
        """What was staged, whose records are taken care of."""
        parts = self._parts
        for item in staged.items:
            if isinstance(item, Reply):
                parts.outcome.emit(item)
                continue
            prepared = item.prepared
            if item.writes:
                parts.store.commit(prepared)
                self.spread(prepared.changes, now)
                parts.connections.apply(prepared.changes, item.paths)
            generation = parts.progress.generation + 1
            result = TransactionResult(prepared.revision, prepared.resources, prepared.changed, generation)
            parts.outcome.emit(Reply(item.token, result))

    def spread(self, changes: Sequence[Change], now: float) -> None:
        """Tell the parts that make facts of objects what has changed in the store."""
        parts = self._parts
        parts.logical.apply(changes)
        for change in changes:
            if isinstance(change.new or change.old, Port):
                self._port_changed(change, now)
            elif isinstance(change.new or change.old, Connection):
                for place in parts.connections.ends.changed(change.old, change.new, now):
                    parts.underlay.binding_changed(place)
            parts.outcome.wrote(change)

    def _port_changed(self, change: Change, now: float) -> None:
        parts = self._parts
        old = change.old if isinstance(change.old, Port) else None
        new = change.new if isinstance(change.new, Port) else None
        for place in parts.attachments.port_changed(change.name, new, now):
            parts.underlay.binding_changed(place)
        parts.announcements.port_written(old, new)
        parts.managers.changed(change)
        parts.learning.port_written(old, new, now)
