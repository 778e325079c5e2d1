"""Signed LLDP probes (IEEE Std 802.1AB-2016, clauses 7.2, 8.5 and 8.6) as bytes.

::

    01:80:c2:00:00:0e | source MAC | 88cc
    Chassis ID (1), locally assigned (7): datapath id, 16 hexadecimal digits
    Port ID (2), interface name (5)
    Time To Live (3), seconds
    Organizationally Specific (127): identifier, subtype 1, nonce (16 bytes), tag (16 bytes)
    End (0)

The tag is HMAC-SHA256 over datapath id, interface, time to live and nonce, cut to 128 bits (RFC 2104, section 5). Only
exactly this form is accepted. The organizational identifier has the form of a Company ID and is not assigned to
anybody; the tag, not the identifier, tells our probes from others.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from hashlib import sha256

from sdn.model.ids import Dpid

DESTINATION = bytes.fromhex("0180c200000e")
ETHERTYPE = b"\x88\xcc"
NONCE_SIZE = 16
TAG_SIZE = 16
MAX_FRAME = 1518
MAX_INTERFACE = 64
"""Bytes of an interface name; OpenFlow 1.3 gives 15."""

_ORGANIZATION = bytes.fromhex("5a5d4e")
_SUBTYPE = 1
_CONTEXT = b"sdn lldp probe 1\x00"
_CHASSIS, _PORT, _TTL, _END, _SPECIFIC = 1, 2, 3, 0, 127
_LOCALLY_ASSIGNED = 7
_INTERFACE_NAME = 5
_NONCE_FROM_END = -2 - TAG_SIZE - NONCE_SIZE
_DPID = re.compile(rb"[0-9a-f]{16}")


class BadFrame(Exception):
    """The frame is not a probe of ours. foreign: it may be somebody else's LLDP, well formed or not."""

    def __init__(self, reason: str, *, foreign: bool = False) -> None:
        self.reason = reason
        self.foreign = foreign
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Probe:
    """What a probe says. interface: of the switch that sent it; ttl: seconds; nonce and tag: 16 bytes each."""

    dpid: Dpid
    interface: str
    ttl: int
    nonce: bytes
    tag: bytes


def build(key: bytes, dpid: Dpid, interface: str, source: bytes, nonce: bytes, ttl: int) -> bytes:
    """The frame of a probe. source: MAC of the sending port (6 bytes); nonce: 16 bytes; ttl: seconds, 1 to 65535.

    Raises ValueError for sizes out of form.
    """
    name = interface.encode()
    if len(source) != 6 or len(nonce) != NONCE_SIZE or not 1 <= len(name) <= MAX_INTERFACE or not 1 <= ttl <= 0xFFFF:
        raise ValueError("source, nonce, interface or ttl out of form")
    tag = _tag(key, dpid, name, ttl, nonce)
    return b"".join(
        (
            DESTINATION,
            source,
            ETHERTYPE,
            _tlv(_CHASSIS, bytes((_LOCALLY_ASSIGNED,)) + b"%016x" % dpid),
            _tlv(_PORT, bytes((_INTERFACE_NAME,)) + name),
            _tlv(_TTL, ttl.to_bytes(2, "big")),
            _tlv(_SPECIFIC, _ORGANIZATION + bytes((_SUBTYPE,)) + nonce + tag),
            _tlv(_END, b""),
        )
    )


def parse(frame: bytes) -> Probe:
    """The probe in a frame; raises BadFrame and nothing else. The tag is not checked here: see ``verify``."""
    if len(frame) > MAX_FRAME:
        raise BadFrame(f"{len(frame)} bytes, more than an Ethernet frame", foreign=True)
    if frame[:6] != DESTINATION or frame[12:14] != ETHERTYPE:
        raise BadFrame("not LLDP", foreign=True)
    values = _values(frame)
    if [kind for kind, _ in values] != [_CHASSIS, _PORT, _TTL, _SPECIFIC, _END]:
        raise BadFrame("other TLVs than those of a probe", foreign=True)
    chassis, port, ttl, specific, _ = (value for _, value in values)
    if specific[:4] != _ORGANIZATION + bytes((_SUBTYPE,)):
        raise BadFrame("another organization's TLV", foreign=True)
    if len(specific) != 4 + NONCE_SIZE + TAG_SIZE or len(ttl) != 2:
        raise BadFrame("a TLV has the wrong length")
    if chassis[:1] != bytes((_LOCALLY_ASSIGNED,)) or not _DPID.fullmatch(chassis[1:]):
        raise BadFrame("the chassis is not a datapath id")
    if port[:1] != bytes((_INTERFACE_NAME,)) or not 2 <= len(port) <= 1 + MAX_INTERFACE:
        raise BadFrame("the port is not an interface name")
    try:
        interface = port[1:].decode()
    except UnicodeDecodeError:
        raise BadFrame("the interface name is not UTF-8") from None
    nonce = specific[4 : 4 + NONCE_SIZE]
    dpid = Dpid(int(chassis[1:], 16))
    return Probe(dpid, interface, int.from_bytes(ttl, "big"), nonce, specific[4 + NONCE_SIZE :])


def number_of(frame: bytes) -> int:
    """The first half of the nonce of a probe as it left ``build``: unpadded, and not checked."""
    return int.from_bytes(nonce_of(frame)[:8], "big")


def nonce_of(frame: bytes) -> bytes:
    """The nonce of a probe as it left ``build``."""
    return frame[_NONCE_FROM_END : _NONCE_FROM_END + NONCE_SIZE]


def verify(key: bytes, probe: Probe) -> bool:
    """Whether the tag was made with this key; takes the same time for any wrong tag."""
    expected = _tag(key, probe.dpid, probe.interface.encode(), probe.ttl, probe.nonce)
    return hmac.compare_digest(expected, probe.tag)


def _tlv(kind: int, value: bytes) -> bytes:
    return (kind << 9 | len(value)).to_bytes(2, "big") + value


def _values(frame: bytes) -> list[tuple[int, bytes]]:
    """(type, value) of each TLV up to End, behind which only zero padding may come."""
    found: list[tuple[int, bytes]] = []
    at = 14
    while at + 2 <= len(frame):
        header = int.from_bytes(frame[at : at + 2], "big")
        kind, length = header >> 9, header & 0x1FF
        value = frame[at + 2 : at + 2 + length]
        if len(value) < length:
            raise BadFrame("a TLV is cut off", foreign=True)
        found.append((kind, value))
        at += 2 + length
        if kind == _END:
            if length or any(frame[at:]):
                raise BadFrame("data behind the end", foreign=True)
            return found
    raise BadFrame("no end TLV", foreign=True)


def _tag(key: bytes, dpid: int, name: bytes, ttl: int, nonce: bytes) -> bytes:
    # The only part of variable length comes last, so no two probes are signed over the same bytes.
    signed = _CONTEXT + dpid.to_bytes(8, "big") + ttl.to_bytes(2, "big") + nonce + name
    return hmac.digest(key, signed, sha256)[:TAG_SIZE]
