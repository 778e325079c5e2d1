"""A tenant port on its own switch: classification, port security, delivery, and its way to the controller.

Addresses of the port are permitted as source, everything else is dropped (RFC 2827 in spirit, per port). Link-local
IPv6 addresses are permitted when they are made from the port's MAC, and only if the port has an IPv6 address at all, or
is learned.
"""

from __future__ import annotations

from sdn.model.oxm import (
    ARP_OP,
    ARP_SHA,
    ARP_SPA,
    ARP_TPA,
    ETH_DST,
    ETH_SRC,
    ETH_TYPE,
    ICMPV6_TYPE,
    IN_PORT,
    IP_PROTO,
    IPV4_SRC,
    IPV6_SRC,
    ND_SLL,
    ND_TARGET,
    ND_TLL,
    VLAN_VID,
)
from sdn.model.program import Entries, Meter
from sdn.pipeline import learn
from sdn.pipeline.base import ADVERTISEMENT, ARP, ICMPV6, IPV4, IPV6, SOLICITATION
from sdn.pipeline.facts import PortFacts
from sdn.pipeline.layout import DESTINATION, NETWORK, PUNT_PACKETS_PER_SECOND, SOURCE, Table, link_local
from sdn.pipeline.shapes import ARG, Body, Match, output, set_field, to_controller

_CLASSIFY = Match(Table.CLASSIFY, 100, (IN_PORT, ARG), (ETH_SRC, ARG), (VLAN_VID, 0))
_CLASSIFIED = Body([set_field(NETWORK, ARG), set_field(SOURCE, ARG)], goto=Table.SOURCE)

_ARP_SOURCE = Match(Table.SOURCE, 100, (ETH_TYPE, ARP), (ARP_SPA, ARG), (ARP_SHA, ARG), (SOURCE, ARG))
_ARP_PROBE = Match(Table.SOURCE, 100, (ETH_TYPE, ARP), (ARP_OP, 1), (ARP_SPA, 0), (ARP_SHA, ARG), (SOURCE, ARG))
_IPV4_SOURCE = Match(Table.SOURCE, 100, (ETH_TYPE, IPV4), (IPV4_SRC, ARG), (SOURCE, ARG))
_IPV6_SOURCE = Match(Table.SOURCE, 100, (ETH_TYPE, IPV6), (IPV6_SRC, ARG), (SOURCE, ARG))
_UNSPECIFIED = Match(
    Table.SOURCE, 100, (ETH_TYPE, IPV6), (IPV6_SRC, 0), (IP_PROTO, ICMPV6), (ICMPV6_TYPE, ARG), (SOURCE, ARG)
)
_MLD_REPORTS = (131, 143)
"""Multicast listener reports (RFC 2710, RFC 3810) may come from the unspecified address."""

_NS_SOURCE = Match(
    Table.SOURCE_ND,
    100,
    (ETH_TYPE, IPV6),
    (IP_PROTO, ICMPV6),
    (ICMPV6_TYPE, SOLICITATION),
    (ND_SLL, ARG),
    (SOURCE, ARG),
)
_NA_SOURCE = Match(
    Table.SOURCE_ND,
    100,
    (ETH_TYPE, IPV6),
    (IP_PROTO, ICMPV6),
    (ICMPV6_TYPE, ADVERTISEMENT),
    (ND_TARGET, ARG),
    (ND_TLL, ARG),
    (SOURCE, ARG),
)
_TO_SERVICES = Body(goto=Table.SERVICES)()
_TO_ND = Body(goto=Table.SOURCE_ND)()
_TO_L2 = Body(goto=Table.L2)()

_OWN_ARP = Match(Table.SERVICES, 110, (ETH_TYPE, ARP), (ARP_OP, 1), (ARP_TPA, ARG), (SOURCE, ARG))
"""A port that asks for its own address looks for a duplicate (RFC 5227) or announces itself: never answered."""
_OWN_ND = Match(
    Table.SERVICES,
    110,
    (ETH_TYPE, IPV6),
    (IP_PROTO, ICMPV6),
    (ICMPV6_TYPE, SOLICITATION),
    (ND_TARGET, ARG),
    (SOURCE, ARG),
)

_DELIVER = Match(Table.DELIVER, 100, (ETH_DST, ARG, b"\x00\x00\x00\xff\xff\xff"))
_DELIVERED = Body([set_field(ETH_DST, ARG), set_field(DESTINATION, ARG)], goto=Table.OUTPUT)
_OUTPUT = Match(Table.OUTPUT, 100, (DESTINATION, ARG))
_OUT = Body([output(ARG)])
_PUNT = Match(Table.PUNT, 100, (SOURCE, ARG))
_PUNTED = Body([to_controller(256)], meter=ARG)

_METER = Meter(PUNT_PACKETS_PER_SECOND, PUNT_PACKETS_PER_SECOND)


def compile_attachment(port: PortFacts) -> Entries:
    """Entries of a port on its own switch; none while its OpenFlow port number is not known."""
    if port.ofport is None:
        return Entries()
    ofport, source = port.ofport.to_bytes(4, "big"), port.service.to_bytes(4, "big")
    flows = {
        _CLASSIFY(ofport, port.mac): _CLASSIFIED(port.network.to_bytes(4, "big"), source),
        _DELIVER(bytes(3) + source[1:]): _DELIVERED(port.mac, source),
        _OUTPUT(source): _OUT(ofport),
        _PUNT(source): _PUNTED(ofport),
    }
    if port.v4 or port.learned:
        flows[_ARP_PROBE(port.mac, source)] = _TO_SERVICES
    for address in port.v4:
        flows[_ARP_SOURCE(address, port.mac, source)] = _TO_SERVICES
        flows[_IPV4_SOURCE(address, source)] = _TO_SERVICES
        flows[_OWN_ARP(address, source)] = _TO_L2
    if port.v6 or port.learned:
        _permit_ipv6(flows, port, source)
    if port.asks:
        flows.update(learn.compile_learning(port, ofport, source))
    return Entries(flows, {}, {port.ofport: _METER})


def _permit_ipv6(flows: dict[bytes, bytes], port: PortFacts, source: bytes) -> None:
    none = bytes(6)
    flows[_UNSPECIFIED(bytes([SOLICITATION]), source)] = _TO_ND
    for kind in _MLD_REPORTS:
        flows[_UNSPECIFIED(bytes([kind]), source)] = _TO_SERVICES
    for mac in (port.mac, none):
        flows[_NS_SOURCE(mac, source)] = _TO_SERVICES
    for address in (*port.v6, link_local(port.mac)):
        flows[_IPV6_SOURCE(address, source)] = _TO_ND
        flows[_OWN_ND(address, source)] = _TO_L2
        for mac in (port.mac, none):
            flows[_NA_SOURCE(address, mac, source)] = _TO_SERVICES
