"""A switch that is cut off and comes back never makes a loop, however often epochs were given again meanwhile."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from cut_off import CutOff
from test_convergence import check_at_rest

from sdn.controller.questions.views import Views
from sdn.model.ids import Dpid
from sdn.model.route import EPOCHS
from sdn.topology.adjacency import End
from sdn.topology.maintenance import LinkWish

DEAR, CHEAP = 200, 1
RING, BESIDE, NEAR, FAR = 0, (2, 8), 10, 11
"""Links of HANDLE: that of s1 and s2; those between s4 to s9 and the others; those of x."""
HANDLE = f"""
name: handle
switches: [s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, x]
links:
{"".join(f"  - {{a: s{n}, b: s{n % 10 + 1}}}{chr(10)}" for n in range(1, 11))}
  - {{a: x, b: s4, cost: {CHEAP}}}
  - {{a: x, b: s10, cost: {DEAR}}}
hosts:
  - {{name: h1, switch: s1}}
  - {{name: h3, switch: s3}}
  - {{name: hx, switch: x}}
"""
"""A ring, and a switch across it. To s1 that goes by s4 at first; later s4 has no way but by it."""


def hurry(sim: CutOff, seconds: float) -> None:
    """Switches answer at once."""
    for _ in range(round(seconds * 10)):
        while sim.waiting:
            sim.answer(0)
        sim.run(0.1)


def given_again(path: Path, rng: random.Random) -> CutOff:
    """x was cut off when it gave packets to s1 epoch 0, which all others give again by now; their ways have turned."""
    file = path / "handle.yaml"
    file.write_text(HANDLE)
    sim = CutOff(str(file), repair=False)
    sim.ready()
    sim.slow = True
    convergence, s1 = sim.controller.parts.convergence, Dpid(sim.devices["s1"].dpid)
    sim.set_cost(RING, DEAR)  # the ring goes the other way round: no order of switches is safe
    while convergence.epoch(s1) == 0:
        sim.answer(0)
    sim.waiting = [item for item in sim.waiting if item[0] is not sim.devices["x"]]
    sim.cut_off("x", rng)
    sim.rest(rng, 2.5)
    for number in range(EPOCHS - 1):
        sim.set_cost(RING, DEAR if number % 2 else CHEAP)
        sim.rest(rng, 2.5)
    assert convergence.epoch(s1) == 0
    assert convergence.settled, "nobody waits for x"
    assert sim.tables(sim.devices["x"]).stamps
    sim.set_cost(FAR, CHEAP)
    sim.cut.update(sim.declared.links[number].a for number in (*BESIDE, NEAR))
    sim.wire()
    sim.rest(rng, 1.5)
    return sim


@pytest.mark.parametrize("how", ["links", "session", "both"])
def test_a_switch_that_knows_an_epoch_which_was_given_again_is_back(tmp_path: Path, how: str) -> None:
    sim = given_again(tmp_path, random.Random(1))
    if how == "session":
        sim.connect("x")
    sim.mend_cables("x")
    if how == "links":
        sim.run(0.3)
    if how != "session":
        sim.connect("x")
    hurry(sim, 0.2)
    assert any("was cut off" in missing for missing in Views(sim.controller, "1", 0.0).missing())
    sim.cut.discard(sim.declared.links[NEAR].a)  # this cable comes a little later
    sim.wire()
    hurry(sim, 0.6)
    assert not sim.controller.parts.convergence.paths.next_hops(Dpid(sim.devices["s4"].dpid), Dpid(1))
    hurry(sim, 0.6)
    assert sim.controller.parts.convergence.paths.next_hops(Dpid(sim.devices["s4"].dpid), Dpid(1)), "after 1.4 s"
    hurry(sim, 4)
    check_at_rest(sim)
    assert not any("was cut off" in missing for missing in Views(sim.controller, "1", 0.0).missing())


@pytest.mark.parametrize("late", [True, False])
def test_the_same_with_another_daemon(tmp_path: Path, late: bool) -> None:
    """late: it is back when that has begun to write; else before it is started."""
    sim = given_again(tmp_path, random.Random(1))
    for device in sim.devices.values():
        device.session = 0
    if not late:
        sim.mend_cables("x")
    sim.start()
    for number, cost in ((RING, CHEAP), (FAR, CHEAP)):
        link = sim.declared.links[number]
        a, b = sorted(End(sim.declared.switches[name], interface) for name, interface in (link.a, link.b))
        sim.controller.topology.set_link((a, b), LinkWish(cost=cost))
    sim.connect(*(name for name in sim.devices if name != "x"))
    if late:
        hurry(sim, 12)
        sim.mend_cables("x")
    sim.connect("x")
    hurry(sim, 0.2)
    sim.cut.discard(sim.declared.links[NEAR].a)
    sim.wire()
    hurry(sim, 5)
    check_at_rest(sim)


def go_on(sim: CutOff, rng: random.Random, steps: int) -> None:
    """So many batches are answered, in any order, with time in between."""
    for _ in range(steps):
        if sim.waiting and rng.random() < 0.9:
            sim.answer(rng.randrange(len(sim.waiting)))
        if rng.random() < 0.3:
            sim.run(0.1)


def changes(sim: CutOff, rng: random.Random, count: int) -> None:
    """Costs and links become others, with time before each change."""
    for _ in range(count):
        if rng.random() < 0.5:
            sim.rest(rng, rng.choice([1.2, 2.4, 3.6]))
        else:
            go_on(sim, rng, rng.choice([0, 5, 20, 60]))
        kind = rng.choice(["cost", "cut", "mend"])
        if kind == "cost":
            sim.set_cost(rng.randrange(len(sim.declared.links)), rng.randint(1, 40))
            sim.judge()
        elif kind == "cut" and len(sim.cut) < 2:
            sim.cut.add(rng.choice([link.a for link in sim.declared.links if link.a not in sim.cut]))
        elif kind == "mend" and sim.cut:
            sim.cut.discard(rng.choice(sorted(sim.cut)))
        sim.wire()


@pytest.mark.parametrize(
    ("spec", "repair", "seed"),
    [("ring:switches=6,hosts=1", False, 33), ("ring:switches=6,hosts=1", True, 1), ("zoo:Abilene", False, 35)],
)
def test_lives_in_which_switches_are_cut_off_and_come_back_at_any_moment(spec: str, repair: bool, seed: int) -> None:
    """Its links first, its session first, or both together."""
    sim = CutOff(spec, repair=repair)
    sim.ready()
    sim.slow = True
    rng = random.Random(seed)
    for _ in range(4):
        name = rng.choice([name for name, device in sim.devices.items() if device.session])
        sim.cut_off(name, rng)
        changes(sim, rng, rng.randrange(7))
        how = rng.choice(["links", "session", "both"])
        if how == "session":
            sim.connect(name)
            go_on(sim, rng, rng.randrange(30))
        sim.mend_cables(name)
        if how == "links":
            go_on(sim, rng, rng.randrange(30))
        if how != "session":
            sim.connect(name)
        sim.judge()
        changes(sim, rng, rng.randrange(4))
    sim.cut.clear()
    sim.wire()
    sim.rest(rng, 14)
    check_at_rest(sim)
