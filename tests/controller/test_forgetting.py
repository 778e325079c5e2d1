"""Switches that are forgotten: nothing is known of them or waits for them, and who comes back is new."""

from __future__ import annotations

import itertools
import random
from ipaddress import ip_network

import pytest
from moving_routes import MovingRoutes, T
from simulation import Simulation

from sdn.controller.effects import Effect, Forgotten, Maintained
from sdn.controller.events import BridgesSeen, Event, Forget, Maintain, ManagerDown
from sdn.controller.questions.views import Views
from sdn.controller.rehearsal import Rehearsal
from sdn.model.command import Put, Transaction
from sdn.model.errors import InUse, NotFound, SdnError
from sdn.model.ids import Dpid, format_dpid
from sdn.model.intent import Binding, Connection, Network, Port, Subnet, Tenant
from sdn.model.maintenance import ForgottenView, Target
from sdn.model.plugs import Bridge
from sdn.model.status import State
from sdn.pipeline.layout import node_label

RING = "ring:switches=4,hosts=1"
CLOS = "leaf-spine:spines=2,leaves=3,hosts=1"


class Sim(MovingRoutes):
    """Without a declared topology, so that switches are named by their datapath ids."""

    tells_declared = False

    def __init__(self, spec: str) -> None:
        self.told: dict[int, ForgottenView | SdnError] = {}
        self.tokens = itertools.count(1)
        super().__init__(spec)

    def _carry_out(self, effect: Effect) -> list[Event]:
        if isinstance(effect, Forgotten):
            self.told[effect.token] = effect.result
            return []
        return [] if isinstance(effect, Maintained) else super()._carry_out(effect)

    def hex(self, name: str) -> str:
        return format_dpid(self.devices[name].dpid)

    def prepare(self) -> None:
        """All connected, a port on each host's interface, everything at rest."""
        self.connect()
        self.run(3)
        self.put(
            Tenant(name=T),
            Network(name=f"{T}/networks/n"),
            Subnet(name=f"{T}/subnets/s", network=f"{T}/networks/n", cidr=ip_network("10.0.0.0/16")),
            *(self.port(host.name, host.switch, host.interface) for host in self.declared.hosts),
        )
        self.run(4)
        self.judge_from_now({host.switch for host in self.declared.hosts})

    def judge_from_now(self, edges: set[str]) -> None:
        """Every mixture of what switches may do, of packets between these."""
        self.labels, self.edges, self.judged = {name: self.number(name) for name in edges}, edges, True

    def port(self, name: str, switch: str, interface: str) -> Port:
        binding = Binding(switch=self.hex(switch), interface=interface)
        return Port(name=f"{T}/ports/{name}", network=f"{T}/networks/n", mac="", binding=binding)

    def kill(self, name: str) -> None:
        """A switch loses its power: neighbours see their ports go down, and the session ends."""
        for (switch, interface), (far, port) in list(self.wires.items()):
            if switch == name:
                device = self.devices[name]
                old = device.ports[interface]
                device.ports[interface] = type(old)(old.number, old.name, old.mac, False, old.speed)
                self.set_link((far, port), False)
        self.waiting = [item for item in self.waiting if item[0] is not self.devices[name]]
        if self.devices[name].session:
            self.disconnect(name)
        self.edges = self.edges - {name}

    def power_on(self, name: str) -> None:
        """It comes back with nothing in it."""
        device = self.devices[name]
        device.flows, device.groups, device.meters = {}, {}, {}
        self.now_held.pop(device.dpid, None)
        self.former.pop(device.dpid, None)
        for (switch, interface), far in self.wires.items():
            if switch == name and self.devices[far[0]].session:
                self.set_link((switch, interface), True)
        self.connect(name)

    def forget(self, name: str) -> ForgottenView:
        token = next(self.tokens)
        self.turn(Forget(token, self.hex(name) if name in self.devices else name))
        result = self.told[token]
        if isinstance(result, SdnError):
            raise result
        return result

    def missing(self) -> list[str]:
        return list(Views(self.controller, "", 0.0).missing())

    def traces(self, name: str) -> list[str]:
        """Where a datapath id stands among the records, but for bindings."""
        dpid = self.hex(name)
        return [
            f"{bucket}/{key}"
            for bucket, items in self.records.items()
            for key, text in items.items()
            if bucket != "objects" and (dpid in key or dpid in text)
        ]

    def labelled(self, number: int) -> list[str]:
        """Switches that hold a flow for a label, or that writes one."""
        label = node_label(number)[1:3]
        return [name for name, device in self.devices.items() if any(key[8:10] == label for key in device.flows)]

    def number(self, name: str) -> int | None:
        return self.controller.store.numbers.get("switch", self.hex(name))


