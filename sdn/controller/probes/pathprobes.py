"""A connection's probe in one direction: how it enters, and between which switches it ended or left the path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sdn.controller.connections.steering import Target
from sdn.controller.errands import Errand
from sdn.controller.probes.prober import Flight
from sdn.model.ids import Dpid
from sdn.model.topology import LinkEnd
from sdn.pipeline.facts import CircuitFacts
from sdn.pipeline.layout import PROBE_FREE, PROBE_MAC_PREFIX, SOURCE, WANTED, Table, path_label

ENTRANCE = Table.PATH
"""Where what a connection's end sends is led to its path. STEER, before it, counts and meters, which probes are not."""
_TAG = b"\x81\x00"
_CONTENT = 46
"""Bytes that a frame without a tag has at least behind its header."""
_ETHER_TYPE = b"\x88\xb5"
"""IEEE 802 local experimental EtherType."""
_SOURCE, _WANTED = (int(register.name.removeprefix("reg")) for register in (SOURCE, WANTED))


@dataclass(frozen=True, slots=True)
class Missing:
    """How a probe failed. a, b: the switches where it entered and should have arrived.

    after: the last switch known to have had it on the path, None if that is not known; before: the next one, None if
    it was the last. detour: it arrived, but not along the path. links: ends of the link behind ``after``.
    """

    a: Dpid
    b: Dpid
    after: Dpid | None
    before: Dpid | None
    detour: bool
    links: frozenset[LinkEnd]

    @property
    def reason(self) -> str:
        """For machines."""
        return "ProbeDetoured" if self.detour else "ProbeLost"

    @property
    def near(self) -> tuple[Dpid, ...]:
        """Switches that may lack entries."""
        found = (self.after if self.after is not None else self.a, self.before)
        return tuple(dpid for dpid in found if dpid is not None)

    def text(self, name_of: Callable[[Dpid], str]) -> str:
        """For people."""
        way = f"from {name_of(self.a)} to {name_of(self.b)}"
        where = ""
        if self.after is not None and self.before is not None:
            where = f" between {name_of(self.after)} and {name_of(self.before)}"
        elif self.after is not None:
            where = f" in {name_of(self.after)}"
        if self.detour:
            return f"Probes {way} arrive, but leave the path{where or f' in {name_of(self.a)}'}."
        return f"Probes {way} are lost{where}."


def errand(target: Target, back: bool, transport_of: Callable[[int], int], watch: int) -> Errand:
    """A probe as the entry of a connection's end would lead a packet; back: from b to a.

    Which packets a classifier means is not known of a single one, as others may come first: where there is one, the
    probe begins behind that choice, with the label of the path. That of a circuit is a frame as it comes in there.
    """
    if target.circuit is not None:
        here, there = target.circuit[::-1] if back else target.circuit
        return _into_circuit(here, watch, there.service if target.rooted == int(back) else 0)
    switches = target.way.path.switches
    start, end = (switches[-1], switches[0]) if back else (switches[0], switches[-1])
    sender, receiver = (target.b, target.a) if back else (target.a, target.b)
    label, table = b"\0" + transport_of(end).to_bytes(2, "big"), ENTRANCE
    if target.classified:
        table = Table.STAMP if len(switches) == 1 else Table.FABRIC
        label = label if len(switches) == 1 else path_label(target.way.backward if back else target.way.forward)
    head = label + receiver.to_bytes(3, "big") + PROBE_MAC_PREFIX + bytes([watch]) + _ETHER_TYPE
    return Errand(start, table, ((_SOURCE, sender),), lambda content: head + content.ljust(_CONTENT, b"\0"), watch)


def _into_circuit(end: CircuitFacts, watch: int, wanted: int) -> Errand:
    """A frame that an end of a circuit takes, from its port on: what wraps frames is probed with the rest.

    wanted: of a root, the leaf whose copy goes on.
    """
    tag = _TAG + end.vlan.to_bytes(2, "big") if end.vlan else b""
    head = PROBE_MAC_PREFIX + b"\0" + PROBE_MAC_PREFIX + bytes([watch]) + tag + _ETHER_TYPE
    size, dpid, free = _CONTENT - len(tag), Dpid(end.dpid), watch | PROBE_FREE
    registers = ((_WANTED, wanted),) if wanted else ()
    return Errand(dpid, Table.CLASSIFY, registers, lambda content: head + content.ljust(size, b"\0"), free, end.ofport)


def missing(target: Target, back: bool | int, flight: Flight) -> Missing | None:
    """How a probe failed; None if it came along the path. Where is known only of one that every switch told of."""
    path = target.way.path
    switches = path.switches[::-1] if back else path.switches
    wanted = int.from_bytes(path_label(target.way.backward if back else target.way.forward), "big")
    if len(switches) == 1:
        wanted = 0
    arrival = flight.arrival
    came = (switches[-1], wanted, target.a if back else target.b)
    if arrival is not None and (arrival.dpid, arrival.label, arrival.receiver) == came:
        return None
    on_path = {sighting.dpid for sighting in flight.seen if sighting.label == wanted and sighting is not arrival}
    at = max((index for index, dpid in enumerate(switches) if dpid in on_path), default=None)
    after = None if at is None else switches[at]
    before = None if at is None or at + 1 == len(switches) else switches[at + 1]
    links: frozenset[LinkEnd] = frozenset()
    if at is not None and before is not None and after is not None:
        out, into = path.links[::-1][at][::-1] if back else path.links[at]
        links = frozenset((LinkEnd(after, out), LinkEnd(before, into)))
    return Missing(switches[0], switches[-1], after, before, arrival is not None, links)
