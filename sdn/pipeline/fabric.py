"""The fabric: probes, frames between switches by label, next hops to every egress switch, engineered paths.

Core switches hold entries per egress switch and per path, never per endpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import blake2b

from sdn.model.oxm import ETH_DST, ETH_TYPE, IN_PORT, VLAN_VID
from sdn.model.program import Entries, Entry, FlowBody, FlowKey, Group, Meter
from sdn.model.route import EPOCHS, NO_HOP, Leg, NextHops, RepairHops
from sdn.pipeline.base import LLDP
from sdn.pipeline.ecmp import slots
from sdn.pipeline.facts import ConnectionFacts, Way
from sdn.pipeline.layout import (
    ANY_WAY,
    BLUE,
    GROUP_ALIVE,
    GROUP_PATH,
    GROUP_ROUTE,
    KIND_NODE,
    PRIMARY,
    PROBE_PACKETS_PER_SECOND,
    RED,
    Table,
    node_label,
    octet0,
    path_label,
)
from sdn.pipeline.route_table import Route
from sdn.pipeline.salts import MAX_SALT, Salts
from sdn.pipeline.shapes import ARG, FORGET_IN_PORT, Body, Bucket, Match, group, load, output, resubmit, to_controller

_SELECT, _FAST_FAILOVER = 1, 3
_TRANSPORT = b"\x00\xff\xff\x00\x00\x00"
_LABEL = b"\xff\xff\xff\x00\x00\x00"
_ANY_LABEL = b"\x03\x00\x00\x00\x00\x00"

_PROBE = Match(Table.CLASSIFY, 200, (IN_PORT, ARG), (ETH_TYPE, LLDP))
_TO_CONTROLLER = Body([to_controller(0xFFFF)], meter=ARG)
_LABELED = Match(Table.CLASSIFY, 100, (IN_PORT, ARG), (ETH_DST, b"\x02\x00\x00\x00\x00\x00", _ANY_LABEL), (VLAN_VID, 0))
_TO_FABRIC = Body(goto=Table.FABRIC)()
_METER = Meter(PROBE_PACKETS_PER_SECOND, PROBE_PACKETS_PER_SECOND)

_STAMP = Match(Table.STAMP, 100, (ETH_DST, ARG, _TRANSPORT))
_STAMPED = tuple(
    Body([load(ETH_DST, 40, 8, octet0(KIND_NODE, PRIMARY, epoch))], goto=Table.FABRIC)() for epoch in range(EPOCHS)
)
_FORWARD = Match(Table.FABRIC, 100, (ETH_DST, ARG, _LABEL))
_OUT = Body([output(ARG)])
_TO_GROUP = Body([group(ARG)])
_OWN = Body(goto=Table.DELIVER)()
_WATCHED = Bucket([output(ARG)], watch_port=ARG, weight=1)

_ARRIVED = Match(Table.FABRIC, 100, (ETH_DST, ARG, ANY_WAY + b"\xff\xff\x00\x00\x00"))
_SPREAD = Bucket([group(ARG)], watch_group=ARG)
_REPAIR = tuple(
    tuple(
        Bucket([FORGET_IN_PORT, load(ETH_DST, 40, 8, octet0(KIND_NODE, color, epoch)), output(ARG)], watch_port=ARG)
        for color in (RED, BLUE)
    )
    for epoch in range(EPOCHS)
)
"""By epoch, red and blue: change the color and go on, perhaps out of the port the packet came in by."""

_ALONG = Bucket([output(ARG)], watch_port=ARG)
_FALLBACK = Bucket([FORGET_IN_PORT, load(ETH_DST, 24, 16, ARG), resubmit(Table.STAMP)], watch_group=GROUP_ALIVE)
"""The label of the egress switch, in the version that this switch gives to what enters here."""


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
    """A switch delivers what carries its own label, in any color and epoch."""
    label = node_label(transport) + bytes(3)
    return Entries({_STAMP(b"\x00" + label[1:]): _OWN, _ARRIVED(label): _OWN})


def node_keys(transport: int, epoch: int = 0) -> tuple[bytes, ...]:
    """Keys of the flows that stamp the label of an egress switch and that forward it in each color, on every switch.

    The first of them is that of all epochs.
    """
    stamp = _STAMP(b"\x00" + node_label(transport)[1:] + bytes(3))
    return stamp, *(_FORWARD(node_label(transport, color, epoch) + bytes(3)) for color in (PRIMARY, RED, BLUE))


def compile_shared_route(hops: NextHops | Leg, repair: RepairHops | None) -> Route:
    """What frames for another switch do, with the ids that groups want; the bodies belong to ``node_keys``."""
    return _compile(hops, repair, _place)


def compile_route(hops: NextHops | Leg, repair: RepairHops | None, taken: Mapping[int, Group], salts: Salts) -> Route:
    """As ``compile_shared_route``, on a switch where ids are taken.

    taken: groups of the switch, to find a free id for a new one, and the salts of those whose first choice was not
    free.
    """
    known = dict(taken)

    def place(content: Group) -> _Placed:
        number = hashed_group(GROUP_ROUTE, content, known, salts)
        known[number] = content
        return _placed(number, content)

    return _compile(hops, repair, place)


_Placed = tuple[bytes, tuple[int, Group, Entry]]
"""A group's id as bytes; id, content and name."""


