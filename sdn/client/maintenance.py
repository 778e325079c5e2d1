"""Links and switches as people name them for maintenance."""

from __future__ import annotations

from sdn.v1 import topology_pb2 as tpb


def maintenance_target(place: str, other: str = "") -> tpb.MaintenanceTarget:
    """A switch, or with ``other`` the link between two, each ``SWITCH`` or ``SWITCH:INTERFACE``."""
    if not other:
        return tpb.MaintenanceTarget(switch=place)
    ends = []
    for text in (place, other):
        switch, _, interface = text.partition(":")
        ends.append(tpb.LinkEnd(switch=switch, interface=interface))
    return tpb.MaintenanceTarget(a=ends[0], b=ends[1])
