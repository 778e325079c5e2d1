"""Address pairs through the controller: what is told of shared addresses, numbers, and a restart."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network

import pytest
from simulation import Simulation
from test_controller import T, cloud

from sdn.model.intent import AddressPair, Port
from sdn.model.status import State

VIRTUAL = "00:00:5e:00:01:07"
H1, H3 = f"{T}/ports/h1", f"{T}/ports/h3"


@pytest.fixture
def sim() -> Simulation:
    sim = Simulation("leaf-spine:spines=2,leaves=3,hosts=2", staged=True)
    sim.connect()
    sim.run(3)
    sim.put(*cloud(sim))
    sim.run(1)
    return sim


def pair(active: bool = False, mac: str = VIRTUAL) -> AddressPair:
    return AddressPair(prefix=IPv4Network("10.0.0.100/32"), mac=mac, active=active)


def with_pairs(sim: Simulation, name: str, *pairs: AddressPair) -> Port:
    port = sim.controller.store.objects[name]
    assert isinstance(port, Port)
    return replace(port, allowed_address_pairs=pairs)


def told(sim: Simulation, name: str) -> tuple[State, str]:
    return sim.state(name), sim.reason(name)


def test_a_shared_address_is_told_to_all_who_may_use_it(sim: Simulation) -> None:
    sim.put(with_pairs(sim, H1, pair()))
    sim.run(0.5)
    assert told(sim, H1) == (State.PROGRAMMED, "")
    sim.published.clear()
    sim.put(with_pairs(sim, H3, pair()))
    sim.run(0.5)
    assert told(sim, H1) == told(sim, H3) == (State.DEGRADED, "AddressShared")
    message = sim.controller.statuses.of(sim.controller.store.objects[H1]).message
    assert f"{VIRTUAL}, 10.0.0.100" in message
    last = {p.resource.name: p.status for p in sim.published}
    assert last[H1].reason == last[H3].reason == "AddressShared", "watchers hear of both"
    sim.put(with_pairs(sim, H3, pair(active=True)))
    sim.run(0.5)
    assert told(sim, H1) == told(sim, H3) == (State.PROGRAMMED, "")
    sim.put(with_pairs(sim, H1, pair(active=True)), with_pairs(sim, H3, pair()))
    sim.run(0.5)
    assert told(sim, H1) == (State.PROGRAMMED, "")
    assert sim.in_sync()


def test_a_restart_writes_nothing(sim: Simulation) -> None:
    sim.put(with_pairs(sim, H1, pair(), pair(mac="")), with_pairs(sim, H3, pair(active=True)))
    sim.run(0.5)
    assert sim.in_sync()
    sim.writes()
    sim.start()
    sim.connect()
    sim.run(30)
    assert sim.writes() == 0
    assert sim.in_sync()
