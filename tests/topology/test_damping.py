"""Penalties of links that come and go (RFC 2439), by themselves and as routing sees them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from probe_fabric import KEY, Fabric

from sdn.model.topology import DeclaredLink, DeclaredTopology
from sdn.topology import PENALTY, DampingRule, TopologyState
from sdn.topology.damping import Damping

RULE = DampingRule()


def test_the_fourth_loss_in_a_row_suppresses_until_the_penalty_has_decayed() -> None:
    damping = Damping[str](RULE)
    assert [damping.lost("a", 100.0 + n / 10) for n in range(6)] == [False, False, False, True, False, False]
    assert damping.suppressed("a")
    assert not damping.suppressed("b")
    assert damping.expire(100.5 + 15) == []
    assert damping.penalty("a", 100.5 + 15) == pytest.approx(3000, rel=0.02)
    assert damping.expire(100.5 + 39) == ["a"]
    assert not damping.suppressed("a")
    assert damping.penalty("a", 100.5 + 39) > 0
    damping.expire(100.5 + 60)
    assert damping.penalty("a", 100.5 + 60) == 0


@pytest.mark.parametrize(("seconds", "damped"), [(8, True), (9.5, False)])
def test_how_often_a_link_may_be_lost(seconds: float, damped: bool) -> None:
    damping = Damping[str](RULE)
    for n in range(200):
        damping.lost("a", n * seconds)
        damping.expire(n * seconds)
    assert damping.suppressed("a") == damped


def test_no_half_life_no_damping() -> None:
    damping = Damping[str](DampingRule(half_life=0))
    assert not any(damping.lost("a", 1.0) for _ in range(100))
    assert damping.expire(2.0) == []
    assert DampingRule(half_life=1e-6).ceiling < float("inf")


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(0, 2)), max_size=60))
def test_whatever_happened_all_is_used_again_after_the_longest_time(history: list[tuple[float, int]]) -> None:
    damping = Damping[int](RULE)
    now = 0.0
    for wait, link in history:
        now += wait
        was = damping.suppressed(link)
        before = damping.penalty(link, now)
        new = damping.lost(link, now)
        assert damping.penalty(link, now) == pytest.approx(min(before + RULE.penalty, RULE.ceiling))
        assert new == (damping.suppressed(link) and not was)
        assert damping.suppressed(link) == (was or damping.penalty(link, now) > RULE.cutoff)
    damping.expire(now + RULE.longest + 0.001)
    assert not any(damping.suppressed(link) for link in range(3))
    damping.expire(now + RULE.longest + RULE.half_life + 0.001)
    assert damping.penalty(0, now + RULE.longest) == 0


def flap(world: Fabric, times: int) -> None:
    for _ in range(times):
        for up in (False, True):
            world.set_port(1, 1, up=up)
            assert len(world.state.links()) == 1
            world.tick()
        world.run(1)
        assert len(world.state.links()) == 2


def pair_of_switches(**wanted: object) -> Fabric:
    declared = DeclaredTopology("pair", {"a": 1, "b": 2}, (DeclaredLink(("a", "1-eth1"), ("b", "2-eth1"), 7),))  # type: ignore[dict-item]
    world = Fabric(TopologyState(KEY, declared, **wanted))  # type: ignore[arg-type]
    for dpid in (1, 2):
        world.connect(dpid, 2)
    for number in (1, 2):
        world.plug((1, number), (2, number))
    world.run(2)
    assert world.state.links()
    return world


def test_routing_avoids_a_damped_link_and_it_is_shown() -> None:
    world = pair_of_switches()
    flap(world, 3)
    assert [link.cost for link in world.state.links()] == [7, 10]
    assert world.state.take_damping_changes() == ()
    records = world.state.records()
    flap(world, 1)
    assert [link.cost for link in world.state.links()] == [7 + PENALTY, 10]
    assert [state.damped for state in world.state.link_states()] == [True, False]
    assert [state.link.cost for state in world.state.link_states() if state.link] == [7, 10]
    assert world.state.records() == records
    (change,) = world.state.take_damping_changes()
    assert (change.ends, change.damped) == (("a:1-eth1", "b:2-eth1"), True)
    assert change.penalty > 3000
    world.run(40)
    assert [link.cost for link in world.state.links()] == [7, 10]
    (change,) = world.state.take_damping_changes()
    assert not change.damped


def test_a_switch_that_goes_away_and_returns_does_not_damp_its_links() -> None:
    world = pair_of_switches()
    for _ in range(10):
        world.disconnect(1)
        world.tick()
        world.connect(1, 2)
        world.run(1)
    assert [link.cost for link in world.state.links()] == [7, 10]
    assert world.state.take_damping_changes() == ()


def test_where_only_declared_links_are_used_others_are_shown_and_remembered() -> None:
    world = pair_of_switches(only_declared=True)
    assert [link.cost for link in world.state.links()] == [7]
    assert [(s.unused, s.declared is None) for s in world.state.link_states()] == [(False, False), (True, True)]
    assert len(world.state.records()) == 2
    changes, records = world.state.take_changes()
    assert len(changes.new) == 1
    assert len(records) == 2
    assert [fault.kind for fault in world.state.faults()] == ["UnexpectedLink"]
    assert world.state.faults()[0].ends == (("a", "1-eth2"), ("b", "2-eth2"))
