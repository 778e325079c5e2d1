"""What a switch must hold, in packed form: the bytes in which Open vSwitch reads flows back are the identity of a flow.

A *flow key* is ``table (1 byte) | priority (2 bytes, big endian) | OXM fields of the match`` without padding; a *flow
body* is the OpenFlow 1.3 instructions as they go on the wire (OpenFlow 1.3.5, section 7.2). So comparing what a switch
holds with what it should hold is comparing byte strings, and encoding a FLOW_MOD is joining them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

COOKIE_MARK = 0x5D4E
"""Upper 16 bits of the cookie of every flow of ours."""
LAYOUT_VERSION = 1
"""Changes whenever tables, registers or labels change meaning; bits 40 to 47 of the cookie."""
COOKIE_BASE = COOKIE_MARK << 48 | LAYOUT_VERSION << 40
GRACE = 1.0
"""Seconds between the confirmation that something is not used any more, and the end of what it may do.

A barrier covers the tables of a switch, not the cache of its datapath (packets of the old version were seen up to 28 ms
behind the answer, with 8,000 cached flows), nor the packets on their way.
"""
OUR_GROUPS_FROM = 1 << 29
"""Groups with this id or a higher one are ours; lower ids are left to other programs."""

FlowKey = bytes
FlowBody = bytes


def cookie_of(body: FlowBody) -> int:
    """The cookie of a flow: controller mark, layout version and 40 bits of BLAKE2b over its instructions.

    All our flows carry the same flags and no time-outs, so these are not hashed. Never all ones: the mark is not.
    """
    return COOKIE_BASE | int.from_bytes(blake2b(body, digest_size=5).digest(), "big")


def is_ours(cookie: int) -> bool:
    """Whether a flow with this cookie was written by this controller (any layout version)."""
    return cookie >> 48 == COOKIE_MARK


def is_older(cookie: int) -> bool:
    """Whether a flow with this cookie was written by this controller with another layout version than the present."""
    return is_ours(cookie) and cookie >> 40 != COOKIE_BASE >> 40


@dataclass(frozen=True, slots=True)
class Group:
    """A group. type: OFPGT_ALL 0, SELECT 1, INDIRECT 2, FF 3; buckets: wire bytes as OVS reads them back."""

    type: int
    buckets: bytes


@dataclass(frozen=True, slots=True)
class Meter:
    """A limiter with one drop band. rate: packets/s; burst: packets; 0 is turned into the rate by OVS.

    bits: both count bits instead: rate in kbit/s, burst in kbit.
    """

    rate: int
    burst: int
    bits: bool = False


class Unit(NamedTuple):
    """The grain of compiling: what one feature makes for one object on one switch, and the owner of those entries.

    feature: file of the pipeline; object: resource name, or ``switches/DPID``; dpid: the switch.
    """

    feature: str
    object: str
    dpid: int


@dataclass(slots=True)
class Entries:
    """What one unit contributes to its switch. Units may share a group of equal id and content.

    shared: other units that say so too may have the same flows with the same instructions; nothing else is shared.
    """

    flows: dict[FlowKey, FlowBody] = field(default_factory=dict)
    groups: dict[int, Group] = field(default_factory=dict)
    meters: dict[int, Meter] = field(default_factory=dict)
    shared: bool = False


class Entry(NamedTuple):
    """Name of an entry within a switch. kind: 'flow', 'group' or 'meter'; key: flow key, or id."""

    kind: str
    key: FlowKey | int


@dataclass(frozen=True, slots=True)
class Batch:
    """Writes for one switch, carried out in this order with a barrier behind; flows and groups in one bundle.

    meters: (id, meter, exists) sent before the bundle; groups: add or replace; flows: (key, body), ADD with its
    content cookie; deletes: strict; group_deletes in the bundle behind everything; meter_deletes after the bundle.
    """

    meters: tuple[tuple[int, Meter, bool], ...] = ()
    groups: tuple[tuple[int, Group], ...] = ()
    flows: tuple[tuple[FlowKey, FlowBody], ...] = ()
    deletes: tuple[FlowKey, ...] = ()
    group_deletes: tuple[int, ...] = ()
    meter_deletes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class WriteFailure:
    """An entry that the switch refused. kind: 'flow', 'group' or 'meter'; key: flow key or id.

    type and code: of the OpenFlow error (OpenFlow 1.3.5, section 7.4.4); text: readable.
    """

    kind: str
    key: FlowKey | int
    type: int
    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Installed:
    """What a switch holds, as read back at connect.

    flows: key → cookie; groups: id → group; meters: id → meter (None if it has another form than ours).
    bodies: key → instructions, only in a full audit.
    """

    flows: dict[FlowKey, int]
    groups: dict[int, Group]
    meters: dict[int, Meter | None]
    bodies: dict[FlowKey, FlowBody] | None = None
