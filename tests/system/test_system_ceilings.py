"""Ceilings with real traffic: iperf3 gets what they allow, within ten percent, and is counted to the packet.

What the machine drops because it is busy is no matter of ceilings and counters, and known exactly (traffic.unread):
every packet that was sent is counted by the connection, or was dropped before any table saw it.
"""

import re
from collections.abc import Iterator

import pytest
from traffic import FRAME, counted, udp, unheard, unread

pytestmark = pytest.mark.system
pytest.importorskip("mininet.net", reason="Mininet's Python package is not installed")
pytest.importorskip("sdn.app", reason="there is no daemon in this checkout")

from sdn_lab.flows import Throughput  # noqa: E402 - only where Mininet is
from sdn_lab.lab import MininetLab  # noqa: E402

from sdn.v1 import resources_pb2 as pb  # noqa: E402

NAME = "tenants/lab/connections/c"
MEGA = 10**6
CEILING, REVERSE = 20 * MEGA, 8 * MEGA


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


def over(lab: MininetLab, host: str) -> int:
    """Packets that meters of ceilings have dropped at the switch of a host."""
    switch = next(place.switch for place in lab.network.topology.hosts if place.name == host)
    text = lab.network.node(switch).dpctl("meter-stats", "-O", "OpenFlow13")
    bands = re.findall(r"meter:(\d+).*?0: packet_count:(\d+)", text, re.DOTALL)
    return sum(int(count) for meter, count in bands if int(meter) >= 1 << 16)


@pytest.mark.parametrize(("sender", "receiver", "ceiling"), [("h1", "h3", CEILING), ("h3", "h1", REVERSE)])
def test_udp_gets_what_the_ceiling_allows_and_is_counted(
    lab: MininetLab, sender: str, receiver: str, ceiling: int
) -> None:
    entrance = next(host.interface for host in lab.network.topology.hosts if host.name == sender)
    before, dropped, refused = counted(lab, NAME), unread(lab, entrance), over(lab, sender)
    elsewhere = unread(lab) - dropped + unheard(lab, receiver)
    packets, lost, rate = udp(lab, sender, receiver, 2 * ceiling)
    assert lost > 0
    assert abs(rate - ceiling) < 0.1 * ceiling, rate
    after, dropped, refused = counted(lab, NAME), unread(lab, entrance) - dropped, over(lab, sender) - refused
    elsewhere = unread(lab) - unread(lab, entrance) + unheard(lab, receiver) - elsewhere
    assert 0 < refused <= lost + 60, "it is the ceiling that they met"
    assert lost <= refused + dropped + elsewhere, "and nothing else takes packets"
    grown = (
        (after.rx_packets - before.rx_packets, after.rx_bytes - before.rx_bytes)
        if sender == "h1"
        else (after.tx_packets - before.tx_packets, after.tx_bytes - before.tx_bytes)
    )
    # Beside the packets themselves there is the TCP connection by which iperf3 agrees about the test.
    assert packets <= grown[0] + dropped <= packets + 60
    assert (packets - dropped) * FRAME <= grown[1] <= packets * FRAME + 20_000


def test_udp_below_the_ceiling_loses_nothing(lab: MininetLab) -> None:
    before = over(lab, "h1")
    dropped = unread(lab) + unheard(lab, "h3")
    _, lost, _ = udp(lab, "h1", "h3", CEILING // 2)
    assert over(lab, "h1") == before
    assert lost <= unread(lab) + unheard(lab, "h3") - dropped, "nothing is lost but what a busy machine drops"


def test_tcp_gets_what_the_ceiling_allows(lab: MininetLab) -> None:
    rows = Throughput(lab, "h1", "h3", seconds=10).result()
    settled = [rate for end, rate in rows if end > 3]
    mean = sum(settled) / len(settled)
    assert 0.8 * CEILING < mean < 1.1 * CEILING, rows
