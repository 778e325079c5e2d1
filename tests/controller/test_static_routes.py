"""Static routes through the controller: what is told while nobody has a next hop, and what a change costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from simulation import Simulation
from test_controller import T, cloud

from sdn.model.command import Delete
from sdn.model.intent import Network, Port, Router, StaticRoute
from sdn.model.status import State

ROUTER = f"{T}/routers/r"
LEAVES = 3
FREE = IPv4Address("10.0.0.200")


@pytest.fixture
def sim() -> Simulation:
    sim = Simulation("leaf-spine:spines=2,leaves=3,hosts=4")
    sim.connect()
    sim.run(3)
    sim.put(*cloud(sim))
    sim.run(1)
    sim.writes()
    return sim


def set_routes(sim: Simulation, *routes: tuple[str, IPv4Address | None]) -> None:
    router = sim.controller.store.objects[ROUTER]
    assert isinstance(router, Router)
    made = tuple(StaticRoute(prefix=IPv4Network(prefix), next_hop=hop) for prefix, hop in routes)
    sim.put(replace(router, routes=made))
    sim.run(0.5)


def port_of(sim: Simulation, name: str) -> Port:
    port = sim.controller.store.objects[f"{T}/ports/{name}"]
    assert isinstance(port, Port)
    return port


def told(sim: Simulation) -> tuple[State, str, str]:
    status = sim.controller.statuses.of(sim.controller.store.objects[ROUTER])
    return status.state, status.reason, status.message


def test_a_next_hop_that_comes_and_goes_is_told(sim: Simulation) -> None:
    set_routes(sim, ("0.0.0.0/0", FREE), ("10.9.0.0/16", None))
    state, reason, message = told(sim)
    assert (state, reason) == (State.DEGRADED, "NextHopMissing")
    assert "10.0.0.200 to 0.0.0.0/0 (no port has it)" in message
    assert "10.9.0.0/16" not in message
    sim.published.clear()
    first = port_of(sim, "h1")
    sim.put(replace(first, addresses=(*first.addresses, FREE)))
    sim.run(0.5)
    assert told(sim)[0] is State.PROGRAMMED
    assert [(p.resource.name, p.status.state) for p in sim.published if p.resource.name == ROUTER][-1] == (
        ROUTER,
        State.PROGRAMMED,
    )
    sim.put(replace(port_of(sim, "h1"), binding=None))
    sim.run(0.5)
    assert told(sim)[0] is State.DEGRADED
    assert f"of {first.name}, not attached" in told(sim)[2]
    sim.submit(Delete(first.name))
    sim.run(0.5)
    assert "no port has it" in told(sim)[2]
    assert sim.in_sync()


def test_costs(sim: Simulation) -> None:
    compiler = sim.controller.compiler

    def cost(change: Callable[[], object]) -> tuple[int, int]:
        before, _ = compiler.made, sim.writes()
        change()
        sim.run(0.5)
        return compiler.made - before, sim.writes()

    hop = port_of(sim, "h1").addresses[0]
    assert isinstance(hop, IPv4Address)
    both = ("0.0.0.0/0", hop), ("10.9.0.0/16", None)
    assert cost(lambda: set_routes(sim, *both)) == (LEAVES, LEAVES * 2), "a unit on every leaf, a flow for each route"
    assert cost(lambda: set_routes(sim, both[0])) == (LEAVES, LEAVES)
    assert cost(lambda: set_routes(sim, both[0])) == (0, 0)
    # A port that no route leads to costs what it costs without routes; the next hop's own one unit a leaf more.
    other = replace(port_of(sim, "h3"), addresses=(IPv4Address("10.0.0.77"),))
    assert cost(lambda: sim.put(other))[0] == 2 + LEAVES
    moved = replace(port_of(sim, "h1"), mac="02:aa:00:00:00:99")
    units, _ = cost(lambda: sim.put(moved))
    assert units == 2 + LEAVES + LEAVES
    assert sim.in_sync()


def test_another_mtu_costs_what_it_changes(sim: Simulation) -> None:
    set_routes(sim, ("0.0.0.0/0", IPv4Address("10.0.0.10")), ("10.9.0.0/16", None))
    compiler = sim.controller.compiler
    network = sim.controller.store.objects[f"{T}/networks/web"]
    assert isinstance(network, Network)
    for mtu, units, flows in ((9000, LEAVES, 1 + 5), (1400, 2 * LEAVES, 2 + 1), (1500, 2 * LEAVES, 2 + 5)):
        before, _ = compiler.made, sim.writes()
        sim.put(replace(network, mtu=mtu))
        sim.run(0.5)
        # The router's flow into the smaller network and five in SIZE; the route's flow where its next hop is there.
        assert (compiler.made - before, sim.writes()) == (units, LEAVES * flows), mtu
        assert sim.in_sync()
    alone = Network(name=f"{T}/networks/alone")
    sim.put(alone)
    before, _ = compiler.made, sim.writes()
    sim.put(replace(alone, mtu=9000))
    sim.run(0.5)
    assert (compiler.made - before, sim.writes()) == (0, 0)


def test_a_restart_writes_nothing(sim: Simulation) -> None:
    set_routes(sim, ("0.0.0.0/0", IPv4Address("10.0.0.10")), ("10.9.0.0/16", FREE))
    assert sim.in_sync()
    sim.writes()
    sim.start()
    sim.connect()
    sim.run(30)
    assert sim.writes() == 0
    assert told(sim)[1] == "NextHopMissing"
