"""Links that carry nothing while both their ports are up, as the switches at their ends say (a port that is not live).

Belongs here: which links are told as silent, and how faults name them. Must not know: how a switch finds out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sdn.model.ids import Dpid
from sdn.model.topology import WiringFault
from sdn.topology.adjacency import End
from sdn.topology.discovery import Discovery


@dataclass(frozen=True, slots=True)
class SilenceChange:
    """A link carries nothing from now on, or does again. ends: for people; at: of them, those whose switches say so."""

    ends: tuple[str, str]
    silent: bool
    at: tuple[str, ...] = ()


class Silences:
    """show: an end for people."""

    def __init__(self, discovery: Discovery, show: Callable[[End], str]) -> None:
        self._discovery = discovery
        self._show = show
        self._silent: set[tuple[End, End]] = set()
        self._changes: dict[tuple[End, End], SilenceChange] = {}

    def note(self, pair: tuple[End, End], *, up: bool) -> None:
        """Look at a link, which was used until now (``up``). What is silent is so until the link is usable again."""
        if self._discovery.usable(pair):
            if pair in self._silent:
                self._silent.remove(pair)
                self._changes[pair] = SilenceChange(self._ends(pair), silent=False)
        elif up and pair not in self._silent and self._discovery.link_at(pair[0]) == pair:
            self._silent.add(pair)
            at = tuple(self._show(end) for end in pair if self._discovery.silent(end))
            self._changes[pair] = SilenceChange(self._ends(pair), silent=True, at=at)

    def take(self) -> tuple[SilenceChange, ...]:
        """What has changed since the last call."""
        changes, self._changes = self._changes, {}
        return tuple(changes.values())

    def forget_switch(self, dpid: Dpid) -> None:
        """A switch is gone for good: nothing is told of its links any more."""
        gone = {pair for pair in {*self._silent, *self._changes} if dpid in (pair[0].dpid, pair[1].dpid)}
        self._silent -= gone
        for pair in gone:
            self._changes.pop(pair, None)

    def explain(self, faults: Sequence[WiringFault], named: Callable[[End], tuple[str, str]]) -> list[WiringFault]:
        """The faults, with SilentLink for links that are silent instead of MissingLink. named: an end in a fault."""
        silent = []
        for pair in self._discovery.silent_links():
            at = " and ".join(self._show(end) for end in pair if self._discovery.silent(end))
            a, b = self._ends(pair)
            message = f"the cable between {a} and {b} carries nothing, as {at} found (BFD)"
            silent.append(WiringFault("SilentLink", message, (named(pair[0]), named(pair[1]))))
        explained = {frozenset(fault.ends) for fault in silent}
        others = [f for f in faults if f.kind != "MissingLink" or frozenset(f.ends) not in explained]
        return others + silent

    def _ends(self, pair: tuple[End, End]) -> tuple[str, str]:
        return self._show(pair[0]), self._show(pair[1])
