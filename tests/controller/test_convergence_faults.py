"""Faults of the controller's own surroundings, played out in memory: the clock jumps; the daemon dies at any moment."""

from __future__ import annotations

import pytest
from simulation import Simulation
from test_controller import T, cloud

from sdn.controller.effects import Effect, SendBatch
from sdn.controller.events import BatchDone, Event
from sdn.model.status import State

CABLE = ("leaf1", "leaf1-eth1")
DAY = 86_400.0


def started() -> Simulation:
    sim = Simulation("leaf-spine:spines=2,leaves=3,hosts=2")
    sim.connect()
    sim.run(3)
    sim.put(*cloud(sim))
    sim.run(1)
    sim.writes()
    return sim


@pytest.mark.parametrize("jump", [-10_000 * DAY, -1.0, 1.0, 10_000 * DAY])
def test_a_clock_that_jumps_changes_nothing_in_the_switches(jump: float) -> None:
    sim = started()
    sim.wall += jump
    sim.run(5)
    assert sim.writes() == 0
    assert {sim.state(name) for name in sim.controller.store.objects} == {State.PROGRAMMED}
    assert len(sim.controller.topology.links()) == 6
    sim.set_link(CABLE, up=False)
    sim.run(1)
    sim.wall -= jump
    sim.set_link(CABLE, up=True)
    sim.run(3)
    assert sim.in_sync()
    assert {sim.state(name) for name in sim.controller.store.objects} == {State.PROGRAMMED}
    numbers = [event.number for event in sim.events()]
    assert numbers == sorted(set(numbers))


class Mortal(Simulation):
    """A simulation whose daemon dies when it has sent so many batches; lives: how many it has left."""

    lives = -1

    def _carry_out(self, effect: Effect) -> list[Event]:
        if isinstance(effect, SendBatch):
            if self.lives == 0:
                return []  # it is dead: nothing leaves it any more
            self.lives -= 1
        elif self.lives == 0:
            return []
        return [event for event in super()._carry_out(effect) if not (self.lives == 0 and isinstance(event, BatchDone))]


def converge(batches: int) -> tuple[Mortal, bool]:
    """A link fails and the daemon dies behind so many batches of what follows; whether it came to that."""
    sim = Mortal("leaf-spine:spines=2,leaves=3,hosts=2")
    sim.connect()
    sim.run(3)
    sim.put(*cloud(sim))
    sim.run(1)
    sim.lives = batches
    sim.set_link(CABLE, up=False)
    for _ in range(15):
        if sim.lives == 0:
            break
        sim.run(0.1)
    died = sim.lives == 0
    sim.lives = -1
    return sim, died


def test_sdnd_may_die_behind_every_single_batch_of_a_convergence() -> None:
    points = 0
    for batches in range(1, 100):
        sim, died = converge(batches)
        if not died:
            break
        points += 1
        sim.start()
        sim.connect()
        sim.run(5)
        assert sim.in_sync(), f"after a death behind batch {batches}"
        assert sim.state(f"{T}/ports/h1") is State.PROGRAMMED
        sim.set_link(CABLE, up=True)
        sim.run(5)
        assert sim.in_sync(), f"after a death behind batch {batches}, when the link is back"
    assert points >= 5
