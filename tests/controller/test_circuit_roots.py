"""Circuits of a root and many leaves: what their legs reserve, who has which interface, and what is told of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from simulation import Simulation
from test_many_ends import held, legs, status
from test_priorities import GIGA, T, full, network, told, wish

from sdn.controller.questions.views import Views
from sdn.model.calendar import Calendar
from sdn.model.command import Create, Delete, Put
from sdn.model.errors import InUse, InvalidInput, Refused, SdnError
from sdn.model.intent import Binding, Classifier, Connection, Constraints, Port, Protection
from sdn.model.notation import format_match, split_key
from sdn.model.program import Batch, Meter, WriteFailure
from sdn.model.status import State
from sdn.pipeline.layout import GROUP_FAR, GROUP_NEAR, Table

READY = (State.PROGRAMMED, "")
MEGA = 10**6
FREE = {"leaf1": ("root", "x"), "leaf2": ("x", "y"), "leaf3": ("x", "y")}


@pytest.fixture
def sim() -> Simulation:
    """Links of 1 Gbit/s between two spines and three leaves, each with interfaces that nobody has."""
    sim = network("leaf-spine:spines=2,leaves=3,hosts=1,capacity=1G")
    add_ports(sim, FREE)
    return sim


def add_ports(sim: Simulation, ports: dict[str, tuple[str, ...]]) -> None:
    for switch, names in ports.items():
        for name in names:
            sim.devices[switch].add_port(name)
        sim.disconnect(switch)
        sim.connect(switch)
    sim.run(3)


def tree(*leaves: str, root: str = "leaf1:root", part: float = 0.1, forth: bool = True, **values: object) -> Connection:
    ends = {"a": root, "b": "", "targets": leaves} if forth else {"a": "", "b": root, "sources": leaves}
    values = {"name": full("c"), "bandwidth": round(GIGA * part), **ends, **values}
    return Connection(**values)  # type: ignore[arg-type]


def reserved(sim: Simulation, near: str, far: str) -> tuple[int, int]:
    """Bits/s reserved between two switches, there and back."""
    (link,) = [
        state.link
        for state in sim.controller.topology.link_states()
        if {state.a[0], state.b[0]} == {near, far} and state.link is not None
    ]
    ends = sorted((link.a, link.b), key=lambda end: sim.controller.topology.name_of(end.dpid) != near)
    there, back = (sim.controller.connections.ledger.reserved(end) for end in ends)
    return there, back


def copies(sim: Simulation, switch: str = "leaf1") -> tuple[int, int]:
    """How many copies the root makes, for its own switch and for others."""
    found = {GROUP_NEAR: 0, GROUP_FAR: 0}
    for number, group in sim.controller.compiler.programs[sim.devices[switch].dpid].groups.items():
        if number & ~0xFFFFFF in found:
            at = 0
            while at < len(group.buckets):
                found[number & ~0xFFFFFF] += 1
                at += int.from_bytes(group.buckets[at : at + 2], "big")
    return found[GROUP_NEAR], found[GROUP_FAR]


def ways_in(sim: Simulation, switch: str, interface: str) -> int:
    """Flows that take frames of an interface."""
    port = sim.devices[switch].ports[interface].number
    flows = sim.controller.compiler.programs[sim.devices[switch].dpid].flows
    taken = [match for table, priority, match in map(split_key, flows) if (table, priority) == (Table.CLASSIFY, 100)]
    return sum(f"in_port={port}" in format_match(match).split(",") for match in taken)


@pytest.mark.parametrize("forth", [True, False])
def test_copies_add_up_and_what_comes_back_is_there_once(sim: Simulation, forth: bool) -> None:
    one = Constraints(exclude_switches=("spine2",))
    away, back = GIGA // 5, GIGA // 2
    rates = {"part": 0.2, "reverse": back} if forth else {"part": 0.5, "reverse": away}
    made = tree("leaf2:x", "leaf2:y", "leaf3:x", "leaf1:x", constraints=one, forth=forth, **rates)  # type: ignore[arg-type]
    sim.put(made)
    assert told(sim, "c") == READY
    found = legs(sim, "c")
    assert set(found) == {"leaf2:x", "leaf2:y", "leaf3:x", "leaf1:x"}
    assert found["leaf2:y"].name == full("c.leaf2.y")
    assert [hop.switch for hop in found["leaf1:x"].path] == ["leaf1"]
    assert reserved(sim, "leaf1", "spine1") == (3 * away, back)
    assert reserved(sim, "spine1", "leaf2") == (2 * away, back)
    assert reserved(sim, "spine1", "leaf3") == (away, back)
    assert copies(sim) == (1, 3)
    assert ways_in(sim, "leaf1", "root") == 1, "of all legs together"
    hops = found["leaf3:x"].path if forth else found["leaf3:x"].path[::-1]
    ends = (hops[0].ingress, hops[-1].egress) if forth else (hops[0].egress, hops[-1].ingress)
    assert ends == ("root", "x")
    sim.submit(Delete(full("c")))
    sim.run(3)
    assert not held(sim)
    assert copies(sim) == (0, 0)
    assert not [key for key, _ in sim.controller.store.numbers.items("service") if "/connections/" in key]
    assert not ways_in(sim, "leaf1", "root")


def test_copies_that_do_not_fit_are_refused_as_a_whole(sim: Simulation) -> None:
    sim.put(tree("leaf2:x", "leaf2:y", "leaf3:x", "leaf3:y", part=0.5))
    assert told(sim, "c") == READY
    assert [reserved(sim, "leaf1", spine) for spine in ("spine1", "spine2")] == [(GIGA, GIGA // 2)] * 2
    with pytest.raises(Refused):
        sim.submit(Create(wish("w", 1, 2, 0.1)))
    sim.submit(Delete(full("c")))
    with pytest.raises(Refused, match="no path has"):
        sim.submit(Create(tree("leaf2:x", "leaf2:y", "leaf3:x", "leaf3:y", part=0.6)))
    assert not held(sim)
    sim.put(tree("leaf2:x", "leaf2:y", "leaf3:x", "leaf3:y", part=0.9, reverse=GIGA // 10, forth=False))
    assert told(sim, "c") == READY, "what they send to the root is bounded by its own line"


def test_a_leg_moves_or_waits_alone(sim: Simulation) -> None:
    sim.put(tree("leaf2:x", "leaf3:x", "leaf3:later"))
    assert told(sim, "c") == (State.PENDING, "EndNotAttached")
    assert "leaf3:later (Switch leaf3 has no interface later)" in status(sim, "c").message
    found = legs(sim, "c")
    assert [found[end].state for end in ("leaf2:x", "leaf3:x")] == [State.PROGRAMMED] * 2
    assert copies(sim) == (0, 2)
    add_ports(sim, {"leaf3": ("later",)})
    assert told(sim, "c") == READY
    assert copies(sim) == (0, 3)
    before = legs(sim, "c")
    spine = before["leaf2:x"].path[1].switch
    sim.set_link(next(end for end, far in sim.wires.items() if (end[0], far[0]) == ("leaf2", spine)), up=False)
    sim.run(3)
    after = legs(sim, "c")
    assert after["leaf2:x"].path[1].switch != spine
    assert {end: leg for end, leg in after.items() if end != "leaf2:x"} == {
        end: leg for end, leg in before.items() if end != "leaf2:x"
    }
    sim.put(tree("leaf2:x", "leaf3:x"))
    sim.run(3)
    assert (copies(sim), set(legs(sim, "c")), told(sim, "c")) == ((0, 2), {"leaf2:x", "leaf3:x"}, READY)
    assert not ways_in(sim, "leaf3", "later")


def test_a_root_that_is_not_there_is_waited_for_by_all(sim: Simulation) -> None:
    sim.put(tree("leaf2:x", "leaf3:x", root="leaf1:late"))
    assert told(sim, "c") == (State.PENDING, "EndNotAttached")
    assert {leg.reason for leg in legs(sim, "c").values()} == {"EndNotAttached"}
    add_ports(sim, {"leaf1": ("late",)})
    assert told(sim, "c") == READY
    assert copies(sim) == (0, 2)


def test_protected_legs_and_a_restart_that_writes_nothing(sim: Simulation) -> None:
    sim.put(tree("leaf2:x", "leaf3:x", "leaf1:x", protection=Protection(mode="REQUIRED"), ceiling=200 * MEGA))
    sim.run(3)
    assert (told(sim, "c"), all(leg.path for leg in legs(sim, "c").values())) == (READY, True)
    before = {name: (dict(d.flows), dict(d.groups), dict(d.meters), d.writes) for name, d in sim.devices.items()}
    paths = held(sim)
    sim.start()
    sim.connect()
    sim.run(12)
    assert (told(sim, "c"), held(sim)) == (READY, paths)
    assert {name: (d.flows, d.groups, d.meters, d.writes) for name, d in sim.devices.items()} == before


def test_the_root_has_one_ceiling_and_each_leaf_its_own(sim: Simulation) -> None:
    sim.put(tree("leaf2:x", "leaf3:x", ceiling=200 * MEGA, reverse_ceiling=300 * MEGA))
    meters = {
        name: sorted(meter.rate for meter in device.meters.values() if meter.bits)
        for name, device in sim.devices.items()
    }
    assert meters == {"leaf1": [200_000], "leaf2": [300_000], "leaf3": [300_000], "spine1": [], "spine2": []}
    sim.put(tree("leaf2:x", "leaf3:x", ceiling=400 * MEGA, shared_ceiling=True))
    sim.run(2)
    assert [meter for meter in sim.devices["leaf1"].meters.values() if meter.bits] == [
        Meter(400_000, 80_000, bits=True)
    ]
    assert not [meter for meter in sim.devices["leaf2"].meters.values() if meter.bits]
    sim.submit(Delete(full("c")))
    sim.run(3)
    assert not dict(sim.controller.store.numbers.items("meter"))


def test_a_root_that_its_switch_refuses_is_told(sim: Simulation) -> None:
    device = sim.devices["leaf1"]
    write = device.write

    def without_meters(batch: Batch) -> tuple[WriteFailure, ...]:
        refused = [number for number, meter, _ in batch.meters if meter.bits]
        return tuple(WriteFailure("meter", number, 12, 7, "OFPMMFC_OUT_OF_METERS") for number in refused) or write(
            batch
        )

    device.write = without_meters  # type: ignore[method-assign]
    sim.put(tree("leaf2:x", "leaf3:x", ceiling=200 * MEGA))
    sim.run(3)
    assert told(sim, "c") == (State.FAILED, "SwitchRefused"), "although all legs are in place"
    assert "OFPMMFC_OUT_OF_METERS" in status(sim, "c").message
    sim.put(tree("leaf2:x", "leaf3:x"))
    sim.run(3)
    assert told(sim, "c") == READY


def test_out_of_its_time_it_carries_nothing(sim: Simulation) -> None:
    start = int(sim.wall) + 100
    sim.put(tree("leaf2:x", "leaf3:x", calendar=Calendar(start=start, end=start + 100)))
    for state, open_ in ((State.ADMITTED, 0), (State.PROGRAMMED, 1), (State.EXPIRED, 0)):
        sim.run(3)
        assert told(sim, "c")[0] is state
        assert (ways_in(sim, "leaf1", "root"), ways_in(sim, "leaf2", "x")) == (open_, open_)
        sim.run(110)


def test_who_has_an_interface_has_it_alone(sim: Simulation) -> None:
    sim.put(tree("leaf2:x@5", "leaf3:x@untagged", "leaf2:x@6", root="leaf1:root@7"))
    assert told(sim, "c") == READY
    place = Binding(switch="leaf1", interface="root")
    for other, field in (
        (Connection(name=full("d"), a="leaf1:root@7", b="leaf3:y@1", bandwidth=1), "a"),
        (Connection(name=full("d"), a="leaf1:x@7", b="leaf2:x@6", bandwidth=1), "b"),
        (tree("leaf3:y@1", "leaf2:x@5", root="leaf1:x@7", name=full("d")), "targets[1]"),
    ):
        with pytest.raises(InUse, match=full("c")) as caught:
            sim.submit(Create(other))
        assert caught.value.violations[0].field == field
    sim.put(Connection(name=full("d"), a="leaf1:root@8", b="leaf2:x@8", bandwidth=1))
    assert told(sim, "d") == READY, "other frames of the same interfaces"
    # What names do not show is found when they are looked up: who came first has it, and legs share that.
    sim.put(Connection(name=full("all"), a="leaf1:root", b="leaf3:y", bandwidth=1))
    assert told(sim, "all") == (State.PENDING, "EndNotAttached")
    assert f"{full('c')} is at the same interface" in status(sim, "all").message
    sim.put(tree("leaf2:x@5", "leaf3:x@untagged", "leaf2:y@6", root="leaf1:root@7"))
    assert told(sim, "c") == READY, "also of one that comes later than who waits"
    port = Port(name=f"{T}/ports/late", network=f"{T}/networks/n", mac="", binding=place)
    with pytest.raises(InUse, match=full("all")):
        sim.submit(Create(port))


def test_a_frame_does_not_go_out_where_it_came_in_whatever_the_switch_is_called(sim: Simulation) -> None:
    by_number = f"{sim.devices['leaf1'].dpid:016x}:root"
    sim.put(Connection(name=full("d"), a="leaf1:root@3", b=f"{by_number}@4", bandwidth=1))
    assert told(sim, "d") == (State.PENDING, "EndNotAttached")
    sim.put(tree("leaf2:x@1", f"{by_number}@2", f"{sim.devices['leaf2'].dpid:016x}:x@2", root="leaf1:root@1"))
    assert told(sim, "c") == (State.PENDING, "EndNotAttached")
    states = [leg.state for leg in status(sim, "c").legs if leg.port != f"{by_number}@2"]
    assert states == [State.PROGRAMMED] * 2, "leaves of one interface are apart by their tags"
    assert f"{full('c')} is at the same interface" in status(sim, "c").message


def test_links_are_no_ends(sim: Simulation) -> None:
    link = next(end for end, far in sim.wires.items() if far[0] == "spine1" and end[0] == "leaf2")
    other = next(end for end, far in sim.wires.items() if far[0] == "spine1" and end[0] == "leaf1")
    for wrong, field in (
        (tree("leaf3:x", ":".join(link)), "targets"),
        (tree("leaf3:x", ":".join(link), forth=False), "sources"),
        (tree("leaf3:x", "leaf2:x", root=":".join(other)), "a"),
    ):
        with pytest.raises(InvalidInput, match="is an end of the link") as caught:
            sim.submit(Create(wrong))
        assert (caught.value.violations[0].field, caught.value.violations[0].word) == (field, "EndIsLink")


def test_wrong_ends_name_the_field_and_the_remedy(sim: Simulation) -> None:
    good = tree("leaf2:x", "leaf3:x")
    wrong: list[tuple[Connection, str]] = [
        (replace(good, targets=("leaf2:x@5", "leaf3:x")), "targets[0]"),
        (replace(good, a="leaf1:root@5"), "targets[0]"),
        (replace(good, targets=("leaf2:x", "leaf2:x")), "targets[1]"),
        (replace(good, targets=("leaf2:x", "leaf1:root")), "targets[1]"),
        (replace(good, a="leaf1:root@1", targets=("leaf2:x@1", "leaf1:root@2")), "targets[1]"),
        (replace(good, targets=("leaf2:x", f"{T}/ports/h1")), "targets[1]"),
        (replace(good, a=f"{T}/ports/h1"), "targets[0]"),
        (replace(good, targets=(f"{T}/ports/h1", f"{T}/ports/h2")), "targets[0]"),
        (replace(good, sources=("leaf1:x",)), "targets"),
        (replace(good, b="leaf1:x"), "b"),
        (replace(good, a=""), "targets[0]"),
        (replace(good, b=f"{T}/networks/n", targets=()), "b"),
        (replace(good, targets=tuple(f"leaf2:p{n}" for n in range(65))), "targets"),
        (replace(good, classifier=Classifier(dscp=1)), "classifier"),
        (
            replace(good, constraints=Constraints(explicit_path=("leaf1", "spine1", "leaf2"))),
            "constraints.explicit_path",
        ),
        (replace(good, shared_ceiling=True), "ceiling"),
    ]
    for connection, field in wrong:
        with pytest.raises(InvalidInput) as caught:
            sim.submit(Create(connection))
        assert (caught.value.violations[0].field, bool(caught.value.violations[0].remedy)) == (field, True)
    assert not [name for name in sim.controller.store.objects if "/connections/" in name]


def test_legs_have_names_of_their_own_whatever_their_ends_are_called(sim: Simulation) -> None:
    ends = ("leaf2:eth.5", "leaf2:eth-5", "leaf2:Eth-5", "leaf2:eth", "leaf3:eth", f"{'s' * 60}:eth")
    sim.put(tree(*ends))
    found = {leg.name for leg in status(sim, "c").legs}
    assert len(found) == len(ends)
    assert {full("c.leaf2.eth-5"), full("c.leaf2.eth"), full("c.leaf3.eth")} <= found
    leg = sim.controller.store.objects[full("c.leaf2.eth")]
    for command in (Delete(leg.name), Put(replace(leg, bandwidth=5))):  # type: ignore[arg-type]
        with pytest.raises(SdnError, match="is a leg of"):
            sim.submit(command)
    sim.put(sim.controller.store.objects[full("c")], leg)  # as from a manifest


def test_questions(sim: Simulation) -> None:
    views = Views(sim.controller, "1", 0.0)
    asked = tree("leaf2:x", "leaf3:x", part=0.5)
    found = views.check_connection(asked)
    assert (found.obstacles, len(found.legs)) == ((), 2)
    refused = views.check_connection(tree("leaf2:x", "leaf3:x", part=1.1))
    assert refused.obstacles[0].field == "bandwidth"
    assert not held(sim)
    sim.put(asked)
    assert not views.check_connection(tree("leaf2:x", "leaf3:x", "leaf1:x", part=0.5)).obstacles
    for reverse in (None, GIGA // 2):
        dry = sim.submit(Put(replace(asked, description=f"{reverse}")), dry_run=True)
        assert dry is not None


def test_it_displaces_and_is_displaced_as_a_whole(sim: Simulation) -> None:
    sim.put(tree("leaf2:x", "leaf3:x", part=0.9))
    sim.put(wish("urgent", 1, 2, 0.5, priority=3))
    assert told(sim, "urgent") == READY
    assert told(sim, "c") == (State.DEGRADED, "Preempted")
    assert not [key for key in held(sim) if key.startswith(full("c."))]
    assert copies(sim) == (0, 2), "its frames go the shortest way"
    sim.put(tree("leaf2:x", "leaf3:x", part=0.9, priority=5))
    assert told(sim, "c") == READY
    assert told(sim, "urgent") == (State.DEGRADED, "Preempted")
