"""--watch for what the API tells when it is asked: it is asked again and again, and what changed is shown."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import click

from sdn.cli.render import as_json_line, as_yaml, clean
from sdn.cli.session import Session
from sdn.cli.words import DurationType

CLEAR = "\x1b[H\x1b[2J"
"""An empty terminal."""
F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


def watch_options(command: F) -> F:
    """The options --watch and --every; they arrive as ``watching`` and ``every``."""
    command = click.option(
        "--every", type=DurationType(), default="2s", show_default=True, help="With --watch: how often to look."
    )(command)
    return click.option(
        "-w",
        "--watch",
        "watching",
        is_flag=True,
        help="Look again and again, and show what changes.",
    )(command)


def show(
    session: Session,
    watching: bool,
    every: float,
    look: Callable[[], T],
    data: Callable[[T], Any],
    human: Callable[[T], str],
    names: Callable[[T], Iterable[str]] = lambda found: (),
) -> T:
    """Show what ``look`` finds, once or whenever it is something else; returns it. Others as of ``Session.show``.

    While it is watched, JSON is one document a line, and a table on a terminal takes the place of the last one.
    """
    found = look()
    if not watching:
        session.show(partial(data, found), partial(human, found), partial(names, found))
        return found
    shown: Any = None
    with suppress(KeyboardInterrupt):
        while True:
            told = data(found)
            if told != shown:
                click.echo(_reading(session.output, told, partial(human, found), partial(names, found)))
            shown = told
            time.sleep(every)
            found = look()
    return found


def _reading(output: str, data: Any, human: Callable[[], str], names: Callable[[], Iterable[str]]) -> str:
    if output == "json":
        return as_json_line(data)
    if output == "yaml":
        return f"---\n{as_yaml(data)}"
    if output == "name":
        return "\n".join(clean(name) for name in names())
    return f"{CLEAR if sys.stdout.isatty() else ''}{human()}\n"
