"""The compiler: incremental equals from scratch, and what it tells is exactly what changed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdn.model.ids import Dpid
from sdn.model.program import Entry, Group, Unit
from sdn.model.route import NextHops, Path, Repair, RepairHops
from sdn.pipeline import Compiler, route_table, routes
from sdn.pipeline.facts import (
    Ceiling,
    CircuitFacts,
    ConnectionFacts,
    EdgeFacts,
    InterfaceFacts,
    PairFacts,
    PortFacts,
    RootFacts,
    RouterFacts,
    SideFacts,
    StaticFacts,
    SwitchFacts,
    Way,
)
from sdn.pipeline.layout import GROUP_ALIVE
from sdn.pipeline.program import OwnershipError
from sdn.pipeline.routes import COMPILED_FORM, Form
from sdn.pipeline.salts import SaltTable

SWITCHES = (1, 2, 3, 4)
NETWORKS = (1, 2, 3)
PORTS = tuple(f"p{n}" for n in range(8))
HOPS = tuple(NextHops(ports, tier) for ports, tier in (((100,), 0), ((101,), 1), ((100, 101), 1), ((100, 101), 2)))
REPAIRS = tuple(RepairHops(red, blue) for red, blue in ((100, 101), (101, 100), (102, 100), (101, 102), (100, 100)))
FORMS = [
    pytest.param(route_table.RouteTable, id="python"),
    pytest.param(COMPILED_FORM, id="compiled", marks=pytest.mark.skipif(not routes.COMPILED, reason="not built")),
]
both = pytest.mark.parametrize("form", FORMS)
ROUND = [Path((Dpid(1), Dpid(2), Dpid(3)), ((100, 101), (100, 101))), Path((Dpid(4), Dpid(2)), ((100, 101),))]
BACK = [Path((Dpid(3), Dpid(2), Dpid(1)), ((101, 100), (101, 100))), Path((Dpid(2), Dpid(4)), ((101, 100),))]
SHARED = [
    [Way(path, 80 + 2 * number, 81 + 2 * number) for number, path in enumerate(ROUND)],
    [Way(path, 81 + 2 * number, 80 + 2 * number) for number, path in enumerate(BACK)],
]
Contents = dict[int, tuple[dict[bytes, bytes], dict[int, object], dict[int, object]]]


@dataclass
class World:
    """All facts, as the controller would hold them."""

    switches: dict[int, SwitchFacts] = field(default_factory=dict)
    networks: dict[int, str] = field(default_factory=dict)
    ports: dict[str, PortFacts] = field(default_factory=dict)
    routers: dict[str, RouterFacts] = field(default_factory=dict)
    routes: dict[tuple[Dpid, Dpid], NextHops] = field(default_factory=dict)
    repairs: dict[tuple[Dpid, Dpid], RepairHops] = field(default_factory=dict)
    connections: dict[str, ConnectionFacts] = field(default_factory=dict)
    announced: dict[tuple[int, bytes], tuple[str, bytes]] = field(default_factory=dict)
    edges: dict[str, EdgeFacts] = field(default_factory=dict)

    def compiled(self) -> Compiler:
        """From scratch, in one go."""
        compiler = Compiler()
        for dpid, facts in self.switches.items():
            compiler.set_switch(dpid, facts)
        for number, name in self.networks.items():
            compiler.set_network(number, name)
        for port_name, port in self.ports.items():
            compiler.set_port(port_name, port)
        for router_name, router in self.routers.items():
            compiler.set_router(router_name, router)
        for (network, value), by in self.announced.items():
            compiler.set_announced(network, value, by)
        compiler.set_repairs([(*key, hops) for key, hops in self.repairs.items()])
        compiler.set_routes([(*key, hops) for key, hops in self.routes.items()])
        for connection_name, connection in self.connections.items():
            compiler.set_connection(connection_name, connection)
        for connection_name, edge in self.edges.items():
            compiler.set_edge(connection_name, edge)
        compiler.compile()
        return compiler


def contents(compiler: Compiler) -> Contents:
    return {d: (dict(p.flows), dict(p.groups), dict(p.meters)) for d, p in compiler.programs.items()}


def differences(before: Contents, after: Contents) -> dict[int, set[Entry]]:
    found: dict[int, set[Entry]] = {}
    for dpid in after:
        old = before.get(dpid, ({}, {}, {}))
        for kind, a, b in zip(("flow", "group", "meter"), old, after[dpid], strict=True):
            changed = {key for key in a.keys() | b.keys() if a.get(key) != b.get(key)}  # type: ignore[attr-defined]
            if changed:
                found.setdefault(dpid, set()).update(Entry(kind, key) for key in changed)
    return found


class Changer:
    """Random changes, told to a compiler and noted in the world."""

    def __init__(self, seed: int, form: Form) -> None:
        self.chance = random.Random(seed)
        self.world = World()
        self.compiler = Compiler(form=form)
        for dpid in SWITCHES[:2]:
            self.switch(dpid)

    def step(self) -> None:
        choice = self.chance.choice
        what = choice(
            (
                "switch",
                "network",
                "port",
                "port",
                "port",
                "router",
                "routes",
                "routes",
                "repairs",
                "repairs",
                "connection",
                "announced",
                "edge",
                "root",
            )
        )
        if what == "switch":
            self.switch(choice(SWITCHES))
        elif what == "network":
            self.network(choice(NETWORKS))
        elif what == "port":
            self.port(choice(PORTS))
        elif what == "router":
            self.router(choice(("r1", "r2")))
        elif what == "routes":
            self.routes()
        elif what == "repairs":
            self.repairs()
        elif what == "announced":
            self.announced()
        elif what == "edge":
            self.edge(choice(("c1", "c2")))
        elif what == "root":
            self.root()
        else:
            self.connection(choice(("c1", "c2")))

    def switch(self, dpid: int) -> None:
        links = frozenset(n for n in (100, 101, 102) if self.chance.random() < 0.6)
        self.world.switches[dpid] = SwitchFacts(dpid + 10, links, links | {103})
        self.compiler.set_switch(dpid, self.world.switches[dpid])

    def network(self, number: int) -> None:
        if self.chance.random() < 0.3:
            self.world.networks.pop(number, None)
        else:
            self.world.networks[number] = f"n{number}"
        self.compiler.set_network(number, self.world.networks.get(number))

    def port(self, name: str) -> None:
        number = PORTS.index(name) + 1
        if self.chance.random() < 0.3:
            self.world.ports.pop(name, None)
        else:
            addresses = (bytes([10, 0, self.chance.randrange(2), number + 10]),) if self.chance.random() < 0.8 else ()
            v6 = (bytes([0xFD]) + bytes(14) + bytes([number]),) if self.chance.random() < 0.6 else ()
            ofport = number if self.chance.random() < 0.8 else None
            mac, dpid = bytes([2, 0, 0, 0, 0, number]), self.chance.choice(SWITCHES)
            network = self.chance.choice(NETWORKS)
            asks = self.chance.random() < 0.4
            learned = asks and self.chance.random() < 0.6
            pairs = self.pairs(number) if self.chance.random() < 0.5 else ()
            target = (self.chance.choice(SWITCHES), self.chance.choice((None, number + 20)))
            moving = target if self.chance.random() < 0.3 else None
            self.world.ports[name] = PortFacts(
                network, number, mac, addresses, v6, dpid, ofport, pairs, moving, asks, learned
            )
        self.compiler.set_port(name, self.world.ports.get(name))

    def pairs(self, number: int) -> tuple[PairFacts, ...]:
        """Addresses and MACs that other ports have, may use too, or do not; ranges; now and then several are active."""
        own, virtual = bytes([2, 0, 0, 0, 0, number]), bytes([0, 0, 0x5E, 0, 1, self.chance.randrange(1, 3)])
        found: dict[tuple[bytes, int, bytes], PairFacts] = {}
        for _ in range(self.chance.randrange(1, 5)):
            mac, service = self.chance.choice(((own, number), (virtual, 100 * virtual[5] + number)))
            size = self.chance.choice((4, 16))
            low = self.chance.randrange(len(PORTS) + 3)
            v4 = bytes([10, 0, self.chance.randrange(2), low + 10])
            prefix = v4 if size == 4 else bytes([0xFD]) + bytes(14) + bytes([low])
            length = self.chance.choice((0, 8, size * 8, size * 8, size * 8))
            if length < size * 8:
                prefix = bytes(size) if length == 0 else prefix[:1] + bytes(size - 1)
            active = length == size * 8 and self.chance.random() < 0.3
            found[prefix, length, mac] = PairFacts(prefix, length, mac, service, active)
        return tuple(found.values())

    def announced(self) -> None:
        """Somebody announces what it may or may not use, or what was announced is forgotten."""
        names = [name for name, port in self.world.ports.items() if port.pairs]
        if self.world.announced and self.chance.random() < 0.3:
            key = self.chance.choice(sorted(self.world.announced))
            del self.world.announced[key]
            self.compiler.set_announced(*key, None)
        elif names:
            name = self.chance.choice(names)
            pair, network = self.chance.choice(self.world.ports[name].pairs), self.chance.choice(NETWORKS)
            for value in (pair.prefix, pair.mac):
                self.world.announced[network, value] = name, pair.mac
                self.compiler.set_announced(network, value, (name, pair.mac))

    def router(self, name: str) -> None:
        number = 1 if name == "r1" else 2
        free = set(NETWORKS) - {i.network for n, r in self.world.routers.items() if n != name for i in r.interfaces}
        chosen = sorted(network for network in free if self.chance.random() < 0.7)
        if not chosen:
            self.world.routers.pop(name, None)
        else:
            interfaces = tuple(
                InterfaceFacts(
                    network,
                    bytes([10, 0, network, 0]),
                    24,
                    bytes([10, 0, network, 1]),
                    self.chance.choice((0, 0, 1400)),
                )
                for network in chosen
            )
            before = self.world.routers.get(name)
            if before is not None and self.chance.random() < 0.4:
                interfaces, chosen = before.interfaces, sorted({i.network for i in before.interfaces})
            self.world.routers[name] = RouterFacts(number, interfaces, self.static(chosen))
        self.compiler.set_router(name, self.world.routers.get(name))

    def static(self, networks: list[int]) -> tuple[StaticFacts, ...]:
        """Static routes to addresses that ports have, may have or never have, in these networks."""
        routes = []
        for length in (0, 8, 32, 64, 128):
            if self.chance.random() < 0.3:
                number, size = self.chance.randrange(len(PORTS) + 2), 4 if length <= 32 else 16
                v4 = bytes([10, 0, self.chance.randrange(2), number + 10])
                hop = v4 if size == 4 else bytes([0xFD]) + bytes(14) + bytes([number])
                network = self.chance.choice((0, *networks))
                prefix, limit = bytes([10]) + bytes(size - 1), self.chance.choice((0, 1400)) if network else 0
                routes.append(StaticFacts(prefix, length, network, hop if network else b"", limit))
        return tuple(routes)

    def routes(self) -> None:
        dpids = [Dpid(dpid) for dpid in SWITCHES]
        pairs = [(a, b) for a in dpids for b in dpids if a != b]  # also of switches not yet there
        changed = [(*pair, self.hops()) for pair in pairs if self.chance.random() < 0.5]
        for a, b, hops in changed:
            if hops is None:
                self.world.routes.pop((a, b), None)
            else:
                self.world.routes[a, b] = hops
        self.compiler.set_routes(changed)

    def repairs(self) -> None:
        dpids = [Dpid(dpid) for dpid in SWITCHES]
        changed: list[Repair] = []
        for pair in ((a, b) for a in dpids for b in dpids if a != b and self.chance.random() < 0.5):
            backup = self.chance.choice((None, *REPAIRS))
            changed.append((*pair, backup))
            if backup is None:
                self.world.repairs.pop(pair, None)
            else:
                self.world.repairs[pair] = backup
        self.compiler.set_repairs(changed)

    def hops(self) -> NextHops | None:
        return self.chance.choice((None, *HOPS))

    def way(self, forward: int, backward: int) -> Way:
        switches = list(SWITCHES)
        self.chance.shuffle(switches)
        switches = switches[: self.chance.randrange(1, 4)]
        links = tuple((100, 101) for _ in switches[1:])
        return Way(Path(tuple(Dpid(dpid) for dpid in switches), links), forward, backward)

    def connection(self, name: str) -> None:
        a, b = (1, 2) if name == "c1" else (3, 4)
        ways = tuple(self.way(a + 10 * slot, b + 10 * slot) for slot in range(self.chance.randrange(4)))
        # Of both, one of them the other way round.
        ways += tuple(SHARED[name == "c1"][slot] for slot in range(2) if self.chance.random() < 0.5)
        if not ways:
            self.world.connections.pop(name, None)
        else:
            steered = self.chance.choice((None, *ways))
            self.world.connections[name] = ConnectionFacts(a, b, ways, steered)
        self.compiler.set_connection(name, self.world.connections.get(name))

    def edge(self, name: str) -> None:
        """At any switches, also such that are not known, and with other ceilings each time."""
        a, b = (1, 2) if name == "c1" else (3, 4)
        if self.chance.random() < 0.2:
            self.world.edges.pop(name, None)
        else:
            bare = self.chance.random() < 0.5
            a, b = (a + 1000, b + 1000) if bare else (a, b)
            sides = []
            for sender, receiver in ((a, b), (b, a)):
                ceiling = self.chance.choice((None, Ceiling(65536 + sender, self.chance.randrange(1, 4) * 1000)))
                dpids = tuple(self.chance.sample(SWITCHES, self.chance.randrange(1, 3)))
                sides.append(SideFacts(sender, receiver, dpids, ceiling))
            ends = [
                CircuitFacts(side.sender, side.dpids[0], self.chance.choice((None, side.sender % 1000 + 50)), vlan)
                for side, vlan in zip(sides, self.chance.choice(((None, None), (0, 5), (6, 7))), strict=True)
            ]
            rooted = self.chance.choice((None, 0, 1)) if bare else None
            self.world.edges[name] = EdgeFacts(*sides, (ends[0], ends[1]) if bare else None, rooted=rooted)
        self.compiler.set_edge(name, self.world.edges.get(name))

    def root(self) -> None:
        """At any switch, with copies for any switches."""
        chance, name = self.chance, "c3"
        if chance.random() < 0.2:
            self.world.edges.pop(name, None)
        else:
            vlan, dpid = chance.choice((None, 0, 8)), chance.choice(SWITCHES)
            ceiling = chance.choice((None, Ceiling(65536 + 2001, chance.randrange(1, 4) * 1000)))
            sides = [SideFacts(2001, 0, (dpid,), ceiling), SideFacts(0, 2001, ())]
            copies = tuple(
                (2100 + n, CircuitFacts(2200 + n, chance.choice(SWITCHES), None, vlan))
                for n in sorted(chance.sample(range(6), chance.randrange(1, 6)))
            )
            root = RootFacts(CircuitFacts(2001, dpid, chance.choice((None, 60)), vlan), copies)
            self.world.edges[name] = EdgeFacts(*chance.choice((sides, sides[::-1])), root=root)
        self.compiler.set_edge(name, self.world.edges.get(name))


@both
@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), pace=st.integers(1, 6))
def test_incremental_equals_from_scratch_and_tells_exactly_what_changed(form: Form, seed: int, pace: int) -> None:
    changer = Changer(seed, form)
    before = contents(changer.compiler)
    for number in range(60):
        changer.step()
        if number % pace == 0:
            told = changer.compiler.compile()
            after = contents(changer.compiler)
            assert {dpid: set(entries) for dpid, entries in told.items()} == differences(before, after)
            assert all(len(entries) == len(set(entries)) for entries in told.values())
            before = after
    changer.compiler.compile()
    assert changer.compiler.compile() == {}
    assert changer.compiler.touched == changer.compiler.rerouted == []
    assert contents(changer.compiler) == contents(changer.world.compiled())


A, B = Dpid(1), Dpid(2)
SINGLE, SPREAD = NextHops((100,), 0), NextHops((100, 101), 1)


def port(number: int, network: int = 1, dpid: int = 1, ofport: int | None = None) -> PortFacts:
    v4, v6 = bytes([10, 0, 0, number]), bytes([0xFD]) + bytes(14) + bytes([number])
    mac = bytes([2, 0, 0, 0, network, number])
    return PortFacts(network, number, mac, (v4,), (v6,), dpid, number if ofport is None else ofport)


def two_switches(form: Form = COMPILED_FORM) -> Compiler:
    compiler = Compiler(form=form)
    for dpid in (1, 2):
        compiler.set_switch(dpid, SwitchFacts(dpid, frozenset({100}), frozenset({100})))
    compiler.set_routes([(A, B, SPREAD), (B, A, SINGLE)])
    for number in (1, 2):
        compiler.set_network(number, f"n{number}")
    compiler.compile()
    return compiler


def units(compiler: Compiler, name: str) -> list[Unit]:
    return [unit for program in compiler.programs.values() for unit in program.units() if unit.object == name]


def test_a_detached_port_leaves_nothing() -> None:
    compiler = two_switches()
    before = contents(compiler)
    compiler.set_port("a", port(1))
    compiler.set_port("b", port(2, dpid=2))
    compiler.compile()
    assert units(compiler, "a")
    compiler.set_port("a", None)
    compiler.set_port("b", None)
    compiler.compile()
    assert contents(compiler) == before
    assert not units(compiler, "a")


def test_another_port_of_a_network_that_is_there_touches_only_its_own_units() -> None:
    compiler = two_switches()
    compiler.set_port("a", port(1))
    compiler.set_port("b", port(2, dpid=2))
    compiler.compile()
    compiler.set_port("c", port(3, dpid=1))
    told = compiler.compile()
    assert {(unit.object, unit.dpid) for unit in compiler.touched} == {("c", 1), ("c", 2), ("n1", 1)}
    assert all(entry.kind != "group" for entry in told[2])


def test_the_same_facts_again_cause_nothing() -> None:
    compiler = two_switches()
    compiler.set_port("a", port(1))
    compiler.compile()
    compiler.set_port("a", port(1))
    compiler.set_switch(1, SwitchFacts(1, frozenset({100}), frozenset({100})))
    compiler.set_routes([(A, B, NextHops((100, 101), 1))])
    assert compiler.compile() == {}


def test_what_a_switch_refuses_is_left_out_until_it_is_something_else() -> None:
    compiler = two_switches()
    compiler.set_port("a", port(1))
    compiler.compile()
    unit = Unit("attach", "a", 1)
    held = set(compiler.programs[1].flows)
    compiler.block(unit)
    told = compiler.compile()
    assert compiler.blocked(unit)
    assert {entry.key for entry in told[1] if entry.kind == "flow"} == held - set(compiler.programs[1].flows)
    assert compiler.compile() == {}
    compiler.set_port("a", port(1, ofport=9))
    compiler.compile()
    assert not compiler.blocked(unit)
    compiler.block(unit)
    compiler.compile()
    compiler.unblock(1)
    compiler.compile()
    assert not compiler.blocked(unit)
    assert units(compiler, "a")


@both
def test_equal_groups_are_one(form: Form) -> None:
    compiler = two_switches(form)
    before = set(compiler.programs[1].groups)
    for dpid in (3, 4):
        compiler.set_switch(dpid, SwitchFacts(dpid))
    compiler.set_routes([(A, Dpid(3), NextHops((100, 101), 1)), (A, Dpid(4), NextHops((100, 101), 2))])
    compiler.compile()
    assert len(set(compiler.programs[1].groups) - before) == 1, "one more for the other order"


def shared_by(*names: str) -> Compiler:
    compiler = two_switches()
    for dpid in (3, 4):
        compiler.set_switch(dpid, SwitchFacts(dpid))
    compiler.compile()
    for name in names:
        compiler.set_connection(name, ConnectionFacts(1, 2, (SHARED[0][0],), None))
    return compiler


def test_what_connections_have_of_one_way_is_there_once_and_until_the_last_goes() -> None:
    compiler = shared_by("a")
    before = contents(compiler)
    told = compiler.compile()
    assert {dpid: sum(entry.kind == "flow" for entry in entries) for dpid, entries in told.items()} == {
        1: 2,
        2: 2,
        3: 2,
    }
    flows = [entry for entry in told[2] if entry.kind == "flow"]
    compiler.set_connection("b", ConnectionFacts(3, 4, (SHARED[1][0],), None))
    assert compiler.compile() == {}
    assert {(unit.object, unit.dpid) for unit in compiler.joined} == {("b", 1), ("b", 2), ("b", 3)}
    assert {entry for unit in compiler.joined for entry in compiler.programs[2].held(unit)} >= set(flows)
    for entry in flows:
        assert [unit.object for unit in compiler.programs[2].owners(entry)] == ["a", "b"]
    compiler.set_connection("a", None)
    assert compiler.compile() == {}
    assert not units(compiler, "a")
    compiler.set_connection("b", None)
    assert {dpid: set(entries) for dpid, entries in compiler.compile().items()} == {
        dpid: set(entries) for dpid, entries in told.items()
    }
    assert contents(compiler) == before


def test_of_two_that_share_one_takes_over_from_the_other_at_once() -> None:
    compiler = shared_by("a")
    compiler.compile()
    compiler.set_connection("a", None)
    compiler.set_connection("b", ConnectionFacts(3, 4, (SHARED[1][0],), None))
    assert compiler.compile() == {}
    assert {unit.object for unit in compiler.joined} == {"b"}, "it may not be confirmed yet"


def test_one_number_for_two_paths_is_an_error() -> None:
    compiler = shared_by("a")
    compiler.compile()
    compiler.set_connection("b", ConnectionFacts(3, 4, (Way(ROUND[1], 80, 81),), None))
    with pytest.raises(OwnershipError, match="with different content"):
        compiler.compile()


def test_two_ports_on_one_openflow_port_are_an_error() -> None:
    compiler = two_switches()
    compiler.set_port("a", port(1, ofport=7))
    compiler.set_port("b", port(2, ofport=7))
    with pytest.raises(OwnershipError):
        compiler.compile()


@both
def test_a_route_that_a_switch_refuses_is_left_out_until_it_is_another_one(form: Form) -> None:
    compiler = two_switches(form)
    program = compiler.programs[1]
    before = contents(compiler)
    (number,) = program.groups.keys() - {GROUP_ALIVE}
    (unit,) = program.owners(Entry("group", number))
    flows = {key for key in program.flows if program.owners(Entry("flow", key)) == (unit,)}
    assert unit == Unit("route", "switches/0000000000000002", 1)
    assert len(flows) == 2
    assert unit in set(program.units())
    compiler.block(unit)
    told = compiler.compile()
    assert {entry.key for entry in told[1]} == {*flows, number}
    assert compiler.blocked(unit)
    assert compiler.blocked_units == (unit,)
    compiler.set_routes([(A, B, SPREAD)])
    assert compiler.compile() == {}, "it would be refused again"
    compiler.set_routes([(A, B, SINGLE)])
    assert {entry.key for entry in compiler.compile()[1]} == flows
    assert not compiler.blocked(unit)
    compiler.set_routes([(A, B, SPREAD)])
    compiler.compile()
    compiler.block(unit)
    compiler.compile()
    compiler.unblock(1)
    compiler.compile()
    assert contents(compiler) == before


@both
def test_a_group_whose_id_is_taken_gets_another_one(form: Form) -> None:
    compiler = two_switches(form)
    program = compiler.programs[1]
    (number,) = program.groups.keys() - {GROUP_ALIVE}
    compiler.set_routes([(A, B, None)])
    compiler.compile()
    program.groups[number] = Group(1, b"of somebody else")
    compiler.set_routes([(A, B, SPREAD)])
    compiler.compile()
    (other,) = program.groups.keys() - {GROUP_ALIVE, number}
    assert program.groups[number] == Group(1, b"of somebody else")
    assert program.owners(Entry("group", other)) == (Unit("route", "switches/0000000000000002", 1),)
    # It keeps that one, when the first is free again, and in another life.
    del program.groups[number]
    compiler.set_routes([(A, B, None)])
    compiler.compile()
    compiler.set_routes([(A, B, SPREAD)])
    compiler.compile()
    again = Compiler(SaltTable(dict(compiler.salts.records())), form)
    for dpid in (1, 2):
        again.set_switch(dpid, SwitchFacts(dpid, frozenset({100}), frozenset({100})))
    again.set_routes([(A, B, SPREAD), (B, A, SINGLE)])
    again.compile()
    assert contents(again) == contents(compiler)


@both
def test_changes_before_a_compile_count_as_one(form: Form) -> None:
    compiler = two_switches(form)
    before = contents(compiler)
    compiler.set_routes([(A, B, SINGLE), (B, A, None)])
    compiler.set_routes([(B, A, SINGLE)])
    compiler.set_routes([(A, B, SPREAD)])
    assert compiler.compile() == {}
    assert compiler.rerouted == []
    assert contents(compiler) == before
