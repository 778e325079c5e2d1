"""Connections of many ends when there is not enough for all: they displace and are displaced as a whole."""

from __future__ import annotations

from dataclasses import replace

import pytest
from simulation import Simulation
from test_many_ends import READY, fan, funnel, held, legs, port, reserved, status
from test_priorities import GIGA, cut, full, network, told, wish

from sdn.controller.questions.views import Views
from sdn.model.command import Create, Delete
from sdn.model.errors import Refused
from sdn.model.intent import Constraints, Protection
from sdn.model.status import State
from sdn.store.legs import leg_name

GONE = (State.DEGRADED, "Preempted")
ONE = Constraints(via=("spine1",))


@pytest.fixture
def sim() -> Simulation:
    """Hosts 1 to 3 at leaf1, 4 to 6 at leaf2, 7 to 9 at leaf3; links of 1 Gbit/s."""
    return network("leaf-spine:spines=2,leaves=3,hosts=3,capacity=1G")


def middles(sim: Simulation, name: str) -> dict[str, str]:
    """By end: the spine on the path of its leg, '' without a path."""
    return {end: leg.path[1].switch if len(leg.path) > 1 else "" for end, leg in legs(sim, name).items()}


def displaced(sim: Simulation, name: str) -> set[str]:
    lives = sim.controller.parts.lives
    return {leg for leg in sim.controller.store.legs(full(name)) if lives.displaced(leg)}


@pytest.mark.parametrize("make", [fan, funnel])
def test_it_displaces_for_all_its_legs_or_for_none(sim: Simulation, make: object) -> None:
    sim.put(
        wish("left", 2, 5, 0.6, constraints=ONE), wish("right", 3, 8, 0.3, constraints=Constraints(via=("spine2",)))
    )
    sim.put(wish("firm", 9, 6, 0.6, hold=5, constraints=Constraints(via=("spine2",))))
    before = held(sim)
    views = Views(sim.controller, "1", 0.0)
    many = make("c", 1, 4, 7, part=0.6, priority=3, constraints=ONE)  # type: ignore[operator]
    assert views.check_connection(replace(many, name="")).displaced == (full("left"),)
    everywhere = make("c", 1, 4, 7, part=1.1, priority=7)  # type: ignore[operator]
    with pytest.raises(Refused):
        sim.submit(Create(everywhere))
    third = make("c", 1, 4, 7, part=0.6, priority=3, constraints=Constraints(max_hops=1))  # type: ignore[operator]
    with pytest.raises(Refused):
        sim.submit(Create(third))
    assert (held(sim), told(sim, "left")) == (before, READY), "none goes for a request that is refused"
    sim.put(many)
    assert (told(sim, "c"), set(middles(sim, "c").values())) == (READY, {"spine1"})
    assert (told(sim, "left"), told(sim, "right"), told(sim, "firm")) == (GONE, READY, READY)
    assert full("c.h") in status(sim, "left").message
    sim.submit(Delete(full("c")))
    sim.run(2)
    assert told(sim, "left") == READY


def test_it_is_displaced_as_a_whole_and_back_as_a_whole(sim: Simulation) -> None:
    sim.put(fan("c", 1, 4, 7, part=0.6, priority=1, constraints=ONE))
    sim.put(wish("low", 3, 6, 0.3, constraints=ONE))
    views = Views(sim.controller, "1", 0.0)
    urgent = wish("urgent", 5, 8, 0.6, priority=3, constraints=ONE)
    assert views.check_connection(urgent).displaced == (full("c"),), "one, by its own name, and low can stay"
    sim.put(urgent)
    assert (told(sim, "urgent"), told(sim, "c"), told(sim, "low")) == (READY, GONE, READY)
    assert [leg.state for leg in legs(sim, "c").values()] == [State.DEGRADED] * 2
    assert displaced(sim, "c") == {full("c.h4"), full("c.h7")}
    assert not [name for name in held(sim) if name.startswith(full("c."))], "also the leg that could have stayed"
    assert full("urgent") in status(sim, "c").message
    sim.disconnect("leaf1")
    sim.start()
    sim.connect()
    sim.run(12)
    assert told(sim, "c") == GONE, "also after a restart"
    assert not [name for name in held(sim) if name.startswith(full("c."))]
    sim.submit(Delete(full("urgent")))
    sim.run(2)
    assert (told(sim, "c"), displaced(sim, "c")) == (READY, set())
    assert reserved(sim) == {round(GIGA * 0.6), round(GIGA * 0.9)}


def test_who_is_displaced_takes_other_paths_for_all_legs_where_there_are_some(sim: Simulation) -> None:
    sim.put(fan("c", 1, 4, 7, part=0.6))
    (first,) = set(middles(sim, "c").values())
    other = {"spine1": "spine2", "spine2": "spine1"}[first]
    sim.put(wish("urgent", 5, 8, 0.6, priority=3, constraints=Constraints(via=(first,))))
    assert told(sim, "c") == READY
    assert middles(sim, "c")["h4"] == other
    sim.put(wish("again", 6, 9, 0.6, priority=2, constraints=Constraints(via=(other,))))
    assert told(sim, "again") == READY
    assert told(sim, "c") == GONE, "one of its ends cannot be had beside these two"
    assert set(middles(sim, "c").values()) == {""}


