"""Broadcast and multicast within a network: replicated at the ingress edge, once per switch that has members.

Frames travel with the network's flood service; at each egress edge the members of the network there get a copy. The
switch never sends a frame back out of the port it came from (OpenFlow 1.3.5, section 4.5), so nobody hears itself.
One packet may cause at most 4,096 resubmits in Open vSwitch: a network reaches about 1,000 switches this way.
"""

from __future__ import annotations

from collections.abc import Iterable

from sdn.model.oxm import ETH_DST, ETH_TYPE
from sdn.model.program import Entries, Group
from sdn.pipeline.base import IPV4, IPV6
from sdn.pipeline.layout import DESTINATION, FLOOD_BIT, GROUP_FLOOD, GROUP_LOCAL, NETWORK, Table
from sdn.pipeline.shapes import ARG, Body, Bucket, Match, group, load, resubmit, set_field

_ALL = 0
_BROADCAST = Match(Table.L2, 100, (ETH_DST, b"\xff" * 6), (NETWORK, ARG))
_IPV4_MULTICAST = Match(Table.L2, 90, (ETH_DST, 0x01005E000000, 0xFFFFFF800000), (ETH_TYPE, IPV4), (NETWORK, ARG))
_IPV6_MULTICAST = Match(Table.L2, 90, (ETH_DST, 0x333300000000, 0xFFFF00000000), (ETH_TYPE, IPV6), (NETWORK, ARG))
_ARRIVED = Match(Table.DELIVER, 100, (ETH_DST, ARG, b"\x00\x00\x00\xff\xff\xff"))
_MEMBERS = Match(Table.FLOOD, 100, (NETWORK, ARG))
_TO_RESTORE = Body([set_field(NETWORK, ARG)], goto=Table.RESTORE)
_TO_GROUP = Body([group(ARG)])
_TO_SWITCH = Bucket([load(ETH_DST, 0, 40, ARG), resubmit(Table.STAMP)])
_TO_PORT = Bucket([set_field(DESTINATION, ARG), resubmit(Table.OUTPUT)])


def compile_flood(network: int, transports: Iterable[int], services: Iterable[int]) -> Entries:
    """Entries of a network on one switch.

    transports: labels of all switches with members, this one included; services: of the members here.
    """
    number, flood = network.to_bytes(4, "big"), FLOOD_BIT | network
    everywhere, here = GROUP_FLOOD | network, GROUP_LOCAL | network
    send = _TO_GROUP(everywhere.to_bytes(4, "big"))
    flows = {
        _BROADCAST(number): send,
        _IPV4_MULTICAST(number): send,
        _IPV6_MULTICAST(number): send,
        _ARRIVED(bytes(3) + flood.to_bytes(3, "big")): _TO_RESTORE(number),
        _MEMBERS(number): _TO_GROUP(here.to_bytes(4, "big")),
    }
    switches = b"".join(_TO_SWITCH((label << 24 | flood).to_bytes(8, "big")) for label in sorted(transports))
    ports = b"".join(_TO_PORT(service.to_bytes(4, "big")) for service in sorted(services))
    return Entries(flows, {everywhere: Group(_ALL, switches), here: Group(_ALL, ports)})
