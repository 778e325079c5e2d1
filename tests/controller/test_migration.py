"""Live migration through the controller: who is told what, what it costs, and what a restart makes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from simulation import Simulation
from test_controller import T, cloud

from sdn.controller.events import PortChanged
from sdn.model.intent import Binding, Port
from sdn.model.status import State

H1 = f"{T}/ports/h1"
LEAVES = 3
ATTACHED = 8


@pytest.fixture(params=[False, True], ids=["direct", "staged"])
def sim(request: pytest.FixtureRequest) -> Simulation:
    """Each leaf has a free interface: ``spare``."""
    sim = Simulation("leaf-spine:spines=2,leaves=3,hosts=4", staged=request.param)
    for name in ("leaf1", "leaf2", "leaf3"):
        sim.devices[name].add_port("spare")
    sim.connect()
    sim.run(3)
    sim.put(*cloud(sim))
    sim.run(1)
    sim.writes()
    return sim


def h1(sim: Simulation) -> Port:
    port = sim.controller.store.objects[H1]
    assert isinstance(port, Port)
    return port


def to(switch: str, interface: str = "spare") -> Binding:
    return Binding(switch=switch, interface=interface)


def test_a_move_and_what_it_costs(sim: Simulation) -> None:
    compiler = sim.controller.compiler
    before, here = compiler.made, h1(sim).binding
    sim.put(replace(h1(sim), migration_target=to("leaf2")))
    sim.run(0.5)
    # Attachments and flood sets of both leaves, the wiring of the new place, endpoints everywhere; written: what any
    # port needs at the new place, its place in the flood set, a probe that goes; MAC and address on every leaf.
    assert compiler.made - before == 2 * 2 + 1 + LEAVES
    assert sim.writes() == ATTACHED + 1 + 1 + LEAVES * 2
    assert sim.state(H1) is State.PROGRAMMED
    attachments = sim.controller.attachments
    for switch, interface in (("leaf1", here.interface if here else ""), ("leaf2", "spare")):
        device = sim.devices[switch]
        assert attachments.at(device.dpid, device.ports[interface].number) == H1
    sim.put(replace(h1(sim), binding=to("leaf2"), migration_target=None))
    sim.run(0.5)
    assert sim.writes() == ATTACHED + 1 + 1 + LEAVES * 2, "the same where it was; a probe comes"
    assert sim.state(H1) is State.PROGRAMMED
    assert sim.in_sync()


def test_a_restart_in_the_middle_writes_nothing(sim: Simulation) -> None:
    sim.put(replace(h1(sim), migration_target=to("leaf2")))
    sim.run(0.5)
    sim.writes()
    sim.start()
    sim.connect()
    sim.run(30)
    assert sim.writes() == 0
    assert sim.in_sync()
    assert sim.state(H1) is State.PROGRAMMED


def test_what_is_missing_is_told_and_the_rest_works(sim: Simulation) -> None:
    def told() -> tuple[State, str, str]:
        status = sim.controller.statuses.of(h1(sim))
        return status.state, status.reason, status.message

    sim.put(replace(h1(sim), migration_target=to("nowhere")))
    sim.run(0.5)
    assert told()[:2] == (State.PENDING, "SwitchUnknown")
    conditions = {c.type: c.status for c in sim.controller.statuses.of(h1(sim)).conditions}
    assert (conditions["Bound"], conditions["Programmed"]) == ("TRUE", "FALSE")
    facts = sim.controller.attachments.facts(H1)
    assert facts is not None
    assert facts.target is None
    sim.put(replace(h1(sim), migration_target=to("leaf3")))
    sim.run(0.5)
    assert told()[0] is State.PROGRAMMED
    # The old place goes away first: the port is where it moves to, and says that its binding is not there.
    place = h1(sim).binding
    assert place is not None
    device = sim.devices["leaf1"]
    gone = device.ports.pop(place.interface)
    sim.turn(PortChanged(device.session, device.dpid, gone, removed=True))
    sim.run(0.5)
    assert told()[:2] == (State.PENDING, "InterfaceMissing")
    facts = sim.controller.attachments.facts(H1)
    assert facts is not None
    assert (facts.dpid, facts.target) == (sim.devices["leaf3"].dpid, None)
    sim.put(replace(h1(sim), binding=to("leaf3"), migration_target=None))
    sim.run(0.5)
    assert told()[0] is State.PROGRAMMED
    assert sim.in_sync()


def test_two_places_by_two_names_of_one_switch(sim: Simulation) -> None:
    place = h1(sim).binding
    assert place is not None
    same = Binding(switch=f"{sim.devices['leaf1'].dpid:016x}", interface=place.interface)
    sim.put(replace(h1(sim), migration_target=same))
    sim.run(0.5)
    assert sim.state(H1) is State.PROGRAMMED
    sim.put(replace(h1(sim), binding=same, migration_target=None))
    sim.run(0.5)
    assert sim.state(H1) is State.PROGRAMMED
    assert sim.writes() == 0


def test_the_place_of_another_port_is_not_taken(sim: Simulation) -> None:
    other = sim.controller.store.objects[f"{T}/ports/h5"]
    assert isinstance(other, Port)
    assert other.binding is not None
    dpid = f"{sim.devices[other.binding.switch].dpid:016x}"
    sim.put(replace(h1(sim), migration_target=Binding(switch=dpid, interface=other.binding.interface)))
    sim.run(0.5)
    assert (sim.state(H1), sim.reason(H1)) == (State.PENDING, "BindingConflict")
    assert sim.state(other.name) is State.PROGRAMMED
    assert sim.in_sync()
