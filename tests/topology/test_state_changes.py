"""The links kept up to date port by port are those that discovery sees, whatever happened in which order."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from probe_fabric import KEY, Fabric

from sdn.model.topology import DeclaredLink, DeclaredTopology, Link
from sdn.topology import TopologyState
from sdn.topology.declared import Wiring

SWITCHES, PORTS = (1, 2, 3), 3
DECLARED = DeclaredTopology(
    "three",
    {"a": 1, "b": 2, "c": 3},  # type: ignore[dict-item]
    (
        DeclaredLink(("a", "1-eth1"), ("b", "2-eth1"), 7),
        DeclaredLink(("a", "1-eth2"), ("c", ""), 8),
        DeclaredLink(("b", ""), ("c", ""), 9),
        DeclaredLink(("b", ""), ("c", ""), 11),
        DeclaredLink(("a", ""), ("b", ""), 12),
    ),
)


class History:
    """Random events on a fabric, and a consumer that only ever saw the changes."""

    def __init__(self, seed: int, declared: DeclaredTopology | None) -> None:
        self.chance = random.Random(seed)
        self.declared = declared
        self.world = Fabric(TopologyState(KEY, declared))
        self.links: set[Link] = set()
        self.records: dict[str, str] = {}

    def step(self) -> None:
        choice = self.chance.choice
        dpid, number = choice(SWITCHES), self.chance.randint(1, PORTS)
        what = choice(
            ("connect", "disconnect", "plug", "plug", "unplug", "port", "bind", "remove", "run", "run", "wait")
        )
        world = self.world
        if what == "connect":
            world.connect(dpid, self.chance.randint(1, PORTS))
        elif what == "disconnect":
            world.disconnect(dpid)
        elif what == "plug":
            world.plug((dpid, number), (choice([other for other in SWITCHES if other != dpid]), choice((1, 2, 3))))
        elif what == "unplug":
            world.unplug((dpid, number))
        elif what == "port":
            world.set_port(dpid, number, self.chance.random() < 0.6)
        elif what == "remove":
            world.discovery.port_removed(dpid, number)
        elif what == "bind":
            world.discovery.set_bound(dpid, f"{dpid}-eth{number}", self.chance.random() < 0.3, world.now)
        else:
            world.run(0.6 if what == "run" else 4)

    def check(self) -> None:
        state = self.world.state
        version = state.version
        changes, records = state.take_changes()
        assert self.links >= set(changes.gone)
        self.links = self.links - set(changes.gone) | set(changes.new)
        assert len(self.links) == len(state.links())
        assert self.links == set(state.links())
        for key, text in records.items():
            if text is None:
                self.records.pop(key, None)
            else:
                self.records[key] = text
        assert self.records == state.records()
        assert state.take_changes()[0].gone == state.take_changes()[0].new == ()
        assert state.version == version
        self.compare_with_all_at_once()

    def compare_with_all_at_once(self) -> None:
        pairs = self.world.discovery.links()
        wiring = Wiring(self.declared)
        for pair in self.chance.sample(pairs, len(pairs)):
            wiring.update(pair, True)
        shown = {(s.a, s.b): s for s in self.world.state.link_states() if s.link is not None}
        name, number = self.world.state.name_of, self.world.state.port_number
        assert len(shown) == len(pairs)
        for pair in pairs:
            ends = [(name(end.dpid), end.interface) for end in pair]
            seen = shown[ends[0], ends[1]]
            assert seen.declared == wiring.declared(pair)
            assert seen.link is not None
            assert {seen.link.a.port, seen.link.b.port} == {number(*end) for end in pair}
            assert seen.link.cost == (seen.declared.cost if seen.declared else 10)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_links_follow_every_history(seed: int, declared: bool) -> None:
    history = History(seed, DECLARED if declared else None)
    for _ in range(40):
        history.step()
        if history.chance.random() < 0.6:
            history.check()
    history.check()


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("first", [1, 2])
def test_parallel_links_whose_ports_vanish_in_one_turn_are_gone(first: int, named: bool) -> None:
    """Which of them is declared as which is looked at again for each; the others may be gone as well."""
    links = tuple(
        DeclaredLink(("a", f"1-eth{n}" if named else ""), ("b", f"2-eth{n}" if named else ""), 10 + n) for n in (1, 2)
    )
    world = Fabric(TopologyState(KEY, DeclaredTopology("pair", {"a": 1, "b": 2}, links)))  # type: ignore[dict-item]
    for dpid in (1, 2):
        world.connect(dpid, 2)
    for number in (1, 2):
        world.plug((1, number), (2, number))
    world.run(2)
    assert len(world.state.links()) == 2
    for number in (first, 3 - first):
        for dpid in (1, 2):
            world.discovery.port_removed(dpid, number)
    assert world.state.links() == ()
    for dpid in (1, 2):
        world.connect(dpid, 2)
    world.run(2)
    assert [link.cost for link in world.state.links()] == [11, 12]
