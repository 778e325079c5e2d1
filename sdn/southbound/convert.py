"""Values of ``openflow`` as values of the model."""

from __future__ import annotations

from sdn.model.program import Group, Installed, Meter
from sdn.model.topology import SwitchPort
from sdn.openflow.messages import PortDescription
from sdn.openflow.readback import Contents


def port_of(port: PortDescription) -> SwitchPort:
    """A port as the controller knows it."""
    return SwitchPort(port.number, port.name, port.mac, port.up, port.speed, port.live)


def installed_of(contents: Contents, *, with_bodies: bool) -> Installed:
    """What a switch holds. The maps of ``contents`` are handed over, not copied."""
    return Installed(
        flows=contents.flows,
        groups={number: Group(type_, buckets) for number, (type_, buckets) in contents.groups.items()},
        meters={number: None if form is None else Meter(*form) for number, form in contents.meters.items()},
        bodies=contents.bodies if with_bodies else None,
    )
