"""What would become of connections if something failed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sdn.model.status import PathHop


class FailureKind(StrEnum):
    """What fails. TOGETHER: several of these at once."""

    LINK = "LINK"
    SWITCH = "SWITCH"
    RISK_GROUP = "RISK_GROUP"
    TOGETHER = "TOGETHER"


@dataclass(frozen=True, slots=True)
class WhatIfQuery:
    """Failures to try. links: ``SWITCH:INTERFACE`` of either end, or both joined by '-'; switches: name or datapath id.

    together: all of these at once, instead of one after the other. Nothing named: every link, switch and risk group.
    """

    links: tuple[str, ...] = ()
    switches: tuple[str, ...] = ()
    risk_groups: tuple[str, ...] = ()
    together: bool = False


class Fate(StrEnum):
    """What becomes of a connection.

    CHANGES_OVER: its backup path takes the traffic. MOVES: it gets another path with all its bandwidth. UNGUARANTEED:
    there is no path with its bandwidth, and its traffic goes the shortest way. CUT_OFF: its ends are not connected any
    more, or one is on the switch that fails. BACKUP_LOST: its traffic stays where it is. UNCERTAIN: the search was
    given up.
    """

    CHANGES_OVER = "CHANGES_OVER"
    MOVES = "MOVES"
    UNGUARANTEED = "UNGUARANTEED"
    CUT_OFF = "CUT_OFF"
    BACKUP_LOST = "BACKUP_LOST"
    UNCERTAIN = "UNCERTAIN"


@dataclass(frozen=True, slots=True)
class Affected:
    """A connection (full name) that would be concerned, with the paths it would have then.

    unprotected: it asks for protection and would have none. bandwidth: the bits/s that it could still have, there and
    back at least. message: for people, where it does not get what it has.
    """

    name: str
    fate: Fate
    path: tuple[PathHop, ...] = ()
    backup_path: tuple[PathHop, ...] = ()
    unprotected: bool = False
    bandwidth: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True)
class Overload:
    """A direction of a link on which more would be sent than fits; ends are (switch, interface). All in bits/s.

    reserved: by connections with a path; unguaranteed: of those without one, that go the shortest way over it.
    """

    sender: tuple[str, str]
    receiver: tuple[str, str]
    capacity: int
    reserved: int
    unguaranteed: int


@dataclass(frozen=True, slots=True)
class Consequence:
    """Of one failure. name: of the link, switch or risk group; several joined by ', '."""

    kind: FailureKind
    name: str
    affected: tuple[Affected, ...]
    overloads: tuple[Overload, ...]
