"""Repair trees change so that no mixture of what switches may act upon has a loop of one color."""

from __future__ import annotations

import random
from collections.abc import Iterable

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdn.controller.convergence.treechanges import TreeChanges
from sdn.model.ids import Dpid
from sdn.model.program import GRACE
from sdn.model.route import NO_HOP, Repair, RepairHops
from sdn.model.topology import Link, LinkEnd
from sdn.routing import RepairTrees

ROOT = Dpid(0)


class Fabric:
    """Switches of a random network that take what they are given whenever they like, and act on it later still."""

    def __init__(self, chance: random.Random, switches: int) -> None:
        self.chance = chance
        graph = nx.random_regular_graph(3, switches, seed=chance.randrange(1 << 30))
        ports = dict.fromkeys(graph, 0)
        self.links = []
        for a, b in sorted(graph.edges):
            ports[a] += 1
            ports[b] += 1
            self.links.append(Link(LinkEnd(Dpid(a), ports[a]), LinkEnd(Dpid(b), ports[b])))
        self.switches = sorted(map(Dpid, graph))
        self.peers: dict[tuple[Dpid, int], Dpid] = {}
        self.wires: dict[tuple[Dpid, int], Dpid] = {}
        self.trees = RepairTrees()
        self.trees.set_destinations([ROOT])
        self.program: dict[Dpid, RepairHops | None] = {}
        self.acting: dict[Dpid, list[tuple[int, float | None, RepairHops | None]]] = {}
        """By switch, what it may act upon: the generation that ended it, and when that was confirmed."""
        self.changes = TreeChanges(self.repairs_of, frozenset(self.switches), self.wires, lambda _: not self.vanished)
        self.vanished = False
        self.now, self.generation = 0.0, 1
        self.held: dict[Dpid, int] = {}
        """Switches that do not confirm, and since which generation."""
        self.away: frozenset[Dpid] = frozenset()

    def repairs_of(self, keys: Iterable[tuple[Dpid, Dpid]]) -> list[RepairHops | None]:
        return [self.program.get(dpid) for dpid, _ in keys]

    def confirmed(self, dpid: Dpid, generation: int) -> bool:
        return dpid not in self.away and generation < self.held.get(dpid, 1 << 30)

    def relink(self, gone: list[Link], new: list[Link]) -> None:
        for link in gone:
            del self.peers[link.a.dpid, link.a.port], self.peers[link.b.dpid, link.b.port]
        for link in new:
            self.peers[link.a.dpid, link.a.port] = link.b.dpid
            self.peers[link.b.dpid, link.b.port] = link.a.dpid
        self.wires.update(self.peers)
        self.check()
        self.trees.change_links(gone, new)
        self.changes.want(self.trees.work())

    def turn(self, seconds: float = 0.1) -> list[Repair]:
        self.now += seconds
        given = self.changes.step(self.now, self.generation, self.away, self.confirmed)
        for dpid, _, hops in given:
            if dpid not in self.away:
                self.acting.setdefault(dpid, []).append((self.generation, None, self.program.get(dpid)))
            self.program[dpid] = hops
        self.generation += 1
        self._forget()
        self.check()
        return given

    def _forget(self) -> None:
        """What was confirmed a grace ago is over; what is not is still there."""
        for dpid, some in self.acting.items():
            kept = []
            for generation, since, hops in some:
                at = since if since is not None else self.now if self.confirmed(dpid, generation) else None
                if at is None or self.now < at + GRACE:
                    kept.append((generation, at, hops))
            self.acting[dpid] = kept

    def check(self) -> None:
        for color in ("red", "blue"):
            graph = nx.DiGraph()
            for dpid in self.switches:
                for hops in (self.program.get(dpid), *(hops for _, _, hops in self.acting.get(dpid, ()))):
                    peer = self.peers.get((dpid, getattr(hops, color, NO_HOP)))
                    if peer is not None and dpid != ROOT:
                        graph.add_edge(dpid, peer)
            assert nx.is_directed_acyclic_graph(graph), (color, list(nx.find_cycle(graph)))

    def is_right(self) -> bool:
        return all(self.program.get(dpid) == self.trees.hops(dpid, ROOT) for dpid in self.switches)

    def rest(self) -> None:
        for _ in range(120):
            self.turn()


