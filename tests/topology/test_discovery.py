"""Discovery against a world of cables: what becomes a link, what ends it, what is not believed."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from probe_fabric import KEY, Fabric, pair

from sdn.model.errors import InvalidInput
from sdn.model.topology import SwitchPort
from sdn.topology import Discovery, End, lldp


def fabric(switches=2, ports=3):
    world = Fabric(None, Discovery(KEY))
    for dpid in range(1, switches + 1):
        world.connect(dpid, ports)
    return world


def linked():
    world = fabric()
    world.plug((1, 1), (2, 1))
    world.tick()
    assert world.links() == [pair((1, 1), (2, 1))]
    return world


LINK = pair((1, 1), (2, 1))


def test_a_link_is_found_with_the_first_probes():
    linked()


def test_one_direction_alone_is_no_link_but_is_reported():
    world = fabric()
    world.plug((1, 1), (2, 1))
    del world.cables[2, 1]
    world.run(5)
    assert world.links() == []
    assert world.discovery.one_way(world.now - 3) == [LINK]
    assert world.discovery.one_way(world.now - 30) == []


def test_each_port_is_probed_once_per_interval_spread_over_it():
    world = fabric(switches=10, ports=10)
    assert len(world.probes()) == 100
    counts = {}
    busiest = 0
    for _ in range(50):
        world.now += 0.1
        sent = world.probes()
        busiest = max(busiest, len(sent))
        for dpid, number, _ in sent:
            counts[dpid, number] = counts.get((dpid, number), 0) + 1
    assert set(counts.values()) <= {4, 5}
    assert len(counts) == 100
    assert busiest < 30


def test_ports_that_are_down_bound_or_local_are_not_probed():
    world = Fabric(None, Discovery(KEY))
    world.discovery.set_bound(1, "1-eth2", True, world.now)
    ports = [world.port(1, 1), world.port(1, 2), SwitchPort(3, "1-eth3", b"", False)]
    world.discovery.switch_up(1, [*ports, SwitchPort(0xFFFFFFFE, "s1", b"", True)], world.now)
    assert [(d, n) for d, n, _ in world.probes()] == [(1, 1)]
    world.discovery.set_bound(1, 2, False, world.now)
    assert [(d, n) for d, n, _ in world.probes()] == [(1, 2)]


def test_no_nonce_is_used_twice():
    world = fabric(ports=5)
    seen = set()
    for _ in range(100):
        world.now += 0.1
        for _, _, frame in world.probes():
            nonce = lldp.parse(frame).nonce
            assert nonce not in seen
            seen.add(nonce)


@pytest.mark.parametrize("end", [(1, 1), (2, 1)])
def test_a_port_that_goes_down_takes_the_link_with_it_at_once(end):
    world = linked()
    sent = [(*end, lldp.build(KEY, end[0], f"{end[0]}-eth1", bytes(6), bytes(16), 4))]
    world.set_port(*end, up=False)
    assert world.links() == []
    world.deliver(sent)
    assert world.links() == []
    world.set_port(*end, up=True)
    world.run(1.1)
    assert world.links() == [LINK]


def test_a_probe_under_way_when_its_port_goes_down_is_not_believed():
    world = fabric()
    world.plug((1, 1), (2, 1))
    sent = world.probes()
    world.set_port(1, 1, up=False)
    world.down_ports.clear()
    (reject,) = [r for r in world.deliver(sent) if r.dpid == 2]
    assert reject.kind == "stale"
    assert world.links() == []


def test_a_removed_port_takes_the_link_with_it():
    world = linked()
    world.discovery.port_removed(2, 1)
    assert world.links() == []
    assert world.discovery.port(End(2, "2-eth1")) is None
    assert world.discovery.interface(2, 1) is None


def test_a_silent_link_ends_after_the_misses_and_not_before():
    world = linked()
    world.unplug((1, 1))
    world.run(2)
    assert world.links() == [LINK]
    world.run(2.6)
    assert world.links() == []


def test_a_busy_controller_does_not_tear_links_down():
    world = linked()
    world.run(3)
    for _ in range(5):
        world.now += 30
        late = world.probes()
        world.discovery.expire(world.now)
        assert world.links() == [LINK]
        world.now += 2
        world.deliver(late)
    world.discovery.expire(world.now)
    assert world.links() == [LINK]


def test_links_of_a_switch_that_is_away_stay_and_are_checked_when_it_returns():
    world = linked()
    world.disconnect(2)
    world.run(60)
    assert world.links() == [LINK]
    assert world.discovery.away_since(2) == pytest.approx(world.now - 60)
    world.unplug((1, 1))
    world.connect(2, 3)
    assert world.links() == [LINK]
    world.run(2)
    assert world.links() == [LINK]
    world.run(3)
    assert world.links() == []


def test_a_neighbours_port_that_goes_down_ends_the_link_of_a_switch_that_is_away():
    world = linked()
    world.disconnect(2)
    world.set_port(1, 1, up=False)
    assert world.links() == []


def test_port_numbers_may_change_while_a_switch_is_away():
    world = linked()
    before = world.discovery.revision
    world.disconnect(2)
    world.discovery.switch_up(2, [SwitchPort(77, "2-eth1", b"", True)], world.now)
    assert world.links() == [LINK]
    assert world.discovery.port(End(2, "2-eth1")).number == 77
    assert world.discovery.revision > before
    world.discovery.switch_up(2, [SwitchPort(1, "other", b"", True)], world.now)
    assert world.links() == []


def test_a_port_changes_number_or_name_while_connected():
    world = linked()
    world.discovery.port_changed(2, world.port(2, 9, "2-eth1"), world.now)
    assert world.links() == []
    assert world.discovery.interface(2, 1) is None
    assert world.discovery.interface(2, 9) == "2-eth1"
    world.discovery.port_changed(2, world.port(2, 9, "new"), world.now)
    assert [(p.number, p.name) for p in world.discovery.ports(2)] == [(2, "2-eth2"), (3, "2-eth3"), (9, "new")]


def test_a_cable_that_is_moved_without_a_port_going_down_is_believed_when_the_old_link_has_ended():
    world = fabric(3)
    world.plug((1, 1), (2, 1))
    world.run(2)
    world.plug((1, 1), (3, 1))
    rejects = world.run(2)
    assert world.links() == [LINK]
    assert {r.kind for r in rejects} == {"taken"}
    world.run(3.5)
    assert world.links() == [pair((1, 1), (3, 1))]


def test_a_cable_that_is_moved_is_believed_at_once_when_its_port_went_down():
    world = linked()
    world.unplug((1, 1))
    for up in (False, True):
        world.set_port(1, 1, up=up)
    world.plug((1, 1), (2, 2))
    world.run(1.1)
    assert world.links() == [pair((1, 1), (2, 2))]


@pytest.mark.parametrize("mark", [1, "1-eth1"])
def test_binding_a_port_ends_its_link_and_nothing_brings_it_back(mark):
    world = linked()
    world.discovery.set_bound(1, mark, True, world.now)
    assert world.links() == []
    rejects = world.run(3)
    assert world.links() == []
    assert {r.kind for r in rejects} == {"bound-port"}
    world.disconnect(1)
    world.connect(1, 3)
    world.run(3)
    assert world.links() == []
    world.discovery.set_bound(1, mark, False, world.now)
    world.run(1.1)
    assert world.links() == [LINK]


def test_two_tenants_cannot_make_a_link_of_their_ports():
    """Both bound ports relay whatever arrives: nothing is sent to them, and what they inject is refused."""
    world = fabric()
    world.plug((1, 1), (2, 1))
    for dpid in (1, 2):
        world.discovery.set_bound(dpid, f"{dpid}-eth2", True, world.now)
    world.plug((1, 2), (2, 2))
    sent = world.probes()
    assert {(d, n) for d, n, _ in sent} == {(1, 1), (1, 3), (2, 1), (2, 3)}
    stolen = [frame for dpid, number, frame in sent if (dpid, number) == (1, 3)]
    reject = world.discovery.receive(2, 2, stolen[0], world.now)
    assert reject.kind == "bound-port"
    world.deliver(sent)
    assert world.links() == [LINK]


def test_forged_malformed_foreign_replayed_and_reflected_probes():
    world = linked()
    discovery = world.discovery
    frames = {}
    for _ in range(20):
        frames |= {(d, n): frame for d, n, frame in world.probes()}
        world.now += 0.1
    frame = frames[1, 2]

    def kind(dpid, port, data):
        return discovery.receive(dpid, port, data, world.now).kind

    assert kind(2, 2, lldp.build(b"x" * 16, 1, "1-eth2", bytes(6), bytes(16), 4)) == "forged"
    assert kind(2, 2, frame[:-1] + b"\x01") == "foreign"
    assert kind(2, 2, frame.replace(b"0000000000000001", b"000000000000000X")) == "malformed"
    assert kind(2, 2, b"") == "foreign"
    assert kind(2, 2, lldp.build(KEY, 1, "1-eth2", bytes(6), bytes(16), 4)) == "stale"
    assert kind(2, 2, lldp.build(KEY, 9, "9-eth2", bytes(6), bytes(16), 4)) == "stale"
    assert kind(1, 2, frame) == "reflected"
    assert kind(1, 3, frame) == "same-switch"
    assert kind(2, 99, frame) == "unknown-port"
    assert kind(7, 1, frame) == "unknown-port"
    assert discovery.receive(2, 2, frame, world.now) is None
    assert kind(2, 3, frame) == "stale"
    assert world.links() == [LINK]
    assert discovery.rejects == {
        "forged": 1,
        "foreign": 2,
        "malformed": 1,
        "stale": 3,
        "reflected": 1,
        "same-switch": 1,
        "unknown-port": 2,
    }


def test_old_probes_are_stale():
    world = fabric()
    frames = {(d, n): frame for d, n, frame in world.probes()}
    world.now += 3.01
    assert world.discovery.receive(2, 1, frames[1, 1], world.now).kind == "stale"


def test_reversed_replay_makes_no_link():
    """Somebody who hears both sides and replays old probes later, crosswise, gets nothing."""
    world = linked()
    sent = []
    for _ in range(12):
        world.now += 0.1
        now = world.probes()
        sent += now
        world.deliver(now)
    for dpid, number, frame in sent:
        if number == 1:
            assert world.discovery.receive(3 - dpid, 3, frame, world.now).kind == "stale"
    assert world.links() == [LINK]


def test_links_survive_a_restart():
    world = linked()
    records = world.discovery.records()
    again = Fabric(None, Discovery(KEY))
    again.discovery.load(records, again.now)
    assert again.links() == [LINK]
    assert again.discovery.records() == records
    assert not again.discovery.connected(1)
    again.run(60)
    assert again.links() == [LINK]
    again.plug((1, 1), (2, 1))
    again.connect(1, 3)
    again.run(10)
    again.connect(2, 3)
    for _ in range(60):
        again.tick()
        assert again.links() == [LINK]


def test_a_loaded_link_that_is_gone_ends():
    records = linked().discovery.records()
    again = Fabric(None, Discovery(KEY))
    again.discovery.load(records, again.now)
    again.connect(1, 3)
    again.connect(2, 3)
    assert again.links() == [LINK]
    again.run(5)
    assert again.links() == []
    gone = Fabric(None, Discovery(KEY))
    gone.discovery.load(records, gone.now)
    gone.discovery.switch_up(1, [gone.port(1, 2)], gone.now)
    assert gone.links() == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "[1,2]",
        '[["1","a",1,0]]',
        '[["1","a",1,0],["x","b",1,0]]',
        '[["1","a",1,0],["2","b",true,0]]',
        '[["1","a",1,0],["2","",1,0]]',
        '[["1","a",1,0],["2","b",0,0]]',
        '[["1","a",1,0],["2","b",1,-1]]',
    ],
)
def test_damaged_records_are_refused(text):
    with pytest.raises(InvalidInput):
        Discovery(KEY).load({"k": text}, 0.0)


def test_events_of_unknown_switches_are_ignored():
    discovery = Discovery(KEY)
    discovery.switch_down(1, 0.0)
    discovery.port_changed(1, SwitchPort(1, "a", b"", True), 0.0)
    discovery.port_removed(1, 1)
    discovery.set_bound(1, 1, True, 0.0)
    assert discovery.switches() == []
    assert discovery.ports(1) == ()
    with pytest.raises(ValueError, match="key"):
        Discovery(b"short")


ENDS = st.tuples(st.integers(1, 4), st.integers(1, 3))


class World(RuleBasedStateMachine):
    """Anything may happen in any order; after a quiet time the links are the cables."""

    def __init__(self):
        super().__init__()
        self.world = fabric(4)
        self.bound = set()

    @rule(a=ENDS, b=ENDS)
    def plug(self, a, b):
        if a != b:
            self.world.plug(a, b)

    @rule(a=ENDS)
    def unplug(self, a):
        self.world.unplug(a)

    @rule(a=ENDS, up=st.booleans())
    def set_port(self, a, up):
        self.world.set_port(*a, up)

    @rule(a=ENDS, bound=st.booleans())
    def bind(self, a, bound):
        (self.bound.add if bound else self.bound.discard)(a)
        self.world.discovery.set_bound(a[0], f"{a[0]}-eth{a[1]}", bound, self.world.now)

    @rule(dpid=st.integers(1, 4))
    def toggle_switch(self, dpid):
        if dpid in self.world.up:
            self.world.disconnect(dpid)
        else:
            self.world.connect(dpid, 3)

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.0, 3.0]))
    def time(self, seconds):
        self.world.run(seconds)

    @rule()
    def restart(self):
        world = self.world
        records = world.discovery.records()
        before = world.links()
        world.discovery = Discovery(KEY)
        for dpid, number in self.bound:
            world.discovery.set_bound(dpid, f"{dpid}-eth{number}", True, world.now)
        world.discovery.load(records, world.now)
        assert world.links() == before
        for dpid in list(world.up):
            world.connect(dpid, 3)

    @rule()
    def quiet(self):
        world = self.world
        world.run(6)
        expected = set()
        for a, b in world.cables.items():
            usable = {a, b}.isdisjoint(self.bound | world.down_ports)
            if a[0] < b[0] and usable and {a[0], b[0]} <= world.up.keys():
                expected.add(pair(a, b))
        found = {link for link in world.links() if {link[0].dpid, link[1].dpid} <= world.up.keys()}
        assert found == expected

    @invariant()
    def links_are_sane(self):
        world = self.world
        links = world.links()
        ends = [end for link in links for end in link]
        assert len(ends) == len(set(ends))
        assert all(a.dpid < b.dpid for a, b in links)
        for end in ends:
            number = int(end.interface.rpartition("h")[2])
            assert (end.dpid, number) not in self.bound
            assert end.dpid not in world.up or (end.dpid, number) not in world.down_ports
        assert world.discovery.records().keys() == {f"{a.dpid:016x}/{a[1]} {b.dpid:016x}/{b[1]}" for a, b in links}


TestWorld = World.TestCase
TestWorld.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
