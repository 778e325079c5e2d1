"""Ports bound by iface-ids, through the controller: they follow, conflicts are told, a restart writes nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from simulation import Simulation
from test_controller import T, cloud

from sdn.controller.events import BridgesSeen, ManagerDown
from sdn.model.errors import InUse, InvalidInput
from sdn.model.intent import Binding, Port
from sdn.model.notice import Severity
from sdn.model.plugs import Bridge
from sdn.model.status import State

H1, H2 = f"{T}/ports/h1", f"{T}/ports/h2"


def of_id(iface_id: str, switch: str = "") -> Binding:
    return Binding(switch=switch, interface="", iface_id=iface_id)


VM = of_id("vm1")


@pytest.fixture
def sim() -> Simulation:
    """Each leaf has a free interface: ``spare``. Port h1 is bound by an iface-id."""
    sim = Simulation("leaf-spine:spines=2,leaves=3,hosts=4")
    for name in ("leaf1", "leaf2", "leaf3"):
        sim.devices[name].add_port("spare")
    sim.connect()
    sim.run(3)
    sim.put(*cloud(sim))
    sim.put(replace(port(sim, H1), binding=VM))
    sim.run(1)
    return sim


def port(sim: Simulation, name: str) -> Port:
    found = sim.controller.store.objects[name]
    assert isinstance(found, Port)
    return found


def tell(sim: Simulation, switch: str, *ids: str, manager: int = 0, secure: bool = True, in_band: bool = False) -> None:
    """The database of a switch tells that these iface-ids are at its spare interface (one at most)."""
    dpid = sim.devices[switch].dpid
    bridge = Bridge(dpid, "br", dict(zip(("spare",), ids, strict=False)), secure, in_band)
    sim.turn(BridgesSeen(manager or int(dpid), f"db of {switch}", (bridge,)))


def status(sim: Simulation, name: str = H1) -> tuple[State, str, str]:
    found = sim.controller.statuses.of(sim.controller.store.objects[name])
    return found.state, found.reason, found.message


def at(sim: Simulation, switch: str) -> str | None:
    device = sim.devices[switch]
    return sim.controller.attachments.at(device.dpid, device.ports["spare"].number)


def test_a_port_follows_its_iface_id(sim: Simulation) -> None:
    assert status(sim)[:2] == (State.PENDING, "InterfaceIdUnseen")
    tell(sim, "leaf1", "vm1")
    assert (at(sim, "leaf1"), status(sim)[0]) == (H1, State.PROGRAMMED)
    tell(sim, "leaf1")
    assert (at(sim, "leaf1"), status(sim)[1]) == (None, "InterfaceIdUnseen")
    tell(sim, "leaf2", "vm1")
    assert (at(sim, "leaf2"), status(sim)[0]) == (H1, State.PROGRAMMED)
    tell(sim, "leaf3", "other")
    assert at(sim, "leaf3") is None
    sim.put(replace(port(sim, H1), binding=of_id("other")))
    assert (at(sim, "leaf2"), at(sim, "leaf3")) == (None, H1), "known before it was asked for"
    assert sim.in_sync()
    assert sim.events(reason="InterfaceIdConflict") == ()


def test_a_duplicate_is_told_at_the_port_and_the_first_keeps_it(sim: Simulation) -> None:
    tell(sim, "leaf2", "vm1")
    sim.writes()
    tell(sim, "leaf1", "vm1")
    assert sim.writes() == 0
    assert at(sim, "leaf2") == H1
    state, reason, message = status(sim)
    assert (state, reason) == (State.DEGRADED, "InterfaceIdConflict")
    assert "leaf2:spare, which has it" in message
    assert "leaf1:spare" in message
    (notice,) = sim.events(reason="InterfaceIdConflict")
    assert (notice.object, notice.severity) == (H1, Severity.WARNING)
    assert dict(notice.details) == {"iface_id": "vm1", "has": "leaf2:spare", "also": "leaf1:spare"}
    sim.start()
    tell(sim, "leaf1", "vm1")
    sim.connect()
    tell(sim, "leaf2", "vm1")
    sim.run(30)
    assert sim.writes() == 0
    assert (at(sim, "leaf2"), status(sim)[1]) == (H1, "InterfaceIdConflict")
    tell(sim, "leaf2")
    assert (at(sim, "leaf1"), status(sim)[0]) == (H1, State.PROGRAMMED)
    assert len(sim.events(reason="InterfaceIdConflictCleared")) == 1
    assert sim.in_sync()


def test_a_restart_writes_nothing_also_while_databases_are_away(sim: Simulation) -> None:
    tell(sim, "leaf1", "vm1")
    sim.writes()
    sim.turn(ManagerDown(int(sim.devices["leaf1"].dpid), "db", "gone"))
    sim.run(60)
    sim.start()
    sim.connect()
    sim.run(60)
    assert sim.writes() == 0
    assert status(sim)[0] is State.PROGRAMMED
    tell(sim, "leaf2", "vm1")
    assert (at(sim, "leaf1"), at(sim, "leaf2")) == (None, H1), "somebody says that it is there"
    sim.put(replace(port(sim, H1), binding=None))
    assert sim.records["plugs"] == {}


def test_a_move_with_both_places_live(sim: Simulation) -> None:
    tell(sim, "leaf1", "vm1")
    tell(sim, "leaf2", "vm1-new")
    sim.put(replace(port(sim, H1), migration_target=of_id("vm1-new")))
    assert (at(sim, "leaf1"), at(sim, "leaf2"), status(sim)[0]) == (H1, H1, State.PROGRAMMED)
    sim.put(replace(port(sim, H1), binding=of_id("vm1-new"), migration_target=None))
    assert (at(sim, "leaf1"), at(sim, "leaf2")) == (None, H1)
    assert sim.in_sync()


def places(sim: Simulation) -> tuple[str, ...]:
    return sim.controller.statuses.of(sim.controller.store.objects[H1]).places


def test_a_port_that_says_so_is_at_both_places_of_its_id(sim: Simulation) -> None:
    sim.put(replace(port(sim, H1), migration_target=VM))
    assert (status(sim)[:2], places(sim)) == ((State.PENDING, "InterfaceIdUnseen"), ())
    tell(sim, "leaf1", "vm1")
    assert (status(sim)[:2], places(sim)) == ((State.PROGRAMMED, ""), ("leaf1:spare",)), "it does not move at present"
    for old, new in (("leaf1", "leaf2"), ("leaf2", "leaf3")):
        sim.published.clear()
        tell(sim, new, "vm1")
        assert (at(sim, old), at(sim, new)) == (H1, H1)
        assert (status(sim)[:2], places(sim)) == ((State.PROGRAMMED, ""), (f"{old}:spare", f"{new}:spare"))
        told = [publication.status for publication in sim.published if publication.resource.name == H1]
        assert told[-1].places == places(sim), "watchers are told"
        tell(sim, old)
        assert (at(sim, old), at(sim, new)) == (None, H1)
        assert (status(sim)[:2], places(sim)) == ((State.PROGRAMMED, ""), (f"{new}:spare",))
    tell(sim, "leaf1", "vm1")
    tell(sim, "leaf1")
    assert places(sim) == ("leaf3:spare",), "called off"
    assert sim.in_sync()
    assert sim.events(reason="InterfaceIdConflict") == ()


def test_a_third_place_is_a_conflict_as_is_a_second_when_it_no_longer_says_so(sim: Simulation) -> None:
    sim.put(replace(port(sim, H1), migration_target=VM))
    for leaf in ("leaf1", "leaf2", "leaf3"):
        tell(sim, leaf, "vm1")
    assert (at(sim, "leaf1"), at(sim, "leaf2"), at(sim, "leaf3")) == (H1, H1, None)
    assert status(sim)[:2] == (State.DEGRADED, "InterfaceIdConflict")
    assert "leaf3:spare" in status(sim)[2]
    assert "leaf2" not in status(sim)[2]
    tell(sim, "leaf3")
    assert status(sim)[0] is State.PROGRAMMED
    assert len(sim.events(reason="InterfaceIdConflictCleared")) == 1
    sim.put(replace(port(sim, H1), migration_target=None))
    assert (at(sim, "leaf1"), at(sim, "leaf2")) == (H1, None)
    assert status(sim)[:2] == (State.DEGRADED, "InterfaceIdConflict")
    sim.put(replace(port(sim, H1), migration_target=VM))
    assert (at(sim, "leaf1"), at(sim, "leaf2")) == (H1, H1)
    assert status(sim)[0] is State.PROGRAMMED
    assert sim.in_sync()


def test_a_restart_in_the_middle_of_such_a_move_writes_nothing(sim: Simulation) -> None:
    sim.put(replace(port(sim, H1), migration_target=VM))
    tell(sim, "leaf2", "vm1")
    tell(sim, "leaf1", "vm1")
    sim.writes()
    sim.start()
    sim.connect()
    tell(sim, "leaf1", "vm1")
    sim.run(1)
    tell(sim, "leaf2", "vm1")
    sim.run(30)
    assert sim.writes() == 0
    assert places(sim) == ("leaf2:spare", "leaf1:spare")
    sim.put(replace(port(sim, H1), binding=None, migration_target=None))
    assert sim.records["plugs"] == {}
    sim.put(replace(port(sim, H2), binding=VM))
    assert status(sim, H2)[:2] == (State.DEGRADED, "InterfaceIdConflict")


def test_an_interface_that_another_port_is_bound_to_is_not_taken(sim: Simulation) -> None:
    sim.put(replace(port(sim, H2), binding=Binding(switch="leaf1", interface="spare")))
    tell(sim, "leaf1", "vm1")
    assert at(sim, "leaf1") == H2
    assert status(sim)[1] == "BindingConflict"


def test_what_is_refused(sim: Simulation) -> None:
    with pytest.raises(InUse, match="iface-id vm1 belongs to"):
        sim.put(replace(port(sim, H2), binding=VM))
    for binding, field in (
        (of_id("x", switch="leaf1"), "binding.iface_id"),
        (of_id("a b"), "binding.iface_id"),
        (of_id("x" * 129), "binding.iface_id"),
        (of_id(""), "binding.switch"),
    ):
        with pytest.raises(InvalidInput) as caught:
            sim.put(replace(port(sim, H2), binding=binding))
        assert caught.value.violations[0].field.endswith(field)


def test_bridges_that_are_set_up_wrongly_are_told_and_when_they_are_not_any_more(sim: Simulation) -> None:
    tell(sim, "leaf1", secure=False, in_band=True)
    found = sim.events(reason="BridgeFault", object="leaf1")
    assert [dict(n.details)["kind"] for n in found] == ["FailMode", "InBand"]
    assert all(n.severity is Severity.ERROR for n in found)
    assert "fail_mode=secure" in found[0].message
    tell(sim, "leaf1", in_band=True)
    (cleared,) = sim.events(reason="BridgeFaultCleared")
    assert dict(cleared.details)["kind"] == "FailMode"
    sim.turn(BridgesSeen(9, "db", (Bridge(0xABC, "br-ex", {}, False, True),)))  # type: ignore[arg-type]
    assert len(sim.events(reason="BridgeFault")) == 2, "a bridge that is no switch of ours"


def test_a_second_database_of_the_same_bridge_is_told(sim: Simulation) -> None:
    tell(sim, "leaf1", "vm1")
    tell(sim, "leaf1", "stolen", manager=999)
    assert at(sim, "leaf1") == H1
    (notice,) = sim.events(reason="BridgeToldTwice")
    assert (notice.object, dict(notice.details)["bridge"]) == ("leaf1", "br")
