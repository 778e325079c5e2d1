"""A link as people see it."""

from __future__ import annotations

from dataclasses import dataclass

from sdn.model.topology import DeclaredLink, Link
from sdn.topology.latency import Latency


@dataclass(frozen=True, slots=True)
class LinkState:
    """A link for people; ends are (switch name, interface name, '' if a missing declared link does not say).

    link: as observed, without penalty, None when it is declared but not seen. declared: None when it was not declared.
    away: a switch at one of its ends is not connected, so that it cannot be probed. damped: avoided, because it was
    lost too often. drained: avoided, because an operator said so of it or of one of its switches. unused: seen, but not
    taken for a link, because only declared ones are, or not yet (set_aside). measured: None while that is not known.
    """

    a: tuple[str, str]
    b: tuple[str, str]
    link: Link | None
    declared: DeclaredLink | None
    away: bool = False
    damped: bool = False
    drained: bool = False
    unused: bool = False
    measured: Latency | None = None
