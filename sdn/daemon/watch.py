"""Watchers: everything there is, then every change, out of one bounded history.

A watcher is a place in the history and has no queue. One that comes back with the revision it had reached goes on from
there, as long as the history still holds what came after it; one that is slower than changes are dropped is told so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass

from sdn.controller.effects import Publish
from sdn.controller.reader import Watched
from sdn.model.errors import Gone, Unavailable
from sdn.model.ids import Kind
from sdn.model.intent import Resource, kind_of
from sdn.model.notice import Filter, Notice, NoticePage
from sdn.model.selector import EVERYTHING, Selector
from sdn.model.status import ChangeType

MAX_BEHIND = 50_000
"""Changes that are kept: so far may a watcher fall behind, or stay away."""
MAX_TEXT = 64 * 2**20
"""Characters of descriptions and labels among these; beyond it fewer changes are kept."""
MAX_SILENCE = 5_000
"""Changes that do not concern a watcher, after which it is told the revision all the same."""
_PAGE = 100
"""Notices taken at a time."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a watcher wants to see. tenant: its id, '' for all."""

    kind: Kind
    tenant: str = ""
    selector: Selector = EVERYTHING

    def sees(self, change: Publish) -> ChangeType | None:
        """How a change looks from here: to enter the selection is ADDED, to leave it DELETED; None if not at all."""
        resource = change.resource
        if kind_of(resource) is not self.kind or not self._inside(resource.name):
            return None
        now = change.type is not ChangeType.DELETED and self._selected(resource)
        before = change.type is not ChangeType.ADDED and self._selected(change.before or resource)
        if now:
            return change.type if before or change.type is ChangeType.ADDED else ChangeType.ADDED
        return ChangeType.DELETED if before else None

    def _inside(self, name: str) -> bool:
        prefix = f"tenants/{self.tenant}"
        return not self.tenant or name == prefix or name.startswith(f"{prefix}/")

    def _selected(self, resource: Resource) -> bool:
        return self.selector.matches(resource.labels)


class WatchHub:
    """Hands changes to watchers. For one event loop.

    first: the number before the first change; 0 if changes have no numbers that could be used after a restart.
    """

    def __init__(self, first: int = 0) -> None:
        self._resumable = first > 0
        self._first = self._newest = first
        self._kept: dict[int, Publish] = {}
        self._text = 0
        self._more = asyncio.Event()
        self._watchers: dict[object, None] = {}

    def publish(self, change: Publish) -> None:
        """Number a change and keep it. O(1)."""
        self._newest += 1
        self._kept[self._newest] = change
        self._text += _text_of(change)
        while len(self._kept) > MAX_BEHIND or (self._text > MAX_TEXT and len(self._kept) > 1):
            self._text -= _text_of(self._kept.pop(self._oldest))
        self._more.set()

    @property
    def _oldest(self) -> int:
        return self._newest - len(self._kept) + 1

    async def watch(
        self,
        kind: Kind,
        tenant: str,
        existing: Iterable[Publish],
        selector: Selector = EVERYTHING,
        start: int = 0,
    ) -> AsyncIterator[Watched]:
        """``existing`` as it is now, SYNCED, then each change; from ``start`` on, if that is not 0.

        existing: must look at what there is only when it is iterated over, which is when the watch begins.
        Raises Gone when the changes since ``start`` are not known any more, Unavailable when the reader is too slow.
        """
        watcher = object()
        self._watchers[watcher] = None
        try:
            if start:
                self._check(start)
            at = told = start or self._newest
            if not start:
                for publish in list(existing):
                    yield Watched(0, publish.type, publish.resource, publish.status)
            scope = Scope(kind, tenant, selector)
            synced = False
            while True:
                while at < self._newest and at - told < MAX_SILENCE:
                    at, item = self._next(at, scope)
                    if item is not None:
                        told = at
                        yield item
                if not synced or at - told >= MAX_SILENCE:
                    synced, told = True, at
                    yield Watched(self._shown(at), ChangeType.SYNCED)
                elif at == self._newest:
                    await self._news()
        finally:
            del self._watchers[watcher]

    def _next(self, at: int, scope: Scope) -> tuple[int, Watched | None]:
        """The change after ``at`` and how it looks."""
        if at + 1 < self._oldest:
            reason = f"more than {len(self._kept)} changes were waiting to be read"
            raise Unavailable.of("", reason, "Watch again and read faster.")
        change = self._kept[at + 1]
        kind = scope.sees(change)
        if kind is None:
            return at + 1, None
        return at + 1, Watched(self._shown(at + 1), kind, change.resource, change.status)

    def _shown(self, number: int) -> int:
        return number if self._resumable else 0

    async def _news(self) -> None:
        """Until something is published, for a watcher that has seen all."""
        if self._more.is_set():
            self._more = asyncio.Event()
        await self._more.wait()

    def _check(self, start: int) -> None:
        remedy = "List the objects and watch anew from 0."
        if not self._resumable:
            reason = "the store could not be written when the daemon started, so its changes have no revisions"
        elif start > self._newest:
            reason = f"there is no revision {start} yet; the newest is {self._newest}"
        elif start < self._first:
            reason = f"revision {start} is of before the last start of the daemon"
        elif start + 1 < self._oldest:
            reason = f"the changes since revision {start} are not kept any more, only those since {self._oldest - 1}"
        else:
            return
        raise Gone.of("from_revision", reason, remedy)


def _text_of(change: Publish) -> int:
    resource = change.resource
    return len(resource.description) + sum(len(key) + len(value) for key, value in resource.labels)


class NoticeHub:
    """Lets watchers read the kept notices on. For one event loop.

    A watcher is a number and has no queue: one that is slower than notices are dropped is told so by ``read``.
    read: (first number, filter, size) → page, or raises Gone.
    """

    def __init__(self, read: Callable[[int, Filter, int], NoticePage]) -> None:
        self._read = read
        self._newest = 0
        self._more = asyncio.Event()

    def wake(self, newest: int) -> None:
        """newest: number of the newest notice."""
        if newest != self._newest:
            self._newest = newest
            self._more.set()
            self._more = asyncio.Event()

    async def watch(self, start: int, wanted: Filter) -> AsyncIterator[Notice]:
        """Those from ``start`` on (0: all that are kept), then each new one."""
        while True:
            more = self._more
            page = self._read(start, wanted, _PAGE)
            for notice in page.notices:
                yield notice
            if page.more:
                start = page.notices[-1].number + 1
                continue
            start = page.newest + 1
            await more.wait()
