"""What a transaction would do, as a dry run tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from sdn.model.status import ChangeType


@dataclass(frozen=True, slots=True)
class Difference:
    """What becomes of one object. type: ADDED, MODIFIED or DELETED; fields: of the model that change, if MODIFIED."""

    name: str
    type: ChangeType
    fields: tuple[str, ...] = ()


class Tally(NamedTuple):
    """Numbers of entries that are new, have other content, or go."""

    added: int = 0
    changed: int = 0
    deleted: int = 0


@dataclass(frozen=True, slots=True)
class SwitchPlan:
    """What a switch (its name) would be told, once everything has settled."""

    switch: str
    flows: Tally
    groups: Tally
    meters: Tally


@dataclass(frozen=True, slots=True)
class Plan:
    """differences: in the order of the commands. switches: those that would change, by name.

    unknown: why nothing can be said about switches, '' when ``switches`` is all there is.
    """

    differences: tuple[Difference, ...] = ()
    switches: tuple[SwitchPlan, ...] = ()
    unknown: str = ""
