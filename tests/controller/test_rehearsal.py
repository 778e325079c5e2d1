"""A dry run tells what the real one then writes, and leaves nothing behind."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulation import Simulation
from test_controller import WEB, T, cloud, port
from test_restart import Life, programs

from sdn.daemon import copies
from sdn.daemon.rehearse import SECONDS, plan_of, task_of
from sdn.model.command import Command, Delete, Put, Transaction, TransactionResult
from sdn.model.errors import SdnError, Unavailable
from sdn.model.intent import Connection, Network, Tenant
from sdn.model.plan import Difference, Plan, SwitchPlan, Tally
from sdn.model.status import ChangeType

KINDS = ("flows", "groups", "meters")


def rehearse(sim: Simulation, *commands: Command) -> Plan:
    """A dry run as the daemon does it."""
    task = partial(task_of, sim.controller, Transaction(commands), sim.now, sim.wall)
    return plan_of(copies.run(task, SECONDS))


def settle(sim: Simulation) -> None:
    """All that follows by itself, without probes, which find links that nobody could foresee."""
    for _ in range(12):
        sim.turn()
        sim.now += 1.1


def compare(sim: Simulation, before: Any, after: Any) -> tuple[SwitchPlan, ...]:
    """What has really changed in the programs."""
    found = []
    for dpid in after:
        tallies = []
        for old, new in zip(before.get(dpid, ({}, {}, {})), after[dpid], strict=True):
            changed = sum(old[key] != new[key] for key in old.keys() & new.keys())
            tallies.append(Tally(len(new.keys() - old.keys()), changed, len(old.keys() - new.keys())))
        if any(map(any, tallies)):
            found.append(SwitchPlan(sim.controller.topology.name_of(dpid), *tallies))
    return tuple(sorted(found, key=lambda plan: plan.switch))


class Checked:
    """Every transaction of a simulation is tried out first, and compared with what comes of it."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.plans: list[Plan] = []
        self._submit = sim.submit
        sim.submit = self.submit  # type: ignore[method-assign]

    def submit(self, *commands: Command, dry_run: bool = False, request_id: str = "") -> TransactionResult:
        sim, controller = self.sim, self.sim.controller
        settle(sim)
        before, stored = programs(sim), controller.store.records()
        generation, records = controller.progress.generation, {bucket: dict(r) for bucket, r in sim.records.items()}
        plan = rehearse(sim, *commands)
        assert (programs(sim), controller.store.records(), sim.records) == (before, stored, records)
        assert controller.progress.generation == generation
        try:
            result = self._submit(*commands)
        except SdnError:
            assert plan.unknown
            raise
        settle(sim)
        assert plan.unknown == ""
        assert tuple(sorted(d.name for d in plan.differences)) == tuple(sorted(result.changed))
        assert plan.switches == compare(sim, before, programs(sim))
        self.plans.append(plan)
        return result


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["leaf-spine:spines=2,leaves=3,hosts=3", "ring:switches=4,hosts=2"]))
def test_what_is_told_is_what_is_then_written(seed: int, spec: str) -> None:
    life = Life(seed, spec)
    checked = Checked(life.sim)
    for _ in range(25):
        life.step()
    assert checked.plans


def fabric() -> Simulation:
    sim = Simulation("leaf-spine:spines=2,leaves=3,hosts=3")
    sim.connect()
    sim.run(3)
    return sim


def test_a_whole_cloud_then_connections_that_move_and_go() -> None:
    sim = fabric()
    checked = Checked(sim)
    objects = cloud(sim)
    sim.put(*objects)
    ports = [resource.name for resource in objects if "/ports/" in resource.name]
    sim.put(
        *(Connection(name=f"{T}/connections/c{n}", a=ports[n], b=ports[n + 3], bandwidth=4 * 10**9) for n in range(3))
    )
    sim.put(Connection(name=f"{T}/connections/c0", a=ports[0], b=ports[3], bandwidth=6 * 10**9))
    sim.submit(*(Delete(f"{T}/connections/c{n}") for n in range(3)))
    sim.submit(*(Delete(resource.name) for resource in reversed(objects)))
    first, made, _, gone, last = checked.plans
    assert {plan.switch for plan in first.switches} >= {"leaf1", "leaf2", "leaf3"}
    assert all(plan.flows.added > plan.flows.deleted for plan in first.switches), "no probes where hosts are"
    assert sum(plan.flows.added for plan in made.switches) == sum(plan.flows.deleted for plan in gone.switches) > 0
    assert sum(plan.flows.deleted for plan in last.switches) == sum(plan.flows.added for plan in first.switches)


def test_differences_name_what_becomes_of_objects_and_fields() -> None:
    sim = fabric()
    sim.put(*cloud(sim))
    plan = rehearse(
        sim,
        Put(Network(name=WEB, mtu=1400, labels=(("a", "b"),))),
        Put(Tenant(name="tenants/new")),
        Put(Tenant(name=T)),
        Delete(f"{T}/routers/r"),
    )
    assert plan.differences == (
        Difference(WEB, ChangeType.MODIFIED, ("labels", "mtu")),
        Difference("tenants/new", ChangeType.ADDED),
        Difference(f"{T}/routers/r", ChangeType.DELETED),
    )
    assert plan.switches


def test_what_is_under_way_is_not_counted() -> None:
    sim = fabric()
    sim.put(*cloud(sim)[:-1])
    spare = cloud(sim)[-1]
    for device in sim.devices.values():
        device.silent = True
    sim.put(spare)
    assert rehearse(sim, Put(spare)) == Plan()
    other = port("other", WEB, 99, "leaf1", "none")
    assert rehearse(sim, Put(other)).switches == ()


def test_a_switch_that_is_away_is_told_and_before_the_start_nothing_is_known() -> None:
    sim = fabric()
    sim.put(*cloud(sim))
    sim.disconnect("leaf1")
    lost = port("h1", WEB, 10, "leaf2", "h9")
    moved = rehearse(sim, Delete(lost.name))
    assert "leaf1" in {plan.switch for plan in moved.switches}
    sim.start()
    sim.turn()
    plan = rehearse(sim, Delete(lost.name))
    assert (plan.switches, plan.unknown) == ((), "Waiting for the switches of before the restart.")
    assert plan.differences == (Difference(lost.name, ChangeType.DELETED),)


def test_a_copy_that_fails_or_takes_too_long_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> bytes:
        raise ValueError("a mistake")

    def hang() -> bytes:
        while True:
            pass

    with pytest.raises(Unavailable, match=r"failed by an internal error\. See the daemon's log"):
        copies.run(fail, 20)
    assert "a mistake" in capfd.readouterr().err
    with pytest.raises(Unavailable, match="did not come to an end"):
        copies.run(hang, 1)
    assert copies.run(lambda: b"x" * 10**6, 20) == b"x" * 10**6
