"""Tables, registers, labels and number ranges of the pipeline: the one place where they are decided.

To add a table: give it a number in a gap, a name and a line here, a feature file that fills it, and a section in
docs/pipeline.md. To change what an existing table, register or label means: raise program.LAYOUT_VERSION.
"""

from __future__ import annotations

from enum import IntEnum

from sdn.model.oxm import REG


class Table(IntEnum):
    """OpenFlow tables in the order in which packets visit them; a miss drops everywhere but where noted."""

    CLASSIFY = 0
    """By ingress port: tenant frames get network and source, fabric frames go on by label, probes to the controller."""
    SOURCE = 4
    """Port security: ARP and IP source addresses."""
    SOURCE_ND = 5
    """Port security inside neighbour discovery."""
    SERVICES = 10
    """ARP and neighbour solicitations are answered."""
    ND_REPLY = 11
    """Second half of a neighbour advertisement."""
    L2 = 20
    """Destination MAC within the network."""
    L3 = 24
    """Longest prefix within the router."""
    SIZE = 25
    """Packets too large for the network behind the router."""
    NEIGHBOR = 26
    """Address within the network behind the router."""
    STEER = 30
    """Connections: what they send is counted and metered; a miss goes on to STAMP."""
    PATH = 32
    """The path that a connection takes, with the same matches as STEER."""
    STAMP = 34
    """Octet 0 of the label by egress switch."""
    FABRIC = 36
    """Label to next hop, or own."""
    DELIVER = 40
    """Service label to real MAC."""
    RESTORE = 41
    """MAC of broadcast and multicast."""
    FLOOD = 42
    """Local members of a network."""
    OUTPUT = 48
    """Out of the port of the destination."""
    PUNT = 60
    """To the controller, metered per port."""


TABLE_NAMES = {int(table): table.name.lower() for table in Table}

NETWORK, SOURCE, ROUTER, REASON, DESTINATION, SIZED = REG[:6]
"""reg0: network number; reg1: service number of the sender; reg2: router number; reg3: why punted; reg4: service; reg5:
for SIZE."""

WANTED = REG[6]
"""reg6: of a probe for a leg of a circuit of many ends: the service number of the leaf whose copy goes on."""
PROBE = REG[7]
"""reg7: 0 but for probes of the data plane (docs/probes.md)."""
PROBE_MARK, PROBE_SEEN = 1 << 31, 1 << 30
"""In PROBE: never to a host, but to the controller; told of by this switch. Below them: what DELIVER keeps of the
label (its first three octets), and where a probe enters, the last octet of its MAC."""
PROBE_FREE = 1 << 29
"""In PROBE of one that enters before STEER: it is neither counted nor held to a ceiling."""
PROBE_QUIET, PROBE_HOPS = 1, 2
"""That octet: the probe is told of where it arrives, or by every switch that it passes."""
PROBE_MAC_PREFIX = b"\x06\x00\x01\x00\x00"
"""First octets of the source MAC of probes between switches; ports may not use what begins with three of them."""
PROBE_METER = 0xFF01
"""Above all numbers of OpenFlow ports (OFPP_MAX is 0xff00), which other meters have."""
STRAY_METER = 0xFF02
"""Of probes from ports that are not listened to."""

PUNT_TTL, PUNT_SIZE = 1, 2
"""REASON of a packet whose TTL expires at a router, and of one that is too large for the network where it goes."""
TOO_LARGE, LABELLED, COPY = 1, 2, 4
"""Bits of SIZED: the packet is too large; it has its label; it is the copy for the second place of a port."""

PUNT_LEARN, PUNT_UNKNOWN = 2, 3
"""REASON of a packet from an unknown MAC or address, and of one to an unknown MAC, in the network that learns."""
PUNT_ANNOUNCED = 4
"""REASON of the copy of an announcement of an address that its sender may use by a pair."""

KIND_NODE, KIND_PATH, KIND_TREE = 1, 2, 3
"""What ``transport`` means: the egress switch, an engineered path, a multicast tree."""
PRIMARY, RED, BLUE = 0, 1, 2
"""Colors of repair."""

FLOOD_BIT = 1 << 23
"""Set in the service of a flood set; the other bits are the network's number."""

GROUP_ROUTE = 2 << 30
"""Groups that spread over next hops, and that choose between them and repair; low bits: a hash of the content."""
GROUP_PATH = 3 << 30
"""Groups of engineered paths; low bits: a hash of the content."""
GROUP_FLOOD = 1 << 30
"""All switches of a network; low bits: network number."""
GROUP_LOCAL = 1 << 29
"""Ports of a network on this switch; low bits: network number."""
GROUP_NEAR, GROUP_FAR = GROUP_LOCAL | 1 << 28, GROUP_LOCAL | 3 << 27
"""Copies of what comes in at the root of a circuit, to its own switch and to others; low bits: service number there."""
GROUP_ALIVE = GROUP_LOCAL
"""Always alive and never used itself: what the last bucket of a fast-failover group watches. There is no network 0."""

ROUTER_MAC_PREFIX = b"\x06\x00\x00"
"""A router's MAC is this and its number; ports may not use it."""

PREFIX_PRIORITY = 100
"""Of a route in L3: this and the length of its prefix, 228 at most."""

CEILING_BURST = (200, 400)
"""Of the meter of a ceiling: so many milliseconds of its rate, but never less than so many kbit (33 large frames)."""

PROBE_PACKETS_PER_SECOND = 50
PUNT_PACKETS_PER_SECOND = 50
STRAY_PROBES_PER_SECOND = 10
"""Of a switch."""
PATH_PROBES_PER_SECOND = 200
"""Of a switch; what the controller sends stays far below (sdn/controller/probes/verification.py)."""


def octet0(kind: int, color: int = PRIMARY, epoch: int = 0) -> int:
    """First octet of a label: ``kind|color|epoch|10``, a locally administered unicast address."""
    return kind << 6 | color << 4 | epoch << 2 | 0b10


ANY_WAY = bytes([0xFF & ~octet0(0, 3, 3) | 0b10])
"""Mask of octet 0 that leaves color and epoch out."""


def node_label(transport: int, color: int = PRIMARY, epoch: int = 0) -> bytes:
    """First three octets of the label of an egress switch."""
    return bytes([octet0(KIND_NODE, color, epoch)]) + transport.to_bytes(2, "big")


def path_label(transport: int) -> bytes:
    """First three octets of the label of an engineered path."""
    return bytes([octet0(KIND_PATH)]) + transport.to_bytes(2, "big")


def router_mac(number: int) -> bytes:
    """MAC of a router by its number."""
    return ROUTER_MAC_PREFIX + number.to_bytes(3, "big")


def link_local(mac: bytes) -> bytes:
    """The IPv6 link-local address made from a MAC (RFC 4291, appendix A)."""
    return b"\xfe\x80" + bytes(6) + bytes([mac[0] ^ 2]) + mac[1:3] + b"\xff\xfe" + mac[3:]
