"""Links that may carry packets: those at whose both ends the switches are known to listen.

A switch takes labelled frames from ports with a link alone (CLASSIFY), and no longer when the link is lost, as another
thing may be plugged in next. So a link that is new, or back, is told to routing only when both its switches have
confirmed that: a packet that came earlier would be dropped. Links that are lost are told at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sdn.model.topology import Link, LinkChanges, LinkEnd

_Ends = tuple[LinkEnd, LinkEnd]


@dataclass(slots=True)
class _Waiting:
    """generation: of the compile that lets its switches listen."""

    link: Link
    generation: int


class ReadyLinks:
    """confirmed: whether a switch holds all that a generation asked for; generation: of the compile that is to come;
    begun: whether switches are written to. Until then all links are ready: what is found is what was there before.
    is_there: whether a switch can confirm anything."""

    def __init__(
        self,
        confirmed: Callable[[int, int], bool],
        generation: Callable[[], int],
        begun: Callable[[], bool],
        is_there: Callable[[int], bool],
    ) -> None:
        self._confirmed, self._generation, self._begun, self._is_there = confirmed, generation, begun, is_there
        self._waiting: dict[_Ends, _Waiting] = {}

    def __bool__(self) -> bool:
        """Whether some are still to become ready; not those of a switch that is away. O(links that wait)."""
        ends = ((waiting.link.a, waiting.link.b) for waiting in self._waiting.values())
        return any(self._is_there(a.dpid) and self._is_there(b.dpid) for a, b in ends)

    def take(self, changes: LinkChanges) -> LinkChanges:
        """What routing is to know, given how links have changed since the last call, at most once in a compile.

        A link with other attributes stays as ready as it was. O(changes, and links that wait).
        """
        ready = [waiting.link for waiting in self._waiting.values() if self._is_ready(waiting)]
        for link in ready:
            del self._waiting[link.a, link.b]
        if not (changes.gone or changes.new or ready):
            return changes
        given = {(link.a, link.b): link for link in ready}
        gone, known = [], set()
        for link in changes.gone:
            ends = link.a, link.b
            known.add(ends)
            # One that was not told yet, or becomes ready in this very moment, was never there.
            if self._waiting.pop(ends, None) is None and given.pop(ends, None) is None:
                gone.append(link)
                continue
            known.discard(ends)
        new = list(given.values())
        for link in changes.new:
            if (link.a, link.b) in known or not self._begun():
                new.append(link)
            else:
                self._waiting[link.a, link.b] = _Waiting(link, self._generation())
        return LinkChanges(tuple(gone), tuple(new))

    def _is_ready(self, waiting: _Waiting) -> bool:
        return all(self._confirmed(end.dpid, waiting.generation) for end in (waiting.link.a, waiting.link.b))
