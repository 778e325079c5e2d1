"""From commands to the resources they would leave behind, each looked at by itself and against its own old value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace

from sdn.model.command import Command, Create, Delete, Update
from sdn.model.errors import AlreadyExists, Conflict, InvalidInput, NotFound, Thing
from sdn.model.ids import parse_name, thing_of
from sdn.model.intent import KIND_OF, Port, Resource, kind_of
from sdn.store.draft import Target
from sdn.store.forms import is_learned
from sdn.store.rules import check_immutable, normal

USER_FIELDS: dict[type[Resource], frozenset[str]] = {
    cls: frozenset(f.name for f in fields(cls)) - {"name", "revision", "created"} for cls in KIND_OF
}
"""The fields that users may write, by class."""


def name_of(command: Command) -> str:
    """The name that a command is about."""
    return command.name if isinstance(command, Delete) else command.resource.name


def resolve(command: Command, objects: Mapping[str, Resource]) -> Target:
    """What a command makes of its resource; raises InvalidInput, NotFound, AlreadyExists or Conflict."""
    if isinstance(command, Delete):
        parse_name(command.name)
        old = _existing(command.name, objects)
        _check_revision(old, command.revision)
        return Target(command.name, old, None)
    resource = command.resource
    parse_name(resource.name, "name", kind_of(resource))
    stored = objects.get(resource.name)
    if isinstance(command, Update):
        stored = _existing(resource.name, objects)
        _check_revision(stored, command.revision)
        return _replaced(stored, resource, command.fields)
    if stored is None:
        new = normal(replace(resource, revision=0, created=0.0))
        return Target(new.name, None, new, _is_open(new))
    if isinstance(command, Create):
        thing = Thing(kind_of(resource).value, resource.name)
        raise AlreadyExists.of("name", f"{resource.name} exists already", "Update it, or choose another name.", thing)
    return _replaced(stored, resource, None)


def _replaced(old: Resource, resource: Resource, names: frozenset[str] | None) -> Target:
    allowed = USER_FIELDS[type(old)]
    names = allowed if names is None else names
    if unknown := sorted(names - allowed):
        raise InvalidInput.of(
            "fields", f"{unknown[0][:80]!r} is not a field to write", f"Choose from {', '.join(sorted(allowed))}."
        )
    new = replace(old, **{name: getattr(resource, name) for name in names})
    if isinstance(new, Port) and isinstance(old, Port) and not new.mac:
        new = replace(new, mac=old.mac)
    new = normal(new)
    check_immutable(old, new)
    return Target(new.name, old, new, "addresses" in names and _is_open(new))


def _is_open(new: Resource) -> bool:
    """Whether addresses are to be chosen; the host of a learned port chooses its own."""
    return isinstance(new, Port) and not new.addresses and not is_learned(new)


def _existing(name: str, objects: Mapping[str, Resource]) -> Resource:
    old = objects.get(name)
    if old is None:
        raise NotFound.of(
            "name", f"{name[:300]} does not exist", "Create it first, or correct the name.", thing_of(name)
        )
    return old


def _check_revision(old: Resource, revision: int | None) -> None:
    if revision is not None and revision != old.revision:
        raise Conflict.of(
            "revision",
            f"{old.name} has revision {old.revision}, not {revision}",
            "Read it again and repeat the change on what it is now.",
        )
