"""Why a packet ends in a table, in words: what it means there that nothing matches, or that a flow drops.

One line for each table; a table that is missing here gets a general one. Names of tenants, ports and networks are put
in by who knows them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from sdn.pipeline.base import ARP, IPV4, IPV6
from sdn.pipeline.layout import PREFIX_PRIORITY, TABLE_NAMES, Table

Values = Mapping[str, int]
"""Fields of the packet by the names of sdn.model.oxm."""
_GROUP_BIT = 1 << 40


@dataclass(frozen=True, slots=True)
class Names:
    """What is known of the packet by name; '' for what is not. sender and network may be of another switch."""

    sender: str = ""
    allowed: str = ""
    network: str = ""
    router: str = ""
    switch: str = ""
    interface: str = ""


def why_missed(table: int, values: Values, names: Names) -> str:
    """What it means that no flow of a table matches."""
    explain = _MISSED.get(table)
    return explain(values, names) if explain else f"no entry of {TABLE_NAMES.get(table, table)} matches"


def why_dropped(table: int, priority: int, values: Values, names: Names) -> str:
    """What it means that a flow of a table, of this priority, has no instructions."""
    explain = _DROPPED.get(table)
    if table == Table.L3 and priority <= PREFIX_PRIORITY + 128:
        explain = _route
    return explain(values, names) if explain else f"an entry of {TABLE_NAMES.get(table, table)} drops it"


def _mac(number: int) -> str:
    return number.to_bytes(6, "big").hex(":")


def _address(values: Values, end: str) -> str:
    """Source (``src``) or destination (``dst``) address of the packet."""
    if values.get("dl_type") == IPV6:
        return str(IPv6Address(values.get(f"ipv6_{end}", 0)))
    return str(IPv4Address(values.get(f"nw_{end}", 0)))


def _in(network: str) -> str:
    return f"in {network}" if network else "in the network"


def _classify(values: Values, names: Names) -> str:
    place = f"{names.switch}:{names.interface}"
    if not names.sender:
        return f"no port is attached at {place}"
    if values.get("vlan_tci"):
        return f"the frame is tagged with VLAN {values['vlan_tci'] & 0xFFF}, and {names.sender} sends untagged ones"
    return f"source MAC {_mac(values.get('dl_src', 0))} is not that of {names.sender}"


def _source(values: Values, names: Names) -> str:
    sender, kind = names.sender or "the sender", values.get("dl_type")
    allowed = f" (allowed: {names.allowed or 'none'})"
    if kind in (IPV4, IPV6):
        return f"source address {_address(values, 'src')} is not allowed at {sender}{allowed}"
    if kind == ARP:
        said = f"{IPv4Address(values.get('arp_spa', 0))} at {_mac(values.get('arp_sha', 0))}"
        return f"ARP that says {said} is not allowed at {sender}{allowed}"
    return f"EtherType {kind:#06x} is not taken from hosts"


def _source_nd(values: Values, names: Names) -> str:
    kind, sender = values.get("icmpv6_type", 0), names.sender or "the sender"
    if not values.get("nw_proto"):
        return f"extension headers in a packet of {sender} are cut off"
    if values.get("nw_frag"):
        return f"{sender} sends ICMPv6 with the hop limit 255 in fragments, which may hide neighbour discovery"
    if kind in (133, 134, 137):
        what = {133: "solicitations", 134: "advertisements", 137: "redirects"}[kind]
        return f"router {what} are not taken from hosts"
    said = values.get("nd_sll" if kind == 135 else "nd_tll", 0)
    target = IPv6Address(values.get("nd_target", 0))
    if kind == 135 and not values.get("nd_target"):
        return f"a solicitation of {sender} is malformed"
    what = "a solicitation" if kind == 135 else f"an advertisement of {target}"
    return f"{what} from {_mac(said)} is not allowed at {sender} (allowed: {names.allowed})"


def _l2(values: Values, names: Names) -> str:
    target = values.get("dl_dst", 0)
    if target & _GROUP_BIT:
        return f"multicast to {_mac(target)} that is not IP is not forwarded"
    return f"nobody {_in(names.network)} has the MAC {_mac(target)}"


def _l3_dropped(values: Values, names: Names) -> str:
    target = _address(values, "dst")
    address = IPv6Address(target) if ":" in target else IPv4Address(target)
    if address.is_multicast or address.is_link_local:
        return f"{target} is link-local or multicast, which is not routed"
    if values.get("nw_ttl", 1) == 0:
        return "the TTL is zero"
    return f"the gateway {target} answers echo requests and takes nothing else"


def _route(values: Values, names: Names) -> str:
    router, target = names.router or "the router", _address(values, "dst")
    return f"a static route of {router} for {target} leads nowhere: it is a blackhole, or nobody has its next hop"


def _services(values: Values, names: Names) -> str:
    return f"nobody {_in(names.network)} has {IPv4Address(values.get('arp_tpa', 0))}, so ARP is not answered"


_MISSED: dict[int, Callable[[Values, Names], str]] = {
    Table.CLASSIFY: _classify,
    Table.L2: _l2,
    Table.L3: lambda values, names: f"{names.router or 'the router'} has no route to {_address(values, 'dst')}",
    Table.NEIGHBOR: lambda values, names: f"nobody {_in(names.network)} has {_address(values, 'dst')}",
    Table.STAMP: lambda values, names: f"{names.switch} knows no way to the receiver's switch",
    Table.FABRIC: lambda values, names: f"{names.switch} knows no way for the label {_mac(values.get('dl_dst', 0))}",
    Table.DELIVER: lambda values, names: f"{names.switch} has no receiver {values.get('dl_dst', 0) & 0xFFFFFF:#x}",
    Table.FLOOD: lambda values, names: f"nobody {_in(names.network)} is on {names.switch}",
    Table.OUTPUT: lambda values, names: f"the receiver is not on {names.switch}",
}
_DROPPED: dict[int, Callable[[Values, Names], str]] = {
    Table.SOURCE: _source,
    Table.SOURCE_ND: _source_nd,
    Table.SERVICES: _services,
    Table.L3: _l3_dropped,
}
