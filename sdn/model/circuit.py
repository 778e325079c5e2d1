"""Ends of bare circuits as text: an interface of a switch, and which of its frames.

``leaf1:eth7`` all frames as they come; ``leaf1:eth7@untagged`` those without a VLAN tag; ``leaf1:eth7@100`` those whose
outer tag is VLAN 100. No port has a colon in its name.
"""

from __future__ import annotations

from dataclasses import dataclass

UNTAGGED = 0
_UNTAGGED = "untagged"


@dataclass(frozen=True, slots=True)
class CircuitEnd:
    """vlan: None for all frames, UNTAGGED, or 1 to 4094."""

    switch: str
    interface: str
    vlan: int | None = None

    def __str__(self) -> str:
        tag = "" if self.vlan is None else f"@{self.vlan or _UNTAGGED}"
        return f"{self.switch}:{self.interface}{tag}"

    def meets(self, other: CircuitEnd) -> bool:
        """Whether there are frames of both at one interface."""
        return self.vlan == other.vlan or None in (self.vlan, other.vlan)


def is_circuit_end(text: str) -> bool:
    """Whether the end of a connection is an interface of a switch, and not a port."""
    return ":" in text


def parse_circuit_end(text: str) -> CircuitEnd | None:
    """None for what has not this form; names are not looked at closely."""
    place, at, tag = text.partition("@")
    switch, colon, interface = place.partition(":")
    if not (switch and colon and interface) or (at and not tag):
        return None
    if not at:
        return CircuitEnd(switch, interface)
    if tag == _UNTAGGED:
        return CircuitEnd(switch, interface, UNTAGGED)
    number = int(tag) if tag.isascii() and tag.isdecimal() and len(tag) <= 4 else 0
    return CircuitEnd(switch, interface, number) if 1 <= number <= 4094 else None
