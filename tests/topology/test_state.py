"""Links for routing, names, and wiring faults against a declaration."""

import pytest
from probe_fabric import KEY, Fabric

from sdn.model.topology import DEFAULT_CAPACITY, DeclaredLink, DeclaredTopology, Link, LinkEnd, SwitchPort
from sdn.topology import PENALTY, TopologyState

DECLARED = DeclaredTopology(
    "triangle",
    {"leaf1": 1, "leaf2": 2, "spine1": 3},
    (
        DeclaredLink(("spine1", "3-eth1"), ("leaf1", "1-eth1"), 7, 40, 5, frozenset({"duct"})),
        DeclaredLink(("leaf2", "2-eth1"), ("spine1", "3-eth2"), 8),
        DeclaredLink(("leaf1", ""), ("leaf2", ""), 9),
    ),
)


def network(declared=DECLARED, cables=(((1, 1), (3, 1)), ((2, 1), (3, 2)), ((1, 2), (2, 2))), switches=(1, 2, 3)):
    world = Fabric(TopologyState(KEY, declared))
    for dpid in switches:
        world.connect(dpid, 4)
    for a, b in cables:
        world.plug(a, b)
    world.run(2)
    return world


def ends(a, b):
    return {"a": LinkEnd(*a), "b": LinkEnd(*b)}


def kinds(world):
    return [fault.kind for fault in world.state.faults()]


def test_links_take_declared_attributes_and_are_sorted():
    state = network().state
    assert state.links() == (
        Link(**ends((1, 1), (3, 1)), cost=7, capacity=40, latency=5, risk_groups=frozenset({"duct"})),
        Link(**ends((1, 2), (2, 2)), cost=9),
        Link(**ends((2, 1), (3, 2)), cost=8),
    )
    assert state.faults() == ()
    assert [(s.a, s.b, s.link is not None, s.declared is not None) for s in state.link_states()] == [
        (("leaf1", "1-eth1"), ("spine1", "3-eth1"), True, True),
        (("leaf1", "1-eth2"), ("leaf2", "2-eth2"), True, True),
        (("leaf2", "2-eth1"), ("spine1", "3-eth2"), True, True),
    ]


def test_without_a_declaration_the_slower_port_gives_the_capacity():
    world = Fabric(TopologyState(KEY))
    for dpid, speeds in ((1, (0, 10**9)), (2, (0, 10**8))):
        ports = [SwitchPort(n, f"{dpid}-eth{n}", b"", True, speed) for n, speed in enumerate(speeds, 1)]
        world.up[dpid] = 2
        world.discovery.switch_up(dpid, ports, world.now)
    world.plug((1, 1), (2, 1))
    world.plug((1, 2), (2, 2))
    world.run(1)
    assert [link.capacity for link in world.state.links()] == [DEFAULT_CAPACITY, 10**8]
    assert world.state.faults() == ()
    assert world.state.name_of(1) == "0000000000000001"


def test_the_version_follows_the_links_exactly():
    world = network()
    state = world.state
    version = state.version
    before = state.links()
    world.run(5)
    world.disconnect(1)
    world.run(1)
    world.connect(1, 4)
    world.set_port(1, 4, up=False)
    assert (state.version, state.links()) == (version, before)
    world.set_port(1, 1, up=False)
    assert state.version == version + 1
    assert len(state.links()) == 2
    world.set_port(1, 1, up=True)
    world.run(2)
    assert state.links() == before
    assert state.version == version + 2


def test_port_numbers_that_change_change_the_version():
    world = network()
    version = world.state.version
    world.disconnect(1)
    ports = [SwitchPort(10 + n, f"1-eth{n}", b"", True) for n in range(1, 5)]
    world.discovery.switch_up(1, ports, world.now)
    assert world.state.version == version + 1
    assert world.state.links()[0].a == LinkEnd(1, 11)
    assert world.state.port_number(1, "1-eth1") == 11
    assert world.state.show(LinkEnd(1, 11)) == "leaf1:1-eth1"
    assert world.state.show(LinkEnd(1, 99)) == "leaf1:99"


def test_a_switch_that_stays_away_is_avoided_and_taken_back():
    world = network()
    state = world.state
    before = state.links()
    world.disconnect(3)
    world.run(2.8)
    assert state.links() == before
    world.run(0.4)
    assert [link.cost for link in state.links()] == [7 + PENALTY, 9, 8 + PENALTY]
    world.disconnect(1)
    world.run(4)
    assert [link.cost for link in state.links()] == [7 + 2 * PENALTY, 9 + PENALTY, 8 + PENALTY]
    assert [s.link.cost for s in state.link_states()] == [7, 9, 8]
    world.connect(3, 4)
    world.connect(1, 4)
    world.tick()
    assert state.links() == before


