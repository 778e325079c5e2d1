"""Priorities and calendars on real switches: numbered packets all the time, while paths go and times end."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from cloud_lab import WAIT, CloudLab, cloud_lab
from test_cloud_connections import NAME, Stream, connect, ends, spine

from sdn.client import ApiError
from sdn.v1 import resources_pb2 as pb

pytestmark = pytest.mark.lab
OTHER = "tenants/red/connections/other"
TIMED = "tenants/red/connections/timed"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudLab]:
    with cloud_lab("leaf-spine:spines=2,leaves=2,hosts=6,capacity=1G", tmp_path_factory.mktemp("priorities")) as lab:
        yield lab


def others(lab: CloudLab) -> tuple[str, str]:
    """Two more hosts of the tenant on different leaves."""
    left = [host for host in lab.hosts if lab.tenant[host] == "red" and host not in ends(lab)]
    return next((a, b) for a in left for b in left if lab.place[a].switch < lab.place[b].switch)


def test_a_displaced_connection_loses_no_packet(lab: CloudLab) -> None:
    a, b = (lab.port_of(host) for host in others(lab))
    connection = connect(lab)
    used = spine(connection)
    wish = pb.Connection(name=OTHER, a=a, b=b, bandwidth_bps=95 * 10**7, constraints=pb.Constraints(via=[used]))
    with pytest.raises(ApiError, match="limited by"):
        lab.client.connections.create(wish)
    wish.priority = 1
    assert list(lab.client.check_connection(wish).displaced) == [NAME]
    stream = Stream(lab)
    made = stream.while_(lambda: lab.client.connections.create(wish, wait=WAIT))
    assert (made.status.state, spine(made)) == (pb.PROGRAMMED, used)
    moved = stream.while_(lambda: lab.client.connections.update(pb.Connection(name=NAME), mask=["priority"], wait=WAIT))
    assert (moved.status.state, spine(moved) != used) == (pb.PROGRAMMED, True)
    # The other way is taken as well: it goes the shortest way, without a guarantee.
    wish.constraints.via[:] = []
    wish.protection.mode = pb.REQUIRED
    stream.while_(lambda: lab.client.connections.update(wish, wait=WAIT))
    status = lab.client.connections.get(NAME).status
    assert (status.state, status.reason) == (pb.DEGRADED, "Preempted")
    assert OTHER in status.message
    stream.while_(lambda: lab.client.connections.delete(OTHER, wait=WAIT) or made)
    assert lab.client.connections.get(NAME).status.state in (pb.PROGRAMMED, pb.PENDING)
    assert stream.missing() == set()
    lab.client.connections.delete(NAME, wait=WAIT)
    lab.ready()


def test_a_connection_begins_and_ends_by_the_clock_without_losing_a_packet(lab: CloudLab) -> None:
    calendar = pb.Calendar()
    calendar.start.seconds = int(time.time()) + 2
    calendar.end.seconds = calendar.start.seconds + 2
    stream = Stream(lab)
    a, b = (lab.port_of(host) for host in ends(lab))
    wish = pb.Connection(name=TIMED, a=a, b=b, bandwidth_bps=10**8, calendar=calendar)
    made = stream.while_(lambda: lab.client.connections.create(wish, wait=WAIT))
    assert (made.status.state, made.status.reason) == (pb.ADMITTED, "NotYet")
    deadline = time.monotonic() + WAIT
    while lab.client.connections.get(TIMED).status.state != pb.EXPIRED:
        stream.send()
        assert time.monotonic() < deadline
    assert stream.missing() == set()
    history = lab.client.connections.get(TIMED).status.history
    told = [change.state for change in history if change.state != pb.PENDING]
    assert [told[0], told[-1]] == [pb.ADMITTED, pb.EXPIRED]
    assert pb.PROGRAMMED in told
    began = next(change for change in history if change.previous == pb.ADMITTED)
    assert calendar.start.seconds <= began.time.seconds + 0.1
    assert calendar.end.seconds <= history[-1].time.seconds + 0.1
    lab.client.connections.delete(TIMED, wait=WAIT)
    lab.ready()
