"""Nobody loses a path because of a drain, and whatever becomes free is seen by those who wait for it."""

from __future__ import annotations

from simulation import Simulation
from test_priorities import SPEC, T, full, network, spine, told, wish

from sdn.controller.events import Maintain, PortChanged
from sdn.model.intent import Binding, Constraints, Port, Protection
from sdn.model.maintenance import Target
from sdn.model.status import State
from sdn.model.topology import LinkEnd

READY = (State.PROGRAMMED, "")
VIA1, VIA2 = (Constraints(via=(name,)) for name in ("spine1", "spine2"))


def drain(sim: Simulation, switch: str, *, drained: bool = True) -> None:
    sim.turn(Maintain(1, Target(switch=switch), drained=drained))


def test_who_cannot_leave_keeps_what_it_has() -> None:
    sim = network(SPEC)
    sim.put(wish("b", 1, 5, 0.9), wish("c", 2, 6, 0.6, constraints=VIA2))
    sim.put(wish("a", 3, 7, 0.4))
    before = {name: spine(sim, name) for name in "abc"}
    assert before == {"a": "spine2", "b": "spine1", "c": "spine2"}
    for switch in ("spine1", "spine2"):
        drain(sim, switch)
        sim.run(3)
        assert {name: spine(sim, name) for name in "abc"} == before
        assert [told(sim, name) for name in "abc"] == [READY] * 3
    assert sim.controller.connections.resting
    drain(sim, "spine1", drained=False)
    sim.run(3)
    assert {name: spine(sim, name) for name in "abc"} == before
    assert sim.controller.connections.resting


def test_a_backup_path_that_is_not_drained_takes_the_traffic() -> None:
    sim = network(SPEC)
    sim.put(wish("a", 1, 5, 0.4, protection=Protection(mode="REQUIRED", scope="SWITCH")))
    assert spine(sim, "a") == "spine1"
    drain(sim, "spine1")
    sim.run(3)
    assert spine(sim, "a") == "spine2"
    assert told(sim, "a") == READY


def test_a_port_that_moves_makes_room() -> None:
    sim = network(SPEC)
    sim.put(wish("a", 1, 5, 0.8), wish("w", 2, 6, 0.8, constraints=VIA1, no_path="WAIT"))
    assert told(sim, "w") == (State.PENDING, "NoCapacity")
    device = sim.devices["leaf2"]
    sim.turn(PortChanged(device.session, device.dpid, device.add_port("new")))
    place = Binding(switch="leaf2", interface="new")
    sim.put(Port(name=f"{T}/ports/h1", network=f"{T}/networks/n", mac="", binding=place))
    assert told(sim, "a") == READY
    assert told(sim, "w") == READY


def test_one_who_is_displaced_may_leave_more_than_was_needed() -> None:
    sim = network("leaf-spine:spines=2,leaves=4,hosts=2,capacity=1G")
    short = Constraints(via=("spine1",), max_hops=2)
    sim.put(wish("y", 1, 3, 0.8, constraints=VIA1))
    sim.put(wish("w", 7, 4, 0.8, constraints=short, no_path="WAIT"))
    assert told(sim, "w")[0] is State.PENDING
    sim.put(wish("p", 2, 5, 0.8, constraints=short, priority=1))
    assert told(sim, "y") == (State.DEGRADED, "Preempted")
    assert told(sim, "w") == READY


def test_when_links_are_not_avoided_any_more_there_is_a_backup_path_again() -> None:
    sim = network(SPEC)
    sim.put(wish("a", 1, 5, 0.4, protection=Protection(mode="REQUIRED", scope="SWITCH")))
    connections = sim.controller.connections
    routes = connections.routes(full("a"))
    assert routes is not None
    (out, into), (near, far) = routes.primary.links[0], routes.primary.switches[:2]
    assert connections.avoid(full("a"), frozenset({LinkEnd(near, out), LinkEnd(far, into)}), sim.now + 30)
    sim.run(20)
    assert told(sim, "a") == (State.DEGRADED, "Unprotected")
    sim.run(20)
    assert told(sim, "a") == READY
    assert spine(sim, "a") == "spine2", "it does not go back"
