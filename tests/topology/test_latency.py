"""Latencies out of times: what the estimate is, what disturbs it, and what routing gets of it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from probe_fabric import KEY, Fabric

from sdn.model.topology import DeclaredLink, DeclaredTopology
from sdn.topology import End, TopologyState
from sdn.topology.latency import AGAIN_SECONDS, AT_ONCE, NEEDED, WINDOW, Latencies

A, B = End(1, "1-eth1"), End(2, "2-eth1")  # type: ignore[arg-type]
LINK = A, B


class Wire:
    """Two switches with control channels of their own delays (down, up), in seconds, and a link between them."""

    def __init__(self, link: float, a: tuple[float, float], b: tuple[float, float]) -> None:
        self.latencies = Latencies()
        self.link, self.ways = link, {A: a, B: b}

    def carry(self, sender: End, receiver: End, *, queue: float = 0.0) -> None:
        down, up = self.ways[sender]
        self.latencies.round_trip(sender.dpid, down + up)
        self.latencies.probe(sender, receiver, down + self.link + self.ways[receiver][1] + queue, down + up)

    def both(self, *, queue: float = 0.0) -> None:
        self.carry(A, B, queue=queue)
        self.carry(B, A, queue=queue)


SECONDS = st.floats(0, 0.5)


@given(SECONDS, SECONDS, SECONDS, SECONDS, SECONDS)
def test_it_does_not_matter_how_a_round_trip_is_divided(link: float, a: float, b: float, c: float, d: float) -> None:
    wire = Wire(link, (a, b), (c, d))
    for _ in range(NEEDED + 1):
        wire.both()
    found = wire.latencies.of(LINK)
    assert found is not None
    assert found == wire.latencies.of(LINK[::-1])
    assert found.microseconds == pytest.approx(link * 1e6, abs=1)
    # Half of what the directions differ: this is the channels here, and could be the link.
    assert found.error == pytest.approx(abs((a - b) - (c - d)) / 2 * 1e6, abs=2)


def test_nothing_is_said_before_there_are_enough_samples_of_both_directions() -> None:
    wire = Wire(0.001, (0, 0), (0, 0))
    wire.both()
    for _ in range(NEEDED + 5):
        wire.carry(A, B)
    assert wire.latencies.of(LINK) is None
    for _ in range(NEEDED - 1):
        wire.carry(B, A)
    found = wire.latencies.of(LINK)
    assert found is not None
    assert (found.microseconds, found.samples) == (1000, WINDOW + NEEDED)


def test_what_is_held_up_now_and_then_does_not_count() -> None:
    wire = Wire(0.002, (0.0003, 0.0004), (0.0002, 0.0001))
    for number in range(WINDOW):
        wire.both(queue=0.1 if number % 3 == 0 else 0.0)
    found = wire.latencies.of(LINK)
    assert found is not None
    assert found.microseconds == pytest.approx(2000, abs=1)
    assert found.error > 10_000, "but the spread is told"


def test_a_link_that_becomes_another_one_is_seen_within_the_window() -> None:
    wire = Wire(0.002, (0, 0), (0, 0))
    for _ in range(WINDOW):
        wire.both()
    wire.link = 0.02
    for _ in range(WINDOW // 2 + 1):
        wire.both()
    assert wire.latencies.of(LINK).microseconds == 20_000  # type: ignore[union-attr]
    wire.latencies.forget(LINK)
    assert wire.latencies.of(LINK) is None


@given(st.integers(0, 2**32))
def test_an_estimate_is_never_negative_and_never_beyond_its_samples(seed: int) -> None:
    chance = random.Random(seed)
    latencies = Latencies()
    ways = []
    for _ in range(30):
        sender, receiver = chance.choice([LINK, LINK[::-1]])
        trip = chance.random() / 100
        way = chance.random() / 50
        latencies.round_trip(sender.dpid, trip)
        latencies.probe(sender, receiver, way, trip)
        ways.append(way)
    found = latencies.of(LINK)
    if found is not None:
        assert 0 <= found.microseconds <= max(ways) * 1e6
        assert found.error >= 0


def test_few_probes_of_a_switch_are_timed_together_and_all_have_their_turn() -> None:
    latencies = Latencies()
    due = [(End(1, f"e{n}"), End(2, f"e{n}")) for n in range(10)]  # type: ignore[arg-type]
    counts: dict[End, int] = {}
    for second in range(10):
        chosen = latencies.choose([pair for pair in due if latencies.wants(pair[0], second)], second)
        assert len(chosen) == AT_ONCE
        for end in chosen:
            counts[end] = counts.get(end, 0) + 1
    assert set(counts.values()) <= {3, 4, 5}
    assert len(counts) == 10
    for _ in range(WINDOW):
        latencies.round_trip(2, 0.0)  # type: ignore[arg-type]
        latencies.probe(*due[0], 0.001, 0.0)
    assert latencies.choose(due[:1], 100.0) == {due[0][0]}
    assert not latencies.wants(due[0][0], 100.0 + AGAIN_SECONDS / 2)
    assert latencies.wants(due[0][0], 100.0 + AGAIN_SECONDS)


def measured(world: Fabric, seconds: float) -> None:
    for number in (1, 2):
        a, b = (End(d, f"{d}-eth{number}") for d in (1, 2))  # type: ignore[arg-type]
        for _ in range(WINDOW):
            for sender, receiver in ((a, b), (b, a)):
                world.state.latencies.round_trip(sender.dpid, 0.0)
                world.state.latencies.probe(sender, receiver, seconds, 0.0)
    world.tick()


@pytest.mark.parametrize("used", [True, False])
def test_routing_gets_it_where_nothing_is_declared_and_only_if_wanted(used: bool) -> None:
    declared = DeclaredTopology("two", {"a": 1, "b": 2}, (DeclaredLink(("a", "1-eth1"), ("b", "2-eth1"), latency=70),))  # type: ignore[dict-item]
    world = Fabric(TopologyState(KEY, declared, measured=used))
    for dpid in (1, 2):
        world.connect(dpid, 2)
    for number in (1, 2):
        world.plug((1, number), (2, number))
    world.run(2)
    measured(world, 0.003)
    assert [link.latency for link in world.state.links()] == [70, 3000 if used else 0]
    assert [s.measured.microseconds for s in world.state.link_states() if s.measured] == [3000, 3000]
    if used:
        version = world.state.version
        measured(world, 0.0032)
        assert world.state.version == version, "a little more is no other network"
        measured(world, 0.006)
        assert [link.latency for link in world.state.links()] == [70, 6000]
        world.set_port(1, 2, up=False)
        world.set_port(1, 2, up=True)
        world.run(2)
        assert [link.latency for link in world.state.links()] == [70, 0], "begun anew"