@pytest.fixture
def clos() -> Sim:
    sim = Sim(CLOS)
    sim.prepare()
    return sim


def test_a_leaf_is_forgotten_and_everything_is_ready_without_it(clos: Sim) -> None:
    number = clos.number("leaf3")
    assert len(clos.labelled(number or 0)) == 5
    clos.kill("leaf3")
    clos.run(5)
    assert clos.missing() == [f"switch {clos.hex('leaf3')} is not connected"]
    view = clos.forget("leaf3")
    assert (view.name, view.dpid) == (clos.hex("leaf3"), clos.devices["leaf3"].dpid)
    assert (view.bound, view.total) == ((f"{T}/ports/h3",), 1)
    assert clos.reason(f"{T}/ports/h3") == "SwitchNeverSeen"
    clos.run(3)
    assert clos.missing() == []
    assert clos.state(f"{T}/ports/h1") is clos.state(f"{T}/networks/n") is State.PROGRAMMED
    assert clos.labelled(number or 0) == ["leaf3"]
    assert clos.traces("leaf3") == [f"retired/switch/{clos.hex('leaf3')}"]
    (notice,) = clos.events(reason="SwitchForgotten")
    assert (notice.object, dict(notice.details)["bound"]) == (clos.hex("leaf3"), "1")
    assert not any(clos.controller.parts.progress.owners(clos.devices["leaf3"].dpid))
    clos.put(Network(name=f"{T}/networks/later"), clos.port("h9", "leaf1", "leaf1-eth9"))
    clos.run(1)
    assert not any(clos.controller.parts.progress.owners(clos.devices["leaf3"].dpid)), "nor does who comes later"


def test_epochs_of_before_a_restart_do_not_wait_for_it(clos: Sim) -> None:
    clos.disconnect("leaf3")
    clos.judged = False
    clos.run(1)
    clos.records.setdefault("epochs", {})[clos.hex("leaf1")] = "0 1"  # as if it died while one was being left
    clos.start()
    clos.connect(*(name for name in clos.devices if name != "leaf3"))
    clos.run(15)
    assert clos.controller.started
    assert clos.controller.parts.epochs.former, "leaf3 has links, and may give packets what it did"
    clos.forget("leaf3")
    clos.run(3)
    assert not clos.controller.parts.epochs.former
    assert not clos.records["epochs"]
    assert clos.missing() == []


def test_nor_do_epochs_wait_for_one_that_died_before_it_had_confirmed_after_a_start(clos: Sim) -> None:
    clos.kill("leaf2")
    clos.judged = False
    clos.run(6)
    clos.devices["leaf3"].flows.popitem()
    clos.slow = True
    clos.start()  # leaf2 has no link: a stranger, until all others have closed the ports towards it
    clos.connect(*(name for name in clos.devices if name != "leaf2"))
    clos.run(12)
    assert [device.dpid for device, _ in clos.waiting] == [clos.devices["leaf3"].dpid]
    clos.kill("leaf3")
    clos.rest(random.Random(0), 3)
    assert not clos.controller.parts.strangers.closed
    clos.forget("leaf3")
    clos.rest(random.Random(0), 3)
    assert clos.controller.parts.strangers.closed


