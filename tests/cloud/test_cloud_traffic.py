"""What connections send, on real switches: counted exactly over all changes of path, and held to their ceilings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from time import monotonic

import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from cloud_lab import WAIT, CloudLab, cloud_lab

from sdn.client import ApiError
from sdn.v1 import counters_pb2 as cpb
from sdn.v1 import resources_pb2 as pb

pytestmark = pytest.mark.lab
DEADLINE = 30.0
NAME = "tenants/red/connections/c"
SIZE = 1042
"""Bytes of each frame: 42 of headers and the payload."""
LOW = 10_000
"""Bits/s: about one frame a second."""
BURST = 400_000 // 8 // SIZE
"""Frames that the burst of such a ceiling lets through."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudLab]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SDN_COUNTER_INTERVAL", "0.5")
        spec = "leaf-spine:spines=2,leaves=2,hosts=6,capacity=1G"
        with cloud_lab(spec, tmp_path_factory.mktemp("traffic"), "each") as lab:
            yield lab


@pytest.fixture
def lab(shared: CloudLab) -> Iterator[CloudLab]:
    """Without connections when a test ends."""
    yield shared
    for connection in list(shared.client.connections.list("tenants/-")):
        shared.client.connections.delete(connection.name, wait=WAIT)


def ends(lab: CloudLab, *, together: bool = False) -> tuple[str, str]:
    """Two hosts of one network of tenant red, on one leaf or on two."""
    red = [host for host in lab.hosts if lab.tenant[host] == "red"]
    pairs = ((a, b) for a in red for b in lab.members(a))
    return next((a, b) for a, b in pairs if (lab.place[a].switch == lab.place[b].switch) == together)


def connect(lab: CloudLab, a: str, b: str, **fields: object) -> pb.Connection:
    wish = pb.Connection(name=NAME, a=lab.port_of(a), b=lab.port_of(b), bandwidth_bps=1000, **fields)  # type: ignore[arg-type]
    return lab.client.connections.create(wish, wait=WAIT)


def send(lab: CloudLab, source: str, destination: str, count: int) -> int:
    """Send so many frames at once; how many arrive."""
    a, b = lab.hosts[source], lab.hosts[destination]
    target = b.address(4)
    assert target is not None
    lab.network.received(destination)
    lab.network.send(source, *[a.udp(target, b.mac, bytes(SIZE - 42))] * count)
    lab.network.settle()
    return len(lab.network.received(destination))


def until(lab: CloudLab, accept: Callable[[cpb.Counts], bool]) -> cpb.Counted:
    end = monotonic() + DEADLINE
    with lab.client.counters.watch(("CONNECTIONS",), interval=1) as rounds:
        for found in rounds:
            (item,) = found.objects
            assert item.name == NAME
            if accept(item.counted.total):
                return item.counted
            assert monotonic() < end, item
    raise AssertionError("unreachable")


