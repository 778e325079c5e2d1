"""A version of routes is entered when all switches have confirmed all of it, also what became other meanwhile."""

from __future__ import annotations

from moving_routes import Tables
from test_convergence import LONG, ready

from sdn.pipeline.layout import BLUE, KIND_NODE, PRIMARY, RED, octet0


def test_repair_hops_that_change_while_a_version_is_made_are_confirmed_before_it_is_entered() -> None:
    sim = ready(LONG)
    convergence = sim.controller.parts.convergence
    sim.set_link(sim.declared.links[0].a, False)
    destination = next(d for d in convergence.paths.destinations if len(convergence.holding(d)) == 2)
    slow = next(item for item in sim.waiting if item[0].dpid != destination)
    for _ in range(30):  # repair hops wait for a second at most while routes move
        while others := [index for index, item in enumerate(sim.waiting) if item[0] is not slow[0]]:
            sim.answer(others[0])
        sim.run(0.1)
    assert convergence.epoch(destination) == 0
    sim.answer(sim.waiting.index(slow))
    label, programs = sim.labels[sim.by_dpid[destination]], sim.controller.compiler.programs
    while convergence.epoch(destination) == 0:
        sim.answer(0)
    for name, device in sim.devices.items():
        wanted = Tables(programs[device.dpid].flows, programs[device.dpid].groups)
        for color in (PRIMARY, RED, BLUE):
            key = octet0(KIND_NODE, color, 1), label
            assert sim.tables(device).labels.get(key) == wanted.labels.get(key), (name, color)
