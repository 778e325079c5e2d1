"""Whether switches are ready to repair: of each switch, and of the network, from what is compiled and confirmed."""

from __future__ import annotations

import pytest
from simulation import Simulation
from test_controller import T, cloud

from sdn.controller.convergence.readiness import AWAY, COMPUTING, CONFIRMING, OFF, READY
from sdn.controller.convergence.repairs import PATIENCE, QUIET
from sdn.controller.questions.views import Views
from sdn.model.program import GRACE
from sdn.model.resilience import Coverage, Resilience
from sdn.model.status import State
from sdn.pipeline.layout import Table
from sdn.topology.maintenance import LinkWish


@pytest.fixture
def sim() -> Simulation:
    return started("leaf-spine:spines=2,leaves=3,hosts=2")


def started(spec: str, repair: bool = True) -> Simulation:
    sim = Simulation(spec, repair=repair)
    sim.connect()
    sim.run(3)
    sim.put(*cloud(sim))
    sim.run(1)
    return sim


CABLE = ("leaf1", "leaf1-eth1")
"""To spine1."""


def states(sim: Simulation) -> dict[str, tuple[str, int]]:
    """By switch, as GetTopology tells."""
    found = Views(sim.controller, "1", 0.0).topology().switches
    return {switch.name: (switch.repair, switch.repair_pending) for switch in found}


def assess(sim: Simulation) -> Resilience:
    return sim.controller.parts.readiness.assess()


def total(found: Resilience, what: str) -> Coverage:
    return sum((item.coverage for item in getattr(found, what)), Coverage())


def test_all_is_ready_when_every_switch_has_confirmed(sim: Simulation) -> None:
    assert set(states(sim).values()) == {(READY, 0)}
    found = assess(sim)
    assert (found.enabled, found.following) == (True, False)
    # Each of 6 links lies on ways to both leaves that are not at it, and towards the leaf at it from the spine.
    assert total(found, "links") == Coverage(18, 18, 18, 18)
    assert total(found, "switches") == Coverage(6, 6, 6, 6)
    assert [item.ends for item in found.links] == sorted(item.ends for item in found.links)


def test_an_object_is_programmed_before_repair_is_ready_and_that_is_told_beside_it(sim: Simulation) -> None:
    sim.set_link(CABLE, up=False)
    assert {word for word, _ in states(sim).values()} == {COMPUTING}
    assert sim.state(f"{T}/ports/h1") is State.PROGRAMMED
    assert assess(sim).following
    sim.run(QUIET + 0.2)
    # Some hops lead the other way now than before, and come when caches have forgotten these.
    assert {word for word, _ in states(sim).values()} == {CONFIRMING, READY}
    assert assess(sim).following
    sim.run(GRACE + 0.2)
    assert set(states(sim).values()) == {(READY, 0)}
    found = assess(sim)
    assert not found.following
    # leaf1 has one link left, a bridge, and one spine, a cut switch.
    assert [item.separates for item in found.links].count(True) == 1
    assert total(found, "links").repaired == total(found, "links").ready == total(found, "links").repairable
    assert {item.ends[0][0] for item in found.switches if item.separates} == {"spine2"}


def test_it_is_told_of_links_that_are_damped_and_of_those_that_have_other_costs(sim: Simulation) -> None:
    """Routing sees such links with penalties, and as others than people do."""
    for _ in range(4):
        sim.set_link(CABLE, up=False)
        sim.run(0.2)
        sim.set_link(CABLE, up=True)
        sim.run(1)
    assert [state.damped for state in sim.controller.topology.link_states()].count(True) == 1
    found = assess(sim)
    assert len(found.links) == 6
    first, *_, last = sim.controller.topology.discovery.links()
    sim.controller.topology.set_link(first, LinkWish(drained=True))
    sim.controller.topology.set_link(last, LinkWish(cost=7))
    sim.run(3)
    found = assess(sim)
    assert len(found.links) == 6
    assert total(found, "links").repaired == total(found, "links").repairable > 0


def test_what_a_switch_has_not_confirmed_is_not_ready(sim: Simulation) -> None:
    sim.devices["leaf2"].silent = True
    sim.set_link(CABLE, up=False)
    # Trees wait a moment for what leaf2 does not confirm.
    sim.run(QUIET + PATIENCE + 0.2)
    told = states(sim)
    assert told["leaf2"][0] == CONFIRMING
    assert told["leaf2"][1] >= 1
    # What leaf2 may still do with red packets to leaf1 would make a loop with what spine1 is to do.
    assert told.pop("spine1") == (CONFIRMING, 1)
    assert {told[name] for name in told if name != "leaf2"} == {(READY, 0)}
    links = total(assess(sim), "links")
    assert links.ready <= links.repaired < links.repairable
    sim.disconnect("leaf2")
    sim.devices["leaf2"].silent = False
    sim.connect("leaf2")
    sim.run(GRACE + 0.5)
    assert set(states(sim).values()) == {(READY, 0)}
    links = total(assess(sim), "links")
    assert links.ready == links.repaired == links.repairable


def test_a_switch_that_is_away_is_known_to_hold_nothing(sim: Simulation) -> None:
    sim.disconnect("spine1")
    assert states(sim)["spine1"] == (AWAY, 3)
    links = total(assess(sim), "links")
    assert links.ready < links.repaired


def test_without_repair_equal_ways_alone_are_left() -> None:
    sim = started("leaf-spine:spines=2,leaves=3,hosts=2", repair=False)
    assert {word for word, _ in states(sim).values()} == {OFF}
    found = assess(sim)
    assert not found.enabled
    links = total(found, "links")
    assert (links.repairable, links.repaired) == (18, 12)
    reasons = {why for item in found.links for _, why in item.unrepaired}
    assert reasons == {"there are no repair entries at spine1", "there are no repair entries at spine2"}


def test_what_a_switch_refuses_is_a_gap(sim: Simulation) -> None:
    spine = sim.devices["spine1"]
    compiler = sim.controller.compiler
    keys = {entry.key for *_, entries in compiler.routes.held(spine.dpid) for entry in entries}
    flows = compiler.programs[spine.dpid].flows.items()
    bodies = {body for key, body in flows if key in keys and key[0] == Table.FABRIC}
    spine.refuses = dict.fromkeys(bodies, "no")
    spine.flows.clear()
    sim.disconnect("spine1")
    sim.connect("spine1")
    sim.run(1)
    assert total(assess(sim), "links").repaired < 18


def test_a_link_of_a_switch_that_went_away_before_it_listened_keeps_nobody_else_from_being_ready(
    sim: Simulation,
) -> None:
    sim.set_link(CABLE, up=False)
    sim.run(5)
    sim.devices["leaf1"].silent = True
    sim.set_link(CABLE, up=True)
    sim.run(1.5)
    assert {word for word, _ in states(sim).values()} == {COMPUTING}
    sim.devices["leaf1"].silent = False
    sim.disconnect("leaf1")
    sim.run(10)
    assert {name: word for name, (word, _) in states(sim).items()} == {
        name: AWAY if name == "leaf1" else READY for name in sim.devices
    }
    sim.connect("leaf1")
    sim.run(5)
    assert set(states(sim).values()) == {(READY, 0)}
