"""Where traffic of connections comes in: it is counted and held to its ceiling in STEER, and gets its path in PATH.

Both tables have the same matches. An entry of STEER stays what it is when a connection changes its path, so what it has
counted is not lost; PATH has an entry wherever STEER has one, so that nothing takes the path of another connection.
"""

from __future__ import annotations

from collections.abc import Iterator

from sdn.model.oxm import (
    ETH_DST,
    ETH_TYPE,
    IP_DSCP,
    IP_PROTO,
    IPV4_DST,
    IPV4_SRC,
    IPV6_DST,
    IPV6_SRC,
    TCP_DST,
    TCP_SRC,
    UDP_DST,
    UDP_SRC,
    Field,
    split,
)
from sdn.model.program import Entries, FlowKey, Meter
from sdn.pipeline.facts import Ceiling, ClassFacts, ConnectionFacts, EdgeFacts, SideFacts, Way
from sdn.pipeline.layout import CEILING_BURST, PROBE, SOURCE, Table, path_label
from sdn.pipeline.shapes import ARG, Body, Match, Value, load
from sdn.pipeline.static import mask

_SERVICE = b"\x00\x00\x00\xff\xff\xff"
_ALL, _CLASSIFIED = 100, 200
"""Priorities: of connections without a classifier, and of those with the lowest precedence."""
_FIELDS = {4: (0x0800, IPV4_SRC, IPV4_DST), 6: (0x86DD, IPV6_SRC, IPV6_DST)}
_PORTS = {6: (TCP_SRC, TCP_DST), 17: (UDP_SRC, UDP_DST)}
_Condition = tuple[Field, Value] | tuple[Field, Value, Value]

_COUNTED = Body(goto=Table.PATH)()
_METERED = Body(goto=Table.PATH, meter=ARG)
_STEERED = Body([load(ETH_DST, 24, 24, ARG)], goto=Table.FABRIC)
_SHORTEST = Body(goto=Table.STAMP)()
_THROUGH = Body(goto=Table.OUTPUT)()
"""Between two ends of a circuit at one switch frames have no label; CLASSIFY has said who gets them."""


def compile_edge(edge: EdgeFacts, steered: Way | None, dpid: int) -> Entries:
    """Entries on one switch where an end of a connection is. steered: the way that its traffic takes."""
    entries = Entries()
    local = edge.circuit is not None and edge.circuit[0].dpid == edge.circuit[1].dpid
    for side, end in ((edge.there, 0), (edge.back, -1)):
        if dpid not in side.dpids:
            continue
        counted = counting(side.ceiling, entries)
        if edge.meter_alone:
            continue
        leading = _THROUGH if local else _leading(steered, end, dpid)
        for priority, fields in [(_ALL, [_sender(side)])] if local else _matches(side):
            entries.flows[Match(Table.STEER, priority, *fields)()] = counted
            entries.flows[Match(Table.PATH, priority, *fields)()] = leading
    return entries


def _matches(side: SideFacts) -> Iterator[tuple[int, list[_Condition]]]:
    """Priority and fields of each class of packets, in the order of sdn.model.oxm.FIELDS."""
    receiver = (ETH_DST, bytes(3) + side.receiver.to_bytes(3, "big"), _SERVICE)
    if not side.classes:
        yield _ALL, [receiver, _sender(side)]
    for facts in side.classes:
        yield _CLASSIFIED + side.precedence, [receiver, *_conditions(facts), _sender(side)]


def _sender(side: SideFacts) -> _Condition:
    return SOURCE, side.sender


def _conditions(facts: ClassFacts) -> Iterator[_Condition]:
    ethertype, *addresses = _FIELDS[facts.version]
    yield ETH_TYPE, ethertype
    for field, prefix in zip(addresses, (facts.source, facts.destination), strict=True):
        if prefix is not None and prefix[1] == field.size * 8:
            yield field, prefix[0]
        elif prefix is not None and prefix[1]:
            yield field, prefix[0], mask(prefix[1], field.size)
    if facts.dscp >= 0:
        yield IP_DSCP, facts.dscp
    if facts.protocol:
        yield IP_PROTO, facts.protocol
    ports = (facts.source_port, facts.destination_port)
    for field, number in zip(_PORTS.get(facts.protocol, ()), ports, strict=False):
        if number:
            yield field, number


def counting(ceiling: Ceiling | None, entries: Entries) -> bytes:
    """Instructions of what counts in STEER; the meter of a ceiling is added to the entries."""
    if ceiling is None:
        return _COUNTED
    if not ceiling.shared:
        burst = max(ceiling.rate * CEILING_BURST[0] // 1000, CEILING_BURST[1])
        entries.meters[ceiling.meter] = Meter(ceiling.rate, burst, bits=True)
    return _METERED(ceiling.meter.to_bytes(4, "big"))


def _leading(steered: Way | None, end: int, dpid: int) -> bytes:
    """A way begins at its own end; where the end is or will be besides, the shortest way is taken."""
    if steered is None or len(steered.path.switches) < 2 or steered.path.switches[end] != dpid:
        return _SHORTEST
    return _STEERED(bytes(5) + path_label(steered.forward if end == 0 else steered.backward))


def sender_of(key: FlowKey) -> int:
    """The service number of the sender whose packets a flow of STEER counts; 0 for its miss, and what is for probes."""
    fields = {(oxm_class, number): value for oxm_class, number, value, _ in split(key[3:])}
    if (PROBE.oxm_class, PROBE.number) in fields:
        return 0
    return int.from_bytes(fields.get((SOURCE.oxm_class, SOURCE.number), b""), "big")


def edges_of(edge: EdgeFacts | None) -> set[int]:
    """Switches where traffic of a connection comes in."""
    return {dpid for side in (edge.there, edge.back) for dpid in side.dpids} if edge is not None else set()


def concerned(before: ConnectionFacts | None, after: ConnectionFacts | None) -> set[int]:
    """Switches to which another form of a connection's facts means something: on ways that come or go."""
    ways = []
    for facts, other in ((before, after), (after, before)):
        if facts is not None:
            ways += [way for way in facts.ways if other is None or way not in other.ways]
    return {dpid for way in ways for dpid in way.path.switches}
