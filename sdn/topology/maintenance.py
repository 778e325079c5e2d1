"""What operators say about links: another cost than the declared one, another oversubscription than all have, and what
traffic is to leave (drained).

A drained link, and every link of a drained switch, costs so much that routing takes it only where there is no other
way, as with the maximum metric of OSPF (RFC 6987) or the overload bit of IS-IS (RFC 3277): nobody is cut off, and a
drained switch still serves its own hosts. Links are named by their ends, so what is said holds again when a link
returns, and over restarts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sdn.model import codec
from sdn.model.errors import SdnError
from sdn.model.ids import Dpid, format_dpid, parse_dpid
from sdn.model.topology import Link
from sdn.topology.adjacency import End
from sdn.topology.records import key

MAX_COST = 65_535
"""Of a link, as in OSPF (RFC 2328); a path of 15 such links is still cheaper than one over a drained link."""

MIN_OVERSUBSCRIPTION, MAX_OVERSUBSCRIPTION = 0.01, 1000.0
"""How much of the capacity of a link connections may reserve; 1.0 is all of it."""

_Ends = tuple[End, End]


@dataclass(frozen=True, slots=True)
class LinkWish:
    """What is said about a link. cost: 1 to MAX_COST, 0: that which it has by itself.

    oversubscription: MIN_OVERSUBSCRIPTION to MAX_OVERSUBSCRIPTION, 0: that of all links.
    """

    drained: bool = False
    cost: int = 0
    oversubscription: float = 0.0


class Maintenance:
    """Wishes by link (its lower end first) and switch. penalty: added to the cost of a link that is drained."""

    def __init__(self, penalty: int) -> None:
        self._penalty = penalty
        self._links: dict[_Ends, LinkWish] = {}
        self._switches: dict[Dpid, None] = {}
        self._changed: dict[str, str | None] = {}

    def load(self, records: Mapping[str, str]) -> None:
        """Take over records of an earlier life. Raises SdnError when they are damaged."""
        for name, text in records.items():
            try:
                ends = [End(parse_dpid(dpid), interface) for dpid, _, interface in _parts(name)]
                value = codec.loads(text)
                if len(ends) == 1 and value is True:
                    self._switches[ends[0].dpid] = None
                else:
                    self._links[ends[0], ends[1]] = _wish(value)
            except (SdnError, ValueError, IndexError):
                raise SdnError.of(
                    f"maintenance[{name}]"[:300],
                    f"the stored record is damaged: {text[:40]!r}",
                    "Restore the state directory from a backup; nothing was changed.",
                ) from None

    def records(self) -> dict[str, str | None]:
        """Records to put (None: delete) since the last call."""
        changed, self._changed = self._changed, {}
        return changed

    def links(self) -> Iterable[_Ends]:
        """Links that something is said about."""
        return self._links.keys()

    def switches(self) -> Iterable[Dpid]:
        """Switches that are drained."""
        return self._switches.keys()

    def of(self, pair: _Ends) -> LinkWish:
        """What is said about a link itself."""
        return self._links.get(pair, LinkWish())

    def set_link(self, pair: _Ends, wish: LinkWish) -> bool:
        """Say something about a link; whether it is news."""
        if self.of(pair) == wish:
            return False
        if wish == LinkWish():
            del self._links[pair]
        else:
            self._links[pair] = wish
        self._changed[key(*pair)] = _text(wish) if pair in self._links else None
        return True

    def set_switch(self, dpid: Dpid, *, drained: bool) -> bool:
        """Say whether traffic is to leave a switch; whether it is news."""
        if (dpid in self._switches) == drained:
            return False
        if drained:
            self._switches[dpid] = None
        else:
            del self._switches[dpid]
        self._changed[format_dpid(dpid)] = codec.dumps(True) if drained else None
        return True

    def forget_switch(self, dpid: Dpid) -> None:
        """A switch is gone for good: nothing is said about it and its links any more. O(links with wishes)."""
        self.set_switch(dpid, drained=False)
        for pair in [pair for pair in self._links if dpid in (pair[0].dpid, pair[1].dpid)]:
            self.set_link(pair, LinkWish())

    def drained_switch(self, dpid: Dpid) -> bool:
        """Whether traffic is to leave a switch."""
        return dpid in self._switches

    def drained(self, pair: _Ends) -> bool:
        """Whether traffic is to leave a link, for itself or for one of its switches."""
        return self.of(pair).drained or any(end.dpid in self._switches for end in pair)

    def apply(self, pair: _Ends, link: Link) -> Link:
        """A link as operators wish it to be."""
        cost = (self.of(pair).cost or link.cost) + self._penalty * self.drained(pair)
        oversubscription = self.of(pair).oversubscription
        if (cost, oversubscription) == (link.cost, link.oversubscription):
            return link
        return replace(link, cost=cost, oversubscription=oversubscription)


def _parts(name: str) -> list[tuple[str, str, str]]:
    """Ends in the key of a record: datapath id and interface of each."""
    first, _, second = name.partition(" ")
    return [part.partition("/") for part in (first, second) if part]


def _text(wish: LinkWish) -> str:
    """[drained, cost], as earlier versions wrote it, and the oversubscription behind if one is given."""
    values: list[codec.Json] = [wish.drained, wish.cost]
    return codec.dumps([*values, wish.oversubscription] if wish.oversubscription else values)


def _wish(value: object) -> LinkWish:
    if not isinstance(value, list) or [type(item) for item in value] not in (
        [bool, int],
        [bool, int, int],
        [bool, int, float],
    ):
        raise ValueError("not [drained, cost, oversubscription]")
    wish = LinkWish(*value)
    more = wish.oversubscription
    if 0 <= wish.cost <= MAX_COST and (not more or MIN_OVERSUBSCRIPTION <= more <= MAX_OVERSUBSCRIPTION):
        return wish
    raise ValueError("out of range")
