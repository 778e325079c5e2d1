"""The features that contribute entries to programs, and the objects that stand for ports of switches."""

from __future__ import annotations

from sdn.pipeline.routes import switch_object

BASE, WIRING, FABRIC, CONNECTION, EDGE = "base", "wiring", "fabric", "connection", "edge"
PROBES, STRAYS = "probes", "strays"
ATTACH, ENDPOINT, FLOOD, ROUTER, STATIC = "attach", "endpoint", "flood", "router", "static"


def port_object(dpid: int, number: int) -> str:
    """Owner of what belongs to a port of a switch as such, whoever uses it."""
    return f"{switch_object(dpid)}/ports/{number}"


def port_number(name: str) -> int:
    """The OpenFlow number of a ``port_object``."""
    return int(name.rpartition("/")[2])
