"""Who gets a path when there is not enough for all: by priority, by service level, and what the others are told."""

from __future__ import annotations

from ipaddress import ip_network
from itertools import pairwise

import pytest
from simulation import Simulation

from sdn.controller.connections import connections as connections_module
from sdn.controller.questions.views import Views
from sdn.model.command import Create, Delete
from sdn.model.errors import InvalidInput, Refused
from sdn.model.ids import Kind
from sdn.model.intent import Binding, Connection, Constraints, Network, Port, Protection, Subnet, Tenant
from sdn.model.status import State

T = "tenants/t"
GIGA = 10**9
SPEC = "leaf-spine:spines=2,leaves=2,hosts=4,capacity=1G"


def network(spec: str = SPEC, **settings: float) -> Simulation:
    sim = Simulation(spec, **settings)  # type: ignore[arg-type]
    sim.connect()
    sim.run(3)
    sim.put(
        Tenant(name=T),
        Network(name=f"{T}/networks/n"),
        Subnet(name=f"{T}/subnets/s", network=f"{T}/networks/n", cidr=ip_network("10.0.0.0/24")),
    )
    for host in sim.declared.hosts:
        binding = Binding(switch=host.switch, interface=host.interface)
        sim.put(Port(name=f"{T}/ports/{host.name}", network=f"{T}/networks/n", mac="", binding=binding))
    sim.run(1)
    return sim


@pytest.fixture
def sim() -> Simulation:
    return network()


def full(name: str) -> str:
    return f"{T}/connections/{name}"


def wish(name: str, a: int, b: int, part: float, **values: object) -> Connection:
    ends = {"a": f"{T}/ports/h{a}", "b": f"{T}/ports/h{b}", "bandwidth": round(GIGA * part)}
    return Connection(name=full(name), **ends, **values)  # type: ignore[arg-type]


def spine(sim: Simulation, name: str) -> str:
    connection = sim.controller.store.objects[full(name)]
    assert isinstance(connection, Connection)
    hops = sim.controller.connections.hops(connection)
    return hops[1].switch if hops else ""


def told(sim: Simulation, name: str) -> tuple[State, str]:
    return sim.state(full(name)), sim.reason(full(name))


def cut(sim: Simulation, switch: str, *, up: bool = False) -> None:
    for end in list(sim.wires):
        if end[0] == switch:
            sim.set_link(end, up=up)


def test_what_becomes_of_a_request_without_a_path(sim: Simulation) -> None:
    with pytest.raises(Refused, match="no path has"):
        sim.submit(Create(wish("a", 1, 5, 2)))
    sim.put(wish("b", 1, 6, 2, no_path="WAIT"), wish("c", 1, 7, 2, no_path="BEST_EFFORT"))
    assert told(sim, "b") == (State.PENDING, "NoCapacity")
    assert told(sim, "c") == (State.DEGRADED, "NoCapacity")
    statuses, progress = sim.controller.statuses, sim.controller.parts.progress
    assert statuses.settled(full("b"), progress.generation), "nobody waits for what cannot be"
    sim.put(wish("b", 1, 6, 0.5, no_path="WAIT"))
    assert told(sim, "b") == (State.PROGRAMMED, "")
    with pytest.raises(InvalidInput):
        sim.submit(Create(wish("d", 2, 7, 0.1, no_path="WAIT", constraints=Constraints(via=("nobody",)))))


def test_a_path_that_becomes_free_is_taken_by_the_higher_level(sim: Simulation) -> None:
    sim.put(wish("one", 1, 5, 0.8), wish("two", 1, 6, 0.8))
    sim.put(wish("low", 2, 7, 0.8, no_path="WAIT", level=1), wish("top", 2, 8, 0.8, no_path="WAIT", level=6))
    sim.submit(Delete(full("one")))
    assert told(sim, "top") == (State.PROGRAMMED, "")
    assert told(sim, "low") == (State.PENDING, "NoCapacity")