def test_what_comes_back_is_new_and_has_everything(clos: Sim) -> None:
    clos.kill("leaf3")
    clos.run(5)
    clos.forget("leaf3")
    clos.run(3)
    clos.power_on("leaf3")
    clos.edges |= {"leaf3"}
    clos.run(5)
    assert clos.missing() == []
    assert clos.in_sync()
    assert clos.state(f"{T}/ports/h3") is State.PROGRAMMED
    assert f"retired/switch/{clos.hex('leaf3')}" not in clos.traces("leaf3")
    with pytest.raises(InUse):
        clos.forget("leaf3")


def test_forgotten_and_back_while_routes_converge(clos: Sim) -> None:
    """No mixture of what switches hold has a loop, whatever the order in which they answer."""
    rng = random.Random(6)
    for round_ in range(6):
        clos.slow = True
        clos.kill("leaf3")
        for _ in range(rng.randrange(8)):
            if clos.waiting:
                clos.answer(rng.randrange(len(clos.waiting)))
        clos.forget("leaf3")
        if round_ % 2:
            clos.rest(rng)
        for _ in range(rng.randrange(8)):
            if clos.waiting:
                clos.answer(rng.randrange(len(clos.waiting)))
        clos.power_on("leaf3")
        clos.rest(rng, 8)
        clos.edges |= {"leaf3"}
        assert clos.missing() == []
        assert clos.in_sync()


def test_a_restart_knows_nothing_of_it_and_waits_for_nobody(clos: Sim) -> None:
    number = clos.number("leaf3")
    clos.kill("leaf3")
    clos.run(5)
    clos.forget("leaf3")
    clos.run(3)
    clos.judged = False
    clos.start()
    others = [name for name in clos.devices if name != "leaf3"]
    clos.connect(*others)
    clos.run(0.1)
    assert clos.controller.started, "nobody is waited for"
    assert clos.number("leaf3") is None
    assert clos.reason(f"{T}/ports/h3") == "SwitchNeverSeen"
    numbers = clos.controller.store.numbers
    assert numbers.key_of("switch", number or 0) == clos.hex("leaf3"), "nobody else has it at first"
    clos.run(4)
    assert clos.missing() == []
    assert numbers.key_of("switch", number or 0) is None
    assert clos.traces("leaf3") == []
    clos.power_on("leaf3")
    clos.run(5)
    assert clos.missing() == []
    assert clos.in_sync()
    assert clos.number("leaf3") != number
    assert clos.state(f"{T}/ports/h3") is State.PROGRAMMED


def test_a_number_is_not_free_before_all_have_confirmed(clos: Sim) -> None:
    number = clos.number("leaf3") or 0
    clos.disconnect("leaf2")  # with its links: it goes on forwarding by what it has
    clos.kill("leaf3")
    clos.run(5)
    clos.forget("leaf3")
    clos.run(3)
    assert clos.labelled(number) == ["leaf2", "leaf3"]
    clos.judged = False
    clos.start()
    clos.connect("leaf1", "spine1", "spine2")
    clos.run(20)
    assert clos.controller.started
    numbers = clos.controller.store.numbers
    assert numbers.key_of("switch", number) == clos.hex("leaf3")
    clos.connect("leaf2")
    clos.run(4)
    assert clos.labelled(number) == ["leaf3"]
    assert numbers.key_of("switch", number) is None


def test_back_in_the_next_life_before_its_number_is_free(clos: Sim) -> None:
    number = clos.number("leaf3")
    clos.kill("leaf3")
    clos.run(5)
    clos.forget("leaf3")
    clos.judged = False
    clos.start()
    clos.connect(*(name for name in clos.devices if name != "leaf3"))
    clos.run(0.1)
    clos.power_on("leaf3")
    clos.run(8)
    assert clos.number("leaf3") == number
    assert clos.missing() == []
    assert clos.in_sync()
    assert clos.traces("leaf3").count(f"numbers/switch/{clos.hex('leaf3')}") == 1


def test_what_stands_beside_a_number_goes_with_it(clos: Sim) -> None:
    dpid = clos.hex("leaf3")
    clos.records.setdefault("epochs", {})[dpid] = "2"
    clos.records.setdefault("groups", {})[f"{dpid}/{'0' * 32}"] = "1"
    clos.kill("leaf3")
    clos.run(5)
    clos.forget("leaf3")
    for _ in range(2):
        clos.judged = False
        clos.start()
        clos.connect(*(name for name in clos.devices if name != "leaf3"))
        clos.run(5)
    assert clos.traces("leaf3") == []