@pytest.fixture
def fabric() -> Fabric:
    fabric = Fabric(random.Random(1), 12)
    fabric.relink([], fabric.links)
    return fabric


def test_the_first_trees_are_given_at_once(fabric: Fabric) -> None:
    assert len(fabric.turn()) == 11
    assert fabric.is_right()
    assert not fabric.changes


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 1 << 30), st.integers(2, 10), st.booleans())
def test_no_color_has_a_loop_at_any_time_and_trees_are_right_in_the_end(seed: int, half: int, hung: bool) -> None:
    chance = random.Random(seed)
    fabric = Fabric(chance, 2 * half + 2)
    fabric.relink([], fabric.links)
    fabric.turn()
    dead: list[Link] = []
    for _ in range(6):
        if dead and chance.random() < 0.4:
            fabric.relink([], [dead.pop(chance.randrange(len(dead)))])
        else:
            link = chance.choice([link for link in fabric.links if link not in dead])
            dead.append(link)
            fabric.relink([link], [])
        if hung and chance.random() < 0.3:
            fabric.held = {chance.choice(fabric.switches): fabric.generation}
        elif hung and chance.random() < 0.3:
            fabric.away = frozenset(chance.sample(fabric.switches, 2))
        elif chance.random() < 0.3:
            fabric.held, fabric.away = {}, frozenset()
        for _ in range(chance.randrange(20)):
            fabric.turn()
    fabric.held, fabric.away = {}, frozenset()
    fabric.rest()
    assert fabric.is_right()
    assert not fabric.changes


def test_what_turns_round_is_left_out_until_all_have_forgotten_it() -> None:
    """Some switch has no hop of one color for a moment, none loses both, and all have both in the end."""
    muted = 0
    for seed in range(10):
        fabric = Fabric(random.Random(seed), 16)
        fabric.relink([], fabric.links)
        fabric.turn()
        fabric.relink([fabric.links[seed]], [])
        given = fabric.turn()
        muted += sum(hops is not None and NO_HOP in (hops.red, hops.blue) for _, _, hops in given)
        for _ in range(40):
            assert RepairHops(NO_HOP, NO_HOP) not in fabric.program.values()
            fabric.turn()
        assert fabric.is_right()
    assert muted


def test_one_that_is_away_keeps_what_it_had_and_keeps_others_from_what_would_make_a_loop_with_it() -> None:
    waited = 0
    for seed in range(10):
        fabric = Fabric(random.Random(seed), 16)
        fabric.relink([], fabric.links)
        fabric.turn()
        before = dict(fabric.program)
        fabric.away = frozenset(fabric.switches[3:6])
        fabric.relink([fabric.links[seed]], [])
        fabric.rest()
        assert all(fabric.program[dpid] == before[dpid] for dpid in fabric.away)
        assert not any(fabric.changes.waiting(dpid) for dpid in fabric.switches if fabric.program.get(dpid) is None)
        waited += not fabric.is_right()
        fabric.away = frozenset()
        fabric.rest()
        assert fabric.is_right()
    assert waited


def test_when_a_destination_vanishes_nobody_waits_for_one_that_is_away(fabric: Fabric) -> None:
    fabric.turn()
    fabric.away = frozenset(fabric.switches[3:5])
    before = dict(fabric.program)
    fabric.vanished = True
    fabric.changes.want((dpid, ROOT, None) for dpid in before)
    fabric.rest()
    assert {dpid for dpid, hops in fabric.program.items() if hops is not None} == fabric.away
    assert not fabric.changes
    fabric.away = frozenset()
    fabric.rest()
    assert not any(fabric.program.values())
