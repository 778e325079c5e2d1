"""Backups of the running daemon, and the return to one as an ordinary transaction.

A restore concerns objects. Numbers, links, paths and the secret of probes are those of the present: switches hold
flows with them, and a number of the time of the backup may mean something else by now.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from sdn.daemon.engine import Engine
from sdn.model.command import Command, Delete, Put, Restored, Transaction, TransactionResult
from sdn.model.errors import SdnError, Violation
from sdn.model.intent import Resource

_COMMAND = re.compile(r"commands\[(\d{1,9})\]\.?(.*)", re.DOTALL)


class Keeper:
    """For the loop of an engine. take: makes a snapshot, and blocks; objects_of: reads one, blocks, raises SdnError."""

    def __init__(
        self, engine: Engine, take: Callable[[], bytes], objects_of: Callable[[bytes], tuple[Resource, ...]]
    ) -> None:
        self._engine = engine
        self._take = take
        self._objects_of = objects_of

    async def backup(self) -> bytes:
        """Everything durable at one moment."""
        return await asyncio.to_thread(self._take)

    async def restore(self, data: bytes, *, dry_run: bool) -> Restored:
        """Make the objects those of a snapshot, all or nothing; raises SdnError."""
        wanted = await asyncio.to_thread(self._objects_of, data)
        plan = _Plan(wanted, dry_run)
        try:
            result = await self._engine.submit_made(lambda: plan.transaction(self._engine.objects))
        except SdnError as error:
            if not plan.commands and plan.made:
                return Restored((), (), (), self._engine.revision)
            raise type(error)(*map(plan.named, error.violations)) from None
        return plan.outcome(result)


class _Plan:
    """The transaction from the present to what is wanted."""

    def __init__(self, wanted: Iterable[Resource], dry_run: bool) -> None:
        self._wanted = {resource.name: resource for resource in wanted}
        self._dry_run = dry_run
        self._before: frozenset[str] = frozenset()
        self.commands: tuple[Command, ...] = ()
        self.made = False

    def transaction(self, present: Mapping[str, Resource]) -> Transaction:
        """Only what differs. Nothing to do is a transaction without commands, which the store refuses."""
        changed = (item for name, item in self._wanted.items() if _said(item) != _said(present.get(name)))
        puts = [Put(item) for item in changed]
        self.commands = (*puts, *(Delete(name) for name in present if name not in self._wanted))
        self._before = frozenset(item.resource.name for item in puts if item.resource.name in present)
        self.made = True
        return Transaction(self.commands, dry_run=self._dry_run, unlimited=True)

    def outcome(self, result: TransactionResult) -> Restored:
        """By what became of each object."""
        puts = [command.resource.name for command in self.commands if isinstance(command, Put)]
        deleted = tuple(command.name for command in self.commands if isinstance(command, Delete))
        return Restored(
            created=tuple(name for name in puts if name not in self._before),
            updated=tuple(name for name in puts if name in self._before),
            deleted=deleted,
            revision=result.revision,
        )

    def named(self, violation: Violation) -> Violation:
        """A violation with the object's name instead of its place in the transaction."""
        match = _COMMAND.fullmatch(violation.field)
        index, rest = (int(match[1]), match[2]) if match else (0, violation.field)
        if not match and len(self.commands) != 1:
            return violation
        command = self.commands[index]
        name = command.name if isinstance(command, Delete) else command.resource.name
        return violation.at(f"{name}: {rest}" if rest else name)


def _said(resource: Resource | None) -> Resource | None:
    """What users said of an object."""
    return None if resource is None else replace(resource, revision=0, created=0.0)
