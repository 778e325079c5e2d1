"""Switches whose last port goes and is back at once: what others still know of the way there makes no loop."""

from __future__ import annotations

import random

import pytest
from moving_routes import MovingRoutes, T
from test_convergence import check_at_rest, ready

from sdn.model.command import Delete, Put
from sdn.model.intent import Binding, Port


def answers(sim: MovingRoutes, rng: random.Random, most: int) -> None:
    """Some batches are answered, and little time passes."""
    for _ in range(rng.randrange(most)):
        if sim.waiting:
            sim.answer(rng.randrange(len(sim.waiting)))
        if rng.random() < 0.2:
            sim.run(0.1)


@pytest.mark.parametrize("seed", [17, 20])
def test_a_port_that_goes_and_is_back_meets_no_loop_of_before(seed: int) -> None:
    sim, rng = ready("ring:switches=6,hosts=1"), random.Random(seed)
    for _ in range(10):
        host = rng.choice(list(sim.declared.hosts))
        name = f"{T}/ports/{host.name}"
        sim.submit(Delete(name))
        answers(sim, rng, 8)
        for _ in range(rng.randint(1, 2)):
            sim.set_cost(rng.randrange(len(sim.declared.links)), rng.randint(1, 40))
            answers(sim, rng, 6)
        binding = Binding(switch=host.switch, interface=host.interface)
        sim.submit(Put(Port(name=name, network=f"{T}/networks/n", mac="", binding=binding)))
        answers(sim, rng, 10)
        if rng.random() < 0.4:
            sim.rest(rng, 3)
    sim.rest(rng, 12)
    check_at_rest(sim)
