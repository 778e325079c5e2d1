"""Requests before they are durable: checked against the state and against each other, with nothing changed yet.

A stage takes requests in order for as long as each can be decided on what the ones before it would leave behind. What
it holds is written as one; then the controller takes it, and only then anybody sees a change. A stage that cannot be
written is dropped, and nothing needs to be undone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from sdn.controller.connections.connections import Connections
from sdn.controller.connections.placing import Grant
from sdn.controller.effects import Reply
from sdn.controller.events import Request
from sdn.model.command import Transaction
from sdn.model.errors import SdnError
from sdn.model.intent import Connection
from sdn.store import Change, Prepared, Store
from sdn.store.resolve import name_of


@dataclass(frozen=True, slots=True)
class Admitted:
    """A transaction that will succeed, and the paths of its connections."""

    token: int
    prepared: Prepared
    paths: Mapping[str, Grant]

    @property
    def writes(self) -> bool:
        """Whether there is anything to commit."""
        return not self.prepared.dry_run and not self.prepared.replayed


@dataclass(slots=True)
class Staged:
    """Requests in order: admitted ones and answers to the others. taken: how many requests that are.

    puts, deletes: what must be durable before the controller takes it, in one piece.
    """

    items: list[Admitted | Reply] = field(default_factory=list)
    records: dict[tuple[str, str], str | None] = field(default_factory=dict)

    @property
    def taken(self) -> int:
        """Number of requests."""
        return len(self.items)

    @property
    def puts(self) -> tuple[tuple[str, str, str], ...]:
        """Records to write."""
        return tuple((bucket, key, text) for (bucket, key), text in self.records.items() if text is not None)

    @property
    def deletes(self) -> tuple[tuple[str, str], ...]:
        """Records to delete, before others are written."""
        return tuple(record for record, text in self.records.items() if text is None)


Make = Callable[[], Request]
"""A request that is made when the ones before it are known, so that it may look at the store."""


def stage(
    store: Store, connections: Connections, requests: Iterable[Make], wall: float, limit: int | None = None
) -> Staged:
    """Check requests one behind the other; stops before one that must see what an earlier one does to paths.

    wall: Unix time in seconds. limit: stop after so many requests. Store and connections are left as they were.
    """
    staged = Staged()
    asked = False
    behind: Prepared | None = None
    with store.trial() as commit:
        for make in requests:
            if limit is not None and staged.taken >= limit:
                break
            if behind is not None:
                commit(behind)
                behind = None
            item = _check(store, connections, make(), wall, alone=not asked)
            if item is None:
                break
            staged.items.append(item)
            if isinstance(item, Admitted) and item.writes:
                behind = item.prepared
                asked = asked or _concerns_paths(item.prepared.changes)
                staged.records.update(((bucket, key), text) for bucket, key, text in behind.puts)
                staged.records.update(dict.fromkeys(behind.deletes))
    return staged


def _check(
    store: Store, connections: Connections, request: Request, wall: float, *, alone: bool
) -> Admitted | Reply | None:
    """None when it must wait until the connections before it have their paths."""
    transaction = request.transaction
    try:
        prepared = store.prepare(transaction, wall)
        if not alone and _concerns_paths(prepared.changes):
            return None
        return Admitted(request.token, prepared, connections.admission.admit(prepared.changes, _fields(transaction)))
    except SdnError as error:
        return Reply(request.token, error)


def _concerns_paths(changes: Iterable[Change]) -> bool:
    return any(isinstance(change.new or change.old, Connection) for change in changes)


def _fields(transaction: Transaction) -> Callable[[str], str]:
    """Where in a transaction an object is, as a prefix for fields of violations."""
    if len(transaction.commands) == 1:
        return lambda name: ""
    order = {name_of(command): index for index, command in enumerate(transaction.commands)}
    return lambda name: f"commands[{order[name]}]."
