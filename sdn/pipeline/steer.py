"""Where traffic of connections comes in: it is counted and held to its ceiling in STEER, and gets its path in PATH.

Both tables have the same matches. An entry of STEER stays what it is when a connection changes its path, so what it has
counted is not lost; PATH has an entry wherever STEER has one, so that nothing takes the path of another connection.
"""

from __future__ import annotations

from sdn.model.oxm import ETH_DST, split
from sdn.model.program import Entries, FlowKey, Meter
from sdn.pipeline.facts import Ceiling, ConnectionFacts, EdgeFacts, Way
from sdn.pipeline.layout import CEILING_BURST, SOURCE, Table, path_label
from sdn.pipeline.shapes import ARG, Body, Match, load

_SERVICE = b"\x00\x00\x00\xff\xff\xff"
_STEER = Match(Table.STEER, 100, (ETH_DST, ARG, _SERVICE), (SOURCE, ARG))
_COUNTED = Body(goto=Table.PATH)()
_METERED = Body(goto=Table.PATH, meter=ARG)
_PATH = Match(Table.PATH, 100, (ETH_DST, ARG, _SERVICE), (SOURCE, ARG))
_STEERED = Body([load(ETH_DST, 24, 24, ARG)], goto=Table.FABRIC)
_SHORTEST = Body(goto=Table.STAMP)()


def compile_edge(edge: EdgeFacts, steered: Way | None, dpid: int) -> Entries:
    """Entries on one switch where an end of a connection is. steered: the way that its traffic takes."""
    entries = Entries()
    for side, end in ((edge.there, 0), (edge.back, -1)):
        if dpid not in side.dpids:
            continue
        values = bytes(3) + side.receiver.to_bytes(3, "big"), side.sender.to_bytes(4, "big")
        entries.flows[_STEER(*values)] = _counting(side.ceiling, entries)
        entries.flows[_PATH(*values)] = _leading(steered, end, dpid)
    return entries


def _counting(ceiling: Ceiling | None, entries: Entries) -> bytes:
    if ceiling is None:
        return _COUNTED
    burst = max(ceiling.rate * CEILING_BURST[0] // 1000, CEILING_BURST[1])
    entries.meters[ceiling.meter] = Meter(ceiling.rate, burst, bits=True)
    return _METERED(ceiling.meter.to_bytes(4, "big"))


def _leading(steered: Way | None, end: int, dpid: int) -> bytes:
    """A way begins at its own end; where the end is or will be besides, the shortest way is taken."""
    if steered is None or len(steered.path.switches) < 2 or steered.path.switches[end] != dpid:
        return _SHORTEST
    return _STEERED(bytes(5) + path_label(steered.forward if end == 0 else steered.backward))


def sender_of(key: FlowKey) -> int:
    """The service number of the sender whose packets a flow of STEER counts; 0 for its miss."""
    for oxm_class, number, value, mask in split(key[3:]):
        if (oxm_class, number) == (SOURCE.oxm_class, SOURCE.number) and mask is None:
            return int.from_bytes(value, "big")
    return 0


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
