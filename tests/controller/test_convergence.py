"""Routes change without a loop and without a loss, whatever the order in which switches follow."""

from __future__ import annotations

import random
from itertools import permutations

import pytest
from moving_routes import MovingRoutes
from simulation import Simulation

from sdn.controller.convergence.epochs import EPOCHS as BUCKET
from sdn.model.errors import SdnError
from sdn.model.ids import Dpid

RING = "ring:switches=5,hosts=1"


def ready(spec: str, *, repair: bool = True) -> MovingRoutes:
    sim = MovingRoutes(spec, repair=repair)
    sim.ready()
    sim.slow = True
    return sim


def check_at_rest(sim: Simulation) -> None:
    """Every switch has the next hops that are wanted, one version of them, and nothing else."""
    parts = sim.controller.parts
    convergence, paths, compiler = parts.convergence, parts.paths, sim.controller.compiler
    assert convergence.settled
    assert sim.in_sync()
    for destination in paths.destinations:
        held = convergence.holding(destination)
        assert len(held) <= 1, "one version"
        for versions in held.values():
            for dpid in map(Dpid, compiler.programs):
                assert versions.get(dpid) == paths.next_hops(dpid, destination)


@pytest.mark.parametrize("spec", [RING, "ring:switches=12,hosts=1", "torus:x=3,y=3,hosts=1", "zoo:Abilene"])
@pytest.mark.parametrize("repair", [True, False])
def test_other_costs_never_lose_a_packet(spec: str, repair: bool) -> None:
    sim = ready(spec, repair=repair)
    sim.lossless = True
    rng = random.Random(5)
    for _ in range(12):
        sim.set_cost(rng.randrange(len(sim.declared.links)), rng.randint(1, 40))
        if rng.random() < 0.5:
            sim.rest(rng)
            check_at_rest(sim)
        for _ in range(rng.randrange(20)):
            if sim.waiting:
                sim.answer(rng.randrange(len(sim.waiting)))
            if rng.random() < 0.3:
                sim.run(0.1)
    sim.rest(rng, 12)
    check_at_rest(sim)
    assert sim.checks > 20


@pytest.mark.parametrize(
    ("spec", "seed"), [*(("ring:switches=9,hosts=1", seed) for seed in range(3)), ("fat-tree:k=4", 1)]
)
def test_failures_and_switches_that_are_away_never_make_a_loop(spec: str, seed: int) -> None:
    sim = ready(spec, repair=False)
    rng = random.Random(seed)
    down: list[tuple[str, str]] = []
    away: list[str] = []
    for _ in range(15):
        kind = rng.choice(["cut", "mend", "cost", "away"])
        if kind == "cut" and len(down) < 2:
            down.append(rng.choice([link.a for link in sim.declared.links if link.a not in down]))
            sim.set_link(down[-1], False)
        elif kind == "mend" and down:
            sim.set_link(down.pop(), True)
        elif kind == "cost":
            sim.set_cost(rng.randrange(len(sim.declared.links)), rng.randint(1, 40))
        elif kind == "away" and away:
            sim.connect(away.pop())
        elif kind == "away":
            away.append(rng.choice(list(sim.devices)))
            sim.waiting = [item for item in sim.waiting if item[0] is not sim.devices[away[-1]]]
            sim.disconnect(away[-1])
        for _ in range(rng.randrange(12)):
            if sim.waiting:
                sim.answer(rng.randrange(len(sim.waiting)))
            if rng.random() < 0.3:
                sim.run(0.1)
    for end in down:
        sim.set_link(end, True)
    if away:
        sim.connect(*away)
    sim.rest(rng, 12)
    check_at_rest(sim)


def ring_change(sim: MovingRoutes) -> None:
    """The way from s1 to s3 turns round: the two that did it hand it to each other meanwhile."""
    sim.set_cost(0, 40)


def test_every_order_of_switches_small() -> None:
    """A square, one link of it dearer: whatever the order in which its switches answer."""
    seen = 0
    for order in permutations(range(4)):
        sim = ready("ring:switches=4,hosts=1")
        sim.lossless = True
        ring_change(sim)
        ranks = {name: order[index] for index, name in enumerate(sim.devices)}
        for _ in range(60):
            while sim.waiting:
                nearest = min(range(len(sim.waiting)), key=lambda i: ranks[sim.by_dpid[sim.waiting[i][0].dpid]])
                sim.answer(nearest)
            sim.run(0.1)
        check_at_rest(sim)
        seen += sim.checks
    assert seen > 24 * 8


LONG = "ring:switches=10,hosts=1"


def start_building(sim: MovingRoutes) -> Dpid:
    """A link of a long ring is cut. Answers a destination for which no order is safe, so that it has two versions."""
    sim.set_link(sim.declared.links[0].a, False)
    convergence = sim.controller.parts.convergence
    return next(d for d in convergence.paths.destinations if len(convergence.holding(d)) == 2)


