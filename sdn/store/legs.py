"""Connections of many ends: a leg for each port at the side of the many, kept by the store itself.

A leg is a connection like any other, written in the same transaction as what makes it: the connection of many ends, or
a port that comes into a network which is an end, or goes. Nobody else writes it. A leg that is there keeps its name and
what it has; beyond MAX_LEGS the ports of a network that come later have none, which the connection counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sdn.model.errors import AlreadyExists, Exhausted, InUse, InvalidInput, Limit, Thing, UsedBy
from sdn.model.intent import Connection, Port, Resource
from sdn.store.draft import Target
from sdn.store.index import Index
from sdn.store.names import Problems, leg_name

MAX_LEGS = 64
"""Of one connection: admission looks for as many paths in one piece of work."""
_OWN = ("a", "b", "sources", "targets", "leg_of", "left_out", "name", "description", "labels", "revision", "created")
"""Fields that a leg has not from its connection."""


def expand(targets: dict[str, Target], index: Index, problems: Problems, cause: dict[str, str]) -> None:
    """Add what becomes of legs to the targets of a transaction. cause: gets, by leg, the object named by a command.

    O(legs of the connections concerned, and ports of the networks that are ends of them).
    """
    named = list(targets.values())
    concerned: dict[str, str] = {}
    for target in named:
        if any(isinstance(one, Connection) and one.many for one in (target.old, target.new)):
            concerned[target.name] = target.name
    for target in named:
        port = target.new or target.old
        if isinstance(port, Port) and (target.old is None or target.new is None):
            for name in index.spans.get(port.network, ()):
                concerned.setdefault(name, target.name)
    for name, by in concerned.items():
        with problems.at(by):
            _expand(name, by, targets, index, cause)
    for target in named:
        with problems.at(target.name):
            _check_not_written(target, cause)


def _expand(name: str, by: str, targets: dict[str, Target], index: Index, cause: dict[str, str]) -> None:
    target = targets.get(name)
    whole = index.objects[name] if target is None else target.new
    legs = ((user, _leg(index.objects[user])) for user in index.users.get(name, ()))
    before = {user: one for user, one in legs if one is not None and one.leg_of == name}
    wanted: dict[str, Connection] = {}
    if isinstance(whole, Connection) and whole.many:
        wanted, left_out = _legs(whole, before, targets, index, asked=target is not None)
        if left_out != whole.left_out:
            if target is None:
                target = targets[name] = Target(name, whole, whole, derived=True)
                cause[name] = by
            target.new = replace(whole, left_out=left_out)
    for leg in {**before, **wanted}:
        old, new = index.objects.get(leg), wanted.get(leg)
        if old is not None and leg not in before:
            raise AlreadyExists.of("", f"{leg} exists, and is no leg of {name}", "Use another name.", Thing("", leg))
        if old is not None and new is not None:
            new = replace(
                new, description=old.description, labels=old.labels, revision=old.revision, created=old.created
            )
        if leg in targets:
            cause[leg] = leg
            _check_same(targets[leg], new, name)
        elif old != new:
            targets[leg] = Target(leg, old, new, derived=True)
            cause[leg] = by


def _legs(
    whole: Connection, before: Mapping[str, Connection], targets: Mapping[str, Target], index: Index, *, asked: bool
) -> tuple[dict[str, Connection], int]:
    """The legs that a connection should have, and how many ports have none. asked: the connection itself is written."""
    forth = whole.from_one
    hub = whole.a if forth else whole.b
    ports = [port for port in _ports(whole, targets, index) if port != hub]
    there = [port for port in ports if leg_name(whole.name, port) in before]
    rest = [port for port in ports if leg_name(whole.name, port) not in before]
    if len(ports) > MAX_LEGS and asked and (not before or not whole.network):
        field = ("b" if forth else "a") if whole.network else "targets" if forth else "sources"
        remedy = f"Keep to {MAX_LEGS}: connect some of them by connections of their own."
        limit = Limit(whole.name, "legs", MAX_LEGS, len(ports))
        raise Exhausted.of(field, f"{len(ports)} ports are at this side", remedy, limit)
    chosen = (there + rest)[:MAX_LEGS]
    return {leg.name: leg for port in chosen for leg in [_made(whole, hub, port, forth)]}, len(ports) - len(chosen)


def _ports(whole: Connection, targets: Mapping[str, Target], index: Index) -> list[str]:
    """Of the side of the many, as they would be."""
    if not whole.network:
        return [*whole.sources, *whole.targets]
    names = {
        name
        for name in index.users.get(whole.network, ())
        if isinstance(index.objects[name], Port) and name not in targets
    }
    for target in targets.values():
        if isinstance(target.new, Port) and target.new.network == whole.network:
            names.add(target.name)
    return sorted(names)


def _made(whole: Connection, hub: str, port: str, forth: bool) -> Connection:
    a, b = (hub, port) if forth else (port, hub)
    rest = {field: getattr(whole, field) for field in whole.__dataclass_fields__ if field not in _OWN}
    return Connection(name=leg_name(whole.name, port), a=a, b=b, leg_of=whole.name, **rest)


def _leg(resource: Resource) -> Connection | None:
    return resource if isinstance(resource, Connection) and resource.leg_of else None


def _check_same(target: Target, wanted: Connection | None, whole: str) -> None:
    """A leg that a command names as well may only be what it is anyway, as where objects come back from a manifest."""
    given = target.new
    if isinstance(given, Connection) and wanted is not None:
        kept = {field: getattr(given, field) for field in ("description", "labels", "revision", "created")}
        if given == replace(wanted, **kept):
            return
    if given is not None or wanted is not None:
        raise _not_yours(target.name, whole)


def _check_not_written(target: Target, cause: Mapping[str, str]) -> None:
    """Legs are not written for themselves."""
    for one in (target.old, target.new):
        if isinstance(one, Connection) and one.leg_of and target.name not in cause and target.old != target.new:
            if target.old is None:
                reason = f"{one.leg_of} makes its legs itself, and this is none of them"
                raise InvalidInput.of("leg_of", reason, "Leave it out; it is of what sdnd makes.")
            raise _not_yours(target.name, one.leg_of)


def _not_yours(leg: str, whole: str) -> Exception:
    reason = f"{leg} is a leg of {whole}, which makes it what it is"
    return InUse.of("name", reason, f"Change or delete {whole}.", UsedBy(leg, (whole,), 1))
