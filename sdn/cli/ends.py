"""Ends of connections as they are written at the command line: ports, several of them, a network, or interfaces."""

from __future__ import annotations

import re
from typing import Any

import click

from sdn.cli.words import full_name, id_of
from sdn.client import KINDS
from sdn.client import messages as m

_NETWORK = "network:"
_MAX_ID = 40
"""Of a name that is made of the ends, so that those of legs find room behind it."""
_SHOWN = 3


def connection_between(a: str, b: str, name: str, tenant: str) -> m.Connection:
    """A connection with its ends and its name. Raises UsageError."""
    result = m.Connection()
    if ":" in a.removeprefix(_NETWORK) or ":" in b.removeprefix(_NETWORK):
        parts = [re.sub("[^a-z0-9]+", "-", end.lower()) for end in (a, b)]
        for field, text in (("a", a), ("b", b)):
            _put(result, field, text.split(","))
    else:
        parts = [_set(result, field, text, tenant) for field, text in (("a", a), ("b", b))]
    made = name or "-".join(parts)
    if not name and len(made) > _MAX_ID and (result.sources or result.targets):
        raise click.UsageError("The ends are too many for a name made of them. Give --name.")
    result.name = full_name(KINDS["Connection"], made, tenant)
    return result


def _set(connection: m.Connection, field: str, text: str, tenant: str) -> str:
    """Give it one end; answers what stands for the end in a name."""
    network = text.startswith(_NETWORK) or "/networks/" in text
    if network:
        setattr(connection, field, full_name(KINDS["Network"], text.removeprefix(_NETWORK), tenant))
        return id_of(getattr(connection, field))
    ports = [full_name(KINDS["Port"], part, tenant) for part in text.split(",")]
    _put(connection, field, ports)
    return "-".join(map(id_of, ports))


def _put(connection: m.Connection, field: str, ends: list[str]) -> None:
    """One end, or several in a list."""
    if len(ends) == 1:
        setattr(connection, field, ends[0])
    else:
        getattr(connection, "sources" if field == "a" else "targets").extend(ends)


def end_text(connection: Any, field: str) -> str:
    """An end in few words: h1, or h1,h2,h3 and 5 more, or network web."""
    end = getattr(connection, field)
    if end:
        return f"network {id_of(end)}" if "/networks/" in end else id_of(end)
    ports = connection.sources if field == "a" else connection.targets
    more = f" and {len(ports) - _SHOWN} more" if len(ports) > _SHOWN else ""
    return ",".join(map(id_of, ports[:_SHOWN])) + more
