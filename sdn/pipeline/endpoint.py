"""A tenant port as the other switches see it: answers to ARP and ND, its MAC, its address behind routers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sdn.model.oxm import (
    ARP_OP,
    ARP_SHA,
    ARP_SPA,
    ARP_THA,
    ARP_TPA,
    ETH_DST,
    ETH_SRC,
    ETH_TYPE,
    ICMPV6_TYPE,
    IP_PROTO,
    IPV4_DST,
    IPV6_DST,
    IPV6_SRC,
    ND_TARGET,
)
from sdn.model.program import Entries, FlowBody, FlowKey
from sdn.pipeline.base import ADVERTISEMENT, ARP, ICMPV6, IPV4, IPV6, IS_ROUTER, SOLICITATION
from sdn.pipeline.facts import Held, PortFacts
from sdn.pipeline.layout import NETWORK, REASON, Table
from sdn.pipeline.shapes import ARG, IN_PORT_REPLY, Action, Body, Match, load, move, resubmit, set_field

_ARP_ASKED = Match(Table.SERVICES, 100, (ETH_TYPE, ARP), (ARP_OP, 1), (ARP_TPA, ARG), (NETWORK, ARG))
_ARP_ANSWER = Body(
    [
        move(ETH_SRC, ETH_DST, 48),
        set_field(ETH_SRC, ARG),
        set_field(ARP_OP, 2),
        move(ARP_SHA, ARP_THA, 48),
        set_field(ARP_SHA, ARG),
        move(ARP_SPA, ARP_TPA, 32),
        set_field(ARP_SPA, ARG),
        IN_PORT_REPLY,
    ]
)
_ND_ASKED = Match(
    Table.SERVICES,
    100,
    (ETH_TYPE, IPV6),
    (IP_PROTO, ICMPV6),
    (ICMPV6_TYPE, SOLICITATION),
    (ND_TARGET, ARG),
    (NETWORK, ARG),
)


def _nd_answer(*extra: Action) -> Body:
    """First half of an advertisement: addresses and type; the options follow once the packet is one (ND_REPLY)."""
    return Body(
        [
            move(ETH_SRC, ETH_DST, 48),
            set_field(ETH_SRC, ARG),
            move(IPV6_SRC, IPV6_DST, 128),
            set_field(IPV6_SRC, ARG),
            set_field(ICMPV6_TYPE, ADVERTISEMENT),
            *extra,
        ],
        goto=Table.ND_REPLY,
    )


_TO_L2 = Body(goto=Table.L2)()
_ND_ANSWER = _nd_answer()
_ND_ROUTER_ANSWER = _nd_answer(set_field(REASON, IS_ROUTER))

_MAC = Match(Table.L2, 100, (ETH_DST, ARG), (NETWORK, ARG))
_LABEL = Body([load(ETH_DST, 0, 40, ARG)], goto=Table.STEER)
"""Writes transport and service of a label; STAMP completes it."""
COPY = (load(ETH_DST, 0, 40, ARG), resubmit(Table.STAMP))
"""Sends a copy to a second switch, past STEER: connections lead to the first one."""
_LABELS = Body([*COPY, load(ETH_DST, 0, 40, ARG)], goto=Table.STEER)
_NEIGHBOR_V4 = Match(Table.NEIGHBOR, 100, (ETH_TYPE, IPV4), (IPV4_DST, ARG), (NETWORK, ARG))
_NEIGHBOR_V6 = Match(Table.NEIGHBOR, 100, (ETH_TYPE, IPV6), (IPV6_DST, ARG), (NETWORK, ARG))


def answer_arp(network: bytes, address: bytes, mac: bytes) -> tuple[FlowKey, FlowBody]:
    """ARP requests for an address in a network are answered with a MAC (RFC 826)."""
    return _ARP_ASKED(address, network), _ARP_ANSWER(mac, mac, address)


def answer_nd(network: bytes, address: bytes, mac: bytes, router: bool) -> tuple[FlowKey, FlowBody]:
    """Solicitations with a source option for an address in a network are answered with a MAC (RFC 4861)."""
    answer = _ND_ROUTER_ANSWER if router else _ND_ANSWER
    return _ND_ASKED(address, network), answer(mac, address)


def compile_endpoint(
    port: PortFacts, transports: Sequence[int], member: bool, routed: bool, held: Iterable[Held] = ()
) -> Entries:
    """Entries of a port on a switch where its network has members, or a router's other networks have (``routed``).

    transports: labels of the switches where the port is, one or two. held: what it has by its address pairs.
    """
    network = port.network.to_bytes(4, "big")
    label = _to(transports, port.service)
    flows: dict[FlowKey, FlowBody] = {}
    if member:
        flows[_MAC(port.mac, network)] = label
    if member and not port.learned:  # what was learned may have changed since: hosts answer for themselves
        for address in port.v4:
            flows[_ARP_ASKED(address, network)] = _ARP_ANSWER(port.mac, port.mac, address)
        flows.update([answer_nd(network, address, port.mac, router=False) for address in port.v6])
    if routed:
        for address in port.v4:
            flows[_NEIGHBOR_V4(address, network)] = label
        for address in port.v6:
            flows[_NEIGHBOR_V6(address, network)] = label
    for item in held:
        flows.update(_compile_held(item, network, _to(transports, item.service), member, routed))
    return Entries(flows)


def _to(transports: Sequence[int], service: int) -> FlowBody:
    """To a port with one of its MACs, wherever it is."""
    if len(transports) == 1:
        return _LABEL((transports[0] << 24 | service).to_bytes(8, "big"))
    return _LABELS(*[(transport << 24 | service).to_bytes(8, "big") for transport in reversed(transports)])


def _compile_held(
    item: Held, network: bytes, label: FlowBody, member: bool, routed: bool
) -> Iterator[tuple[FlowKey, FlowBody]]:
    """A MAC or address by a pair. One that is shared is asked for in the network, as on any Ethernet."""
    value, size = item.value, len(item.value)
    if size == 6:
        if member:
            yield _MAC(value, network), label
        return
    if member and item.shared:
        yield (_ARP_ASKED if size == 4 else _ND_ASKED)(value, network), _TO_L2
    elif member and size == 4:
        yield answer_arp(network, value, item.mac)
    elif member:
        yield answer_nd(network, value, item.mac, router=False)
    if routed and not item.shared:
        yield (_NEIGHBOR_V4 if size == 4 else _NEIGHBOR_V6)(value, network), label
