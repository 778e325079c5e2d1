"""The fabric: probes, frames between switches by label, next hops to every egress switch, engineered paths.

Core switches hold entries per egress switch and per path, never per endpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b

from sdn.model.oxm import ETH_DST, ETH_TYPE, IN_PORT, VLAN_VID
from sdn.model.program import Entries, Entry, FlowBody, FlowKey, Group, Meter
from sdn.model.route import NextHops
from sdn.pipeline.base import LLDP
from sdn.pipeline.ecmp import slots
from sdn.pipeline.facts import ConnectionFacts, Way
from sdn.pipeline.layout import (
    GROUP_ALIVE,
    GROUP_PATH,
    GROUP_ROUTE,
    KIND_NODE,
    PROBE_PACKETS_PER_SECOND,
    SOURCE,
    Table,
    node_label,
    octet0,
    path_label,
)
from sdn.pipeline.route_table import Route
from sdn.pipeline.salts import MAX_SALT, Salts
from sdn.pipeline.shapes import ARG, Body, Bucket, Match, group, load, output, resubmit, to_controller

_SELECT, _FAST_FAILOVER = 1, 3
_TRANSPORT = b"\x00\xff\xff\x00\x00\x00"
_LABEL = b"\xff\xff\xff\x00\x00\x00"
_SERVICE = b"\x00\x00\x00\xff\xff\xff"
_ANY_LABEL = b"\x03\x00\x00\x00\x00\x00"

_PROBE = Match(Table.CLASSIFY, 200, (IN_PORT, ARG), (ETH_TYPE, LLDP))
_TO_CONTROLLER = Body([to_controller(0xFFFF)], meter=ARG)
_LABELED = Match(Table.CLASSIFY, 100, (IN_PORT, ARG), (ETH_DST, b"\x02\x00\x00\x00\x00\x00", _ANY_LABEL), (VLAN_VID, 0))
_TO_FABRIC = Body(goto=Table.FABRIC)()
_METER = Meter(PROBE_PACKETS_PER_SECOND, PROBE_PACKETS_PER_SECOND)

_STAMP = Match(Table.STAMP, 100, (ETH_DST, ARG, _TRANSPORT))
_STAMPED = Body([load(ETH_DST, 40, 8, octet0(KIND_NODE))], goto=Table.FABRIC)()
_FORWARD = Match(Table.FABRIC, 100, (ETH_DST, ARG, _LABEL))
_OUT = Body([output(ARG)])
_TO_GROUP = Body([group(ARG)])
_OWN = Body(goto=Table.DELIVER)()
_WATCHED = Bucket([output(ARG)], watch_port=ARG, weight=1)

_STEER = Match(Table.STEER, 100, (ETH_DST, ARG, _SERVICE), (SOURCE, ARG))
_STEERED = Body([load(ETH_DST, 24, 24, ARG)], goto=Table.FABRIC)
_ALONG = Bucket([output(ARG)], watch_port=ARG)
_FALLBACK = Bucket([load(ETH_DST, 24, 24, ARG), resubmit(Table.FABRIC)], watch_group=GROUP_ALIVE)


def compile_wiring(number: int, link: bool, probe: bool) -> Entries:
    """Whether a port of a switch accepts labels (link) and probes."""
    port = number.to_bytes(4, "big")
    entries = Entries()
    if probe:
        entries.flows[_PROBE(port)] = _TO_CONTROLLER(port)
        entries.meters[number] = _METER
    if link:
        entries.flows[_LABELED(port)] = _TO_FABRIC
    return entries


def listen(port: bytes) -> tuple[FlowKey, FlowBody]:
    """The flow for probes at a port (4 bytes), which needs the meter of that number."""
    return _PROBE(port), _TO_CONTROLLER(port)


def compile_own(transport: int) -> Entries:
    """A switch delivers what carries its own label."""
    return Entries(dict.fromkeys(node_keys(transport), _OWN))


def node_keys(transport: int) -> tuple[bytes, bytes]:
    """Keys of the flows that stamp and that forward the label of an egress switch, the same on every switch."""
    label = node_label(transport) + bytes(3)
    return _STAMP(b"\x00" + label[1:]), _FORWARD(label)


def compile_route(hops: NextHops, taken: Mapping[int, Group], salts: Salts) -> Route:
    """What frames for another switch do; the bodies belong to ``node_keys``.

    taken: groups of the switch, to find a free id for a new one, and the salts of those whose first choice was not
    free.
    """
    if len(hops.ports) == 1:
        return Route(hops, (_STAMPED, _OUT(hops.ports[0].to_bytes(4, "big"))), ())
    content, number = _spreading(hops)
    if salts or taken.get(number, content) != content:
        number = hashed_group(GROUP_ROUTE, content, taken, salts)
    return Route(hops, (_STAMPED, _TO_GROUP(number.to_bytes(4, "big"))), ((number, content, Entry("group", number)),))


@lru_cache(maxsize=1 << 14)
def _spreading(hops: NextHops) -> tuple[Group, int]:
    """The group of next hops and its id where that is free; the same next hops come and go with links."""
    packed = {port: port.to_bytes(4, "big") for port in hops.ports}
    buckets = {port: _WATCHED(number, number) for port, number in packed.items()}
    content = Group(_SELECT, b"".join(map(buckets.__getitem__, slots(hops))))
    return content, hashed_group(GROUP_ROUTE, content, {}, Salts())


def compile_connection(
    connection: ConnectionFacts, dpid: int, transports: Mapping[int, int], taken: Mapping[int, Group], salts: Salts
) -> Entries:
    """Entries of a connection on one switch of its paths, both directions.

    transports: labels of switches, for the fallback at the point of failure. taken, salts: as for routes.
    """
    entries = Entries()
    for way in connection.ways:
        if dpid in way.path.switches and len(way.path.switches) > 1:
            _add_way(entries, way, dpid, transports, taken, salts)
    steered = connection.steered
    if steered is not None and len(steered.path.switches) > 1:
        for end, sender, receiver, number in (
            (steered.path.switches[0], connection.a, connection.b, steered.forward),
            (steered.path.switches[-1], connection.b, connection.a, steered.backward),
        ):
            if end == dpid:
                key = _STEER(bytes(3) + receiver.to_bytes(3, "big"), sender.to_bytes(4, "big"))
                entries.flows[key] = _STEERED(bytes(5) + path_label(number))
    return entries


def _add_way(
    entries: Entries, way: Way, dpid: int, transports: Mapping[int, int], taken: Mapping[int, Group], salts: Salts
) -> None:
    """What carries a path's labels in both directions on one of its switches."""
    path = way.path
    at, last = path.switches.index(dpid), len(path.switches) - 1
    for number, end, out in (
        (way.forward, last, path.links[at][0] if at < last else None),
        (way.backward, 0, path.links[at - 1][1] if at > 0 else None),
    ):
        key = _FORWARD(path_label(number) + bytes(3))
        if out is None:
            entries.flows[key] = _OWN
            continue
        port, node = out.to_bytes(4, "big"), node_label(transports[path.switches[end]])
        content = Group(_FAST_FAILOVER, _ALONG(port, port) + _FALLBACK(bytes(5) + node))
        group_number = hashed_group(GROUP_PATH, content, {**taken, **entries.groups}, salts)
        entries.groups[group_number] = content
        entries.flows[key] = _TO_GROUP(group_number.to_bytes(4, "big"))


def hashed_group(space: int, content: Group, taken: Mapping[int, Group], salts: Salts) -> int:
    """Id of a group by its content within a space of 30 bits; another one if that is taken, and that one ever after.

    Among 1,000 groups of a switch two collide with a probability of 1 in 2,000.
    """
    noted = salts.get(content)
    for salt in range(MAX_SALT + 1):
        digest = blake2b(content.buckets, digest_size=4, key=bytes([content.type, salt])).digest()
        number = space | int.from_bytes(digest, "big") >> 2
        there = taken.get(number)
        # Below what was noted only where it is already, for another unit of the same compile.
        if number < 0xFFFFFF00 and (there == content or (there is None and salt >= noted)):
            if salt != noted:
                salts.note(content, salt)
            return number
    raise AssertionError(f"{MAX_SALT + 1} ids of groups are taken in a row")