def test_packets_are_counted_exactly_while_the_path_changes(lab: CloudLab) -> None:
    a, b = ends(lab)
    connection = connect(lab, a, b)
    sent = 0
    for _ in range(3):
        assert send(lab, a, b, 20) == 20
        assert send(lab, b, a, 5) == 5
        sent += 20
        wish = pb.Connection(name=NAME, constraints=pb.Constraints(exclude_switches=[connection.status.path[1].switch]))
        connection = lab.client.connections.update(wish, mask=["constraints"], wait=WAIT)
        assert connection.status.state in (pb.PROGRAMMED, pb.VERIFIED)
    counted = until(lab, lambda total: (total.rx_packets, total.tx_packets) == (sent, sent // 4))
    assert (counted.total.rx_bytes, counted.total.tx_bytes) == (sent * SIZE, sent * SIZE // 4)
    assert [item.name for item in lab.client.counters.connections("tenants/red")] == [NAME]
    assert lab.client.counters.connections("tenants/blue") == []


@pytest.mark.parametrize("together", [False, True], ids=["apart", "one switch"])
def test_a_ceiling_holds_in_its_direction_and_follows_its_changes(lab: CloudLab, together: bool) -> None:
    a, b = ends(lab, together=together)
    connect(lab, a, b, ceiling_bps=LOW)
    many = 3 * BURST
    assert BURST <= send(lab, a, b, many) < 2 * BURST, "a burst passes, and little more"
    assert send(lab, b, a, many) == many
    # Each way is counted by a switch of its own, before the ceiling.
    until(lab, lambda total: (total.rx_packets, total.tx_packets) == (many, many))
    numbers = meters(lab, a)
    wish = pb.Connection(name=NAME, ceiling_bps=10**9, reverse_ceiling_bps=LOW)
    mask = ["ceiling_bps", "reverse_ceiling_bps"]
    changed = lab.client.connections.update(wish, mask=mask, wait=WAIT)
    assert changed.status.state in (pb.PROGRAMMED, pb.VERIFIED)
    assert numbers <= meters(lab, a)
    lab.forget_caches()
    assert send(lab, a, b, many) == many
    assert send(lab, b, a, many) < 2 * BURST
    lab.client.connections.update(pb.Connection(name=NAME), mask=mask, wait=WAIT)
    assert not meters(lab, a)
    lab.forget_caches()
    assert send(lab, b, a, many) == many


def test_legs_share_the_ceiling_of_what_the_one_port_sends_and_have_one_each_towards_it(lab: CloudLab) -> None:
    hub, far = ends(lab)
    others = [far, *(host for host in sorted(lab.members(hub)) if host != far)][:2]
    assert len(others) == 2
    fields = {"ceiling_bps": LOW, "reverse_ceiling_bps": LOW, "bandwidth_bps": 1000}
    wish = pb.Connection(name=NAME, a=lab.port_of(hub), targets=[*map(lab.port_of, others)], **fields)  # type: ignore[arg-type]
    wish.shared_ceiling = True
    lab.client.connections.create(wish, wait=WAIT)
    arrived = [send(lab, hub, other, BURST) for other in others]
    assert arrived[0] == BURST, "a burst for all of them"
    assert sum(arrived) < BURST * 3 // 2, "and not one for each"
    assert [send(lab, other, hub, BURST) for other in others] == [BURST] * 2, "each of the many has its own"
    wish.shared_ceiling = False
    lab.client.connections.update(wish, mask=["shared_ceiling"], wait=WAIT)
    lab.forget_caches()
    assert sum(send(lab, hub, other, BURST) for other in others) >= 2 * BURST - 2
    assert len(meters(lab, hub)) >= 2
    lab.client.connections.delete(NAME, wait=WAIT)


def meters(lab: CloudLab, host: str) -> set[int]:
    """Numbers of the meters for ceilings at a host's switch."""
    ovs = lab.network.ovs_of(lab.place[host].switch)
    found = {
        int(number) for number in re.findall(r"meter=(\d+) kbps", ovs.ofctl("dump-meters", lab.place[host].switch))
    }
    assert all(number >= 65536 for number in found)
    return found


def test_a_ceiling_holds_without_a_path(lab: CloudLab) -> None:
    a, b = ends(lab)
    connect(lab, a, b, ceiling_bps=LOW)
    leaf = lab.place[a].switch
    cables = [link for link in lab.network.topology.links if leaf in (link.a[0], link.b[0])]
    for cable in cables:
        lab.network.cut(cable)
    with lab.client.connections.watch() as changes:
        next(change for change in changes if change.resource.status.state == pb.DEGRADED)
    assert len(meters(lab, a)) == 1
    for cable in cables:
        lab.network.mend(cable)
    lab.ready()


def test_wrong_ceilings_are_refused(lab: CloudLab) -> None:
    a, b = ends(lab)
    for fields, field, remedy in (
        ({"ceiling_bps": 999}, "connection.ceiling_bps", "Give at least as much"),
        ({"reverse_ceiling_bps": 500}, "connection.reverse_ceiling_bps", "Give at least as much"),
        ({"ceiling_bps": 2**63}, "connection.ceiling_bps", "Give at most 4294967295000 bits/s"),
    ):
        with pytest.raises(ApiError) as caught:
            connect(lab, a, b, **fields)
        assert caught.value.violations[0].field == field
        assert remedy in str(caught.value)
