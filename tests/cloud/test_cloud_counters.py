"""Counters of real switches under a real sdnd: exact, attributed, and monotonic when a switch dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import monotonic

import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from cloud_lab import CloudLab, cloud_lab
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from sdn.client import CounterRound
from sdn.v1 import counters_pb2 as cpb

pytestmark = pytest.mark.lab
DEADLINE = 30.0
SIZE = 200
"""Bytes of each frame."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudLab]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SDN_COUNTER_INTERVAL", "0.5")
        with cloud_lab("leaf-spine:spines=1,leaves=2,hosts=4", tmp_path_factory.mktemp("counters"), "each") as lab:
            # Counting begins at the first observation of a port.
            until(lab, lambda found: all(item.counted.HasField("time") for item in found.objects))
            yield lab


def until(lab: CloudLab, accept: Callable[[CounterRound], bool]) -> CounterRound:
    """The first round that is accepted."""
    end = monotonic() + DEADLINE
    with lab.client.counters.watch(interval=1) as rounds:
        for found in rounds:
            if accept(found):
                return found
            assert monotonic() < end, found
    raise AssertionError("unreachable")


def of(found: CounterRound, name: str) -> cpb.Counted:
    return next(item.counted for item in found.objects if item.name == name)


def pair(lab: CloudLab) -> tuple[str, str]:
    """Two hosts of one network at different leaves."""
    first = next(iter(lab.hosts))
    return first, next(h for h in lab.members(first) if lab.place[h].switch != lab.place[first].switch)


def send(lab: CloudLab, source: str, destination: str, count: int) -> None:
    a, b = lab.hosts[source], lab.hosts[destination]
    frame = Ether(src=a.mac, dst=b.mac) / IP(src=str(a.ip.ip), dst=str(b.ip.ip)) / UDP(sport=9, dport=9)
    data = bytes(frame)
    lab.network.received(destination)
    lab.network.send(source, *[data + bytes(SIZE - len(data))] * count)
    lab.network.settle()
    assert len(lab.network.received(destination)) == count


def test_ports_networks_and_links_count_what_was_sent(lab: CloudLab) -> None:
    source, destination = pair(lab)
    names = [lab.port_of(source), lab.port_of(destination)]
    network = lab.client.ports.get(names[0]).network
    before = {name: lab.client.counters.get(name).counted.total for name in (*names, network)}
    count = 40
    send(lab, source, destination, count)

    def arrived(found: CounterRound) -> bool:
        sent = of(found, names[0]).total.rx_packets - before[names[0]].rx_packets
        got = of(found, names[1]).total.tx_packets - before[names[1]].tx_packets
        return (sent, got) == (count, count)

    found = until(lab, arrived)
    assert of(found, names[0]).total.rx_bytes - before[names[0]].rx_bytes == count * SIZE
    assert of(found, names[1]).total.tx_bytes - before[names[1]].tx_bytes == count * SIZE
    assert of(found, network).total.rx_packets - before[network].rx_packets == count
    assert of(found, network).total.tx_bytes - before[network].tx_bytes == count * SIZE
    leaf = lab.place[source].switch
    link = next(link for link in lab.client.counters.links(leaf) if link.up)
    side = link.at_a if link.a.switch == leaf else link.at_b
    assert side.total.tx_bytes >= count * SIZE


def test_rates_are_told_while_traffic_flows_and_end_with_it(lab: CloudLab) -> None:
    source, destination = pair(lab)
    name = lab.port_of(source)
    end = monotonic() + DEADLINE
    while not lab.client.counters.get(name).counted.rate.rx_bps:
        send(lab, source, destination, 20)
        assert monotonic() < end
    until(lab, lambda found: of(found, name).rate.rx_bps == 0)


def test_totals_go_on_when_a_switch_died_and_came_back(lab: CloudLab) -> None:
    source, destination = pair(lab)
    name, leaf = lab.port_of(source), lab.place[source].switch
    first = lab.client.counters.get(name).counted.total.rx_packets
    send(lab, source, destination, 30)
    before = until(lab, lambda found: of(found, name).total.rx_packets >= first + 30)
    last = max(event.number for event in lab.client.events())
    lab.network.ovs_of(leaf).stop_vswitchd(kill=True)
    lab.network.ovs_of(leaf).start_vswitchd()
    with lab.client.watch_events(last + 1, reason="SwitchConnected") as back:
        assert next(event for event in back if event.object == leaf), "before that nobody knows that it was away"
    for link in lab.network.topology.links:
        if leaf in (link.a[0], link.b[0]):
            lab.network.cut(link)
            lab.network.mend(link)
    lab.ready()
    started = until(lab, lambda found: of(found, name).time.ToNanoseconds() > of(before, name).time.ToNanoseconds())
    assert of(started, name).total.rx_packets >= of(before, name).total.rx_packets
    send(lab, source, destination, 5)
    found = until(lab, lambda found: of(found, name).total.rx_packets >= of(started, name).total.rx_packets + 5)
    assert of(found, name).total.rx_packets == of(started, name).total.rx_packets + 5
