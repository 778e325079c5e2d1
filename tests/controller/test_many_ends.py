"""Connections of many ends: their legs, what these share, and ports of a network that come, go and move."""

from __future__ import annotations

from dataclasses import replace

import pytest
from simulation import Simulation
from test_priorities import GIGA, T, cut, full, network, told, wish

from sdn.controller.questions.views import Views
from sdn.controller.questions.whatif import WhatIf
from sdn.model.calendar import Calendar
from sdn.model.command import Create, Delete, Put, Update
from sdn.model.errors import AlreadyExists, Exhausted, InUse, InvalidInput, NotFound, Refused, SdnError
from sdn.model.intent import Binding, Classifier, Connection, Constraints, Network, Port, Protection
from sdn.model.status import LegStatus, State, Status
from sdn.model.whatif import Fate, WhatIfQuery

READY = (State.PROGRAMMED, "")
N = f"{T}/networks/n"


@pytest.fixture
def sim() -> Simulation:
    """Hosts 1 to 3 at leaf1, 4 to 6 at leaf2, 7 to 9 at leaf3; links of 1 Gbit/s."""
    return network("leaf-spine:spines=2,leaves=3,hosts=3,capacity=1G")


def port(number: int) -> str:
    return f"{T}/ports/h{number}"


def fan(name: str, hub: int, *others: int, part: float = 0.1, **values: object) -> Connection:
    """Point to multipoint."""
    ends = {"a": port(hub), "b": "", "targets": tuple(map(port, others))}
    return Connection(name=full(name), bandwidth=round(GIGA * part), **ends, **values)  # type: ignore[arg-type]


def funnel(name: str, hub: int, *others: int, part: float = 0.1, **values: object) -> Connection:
    """Multipoint to point."""
    ends = {"a": "", "b": port(hub), "sources": tuple(map(port, others))}
    return Connection(name=full(name), bandwidth=round(GIGA * part), **ends, **values)  # type: ignore[arg-type]


def star(name: str, hub: int, part: float = 0.1, *, to: bool = True, **values: object) -> Connection:
    """From a port to a network, or from the network to the port."""
    a, b = (port(hub), N) if to else (N, port(hub))
    return Connection(name=full(name), a=a, b=b, bandwidth=round(GIGA * part), **values)  # type: ignore[arg-type]


def status(sim: Simulation, name: str) -> Status:
    return sim.controller.statuses.of(sim.controller.store.objects[full(name)])


def legs(sim: Simulation, name: str) -> dict[str, LegStatus]:
    return {leg.port.rpartition("/")[2]: leg for leg in status(sim, name).legs}


def reserved(sim: Simulation) -> set[int]:
    """The different amounts that are reserved on directions of links, without 0."""
    ledger = sim.controller.connections.ledger
    return {ledger.reserved(end) for link in sim.controller.topology.links() for end in (link.a, link.b)} - {0}


def held(sim: Simulation) -> dict[str, object]:
    return dict(sim.controller.connections.ledger.items())