def _placed(number: int, content: Group) -> _Placed:
    return number.to_bytes(4, "big"), (number, content, Entry("group", number))


@lru_cache(maxsize=1 << 15)
def _place(content: Group) -> _Placed:
    """A group with the id of its first choice."""
    return _placed(hashed_group(GROUP_ROUTE, content, {}, Salts()), content)


def _compile(way: NextHops | Leg, repair: RepairHops | None, place: Callable[[Group], _Placed]) -> Route:
    """place: gives groups their ids."""
    hops, epoch, stamped = (way.hops, way.epoch, way.stamped) if isinstance(way, Leg) else (way, 0, True)
    groups: list[tuple[int, Group, Entry]] = []
    stamp = _STAMPED[epoch] if stamped else None
    port = hops.ports[0].to_bytes(4, "big")
    primary, first = _OUT(port), _ALONG(port, port)
    if len(hops.ports) > 1:
        number, group_ = place(_spreading(hops))
        groups.append(group_)
        primary, first = _TO_GROUP(number), _SPREAD(number, number)
    if repair is None:
        return Route(way, (stamp, primary, None, None), tuple(groups), None)
    backup, along_red = _repairing(hops.ports, repair, epoch), _along_red(repair, epoch)
    if backup:
        number, group_ = place(Group(_FAST_FAILOVER, first + backup))
        groups.append(group_)
        primary = _TO_GROUP(number)
    blue = red = _OUT(repair.blue.to_bytes(4, "big")) if repair.blue != NO_HOP else None
    if along_red is not None:
        number, group_ = place(along_red)
        if group_ not in groups:
            groups.append(group_)
        red = _TO_GROUP(number)
    return Route(way, (stamp, primary, red, blue), tuple(groups), repair)


@lru_cache(maxsize=1 << 14)
def _repairing(dead: tuple[int, ...], repair: RepairHops, epoch: int) -> bytes:
    """Buckets for when these ports are dead: red, then blue, but over no port that is dead too."""
    backup = b""
    for color, port in zip(_REPAIR[epoch], (repair.red, repair.blue), strict=True):
        if port != NO_HOP and port not in dead:
            packed = port.to_bytes(4, "big")
            backup += color(packed, packed)
            dead = *dead, port
    return backup


@lru_cache(maxsize=1 << 14)
def _along_red(repair: RepairHops, epoch: int) -> Group | None:
    """The group of packets that are red already; None where red has no other way than blue."""
    if repair.red == repair.blue:
        return None
    if repair.red == NO_HOP:
        return Group(_FAST_FAILOVER, _repairing((), repair, epoch))
    port = repair.red.to_bytes(4, "big")
    return Group(_FAST_FAILOVER, _ALONG(port, port) + _repairing((repair.red,), repair, epoch))


@lru_cache(maxsize=1 << 14)
def _spreading(hops: NextHops) -> Group:
    """The group of next hops; the same ones come and go with links."""
    packed = {port: port.to_bytes(4, "big") for port in hops.ports}
    buckets = {port: _WATCHED(number, number) for port, number in packed.items()}
    return Group(_SELECT, b"".join(map(buckets.__getitem__, slots(hops))))


def compile_connection(
    connection: ConnectionFacts, dpid: int, transports: Mapping[int, int], taken: Mapping[int, Group], salts: Salts
) -> Entries:
    """Entries of a connection on one switch of its paths, both directions; where its traffic comes in: ``steer.py``.

    They follow from the path and its numbers alone, so connections with the same numbers share them.
    transports: labels of switches, for the fallback at the point of failure. taken, salts: as for routes.
    """
    entries = Entries(shared=True)
    for way in connection.ways:
        if dpid in way.path.switches and len(way.path.switches) > 1:
            _add_way(entries, way, dpid, transports, taken, salts)
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
        port, node = out.to_bytes(4, "big"), transports[path.switches[end]].to_bytes(2, "big")
        content = Group(_FAST_FAILOVER, _ALONG(port, port) + _FALLBACK(bytes(6) + node))
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
