"""Comparing what was declared with what is seen: which observed link is which declared one, and what differs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from sdn.model.ids import Dpid
from sdn.model.topology import DeclaredLink, DeclaredTopology, WiringFault
from sdn.topology.adjacency import End
from sdn.topology.discovery import Discovery

SeenLink = tuple[End, End]


@dataclass(frozen=True, slots=True)
class Matching:
    """missing: declared, not seen; unexpected: seen, not declared."""

    missing: tuple[DeclaredLink, ...]
    unexpected: tuple[SeenLink, ...]


class Wiring:
    """Which observed link is which declared one, kept up to date link by link.

    What is declared between two switches is matched with what is seen between them: a change there costs
    O(P log P), P being the number of parallel links.
    """

    def __init__(self, topology: DeclaredTopology | None) -> None:
        self._topology = topology
        self._wanted: dict[frozenset[Dpid], list[int]] = {}
        self._seen: dict[frozenset[Dpid], set[SeenLink]] = {}
        self._matched: dict[SeenLink, int] = {}
        for index, link in enumerate(topology.links if topology else ()):
            assert topology is not None
            between = frozenset(end.dpid for end in _ends(topology, link))
            self._wanted.setdefault(between, []).append(index)

    def update(self, link: SeenLink, up: bool) -> set[SeenLink]:
        """A link came up or went down; answers the links that may be declared otherwise than before, and it."""
        between = frozenset(end.dpid for end in link)
        seen = self._seen.setdefault(between, set())
        if up:
            seen.add(link)
        else:
            seen.discard(link)
        before = {other: index for other in {*seen, link} if (index := self._matched.pop(other, None)) is not None}
        if self._topology is not None:
            wanted = [(index, self._topology.links[index]) for index in self._wanted.get(between, ())]
            self._matched.update(_match(self._topology, wanted, seen))
        if not seen:
            del self._seen[between]
        return {link, *(other for other in seen if before.get(other) != self._matched.get(other))}

    def declared(self, link: SeenLink) -> DeclaredLink | None:
        """The declaration of an observed link."""
        index = self._matched.get(link)
        return None if index is None or self._topology is None else self._topology.links[index]

    def matching(self) -> Matching:
        """What differs. O(L log L)."""
        if self._topology is None:
            return Matching((), ())
        taken = set(self._matched.values())
        missing = tuple(link for index, link in enumerate(self._topology.links) if index not in taken)
        seen = (link for links in self._seen.values() for link in links)
        return Matching(missing, tuple(sorted(link for link in seen if link not in self._matched)))


def _match(
    topology: DeclaredTopology, declared: list[tuple[int, DeclaredLink]], links: set[SeenLink]
) -> dict[SeenLink, int]:
    """Assign observed links to declared ones (with their index), all between the same two switches.

    Those whose interfaces are declared are matched by these; those that only name switches take what is left, in
    natural order of interface names.
    """
    by_end = {end: link for link in links for end in link}
    matched: dict[SeenLink, int] = {}
    wildcards: list[int] = []
    for index, wanted in sorted(declared, key=lambda item: -_named(item[1])):
        ends = _ends(topology, wanted)
        if not _named(wanted):
            wildcards.append(index)
            continue
        link = by_end.get(ends[0] if ends[0].interface else ends[1])
        if link is not None and link not in matched and _fits(ends, link):
            matched[link] = index
    left = (link for link in links if link not in matched)
    pool = sorted(left, key=lambda link: [_natural(end.interface) for end in link])
    return matched | dict(zip(pool, wildcards, strict=False))


def faults(
    topology: DeclaredTopology,
    matching: Matching,
    discovery: Discovery,
    show: Callable[[End], str],
    name_of: Callable[[Dpid], str],
) -> list[WiringFault]:
    """The differences, in the order of the declaration, then by name. show, name_of: an end and a switch for people.

    MissingSwitch: declared, not connected. MissingLink: its switches are connected, but it is not seen. WrongPeer: a
    declared interface is wired to another one. UnexpectedLink, UnexpectedSwitch: seen, but not declared.
    """
    found = []
    for name, dpid in topology.switches.items():
        if not discovery.connected(dpid):
            found.append(WiringFault("MissingSwitch", f"switch {name} ({dpid:016x}) is not connected"))
    peers = {near: far for a, b in matching.unexpected for near, far in ((a, b), (b, a))}
    explained: set[End] = set()
    for link in matching.missing:
        ends = _ends(topology, link)
        if not all(discovery.connected(end.dpid) for end in ends):
            continue
        wrong = [end for end in ends if end.interface and end in peers]
        for end in wrong:
            explained.update((end, peers[end]))
            other = ends[1] if end == ends[0] else ends[0]
            message = f"{show(end)} is wired to {show(peers[end])}, declared is {show(other)}"
            found.append(WiringFault("WrongPeer", message, (link.a, link.b)))
        if not wrong:
            why = "; ".join(text for end in ends if (text := _why_missing(end, discovery, show)))
            message = f"no link between {show(ends[0])} and {show(ends[1])}" + (f": {why}" if why else "")
            found.append(WiringFault("MissingLink", message, (link.a, link.b)))
    for a, b in matching.unexpected:
        if not {a, b} & explained:
            seen = (name_of(a.dpid), a.interface), (name_of(b.dpid), b.interface)
            message = f"{show(a)} is wired to {show(b)}, which was not declared"
            found.append(WiringFault("UnexpectedLink", message, seen))
    known = set(topology.switches.values())
    strangers = [dpid for dpid in discovery.switches() if dpid not in known and discovery.connected(dpid)]
    text = "switch {:016x} is connected, but was not declared"
    return found + [WiringFault("UnexpectedSwitch", text.format(dpid)) for dpid in strangers]


def _ends(topology: DeclaredTopology, link: DeclaredLink) -> tuple[End, End]:
    return End(topology.switches[link.a[0]], link.a[1]), End(topology.switches[link.b[0]], link.b[1])


def _named(link: DeclaredLink) -> int:
    return bool(link.a[1]) + bool(link.b[1])


def _fits(ends: tuple[End, End], link: SeenLink) -> bool:
    """Whether the link joins these switches, by these interfaces where they are given."""
    for near, far in (link, link[::-1]):
        if near.dpid == ends[0].dpid and far.dpid == ends[1].dpid:
            return ends[0].interface in ("", near.interface) and ends[1].interface in ("", far.interface)
    return False


def _why_missing(end: End, discovery: Discovery, show: Callable[[End], str]) -> str:
    if not end.interface:
        return ""
    port = discovery.port(end)
    if port is None:
        return f"there is no {show(end)}"
    if not port.up:
        return f"{show(end)} is down"
    if discovery.silent(end):
        return f"{show(end)} hears nothing over its cable (BFD)"
    return f"{show(end)} is bound to a host" if discovery.bound(end) else ""


def _natural(text: str) -> list[tuple[int, str]]:
    """eth2 before eth10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", text)]
