"""A distributed router on one switch: its addresses answer, packets between its subnets change network in place.

Routing happens at the ingress edge, so the TTL falls by one and the source MAC becomes the router's, once.
"""

from __future__ import annotations

from sdn.model.oxm import (
    ETH_DST,
    ETH_SRC,
    ETH_TYPE,
    ICMPV4_TYPE,
    ICMPV6_TYPE,
    IP_PROTO,
    IP_TTL,
    IPV4_DST,
    IPV4_SRC,
    IPV6_DST,
    IPV6_SRC,
)
from sdn.model.program import Entries, FlowBody, FlowKey
from sdn.pipeline.base import DROP, ICMP, ICMPV6, IPV4, IPV6
from sdn.pipeline.endpoint import answer_arp, answer_nd
from sdn.pipeline.facts import RouterFacts
from sdn.pipeline.layout import NETWORK, ROUTER, Table, link_local, router_mac
from sdn.pipeline.shapes import ARG, DEC_TTL, IN_PORT_REPLY, Body, Match, move, set_field
from sdn.pipeline.size import CHECK, compile_sizes, length_of
from sdn.pipeline.static import match

_ROUTER_MAC = Match(Table.L2, 110, (ETH_DST, ARG), (NETWORK, ARG))
_TO_L3 = Body([set_field(ROUTER, ARG)], goto=Table.L3)

_ECHO_V4 = Match(Table.L3, 300, (ETH_TYPE, IPV4), (IPV4_DST, ARG), (IP_PROTO, ICMP), (ICMPV4_TYPE, 8), (ROUTER, ARG))
_ECHO_V6 = Match(
    Table.L3, 300, (ETH_TYPE, IPV6), (IPV6_DST, ARG), (IP_PROTO, ICMPV6), (ICMPV6_TYPE, 128), (ROUTER, ARG)
)
_BACK = [move(ETH_SRC, ETH_DST, 48), set_field(ETH_SRC, ARG), set_field(IP_TTL, 64), IN_PORT_REPLY]
_ECHO_V4_REPLY = Body([move(IPV4_SRC, IPV4_DST, 32), set_field(IPV4_SRC, ARG), set_field(ICMPV4_TYPE, 0), *_BACK])
_ECHO_V6_REPLY = Body([move(IPV6_SRC, IPV6_DST, 128), set_field(IPV6_SRC, ARG), set_field(ICMPV6_TYPE, 129), *_BACK])
_OWN_V4 = Match(Table.L3, 290, (ETH_TYPE, IPV4), (IPV4_DST, ARG), (ROUTER, ARG))
_OWN_V6 = Match(Table.L3, 290, (ETH_TYPE, IPV6), (IPV6_DST, ARG), (ROUTER, ARG))

_FORWARD = Body([DEC_TTL, set_field(ETH_SRC, ARG), set_field(NETWORK, ARG)], goto=Table.NEIGHBOR)
_FORWARD_SIZED = Body([CHECK, DEC_TTL, set_field(ETH_SRC, ARG), set_field(NETWORK, ARG)], goto=Table.SIZE)


def compile_router(router: RouterFacts) -> Entries:
    """Entries of a router on a switch where one of its networks has members."""
    number, mac = router.number.to_bytes(4, "big"), router_mac(router.number)
    flows: dict[FlowKey, FlowBody] = {}
    for interface in router.interfaces:
        network = interface.network.to_bytes(4, "big")
        flows[_ROUTER_MAC(mac, network)] = _TO_L3(number)
        if len(interface.gateway) == 4:
            flows.update([answer_arp(network, interface.gateway, mac)])
            flows[_ECHO_V4(interface.gateway, number)] = _ECHO_V4_REPLY(interface.gateway, mac)
            flows[_OWN_V4(interface.gateway, number)] = DROP
        else:
            for address in (interface.gateway, link_local(mac)):
                flows.update([answer_nd(network, address, mac, router=True)])
                flows[_ECHO_V6(address, number)] = _ECHO_V6_REPLY(address, mac)
                flows[_OWN_V6(address, number)] = DROP
        forward = _FORWARD(mac, network)
        if interface.limit:
            forward = _FORWARD_SIZED(length_of(interface.limit), mac, network)
        flows[match(interface.prefix, interface.length, number)] = forward
    if any(interface.limit for interface in router.interfaces):
        flows.update(compile_sizes(number))
    return Entries(flows)
