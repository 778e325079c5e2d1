"""How much of a network survives a failure without the controller, as it is reported."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Coverage:
    """Pairs of a failure and a destination switch towards which somebody's primary way leads over what fails.

    repairable: of these, those where the network has another way; repaired: of these, those that switches repair by
    themselves, by the programs they are meant to hold; ready: of these, those whose entries switches have confirmed.
    """

    pairs: int = 0
    repairable: int = 0
    repaired: int = 0
    ready: int = 0

    def __add__(self, other: Coverage) -> Coverage:
        return Coverage(
            self.pairs + other.pairs,
            self.repairable + other.repairable,
            self.repaired + other.repaired,
            self.ready + other.ready,
        )


@dataclass(frozen=True, slots=True)
class FailureCoverage:
    """Of one failure. ends: of a link two (switch, interface), of a switch its name and ''.

    separates: the link is a bridge, or the switch a cut switch: no network repairs all of its pairs. unrepaired: names
    of destinations that could be reached and are not, and why.
    """

    ends: tuple[tuple[str, str], ...]
    separates: bool
    coverage: Coverage
    unrepaired: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Resilience:
    """enabled: whether switches repair at all; following: trees do not know the newest links yet."""

    enabled: bool
    following: bool
    links: tuple[FailureCoverage, ...]
    switches: tuple[FailureCoverage, ...]
