"""Who has an interface that several claim: the first one, also after a restart, and also beside circuits."""

from __future__ import annotations

from simulation import Simulation
from test_steering import NAME, SPEC, T, ready

from sdn.controller.events import PortChanged
from sdn.model.command import Delete
from sdn.model.intent import Binding, Connection, Port
from sdn.model.status import State


def spare(sim: Simulation, switch: str, interface: str) -> Binding:
    """An interface where nothing is yet."""
    device = sim.devices[switch]
    sim.turn(PortChanged(device.session, device.dpid, device.add_port(interface)))
    return Binding(switch=switch, interface=interface)


def moving(sim: Simulation, binding: Binding, target: Binding | None) -> Port:
    return Port(name=f"{T}/ports/x", network=f"{T}/networks/n", mac="", binding=binding, migration_target=target)


def test_a_port_that_moves_within_a_switch_is_deleted() -> None:
    sim = ready(SPEC)
    sim.put(moving(sim, spare(sim, "leaf1", "one"), spare(sim, "leaf1", "two")))
    assert sim.state(f"{T}/ports/x") is State.PROGRAMMED
    sim.submit(Delete(f"{T}/ports/x"))
    sim.run(1)
    assert sim.in_sync()
    sim.put(moving(sim, spare(sim, "leaf1", "three"), None))
    assert sim.state(f"{T}/ports/x") is State.PROGRAMMED


def restart(sim: Simulation) -> None:
    sim.writes()
    for _ in range(2):
        sim.start()
        sim.connect()
        sim.run(12)
    assert not sim.writes()


def test_a_restart_leaves_an_interface_to_the_port_that_was_there_before_a_circuit() -> None:
    sim = ready(SPEC)
    first, _, third, *_ = (f"{sim.declared.switches[name]:016x}" for name in ("leaf1", "leaf2", "leaf3"))
    spare(sim, "leaf1", "one")
    spare(sim, "leaf3", "one")
    # By two names of its switch, so that it is not refused. The port is written anew behind the circuit.
    sim.put(moving(sim, Binding(switch="leaf1", interface="one"), None))
    sim.put(Connection(name=NAME, a=f"{first}:one", b=f"{third}:one", bandwidth=10**6))
    port = sim.controller.store.objects[f"{T}/ports/x"]
    sim.put(Port(name=port.name, network=f"{T}/networks/n", mac="", binding=port.binding, labels=(("a", "b"),)))  # type: ignore[attr-defined]
    told = sim.state(port.name), sim.reason(NAME)
    assert told == (State.PROGRAMMED, "EndNotAttached")
    restart(sim)
    assert (sim.state(port.name), sim.reason(NAME)) == told


def test_each_interface_has_an_order_of_its_own() -> None:
    sim = ready(SPEC)
    one, two = spare(sim, "leaf1", "one"), spare(sim, "leaf1", "two")
    alias = f"{sim.declared.switches['leaf1']:016x}"
    x, y, z = (f"{T}/ports/{name}" for name in "xyz")
    network = f"{T}/networks/n"
    # y was first at one and is second at two; x is second at one, z first at two.
    sim.put(Port(name=z, network=network, mac="", binding=two))
    sim.put(Port(name=y, network=network, mac="", binding=one))
    sim.put(Port(name=x, network=network, mac="", binding=Binding(switch=alias, interface="one")))
    sim.put(Port(name=y, network=network, mac="", binding=one, migration_target=Binding(switch=alias, interface="two")))
    told = {name: (sim.state(name), sim.reason(name)) for name in (x, y, z)}
    assert told[x] == (State.PENDING, "BindingConflict")
    assert told[z][0] is State.PROGRAMMED
    restart(sim)
    assert {name: (sim.state(name), sim.reason(name)) for name in (x, y, z)} == told
