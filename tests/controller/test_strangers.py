"""From when to when a switch that was cut off is one that nobody hears."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from sdn.controller.convergence.strangers import Strangers
from sdn.model.ids import Dpid
from sdn.model.program import GRACE, Installed, cookie_of
from sdn.model.topology import Link, LinkChanges, LinkEnd

A, B, C = Dpid(1), Dpid(2), Dpid(3)
AB, BC = Link(LinkEnd(A, 12), LinkEnd(B, 21)), Link(LinkEnd(B, 23), LinkEnd(C, 32))


class Switches:
    """Three in a row, all connected. late: those that have not confirmed the last generation."""

    def __init__(self, first: tuple[Dpid, ...] = ()) -> None:
        self.now, self.generation, self.begun = 100.0, 7, True
        self.live = {A, B, C}
        self.late: set[Dpid] = set()
        self.open: set[tuple[Dpid, int]] = set()
        self.connected: list[Any] = []
        fleet: Any = self
        self.strangers = Strangers(fleet, [A, B, C], lambda: self.generation, lambda: self.begun, first, (A, B))
        self.link(new=(AB, BC))

    def link(self, gone: tuple[Link, ...] = (), new: tuple[Link, ...] = ()) -> None:
        self.strangers.change_links(LinkChanges(gone, new))

    def is_live(self, dpid: Dpid) -> bool:
        return dpid in self.live

    def waiting(self) -> list[Any]:
        connected, self.connected = self.connected, []
        return connected

    def session(self, dpid: Dpid) -> int | None:
        return 1 if dpid in self.live else None

    def confirmed(self, dpid: Dpid, generation: int) -> bool:
        return dpid in self.live and (dpid not in self.late or generation < self.generation)

    def step(self, seconds: float = 0.0) -> frozenset[Dpid]:
        self.now += seconds
        return self.strangers.step(self.now, lambda dpid, port: (dpid, port) in self.open)

    def cut_off_c(self) -> None:
        self.live.discard(C)
        self.link(gone=(BC,))


def test_a_switch_that_is_away_or_without_links_is_no_stranger() -> None:
    switches = Switches()
    switches.live.discard(C)
    assert not switches.step() | switches.step(99)
    switches.live.add(C)
    switches.link(gone=(BC,))
    assert not switches.step() | switches.step(99)


def test_one_that_is_cut_off_is_a_stranger_a_grace_after_the_ports_towards_it_are_closed() -> None:
    switches = Switches()
    switches.cut_off_c()
    switches.open, switches.late = {(B, 23)}, {B}
    assert not switches.step() | switches.step(4), "somebody may hear it"
    assert not switches.strangers.forgot(C, 1)
    switches.open.clear()
    assert not switches.step() | switches.step(4), "the port is not known to be closed"
    switches.late.clear()
    assert not switches.step() | switches.step(GRACE - 0.1), "its cache may be open"
    assert switches.step(0.1) == {C}
    assert switches.strangers.forgot(C, 99)


@pytest.mark.parametrize("away", [False, True])
def test_one_that_is_back_is_a_stranger_until_it_has_confirmed_and_a_grace_is_over(away: bool) -> None:
    switches = Switches()
    switches.cut_off_c()
    switches.step()
    assert switches.step(GRACE) == {C}
    assert switches.step(9_999) == {C}
    assert not switches.strangers.returning
    switches.live.add(C)
    switches.late = {C}
    assert switches.step() == switches.step(4) == {C}
    assert switches.strangers.returning == [C]
    if away:
        switches.live.discard(C)
        switches.late.clear()
        assert switches.step(4) == {C}
        switches.live.add(C)
        assert switches.step() == {C}
    switches.late.clear()
    assert switches.step() == switches.step(GRACE - 0.1) == {C}
    assert not switches.step(0.1)


def test_one_that_is_back_before_it_is_unheard_never_was_a_stranger() -> None:
    switches = Switches()
    switches.cut_off_c()
    assert not switches.step() | switches.step(GRACE - 0.1)
    switches.live.add(C)
    assert not switches.step(0.1) | switches.step(9)


def test_one_is_heard_by_way_of_its_neighbour_that_is_cut_off_as_well() -> None:
    switches = Switches()
    switches.live -= {B, C}
    switches.link(gone=(AB, BC))
    switches.open = {(A, 12)}
    assert not switches.step() | switches.step(9)
    switches.open.clear()
    switches.step()
    assert switches.step(GRACE) == {B, C}


def test_a_neighbour_that_comes_back_must_close_its_port_too() -> None:
    switches = Switches()
    switches.live -= {B, C}
    switches.link(gone=(AB, BC))
    switches.step()
    switches.live.add(B)
    switches.late = {B}
    assert not switches.step(GRACE) | switches.step(9)
    switches.late.clear()
    switches.step()
    assert switches.step(GRACE) == {C}


def test_those_of_the_start_are_unheard_when_all_others_have_confirmed_and_a_grace_is_over() -> None:
    switches = Switches(first=(C,))
    switches.begun = False
    assert switches.step() == switches.step(99) == {C}
    switches.begun, switches.late = True, {A}
    assert not switches.strangers.closed
    switches.step()
    switches.step(99)
    assert not switches.strangers.closed
    switches.late.clear()
    switches.step()
    assert not switches.strangers.closed
    switches.step(GRACE)
    assert switches.strangers.closed
    assert Switches().strangers.closed, "there are none"


@pytest.mark.parametrize(("dpid", "cookie", "strange"), [(C, 0x5D << 56, False), (C, None, True), (B, None, False)])
def test_one_that_nothing_is_known_of_is_a_stranger_if_it_has_flows_of_ours(
    dpid: Dpid, cookie: int | None, strange: bool
) -> None:
    switches = Switches()
    flows = {b"key": cookie_of(b"body") if cookie is None else cookie}
    switches.connected = [SimpleNamespace(dpid=dpid, installed=Installed(flows, {}, {}))]
    assert switches.step() == ({dpid} if strange else set())
    switches.connected = [SimpleNamespace(dpid=dpid, installed=Installed(flows, {}, {}))]
    switches.step(GRACE)
    assert not switches.step(GRACE), "once"
