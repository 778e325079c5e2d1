"""Everything the controller wants done. Adapters carry these out in order; Persist before all others of its turn."""

from __future__ import annotations

from dataclasses import dataclass

from sdn.controller.errands import Seen
from sdn.controller.events import Session
from sdn.model.command import TransactionResult
from sdn.model.errors import SdnError
from sdn.model.ids import Dpid
from sdn.model.intent import Resource
from sdn.model.maintenance import ForgottenView, MaintenanceView
from sdn.model.notice import AuditReport
from sdn.model.plugs import Watching
from sdn.model.program import Batch
from sdn.model.status import ChangeType, Status


@dataclass(frozen=True, slots=True)
class SendBatch:
    """Write to a switch; answered by exactly one events.BatchDone, or SwitchDown."""

    session: Session
    batch_id: int
    batch: Batch


TABLE = 0xFFFFFFF9
"""As ``out_port``: through the switch's own tables, from the first one on (OFPP_TABLE)."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """Where a frame enters a switch's tables, with what registers (number, value) hold there.

    look_up: port by which the flow of that table is chosen, None: that by which the frame comes. What the flow does,
    and all that follows, is as the frame comes: nothing is sent back to ``look_up``.
    """

    table: int
    registers: tuple[tuple[int, int], ...] = ()
    look_up: int | None = None


@dataclass(frozen=True, slots=True)
class SendPacket:
    """Send a frame out of a port (packet-out), as if it had come from ``in_port`` unless that is None.

    token: not 0 if events.PacketsSent is to tell when it left. entrance: not out of ``out_port`` (TABLE then), but
    through the switch's own tables from there on.
    """

    session: Session
    out_port: int
    data: bytes
    token: int = 0
    in_port: int | None = None
    entrance: Entrance | None = None


@dataclass(frozen=True, slots=True)
class RequestReadBack:
    """Dump the whole switch for an audit; answered by events.ReadBack."""

    session: Session


@dataclass(frozen=True, slots=True)
class SetWatching:
    """Write to a database how an interface is watched, if it is still as it was seen. manager: see BridgesSeen."""

    manager: int
    dpid: Dpid
    interface: str
    seen: Watching
    wanted: Watching


@dataclass(frozen=True, slots=True)
class CloseSession:
    """End an OpenFlow session."""

    session: Session
    reason: str


@dataclass(frozen=True, slots=True)
class Persist:
    """Durable before anything else of this turn is carried out: records by (bucket, key), value JSON text."""

    puts: tuple[tuple[str, str, str], ...]
    deletes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """Result of a Request, or the error to give to its caller."""

    token: int
    result: TransactionResult | SdnError


@dataclass(frozen=True, slots=True)
class Audited:
    """Result of an Audit, or the error to give to its caller."""

    token: int
    result: AuditReport | SdnError


@dataclass(frozen=True, slots=True)
class Maintained:
    """What became of a Maintain, or the error to give to its caller."""

    token: int
    result: MaintenanceView | SdnError


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was known of the switch of a Forget, or the error to give to its caller."""

    token: int
    result: ForgottenView | SdnError


@dataclass(frozen=True, slots=True)
class Flown:
    """What was seen of the probe of a Fly, in the order of its way, or the error to give to its caller."""

    token: int
    result: tuple[Seen, ...] | SdnError


@dataclass(frozen=True, slots=True)
class Publish:
    """An object or its status changed, for watchers. revision: of the store.

    before: the object as it was, where it was another one; a filter of a watch looks at it.
    """

    revision: int
    type: ChangeType
    resource: Resource
    status: Status
    before: Resource | None = None


@dataclass(frozen=True, slots=True)
class Log:
    """A structured log record. level: 'debug' to 'error'; fields: short key-value pairs."""

    level: str
    event: str
    fields: tuple[tuple[str, str | int | float], ...] = ()


SwitchEffect = SendBatch | SendPacket | RequestReadBack | CloseSession
OutwardEffect = SwitchEffect | SetWatching
Effect = OutwardEffect | Persist | Reply | Audited | Maintained | Forgotten | Flown | Publish | Log
