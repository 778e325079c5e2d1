"""Static routes of a router on one switch: to a port that has the next hop, or nowhere.

Like all routing it happens at the ingress edge: the label of the next hop's port is written at once, wherever that is.
A route whose next hop nobody has drops its packets; shorter prefixes do not get them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sdn.model.oxm import ETH_DST, ETH_SRC, ETH_TYPE, IPV4_DST, IPV6_DST
from sdn.model.program import Entries, FlowBody, FlowKey
from sdn.pipeline import size
from sdn.pipeline.base import DROP, IPV4, IPV6
from sdn.pipeline.facts import RouterFacts, StaticFacts
from sdn.pipeline.layout import NETWORK, PREFIX_PRIORITY, ROUTER, Table, router_mac
from sdn.pipeline.shapes import ARG, DEC_TTL, Body, Match, load, resubmit, set_field

# A mask of no bits or of all does not come back from Open vSwitch: docs/ovs-readback.md.
_ANY = {
    4: Match(Table.L3, PREFIX_PRIORITY, (ETH_TYPE, IPV4), (ROUTER, ARG)),
    16: Match(Table.L3, PREFIX_PRIORITY, (ETH_TYPE, IPV6), (ROUTER, ARG)),
}
_PREFIX = {
    4: Match(Table.L3, ARG, (ETH_TYPE, IPV4), (IPV4_DST, ARG, ARG), (ROUTER, ARG)),
    16: Match(Table.L3, ARG, (ETH_TYPE, IPV6), (IPV6_DST, ARG, ARG), (ROUTER, ARG)),
}
_HOST = {
    4: Match(Table.L3, PREFIX_PRIORITY + 32, (ETH_TYPE, IPV4), (IPV4_DST, ARG), (ROUTER, ARG)),
    16: Match(Table.L3, PREFIX_PRIORITY + 128, (ETH_TYPE, IPV6), (IPV6_DST, ARG), (ROUTER, ARG)),
}
_ROUTED = (DEC_TTL, set_field(ETH_SRC, ARG), set_field(NETWORK, ARG))
_LABEL = load(ETH_DST, 0, 40, ARG)
_SEND = Body([*_ROUTED, _LABEL], goto=Table.STEER)
_SEND_TWICE = Body([*_ROUTED, _LABEL, resubmit(Table.STAMP), _LABEL], goto=Table.STEER)
"""To a port that moves: as in ``endpoint.py``."""
_SEND_SIZED = Body([size.CHECK, *_ROUTED, *size.LABELLED_TO_SIZE], goto=Table.SIZE)
_SEND_TWICE_SIZED = Body([size.CHECK, *_ROUTED, *size.BOTH_TO_SIZE], goto=Table.SIZE)


def mask(length: int, size: int) -> bytes:
    """The first ``length`` bits set, of ``size`` bytes."""
    bits = size * 8
    return ((1 << bits) - (1 << bits - length)).to_bytes(size, "big")


def match(prefix: bytes, length: int, router: bytes) -> FlowKey:
    """Packets to a prefix within a router: longer prefixes have a higher priority."""
    size = len(prefix)
    if length == 0:
        return _ANY[size](router)
    if length == size * 8:
        return _HOST[size](prefix, router)
    return _PREFIX[size]((PREFIX_PRIORITY + length).to_bytes(2, "big"), prefix, mask(length, size), router)


def compile_static(router: RouterFacts, labels: Mapping[StaticFacts, Sequence[int]]) -> Entries:
    """Entries on a switch where one of the router's networks has members.

    labels: transport and service of whoever has a route's next hop, two if it moves; routes without one drop.
    """
    number, mac = router.number.to_bytes(4, "big"), router_mac(router.number)
    flows: dict[FlowKey, FlowBody] = {}
    for route in router.routes:
        found, body = [label.to_bytes(8, "big") for label in labels.get(route, ())], DROP
        if found:
            values = mac, route.network.to_bytes(4, "big"), *found[::-1]
            if route.limit:
                body = (_SEND_SIZED if len(found) == 1 else _SEND_TWICE_SIZED)(size.length_of(route.limit), *values)
            else:
                body = (_SEND if len(found) == 1 else _SEND_TWICE)(*values)
        flows[match(route.prefix, route.length, number)] = body
    return Entries(flows)
