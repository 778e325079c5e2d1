"""What a switch's database tells of its bridges: which interface has which iface-id, and how a bridge is set up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sdn.model.ids import Dpid

MAX_IFACE_ID = 128


def is_iface_id(text: str) -> bool:
    """Whether a text may be the iface-id of a port: 1 to 128 printable characters without spaces."""
    return 1 <= len(text) <= MAX_IFACE_ID and text.isprintable() and not any(char.isspace() for char in text)


@dataclass(frozen=True, slots=True)
class Watching:
    """How an interface is watched for silence. bfd: its settings; cfm: its CFM maintenance point, None for none.

    up: whether its BFD session is up.
    """

    bfd: Mapping[str, str] = field(default_factory=dict)
    cfm: int | None = None
    up: bool = False


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge as its database has it. iface_ids: by interface, of those that exist and have one.

    watched: by interface, those with BFD or CFM. patches: interfaces that are no devices, but joined within a switch.
    secure: fail_mode is secure; in_band: in-band control is not disabled.
    """

    dpid: Dpid
    name: str
    iface_ids: Mapping[str, str] = field(default_factory=dict)
    secure: bool = True
    in_band: bool = False
    watched: Mapping[str, Watching] = field(default_factory=dict)
    patches: frozenset[str] = frozenset()
