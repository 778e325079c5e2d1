"""Which object waits for which switch. Generations number the rounds of compiling; they only grow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class Progress:
    """Objects by name, switches by datapath id. An object is noted for a switch until that has confirmed.

    Memory follows what is unconfirmed, not what there is.
    """

    def __init__(self) -> None:
        self.generation = 0
        self._waits: dict[str, dict[int, int]] = {}
        self._queues: dict[int, dict[str, int]] = {}
        self._lost: dict[int, dict[str, None]] = {}
        """By switch: objects that wait because the switch lost what it had confirmed."""

    def touch(self, owner: str, dpid: int, *, live: bool) -> None:
        """The present generation changes entries of an object on a switch. O(1).

        live: whether the switch is being written to; if not, all it lacks is found when it comes back, and the first
        generation it missed is remembered.
        """
        waits = self._waits.setdefault(owner, {})
        if dpid in waits and not live:
            return
        queue = self._queues.setdefault(dpid, {})
        queue.pop(owner, None)
        queue[owner] = waits[dpid] = self.generation

    def lost(self, owner: str, dpid: int) -> None:
        """A live switch does not hold what it should for an object. O(1)."""
        if dpid not in self.waits(owner):
            self._lost.setdefault(dpid, {})[owner] = None
        self.touch(owner, dpid, live=True)

    def is_lost(self, owner: str, dpid: int) -> bool:
        """Whether an object waits for a switch because that lost what it had confirmed."""
        return owner in self._lost.get(dpid, ())

    def drop(self, owner: str, dpid: int) -> None:
        """An object does not wait for a switch any more."""
        waits = self._waits.get(owner)
        if waits is not None and waits.pop(dpid, None) is not None:
            del self._queues[dpid][owner]
            if dpid in self._lost:
                self._lost[dpid].pop(owner, None)
            if not waits:
                del self._waits[owner]

    def forget(self, dpid: int) -> list[str]:
        """Nobody waits for a switch any more; those who did. O(these)."""
        return self.confirm(dpid, None)

    def first(self, dpid: int) -> int:
        """The oldest generation that a switch has not confirmed for an object; the present one if there is none."""
        return next(iter(self._queues.get(dpid, {}).values()), self.generation)

    def confirm(self, dpid: int, oldest: int | None) -> list[str]:
        """A switch confirmed all generations before ``oldest`` (None: all); the objects that no longer wait for it."""
        settled = []
        for owner, generation in self._queues.get(dpid, {}).items():
            if oldest is not None and generation >= oldest:
                break
            settled.append(owner)
        for owner in settled:
            self.drop(owner, dpid)
        return settled

    def waits(self, owner: str) -> Mapping[int, int]:
        """The switches an object waits for, with the generation to be confirmed."""
        return self._waits.get(owner, {})

    def owners(self, dpid: int) -> Iterable[str]:
        """Objects that wait for a switch."""
        return self._queues.get(dpid, {}).keys()
