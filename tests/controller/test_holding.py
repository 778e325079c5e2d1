"""Repair hops that wait: which, for how long, and that the last word counts."""

from __future__ import annotations

from sdn.controller.convergence.holding import PATIENCE, HeldRepairs
from sdn.model.ids import Dpid
from sdn.model.route import Repair, RepairHops

A, B = Dpid(1), Dpid(2)
ONE, TWO = RepairHops(red=1, blue=2), RepairHops(red=3, blue=4)


def of(destination: Dpid, hops: RepairHops | None, switch: int = 9) -> Repair:
    return Dpid(switch), destination, hops


def test_nothing_waits_where_all_is_calm() -> None:
    held, told = HeldRepairs(), [of(A, ONE), of(B, None)]
    assert held.take(told, 0.0, (), ()) is told
    assert not held


def test_other_hops_wait_for_the_routes_to_rest_or_for_their_patience() -> None:
    held = HeldRepairs()
    assert held.take([of(A, ONE), of(B, ONE)], 0.0, {A}, ()) == [of(B, ONE)]
    assert held.urgent
    assert held.release(PATIENCE / 2, {A}, ()) == []
    assert held.release(PATIENCE / 2, (), ()) == [of(A, ONE)]
    assert not held
    held.take([of(A, TWO)], 5.0, {A}, ())
    assert held.release(5.0 + PATIENCE, {A}, ()) == [of(A, TWO)]


def test_hops_are_taken_away_only_when_no_cache_can_know_former_routes() -> None:
    held = HeldRepairs()
    assert held.take([of(A, None), of(A, ONE, 8)], 0.0, (), {A}) == [of(A, ONE, 8)]
    assert held
    assert not held.urgent, "switches lack nothing"
    assert held.release(10 * PATIENCE, (), {A}) == []
    assert held.release(10 * PATIENCE, (), ()) == [of(A, None)]


def test_the_last_word_counts() -> None:
    held = HeldRepairs()
    held.take([of(A, None)], 0.0, (), {A})
    assert held.take([of(A, ONE)], 1.0, (), {A}) == [of(A, ONE)]
    assert not held
    held.take([of(A, ONE)], 2.0, {A}, ())
    held.take([of(A, TWO)], 2.1, {A}, ())
    assert held.release(2.2, (), ()) == [of(A, TWO)]


def test_patience_begins_with_the_first_that_are_missing() -> None:
    """Not with those that are to be no more, which may have waited for long."""
    held = HeldRepairs()
    held.take([of(A, None)], 0.0, (), {A})
    assert held.take([of(A, ONE, 8)], 5.0, {A}, {A}) == []
    assert held.release(5.0 + PATIENCE / 2, {A}, {A}) == []
    assert held.take([of(A, TWO, 7)], 5.9, {A}, {A}) == []
    assert sorted(held.release(5.0 + PATIENCE, {A}, {A})) == [of(A, TWO, 7), of(A, ONE, 8)]
