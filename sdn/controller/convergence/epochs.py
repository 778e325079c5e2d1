"""Epochs of destinations over a restart: which one packets are given, and which ones they may still carry.

A record is written before the first packet can be given its epoch. What a switch holds of an epoch that was being left
when the daemon ended is spared until all switches are known to give another one: the new daemon knows nothing of it but
that packets may need it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from sdn.controller.convergence.lingering import Fading
from sdn.controller.switches.fleet import Fleet
from sdn.model.errors import SdnError
from sdn.model.ids import Dpid, format_dpid, parse_dpid
from sdn.model.program import FlowKey
from sdn.model.route import EPOCHS as COUNT
from sdn.pipeline.fabric import node_keys

EPOCHS = "epochs"
"""Bucket: by destination, the epoch that packets are given, and those that are being left."""

_RECORD = re.compile(rf"[0-{COUNT - 1}]( [0-{COUNT - 1}]){{0,{COUNT - 1}}}")


class Epochs:
    """saved: the bucket as it was left; label_of: of a switch; raises SdnError when the bucket is damaged."""

    def __init__(self, saved: Mapping[str, str], label_of: Callable[[Dpid], int | None]) -> None:
        self.current: dict[Dpid, int] = {}
        self.former: dict[Dpid, tuple[int, ...]] = {}
        """Those that were being left when the last daemon ended."""
        self.spared: set[FlowKey] = set()
        """What switches hold of these."""
        self._fading: Fading | None = None
        for key, text in saved.items():
            if not _RECORD.fullmatch(text):
                raise SdnError.of(
                    f"{EPOCHS}[{key}]"[:300],
                    f"the stored record is damaged: {text[:40]!r}",
                    "Restore the state directory from a backup; nothing was changed.",
                )
            destination, (first, *others) = parse_dpid(key), map(int, text.split())
            self.current[destination] = first
            label = label_of(destination)
            if others and label is not None:
                self.former[destination] = tuple(others)
                self.spared.update(key for epoch in others for key in node_keys(label, epoch)[1:])

    def forget(self, dpid: Dpid) -> None:
        """A switch is gone for good: what was spared does not wait for it."""
        if self._fading is not None:
            self._fading.waits.discard(dpid)

    def step(self, now: float, generation: int, switches: Iterable[Dpid], fleet: Fleet) -> list[Dpid]:
        """Give up what was spared once these switches have what they should; answers whose record is another one now.

        switches: all that may give packets an epoch; only those of the first call count.
        """
        if not self.former:
            return []
        if self._fading is None:
            self._fading = Fading(generation, set(switches))
        if not self._fading.over(now, fleet.confirmed):
            return []
        over = list(self.former)
        self.former.clear()
        self.spared.clear()
        fleet.unspare(generation)
        return over


def records(changed: Iterable[Dpid], epochs_of: Callable[[Dpid], tuple[int, ...]]) -> Iterator[tuple[str, str | None]]:
    """Records to put (None: delete). epochs_of: Convergence.record."""
    for destination in changed:
        epochs = epochs_of(destination)
        yield format_dpid(destination), " ".join(map(str, epochs)) if epochs != (0,) else None
