"""What operators should know of: notices, ``Event`` in the API, and what an audit of a switch found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """INFO: as it should be. WARNING: look at it when there is time. ERROR: something was wrong."""

    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"

    @property
    def rank(self) -> int:
        """Grows with severity."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something happened. number: grows with each notice, also over restarts; time: Unix time in seconds.

    reason: machine-readable, CamelCase; object: name of a switch or full name of an object, '' for the whole;
    details: (key, value) pairs of text.
    """

    number: int
    time: float
    severity: Severity
    reason: str
    object: str
    message: str
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Filter:
    """Which notices are wanted. object: this one and what belongs to it, '' for all; reason: '' for all.

    severity: this or a higher one. chosen: of the object's name, asked last; None for all.
    """

    object: str = ""
    reason: str = ""
    severity: Severity = Severity.INFO
    chosen: Callable[[str], bool] | None = None

    def wants(self, notice: Notice) -> bool:
        """Whether a notice is among them."""
        inside = not self.object or notice.object == self.object or notice.object.startswith(f"{self.object}/")
        if not inside or self.reason not in ("", notice.reason) or notice.severity.rank < self.severity.rank:
            return False
        return self.chosen is None or self.chosen(notice.object)


@dataclass(frozen=True, slots=True)
class NoticePage:
    """Kept notices, in order. more: whether others follow; oldest, newest: numbers of those kept.

    If none is kept, ``oldest`` is the number of the next one and ``newest`` is one less.
    dropped: how many were dropped since the daemon started because there were newer ones.
    """

    notices: tuple[Notice, ...]
    more: bool
    oldest: int
    newest: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One entry of a switch that is not as its program says.

    kind: 'missing', 'changed' or 'extra' (ours by its mark, and not wanted); entry: 'flow', 'group' or 'meter';
    table: name of a flow's table; match: in the notation of ovs-ofctl; owner: who asked for it, '' if nobody did.
    """

    kind: str
    entry: str
    table: str
    priority: int
    match: str
    owner: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit of a switch found; everything is repaired. findings: the first ones of each kind.

    checked: entries of the program that were compared; alien_flows, alien_groups: of other programs, left alone.
    """

    switch: str
    checked: int
    missing: int
    changed: int
    extra: int
    alien_flows: int
    alien_groups: int
    findings: tuple[Finding, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether the switch held exactly its program."""
        return not (self.missing or self.changed or self.extra)
