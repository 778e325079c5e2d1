"""Changes of objects as they come, one a line."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import click

from sdn.cli.columns import state
from sdn.cli.render import as_json_line, as_yaml, clean, plain_object
from sdn.cli.session import Session
from sdn.client import Change


def follow(session: Session, changes: Iterable[Change[Any]], name: str = "") -> None:
    """Print changes until interrupted. name: only those of this object, '' for all."""
    with suppress(KeyboardInterrupt):
        for change in changes:
            if name in ("", change.resource.name):
                click.echo(_one(session.output, change))


def _one(output: str, change: Change[Any]) -> str:
    message = change.resource
    if output == "name":
        return clean(message.name)
    if output == "table":
        return "  ".join((f"{change.type:<8}", clean(message.name), clean(state(message))))
    data = {"type": change.type, "revision": change.revision, "object": plain_object(message)}
    return as_json_line(data) if output == "json" else f"---\n{as_yaml(data)}"
