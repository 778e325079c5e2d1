"""What tests of probes have in common: no host ever gets one, and what a test did to switches is undone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cloud_lab import WAIT, CloudLab

from sdn.topology.pathprobe import MAGIC

ALIEN = "cookie=0x77"
"""Of entries that a test writes beside ours."""


@contextmanager
def no_probe_at_hosts(lab: CloudLab) -> Iterator[None]:
    """Nothing that hosts receive meanwhile is a probe."""
    for host in lab.hosts:
        lab.network.received(host)
    yield
    lab.network.settle()
    seen = [frame for host in lab.hosts for frame in lab.network.received(host) if MAGIC in frame]
    assert not seen, "a host got a probe"


def take_back(lab: CloudLab) -> None:
    """Delete all connections, and what tests wrote into switches."""
    for connection in list(lab.client.connections.list("tenants/-")):
        lab.client.connections.delete(connection.name, wait=WAIT)
    for switch in lab.network.topology.switches:
        lab.network.ofctl(switch, "del-flows", f"{ALIEN}/-1")
