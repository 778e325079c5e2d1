"""What operators say about a link or a switch, and what has become of it."""

from __future__ import annotations

from dataclasses import dataclass

from sdn.model.ids import Dpid


@dataclass(frozen=True, slots=True)
class Target:
    """A switch (name or datapath id), or a link by both its ends: (switch, interface).

    An interface may be left out ('') where only one link joins the two switches.
    """

    switch: str = ""
    a: tuple[str, str] = ("", "")
    b: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class MaintenanceView:
    """target: by names. drained: it is to be left by traffic. cost: another one than declared, 0 for none.
    oversubscription: of a link alone, 0 for that of all.

    settled: all routes and connections are what they should be, and what was on its way has arrived. needed_by:
    switches that others reach over it alone, so that their traffic stays. staying: connections that are on it, and why.
    """

    target: Target
    drained: bool
    cost: int
    settled: bool
    needed_by: tuple[str, ...] = ()
    staying: tuple[tuple[str, str], ...] = ()
    oversubscription: float = 0.0


@dataclass(frozen=True, slots=True)
class ForgottenView:
    """A switch that is known no more. bound: ports, and connections of circuits, bound there: the first ones by name.

    total: how many these are in all.
    """

    name: str
    dpid: Dpid
    bound: tuple[str, ...]
    total: int
