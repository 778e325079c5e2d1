"""Writes as the store takes them: a transaction of creates, updates and deletes, all or nothing."""

from __future__ import annotations

from dataclasses import dataclass

from sdn.model.intent import Resource


@dataclass(frozen=True, slots=True)
class Create:
    """Add an object. It fails when the name exists."""

    resource: Resource


@dataclass(frozen=True, slots=True)
class Update:
    """Replace the named fields of an existing object (all user fields when ``fields`` is None).

    revision: if not None, the write fails with Conflict unless the stored revision equals it.
    """

    resource: Resource
    fields: frozenset[str] | None = None
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class Put:
    """Create or replace: what Apply of a manifest does. An object that would not change keeps its revision."""

    resource: Resource


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove an object by name; refused with InUse while others refer to it (unless deleted in the same one)."""

    name: str
    revision: int | None = None


Command = Create | Update | Put | Delete


@dataclass(frozen=True, slots=True)
class Transaction:
    """Commands carried out together. request_id: repeated requests with the same non-empty id answer the first result.

    In a transaction with several commands, violations carry ``commands[i].`` before the field.
    unlimited: quotas of tenants do not count, for what was there before and comes back.
    """

    commands: tuple[Command, ...]
    request_id: str = ""
    dry_run: bool = False
    unlimited: bool = False


@dataclass(frozen=True, slots=True)
class TransactionResult:
    """What a transaction did. revision: of the store after the write.

    resources: as stored, in the order of the commands (deleted ones as they were).
    changed: names of objects that were really changed. generation: to wait for until programmed.
    """

    revision: int
    resources: tuple[Resource, ...]
    changed: tuple[str, ...]
    generation: int


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did, or would do: names of objects. revision: of the store afterwards."""

    created: tuple[str, ...]
    updated: tuple[str, ...]
    deleted: tuple[str, ...]
    revision: int