@pytest.mark.parametrize(("levels", "winner"), [((0, 5), "b"), ((5, 0), "a"), ((2, 2), "a")])
def test_when_there_is_room_for_one_the_level_decides(levels: tuple[int, int], winner: str) -> None:
    sim = network()
    for name, level, host in zip("ab", levels, (5, 6), strict=True):
        sim.put(wish(name, 1, host, 0.4, level=level))
    first = spine(sim, "a")
    assert spine(sim, "b") == first
    other = {"spine1": "spine2", "spine2": "spine1"}[first]
    sim.put(wish("full", 2, 7, 0.5, constraints=Constraints(via=(other,))))
    cut(sim, first)
    loser = {"a": "b", "b": "a"}[winner]
    assert told(sim, winner) == (State.PROGRAMMED, "")
    assert told(sim, loser) == (State.DEGRADED, "NoCapacity")
    cut(sim, first, up=True)
    sim.run(3)
    assert told(sim, loser) == (State.PROGRAMMED, "")
    assert spine(sim, winner) == other, "what has a path stays on it"


def test_a_higher_priority_displaces_and_the_displaced_look_for_another_path(sim: Simulation) -> None:
    sim.put(wish("low", 1, 5, 0.6), wish("half", 1, 6, 0.6))
    with pytest.raises(Refused):
        sim.submit(Create(wish("equal", 2, 7, 0.6)))
    sim.put(wish("high", 2, 7, 0.6, priority=1))
    assert told(sim, "high") == (State.PROGRAMMED, "")
    states = {name: told(sim, name) for name in ("low", "half")}
    assert sorted(states.values()) == [(State.DEGRADED, "Preempted"), (State.PROGRAMMED, "")]
    victim = next(name for name, (state, _) in states.items() if state is State.DEGRADED)
    message = sim.controller.statuses.of(sim.controller.store.objects[full(victim)]).message
    assert full("high") in message
    assert "higher priority" in message
    sim.disconnect("leaf1")
    sim.start()
    sim.connect()
    sim.run(12)
    assert told(sim, victim) == (State.DEGRADED, "Preempted"), "also after a restart"
    sim.submit(Delete(full("high")))
    assert told(sim, victim) == (State.PROGRAMMED, "")


def test_a_displaced_connection_takes_another_path_where_there_is_one(sim: Simulation) -> None:
    sim.put(wish("low", 1, 5, 0.6))
    sim.put(wish("high", 2, 7, 0.6, priority=3, constraints=Constraints(via=(spine(sim, "low"),))))
    assert {told(sim, name) for name in ("low", "high")} == {(State.PROGRAMMED, "")}
    assert spine(sim, "low") != spine(sim, "high")


def test_the_holding_priority_protects(sim: Simulation) -> None:
    sim.put(wish("held", 1, 5, 0.6, hold=4), wish("also", 1, 6, 0.6, hold=5))
    with pytest.raises(Refused):
        sim.submit(Create(wish("high", 2, 7, 0.6, priority=4)))
    sim.put(wish("high", 2, 7, 0.6, priority=5))
    assert told(sim, "held") == (State.DEGRADED, "Preempted"), "the one that holds with less"
    assert told(sim, "also") == (State.PROGRAMMED, "")


def test_no_more_go_than_must_and_the_least_important(sim: Simulation) -> None:
    for number, (level, hold) in enumerate(((0, 2), (0, 0), (5, 0), (0, 0))):
        via = Constraints(via=("spine1",))
        sim.put(wish(f"c{number}", 1, 5 + number, 0.2, level=level, hold=hold, constraints=via))
    sim.put(wish("big", 2, 5, 0.7, priority=7, constraints=Constraints(via=("spine1",))))
    gone = {f"c{number}" for number in range(4) if told(sim, f"c{number}")[1] == "Preempted"}
    assert gone <= {"c1", "c2", "c3"}
    assert told(sim, "c0") == (State.PROGRAMMED, ""), "it holds with more"


