"""OXM: the type-length-value notation of match fields (OpenFlow 1.3.5, section 7.2.3; nicira-ext of the OVS manual).

Only the fields this controller matches or sets are listed. ``FIELDS`` is in the order in which Open vSwitch writes a
match back (observed on OVS 3.1, ``docs/ovs-readback.md``), which is the order every match of ours must have.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sdn.model.errors import InvalidInput

BASIC = 0x8000
NXM_1 = 0x0001
ERICSSON = 0x1000


@dataclass(frozen=True, slots=True)
class Field:
    """A match field. name: as ovs-fields(7) writes it; size: bytes of a value; style: how values are shown.

    nxm: class and field number in the older NXM notation, shifted so that only the length is missing; 0 if unused.
    """

    name: str
    oxm_class: int
    number: int
    size: int
    style: str = "hex"
    nxm: int = 0

    @property
    def nxm_header(self) -> bytes:
        """NXM header, the form in which OVS writes fields inside load and move actions back."""
        return (self.nxm << 8 | self.size).to_bytes(4, "big")

    @property
    def header(self) -> bytes:
        """OXM header of an unmasked value."""
        return (self.oxm_class << 16 | self.number << 9 | self.size).to_bytes(4, "big")

    @property
    def masked_header(self) -> bytes:
        """OXM header of a value followed by a mask."""
        return (self.oxm_class << 16 | self.number << 9 | 0x100 | self.size * 2).to_bytes(4, "big")


IN_PORT = Field("in_port", BASIC, 0, 4, "dec")
ETH_SRC = Field("dl_src", BASIC, 4, 6, "mac", nxm=0x4)
ETH_DST = Field("dl_dst", BASIC, 3, 6, "mac", nxm=0x2)
ETH_TYPE = Field("dl_type", BASIC, 5, 2)
VLAN_VID = Field("vlan_tci", BASIC, 6, 2)
IPV4_SRC = Field("nw_src", BASIC, 11, 4, "ip", nxm=0xE)
IPV4_DST = Field("nw_dst", BASIC, 12, 4, "ip", nxm=0x10)
IPV6_SRC = Field("ipv6_src", BASIC, 26, 16, "ip", nxm=0x126)
IPV6_DST = Field("ipv6_dst", BASIC, 27, 16, "ip", nxm=0x128)
IP_FRAG = Field("nw_frag", NXM_1, 26, 1, "dec")
IP_DSCP = Field("ip_dscp", BASIC, 8, 1, "dec")
IP_TTL = Field("nw_ttl", NXM_1, 29, 1, "dec")
IP_PROTO = Field("nw_proto", BASIC, 10, 1, "dec")
TCP_SRC = Field("tcp_src", BASIC, 13, 2, "dec")
TCP_DST = Field("tcp_dst", BASIC, 14, 2, "dec")
UDP_SRC = Field("udp_src", BASIC, 15, 2, "dec")
UDP_DST = Field("udp_dst", BASIC, 16, 2, "dec")
ICMPV4_TYPE = Field("icmp_type", BASIC, 19, 1, "dec")
ICMPV6_TYPE = Field("icmpv6_type", BASIC, 29, 1, "dec")
ND_TARGET = Field("nd_target", BASIC, 31, 16, "ip")
ND_SLL = Field("nd_sll", BASIC, 32, 6, "mac")
ND_TLL = Field("nd_tll", BASIC, 33, 6, "mac", nxm=0x132)
ARP_OP = Field("arp_op", BASIC, 21, 2, "dec")
ARP_SPA = Field("arp_spa", BASIC, 22, 4, "ip", nxm=0x20)
ARP_TPA = Field("arp_tpa", BASIC, 23, 4, "ip", nxm=0x22)
ARP_SHA = Field("arp_sha", BASIC, 24, 6, "mac", nxm=0x122)
ARP_THA = Field("arp_tha", BASIC, 25, 6, "mac", nxm=0x124)
ND_RESERVED = Field("nd_reserved", ERICSSON, 1, 4, "dec")
ND_OPTIONS_TYPE = Field("nd_options_type", ERICSSON, 2, 1, "dec")
REG = tuple(Field(f"reg{n}", NXM_1, n, 4, nxm=0x100 | n << 1) for n in range(8))

FIELDS = (
    IN_PORT,
    ETH_SRC,
    ETH_DST,
    ETH_TYPE,
    VLAN_VID,
    IPV4_SRC,
    IPV4_DST,
    IPV6_SRC,
    IPV6_DST,
    IP_FRAG,
    IP_DSCP,
    IP_TTL,
    IP_PROTO,
    TCP_SRC,
    TCP_DST,
    UDP_SRC,
    UDP_DST,
    ICMPV4_TYPE,
    ICMPV6_TYPE,
    ND_RESERVED,
    ND_TARGET,
    ND_OPTIONS_TYPE,
    ND_SLL,
    ND_TLL,
    ARP_OP,
    ARP_SPA,
    ARP_TPA,
    ARP_SHA,
    ARP_THA,
    *REG,
)
ORDER = {field: index for index, field in enumerate(FIELDS)}
BY_HEADER = {(field.oxm_class, field.number): field for field in FIELDS}


def split(data: bytes) -> Iterator[tuple[int, int, bytes, bytes | None]]:
    """The (class, field number, value, mask) of each OXM of a match without padding.

    Raises InvalidInput when a length does not fit.
    """
    at = 0
    while at < len(data):
        header = int.from_bytes(data[at : at + 4], "big")
        length = header & 0xFF
        payload = data[at + 4 : at + 4 + length]
        masked = bool(header & 0x100)
        if at + 4 > len(data) or len(payload) < length or (masked and length % 2):
            raise InvalidInput.of("match", f"cut off at byte {at}", "Give whole OXM fields.")
        half = length // 2
        number = header >> 9 & 0x7F
        yield header >> 16, number, payload[:half] if masked else payload, payload[half:] if masked else None
        at += 4 + length
