"""Ceilings with real traffic: iperf3 gets what they allow, within ten percent, and is counted to the packet."""

import json
import subprocess
from collections.abc import Iterator
from time import monotonic

import pytest

pytestmark = pytest.mark.system
pytest.importorskip("mininet.net", reason="Mininet's Python package is not installed")
pytest.importorskip("sdn.app", reason="there is no daemon in this checkout")

from sdn_lab.flows import Throughput  # noqa: E402 - only where Mininet is
from sdn_lab.lab import MininetLab  # noqa: E402

from sdn.v1 import counters_pb2 as cpb  # noqa: E402
from sdn.v1 import resources_pb2 as pb  # noqa: E402

NAME = "tenants/lab/connections/c"
MEGA = 10**6
CEILING, REVERSE = 20 * MEGA, 8 * MEGA
FRAME = 1442
"""Bytes of each frame of UDP: 1400 of payload, 42 of headers."""


@pytest.fixture(scope="module")
def lab() -> Iterator[MininetLab]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SDN_COUNTER_INTERVAL", "1")
        with MininetLab("ring:switches=4,hosts=1,capacity=1G") as lab:
            lab.everybody("10.0.0.0/24")
            wish = pb.Connection(
                name=NAME,
                a="tenants/lab/ports/h1",
                b="tenants/lab/ports/h3",
                bandwidth_bps=5 * MEGA,
                ceiling_bps=CEILING,
                reverse_ceiling_bps=REVERSE,
            )
            made = lab.client.connections.create(wish, wait=30)
            assert made.status.state in (pb.PROGRAMMED, pb.VERIFIED)
            yield lab


def udp(lab: MininetLab, sender: str, receiver: str, rate: int) -> tuple[int, int, int]:
    """Four seconds of UDP of that rate: packets sent, lost, and bits/s that arrived."""
    address = lab.endpoint(receiver).address(4)
    assert address is not None
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    server = lab.network.node(receiver).popen(["iperf3", "--server", "--one-off", "--forceflush", "--json"], **pipes)
    client = ["iperf3", "--client", str(address.interface.ip), "--udp", "--bitrate", str(rate), "--length", "1400"]
    try:
        for _ in range(100):
            done = lab.network.node(sender).popen([*client, "--time", "4", "--json"], **pipes)
            report = json.loads(done.communicate(timeout=60)[0])
            if "error" not in report:  # it does not listen yet
                break
        found = report["end"]["sum"]
        server.communicate(timeout=60)
    finally:
        server.kill()
        server.wait()
    arrived = (found["packets"] - found["lost_packets"]) * FRAME * 8 / found["seconds"]
    return found["packets"], found["lost_packets"], round(arrived)


def counted(lab: MininetLab) -> cpb.Counts:
    """The total after the next two readings of the switches."""
    end = monotonic() + 30
    first = lab.client.counters.get(NAME).counted.time.ToNanoseconds()
    while lab.client.counters.get(NAME).counted.time.ToNanoseconds() < first + 2 * 10**9:
        assert monotonic() < end
    return lab.client.counters.get(NAME).counted.total


@pytest.mark.parametrize(("sender", "receiver", "ceiling"), [("h1", "h3", CEILING), ("h3", "h1", REVERSE)])
def test_udp_gets_what_the_ceiling_allows_and_is_counted(
    lab: MininetLab, sender: str, receiver: str, ceiling: int
) -> None:
    before = counted(lab)
    packets, lost, rate = udp(lab, sender, receiver, 2 * ceiling)
    assert lost > 0
    assert abs(rate - ceiling) < 0.1 * ceiling, rate
    after = counted(lab)
    grown = (
        (after.rx_packets - before.rx_packets, after.rx_bytes - before.rx_bytes)
        if sender == "h1"
        else (after.tx_packets - before.tx_packets, after.tx_bytes - before.tx_bytes)
    )
    # Beside the packets themselves there is the TCP connection by which iperf3 agrees about the test.
    assert packets <= grown[0] <= packets + 60
    assert packets * FRAME <= grown[1] <= packets * FRAME + 20_000


def test_udp_below_the_ceiling_loses_nothing(lab: MininetLab) -> None:
    _, lost, _ = udp(lab, "h1", "h3", CEILING // 2)
    assert lost == 0


def test_tcp_gets_what_the_ceiling_allows(lab: MininetLab) -> None:
    rows = Throughput(lab, "h1", "h3", seconds=10).result()
    settled = [rate for end, rate in rows if end > 3]
    mean = sum(settled) / len(settled)
    assert 0.8 * CEILING < mean < 1.1 * CEILING, rows
