"""Everything that can happen to the controller. Adapters make these; the controller alone consumes them."""

from __future__ import annotations

from dataclasses import dataclass

from sdn.controller.errands import Errand
from sdn.model.command import Transaction
from sdn.model.ids import Dpid
from sdn.model.maintenance import Target
from sdn.model.plugs import Bridge
from sdn.model.program import Installed, WriteFailure
from sdn.model.topology import SwitchPort

Session = int
"""Number of one OpenFlow connection, never reused while the process lives."""


@dataclass(frozen=True, slots=True)
class SwitchUp:
    """A switch finished its handshake and was read back. peer: address for people."""

    session: Session
    dpid: Dpid
    peer: str
    ports: tuple[SwitchPort, ...]
    installed: Installed
    description: str = ""


@dataclass(frozen=True, slots=True)
class SwitchDown:
    """The session ended; it delivers nothing more."""

    session: Session
    dpid: Dpid
    reason: str


@dataclass(frozen=True, slots=True)
class SessionRefused:
    """Somebody wanted to be a switch and may not. dpid: that it claimed, 0 if it came to none; peer: its address.

    database: it wanted to tell of bridges as the database of a switch.
    """

    dpid: Dpid
    peer: str
    reason: str
    database: bool = False


@dataclass(frozen=True, slots=True)
class PortChanged:
    """A port was added, changed (``port`` says how it is now) or removed (``removed``)."""

    session: Session
    dpid: Dpid
    port: SwitchPort
    removed: bool = False


@dataclass(frozen=True, slots=True)
class PacketIn:
    """A frame punted to the controller. registers: of those OVS reported, number → value; data: the frame.

    at: when it came, in monotonic seconds, 0 if that is not known.
    """

    session: Session
    dpid: Dpid
    in_port: int
    table: int
    cookie: int
    registers: dict[int, int]
    data: bytes
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class PacketsSent:
    """effects.SendPacket with these tokens have left, and an echo request that went with them was answered.

    at: when they left, in monotonic seconds; round_trip: seconds from then to the answer.
    """

    session: Session
    dpid: Dpid
    tokens: tuple[int, ...]
    at: float
    round_trip: float


@dataclass(frozen=True, slots=True)
class BatchDone:
    """The barrier behind a batch was answered.

    failures: empty when all was written. Otherwise what is not named here may have taken effect or not: write it again.
    """

    session: Session
    dpid: Dpid
    batch_id: int
    failures: tuple[WriteFailure, ...]


@dataclass(frozen=True, slots=True)
class ReadBack:
    """Answer to effects.RequestReadBack, with bodies."""

    session: Session
    dpid: Dpid
    installed: Installed


@dataclass(frozen=True, slots=True)
class Request:
    """A write from the northbound. token: repeated in effects.Reply; principal: who asks."""

    token: int
    transaction: Transaction
    principal: str = ""


@dataclass(frozen=True, slots=True)
class Audit:
    """Somebody wants a switch (name or datapath id) to be audited. token: repeated in effects.Audited."""

    token: int
    switch: str


@dataclass(frozen=True, slots=True)
class Maintain:
    """An operator says something about a link or switch. token: repeated in effects.Maintained; None: as before.

    cost: of a link, 0 for that which it has by itself. oversubscription: of a link, 0 for that of all.
    """

    token: int
    target: Target
    drained: bool | None = None
    cost: int | None = None
    oversubscription: float | None = None


@dataclass(frozen=True, slots=True)
class Forget:
    """An operator says that a switch (name or datapath id) is gone for good. token: repeated in effects.Forgotten."""

    token: int
    switch: str


@dataclass(frozen=True, slots=True)
class Fly:
    """Somebody wants to know the way of a probe. token: repeated in effects.Flown; ends: copies that are to arrive.

    caller: who asks, of whom there are only so many in a second; None: it belongs to an answer that was begun.
    """

    token: int
    errand: Errand
    ends: int = 1
    caller: str | None = ""


@dataclass(frozen=True, slots=True)
class BridgesSeen:
    """A switch's database tells of its bridges. manager: number of the connection, never reused; peer: for people.

    bridges: those that are new or not as they were told before; gone: those that are no more.
    """

    manager: int
    peer: str
    bridges: tuple[Bridge, ...]
    gone: tuple[Dpid, ...] = ()


@dataclass(frozen=True, slots=True)
class ManagerDown:
    """The connection of a switch's database ended; it tells nothing more."""

    manager: int
    peer: str
    reason: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed; sent about ten times a second."""


ManagerEvent = BridgesSeen | ManagerDown
SwitchEvent = SwitchUp | SwitchDown | SessionRefused | PortChanged | PacketIn | PacketsSent | BatchDone | ReadBack
Event = SwitchEvent | ManagerEvent | Request | Audit | Maintain | Forget | Fly | Tick