def test_a_switch_of_a_ring_is_forgotten_with_connections_over_it() -> None:
    sim = Sim(RING)
    sim.prepare()
    names = sorted(sim.devices)
    hosts = {host.switch: f"{T}/ports/{host.name}" for host in sim.declared.hosts}
    near = {far[0] for wire, far in sim.wires.items() if wire[0] == names[0]}
    (opposite,) = set(names) - near - {names[0]}
    sim.put(
        Connection(name=f"{T}/connections/over", a=hosts[names[0]], b=hosts[opposite], bandwidth=10**8),
        *(Connection(name=f"{T}/connections/to-{s}", a=hosts[names[0]], b=hosts[s], bandwidth=10**8) for s in near),
    )
    sim.run(3)
    status = sim.controller.statuses.of(sim.controller.store.objects[f"{T}/connections/over"])
    (through,) = [hop.switch for hop in status.path][1:-1]
    victim = next(name for name in names if sim.hex(name) == through)
    sim.judged = False
    sim.kill(victim)
    sim.run(1)
    view = sim.forget(victim)
    assert view.bound == (hosts[victim],)
    sim.run(5)
    status = sim.controller.statuses.of(sim.controller.store.objects[f"{T}/connections/over"])
    assert status.state is State.PROGRAMMED
    assert through not in [hop.switch for hop in status.path]
    assert sim.missing() == []
    assert sim.controller.connections.resting
    assert sim.controller.parts.convergence.settled
    for other, port in hosts.items():
        assert sim.state(port) is (State.PENDING if other == victim else State.PROGRAMMED)
    paths = sim.controller.parts.paths
    left = [sim.devices[name].dpid for name in names if name != victim]
    assert all(paths.next_hops(a, b) for a in left for b in left if a != b)
    assert sim.reason(f"{T}/connections/to-{victim}") == "EndNotAttached"


def test_what_was_learned_of_its_links_and_ports_goes_too(clos: Sim) -> None:
    end = next(end for end in clos.wires if end[0] == "leaf3")
    clos.judged = False
    for up in (False, True) * 4:
        clos.set_link(end, up)
        clos.run(1.5)
    clos.devices["leaf3"].add_port("host")
    clos.connect("leaf3")
    assert clos.controller.topology.discovery.host_seen(clos.devices["leaf3"].dpid, "host")
    clos.run(1)
    assert {name.partition("/")[0] for name in clos.traces("leaf3")} >= {"damping", "hosts", "links", "numbers"}
    clos.kill("leaf3")
    clos.forget("leaf3")
    assert clos.traces("leaf3") == [f"retired/switch/{clos.hex('leaf3')}"]
    told = len(clos.events())
    clos.run(70)
    assert [notice.reason for notice in clos.events()[told:]] == [], "nor does its damping end one day"


