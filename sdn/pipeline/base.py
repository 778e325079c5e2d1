"""Flows that every switch has, whatever its tenants: what is never accepted, and steps that are alike for all."""

from __future__ import annotations

from sdn.model.oxm import (
    ARP_OP,
    ETH_DST,
    ETH_SRC,
    ETH_TYPE,
    ICMPV6_TYPE,
    IP_FRAG,
    IP_PROTO,
    IP_TTL,
    IPV4_DST,
    IPV6_DST,
    ND_OPTIONS_TYPE,
    ND_RESERVED,
    ND_SLL,
    ND_TARGET,
    ND_TLL,
)
from sdn.model.program import Entries, Group
from sdn.pipeline.layout import GROUP_ALIVE, PUNT_TTL, REASON, Table
from sdn.pipeline.shapes import IN_PORT_REPLY, Body, Bucket, Match, load, move, set_field

ARP, IPV4, IPV6, RARP, LLDP = 0x0806, 0x0800, 0x86DD, 0x8035, 0x88CC
ICMP, ICMPV6 = 1, 58
ROUTER_SOLICITATION, ROUTER_ADVERTISEMENT, SOLICITATION, ADVERTISEMENT, REDIRECT = 133, 134, 135, 136, 137
FIRST_FRAGMENT = 1
"""Of an IP packet in fragments, the one with the offset 0 (NXM_NX_IP_FRAG, ovs-fields(7))."""
DROP = Body()()
_INDIRECT = 2

_SOLICITED, _ROUTER_FLAG = 0x60000000, 0x80000000
IS_ROUTER = 1
"""REASON while a router's advertisement is made: its R flag is set (RFC 4861, section 4.4)."""


def _icmpv6(table: Table, priority: int, kind: int) -> Match:
    return Match(table, priority, (ETH_TYPE, IPV6), (IP_PROTO, ICMPV6), (ICMPV6_TYPE, kind))


_HIDDEN_ND = (
    Match(Table.SOURCE_ND, 150, (ETH_TYPE, IPV6), (IP_FRAG, FIRST_FRAGMENT), (IP_TTL, 255), (IP_PROTO, ICMPV6)),
    Match(Table.SOURCE_ND, 150, (ETH_TYPE, IPV6), (IP_PROTO, 0)),
    Match(Table.SOURCE_ND, 150, (ETH_TYPE, IPV6), (IP_PROTO, ICMPV6), (ICMPV6_TYPE, SOLICITATION), (ND_TARGET, 0)),
)
"""Neighbour discovery that the switch cannot look into, but the receiver might.

Fragments (RFC 6980): a switch sees no ICMPv6 type in any of them, but hosts take neighbour discovery with the hop limit
255 alone (RFC 4861, section 7.1), which whole packets take from their first fragment. Extension headers that are cut
off, in a fragment or by a wrong length: no protocol is seen. The same option twice: no target is seen.
"""


def _security() -> dict[bytes, bytes]:
    """IP and ARP need an explicit permission of their port; any other EtherType but control protocols passes."""
    flows = {
        Match(Table.SOURCE, 50, (ETH_TYPE, kind))(): DROP for kind in (ARP, IPV4, IPV6, RARP, LLDP, 0x8847, 0x8848)
    }
    flows[Match(Table.SOURCE, 10)()] = Body(goto=Table.SERVICES)()
    for kind in (ROUTER_SOLICITATION, ROUTER_ADVERTISEMENT, SOLICITATION, ADVERTISEMENT, REDIRECT):
        flows[_icmpv6(Table.SOURCE_ND, 50, kind)()] = DROP
    flows.update(dict.fromkeys((match() for match in _HIDDEN_ND), DROP))
    flows[Match(Table.SOURCE_ND, 10)()] = Body(goto=Table.SERVICES)()
    return flows


def _services() -> dict[bytes, bytes]:
    """Unanswered ARP requests end here; solicitations without a source option go to the owner of the address."""
    flows = {
        Match(Table.SERVICES, 50, (ETH_TYPE, ARP), (ARP_OP, 1))(): DROP,
        Match(
            Table.SERVICES, 105, (ETH_TYPE, IPV6), (IP_PROTO, ICMPV6), (ICMPV6_TYPE, SOLICITATION), (ND_SLL, bytes(6))
        )(): Body(goto=Table.L2)(),
        Match(Table.SERVICES, 10)(): Body(goto=Table.L2)(),
    }
    for reason, reserved in ((0, _SOLICITED), (IS_ROUTER, _SOLICITED | _ROUTER_FLAG)):
        finish = Body(
            [
                set_field(ND_OPTIONS_TYPE, 2),
                set_field(ND_RESERVED, reserved),
                move(ETH_SRC, ND_TLL, 48),
                IN_PORT_REPLY,
            ]
        )
        match = Match(
            Table.ND_REPLY, 100, (ETH_TYPE, IPV6), (IP_PROTO, ICMPV6), (ICMPV6_TYPE, ADVERTISEMENT), (REASON, reason)
        )
        flows[match()] = finish()
    return flows


def _routing() -> dict[bytes, bytes]:
    """What no router forwards: expired TTL (reported to the sender), link-local and multicast destinations."""
    expired = Body([set_field(REASON, PUNT_TTL)], goto=Table.PUNT)()
    flows = {}
    for kind in (IPV4, IPV6):
        flows[Match(Table.L3, 280, (ETH_TYPE, kind), (IP_TTL, 0))()] = DROP
        flows[Match(Table.L3, 280, (ETH_TYPE, kind), (IP_TTL, 1))()] = expired
    for value, mask in ((0xA9FE0000, 0xFFFF0000), (0xE0000000, 0xF0000000)):
        flows[Match(Table.L3, 285, (ETH_TYPE, IPV4), (IPV4_DST, value, mask))()] = DROP
    for top, mask in ((0xFE80, 0xFFC0), (0xFF00, 0xFF00)):
        flows[Match(Table.L3, 285, (ETH_TYPE, IPV6), (IPV6_DST, top << 112, mask << 112))()] = DROP
    return flows


def _restore() -> dict[bytes, bytes]:
    """The MAC of a flooded frame follows from its IP destination (RFC 1112, RFC 2464), else it is broadcast."""
    table = Table.RESTORE
    v4 = [load(ETH_DST, 0, 48, 0x01005E000000), move(IPV4_DST, ETH_DST, 23)]
    v6 = [load(ETH_DST, 32, 16, 0x3333), move(IPV6_DST, ETH_DST, 32)]
    return {
        Match(table, 100, (ETH_TYPE, IPV4), (IPV4_DST, 0xE0000000, 0xF0000000))(): Body(v4, goto=Table.FLOOD)(),
        Match(table, 100, (ETH_TYPE, IPV6), (IPV6_DST, 0xFF << 120, 0xFF << 120))(): Body(v6, goto=Table.FLOOD)(),
        Match(table, 10)(): Body([set_field(ETH_DST, b"\xff" * 6)], goto=Table.FLOOD)(),
    }


def compile_base() -> Entries:
    """The entries that every switch has."""
    flows = _security() | _services() | _routing() | _restore()
    flows[Match(Table.STEER, 0)()] = Body(goto=Table.STAMP)()
    return Entries(flows, {GROUP_ALIVE: Group(_INDIRECT, Bucket([])())})
