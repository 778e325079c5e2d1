"""Connections of several tenants along one way on real switches: one set of entries, and everybody's own packets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import monotonic, time

import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from cloud_lab import WAIT, CloudLab, cloud_lab, meanwhile
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

from sdn.lab.matrix import reachability
from sdn.v1 import resources_pb2 as pb

pytestmark = pytest.mark.lab
MARK = b"for:"
ROUND = 8
COUNTER_INTERVAL = 0.5
"""Seconds."""
RED, BLUE, LINE = "tenants/red/connections/c", "tenants/blue/connections/c", "tenants/red/connections/line"
ENDS = {RED: ("h1", "h9"), BLUE: ("h2", "h10"), LINE: ("h5", "h11")}
"""Red and blue have the same MACs and addresses; the last have no ports, and a circuit between their interfaces."""
UNBOUND = ("h5", "h6", "h11", "h12")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudLab]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SDN_COUNTER_INTERVAL", str(COUNTER_INTERVAL))
        with cloud_lab("leaf-spine:spines=2,leaves=2,hosts=6,capacity=1G", tmp_path_factory.mktemp("sharing")) as lab:
            for host in UNBOUND:
                lab.client.ports.delete(lab.port_of(host), wait=WAIT)
            yield lab


def connect(lab: CloudLab, name: str, spine: str) -> pb.Connection:
    a, b = (
        f"{lab.place[host].switch}:{lab.place[host].interface}" if name == LINE else lab.port_of(host)
        for host in ENDS[name]
    )
    way = pb.Constraints(via=[spine])
    wish = pb.Connection(name=name, a=a, b=b, bandwidth_bps=10**6, constraints=way)
    return lab.client.connections.create(wish, wait=WAIT)


def labels(lab: CloudLab, switch: str) -> set[str]:
    """Matches of the entries for paths."""
    return {flow.match for flow in lab.client.flows(switch) if flow.table == "fabric" and "dl_dst=82:" in flow.match}


def held(lab: CloudLab, switch: str) -> int:
    """The same, as the switch itself says."""
    return sum("dl_dst=82:" in line for line in lab.network.flows(switch).splitlines())


def verified(lab: CloudLab, name: str) -> pb.Connection:
    with lab.client.connections.watch() as changes:
        for change in changes:
            if change.resource.name == name and change.resource.status.state == pb.VERIFIED:
                return change.resource
    raise AssertionError("unreachable")


def counted(lab: CloudLab) -> dict[str, int]:
    """Packets that a of each connection has sent, as counted after this was asked."""
    lab.forget_caches()  # what it has counted for a flow is that flow's then
    since = time() + COUNTER_INTERVAL  # what is told after this was also asked of the switches after this was
    with lab.client.counters.watch(interval=1) as rounds:
        for found in rounds:
            counts = {item.name: item.counted for item in found.objects if item.name in ENDS}
            if all(item.time.ToNanoseconds() > since * 1e9 for item in counts.values()):
                return {name: item.total.rx_packets for name, item in counts.items()}
    raise AssertionError("unreachable")


class Stream:
    """Packets of all connections in both directions, each with its number and the host for which it is."""

    def __init__(self, lab: CloudLab) -> None:
        self._lab = lab
        self.rounds = self._number = 0
        self._sent: dict[str, list[bytes]] = {host: [] for host in lab.hosts}
        self._got: dict[str, list[bytes]] = {host: [] for host in lab.hosts}
        self._collect()
        for got in self._got.values():
            got.clear()

    def send(self) -> None:
        self.rounds += 1
        frames = []
        for _ in range(ROUND):
            for name, (a, b) in ENDS.items():
                for source, target in ((a, b), (b, a)):
                    self._number += 1
                    text = MARK + f"{target}:{self._number};".encode()
                    self._sent[target].append(text)
                    frames.append((source, self._frame(name, source, target, text)))
        self._lab.network.send_all(frames)

    def _frame(self, name: str, source: str, target: str, text: bytes) -> bytes:
        if name == LINE:
            # With MACs and a label as others could have them, and a tag.
            return bytes(
                Ether(src="02:00:00:00:01:0a", dst="82:00:01:00:00:01") / Dot1Q(vlan=7) / Raw(text + bytes(60))
            )
        a, b = self._lab.hosts[source], self._lab.hosts[target]
        address = b.address(4)
        assert address is not None
        return a.udp(address, b.mac, text)

    def while_(self, doing: Callable[[], object]) -> None:
        """Send before, for as long as something takes, and afterwards."""
        meanwhile(self.send, doing)

    def _collect(self) -> None:
        self._lab.network.settle()
        for host, got in self._got.items():
            for frame in self._lab.network.received(host):
                at = frame.find(MARK)
                if at >= 0:
                    got.append(frame[at : frame.index(b";", at) + 1])

    def check(self) -> None:
        """Every packet came once, to whom it was for, and to nobody else."""
        self._collect()
        assert {host: sorted(got) for host, got in self._got.items()} == {
            host: sorted(sent) for host, sent in self._sent.items()
        }


def test_one_way_for_two_tenants_and_a_circuit(lab: CloudLab) -> None:
    stream = Stream(lab)
    assert lab.hosts["h1"].mac == lab.hosts["h2"].mac
    assert lab.hosts["h9"].ip == lab.hosts["h10"].ip
    connect(lab, LINE, "spine2")
    first = labels(lab, "spine2")
    assert len(first) == 2
    stream.while_(lambda: (connect(lab, RED, "spine2"), connect(lab, BLUE, "spine2")))
    for switch in ("leaf1", "spine2", "leaf2"):
        assert labels(lab, switch) == first
        assert held(lab, switch) == 2
    for name in ENDS:
        assert [hop.switch for hop in verified(lab, name).status.verified_path] == ["leaf1", "spine2", "leaf2"]
    stream.check()
    bound = [host for name, host in lab.hosts.items() if name not in UNBOUND]
    for version in (4, 6):
        expected = {pair for pair in lab.expected if not {*pair} & {*UNBOUND}}
        matrix = reachability(lab.network, bound, version=version, protocol="udp", expected=expected)  # type: ignore[arg-type]
        assert matrix.explain(expected) == ""
    before = counted(lab)

    stream = Stream(lab)
    elsewhere = pb.Connection(name=RED, constraints=pb.Constraints(via=["spine1"]))
    stream.while_(lambda: lab.client.connections.update(elsewhere, mask=["constraints"], wait=WAIT))
    for name, spine in ((RED, "spine1"), (BLUE, "spine2"), (LINE, "spine2")):
        assert [hop.switch for hop in verified(lab, name).status.realised_path] == ["leaf1", spine, "leaf2"]
    # What is left of the first path of red is what the others have.
    deadline = monotonic() + WAIT
    while held(lab, "leaf1") != 4:
        stream.send()
        assert monotonic() < deadline
    assert labels(lab, "spine2") == first
    assert not labels(lab, "spine1") & first
    stream.check()
    assert counted(lab) == {name: count + ROUND * stream.rounds for name, count in before.items()}