def test_what_is_asked_of_the_network_afterwards_knows_nothing_of_it(clos: Sim) -> None:
    clos.devices["leaf1"].add_port("leaf1-eth8")
    clos.connect("leaf1")
    clos.kill("leaf3")
    clos.run(5)
    clos.forget("leaf3")
    clos.run(6)
    parts, dpid = clos.controller.parts, clos.hex("leaf3")
    assert parts.convergence.settled
    found = parts.readiness.assess()
    assert not found.following
    assert dpid not in repr(found)
    assert dpid not in {view.name for view in Views(clos.controller, "", 0.0).topology().switches}
    with pytest.raises(NotFound):
        clos.audit(dpid)
    rehearsal = Rehearsal(clos.controller, clos.now, clos.wall)  # which is used up by it
    rehearsal.settle()
    outcome = rehearsal.carry_out(Transaction((Put(clos.port("h3", "leaf1", "leaf1-eth8")),)))
    assert outcome
    assert clos.devices["leaf3"].dpid not in outcome


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_what_is_forgotten_leaves_no_trace_and_the_rest_is_ready(seed: int) -> None:
    rng = random.Random(seed)
    sim = Sim(rng.choice((RING, CLOS, "random-regular:switches=6,degree=3,seed=1,hosts=1")))
    sim.prepare()
    gone: set[str] = set()
    known = dict.fromkeys(sim.devices, True)
    for _ in range(14):
        sim.slow = True
        name = rng.choice(sorted(sim.devices))
        if name in gone and known[name] and rng.random() < 0.7:
            sim.forget(name)
            known[name] = False
        elif name in gone:
            sim.power_on(name)
            gone.remove(name)
            known[name] = True
        elif len(gone) < len(sim.devices) - 2:
            sim.kill(name)
            gone.add(name)
        for _ in range(rng.randrange(10)):
            if sim.waiting:
                sim.answer(rng.randrange(len(sim.waiting)))
        sim.run(rng.choice((0, 0, 0.5, 2)))
        if rng.random() < 0.15:
            sim.judged, sim.waiting = False, []
            sim.former.clear()
            sim.start()
            sim.connect(*(name for name in sim.devices if name not in gone))
            sim.rest(rng, 12)
        sim.judge_from_now({name for name in sim.devices if name not in gone})
    sim.rest(rng, 8)
    assert set(sim.missing()) <= {f"switch {sim.hex(name)} is not connected" for name in gone if known[name]}
    programs = sim.controller.compiler.programs
    for name, device in sim.devices.items():
        if name in gone:
            # An epoch goes when a life begins without the number beside which it stands.
            left = {f"retired/switch/{sim.hex(name)}", f"epochs/{sim.hex(name)}"}
            assert known[name] or left.issuperset(sim.traces(name))
        else:
            assert (device.flows, device.groups) == (programs[device.dpid].flows, programs[device.dpid].groups)
    shown = {found.name for found in Views(sim.controller, "", 0.0).topology().switches}
    assert shown <= {sim.hex(name) for name in sim.devices if known[name]}


def test_what_is_refused(clos: Sim) -> None:
    with pytest.raises(InUse, match="is connected") as caught:
        clos.forget("leaf3")
    assert "del-controller" in caught.value.violations[0].remedy
    for unknown in ("nowhere", "00000000000000ff"):
        with pytest.raises(NotFound, match="no switch"):
            clos.forget(unknown)
    clos.kill("leaf3")
    clos.forget("leaf3")
    with pytest.raises(NotFound):
        clos.forget("leaf3")


def test_a_declared_switch_is_refused_by_name_and_id() -> None:
    class Declared(Sim):
        tells_declared = True

    sim = Declared(CLOS)
    sim.prepare()
    sim.kill("leaf3")
    with pytest.raises(InUse, match="leaf3 is declared") as caught:
        sim.forget("leaf3")
    assert "topology file" in caught.value.violations[0].remedy
    sim.judged = sim.tells_declared = False  # as the remedy says
    sim.start()
    sim.connect(*(name for name in sim.devices if name != "leaf3"))
    sim.forget("leaf3")
    sim.run(5)
    assert sim.missing() == []


def test_links_that_stay_while_it_is_away_go_with_it_and_what_was_said_of_them(clos: Sim) -> None:
    dpid = clos.hex("leaf3")
    clos.turn(Maintain(1, Target(dpid), True))
    clos.turn(Maintain(2, Target(a=(dpid, ""), b=(clos.hex("spine1"), "")), None, 33))
    clos.run(2)
    clos.disconnect("leaf3")
    clos.run(4)
    assert len(clos.controller.topology.links()) == 6
    assert len(clos.records["maintenance"]) == 2
    clos.judged = False
    clos.forget("leaf3")
    clos.run(6)
    assert len(clos.controller.topology.links()) == 4
    assert not clos.records["maintenance"]
    assert clos.missing() == []
    assert clos.traces("leaf3") == [f"retired/switch/{dpid}"]
    assert clos.controller.topology.switches() == tuple(
        sorted(device.dpid for name, device in clos.devices.items() if name != "leaf3")
    )


