"""Penalties of links that come and go (RFC 2439), by themselves and as routing sees them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from probe_fabric import KEY, Fabric

from sdn.model.errors import InvalidInput
from sdn.model.topology import DeclaredLink, DeclaredTopology
from sdn.topology import PENALTY, DampingRule, TopologyState
from sdn.topology.damping import Damping, Penalty

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


WALL = 1.7e9


def restarted(damping: Damping[int], now: float, passed: float, jump: float = 0.0) -> Damping[int]:
    """The same in a process whose monotonic clock begins at 0, so long after; jump: of the wall clock meanwhile."""
    again = Damping[int](damping.rule)
    changes = damping.take_changes(now, WALL)
    again.load({link: p for link, p in changes.items() if p is not None}, 0.0, WALL + passed + jump)
    return again


@given(st.lists(st.floats(0, 20), min_size=1, max_size=12), st.floats(0, 120), st.lists(st.floats(0, 40), max_size=4))
def test_a_restart_changes_no_penalty(losses: list[float], passed: float, later: list[float]) -> None:
    damping, now = Damping[int](RULE), 1000.0
    for wait in losses:
        now += wait
        damping.expire(now)
        damping.lost(1, now)
    again = restarted(damping, now, passed)
    time = passed
    damping.expire(now + time)
    for wait in [0.0, *later]:
        time += wait
        assert again.expire(time - passed) == damping.expire(now + time)
        assert again.suppressed(1) == damping.suppressed(1)
        assert again.penalty(1, time - passed) == pytest.approx(damping.penalty(1, now + time), rel=1e-6, abs=1e-3)
        assert again.lost(1, time - passed) == damping.lost(1, now + time)


@pytest.mark.parametrize(("jump", "damped"), [(-1e9, True), (-20.0, True), (0.0, True), (30.0, False), (1e9, False)])
def test_a_clock_that_jumps_does_no_harm(jump: float, damped: bool) -> None:
    """Backwards: as if no time had passed; forwards: as if all had. Never longer than the longest time."""
    damping = Damping[int](RULE)
    for _ in range(40):
        damping.lost(1, 500.0)
    again = restarted(damping, 500.0, passed=40.0, jump=jump)
    assert again.suppressed(1) == damped
    assert again.penalty(1, 0.0) <= RULE.ceiling
    again.expire(RULE.longest + 0.001)
    assert not again.suppressed(1)


def test_what_is_kept_is_forgotten_when_it_has_decayed() -> None:
    damping = Damping[str](RULE)
    assert damping.take_changes(0.0, WALL) == {}
    damping.lost("a", 10.0)
    assert damping.take_changes(10.0, WALL) == {"a": Penalty(1000.0, False, WALL)}
    assert damping.take_changes(11.0, WALL + 1) == {}
    damping.expire(30.0)
    assert damping.take_changes(30.0, WALL + 20) == {"a": None}
    late = Damping[str](RULE)
    late.load({"a": Penalty(4000.0, True, WALL)}, 0.0, WALL + 3600)
    assert late.take_changes(0.0, WALL + 3600) == {"a": None}
    off = Damping[str](DampingRule(half_life=0))
    off.load({"a": Penalty(4000.0, True, WALL)}, 0.0, WALL)
    assert not off.suppressed("a")
    assert off.take_changes(0.0, WALL) == {"a": None}


def test_a_damped_link_is_damped_after_a_restart() -> None:
    world = pair_of_switches()
    flap(world, 4)
    links, kept = world.state.records(), world.state.take_penalty_records(WALL)
    penalties = {name: text for name, text in kept.items() if text is not None}
    assert list(penalties) == ["0000000000000001/1-eth1 0000000000000002/2-eth1"]
    again = TopologyState(KEY, world.state.declared)
    again.load(links, 5.0, penalties, WALL + 10)
    assert [link.cost for link in again.links()] == [7 + PENALTY, 10]
    assert again.take_damping_changes() == ()
    again.expire(5.0 + 40)
    assert not any(state.damped for state in again.link_states())
    (change,) = again.take_damping_changes()
    assert not change.damped


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "7",
        '[["1","a"],["2","b"],-1,true,0]',
        '[["1","a"],["2","b"],1,1,0]',
        '[["1","a"],["x","b"],1,true,0]',
        '[["1","a"],["2",3],1,true,0]',
    ],
)
def test_damaged_penalties_are_named(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"damping some link"):
        TopologyState(KEY).load({}, 0.0, {"some link": text})
