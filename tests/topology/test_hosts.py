"""Ports that are known to be hosts' are known over a restart."""

from __future__ import annotations

import pytest

from sdn.model.errors import InvalidInput
from sdn.model.ids import Dpid
from sdn.topology.adjacency import End
from sdn.topology.hosts import HostPorts

A, B = End(Dpid(1), "tap/0"), End(Dpid(2), "eth0")


def test_they_are_found_again_as_they_were_left() -> None:
    hosts, records = HostPorts(), {}
    for end in (A, B, A):
        hosts.add(end)
    records.update(hosts.take_records())
    assert records == {"0000000000000001/tap/0": "", "0000000000000002/eth0": ""}
    assert hosts.take_records() == {}
    hosts.discard(B)
    hosts.discard(B)
    assert hosts.take_records() == {"0000000000000002/eth0": None}
    later = HostPorts()
    later.load(records)
    assert A in later
    assert B in later
    assert later.take_records() == {}


@pytest.mark.parametrize("key", ["", "1", "0000000000000001", "0000000000000001/", "x/eth0"])
def test_a_damaged_record_is_named(key: str) -> None:
    with pytest.raises(InvalidInput, match=f"hosts/{key}"):
        HostPorts().load({key: ""})