def test_one_that_is_known_by_its_number_alone_is_not_waited_for_any_more(clos: Sim) -> None:
    clos.kill("leaf3")
    clos.run(5)
    clos.judged = False
    clos.start()
    clos.connect(*(name for name in clos.devices if name != "leaf3"))
    clos.run(1)
    assert not clos.controller.started
    clos.forget("leaf3")
    assert clos.controller.started
    assert clos.reason(f"{T}/ports/h3") == "SwitchNeverSeen"
    clos.run(4)
    assert clos.missing() == []


def test_where_its_database_said_that_iface_ids_are(clos: Sim) -> None:
    name = f"{T}/ports/vm"
    port = Port(name=name, network=f"{T}/networks/n", mac="", binding=Binding(switch="", interface="", iface_id="vm-1"))
    dpid = clos.devices["leaf3"].dpid
    clos.put(port)
    told = BridgesSeen(7, "peer", (Bridge(dpid, "br0", {"leaf3-eth7": "vm-1"}),))
    clos.turn(told)
    assert clos.reason(name) == "InterfaceMissing"
    clos.kill("leaf3")
    clos.turn(ManagerDown(7, "peer", "gone"))
    assert name in clos.forget("leaf3").bound
    assert clos.reason(name) == "InterfaceIdUnseen"
    clos.run(1)
    assert not clos.records["plugs"]


def test_what_a_database_tells_now_stays_true(clos: Sim) -> None:
    name = f"{T}/ports/vm"
    dpid = clos.devices["leaf3"].dpid
    clos.put(
        Port(name=name, network=f"{T}/networks/n", mac="", binding=Binding(switch="", interface="", iface_id="vm-1"))
    )
    clos.turn(BridgesSeen(7, "peer", (Bridge(dpid, "br0", {"leaf3-eth7": "vm-1"}),)))
    clos.kill("leaf3")
    clos.forget("leaf3")
    assert clos.reason(name) == "SwitchNeverSeen"
    clos.turn(BridgesSeen(8, "peer", (Bridge(clos.devices["leaf1"].dpid, "br1", {"leaf1-eth7": "vm-1"}),)))
    assert clos.reason(name) == "SwitchNeverSeen", "the place that had it first keeps it"
    clos.turn(BridgesSeen(7, "peer", (), (dpid,)))
    assert clos.reason(name) == "InterfaceMissing"


def test_ports_that_were_learned_there_go() -> None:
    class Learning(Simulation):
        tells_declared = False

    sim = Learning(CLOS, learn=f"{T}/networks/n")
    sim.connect()
    sim.run(4)
    dpid = sim.devices["leaf3"].dpid
    learned = {name for name, port in sim.controller.store.objects.items() if isinstance(port, Port)}
    assert len(learned) == 3
    sim.disconnect("leaf3")
    sim.turn(Forget(1, format_dpid(dpid)))
    sim.run(0.2)
    left = {name for name, port in sim.controller.store.objects.items() if isinstance(port, Port)}
    (gone,) = learned - left
    assert [notice.object for notice in sim.events(reason="LearnedPortGone")] == [gone]
    sim.connect("leaf3")
    sim.run(4)
    assert {name for name, port in sim.controller.store.objects.items() if isinstance(port, Port)} == learned


def test_many_are_named_and_counted(clos: Sim) -> None:
    clos.put(*(clos.port(f"p{n:03}", "leaf3", f"more{n}") for n in range(150)))
    clos.kill("leaf3")
    view = clos.forget("leaf3")
    assert (len(view.bound), view.total) == (100, 151)


def test_numbers_of_the_forgotten_are_not_given_to_others(clos: Sim) -> None:
    held = {clos.number(name) for name in clos.devices}
    clos.kill("leaf3")
    clos.forget("leaf3")
    numbers = clos.controller.store.numbers
    pool = numbers.pool("switch")
    pool.cursor = 1
    given = {numbers.allocate("switch", format_dpid(Dpid(0x1000 + n))) for n in range(5)}
    assert not given & held
