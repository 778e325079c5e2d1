"""More connections to look at than a turn has searches: of those that wait the truth is told, and they lose nothing."""

from __future__ import annotations

import pytest
from simulation import Simulation
from test_priorities import SPEC, cut, full, network, told, wish

from sdn.controller.connections import connections as connections_module
from sdn.controller.events import Event, Request
from sdn.model.command import Command, Delete, Put, Transaction
from sdn.model.intent import Connection, Constraints, Protection
from sdn.model.status import State

NAMES = [f"c{number}" for number in range(6)]
ENDS = dict(zip(NAMES, [(1, 5), (2, 6), (3, 7), (4, 8), (1, 6), (2, 5)], strict=True))
LONELY = Constraints(exclude_switches=("spine2",))


@pytest.fixture
def sim(monkeypatch: pytest.MonkeyPatch) -> Simulation:
    monkeypatch.setattr(connections_module, "SEARCHES", 1)
    return network(SPEC)


def put(sim: Simulation, **values: object) -> None:
    for name in NAMES:
        sim.put(wish(name, *ENDS[name], 0.1, **values))
    sim.run(2)


def one_turn(sim: Simulation, *commands: Command) -> None:
    """And not those that follow."""
    events: list[Event] = [Request(1, Transaction(commands))] if commands else []
    for effect in sim.controller.turn(events, sim.now, sim.wall):
        sim._carry_out(effect)


def true(sim: Simulation) -> None:
    for name in NAMES:
        connection = sim.controller.store.objects[full(name)]
        status = sim.controller.statuses.of(connection)
        if status.state in (State.PROGRAMMED, State.VERIFIED):
            assert status.path != ()
            assert status.path == status.realised_path


def test_without_a_path_none_is_programmed(sim: Simulation) -> None:
    put(
        sim,
        protection=Protection(mode="PREFERRED", scope="SWITCH"),
        constraints=LONELY,
    )
    assert {told(sim, name) for name in NAMES} == {(State.PROGRAMMED, "Unprotected")}
    sim.published.clear()
    cut(sim, "spine1")
    shown = [item.status for item in sim.published if isinstance(item.resource, Connection)]
    assert "Rerouting" in {status.reason for status in shown}
    assert all(status.path for status in shown if status.state is State.PROGRAMMED)


def test_a_path_of_which_no_switch_was_told_is_not_programmed(sim: Simulation) -> None:
    put(sim)
    # All are resized in one request, and get their paths with it; those that seek backup paths use up the searches.
    wanted = Protection(mode="PREFERRED", scope="SWITCH")
    new = [Put(wish(name, *ENDS[name], 0.2, constraints=LONELY, protection=wanted, level=7)) for name in NAMES[:3]]
    two = Constraints(via=("spine2",))
    one_turn(sim, *new, *(Put(wish(name, *ENDS[name], 0.2, constraints=two)) for name in NAMES[3:]))
    true(sim)
    sim.run(5)
    true(sim)
    assert {told(sim, name)[0] for name in NAMES} == {State.PROGRAMMED}


def test_a_restart_writes_nothing(sim: Simulation) -> None:
    put(sim, protection=Protection(mode="PREFERRED", scope="SWITCH"), constraints=LONELY, ceiling=10**9)
    sim.writes()
    sim.start()
    assert len(sim.controller.connections._changed) > 1
    sim.connect()
    sim.run(12)
    assert sim.writes() == 0
    assert {told(sim, name) for name in NAMES} == {(State.PROGRAMMED, "Unprotected")}


def test_what_is_deleted_while_others_are_looked_at_is_forgotten(sim: Simulation) -> None:
    put(sim)
    for name in NAMES[:3]:
        sim.put(wish(name, *ENDS[name], 2, no_path="WAIT", level=7))
    sim.submit(*(Delete(full(name)) for name in NAMES[3:]))
    sim.submit(*(Delete(full(name)) for name in NAMES[:3]))
    sim.run(5)
    assert not sim.controller.connections._trouble
    assert sim.controller.connections.resting


def test_packets_of_one_that_is_deleted_while_others_are_looked_at_belong_to_the_next(sim: Simulation) -> None:
    put(sim)
    for name in NAMES[:3]:
        sim.put(wish(name, *ENDS[name], 2, no_path="WAIT", level=3))
    new = [Put(wish(f"d{name}", *ENDS[name], 0.1, level=7)) for name in NAMES[3:]]
    sim.submit(*(Delete(full(name)) for name in NAMES[3:]), *new)
    sim.run(5)
    assert {told(sim, f"d{name}")[0] for name in NAMES[3:]} == {State.PROGRAMMED}
    assert sim.in_sync()