def test_after_a_restart_nothing_changes_while_switches_come_back():
    world = network()
    before = world.state.links()
    again = Fabric(TopologyState(KEY, DECLARED))
    again.state.load(world.state.records(), again.now)
    again.cables = world.cables
    version = again.state.version
    assert again.state.links() == before
    for dpid in (3, 1, 2):
        again.run(4)
        again.connect(dpid, 4)
    again.run(10)
    assert (again.state.version, again.state.links()) == (version, before)
    assert again.state.faults() == ()


def test_a_switch_that_does_not_return_after_a_restart_is_avoided_in_the_end():
    world = network()
    again = Fabric(TopologyState(KEY, DECLARED))
    again.state.load(world.state.records(), again.now)
    again.cables = world.cables
    again.connect(1, 4)
    again.connect(2, 4)
    again.run(14.5)
    assert again.state.links() == world.state.links()
    again.run(1)
    assert [link.cost for link in again.state.links()] == [7 + PENALTY, 9, 8 + PENALTY]


def test_names():
    state = network().state
    assert state.name_of(3) == "spine1"
    assert state.name_of(0xAB) == "00000000000000ab"
    assert state.resolve("leaf2") == 2
    assert state.resolve("0000000000000003") == 3
    assert state.resolve("0xff") == 255
    assert state.resolve("leaf9") is None
    assert state.resolve("") is None
    assert state.switches() == (1, 2, 3)
    assert state.port_number(1, "nothing") is None


def test_missing_switches_are_named_once_without_their_links():
    world = network(switches=(1, 2))
    (fault,) = world.state.faults()
    assert fault.kind == "MissingSwitch"
    assert fault.message == "switch spine1 (0000000000000003) is not connected"
    states = world.state.link_states()
    assert [(s.a, s.b) for s in states if s.link is None] == [
        (("leaf1", "1-eth1"), ("spine1", "3-eth1")),
        (("leaf2", "2-eth1"), ("spine1", "3-eth2")),
    ]


def test_missing_links_say_why():
    world = network(cables=[((2, 1), (3, 2))])
    assert [f.message for f in world.state.faults()] == [
        "no link between spine1:3-eth1 and leaf1:1-eth1",
        "no link between leaf1 and leaf2",
    ]
    assert kinds(world) == ["MissingLink", "MissingLink"]
    world.set_port(1, 1, up=False)
    world.discovery.port_removed(3, 1)
    texts = [f.message for f in world.state.faults()]
    assert any(t.endswith(": there is no spine1:3-eth1; leaf1:1-eth1 is down") for t in texts)
    world.discovery.set_bound(2, 1, True, world.now)
    assert any(t.endswith("leaf2:2-eth1 is bound to a host") for t in (f.message for f in world.state.faults()))


def test_a_wrong_cable_is_one_fault_per_end():
    world = network(cables=[((1, 1), (3, 3)), ((2, 1), (3, 2)), ((1, 2), (2, 2))])
    (fault,) = world.state.faults()
    assert (fault.kind, fault.message) == (
        "WrongPeer",
        "leaf1:1-eth1 is wired to spine1:3-eth3, declared is spine1:3-eth1",
    )
    swapped = network(cables=[((1, 1), (3, 2)), ((2, 1), (3, 1)), ((1, 2), (2, 2))])
    assert kinds(swapped) == ["WrongPeer"] * 4


def test_unexpected_links_and_switches():
    world = network()
    world.connect(9, 2)
    world.plug((9, 1), (1, 4))
    world.plug((2, 4), (3, 4))
    world.run(2)
    assert [(f.kind, f.message) for f in world.state.faults()] == [
        ("UnexpectedLink", "leaf1:1-eth4 is wired to 0000000000000009:9-eth1, which was not declared"),
        ("UnexpectedLink", "leaf2:2-eth4 is wired to spine1:3-eth4, which was not declared"),
        ("UnexpectedSwitch", "switch 0000000000000009 is connected, but was not declared"),
    ]


def test_one_way_links_are_reported_after_a_while():
    world = network()
    del world.cables[1, 2]
    world.run(3)
    assert "OneWayLink" not in kinds(world)
    world.run(6)
    assert kinds(world) == ["MissingLink", "OneWayLink"]
    assert world.state.faults()[1].message == "leaf1:1-eth2 hears leaf2:2-eth2, but is not heard by it"


@pytest.mark.parametrize("order", [(1, 2, 10), (10, 2, 1)])
def test_parallel_links_without_interfaces_are_taken_in_natural_order(order):
    declared = DeclaredTopology(
        "pair",
        {"a": 1, "b": 2},
        (
            DeclaredLink(("a", ""), ("b", ""), 5),
            DeclaredLink(("b", ""), ("a", ""), 6),
            DeclaredLink(("a", "1-eth2"), ("b", ""), 7),
        ),
    )
    world = Fabric(TopologyState(KEY, declared))
    for dpid in (1, 2):
        world.connect(dpid, 10)
    for number in order:
        world.plug((1, number), (2, number))
    world.run(2)
    assert [(link.a.port, link.cost) for link in world.state.links()] == [(1, 5), (2, 7), (10, 6)]
    assert world.state.faults() == ()
