"""What switches may still act upon, and for how long."""

from __future__ import annotations

from sdn.controller.convergence.lingering import Lingering
from sdn.model.ids import Dpid
from sdn.model.program import GRACE

A, B, C = Dpid(1), Dpid(2), Dpid(3)
NAME = Dpid(9)


def test_what_others_had_is_forgotten_though_a_switch_goes_away_before_it_confirms() -> None:
    lingering: Lingering[str] = Lingering()
    lingering.note(5, [(A, NAME, "a"), (B, NAME, "b"), (C, NAME, None)])
    assert not lingering.step(0.0, lambda dpid, _: dpid != B)
    assert dict(lingering.of(NAME)) == {A: "a", B: "b", C: None}, "B may confirm any moment"
    assert not lingering.step(1.0, lambda dpid, _: dpid != B, {B})
    assert dict(lingering.of(NAME)) == {A: "a", B: "b", C: None}
    assert [dpid for dpid, _, _ in lingering.unconfirmed()] == [B]
    assert lingering.step(1.0 + GRACE, lambda dpid, _: dpid != B, {B})
    assert dict(lingering.of(NAME)) == {B: "b"}, "it may act upon that until it is back"
    assert not lingering.step(9.0, lambda *_: True)
    assert lingering.step(9.0 + GRACE, lambda *_: True)
    assert not lingering.names()


def test_all_of_one_change_is_forgotten_at_once() -> None:
    lingering: Lingering[str] = Lingering()
    lingering.note(5, [(A, NAME, "a"), (B, NAME, "b")])
    lingering.note(6, [])
    assert not lingering.step(0.0, lambda dpid, _: False, {A, B})
    assert not lingering.step(1.0, lambda dpid, _: True)
    assert lingering.step(1.0 + GRACE, lambda dpid, _: True)
    assert not lingering.names()


def test_what_one_had_that_returned_is_forgotten_while_another_stays_away() -> None:
    lingering: Lingering[str] = Lingering()
    lingering.note(5, [(A, NAME, "a"), (B, NAME, "b")])
    assert not lingering.step(0.0, lambda dpid, _: False, {A, B})
    assert not lingering.step(1.0, lambda dpid, _: dpid == A, {B})
    assert lingering.step(1.0 + GRACE, lambda dpid, _: dpid == A, {B})
    assert dict(lingering.of(NAME)) == {B: "b"}
