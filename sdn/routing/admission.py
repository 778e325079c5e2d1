"""Connections with reserved bandwidth: who holds how much of which link.

A link has its capacity in each direction separately. A connection reserves bandwidth in both directions of every link
of its path, because its traffic goes there and back on the same links.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

from sdn.model.calendar import Windows
from sdn.model.errors import InvalidInput, Refused
from sdn.model.ids import format_dpid
from sdn.model.route import Path
from sdn.model.topology import Link, LinkChanges, LinkEnd
from sdn.routing.mesh import Direction, Mesh


class Reservation(NamedTuple):
    """What somebody holds: bits/s along a path (forward) and against it (backward). windows: when; (): always."""

    path: Path
    forward: int
    backward: int
    windows: Windows = ()


class Ledger:
    """Reservations by id. A direction of a link is named by the end that sends.

    oversubscription: how much of a link's capacity may be reserved where a link has no other; 1 is all of it.
    """

    def __init__(self, oversubscription: float = 1.0) -> None:
        if not 0 < oversubscription <= 1000:
            raise ValueError("oversubscription must be above 0 and at most 1000")
        self._factor = Fraction(str(oversubscription))
        self.mesh = Mesh()
        """The links, for searches."""
        self._directions: dict[LinkEnd, Direction] = {}
        self._peers: dict[LinkEnd, LinkEnd] = {}
        self._held: dict[str, Reservation] = {}

    def change_links(self, changes: LinkChanges) -> tuple[str, ...]:
        """Links are gone or new. Reservations stay as they are, also on links that are gone.

        Answers the holders, sorted, whose path uses one of these links and cannot any more: it is gone, or its capacity
        fell below what is reserved on it. O(links given and their holders).
        """
        for link in changes.gone:
            for end in (link.a, link.b):
                if self._peers.get(end) == link.other(end):
                    del self._peers[end]
                    self._directions[end].set_limit(0)
        for link in changes.new:
            limit = int(link.capacity * (Fraction(str(link.oversubscription)) or self._factor))
            for end in (link.a, link.b):
                self._directions.setdefault(end, Direction()).set_limit(limit)
                self._peers[end] = link.other(end)
        self.mesh.change(changes, self._directions)
        ends = dict.fromkeys(end for link in (*changes.gone, *changes.new) for end in (link.a, link.b))
        holders = {holder for end in ends if end in self._directions for holder in self._directions[end].users}
        for end in ends:
            self._tidy(end)
        return tuple(sorted(holder for holder in holders if self._broken(holder)))

    def _broken(self, holder: str) -> bool:
        return any(
            self._peers.get(out) != into
            or any(self._directions[end].reserved > self._directions[end].limit for end in (out, into))
            for out, into in _ends(self._held[holder].path)
        )

    def _tidy(self, end: LinkEnd) -> None:
        """Forget a direction that is neither there nor reserved."""
        if end not in self._peers and end in self._directions and not self._directions[end].users:
            del self._directions[end]

    def reserved(self, sender: LinkEnd) -> int:
        """Bits/s reserved on the direction in which ``sender`` transmits."""
        direction = self._directions.get(sender)
        return direction.reserved if direction else 0

    def free(self, sender: LinkEnd) -> int:
        """Bits/s that can still be reserved on the direction in which ``sender`` transmits; 0 for unknown links."""
        direction = self._directions.get(sender)
        return direction.free if direction else 0

    def room(self, link: Link) -> int:
        """Bits/s that can still be reserved in both directions of a link."""
        return min(self.free(link.a), self.free(link.b))

    def reserve(
        self, holder: str, path: Path, forward: int, backward: int | None = None, windows: Windows = ()
    ) -> None:
        """Take bits/s along a path and against it (as much, if not given), all or nothing. O(length of the path).

        windows: for these times alone; what others have at other times is no obstacle.

        Raises InvalidInput for negative ones, ValueError when ``holder`` has a reservation already or the path is not
        simple, and Refused when a link is missing or lacks room. An empty path takes nothing, but is remembered.
        """
        backward = forward if backward is None else backward
        check_bandwidth(forward, backward)
        if holder in self._held:
            raise ValueError(f"{holder} has a reservation already")
        ends = _ends(path)
        for out, into in ends:
            if self._peers.get(out) != into:
                raise Refused.of("", f"link {plain(out)} - {plain(into)} is gone", "Ask again for another path.")
            room = self._directions[out].room(windows), self._directions[into].room(windows)
            if room[0] < forward or room[1] < backward:
                reason = f"link {plain(out)} - {plain(into)} has {min(room)} bit/s free"
                raise Refused.of("bandwidth", reason, "Ask again for another path.")
        self.put_back(holder, Reservation(path, forward, backward, windows))

    def put_back(self, holder: str, reservation: Reservation) -> None:
        """Take what was held before, whether there is room or not: to undo a release. O(length of the path)."""
        self._held[holder] = reservation
        for out, into in _ends(reservation.path):
            for end, bandwidth in ((out, reservation.forward), (into, reservation.backward)):
                direction = self._directions.setdefault(end, Direction())
                direction.take(bandwidth, reservation.windows)
                direction.users[holder] = None

    def copy(self) -> Ledger:
        """The same links and reservations once more, to try things on. O(links + reservations)."""
        twin = Ledger()
        twin._factor = self._factor
        twin.change_links(LinkChanges(new=tuple(self.mesh.links())))
        for holder, held in self._held.items():
            twin.put_back(holder, held)
        return twin

    def release(self, holder: str) -> bool:
        """Give back what ``holder`` has; returns whether it had anything. O(length of the path)."""
        held = self._held.pop(holder, None)
        if held is None:
            return False
        for out, into in _ends(held.path):
            for end, bandwidth in ((out, held.forward), (into, held.backward)):
                self._directions[end].take(-bandwidth, held.windows)
                del self._directions[end].users[holder]
                self._tidy(end)
        return True

    def during(self, windows: Windows) -> Ledger:
        """A copy for searches in which there is as much room as at the fullest of these times. O(as ``copy``)."""
        twin = Ledger()
        twin._factor = self._factor
        twin.change_links(LinkChanges(new=tuple(self.mesh.links())))
        for end, direction in twin._directions.items():
            direction.take(direction.limit - self._directions[end].room(windows))
        return twin

    def trim(self, holder: str, windows: Windows) -> None:
        """What somebody holds for some times is for these alone from now on, which are among them."""
        held = self._held[holder]
        self.release(holder)
        self.put_back(holder, held._replace(windows=windows))

    def held(self, holder: str) -> Reservation | None:
        """What somebody holds."""
        return self._held.get(holder)

    def items(self) -> Iterable[tuple[str, Reservation]]:
        """All holders and what they hold; a live view."""
        return self._held.items()


def _ends(path: Path) -> list[tuple[LinkEnd, LinkEnd]]:
    """(sending end, receiving end) of each link of a path; raises ValueError for a path that is not well formed."""
    if len(path.links) != len(path.switches) - 1 or len(set(path.switches)) != len(path.switches):
        raise ValueError("not a simple path")
    return [
        (LinkEnd(near, out), LinkEnd(far, into))
        for near, far, (out, into) in zip(path.switches, path.switches[1:], path.links, strict=False)
    ]


def plain(end: LinkEnd) -> str:
    """An end of a link where no names are known."""
    return f"{format_dpid(end.dpid)}:{end.port}"


def check_bandwidth(*bandwidths: int) -> None:
    """Raises InvalidInput for a negative one, in bits/s."""
    for bandwidth in bandwidths:
        if bandwidth < 0:
            raise InvalidInput.of("bandwidth", f"{bandwidth} bit/s is not a bandwidth", "Ask for 0 bit/s or more.")