@pytest.mark.parametrize("make", [fan, funnel])
def test_each_link_has_the_bandwidth_once_and_each_leg_its_path(sim: Simulation, make: object) -> None:
    sim.put(make("c", 1, 4, 5, 7, 2, part=0.8, reverse=GIGA // 2))  # type: ignore[operator]
    assert told(sim, "c") == READY
    found = legs(sim, "c")
    assert set(found) == {"h2", "h4", "h5", "h7"}
    assert {leg.state for leg in found.values()} == {State.PROGRAMMED}
    assert [hop.switch for hop in found["h2"].path] == ["leaf1"]
    ends = {name: (leg.path[0].switch, leg.path[-1].switch) for name, leg in found.items()}
    forth = make is fan
    assert ends["h7"] == (("leaf1", "leaf3") if forth else ("leaf3", "leaf1"))
    assert found["h4"].name == full("c.h4")
    assert reserved(sim) == {GIGA // 2, round(GIGA * 0.8)}, "what legs share is reserved once"
    steered = sim.controller.compiler._inputs.connections
    assert {name for name, facts in steered.items() if facts.steered} == {full(f"c.h{n}") for n in (2, 4, 5, 7)}
    sim.submit(Delete(full("c")))
    sim.run(3)
    assert not held(sim)
    assert not [name for name in sim.controller.store.objects if "/connections/" in name]


def test_all_of_it_or_nothing(sim: Simulation) -> None:
    sim.put(wish("full1", 7, 4, 0.9), wish("full2", 8, 5, 0.9))
    with pytest.raises(Refused, match="no path has 500000000 bit/s free"):
        sim.submit(Create(fan("c", 1, 4, 7, part=0.5)))
    with pytest.raises(Refused) as caught:
        sim.submit(Create(wish("small", 2, 6, 0.1)), Create(fan("c", 1, 4, 7, part=0.5)))
    assert caught.value.violations[0].field == "commands[1].bandwidth"
    assert full("c") not in sim.controller.store.objects
    assert set(held(sim)) == {full("full1"), full("full2")}
    assert not sim.controller.connections.ledger._groups


def test_changes_of_the_whole_are_those_of_its_legs(sim: Simulation) -> None:
    sim.put(fan("c", 1, 4, 7))
    before = held(sim)
    sim.put(fan("c", 1, 4, 7, description="mine"))
    assert held(sim) == before
    sim.put(fan("c", 1, 4, 8, part=0.3))
    sim.run(3)
    assert (told(sim, "c"), set(legs(sim, "c")), reserved(sim)) == (READY, {"h4", "h8"}, {round(GIGA * 0.3)})
    with pytest.raises(Refused):
        sim.submit(Put(fan("c", 1, 4, 8, part=1.1)))
    assert reserved(sim) == {round(GIGA * 0.3)}


def test_a_cut_on_one_leg_and_no_way_for_it(sim: Simulation) -> None:
    sim.put(fan("c", 1, 4, 7, part=0.6))
    sim.set_link(next(end for end, far in sim.wires.items() if (end[0], far[0]) == ("leaf3", "spine1")), up=False)
    sim.run(2)
    assert told(sim, "c") == READY
    assert [hop.switch for hop in legs(sim, "c")["h7"].path] == ["leaf1", "spine2", "leaf3"]
    sim.set_link(next(end for end, far in sim.wires.items() if (end[0], far[0]) == ("leaf3", "spine2")), up=False)
    sim.run(2)
    found = legs(sim, "c")
    assert (found["h4"].state, found["h7"].state) == (State.PROGRAMMED, State.DEGRADED)
    assert told(sim, "c") == (State.DEGRADED, "NoPath")
    assert "1 of 2 legs: h7: " in status(sim, "c").message
    cut(sim, "leaf3", up=True)
    sim.run(3)
    assert told(sim, "c") == READY


def test_protected_legs_and_a_restart(sim: Simulation) -> None:
    sim.put(fan("c", 1, 4, 7, part=0.7, protection=Protection(mode="REQUIRED", scope="SWITCH")))
    assert (told(sim, "c"), reserved(sim)) == (READY, {round(GIGA * 0.7)})
    before = held(sim)
    sim.start()
    sim.connect()
    sim.run(12)
    assert (told(sim, "c"), held(sim)) == (READY, before)
    cut(sim, "spine1")
    sim.run(2)
    assert told(sim, "c") == (State.DEGRADED, "Unprotected")
    assert all(leg.path[1].switch == "spine2" for leg in legs(sim, "c").values())


def test_a_calendar_is_that_of_all_legs(sim: Simulation) -> None:
    start = int(sim.wall) + 1000
    sim.put(fan("c", 1, 4, 7, part=0.8, calendar=Calendar(start=start, end=start + 1000)))
    assert (told(sim, "c")[0], reserved(sim)) == (State.ADMITTED, {round(GIGA * 0.8)})
    sim.put(wish("w", 2, 5, 0.8, calendar=Calendar(start=start + 10, end=start + 20)))
    with pytest.raises(Refused):
        sim.submit(Create(wish("x", 3, 6, 0.3, calendar=Calendar(start=start + 10, end=start + 20))))
    sim.put(wish("y", 3, 6, 0.8, calendar=Calendar(start=start - 20, end=start - 10)))
    sim.run(1010)
    assert (told(sim, "c"), reserved(sim)) == (READY, {round(GIGA * 0.8)})
    sim.run(1000)
    assert (told(sim, "c"), reserved(sim)) == ((State.EXPIRED, "TimeOver"), set())


def test_ports_of_a_network_come_go_and_move(sim: Simulation) -> None:
    sim.put(star("c", 1, 0.2))
    assert (told(sim, "c"), set(legs(sim, "c"))) == (READY, {f"h{n}" for n in range(2, 10)})
    sim.submit(Delete(port(9)))
    assert set(legs(sim, "c")) == {f"h{n}" for n in range(2, 9)}
    sim.put(Port(name=f"{T}/ports/late", network=N, mac=""))
    assert legs(sim, "c")["late"].state is State.PENDING
    assert told(sim, "c") == READY, "what is attached nowhere does not count"
    statuses, progress = sim.controller.statuses, sim.controller.parts.progress
    assert statuses.settled(full("c"), progress.generation), "nor does anybody wait for it"
    host = next(host for host in sim.declared.hosts if host.name == "h9")
    sim.put(
        Port(name=f"{T}/ports/late", network=N, mac="", binding=Binding(switch=host.switch, interface=host.interface))
    )
    sim.run(2)
    assert [hop.switch for hop in legs(sim, "c")["late"].path][-1] == "leaf3"
    elsewhere = next(host for host in sim.declared.hosts if host.name == "h4")
    sim.submit(Delete(port(4)))
    place = Binding(switch=elsewhere.switch, interface=elsewhere.interface)
    sim.put(Port(name=f"{T}/ports/late", network=N, mac="", binding=place))
    sim.run(3)
    assert [hop.switch for hop in legs(sim, "c")["late"].path][-1] == "leaf2"
    assert told(sim, "c") == READY
    assert reserved(sim) == {GIGA // 5}
    with pytest.raises(InUse, match="is used by"):
        sim.submit(Delete(N))


def test_a_port_without_room_comes_and_degrades_the_connection(sim: Simulation) -> None:
    sim.put(wish("full1", 4, 7, 0.9), wish("full2", 5, 8, 0.9))
    sim.submit(*(Delete(port(n)) for n in (6, 9)))
    for name in ("n2", "other"):
        sim.put(Network(name=f"{T}/networks/{name}"))
    host = next(host for host in sim.declared.hosts if host.name == "h9")
    place = Binding(switch=host.switch, interface=host.interface)
    fresh = Port(name=f"{T}/ports/x", network=f"{T}/networks/n2", mac="", binding=place)
    sim.put(Connection(name=full("c"), a=f"{T}/networks/n2", b=port(1), bandwidth=GIGA // 2))
    assert told(sim, "c") == (State.PENDING, "NoLegs")
    sim.put(fresh)
    sim.run(2)
    assert told(sim, "c") == (State.REJECTED, "NoCapacity")
    sim.submit(Delete(full("full2")))
    sim.run(3)
    assert told(sim, "c") == READY, "and it has its path as soon as there is room"
    sim.put(wish("full3", 2, 5, 0.45), wish("full4", 5, 8, 0.45))
    second = next(host for host in sim.declared.hosts if host.name == "h6")
    place = Binding(switch=second.switch, interface=second.interface)
    sim.put(replace(fresh, name=f"{T}/ports/y", binding=place))
    sim.run(2)
    assert told(sim, "c") == (State.DEGRADED, "NoCapacity")
    assert (legs(sim, "c")["x"].state, legs(sim, "c")["y"].state) == (State.PROGRAMMED, State.REJECTED)


def test_more_ports_than_legs(sim: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdn.store.legs.MAX_LEGS", 7)
    with pytest.raises(Exhausted, match="8 ports are at this side") as caught:
        sim.submit(Create(star("c", 1)))
    assert (caught.value.violations[0].field, "Keep to 7" in caught.value.violations[0].remedy) == ("b", True)
    sim.submit(Delete(port(9)))
    sim.put(star("c", 1))
    assert told(sim, "c") == READY
    sim.put(Port(name=f"{T}/ports/a", network=N, mac=""), Port(name=f"{T}/ports/b", network=N, mac=""))
    assert (told(sim, "c"), "a" not in legs(sim, "c")) == ((State.DEGRADED, "TooManyLegs"), True)
    assert "2 more ports" in status(sim, "c").message
    sim.submit(Delete(port(8)))
    assert "1 more ports" in status(sim, "c").message
    assert "a" in legs(sim, "c")
    sim.submit(Delete(port(7)))
    assert told(sim, "c") == READY
    sim.put(star("c", 1, 0.2))
    assert told(sim, "c") == READY


def test_wrong_ends_name_the_field_and_the_remedy(sim: Simulation) -> None:
    good = fan("c", 1, 4, 7)
    wrong: list[tuple[Connection, str, type[SdnError]]] = [
        (replace(good, b=port(5)), "b", InvalidInput),
        (replace(good, a=""), "a", InvalidInput),
        (replace(good, sources=(port(5),)), "targets", InvalidInput),
        (replace(good, a=N), "a", InvalidInput),
        (replace(good, targets=(port(4), port(4))), "targets[1]", InvalidInput),
        (replace(good, targets=(port(4), port(1))), "targets[1]", InvalidInput),
        (replace(good, targets=(port(4), f"{T}/ports/none")), "targets[1]", NotFound),
        (replace(good, targets=("tenants/u/ports/x",)), "targets[0]", InvalidInput),
        (replace(good, targets=("leaf1:eth7",)), "targets[0]", InvalidInput),
        (replace(good, targets=tuple(port(n) for n in range(2, 70))), "targets", InvalidInput),
        (replace(good, priority=3, hold=2), "hold", InvalidInput),
        (replace(good, constraints=Constraints(explicit_path=("leaf1",))), "constraints.explicit_path", InvalidInput),
        (replace(star("c", 1), b=f"{T}/networks/none"), "b", NotFound),
        (replace(star("c", 1), a=N), "b", InvalidInput),
        (replace(star("c", 1), targets=(port(4),)), "b", InvalidInput),
        (replace(good, leg_of=full("x")), "leg_of", InvalidInput),
    ]
    for connection, field, kind in wrong:
        with pytest.raises(kind) as caught:
            sim.submit(Create(connection))
        assert caught.value.violations[0].field == field
        assert caught.value.violations[0].remedy
    assert not [name for name in sim.controller.store.objects if "/connections/" in name]


def test_legs_are_not_written_for_themselves(sim: Simulation) -> None:
    sim.put(fan("c", 1, 4, 7))
    leg = sim.controller.store.objects[full("c.h4")]
    assert isinstance(leg, Connection)
    for command in (
        Delete(leg.name),
        Put(replace(leg, bandwidth=5)),
        Update(replace(leg, description="x"), frozenset({"description"})),
        Create(replace(leg, name=full("c.h9"), b=port(9))),
    ):
        with pytest.raises((InUse, InvalidInput)) as caught:
            sim.submit(command)
        assert caught.value.violations[0].field in ("name", "leg_of")
    whole = sim.controller.store.objects[full("c")]
    sim.put(whole, leg)  # as from a manifest
    with pytest.raises(InUse, match="already joins these ports"):
        sim.submit(Create(wish("x", 4, 1, 0.1)))
    with pytest.raises(InUse, match="is used by 2 objects"):
        sim.submit(Delete(port(4)))
    sim.put(wish("voice", 1, 4, 0.1, classifier=Classifier(dscp=46)))
    assert told(sim, "voice") == READY
    sim.put(wish("d.h4", 2, 5, 0.1))
    with pytest.raises(AlreadyExists, match="is no leg of"):
        sim.submit(Create(fan("d", 1, 4)))


def test_others_keep_away_from_all_legs(sim: Simulation) -> None:
    sim.put(fan("c", 1, 4, 7, constraints=Constraints(via=("spine1",))))
    sim.put(wish("apart", 2, 5, 0.1, constraints=Constraints(diverse_from=("c",))))
    sim.put(fan("also", 3, 6, 9, constraints=Constraints(diverse_from=("c",))))
    assert sim.controller.connections.hops(sim.controller.store.objects[full("apart")])[1].switch == "spine2"  # type: ignore[arg-type]
    assert all(leg.path[1].switch == "spine2" for leg in legs(sim, "also").values())


def test_questions_with_legs(sim: Simulation) -> None:
    views = Views(sim.controller, "1", 0.0)
    found = views.check_connection(replace(fan("c", 1, 4, 7), name=""))
    assert (found.obstacles, [name.rpartition(".")[2] for name, _, _ in found.legs]) == ((), ["h4", "h7"])
    assert not held(sim)
    refused = views.check_connection(replace(fan("c", 1, 4, 7, part=2), name=""))
    assert refused.obstacles[0].field == "bandwidth"
    sim.put(fan("c", 1, 4, 7))
    assert not views.check_connection(fan("c", 1, 4, 7, part=0.5)).obstacles
    assert [name.rpartition(".")[2] for name, _, _ in views.check_connection(fan("c", 1, 4, 7)).legs] == ["h4", "h7"]
    more = views.check_connection(fan("c", 1, 4, 7, 8)).legs
    assert [name.rpartition(".")[2] for name, _, _ in more] == ["h4", "h7", "h8"]


def test_what_if_tells_of_legs(sim: Simulation) -> None:
    sim.put(fan("c", 1, 4, 7, part=0.6))
    before = held(sim)
    controller = sim.controller
    query = WhatIfQuery(switches=("leaf3",))
    answers = WhatIf(query, controller.store, controller.topology, controller.connections).steps()
    (found,) = [answer for answer in answers if answer is not None]
    assert [(one.name, one.fate) for one in found.affected] == [(full("c.h7"), Fate.CUT_OFF)]
    used = legs(sim, "c")["h4"].path[1].switch
    query = WhatIfQuery(switches=(used,))
    answers = WhatIf(query, controller.store, controller.topology, controller.connections).steps()
    (found,) = [answer for answer in answers if answer is not None]
    assert {one.fate for one in found.affected} == {Fate.MOVES}
    assert full("c.h4") in {one.name for one in found.affected}
    assert held(sim) == before


def test_what_happened_to_one_that_is_gone_is_forgotten_with_it(sim: Simulation) -> None:
    sim.put(fan("a", 1, 4, 5))
    sim.run(3)
    before = Views(sim.controller, "1", 0.0).get(full("a"))[1].history
    sim.submit(Delete(full("a")))
    sim.run(3)
    assert not sim.records["lives"]
    sim.put(fan("a", 1, 4, 5))
    sim.run(3)
    assert 0 < len(Views(sim.controller, "1", 0.0).get(full("a"))[1].history) <= len(before)
