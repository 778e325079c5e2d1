"""Why a connection has no path, or not all that it asked for, in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sdn.controller.connections.asking import WITHOUT, reason_of
from sdn.controller.connections.lives import Lives
from sdn.model.errors import SdnError
from sdn.model.intent import Connection
from sdn.model.status import State
from sdn.routing import Ledger


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a connection has no path, or not all that it asked for."""

    state: State
    reason: str
    message: str

    @property
    def placed(self) -> bool:
        """Whether it is said of a connection that has a path."""
        return self.reason in ("Unprotected", "NotYet")

    @property
    def waits(self) -> bool:
        """Whether that is all that can be said for now."""
        return self.state is State.PENDING and self.reason not in ("EndNotAttached", "Rerouting")


class Troubles:
    """Makes them of what searches raise. ledger, lives: who has what, and who had it before."""

    def __init__(self, ledger: Ledger, lives: Lives) -> None:
        self._ledger = ledger
        self._lives = lives

    def waits_its_turn(self, name: str) -> Trouble:
        """A connection has no path because others are looked at first."""
        state = State.DEGRADED if self._lives.admitted(name) else State.PENDING
        return Trouble(state, "Rerouting", "Those of a higher service level are served first.")

    def why(self, connection: Connection, error: SdnError) -> Trouble:
        """Why a connection has no path."""
        state = State.DEGRADED if self._lives.admitted(connection.name) else WITHOUT[connection.no_path]
        violation = error.violations[0]
        reason = reason_of(violation)
        message = f"{violation.reason}. {violation.remedy}"
        by = self._lives.displaced(connection.name)
        if by and self._ledger.held(by) is not None:
            return Trouble(
                state, "Preempted", f"Its bandwidth was taken by {by}, which has a higher priority. {message}"
            )
        return Trouble(state, reason, message)


def iso(seconds: int) -> str:
    """Unix time as people write it, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
