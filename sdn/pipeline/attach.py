"""A tenant port on its own switch: classification, port security, delivery, and its way to the controller.

Addresses of the port are permitted as source, everything else is dropped (RFC 2827 in spirit, per port). Link-local
IPv6 addresses are permitted when they are made from the port's MAC, and only if the port has an IPv6 address at all, or
is learned. Address pairs permit more: each an address or range with one MAC. Every MAC of a port has a service number
of its own, so that a pair never permits its address with another MAC.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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
    Field,
)
from sdn.model.program import Entries, FlowBody, FlowKey, Meter
from sdn.pipeline import announce, learn
from sdn.pipeline.base import ADVERTISEMENT, ARP, ICMPV6, IPV4, IPV6, SOLICITATION
from sdn.pipeline.facts import PortFacts
from sdn.pipeline.layout import DESTINATION, NETWORK, PUNT_PACKETS_PER_SECOND, SOURCE, Table, link_local
from sdn.pipeline.shapes import ARG, Body, Match, Value, output, set_field, to_controller
from sdn.pipeline.static import mask

_CLASSIFY = Match(Table.CLASSIFY, 100, (IN_PORT, ARG), (ETH_SRC, ARG), (VLAN_VID, 0))
_CLASSIFIED = Body([set_field(NETWORK, ARG), set_field(SOURCE, ARG)], goto=Table.SOURCE)

_Item = tuple[Field, Value] | tuple[Field, Value, Value]


def _by_address(table: Table, field: Field, before: Sequence[_Item], behind: Sequence[_Item]) -> tuple[Match, ...]:
    """A match of one address, of a prefix, and of any: masks of all bits or none are not read back as written."""
    forms: tuple[tuple[_Item, ...], ...] = (((field, ARG),), ((field, ARG, ARG),), ())
    return tuple(Match(table, 100, *before, *form, *behind) for form in forms)


_ARP_SOURCE = _by_address(Table.SOURCE, ARP_SPA, [(ETH_TYPE, ARP)], [(ARP_SHA, ARG), (SOURCE, ARG)])
_ARP_PROBE = Match(Table.SOURCE, 100, (ETH_TYPE, ARP), (ARP_OP, 1), (ARP_SPA, 0), (ARP_SHA, ARG), (SOURCE, ARG))
_IPV4_SOURCE = _by_address(Table.SOURCE, IPV4_SRC, [(ETH_TYPE, IPV4)], [(SOURCE, ARG)])
_IPV6_SOURCE = _by_address(Table.SOURCE, IPV6_SRC, [(ETH_TYPE, IPV6)], [(SOURCE, ARG)])
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
_NA_SOURCE = _by_address(
    Table.SOURCE_ND,
    ND_TARGET,
    [(ETH_TYPE, IPV6), (IP_PROTO, ICMPV6), (ICMPV6_TYPE, ADVERTISEMENT)],
    [(ND_TLL, ARG), (SOURCE, ARG)],
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
_OUT_TWICE = Body([output(ARG), output(ARG)])
_PUNT = Match(Table.PUNT, 100, (SOURCE, ARG))
_PUNTED = Body([to_controller(256)], meter=ARG)

_METER = Meter(PUNT_PACKETS_PER_SECOND, PUNT_PACKETS_PER_SECOND)


@dataclass(slots=True)
class _Identity:
    """One MAC with which a port sends, its service number, and the (address, length) that go with it."""

    mac: bytes
    source: bytes
    v4: dict[tuple[bytes, int], None]
    v6: dict[tuple[bytes, int], None]


def _identities(port: PortFacts) -> Iterable[_Identity]:
    """What a port may be; its own MAC first."""
    own = _Identity(
        port.mac,
        port.service.to_bytes(4, "big"),
        {(address, 32): None for address in port.v4},
        {(address, 128): None for address in port.v6},
    )
    found = {port.mac: own}
    for pair in port.pairs:
        who = found.setdefault(pair.mac, _Identity(pair.mac, pair.service.to_bytes(4, "big"), {}, {}))
        (who.v4 if len(pair.prefix) == 4 else who.v6)[pair.prefix, pair.length] = None
    if own.v6 or port.learned:
        own.v6[link_local(port.mac), 128] = None
    return found.values()


def compile_attachment(port: PortFacts, dpid: int) -> Entries:
    """Entries of a port on a switch where it is; none while its OpenFlow port number is not known.

    A port that moves may send from both its places, and gets everything at both, be they on one switch or on two.
    """
    numbers = [number for at, number in port.sites if at == dpid and number is not None]
    if not numbers:
        return Entries()
    ofports, network = [number.to_bytes(4, "big") for number in numbers], port.network.to_bytes(4, "big")
    flows: dict[FlowKey, FlowBody] = {}
    for who in _identities(port):
        for ofport in ofports:
            flows[_CLASSIFY(ofport, who.mac)] = _CLASSIFIED(network, who.source)
        flows[_DELIVER(bytes(3) + who.source[1:])] = _DELIVERED(who.mac, who.source)
        flows[_OUTPUT(who.source)] = (_OUT if len(ofports) == 1 else _OUT_TWICE)(*ofports)
        flows[_PUNT(who.source)] = _PUNTED(ofports[0])
        if who.v4 or port.learned:
            _permit_ipv4(flows, who)
        if who.v6:
            _permit_ipv6(flows, who)
        if port.asks:
            flows.update(learn.compile_asking(ofports[0], who.source))
    flows.update(announce.compile_announcements(port))
    if port.learned:
        flows.update(learn.compile_learned(ofports[0], port.service.to_bytes(4, "big")))
    return Entries(flows, {}, {numbers[0]: _METER})


def _permit_ipv4(flows: dict[FlowKey, FlowBody], who: _Identity) -> None:
    flows[_ARP_PROBE(who.mac, who.source)] = _TO_SERVICES
    for address, length in who.v4:
        arp, ip = _forms(_ARP_SOURCE, length, 4), _forms(_IPV4_SOURCE, length, 4)
        flows[arp(*_prefix(address, length), who.mac, who.source)] = _TO_SERVICES
        flows[ip(*_prefix(address, length), who.source)] = _TO_SERVICES
        if length == 32:
            flows[_OWN_ARP(address, who.source)] = _TO_L2


def _permit_ipv6(flows: dict[FlowKey, FlowBody], who: _Identity) -> None:
    none = bytes(6)
    flows[_UNSPECIFIED(bytes([SOLICITATION]), who.source)] = _TO_ND
    for kind in _MLD_REPORTS:
        flows[_UNSPECIFIED(bytes([kind]), who.source)] = _TO_SERVICES
    for mac in (who.mac, none):
        flows[_NS_SOURCE(mac, who.source)] = _TO_SERVICES
    for address, length in who.v6:
        prefix = _prefix(address, length)
        flows[_forms(_IPV6_SOURCE, length, 16)(*prefix, who.source)] = _TO_ND
        if length == 128:
            flows[_OWN_ND(address, who.source)] = _TO_L2
        for mac in (who.mac, none):
            flows[_forms(_NA_SOURCE, length, 16)(*prefix, mac, who.source)] = _TO_SERVICES


def _forms(shapes: Sequence[Match], length: int, size: int) -> Match:
    """Of the forms of a match the one for an address, a prefix, or any address."""
    return shapes[0] if length == size * 8 else shapes[1] if length else shapes[2]


def _prefix(address: bytes, length: int) -> tuple[bytes, ...]:
    """The values of these forms."""
    size = len(address)
    return (address,) if length == size * 8 else (address, mask(length, size)) if length else ()