def test_a_version_is_made_then_entered_then_the_old_one_goes() -> None:
    sim = ready(LONG, repair=False)
    convergence = sim.controller.parts.convergence
    destination = start_building(sim)
    assert convergence.epoch(destination) == 0, "nothing enters before all switches have it"
    assert BUCKET not in sim.records or f"{destination:016x}" not in sim.records[BUCKET]
    rounds = list(sim.waiting)
    for _ in rounds[:-1]:
        sim.answer(0)
    assert convergence.epoch(destination) == 0
    sim.answer(0)
    assert convergence.epoch(destination) == 1
    assert sim.records[BUCKET][f"{destination:016x}"] == "1 0"
    while sim.waiting:
        sim.answer(0)
    sim.run(0.5)
    assert set(convergence.holding(destination)) == {0, 1}, "packets of the old version may be on their way"
    sim.rest(random.Random(1), 4)
    assert set(convergence.holding(destination)) == {1}
    assert sim.records[BUCKET][f"{destination:016x}"] == "1"
    check_at_rest(sim)


def test_a_failure_meanwhile_changes_the_version_that_nobody_has_entered() -> None:
    sim = ready(LONG, repair=False)
    destination = start_building(sim)
    sim.set_link(sim.declared.links[0].a, True)
    sim.set_link(sim.declared.links[3].a, False)
    assert sim.controller.parts.convergence.epoch(destination) == 0
    sim.rest(random.Random(2), 8)
    check_at_rest(sim)


def test_one_that_goes_away_ends_the_new_version_and_the_rest_goes_on_in_place() -> None:
    sim = ready(LONG, repair=False)
    convergence = sim.controller.parts.convergence
    destination = start_building(sim)
    away = next(name for name, device in sim.devices.items() if device.dpid != destination)
    sim.waiting = [item for item in sim.waiting if item[0] is not sim.devices[away]]
    sim.disconnect(away)
    assert set(convergence.holding(destination)) == {0}
    sim.rest(random.Random(3), 8)
    assert not convergence.settled, "what cannot be told waits"
    sim.connect(away)
    sim.rest(random.Random(4), 16)
    check_at_rest(sim)


def test_a_restart_spares_the_version_that_was_being_left() -> None:
    sim = ready(LONG, repair=False)
    destination = start_building(sim)
    while sim.controller.parts.convergence.epoch(destination) == 0:
        sim.answer(0)
    left, sim.waiting = sim.waiting, []
    for device, effect in left[::2]:
        sim.take(device, effect)
    assert sim.records[BUCKET][f"{destination:016x}"] == "1 0"
    sim.start()
    sim.connect()
    assert sim.controller.parts.convergence.epoch(destination) == 1
    sim.rest(random.Random(5), 6)
    assert sim.records[BUCKET][f"{destination:016x}"] == "1"
    check_at_rest(sim)


def test_an_epoch_is_not_given_out_before_it_has_drained() -> None:
    sim = ready(LONG, repair=False)
    rng = random.Random(6)
    for _ in range(6):
        sim.set_link(sim.declared.links[0].a, not sim.devices["s1"].ports[sim.declared.links[0].a[1]].up)
        while sim.waiting:
            sim.answer(0)
        sim.run(0.2)
    sim.rest(rng, 12)
    check_at_rest(sim)


def test_damaged_records_are_told() -> None:
    sim = Simulation("linear:switches=2")
    sim.records[BUCKET] = {"0000000000000001": "7"}
    with pytest.raises(SdnError, match="damaged"):
        sim.start()


@pytest.mark.parametrize(("hung", "silent"), [(False, False), (True, False), (False, True)])
def test_a_switch_that_dies_is_not_waited_for(hung: bool, silent: bool) -> None:
    """hung: it has not confirmed what it was told before; silent: it is away before its links are."""
    sim = ready("ring:switches=5,hosts=1")
    sim.rest(random.Random(1), 4)
    if hung:
        sim.set_link(sim.declared.links[0].a, False)
    if silent:
        sim.disconnect("s3")
    ends = [link.a for link in sim.declared.links if "s3" in (link.a[0], link.b[0])]
    for end in ends:
        sim.set_link(end, False)
    sim.waiting = [item for item in sim.waiting if item[0] is not sim.devices["s3"]]
    if not silent:
        sim.disconnect("s3")
    sim.rest(random.Random(2), 8)
    assert sim.controller.parts.convergence.settled
    sim.connect("s3")
    for end in ends:
        sim.set_link(end, True)
    sim.rest(random.Random(3), 12)
    if hung:
        sim.set_link(sim.declared.links[0].a, True)
        sim.rest(random.Random(4), 12)
    check_at_rest(sim)