def test_the_holding_priority_and_a_calm_order_of_who_goes(sim: Simulation) -> None:
    sim.put(fan("held", 1, 4, 7, part=0.4, hold=4, constraints=ONE))
    sim.put(wish("single", 2, 5, 0.4, hold=4, level=3, constraints=ONE))
    with pytest.raises(Refused):
        sim.submit(Create(wish("high", 3, 6, 0.4, priority=4, constraints=ONE)))
    sim.put(wish("high", 3, 6, 0.4, priority=5, constraints=ONE))
    assert (told(sim, "held"), told(sim, "single")) == (GONE, READY), "the lower level goes, with both legs"


def test_one_of_many_ends_displaces_another_of_them_and_chains_come_to_an_end(sim: Simulation) -> None:
    sim.put(
        fan("net", 1, 4, 7, 8, part=0.6, priority=1, constraints=ONE), funnel("low", 5, 8, 9, part=0.4, constraints=ONE)
    )
    assert (told(sim, "net"), told(sim, "low")) == (READY, READY)
    sim.put(fan("top", 2, 4, 7, part=0.6, priority=4, constraints=ONE))
    assert (told(sim, "top"), told(sim, "net"), told(sim, "low")) == (READY, GONE, READY)
    assert len(displaced(sim, "net")) == 3
    sim.run(3)
    assert told(sim, "net") == GONE, "nobody goes for one that does not fit after all"
    sim.submit(Delete(full("top")))
    sim.run(2)
    assert (told(sim, "net"), told(sim, "low")) == (READY, READY)


def test_after_a_failure_a_leg_takes_what_others_have(sim: Simulation) -> None:
    sim.put(fan("c", 1, 4, 7, part=0.6, priority=2, protection=Protection(mode="NONE")))
    (first,) = set(middles(sim, "c").values())
    other = {"spine1": "spine2", "spine2": "spine1"}[first]
    sim.put(fan("low", 2, 5, 8, part=0.6, constraints=Constraints(via=(other,))))
    cut(sim, first)
    assert (told(sim, "c"), told(sim, "low")) == (READY, GONE)
    assert set(middles(sim, "c").values()) == {other}
    cut(sim, first, up=True)
    sim.run(3)
    assert told(sim, "low") == GONE, "it asks for that spine alone"
    sim.submit(Delete(full("c")))
    sim.run(2)
    assert told(sim, "low") == READY


def test_when_the_other_one_is_gone_a_cut_leg_does_not_keep_the_others_back(sim: Simulation) -> None:
    sim.put(fan("c", 1, 4, 7, part=0.6, constraints=ONE))
    sim.put(wish("urgent", 2, 5, 0.6, priority=3, constraints=ONE))
    cut(sim, "leaf3")
    assert told(sim, "c") == GONE
    sim.submit(Delete(full("urgent")))
    sim.run(2)
    assert told(sim, "c") == (State.DEGRADED, "NoPath")
    assert middles(sim, "c") == {"h4": "spine1", "h7": ""}


def test_pinned_legs_keep_their_paths_and_one_end_in_a_list_may_have_a_path(sim: Simulation) -> None:
    sim.put(fan("c", 1, 4, 7, constraints=Constraints(pinned=True)))
    (first,) = set(middles(sim, "c").values())
    end = next(end for end, far in sim.wires.items() if (end[0], far[0]) == ("leaf3", first))
    sim.set_link(end, up=False)
    assert {end: leg.reason for end, leg in legs(sim, "c").items()} == {"h4": "", "h7": "PathNotThere"}
    sim.set_link(end, up=True)
    sim.run(4)
    assert (told(sim, "c"), set(middles(sim, "c").values())) == (READY, {first})
    path = Constraints(explicit_path=("leaf1", "spine2", "leaf2"))
    sim.put(replace(fan("d", 2, 5), constraints=path))
    assert (told(sim, "d"), middles(sim, "d")) == (READY, {"h5": "spine2"})
    assert port(5) in {leg.port for leg in status(sim, "d").legs}


@pytest.mark.parametrize("named", [False, True])
def test_what_others_of_the_same_request_displaced_is_room_for_legs(named: bool) -> None:
    sim = network("leaf-spine:spines=2,leaves=4,hosts=3,capacity=1G")
    way = Constraints(via=("spine1",), max_hops=2)
    sim.put(wish("low", 4, 7, 0.8, constraints=way))
    many = fan("c", 5, 10, part=0.8, priority=1, constraints=way)
    single = wish("s", 8, 2, 0.8, constraints=way, priority=1)
    # A manifest may name the leg as well, and before what makes room for it.
    ends = {"a": port(5), "b": port(10), "targets": ()}
    leg = replace(many, name=leg_name(many.name, port(10)), leg_of=many.name, **ends)
    sim.put(*([leg] if named else []), many, single)
    assert [told(sim, name) for name in ("low", "c", "s")] == [GONE, READY, READY]
