"""Whose a switch is: one controller's, which claims it, and nobody else's (OpenFlow 1.3.5, section 6.3.6 and 7.3.9).

A switch remembers one number, the generation of the last claim, as long as it runs. Ours says who claimed: the lower
half is the identity of a controller, the upper half counts how often the switch changed hands. So whoever connects sees
whether the switch is new (no generation), its own, or another controller's, without changing anything. The number does
not tell whether that other controller still lives, so a switch is taken from it only where an operator says so.
"""

from __future__ import annotations

from dataclasses import dataclass

from sdn.openflow import wire

IDENTITY_BITS = 32
_IDENTITY = (1 << IDENTITY_BITS) - 1


@dataclass(frozen=True, slots=True)
class Claim:
    """identity: 32 bits that no two controllers share, the same after a restart. take_over: claim another's as well."""

    identity: int
    take_over: bool = False

    def generation(self, known: int) -> int | None:
        """With which generation a switch is claimed that knows this one; None: it is another's."""
        if known == wire.UNCLAIMED:
            return 1 << IDENTITY_BITS | self.identity
        if known & _IDENTITY == self.identity:
            return known
        if not self.take_over:
            return None
        # Numbers are compared as a difference with sign, so the count may wrap.
        return ((known >> IDENTITY_BITS) + 1 & _IDENTITY) << IDENTITY_BITS | self.identity
