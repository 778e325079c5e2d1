"""Next hops and repair hops of a switch by what was read back from it: ``fabric.py`` the other way round.

A flow is read back as its cookie, which is a hash of its instructions: so those that are possible are tried.

Belongs here: what entries of routes mean. Must not know: what is wanted, and what is done about a difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from sdn.model.program import FlowKey, Group, Installed, cookie_of
from sdn.model.route import NO_HOP, NextHops, RepairHops
from sdn.pipeline.ecmp import slots
from sdn.pipeline.layout import GROUP_PATH, GROUP_ROUTE
from sdn.pipeline.shapes import ARG, Body, group, output

_slots = lru_cache(maxsize=1 << 12)(slots)
_OUT, _TO_GROUP = Body([output(ARG)]), Body([group(ARG)])
_SELECT = 1
_MAX_PORT = 0xFF00
"""OpenFlow 1.3.5, section 7.2.1: ports have lower numbers."""
_OUTPUT, _GROUP = b"\x00\x00\x00\x10", b"\x00\x16\x00\x08"
_MAX_SLOTS = 256
"""Of a group that spreads; see ``ecmp.slots``."""
_TIERS = 6
"""Tiers that spread differently; see ``ecmp.slots``."""


class Held(NamedTuple):
    """What a switch has towards a destination in one version; None: nothing."""

    hops: NextHops | None
    repair: RepairHops | None


class Outputs:
    """Ports by the cookie of the flow that sends there. Made when it is asked for, once (60 ms, 6 MB)."""

    def __init__(self) -> None:
        self._ports: dict[int, int] = {}

    def port(self, cookie: int) -> int | None:
        """None: no such flow."""
        if not self._ports:
            self._ports = {cookie_of(_OUT(port.to_bytes(4, "big"))): port for port in range(1, _MAX_PORT)}
        return self._ports.get(cookie)


class Reading:
    """One switch that was read back."""

    def __init__(self, installed: Installed, outputs: Outputs) -> None:
        self._flows, self._groups, self._outputs = installed.flows, installed.groups, outputs
        self._to_group: dict[int, int] | None = None
        self._known: dict[int, tuple[int, ...] | None] = {}

    def held(self, keys: Sequence[FlowKey], wanted: NextHops | None) -> Held | None:
        """What it has; None when that cannot be read: nothing of this version of ours would write it.

        keys: fabric.node_keys of the destination and epoch; wanted: answered itself where it is what there is.
        """
        primary, red, blue = (self._ports(self._flows.get(key)) for key in keys[1:])
        if primary is None or red is None or blue is None or NO_HOP in primary or len(blue) > len(red) or len(red) > 1:
            return None
        return Held(_hops(primary, wanted), RepairHops(red[0], blue[0] if blue else NO_HOP) if red else None)

    def _ports(self, cookie: int | None) -> tuple[int, ...] | None:
        """Ports of a flow, slot by slot, as long as one of them is alive; () if there is none, None if unreadable.

        NO_HOP where the packet goes on in another color at once.
        """
        if cookie is None:
            return ()
        if cookie not in self._known:
            self._known[cookie] = self._read(cookie)
        return self._known[cookie]

    def _read(self, cookie: int) -> tuple[int, ...] | None:
        number = self._group_of(cookie)
        if number is None:
            port = self._outputs.port(cookie)
            return None if port is None else (port,)
        return self._spread(self._groups[number], nested=False)

    def _group_of(self, cookie: int) -> int | None:
        """The group of routes to which a flow leads."""
        if self._to_group is None:
            numbers = (number for number in self._groups if GROUP_ROUTE <= number < GROUP_PATH)
            self._to_group = {cookie_of(_TO_GROUP(number.to_bytes(4, "big"))): number for number in numbers}
        return self._to_group.get(cookie)

    def _spread(self, content: Group, *, nested: bool) -> tuple[int, ...] | None:
        """Ports of a group that spreads, or of the first bucket of one that repairs."""
        targets = list(_targets(content.buckets))
        if content.type == _SELECT:
            ports = tuple(number for kind, number, _ in targets if kind == _OUTPUT)
            return ports if ports and len(ports) == len(targets) <= _MAX_SLOTS else None
        if not targets or nested:
            return None
        kind, number, alone = targets[0]
        if kind == _OUTPUT:
            return (number if alone else NO_HOP,)
        inner = self._groups.get(number) if kind == _GROUP else None
        return None if inner is None else self._spread(inner, nested=True)


def _targets(buckets: bytes) -> Iterator[tuple[bytes, int, bool]]:
    """Of each bucket its last action: (type and length, port or group where it leads on, whether it has no other)."""
    at = 0
    while at < len(buckets):
        length = int.from_bytes(buckets[at : at + 2], "big")
        actions = buckets[at + 16 : at + length]
        last = actions[-16:] if actions[-16:-12] == _OUTPUT else actions[-8:]
        yield last[:4], int.from_bytes(last[4:8], "big"), last == actions
        at += max(length, 16)


def _hops(ports: tuple[int, ...], wanted: NextHops | None) -> NextHops | None:
    """Next hops that spread over just these slots."""
    if not ports or (wanted is not None and _slots(wanted) == ports):
        return wanted if ports else None
    return _made(ports)


@lru_cache(maxsize=1 << 12)
def _made(ports: tuple[int, ...]) -> NextHops:
    distinct = tuple(sorted(set(ports)))
    made = (NextHops(distinct, tier) for tier in range(_TIERS))
    return next((hops for hops in made if _slots(hops) == ports), NextHops(distinct, 0))
