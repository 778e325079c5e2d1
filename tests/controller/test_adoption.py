"""The daemon dies at any moment of a change, or the network changes while it is not there: no loop, and no loss.

Switches are judged as in test_convergence.py, before and after every write of both daemons. What a dead daemon had sent
is carried out by some switches and lost on its way to others.
"""

from __future__ import annotations

import random
from itertools import count

import pytest
from moving_routes import MovingRoutes
from test_convergence import LONG, check_at_rest, ready

from sdn.controller.convergence.epochs import EPOCHS as BUCKET

SEEDS = range(2)


def die(sim: MovingRoutes, rng: random.Random) -> None:
    """The daemon ends; of what it had sent a switch carries out all or nothing."""
    for device, effect in sim.waiting:
        if rng.random() < 0.5 and device.session == effect.session:
            sim.take(device, effect)
    sim.waiting.clear()
    for device in sim.devices.values():
        device.session = 0


def start(sim: MovingRoutes, rng: random.Random) -> None:
    """A new daemon; switches come to it in any order, some later than others."""
    sim.start()
    names = list(sim.devices)
    rng.shuffle(names)
    for name in names:
        sim.connect(name)
        if rng.random() < 0.2:
            sim.run(0.1)


def go_on(sim: MovingRoutes, rng: random.Random, steps: int) -> None:
    """So many batches are answered, in any order, with time in between."""
    for _ in range(steps):
        if sim.waiting:
            sim.answer(rng.randrange(len(sim.waiting)))
        if rng.random() < 0.3:
            sim.run(0.1)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("spec", "repair"), [("ring:switches=5,hosts=1", True), ("ring:switches=9,hosts=1", False)])
def test_a_death_in_any_moment_of_a_change_of_costs_loses_nothing(spec: str, repair: bool, seed: int) -> None:
    """The costs are not on the disk here, so the new daemon wants other routes than the dead one."""
    sim = ready(spec, repair=repair)
    sim.lossless = True
    rng = random.Random(seed)
    for _ in range(6):
        for _ in range(rng.choice([1, 2])):
            sim.set_cost(rng.randrange(len(sim.declared.links)), rng.randint(2, 40))
            go_on(sim, rng, rng.randrange(4 * len(sim.devices)))
        die(sim, rng)
        start(sim, rng)
        if rng.random() < 0.5:
            sim.rest(rng, 4)
    sim.rest(rng, 12)
    check_at_rest(sim)


@pytest.mark.parametrize(
    ("spec", "repair", "seed"),
    [("torus:x=3,y=3,hosts=1", True, seed) for seed in (1, 6)] + [("ring:switches=9,hosts=1", False, 0)],
)
def test_links_that_fail_while_nobody_is_there_never_make_a_loop(spec: str, repair: bool, seed: int) -> None:
    """Nor do repair trees, which change with them."""
    sim = ready(spec, repair=repair)
    rng = random.Random(seed)
    down: list[tuple[str, str]] = []

    def wire() -> None:
        if down and rng.random() < 0.5:
            sim.set_link(down.pop(), True)
        elif len(down) < 2:
            down.append(rng.choice([link.a for link in sim.declared.links if link.a not in down]))
            sim.set_link(down[-1], False)

    for _ in range(5):
        wire()
        go_on(sim, rng, rng.randrange(3 * len(sim.devices)))
        die(sim, rng)
        if rng.random() < 0.7:
            wire()
        start(sim, rng)
        if rng.random() < 0.5:
            go_on(sim, rng, rng.randrange(len(sim.devices)))
            wire()
    for end in down:
        sim.set_link(end, True)
    sim.rest(rng, 14)
    check_at_rest(sim)


def test_a_death_behind_every_single_batch_of_a_change() -> None:
    """A square turns round and its daemon dies; the next one wants it to be as it was."""
    deaths = 0
    for batches in count():
        sim = ready("ring:switches=4,hosts=1")
        sim.lossless = True
        rng = random.Random(batches)
        sim.set_cost(0, 40)
        answered = 0
        for _ in range(30):
            while sim.waiting and answered < batches:
                sim.answer(rng.randrange(len(sim.waiting)))
                answered += 1
            if answered == batches:
                break
            sim.run(0.1)
        else:
            break
        die(sim, rng)
        start(sim, rng)
        sim.rest(rng, 6)
        check_at_rest(sim)
        deaths += 1
    assert deaths >= 10


def test_routes_that_differ_are_left_for_a_grace_and_changed_by_another_epoch() -> None:
    sim = ready(LONG, repair=False)
    rng = random.Random(1)
    die(sim, rng)
    sim.set_link(sim.declared.links[0].a, False)
    before = {name: dict(sim.tables(device).labels) for name, device in sim.devices.items()}
    start(sim, rng)
    sim.run(0.5)
    while sim.waiting:
        sim.answer(0)
    assert {name: sim.tables(device).labels for name, device in sim.devices.items()} == before
    convergence = sim.controller.parts.convergence
    assert not convergence.settled
    sim.run(1)
    assert any(len(convergence.holding(d)) == 2 for d in convergence.paths.destinations)
    sim.rest(rng, 6)
    assert sim.records[BUCKET]
    check_at_rest(sim)


def test_a_switch_that_comes_for_the_first_time_later_is_taken_over_then() -> None:
    """What it does meanwhile nobody can know, so only the end is judged."""
    sim = ready("ring:switches=9,hosts=1", repair=False)
    rng = random.Random(2)
    sim.set_cost(0, 40)
    sim.rest(rng, 6)
    sim.judged = False
    die(sim, rng)
    sim.start()
    sim.connect(*(name for name in sim.devices if name != "s5"))
    sim.rest(rng, 14)
    before = dict(sim.tables(sim.devices["s5"]).labels)
    sim.connect("s5")
    assert dict(sim.tables(sim.devices["s5"]).labels) == before
    assert not sim.controller.parts.convergence.settled
    sim.judged = True
    sim.rest(rng, 8)
    check_at_rest(sim)
