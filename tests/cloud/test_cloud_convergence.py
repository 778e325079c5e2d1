"""Numbered packets between hosts of a fat tree, all the time, while links get other costs, are drained, and are cut.

None is lost and none comes twice. What is lost until a switch sees that its port is dead is not sent here: a cut is
complete when both switches have seen it, and their caches have been looked through.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from cloud_lab import WAIT, CloudLab, cloud_lab

from sdn.client import maintenance_target
from sdn.v1 import topology_pb2 as tpb

pytestmark = pytest.mark.lab

MARK = b"number:"
CHANGES = 100
CUTS = 6


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudLab]:
    with cloud_lab("fat-tree:k=4", tmp_path_factory.mktemp("cloud")) as lab:
        lab.ready()
        yield lab


class Stream:
    """Packets between hosts of one network, each with a number."""

    def __init__(self, lab: CloudLab) -> None:
        self.lab = lab
        self.sent: list[tuple[str, str]] = []
        names = sorted(lab.hosts)
        lab.network.settle()
        for name in names:
            lab.network.received(name)  # of the stream before
        self.pairs = [(a, b) for a in names for b in names if a != b and b in lab.members(a)]

    def send(self, rng: random.Random, count: int = 24) -> None:
        """Some packets between random hosts, of changing flows."""
        frames = []
        for a, b in rng.sample(self.pairs, min(count, len(self.pairs))):
            host, peer = self.lab.hosts[a], self.lab.hosts[b]
            target = peer.address(4)
            assert target is not None
            payload = MARK + len(self.sent).to_bytes(8, "big")
            frames.append((a, host.udp(target, peer.mac, payload, sport=1000 + len(self.sent) % 50)))
            self.sent.append((a, b))
        self.lab.network.send_all(frames)

    def while_(self, doing: Callable[[], object], rng: random.Random) -> None:
        """Send for as long as something takes, and a little longer."""
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(doing)
            while not future.done():
                self.send(rng)
            future.result()
        self.send(rng)

    def arrived(self) -> dict[int, Counter[str]]:
        """Where packets came, how often."""
        self.lab.network.settle()
        got: dict[int, Counter[str]] = {number: Counter() for number in range(len(self.sent))}
        for host in self.lab.hosts:
            for frame in self.lab.network.received(host):
                at = frame.find(MARK)
                if at >= 0:
                    got[int.from_bytes(frame[at + len(MARK) : at + len(MARK) + 8], "big")][host] += 1
        return got

    def check(self) -> None:
        """Every packet came once, to its receiver."""
        wrong = {number: got for number, got in self.arrived().items() if dict(got) != {self.sent[number][1]: 1}}
        first = [(self.sent[number], wrong[number]) for number in list(wrong)[:5]]
        assert not wrong, f"{len(wrong)} of {len(self.sent)}: {first}"


def targets(lab: CloudLab) -> list[tpb.MaintenanceTarget]:
    return [maintenance_target(":".join(link.a), ":".join(link.b)) for link in lab.network.topology.links]


def test_random_costs_and_drains_lose_nothing_and_nothing_comes_twice(lab: CloudLab) -> None:
    rng, stream = random.Random(1), Stream(lab)
    chosen = targets(lab)
    stream.send(rng)

    def change() -> None:
        for number in range(CHANGES):
            target = rng.choice(chosen)
            if number % 5 == 4:
                lab.client.set_maintenance(target, drained=rng.random() < 0.5)
            else:
                lab.client.set_maintenance(target, cost=rng.randint(1, 40))
            if number % 20 == 19:
                lab.wait_settled()

    stream.while_(change, random.Random(2))
    for target in chosen:
        lab.client.set_maintenance(target, drained=False, cost=0)
    stream.while_(lab.wait_settled, rng)
    stream.check()


def test_cuts_lose_nothing_once_the_switch_sees_them_and_nothing_comes_twice(lab: CloudLab) -> None:
    rng, stream = random.Random(3), Stream(lab)
    for link in rng.sample(lab.network.topology.links, CUTS):
        lab.network.cut(link)
        lab.forget_caches()
        for _ in range(4):  # before, while and after routes follow
            stream.send(rng)
        lab.network.mend(link)
        stream.while_(lambda: lab.client.wait_ready(WAIT), rng)
    stream.check()
