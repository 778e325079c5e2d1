"""What is said about failures is what happens when they come, and asking changes nothing."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_network
from itertools import combinations

import pytest
from simulation import Simulation

from sdn.controller.questions.whatif import WhatIf
from sdn.model.errors import NotFound, Refused
from sdn.model.intent import Binding, Connection, Constraints, Network, Port, Protection, Subnet, Tenant
from sdn.model.status import State
from sdn.model.whatif import Consequence, FailureKind, Fate, WhatIfQuery
from sdn.routing import Ledger

T = "tenants/t"
GIGA = 10**9


def network(spec: str) -> Simulation:
    sim = Simulation(spec)
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


def wish(name: str, a: str, b: str, bandwidth: int, **values: object) -> Connection:
    full = {"name": f"{T}/connections/{name}", "a": f"{T}/ports/{a}", "b": f"{T}/ports/{b}", "bandwidth": bandwidth}
    return Connection(**full, **values)  # type: ignore[arg-type]


def ask(sim: Simulation, **query: object) -> list[Consequence]:
    controller = sim.controller
    asked = WhatIfQuery(**query)  # type: ignore[arg-type]
    question = WhatIf(asked, controller.store, controller.topology, controller.connections)
    return [found for found in question.steps() if found is not None]


def holdings(ledger: Ledger) -> dict[str, object]:
    return dict(ledger.items())


def fates(found: Consequence) -> dict[str, Fate]:
    return {item.name.rpartition("/")[2]: item.fate for item in found.affected}


@pytest.fixture
def sim() -> Simulation:
    return network("leaf-spine:spines=2,leaves=2,hosts=2,capacity=1G")


def links(sim: Simulation) -> Iterator[tuple[str, str]]:
    topology = sim.controller.topology
    for link in topology.links():
        yield topology.show(link.a), topology.show(link.b)


def test_a_backup_takes_over_another_path_is_found_or_none(sim: Simulation) -> None:
    guarded = Protection(mode="REQUIRED", scope="LINK")
    sim.put(wish("safe", "h1", "h3", GIGA // 10, protection=guarded))
    sim.put(wish("free", "h1", "h4", GIGA // 10, constraints=Constraints(exclude_switches=("spine2",))))
    sim.put(wish("big", "h2", "h3", GIGA * 8 // 10, constraints=Constraints(via=("spine1",))))
    sim.put(wish("small", "h2", "h4", GIGA // 20))
    end = next(a for a, b in links(sim) if {a.split(":")[0], b.split(":")[0]} == {"leaf1", "spine1"})
    before = holdings(sim.controller.connections.ledger)
    (found,) = ask(sim, links=(end,))
    assert found.kind is FailureKind.LINK
    assert end in found.name
    assert fates(found)["free"] is Fate.UNGUARANTEED
    assert fates(found)["big"] is Fate.UNGUARANTEED
    assert fates(found)["safe"] in (Fate.CHANGES_OVER, Fate.BACKUP_LOST)
    assert next(item for item in found.affected if item.name.endswith("safe")).unprotected
    assert holdings(sim.controller.connections.ledger) == before
    # All goes over the other spine then: 0.15 reserved, 0.9 without a guarantee.
    assert {(over.reserved, over.unguaranteed) for over in found.overloads} == {(GIGA * 15 // 100, GIGA * 9 // 10)}


def test_overloads_are_told(sim: Simulation) -> None:
    sim.put(wish("one", "h1", "h3", GIGA * 7 // 10, constraints=Constraints(via=("spine1",))))
    sim.put(wish("two", "h1", "h4", GIGA * 6 // 10, constraints=Constraints(via=("spine2",))))
    (found,) = ask(sim, switches=("spine1",))
    assert fates(found) == {"one": Fate.UNGUARANTEED}
    over = {(o.sender[0], o.receiver[0]): (o.capacity, o.reserved, o.unguaranteed) for o in found.overloads}
    figures = (GIGA, GIGA * 6 // 10, GIGA * 7 // 10)
    pairs = [("leaf1", "spine2"), ("spine2", "leaf1"), ("spine2", "leaf2"), ("leaf2", "spine2")]
    assert over == dict.fromkeys(pairs, figures)


def test_the_bandwidth_that_is_left_is_told(sim: Simulation) -> None:
    sim.put(wish("one", "h1", "h3", GIGA * 7 // 10, constraints=Constraints(exclude_switches=())))
    used = sim.controller.connections.hops(sim.controller.store.objects[f"{T}/connections/one"])[1].switch
    other = {"spine1": "spine2", "spine2": "spine1"}[used]
    sim.put(wish("two", "h1", "h4", GIGA * 6 // 10, constraints=Constraints(via=(other,))))
    (found,) = ask(sim, switches=(used,))
    assert [(item.fate, item.bandwidth) for item in found.affected] == [(Fate.UNGUARANTEED, GIGA * 4 // 10)]
    assert "bit/s free" in found.affected[0].message


def test_an_end_on_the_switch_is_cut_off(sim: Simulation) -> None:
    sim.put(wish("one", "h1", "h3", 1000), wish("local", "h1", "h2", 1000))
    (found,) = ask(sim, switches=("leaf1",))
    assert fates(found) == {"one": Fate.CUT_OFF, "local": Fate.CUT_OFF}
    assert found.affected[0].message == "an end is at leaf1"


def test_several_at_once_and_every_single_one(sim: Simulation) -> None:
    sim.put(wish("one", "h1", "h3", 1000, protection=Protection(mode="REQUIRED", scope="SWITCH")))
    assert [fates(found) for found in ask(sim, switches=("spine1", "spine2"), together=True)] == [{"one": Fate.CUT_OFF}]
    single = ask(sim)
    assert len(single) == len(list(links(sim))) + 4
    assert all(item.fate is not Fate.UNGUARANTEED for found in single for item in found.affected)


def test_names_that_are_not_known(sim: Simulation) -> None:
    for query, field in (
        ({"links": ("leaf1:none",)}, "links[0]"),
        ({"switches": ("leaf1", "x")}, "switches[1]"),
        ({"risk_groups": ("duct",)}, "risk_groups[0]"),
    ):
        with pytest.raises(NotFound) as error:
            ask(sim, **query)
        assert error.value.violations[0].field == field


@pytest.mark.parametrize("spec", ["ring:switches=6,hosts=2,capacity=1G", "full-mesh:switches=5,hosts=2,capacity=1G"])
@pytest.mark.parametrize("seed", range(3))
def test_it_comes_as_it_was_said(seed: int, spec: str) -> None:
    sim = network(spec)
    chance = random.Random(seed)
    hosts = [host.name for host in sim.declared.hosts]
    pairs = chance.sample(list(combinations(hosts, 2)), 14)
    for number, (a, b) in enumerate(pairs):
        modes = Protection(mode=chance.choice(("NONE", "PREFERRED", "REQUIRED")), scope="LINK")
        with suppress(Refused):  # no room any more
            sim.put(wish(f"c{number}", a, b, chance.choice((1, 2, 4)) * GIGA // 10, protection=modes))
    for a, b in list(links(sim))[:4]:
        (found,) = ask(sim, links=(f"{a}-{b}",))
        assert found.affected
        switch, _, interface = a.rpartition(":")
        sim.set_link((switch, interface), up=False)
        for item in found.affected:
            status = sim.controller.statuses.of(sim.controller.store.objects[item.name])
            assert (status.path, status.backup_path) == (item.path, item.backup_path), item
            lost = item.fate in (Fate.UNGUARANTEED, Fate.CUT_OFF)
            assert (status.state is State.DEGRADED and not status.path) == lost
            assert (status.reason == "Unprotected") == item.unprotected
        sim.set_link((switch, interface), up=True)
        sim.run(3)


def test_a_copy_of_a_ledger_is_its_own(sim: Simulation) -> None:
    sim.put(wish("one", "h1", "h3", 1000, reverse=7))
    ledger = sim.controller.connections.ledger
    twin = ledger.copy()
    assert holdings(twin) == holdings(ledger)
    for link in sim.controller.topology.links():
        assert all(twin.reserved(end) == ledger.reserved(end) for end in (link.a, link.b))
        assert all(twin.free(end) == ledger.free(end) for end in (link.a, link.b))
    twin.release(f"{T}/connections/one")
    assert holdings(ledger)
