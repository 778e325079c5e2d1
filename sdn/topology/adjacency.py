"""Who hears whom: a partial matching of ports, kept consistent by letting the newest observation win."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sdn.model.ids import Dpid, format_dpid


class End(NamedTuple):
    """An end of a link by names that last (port numbers may change when a switch returns)."""

    dpid: Dpid
    interface: str

    def __str__(self) -> str:
        return f"{format_dpid(self.dpid)}:{self.interface}"


class Adjacency:
    """Directions (sender → receiver) in which probes were heard; a port has at most one peer. O(1) but for listings."""

    def __init__(self) -> None:
        self._reaches: dict[End, tuple[End, float]] = {}
        self._heard: dict[End, End] = {}

    def join(self, sender: End, receiver: End, now: float) -> bool:
        """``sender`` was heard at ``receiver``: whatever contradicts that is forgotten. Returns whether it was news."""
        if self.receiver(sender) == receiver:
            return False
        for end, peer in ((sender, receiver), (receiver, sender)):
            if self.receiver(end) not in (None, peer):
                self._cut(end)
            source = self._heard.get(end)
            if source is not None and source != peer:
                self._cut(source)
        self._reaches[sender] = receiver, now
        self._heard[receiver] = sender
        return True

    def cut(self, end: End) -> bool:
        """Forget both directions at a port. Returns whether there was one."""
        source = self._heard.get(end)
        if source is not None:
            self._cut(source)
        if end in self._reaches:
            self._cut(end)
            return True
        return source is not None

    def cut_direction(self, sender: End) -> None:
        """Forget that ``sender`` was heard."""
        self._cut(sender)

    def receiver(self, sender: End) -> End | None:
        """Where ``sender`` was heard."""
        found = self._reaches.get(sender)
        return None if found is None else found[0]

    def directions(self) -> Iterator[tuple[End, End]]:
        """All (sender, receiver)."""
        return ((sender, receiver) for sender, (receiver, _) in self._reaches.items())

    def knows(self, end: End) -> bool:
        """Whether the port is part of any direction."""
        return end in self._reaches or end in self._heard

    def link_at(self, end: End) -> tuple[End, End] | None:
        """(lower end, higher end), where both directions are heard."""
        peer = self.receiver(end)
        if peer is None or self.receiver(peer) != end:
            return None
        return (end, peer) if end < peer else (peer, end)

    def links(self) -> list[tuple[End, End]]:
        """Where both directions are heard: (lower end, higher end), sorted."""
        return sorted(
            (sender, receiver)
            for sender, receiver in self.directions()
            if sender < receiver and self.receiver(receiver) == sender
        )

    def one_way(self, before: float) -> list[tuple[End, End]]:
        """(sender, receiver) where, since before that time, one direction only is heard. Sorted."""
        return sorted(
            (sender, receiver)
            for sender, (receiver, since) in self._reaches.items()
            if since < before and self.receiver(receiver) != sender
        )

    def _cut(self, sender: End) -> None:
        receiver, _ = self._reaches.pop(sender)
        del self._heard[receiver]
