"""Health while the daemon runs: of the switches for who asks by gRPC, and for systemd that it lives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from sdn.daemon.notify import Notifier

CHECK_SECONDS = 1.0


class Health:
    """missing: what the switches lack; tell: told whether they lack nothing, when that changes."""

    def __init__(self, missing: Callable[[], Iterable[str]], tell: Callable[[bool], None], notifier: Notifier) -> None:
        self._missing = missing
        self._tell = tell
        self._notifier = notifier

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        living = asyncio.create_task(self._notifier.live())
        told: str | None = None
        try:
            while True:
                lacks = next(iter(self._missing()), "")
                if told is None or bool(told) != bool(lacks):
                    self._tell(not lacks)
                if told != lacks:
                    self._notifier.status(lacks or "all switches are in sync")
                told = lacks
                await asyncio.sleep(CHECK_SECONDS)
        finally:
            living.cancel()
