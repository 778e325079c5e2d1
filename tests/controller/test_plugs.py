"""Where iface-ids are: who is believed, who keeps what, and what a restart changes (nothing)."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdn.controller.events import BridgesSeen, ManagerDown
from sdn.controller.hosts.plugs import HOLD, Plugs
from sdn.model.plugs import Bridge, is_iface_id


class World:
    """Databases that tell, and the records that survive."""

    def __init__(self) -> None:
        self.now = 100.0
        self.saved: dict[str, str] = {}
        self.plugs = Plugs({}, self.now)
        self.ids: dict[int, dict[str, str]] = {}
        self.managers: dict[int, int] = {}
        self._number = 0

    def tell(self, dpid: int, **ids: str) -> set[str]:
        if dpid not in self.managers:
            self._number += 1
            self.managers[dpid] = self._number
        self.ids[dpid] = ids
        bridge = Bridge(dpid, f"br{dpid}", ids)  # type: ignore[arg-type]
        return self.keep(self.plugs.seen(BridgesSeen(self.managers[dpid], "peer", (bridge,)), self.now))

    def end(self, dpid: int) -> set[str]:
        return self.keep(self.plugs.down(ManagerDown(self.managers.pop(dpid), "peer", "gone"), self.now))

    def wait(self, seconds: float) -> set[str]:
        self.now += seconds
        return self.keep(self.plugs.expire(self.now))

    def keep(self, touched: set[str]) -> set[str]:
        for key, text in self.plugs.records(lambda iface_id: True).items():
            if text is None:
                self.saved.pop(key)
            else:
                self.saved[key] = text
        return touched

    def restart(self) -> None:
        self.managers.clear()
        self.plugs = Plugs(self.saved, self.now)


def test_an_id_moves_with_its_host() -> None:
    world = World()
    assert world.tell(1, eth1="vm") == {"vm"}
    assert world.plugs.place("vm") == (1, "eth1")
    assert world.plugs.place("other") is None
    assert world.tell(1, eth2="vm") == {"vm"}
    assert world.plugs.place("vm") == (1, "eth2")
    assert world.tell(1) == {"vm"}
    assert world.plugs.place("vm") is None
    assert world.saved == {}


def test_the_first_place_keeps_an_id_until_it_is_gone_there() -> None:
    world = World()
    world.tell(2, eth1="vm")
    world.tell(1, eth1="vm")
    assert (world.plugs.place("vm"), world.plugs.rivals("vm")) == ((2, "eth1"), ((1, "eth1"),))
    for _ in range(3):
        world.restart()
        assert (world.plugs.place("vm"), world.plugs.rivals("vm")) == ((2, "eth1"), ((1, "eth1"),))
        world.tell(1, eth1="vm")
        world.tell(2, eth1="vm")
        assert world.plugs.place("vm") == (2, "eth1"), "whoever tells first after a restart"
    world.tell(2)
    assert (world.plugs.place("vm"), world.plugs.rivals("vm")) == ((1, "eth1"), ())


def test_two_interfaces_of_one_bridge_that_come_at_once() -> None:
    world = World()
    world.tell(1, b="vm", a="vm")
    assert (world.plugs.place("vm"), world.plugs.rivals("vm")) == ((1, "a"), ((1, "b"),))


def test_what_was_told_stands_while_nobody_tells_and_yields_to_who_does() -> None:
    world = World()
    world.tell(1, eth1="vm", eth2="alone")
    world.end(1)
    world.wait(HOLD * 10)
    assert world.plugs.place("vm") == (1, "eth1")
    world.tell(2, eth5="vm")
    assert (world.plugs.place("vm"), world.plugs.rivals("vm")) == ((2, "eth5"), ())
    assert world.plugs.place("alone") == (1, "eth2")
    world.restart()
    assert world.plugs.place("vm") == (2, "eth5"), "the order is remembered too"
    world.tell(1, eth1="vm", eth2="alone")
    world.tell(2, eth5="vm")
    assert (world.plugs.place("vm"), world.plugs.rivals("vm")) == ((2, "eth5"), ((1, "eth1"),))


def test_a_connection_that_ended_just_now_loses_nothing() -> None:
    world = World()
    world.tell(1, eth1="vm")
    world.end(1)
    world.tell(2, eth5="vm")
    assert world.plugs.place("vm") == (1, "eth1")
    assert world.wait(HOLD / 2) == set()
    assert world.wait(HOLD) == {"vm"}
    assert world.plugs.place("vm") == (2, "eth5")


def test_the_first_connection_that_tells_of_a_bridge_is_believed() -> None:
    world = World()
    world.tell(1, eth1="vm")
    liar = BridgesSeen(77, "liar", (Bridge(1, "br1", {"eth9": "vm"}),))  # type: ignore[arg-type]
    world.plugs.seen(liar, world.now)
    assert world.plugs.second(1, 77)  # type: ignore[arg-type]
    assert world.plugs.place("vm") == (1, "eth1")
    world.end(1)
    assert world.plugs.place("vm") == (1, "eth9"), "nobody else tells any more"
    world.plugs.down(ManagerDown(77, "liar", "gone"), world.now)
    assert world.plugs.place("vm") == (1, "eth9")


def test_only_what_ports_are_bound_by_is_remembered() -> None:
    plugs = Plugs({}, 0.0)
    plugs.seen(BridgesSeen(1, "", (Bridge(1, "b", {"a": "mine", "b": "other"}),)), 0.0)  # type: ignore[arg-type]
    assert list(plugs.records(lambda iface_id: iface_id == "mine")) == ["mine"]
    plugs.note("mine")
    assert plugs.records(lambda iface_id: False) == {"mine": None}
    assert plugs.records(lambda iface_id: True) == {}


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[["x","a"]]', '[["00000000000000a1"]]', "nonsense"])
def test_a_damaged_record_is_as_none(text: str) -> None:
    assert Plugs({"vm": text}, 0.0).place("vm") is None


@pytest.mark.parametrize(
    ("text", "good"), [("vm-1", True), ("", False), ("a b", False), ("x" * 129, False), ("\n", False)]
)
def test_what_may_be_an_iface_id(text: str, good: bool) -> None:
    assert is_iface_id(text) == good


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_whatever_happens_an_id_is_where_somebody_says_and_a_restart_changes_nothing(seed: int) -> None:
    chance, world = random.Random(seed), World()
    for _ in range(60):
        what, dpid = chance.randrange(6), chance.randint(1, 3)
        if what < 3:
            world.tell(dpid, **{f"eth{n}": f"vm{chance.randint(1, 3)}" for n in range(chance.randint(0, 3))})
        elif what == 3 and dpid in world.managers:
            world.end(dpid)
        elif what == 4:
            world.wait(chance.choice([1.0, HOLD]))
        elif what == 5:
            before = {vm: world.plugs.place(vm) for vm in ("vm1", "vm2", "vm3")}
            world.restart()
            assert {vm: world.plugs.place(vm) for vm in before} == before
        for vm in ("vm1", "vm2", "vm3"):
            there = {(d, name) for d, ids in world.ids.items() for name, found in ids.items() if found == vm}
            place = world.plugs.place(vm)
            assert (place in there) if there else place is None
            live = {at for at in there if at[0] in world.managers}
            assert set(world.plugs.rivals(vm)) <= there - {place}
            assert live - {place} <= set(world.plugs.rivals(vm))
