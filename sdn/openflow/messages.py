"""Messages from a switch, decoded. Every one has passed all length checks of ``decode``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hello:
    """version: highest of the peer; versions: all of the peer, if it sent a bitmap."""

    version: int
    versions: frozenset[int] | None


@dataclass(frozen=True, slots=True)
class Error:
    """The switch refused message ``xid``. code: of an experimenter error (type 0xffff) its ``exp_type``.

    data: beginning of the refused message, or text for OFPET_HELLO_FAILED.
    """

    xid: int
    type: int
    code: int
    data: bytes
    experimenter: int = 0


@dataclass(frozen=True, slots=True)
class EchoRequest:
    """To be answered with the same xid and payload."""

    xid: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class EchoReply:
    """Answer to an echo request of ours."""

    xid: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Features:
    """Who the switch is. auxiliary: 0 on a main connection."""

    xid: int
    dpid: int
    auxiliary: int
    tables: int


@dataclass(frozen=True, slots=True)
class PortDescription:
    """A port (section 7.2.1). name: printable ASCII; up: neither administratively down nor link down; speed: bits/s.

    live: OFPPS_LIVE, what fast-failover groups go by.
    """

    number: int
    name: str
    mac: bytes
    up: bool
    speed: int
    live: bool = True


@dataclass(frozen=True, slots=True)
class PortStatus:
    """A port was added, changed or removed; ``port`` is its state now, or the last one."""

    port: PortDescription
    removed: bool


@dataclass(frozen=True, slots=True)
class PacketReceived:
    """A packet-in. reason: 0 no match, 1 action; registers: number → value of reg0 to reg15 where not zero."""

    reason: int
    table: int
    cookie: int
    in_port: int
    registers: dict[int, int]
    data: bytes


@dataclass(frozen=True, slots=True)
class MultipartReply:
    """One piece of a reply; more: others of the same xid follow."""

    xid: int
    type: int
    more: bool
    body: bytes


@dataclass(frozen=True, slots=True)
class BarrierReply:
    """Everything before the barrier request of this xid was processed."""

    xid: int


@dataclass(frozen=True, slots=True)
class BundleReply:
    """Answer to a bundle control message. action: wire.BUNDLE_OPENED, BUNDLE_COMMITTED or BUNDLE_DISCARDED."""

    xid: int
    bundle: int
    action: int


@dataclass(frozen=True, slots=True)
class RoleReply:
    """Our role from now on, and the generation that the switch knows, wire.UNCLAIMED if none."""

    xid: int
    role: int
    generation: int


@dataclass(frozen=True, slots=True)
class Other:
    """A message of a type that is of no interest here."""

    xid: int
    type: int


Message = (
    Hello
    | Error
    | EchoRequest
    | EchoReply
    | Features
    | PortStatus
    | PacketReceived
    | MultipartReply
    | BarrierReply
    | BundleReply
    | RoleReply
    | Other
)