def test_the_question_tells_who_would_go_and_changes_nothing(sim: Simulation) -> None:
    sim.put(wish("low", 1, 5, 0.6), wish("half", 1, 6, 0.6))
    before = dict(sim.controller.connections.ledger.items())
    views = Views(sim.controller, "1", 0.0)
    found = views.check_connection(wish("high", 2, 7, 0.6, priority=1))
    assert found.path is not None
    assert len(found.displaced) == 1
    assert set(found.displaced) <= {full("low"), full("half")}
    assert dict(sim.controller.connections.ledger.items()) == before
    refused = views.check_connection(wish("wait", 2, 7, 0.6, no_path="WAIT"))
    assert refused.obstacles
    assert not refused.displaced


def test_a_protected_connection_displaces_for_both_paths(sim: Simulation) -> None:
    sim.put(wish("low", 1, 5, 0.6), wish("half", 1, 6, 0.6))
    guarded = Protection(mode="REQUIRED", scope="SWITCH")
    sim.put(wish("high", 2, 7, 0.6, priority=1, protection=guarded))
    assert told(sim, "high") == (State.PROGRAMMED, "")
    assert {told(sim, name)[1] for name in ("low", "half")} == {"Preempted"}


def test_recovery_displaces_too(sim: Simulation) -> None:
    sim.put(wish("high", 1, 5, 0.6, priority=2), wish("low", 1, 6, 0.6))
    cut(sim, spine(sim, "high"))
    assert told(sim, "high") == (State.PROGRAMMED, "")
    assert told(sim, "low") == (State.DEGRADED, "Preempted")


def test_wrong_values(sim: Simulation) -> None:
    for values, field in (
        ({"level": 8}, "level"),
        ({"priority": 8}, "priority"),
        ({"priority": 5, "hold": 4}, "hold"),
        ({"no_path": "PRAY"}, "no_path"),
    ):
        with pytest.raises(InvalidInput) as error:
            sim.submit(Create(wish("x", 1, 5, 0.1, **values)))
        assert error.value.violations[0].field == field


def test_history(sim: Simulation) -> None:
    sim.put(wish("a", 1, 5, 0.6))
    first = spine(sim, "a")
    cut(sim, first)
    cut(sim, {"spine1": "spine2", "spine2": "spine1"}[first])
    views = Views(sim.controller, "1", 0.0)
    history = views.get(full("a"))[1].history
    assert history[-1].after is State.DEGRADED
    assert history[-1].reason == "NoPath"
    assert {t.path for t in history if t.after is State.PROGRAMMED} == {
        "leaf1 > spine1 > leaf2",
        "leaf1 > spine2 > leaf2",
    }
    assert all(before.after is after.before for before, after in pairwise(history))
    assert not any(status.history for _, status in views.list(Kind.CONNECTION))
    sim.start()
    sim.connect()
    sim.run(12)
    again = Views(sim.controller, "1", 0.0).get(full("a"))[1].history
    assert [t.after for t in again[: len(history)]] == [t.after for t in history]
    sim.submit(Delete(full("a")))
    sim.run(1)
    assert not sim.records.get("lives")


def test_only_so_many_searches_in_a_turn(sim: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections_module, "SEARCHES", 2)
    for number in range(4):
        sim.put(wish(f"c{number}", 1, 5 + number, 0.1, level=number))
    lost = spine(sim, "c0")
    names = [f"c{number}" for number in range(4)]
    assert {spine(sim, name) for name in names} == {lost}
    sim.published.clear()
    cut(sim, lost)
    waited = {p.resource.name for p in sim.published if p.status.reason == "Rerouting"}
    assert waited == {full("c0"), full("c1")}, "the lower levels"
    sim.run(1)
    assert all(told(sim, name) == (State.PROGRAMMED, "") for name in names)
    assert lost not in {spine(sim, name) for name in names}
