"""Watchers: everything there is, then every change, with a bounded queue for each."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable

from sdn.controller.effects import Publish
from sdn.model.errors import Unavailable
from sdn.model.ids import Kind
from sdn.model.intent import kind_of
from sdn.model.notice import Filter, Notice, NoticePage

MAX_BEHIND = 50_000
"""Changes that wait for one watcher; one that falls further behind is told so and must begin again."""
_PAGE = 100
"""Notices taken at a time."""


class _Watcher:
    def __init__(self, kind: Kind, tenant: str) -> None:
        self.kind = kind
        self.prefix = f"tenants/{tenant}" if tenant else ""
        self.queue: deque[Publish] = deque()
        self.awake = asyncio.Event()
        self.lost = False

    def wants(self, change: Publish) -> bool:
        name = change.resource.name
        inside = not self.prefix or name == self.prefix or name.startswith(f"{self.prefix}/")
        return inside and kind_of(change.resource) is self.kind

    def put(self, change: Publish) -> None:
        if len(self.queue) >= MAX_BEHIND:
            self.lost = True
            self.queue.clear()
        if not self.lost:
            self.queue.append(change)
        self.awake.set()


class WatchHub:
    """Hands changes to watchers. For one event loop."""

    def __init__(self) -> None:
        self._watchers: dict[_Watcher, None] = {}

    def publish(self, change: Publish) -> None:
        """Tell all whom it concerns. O(watchers)."""
        for watcher in self._watchers:
            if watcher.wants(change):
                watcher.put(change)

    async def watch(self, kind: Kind, tenant: str, existing: Iterable[Publish]) -> AsyncIterator[Publish]:
        """``existing`` as it is now, then each change. Raises Unavailable when the reader is too slow."""
        watcher = _Watcher(kind, tenant)
        self._watchers[watcher] = None
        try:
            for change in list(existing):
                yield change
            while True:
                await watcher.awake.wait()
                watcher.awake.clear()
                while watcher.queue:
                    yield watcher.queue.popleft()
                if watcher.lost:
                    raise Unavailable.of(
                        "", f"more than {MAX_BEHIND} changes were waiting to be read", "Watch again and read faster."
                    )
        finally:
            del self._watchers[watcher]


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
