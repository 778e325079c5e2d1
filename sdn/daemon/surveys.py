"""Questions about the whole network that take long, answered in copies of the process: they see one moment, and nobody
waits for them but whoever asked."""

from __future__ import annotations

import asyncio
import pickle

from sdn.controller.core import Controller
from sdn.daemon import copies
from sdn.model.errors import Unavailable
from sdn.model.resilience import Resilience

SECONDS = 60
"""How long an answer may take; the largest network that was measured needs a tenth of it (docs/benchmarks.md)."""
MAX_WAITING = 8
"""Questions that may wait for each other; one is answered at a time."""


class Surveys:
    """Of one daemon. For one event loop."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def resilience(self) -> Resilience:
        """Which failures are repaired without the controller. Raises Unavailable."""
        if self._waiting >= MAX_WAITING:
            raise Unavailable.of("", f"{MAX_WAITING} such questions are being answered", "Ask again in a moment.")
        self._waiting += 1
        try:
            async with self._turn:
                answer = await copies.run_async(self._assess, SECONDS)
        finally:
            self._waiting -= 1
        found: Resilience = pickle.loads(answer)  # of a process of our own
        return found

    def _assess(self) -> bytes:
        return pickle.dumps(self._controller.parts.readiness.assess())
