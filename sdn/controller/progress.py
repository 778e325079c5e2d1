"""Which object waits for which switch. Generations number the rounds of compiling; they only grow."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping


class Progress:
    """Objects by name, switches by datapath id. An object is noted for a switch until that has confirmed."""

    def __init__(self) -> None:
        self.generation = 0
        self._touched: dict[str, dict[int, int]] = {}
        self._queues: dict[int, deque[tuple[int, str]]] = {}

    def touch(self, owner: str, dpid: int) -> None:
        """The present generation changes entries of an object on a switch. O(1)."""
        waits = self._touched.setdefault(owner, {})
        if waits.get(dpid) != self.generation:
            waits[dpid] = self.generation
            self._queues.setdefault(dpid, deque()).append((self.generation, owner))

    def first(self, dpid: int) -> int | None:
        """The oldest generation that a switch has not confirmed for an object."""
        queue = self._queues.get(dpid)
        return queue[0][0] if queue else None

    def confirm(self, dpid: int, oldest: int | None) -> list[str]:
        """A switch confirmed all generations before ``oldest`` (None: all); the objects that no longer wait for it."""
        queue = self._queues.get(dpid, deque())
        settled = []
        while queue and (oldest is None or queue[0][0] < oldest):
            generation, owner = queue.popleft()
            waits = self._touched.get(owner, {})
            if waits.get(dpid) == generation:
                del waits[dpid]
                settled.append(owner)
                if not waits:
                    del self._touched[owner]
        return settled

    def waits(self, owner: str) -> Mapping[int, int]:
        """The switches an object waits for, with the generation to be confirmed."""
        return self._touched.get(owner, {})

    def owners(self, dpid: int) -> Iterable[str]:
        """Objects that wait for a switch."""
        return dict.fromkeys(owner for _, owner in self._queues.get(dpid, ()))
