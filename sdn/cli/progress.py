"""How far something has come that takes a while, told on a terminal: standard error is one. Else nothing is told.

Of a write it is how many objects are programmed; of all else what is being done, and for how long.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Any

import click

from sdn.cli.render import clean, state_word
from sdn.cli.words import tenant_of
from sdn.client import ApiError, Client, KindInfo, kind_of

_SETTLED = ("PROGRAMMED", "REJECTED", "FAILED")
"""States that an object does not leave by itself."""
Tell = Callable[[int], None]
PATIENCE, _AGAIN = 0.5, 0.2
"""Seconds until the first line, and between lines."""


def on_terminal() -> bool:
    """Whether somebody looks on."""
    return sys.stderr.isatty()


def telling(wait: float) -> bool:
    """Whether somebody looks on while objects are waited for."""
    return bool(wait) and on_terminal()


@contextmanager
def working(what: str) -> Iterator[Callable[[str], None]]:
    """Tell what is done and for how long, from half a second on; gives what takes the words for how far it has come."""
    if not on_terminal():
        yield lambda far: None
        return
    ticker = _Ticker(what)
    thread = threading.Thread(target=ticker.run, daemon=True)
    thread.start()
    try:
        yield ticker.tell
    finally:
        ticker.over.set()
        thread.join()


class _Ticker:
    """One line that is written again and again, and taken away in the end."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._far = ""
        self._began = time.monotonic()
        self.over = threading.Event()

    def tell(self, far: str) -> None:
        self._far = far

    def run(self) -> None:
        wait, shown = PATIENCE, False
        while not self.over.wait(wait):
            wait, shown = _AGAIN, True
            words = " ".join(filter(None, (self._what, self._far)))
            seconds = time.monotonic() - self._began
            click.echo(f"\r{clean(words)}, {seconds:.0f} s\x1b[K", err=True, nl=False)
        if shown:
            click.echo("\r\x1b[K", err=True, nl=False)


def wait_and_tell(client: Client, messages: Sequence[Any], seconds: float) -> list[Any]:
    """The objects when all have settled, or as they are after ``seconds``; a bar on standard error shows how many."""
    label = "programmed"
    with click.progressbar(length=len(messages), label=label, show_pos=True, show_eta=False, file=sys.stderr) as bar:

        def tell(done: int) -> None:
            bar.update(done - bar.pos)
            bar.render_progress()

        return followed(client, messages, seconds, tell)


def followed(client: Client, messages: Sequence[Any], seconds: float, tell: Tell) -> list[Any]:
    """As ``wait_and_tell``; tell: called with how many have settled, whenever that changes. Raises ApiError."""
    latest = {message.name: message for message in messages}
    waiting = {name for name, message in latest.items() if not _settled(message)}
    told: SimpleQueue[Any] = SimpleQueue()
    end = time.monotonic() + seconds
    with ExitStack() as stack:
        for kind, parent in _scopes(latest[name] for name in waiting):
            watch = client.of_kind(kind.kind).watch(parent)
            # Closed before it is joined: a stream that nothing comes from ends then.
            thread = threading.Thread(target=_read, args=(watch, told), daemon=True)
            thread.start()
            stack.callback(thread.join)
            stack.callback(watch.close)
        tell(len(latest) - len(waiting))
        while waiting and (left := end - time.monotonic()) > 0:
            with suppress(Empty):
                message = told.get(timeout=left)
                if isinstance(message, ApiError):
                    raise message
                if message.name in latest:
                    latest[message.name] = message
                    (waiting.discard if _settled(message) else waiting.add)(message.name)
                    tell(len(latest) - len(waiting))
    return list(latest.values())


def _settled(message: Any) -> bool:
    return state_word(message.status) in _SETTLED


def _scopes(messages: Iterable[Any]) -> list[tuple[KindInfo, str]]:
    """(kind, tenant) pairs to watch."""
    found = {}
    for message in messages:
        info = kind_of(message)
        found[info.kind, tenant_of(message.name) if info.in_tenant else ""] = info
    return [(info, f"tenants/{tenant}" if tenant else "") for (_, tenant), info in found.items()]


def _read(watch: Any, told: SimpleQueue[Any]) -> None:
    try:
        for change in watch:
            told.put(change.resource)
    except ApiError as error:
        told.put(error)
