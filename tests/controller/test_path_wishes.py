"""Explicit paths, pinned connections, and connections along the way of others."""

from __future__ import annotations

import pytest
from simulation import Simulation
from test_priorities import cut, full, network, spine, told, wish

from sdn.model.command import Create
from sdn.model.errors import InvalidInput, Refused
from sdn.model.intent import Connection, Constraints, Protection
from sdn.model.status import State

READY = (State.PROGRAMMED, "")


@pytest.fixture
def sim() -> Simulation:
    return network("leaf-spine:spines=3,leaves=3,hosts=3,capacity=1G")


def interface(sim: Simulation, a: str, b: str) -> str:
    return next(end[1] for end, other in sim.wires.items() if (end[0], other[0]) == (a, b))


def along(*names: str, **other: object) -> Constraints:
    return Constraints(explicit_path=names, **other)  # type: ignore[arg-type]


def backup(sim: Simulation, name: str) -> list[str]:
    connection = sim.controller.store.objects[full(name)]
    assert isinstance(connection, Connection)
    return [hop.switch for hop in sim.controller.connections.backup_hops(connection)]


def test_the_path_that_was_given(sim: Simulation) -> None:
    for number, middle in enumerate(("spine3", "spine2"), 1):
        sim.put(wish(f"c{number}", number, 4, 0.1, constraints=along("leaf1", middle, "leaf2")))
        assert spine(sim, f"c{number}") == middle
    out = interface(sim, "leaf1", "spine3")
    sim.put(wish("c3", 3, 5, 0.1, constraints=along(f"leaf1:{out}", "spine3", "leaf2")))
    assert spine(sim, "c3") == "spine3"
    longer = along("leaf1", "spine2", "leaf3", "spine1", "leaf2")
    sim.put(wish("c4", 3, 6, 0.1, constraints=longer, protection=Protection(mode="REQUIRED", scope="LINK")))
    status = sim.controller.statuses.of(sim.controller.store.objects[full("c4")])
    assert [hop.switch for hop in status.path] == list(longer.explicit_path)
    assert backup(sim, "c4") == ["leaf1", "spine3", "leaf2"]


def test_a_path_that_is_not_there(sim: Simulation) -> None:
    for wrong, field in (
        (along("leaf2", "spine1", "leaf1"), "constraints.explicit_path[0]"),
        (along("leaf1", "spine1"), "constraints.explicit_path[1]"),
        (along("leaf1", "nobody", "leaf2"), "constraints.explicit_path[1]"),
        (along("leaf1", "spine1", "leaf2", via=("spine1",)), "constraints.via"),
    ):
        with pytest.raises(InvalidInput) as error:
            sim.submit(Create(wish("x", 1, 4, 0.1, constraints=wrong)))
        assert error.value.violations[0].field == field
    with pytest.raises(Refused, match="link of the path that is given is not there") as refused:
        sim.submit(Create(wish("x", 1, 4, 0.1, constraints=along("leaf1", "leaf3", "leaf2"))))
    assert refused.value.violations[0].field == "constraints.explicit_path"
    sim.put(wish("y", 1, 4, 0.9, constraints=along("leaf1", "spine1", "leaf2")))
    with pytest.raises(Refused, match="limited by"):
        sim.submit(Create(wish("x", 2, 5, 0.9, constraints=along("leaf1", "spine1", "leaf2"))))
    cut(sim, "spine1")
    assert told(sim, "y") == (State.DEGRADED, "PathNotThere")
    cut(sim, "spine1", up=True)
    sim.run(3)
    assert told(sim, "y") == READY


def test_a_pinned_connection_waits_for_its_path(sim: Simulation) -> None:
    sim.put(wish("p", 1, 4, 0.1, constraints=Constraints(pinned=True)), wish("q", 2, 5, 0.1))
    first = spine(sim, "p")
    cut(sim, first)
    assert told(sim, "p") == (State.DEGRADED, "PathNotThere")
    assert told(sim, "q") == READY
    sim.start()
    sim.connect()
    sim.run(16)
    assert told(sim, "p")[0] is State.DEGRADED, "also after a restart"
    cut(sim, first, up=True)
    sim.run(5)
    assert (told(sim, "p"), spine(sim, "p")) == (READY, first)
    sim.put(wish("p", 1, 4, 0.1, constraints=Constraints(pinned=True, exclude_switches=(first,))))
    assert (told(sim, "p"), spine(sim, "p") != first) == (READY, True), "another request, another path"


def test_a_pinned_connection_changes_over_to_its_backup(sim: Simulation) -> None:
    guarded = Protection(mode="REQUIRED", scope="SWITCH")
    sim.put(wish("p", 1, 4, 0.1, constraints=Constraints(pinned=True), protection=guarded))
    second = backup(sim, "p")[1]
    cut(sim, spine(sim, "p"))
    assert spine(sim, "p") == second


def test_along_the_way_of_others(sim: Simulation) -> None:
    sim.put(wish("first", 1, 4, 0.1, constraints=Constraints(via=("spine3",))))
    sim.put(wish("with", 2, 5, 0.1, constraints=Constraints(affine_to=("first",))))
    assert spine(sim, "with") == "spine3"
    sim.put(wish("full", 3, 6, 0.8, constraints=Constraints(via=("spine3",))))
    sim.put(wish("also", 2, 6, 0.1, constraints=Constraints(affine_to=(full("first"),))))
    assert (told(sim, "also"), spine(sim, "also") != "spine3") == (READY, True), "as far as there is room"
    bound = Constraints(affine_to=("first",), max_hops=2, max_cost=10**6)
    sim.put(wish("with", 2, 5, 0.1, constraints=bound))
    assert told(sim, "with") == READY
    for wrong, field in (
        (Constraints(affine_to=("x",)), "constraints.affine_to"),
        (Constraints(affine_to=("first",), diverse_from=("first",)), "constraints.affine_to"),
    ):
        with pytest.raises(InvalidInput) as error:
            sim.submit(Create(wish("x", 1, 7, 0.1, constraints=wrong)))
        assert error.value.violations[0].field == field
