"""topology utilisation: how full each direction of every link is, by what is reserved and by what is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from sdn.cli import again
from sdn.cli.again import watch_options
from sdn.cli.network import topology
from sdn.cli.render import Plain, table
from sdn.cli.session import Session, common_names, pass_session
from sdn.client import ApiError, Client, format_bandwidth

_BAR = 20
"""Characters."""


@dataclass(frozen=True, slots=True)
class Direction:
    """One direction of a link. In bits/s; used: None where it is not counted."""

    sender: str
    receiver: str
    up: bool
    capacity: int
    reserved: int
    used: float | None

    @property
    def reserved_share(self) -> float:
        """Of the capacity; 0 where that is not known."""
        return self.reserved / self.capacity if self.capacity else 0.0

    @property
    def used_share(self) -> float:
        """Of the capacity; 0 where either is not known."""
        return (self.used or 0.0) / self.capacity if self.capacity else 0.0

    def plain(self) -> Plain:
        """For programs."""
        return {
            "sender": self.sender,
            "receiver": self.receiver,
            "up": self.up,
            "capacity_bps": self.capacity,
            "reserved_bps": self.reserved,
            "used_bps": self.used,
            "reserved_share": round(self.reserved_share, 6),
            "used_share": None if self.used is None else round(self.used_share, 6),
        }


_SORTS = {
    "reserved": lambda d: (-d.reserved_share, -d.reserved, d.sender, d.receiver),
    "used": lambda d: (-d.used_share, -(d.used or 0.0), d.sender, d.receiver),
    "name": lambda d: (d.sender, d.receiver),
}


def directions(found: Any, counted: Sequence[Any]) -> list[Direction]:
    """Both directions of every link of a Topology. counted: LinkCounters."""
    used: dict[tuple[str, str], float] = {}
    for link in counted:
        for near, far, side in ((link.a, link.b, link.at_a), (link.b, link.a, link.at_b)):
            if side.HasField("time"):
                used[_end(near), _end(far)] = side.rate.tx_bps
    made = []
    for link in found.links:
        for near, far, reserved in ((link.a, link.b, link.reserved_ab_bps), (link.b, link.a, link.reserved_ba_bps)):
            ends = _end(near), _end(far)
            made.append(Direction(*ends, link.up, link.capacity_bps, reserved, used.get(ends)))
    return made


def _end(end: Any) -> str:
    return f"{end.switch}:{end.interface}"


@topology.command()
@click.option("--sort", type=click.Choice(list(_SORTS)), default="reserved", show_default=True)
@click.option("--switch", default="", metavar="NAME", help="Only links of this switch.")
@click.option("-n", "--limit", type=click.IntRange(0), default=0, help="How many; 0, the default, for all.")
@watch_options
@common_names
@pass_session
def utilisation(session: Session, sort: str, switch: str, limit: int, watching: bool, every: float) -> None:
    """Show how full each direction of every link is: what connections reserve of it, and what is sent over it.

    \b
    sdnctl topology utilisation                    the most reserved first
    sdnctl topology utilisation --sort used -n 5   where most is sent
    sdnctl topology utilisation -o json | jq '.[] | select(.reserved_share > 0.8) | .sender'

    The bar is the capacity: '#' reserved and sent, '=' reserved and not sent, '-' sent beyond what is reserved.
    What is sent is the rate between the two newest readings of the switches' counters; '?' where there is none.
    With -o name: SENDER>RECEIVER, one a line.
    """
    with session.client() as client:

        def look() -> list[Direction]:
            chosen = [
                d
                for d in directions(client.topology(), _counted(client))
                if switch in ("", *(_switch(end) for end in (d.sender, d.receiver)))
            ]
            chosen.sort(key=_SORTS[sort])
            return chosen[:limit] if limit else chosen

        again.show(session, watching, every, look, _plain, _text, _names)


def _plain(shown: Sequence[Direction]) -> list[Plain]:
    return [d.plain() for d in shown]


def _names(shown: Sequence[Direction]) -> list[str]:
    return [f"{d.sender}>{d.receiver}" for d in shown]


def _counted(client: Client) -> Sequence[Any]:
    """Nothing where the daemon does not read counters."""
    try:
        return client.counters.links()
    except ApiError as error:
        if error.code.name == "FAILED_PRECONDITION":
            return ()
        raise


def _switch(end: str) -> str:
    return end.rpartition(":")[0]


def _text(shown: Sequence[Direction]) -> str:
    if not shown:
        return "no links"
    header = ("FROM", "TO", "CAPACITY", "RESERVED", "SHARE", "USED", "SHARE", "LOAD")
    return table(header, [_row(d) for d in shown])


def _row(d: Direction) -> tuple[object, ...]:
    capacity = format_bandwidth(d.capacity) if d.capacity else ""
    used = ("?", "?") if d.used is None else (format_bandwidth(round(d.used)), f"{d.used_share:.1%}")
    load = bar(d.reserved_share, d.used_share) if d.up else "down"
    return d.sender, d.receiver, capacity, format_bandwidth(d.reserved), f"{d.reserved_share:.1%}", *used, load


def bar(reserved: float, used: float) -> str:
    """[##====------   ]: both parts of a capacity, each at least one character where it is not zero."""
    full, sent = (min(_BAR, max(1, round(share * _BAR))) if share > 0 else 0 for share in (reserved, used))
    both = min(full, sent)
    text = "#" * both + "=" * (full - both) + "-" * (sent - both)
    return f"[{text:<{_BAR}}]"
