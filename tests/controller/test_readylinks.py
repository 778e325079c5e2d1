"""Links are told to routing when both their switches listen; ports listen a little longer than their links live."""

from __future__ import annotations

from dataclasses import replace

from sdn.controller.convergence.listening import LINGER, Listening
from sdn.controller.convergence.readylinks import ReadyLinks
from sdn.model.ids import Dpid
from sdn.model.topology import Link, LinkChanges, LinkEnd

A, B = LinkEnd(Dpid(1), 11), LinkEnd(Dpid(2), 22)
LINK = Link(A, B)
NONE = LinkChanges((), ())
GONE, NEW = LinkChanges((LINK,), ()), LinkChanges((), (LINK,))


class Switches:
    """What switches have confirmed; the compile that is to come."""

    def __init__(self) -> None:
        self.confirmed: set[tuple[int, int]] = set()
        self.generation, self.begun = 7, True
        self.away: set[int] = set()
        self.links = ReadyLinks(
            lambda dpid, generation: (dpid, generation) in self.confirmed,
            lambda: self.generation,
            lambda: self.begun,
            lambda dpid: dpid not in self.away,
        )

    def confirm(self, *dpids: int) -> None:
        self.confirmed.update((dpid, self.generation) for dpid in dpids)


def test_a_new_link_is_told_when_both_its_switches_have_confirmed_that_they_listen() -> None:
    switches = Switches()
    assert switches.links.take(NEW) == NONE
    assert switches.links
    switches.confirm(A.dpid)
    assert switches.links.take(NONE) == NONE
    switches.confirm(B.dpid)
    assert switches.links.take(NONE) == NEW
    assert not switches.links
    assert switches.links.take(GONE) == GONE, "losses are told at once"


def test_nobody_waits_for_a_link_of_a_switch_that_went_away_before_it_confirmed() -> None:
    switches = Switches()
    switches.links.take(NEW)
    switches.confirm(A.dpid)
    switches.away = {B.dpid}
    assert not switches.links
    assert switches.links.take(NONE) == NONE
    switches.away = set()
    assert switches.links
    switches.confirm(B.dpid)
    assert switches.links.take(NONE) == NEW


def test_before_switches_are_written_to_links_are_what_they_were() -> None:
    switches = Switches()
    switches.begun = False
    assert switches.links.take(NEW) == NEW


def test_a_link_that_goes_before_it_was_ready_was_never_there() -> None:
    switches = Switches()
    switches.links.take(NEW)
    assert switches.links.take(GONE) == NONE
    assert not switches.links
    switches.links.take(NEW)
    switches.confirm(A.dpid, B.dpid)
    assert switches.links.take(GONE) == NONE, "also in the very moment in which it becomes ready"


def test_a_link_that_is_back_at_once_waits_again() -> None:
    switches = Switches()
    switches.confirm(A.dpid, B.dpid)
    switches.links.take(NEW)
    assert switches.links.take(NONE) == NEW
    switches.links.take(GONE)
    switches.generation += 1
    assert switches.links.take(NEW) == NONE
    assert switches.links.take(NONE) == NONE
    switches.confirm(A.dpid, B.dpid)
    assert switches.links.take(NONE) == NEW


def test_a_link_with_another_cost_is_as_ready_as_it_was() -> None:
    switches = Switches()
    other = replace(LINK, cost=5)
    change = LinkChanges((LINK,), (other,))
    switches.links.take(NEW)
    assert switches.links.take(change) == NONE, "it is not told yet"
    switches.confirm(A.dpid, B.dpid)
    assert switches.links.take(NONE) == LinkChanges((), (other,))
    back = LinkChanges((other,), (LINK,))
    assert switches.links.take(back) == back


def test_a_port_listens_for_a_while_when_its_link_is_lost() -> None:
    listening = Listening()
    assert set(listening.change_links(NEW, 0.0)) == {(1, 11), (2, 22)}
    assert listening.at(Dpid(1), 11, trusted=False)
    assert set(listening.change_links(GONE, 10.0)) == {(1, 11), (2, 22)}
    assert listening.at(Dpid(1), 11, trusted=True)
    assert not listening.at(Dpid(1), 11, trusted=False), "a port of a tenant does so no longer"
    assert listening.ports(Dpid(1), [11, 12]) == {11}
    assert listening.ports(Dpid(1), [12]) == set()
    assert list(listening.expire(10.0 + LINGER - 0.01)) == []
    assert set(listening.expire(10.0 + LINGER)) == {(1, 11), (2, 22)}
    assert not listening.at(Dpid(1), 11, trusted=True)


def test_a_port_whose_link_is_back_listens_on() -> None:
    listening = Listening()
    for now, change in ((0.0, NEW), (10.0, GONE), (11.0, NEW)):
        assert list(listening.change_links(change, now)) == [(1, 11), (2, 22)]
    assert list(listening.expire(99.0)) == []
    assert listening.at(Dpid(2), 22, trusted=False)
