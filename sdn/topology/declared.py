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
    """declared: for each observed link that was declared; missing: declared, not seen; unexpected: the other way."""

    declared: dict[SeenLink, DeclaredLink]
    missing: tuple[DeclaredLink, ...]
    unexpected: tuple[SeenLink, ...]


def match(topology: DeclaredTopology, links: list[SeenLink]) -> Matching:
    """Assign observed links to declared ones.

    Links whose interfaces are declared are matched by these; those that only name switches take what is left between
    the two, in natural order of interface names. O(L log L), deterministic.
    """
    by_end = {end: link for link in links for end in link}
    declared: dict[SeenLink, DeclaredLink] = {}
    missing: list[tuple[int, DeclaredLink]] = []
    wildcards: list[tuple[int, DeclaredLink]] = []
    for index, wanted in sorted(enumerate(topology.links), key=lambda item: -_named(item[1])):
        ends = _ends(topology, wanted)
        if not _named(wanted):
            wildcards.append((index, wanted))
            continue
        link = by_end.get(ends[0] if ends[0].interface else ends[1])
        if link is None or link in declared or not _fits(ends, link):
            missing.append((index, wanted))
        else:
            declared[link] = wanted
    pools = _pools(links, declared) if wildcards else {}
    for index, wanted in wildcards:
        pool = pools.get(frozenset(end.dpid for end in _ends(topology, wanted)))
        if pool:
            declared[pool.pop()] = wanted
        else:
            missing.append((index, wanted))
    unexpected = sorted(link for link in links if link not in declared)
    return Matching(declared, tuple(wanted for _, wanted in sorted(missing, key=_index)), tuple(unexpected))


def faults(
    topology: DeclaredTopology, matching: Matching, discovery: Discovery, show: Callable[[End], str]
) -> list[WiringFault]:
    """The differences, in the order of the declaration, then by name. show: names an end to people.

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
            found.append(WiringFault("WrongPeer", message))
        if not wrong:
            why = "; ".join(text for end in ends if (text := _why_missing(end, discovery, show)))
            message = f"no link between {show(ends[0])} and {show(ends[1])}" + (f": {why}" if why else "")
            found.append(WiringFault("MissingLink", message))
    for a, b in matching.unexpected:
        if not {a, b} & explained:
            found.append(WiringFault("UnexpectedLink", f"{show(a)} is wired to {show(b)}, which was not declared"))
    known = set(topology.switches.values())
    strangers = [dpid for dpid in discovery.switches() if dpid not in known and discovery.connected(dpid)]
    text = "switch {:016x} is connected, but was not declared"
    return found + [WiringFault("UnexpectedSwitch", text.format(dpid)) for dpid in strangers]


def _index(item: tuple[int, DeclaredLink]) -> int:
    return item[0]


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


def _pools(links: list[SeenLink], taken: dict[SeenLink, DeclaredLink]) -> dict[frozenset[Dpid], list[SeenLink]]:
    """The links left between each two switches, the first in natural order last."""
    pools: dict[frozenset[Dpid], list[SeenLink]] = {}
    left = (link for link in links if link not in taken)
    for link in sorted(left, key=lambda pair: [_natural(end.interface) for end in pair], reverse=True):
        pools.setdefault(frozenset((link[0].dpid, link[1].dpid)), []).append(link)
    return pools


def _why_missing(end: End, discovery: Discovery, show: Callable[[End], str]) -> str:
    if not end.interface:
        return ""
    port = discovery.port(end)
    if port is None:
        return f"there is no {show(end)}"
    if not port.up:
        return f"{show(end)} is down"
    return f"{show(end)} is bound to a host" if discovery.bound(end) else ""


def _natural(text: str) -> list[tuple[int, str]]:
    """eth2 before eth10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", text)]
