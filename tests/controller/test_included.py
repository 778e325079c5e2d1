"""What a path is to use, wherever on its way: switches, links, shared-risk groups."""

from __future__ import annotations

from dataclasses import replace

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
    """The link from leaf1 to spine3 is in a duct, with that from spine3 to leaf3."""
    sim = network("leaf-spine:spines=3,leaves=3,hosts=3,capacity=1G")
    ducts = {frozenset({"leaf1", "spine3"}), frozenset({"leaf3", "spine3"})}
    links = tuple(
        replace(link, risk_groups=frozenset({"duct"})) if frozenset({link.a[0], link.b[0]}) in ducts else link
        for link in sim.declared.links
    )
    sim.declared = replace(sim.declared, links=links)
    sim.start()
    sim.connect()
    sim.run(12)
    return sim


def interface(sim: Simulation, a: str, b: str) -> str:
    return next(end[1] for end, other in sim.wires.items() if (end[0], other[0]) == (a, b))


def using(**values: tuple[str, ...]) -> Constraints:
    return Constraints(**{f"include_{kind}": names for kind, names in values.items()})  # type: ignore[arg-type]


def test_switches_links_and_groups_are_used(sim: Simulation) -> None:
    sim.put(wish("switch", 1, 4, 0.1, constraints=using(switches=("spine2",))))
    assert spine(sim, "switch") == "spine2"
    end = f"spine3:{interface(sim, 'spine3', 'leaf2')}"
    sim.put(wish("link", 1, 5, 0.1, constraints=using(links=(end,))))
    assert spine(sim, "link") == "spine3"
    sim.put(wish("group", 2, 6, 0.1, constraints=using(risk_groups=("duct",))))
    assert spine(sim, "group") == "spine3"
    sim.put(wish("both", 3, 5, 0.1, constraints=using(switches=("leaf3", "spine2"), risk_groups=("duct",))))
    path = sim.controller.statuses.of(sim.controller.store.objects[full("both")]).path
    assert {"leaf3", "spine2", "spine3"} <= {hop.switch for hop in path}
    assert all(told(sim, name) == READY for name in ("switch", "link", "group", "both"))


def test_the_backup_path_is_free_and_a_pinned_path_stays(sim: Simulation) -> None:
    use = replace(using(switches=("spine3",)), pinned=True)
    sim.put(wish("c", 1, 4, 0.1, constraints=use, protection=Protection(mode="REQUIRED", scope="SWITCH")))
    connection = sim.controller.store.objects[full("c")]
    assert isinstance(connection, Connection)
    assert spine(sim, "c") == "spine3"
    assert sim.controller.connections.backup_hops(connection)[1].switch != "spine3"
    cut(sim, "spine3")
    assert spine(sim, "c") != "spine3"
    cut(sim, "spine3", up=True)
    sim.run(3)
    assert told(sim, "c") == READY


def test_a_refusal_names_what_cannot_be_used_and_what_would_do(sim: Simulation) -> None:
    sim.put(wish("full", 1, 4, 0.9, constraints=using(switches=("spine2",))))
    with pytest.raises(Refused) as caught:
        sim.submit(Create(wish("x", 2, 5, 0.5, constraints=replace(using(switches=("spine2",)), max_hops=2))))
    found = {v.field: v.remedy for v in caught.value.violations}
    assert found == {
        "bandwidth": "Ask for at most 100000000 bit/s, or delete a connection on these links.",
        "constraints.include_switches[0]": "Leave it out: the best path is leaf1 - spine1 - leaf2 then.",
    }
    sim.put(wish("x", 2, 5, 0.5, constraints=replace(using(switches=("spine2",)), max_hops=2), no_path="WAIT"))
    assert told(sim, "x") == (State.PENDING, "NoCapacity")
    lost = replace(using(switches=("spine1",)), exclude_links=(f"leaf1:{interface(sim, 'leaf1', 'spine1')}",))
    sim.put(wish("y", 2, 6, 0.1, constraints=replace(lost, max_hops=2), no_path="WAIT"))
    assert told(sim, "y")[0] is State.PENDING
    cut(sim, "spine3")
    sim.put(wish("z", 3, 6, 0.1, constraints=using(switches=("spine3",)), no_path="BEST_EFFORT"))
    assert told(sim, "z") == (State.DEGRADED, "NotIncluded")
    cut(sim, "spine3", up=True)
    sim.run(3)
    assert (told(sim, "z"), spine(sim, "z")) == (READY, "spine3")


@pytest.mark.parametrize(
    ("constraints", "field"),
    [
        (using(switches=("spine9",)), "include_switches[0]"),
        (using(links=("leaf1:none",)), "include_links[0]"),
        (using(risk_groups=("duct", "river")), "include_risk_groups[1]"),
        (using(switches=("a", "b", "c"), risk_groups=("duct", "d")), "include_risk_groups"),
        (using(switches=("spine1", "spine1")), "include_switches[1]"),
        (replace(using(switches=("spine1",)), exclude_switches=("spine1",)), "include_switches[0]"),
        (replace(using(links=("leaf1:x",)), explicit_path=("leaf1", "spine1", "leaf2")), "include_links"),
    ],
)
def test_wrong_wishes_name_the_field(sim: Simulation, constraints: Constraints, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        sim.submit(Create(wish("x", 1, 4, 0.1, constraints=constraints)))
    (violation,) = caught.value.violations
    assert violation.field == f"constraints.{field}"
    assert violation.remedy
