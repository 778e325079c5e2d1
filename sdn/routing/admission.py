"""Connections with reserved bandwidth: who holds how much of which link.

A link has its capacity in each direction separately. A connection reserves bandwidth in both directions of every link
of its path, because its traffic goes there and back on the same links.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from fractions import Fraction
from typing import NamedTuple

from sdn.model.calendar import Windows
from sdn.model.errors import InvalidInput, Refused
from sdn.model.ids import format_dpid
from sdn.model.route import Path
from sdn.model.topology import Link, LinkChanges, LinkEnd
from sdn.routing.mesh import Direction, Mesh, Share


class Reservation(NamedTuple):
    """What somebody holds: bits/s along a path (forward) and against it (backward). windows: when; (): always.

    group: those of one group share what they hold: a direction of a link has the most that one of them wants forwards,
    and the most that one wants backwards, once. '': nobody shares it. own: the sense (True: forwards) in which a member
    of a group holds for itself all the same, as each gets a copy of what is sent; None: in neither.
    """

    path: Path
    forward: int
    backward: int
    windows: Windows = ()
    group: str = ""
    own: bool | None = None


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
        self._groups: dict[str, dict[LinkEnd, int]] = {}
        """By group: directions, each with how many holders the group has there."""
        self._aside = ""

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
        self,
        holder: str,
        path: Path,
        forward: int,
        backward: int | None = None,
        windows: Windows = (),
        group: str = "",
        own: bool | None = None,
    ) -> None:
        """Take bits/s along a path and against it (as much, if not given), all or nothing. O(length of the path).

        windows: for these times alone; what others have at other times is no obstacle. group, own: see ``Reservation``.

        Raises InvalidInput for negative ones, ValueError when ``holder`` has a reservation already or the path is not
        simple, and Refused when a link is missing or lacks room. An empty path takes nothing, but is remembered.
        """
        backward = forward if backward is None else backward
        check_bandwidth(forward, backward)
        if holder in self._held:
            raise ValueError(f"{holder} has a reservation already")
        wanted = Reservation(path, forward, backward, windows, group, own)
        for out, into in _ends(path):
            if self._peers.get(out) != into:
                raise Refused.of("", f"link {plain(out)} - {plain(into)} is gone", "Ask again for another path.")
        with self.aside(group) if group else nullcontext():
            for end, share, bandwidth in _takes(wanted):
                direction = self._directions[end]
                if (room := direction.room(windows)) < bandwidth + (_beside(direction, group, share) if group else 0):
                    reason = f"link {plain(end)} - {plain(self._peers[end])} has {room} bit/s free"
                    raise Refused.of("bandwidth", reason, "Ask again for another path.")
        self.put_back(holder, wanted)

    def put_back(self, holder: str, reservation: Reservation) -> None:
        """Take what was held before, whether there is room or not: to undo a release. O(length of the path)."""
        self._held[holder] = reservation
        for end, share, bandwidth in _takes(reservation):
            direction = self._directions.setdefault(end, Direction())
            self._change(end, direction, share, holder, bandwidth)
            direction.users[holder] = None

    def _change(self, end: LinkEnd, direction: Direction, share: Share, holder: str, bandwidth: int) -> None:
        """Let a holder have bits/s of a direction; 0 with a group: nothing any more."""
        if not share.group:
            direction.take(bandwidth, share.windows)
            return
        parts = direction.shares.setdefault(share, {})
        before = max(parts.values(), default=0)
        ends = self._groups.setdefault(share.group, {})
        if bandwidth:
            parts[holder] = bandwidth
            ends[end] = ends.get(end, 0) + 1
        else:
            del parts[holder]
            ends[end] -= 1
        if not ends[end]:
            del ends[end]
        if not ends:
            del self._groups[share.group]
        if share.group != self._aside:
            direction.take(max(parts.values(), default=0) - before, share.windows)
        if not parts:
            del direction.shares[share]

    @contextmanager
    def aside(self, group: str) -> Iterator[None]:
        """Within, there is as much room as if this group had nothing: for searches of its paths. O(what it has).

        A path that is found may not be reserved after all: where both senses of the group meet on a direction.
        """
        if not group or self._aside == group:
            yield
            return
        assert not self._aside
        self._set_aside(group, -1)
        self._aside = group
        try:
            yield
        finally:
            self._aside = ""
            self._set_aside(group, 1)

    def opposed(self, group: str, path: Path) -> frozenset[LinkEnd]:
        """Both ends of the links that a path would take against the sense in which the group takes them already."""
        found: set[LinkEnd] = set()
        for end, share, _ in _takes(Reservation(path, 0, 0, (), group)) if group else ():
            shares = self._directions[end].shares if end in self._directions else {}
            if any(other.group == group and other.forward != share.forward for other in shares):
                found |= {end, self._peers[end]}
        return frozenset(found)

    def _set_aside(self, group: str, sign: int) -> None:
        for end in self._groups.get(group, ()):
            direction = self._directions[end]
            for share, parts in direction.shares.items():
                if share.group == group:
                    direction.take(sign * max(parts.values()), share.windows)

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
        for end, share, bandwidth in _takes(held):
            direction = self._directions[end]
            self._change(end, direction, share, holder, 0 if share.group else -bandwidth)
            del direction.users[holder]
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


def _takes(held: Reservation) -> Iterator[tuple[LinkEnd, Share, int]]:
    """What is taken of which direction; of nothing nothing."""
    forth, back = (Share("" if held.own is forward else held.group, forward, held.windows) for forward in (True, False))
    for out, into in _ends(held.path):
        yield out, forth, held.forward
        yield into, back, held.backward


def _beside(direction: Direction, group: str, share: Share) -> int:
    """What the group has on a direction beside a share of it: they can meet there, so room for one is not enough."""
    others = {Share(group, forward, share.windows) for forward in (True, False)} - {share}
    return sum(max(direction.shares[other].values()) for other in others if other in direction.shares)


def plain(end: LinkEnd) -> str:
    """An end of a link where no names are known."""
    return f"{format_dpid(end.dpid)}:{end.port}"


def check_bandwidth(*bandwidths: int) -> None:
    """Raises InvalidInput for a negative one, in bits/s."""
    for bandwidth in bandwidths:
        if bandwidth < 0:
            raise InvalidInput.of("bandwidth", f"{bandwidth} bit/s is not a bandwidth", "Ask for 0 bit/s or more.")
