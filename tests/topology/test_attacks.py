"""What somebody gets who forges, replays, reverses and relays probes: reports, and no link of others."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from probe_fabric import KEY, Fabric, pair

from sdn.topology import Discovery, End, lldp

SWITCHES, PORTS = 4, 6
CABLES = [((1, 1), (2, 1)), ((2, 2), (3, 1)), ((3, 2), (4, 1)), ((4, 2), (1, 2)), ((1, 3), (2, 3))]
TRUE = sorted(pair(a, b) for a, b in CABLES)
BOUND, HOST = (3, 3), (4, 3)


def ring() -> Fabric:
    """A ring with one parallel link; 3-eth3 is bound, at 4-eth3 a host was seen, the other ports are free."""
    world = Fabric(None, Discovery(KEY))
    for dpid in range(1, SWITCHES + 1):
        world.connect(dpid, PORTS)
    world.discovery.set_bound(3, "3-eth3", True, world.now)
    assert world.discovery.host_seen(4, 3)
    for a, b in CABLES:
        world.plug(a, b)
    world.run(2)
    assert world.links() == TRUE
    return world


def test_a_link_that_is_heard_is_not_moved_by_its_own_probes() -> None:
    """Somebody who can read a cable sends its probes on to a free port, faster than the cable."""
    world = ring()
    kinds = set()
    for _ in range(60):
        world.now += 0.1
        sent = world.probes()
        for dpid, number, frame in sent:
            if (dpid, number) in ((1, 1), (2, 1)):
                kinds.add(world.discovery.receive(3, 5, frame, world.now).kind)
        assert world.deliver(sent) == []
        world.discovery.expire(world.now)
        assert world.links() == TRUE
    assert kinds == {"taken"}


def test_a_host_that_is_seen_takes_no_part_until_its_cable_is_pulled() -> None:
    world = ring()
    assert world.discovery.is_host(End(4, "4-eth3"))
    world.plug((4, 3), (1, 4))
    assert {(r.kind, r.dpid, r.port) for r in world.run(4)} == {("host-port", 4, 3)}
    assert all((d, n) != (4, 3) for _ in range(20) for d, n, _ in world.probes())
    assert world.links() == TRUE
    world.disconnect(4)
    world.connect(4, PORTS)
    world.run(3)
    assert world.links() == TRUE, "the mark outlives a reconnect"
    for up in (False, True):
        world.set_port(4, 3, up=up)
    world.run(2)
    assert world.links() == sorted([*TRUE, pair((4, 3), (1, 4))])


def test_a_link_does_not_become_a_host_by_what_comes_over_it() -> None:
    world = ring()
    assert not world.discovery.host_seen(1, 1)
    assert not world.discovery.host_seen(1, 99)
    assert not world.discovery.host_seen(9, "9-eth1")
    world.run(2)
    assert world.links() == TRUE


def test_what_remains_a_relay_between_two_free_ports() -> None:
    """Probes cannot tell it from a cable (docs/discovery.md). It ends with either port bound or seen as a host's."""
    world = ring()
    world.plug((1, 5), (3, 5))
    world.run(2)
    assert world.links() == sorted([*TRUE, pair((1, 5), (3, 5))])
    world.discovery.set_bound(1, 5, True, world.now)
    assert {r.kind for r in world.run(3)} == {"bound-port"}
    assert world.links() == TRUE


class Attacker:
    """Hears every probe, on cables and at free ports, keeps them, and sends what it likes into ports without cable."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.world = ring()
        self.heard: list[bytes] = []
        cabled = set(self.world.cables)
        self.free = [(d, n) for d in range(1, SWITCHES + 1) for n in range(1, PORTS + 1) if (d, n) not in cabled]

    def frame(self) -> bytes:
        kept = self.chance.choice(self.heard[-100:])
        match self.chance.randrange(5):
            case 0:
                where = self.chance.randrange(len(kept))
                return kept[:where] + bytes([kept[where] ^ 1 << self.chance.randrange(8)]) + kept[where + 1 :]
            case 1:
                dpid = self.chance.randint(1, SWITCHES)
                name = f"{dpid}-eth{self.chance.randint(1, PORTS)}"
                return lldp.build(b"another key than ours", dpid, name, bytes(6), self.chance.randbytes(16), 4)
            case _:
                return kept

    def step(self) -> None:
        self.world.now += 0.1
        sent = self.world.probes()
        self.heard += [frame for _, _, frame in sent]
        early, late = self.chance.randrange(4), self.chance.randrange(4)
        self.inject(early)
        self.world.deliver(sent)
        self.inject(late)
        self.world.discovery.expire(self.world.now)

    def inject(self, count: int) -> None:
        for _ in range(count if self.heard else 0):
            self.world.discovery.receive(*self.chance.choice(self.free), self.frame(), self.world.now)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_no_true_link_is_moved_or_lost_and_no_host_takes_part(seed: int) -> None:
    attacker = Attacker(seed)
    for _ in range(80):
        attacker.step()
        links = attacker.world.links()
        assert set(TRUE) <= set(links)
        cabled = {end for link in TRUE for end in link}
        others = [end for link in links if link not in TRUE for end in link]
        assert not cabled & set(others)
        assert not {End(d, f"{d}-eth{n}") for d, n in (BOUND, HOST)} & set(others)
        assert len(others) == len(set(others))
