"""Questions of what would become of a packet, and answers for people and programs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sdn.model.intent import Address


class Protocol(StrEnum):
    """What the packet is: a TCP SYN, a UDP datagram, an echo request, or the question for a MAC (ARP or ND)."""

    ICMP = "ICMP"
    TCP = "TCP"
    UDP = "UDP"
    ARP = "ARP"


class Verdict(StrEnum):
    """What becomes of the packet.

    DELIVERED: it reaches its destination whatever switches choose. PERHAPS: it does on some of several equal ways.
    NOT_DELIVERED: on none. UNSURE: something was met that the interpreter does not know, or the trace is too long.
    """

    DELIVERED = "DELIVERED"
    PERHAPS = "PERHAPS"
    NOT_DELIVERED = "NOT_DELIVERED"
    UNSURE = "UNSURE"


@dataclass(frozen=True, slots=True)
class TraceQuestion:
    """A packet of a port. source: full name of an attached port.

    destination: a full name of a port, an address, or a MAC of 6 bytes. frame: the whole frame, instead of what
    follows and of the destination. port: of TCP or UDP. version: 4, 6, or 0 for whichever both ends have. from_mac and
    from_address: another sender than the port's, to see whether that is refused. size: bytes of the IP packet, 0 for
    the smallest. ttl: time to live or hop limit.
    """

    source: str
    destination: str | Address | bytes = ""
    frame: bytes = b""
    protocol: Protocol = Protocol.ICMP
    port: int = 0
    version: int = 0
    from_mac: bytes = b""
    from_address: Address | None = None
    size: int = 0
    ttl: int = 64


@dataclass(frozen=True, slots=True)
class TraceChange:
    """A field that a step changed, with its values as people read them."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One step; number: from 1, within its part. next: numbers of the steps that follow, of a ``choice`` one happens.

    doing: arrive, table, group, bucket or output. switch: name; away: whether it is not connected, so that it holds
    what it held. interface, port: where a frame comes in or goes out, and the tenant's port there. table, priority,
    match, actions, owner, feature, state: of the flow or group, as FlowView has them. share: buckets that are alike,
    of so many. changes: what the step changed. end: why nothing follows, a word in CamelCase, with ``reason`` in full.
    """

    number: int
    doing: str
    switch: str
    away: bool = False
    interface: str = ""
    port: str = ""
    table: str = ""
    priority: int = 0
    match: str = ""
    actions: str = ""
    owner: str = ""
    feature: str = ""
    state: str = ""
    choice: bool = False
    share: tuple[int, int] = (1, 1)
    changes: tuple[TraceChange, ...] = ()
    end: str = ""
    reason: str = ""
    frame: bytes = b""
    next: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class TraceDelivery:
    """A frame that reaches a host. port: the tenant's, '' if none is there. always: on every way."""

    switch: str
    interface: str
    port: str
    always: bool
    frame: bytes


@dataclass(frozen=True, slots=True)
class TracePart:
    """One packet and its way. title: what it is."""

    title: str
    frame: bytes
    steps: tuple[TraceStep, ...]
    deliveries: tuple[TraceDelivery, ...]


class LiveVerdict(StrEnum):
    """What became of a probe, against what the programs say.

    ARRIVED: it came where they lead. ENDED: it did not come, and by them it must not, or need not. LOST: it must have
    come. DETOURED: it was seen where they do not lead. NOT_SENT: it could not be sent. UNSURE: programs changed while
    it was on its way, or what they do is not known.
    """

    ARRIVED = "ARRIVED"
    ENDED = "ENDED"
    LOST = "LOST"
    DETOURED = "DETOURED"
    NOT_SENT = "NOT_SENT"
    UNSURE = "UNSURE"


class Fault(StrEnum):
    """Where a probe was lost: in a switch, on a link; UNKNOWN: somewhere from the last switch that saw it on."""

    SWITCH = "SWITCH"
    LINK = "LINK"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class LiveHop:
    """Where a probe was. event: sent, passed, arrived, or returned (a router gave it up).

    interface: by which it came in, '' where it was sent and where it arrived; port: for whom it arrived, full name.
    after: estimated microseconds since it was sent, and by how much that may be wrong, None if not known.
    expected: whether the programs lead it here.
    """

    switch: str
    event: str
    interface: str = ""
    port: str = ""
    after: tuple[int, int] | None = None
    expected: bool = True


@dataclass(frozen=True, slots=True)
class LiveLoss:
    """Where a probe was lost. after: the last switch that saw it, '' if none did; before: the first that should have.

    before: '' if it should have ended in ``after``, or if several may be next. after_interface, before_interface: ends
    of the link between them. fault: what is to blame, and switch: which one, of Fault.SWITCH. steps: numbers of the
    computed steps, of the last part, that should have happened there.
    """

    after: str
    before: str
    after_interface: str
    before_interface: str
    fault: Fault
    switch: str
    steps: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LiveTrace:
    """What became of a probe. hops: in the order of the way, as far as that is known. loss: of one that is LOST."""

    verdict: LiveVerdict
    reason: str
    hops: tuple[LiveHop, ...] = ()
    loss: LiveLoss | None = None


@dataclass(frozen=True, slots=True)
class TraceView:
    """The answer. parts: the question for the next hop's MAC, if one is needed, and the packet, if it can be sent.

    live: what became of a probe, where one was asked for.
    """

    verdict: Verdict
    reason: str
    parts: tuple[TracePart, ...]
    live: LiveTrace | None = None
