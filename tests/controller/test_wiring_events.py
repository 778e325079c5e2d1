"""What the controller tells of links and probes, on simulated switches."""

from __future__ import annotations

from dataclasses import replace

import pytest
from simulation import Simulation

from sdn.controller.effects import SendPacket
from sdn.controller.events import PacketIn, PacketsSent, Tick
from sdn.model.command import Delete
from sdn.model.intent import Binding, Network, Port, Tenant
from sdn.model.notice import Severity
from sdn.model.topology import DeclaredHost
from sdn.pipeline.layout import Table
from sdn.topology import PENALTY

HOSTS = ("leaf1", "leaf2")


@pytest.fixture
def sim() -> Simulation:
    sim = Simulation("leaf-spine:spines=2,leaves=3,hosts=2")
    sim.connect()
    sim.run(5)
    return sim


def reasons(sim: Simulation) -> list[str]:
    return [notice.reason for notice in sim.events(severity=Severity.WARNING)]


def relay(sim: Simulation) -> None:
    """A cable of hosts' own between the first free port of leaf1 and of leaf2."""
    free = [next(host.interface for host in sim.declared.hosts if host.switch == leaf) for leaf in HOSTS]
    ends = list(zip(HOSTS, free, strict=True))
    sim.wires[ends[0]], sim.wires[ends[1]] = ends[1], ends[0]


def test_a_link_that_flaps_is_told_avoided_and_used_again(sim: Simulation) -> None:
    link = sim.declared.links[0]
    before = sim.controller.topology.links()
    for _ in range(4):
        sim.set_link(link.a, up=False)
        sim.set_link(link.a, up=True)
        sim.run(1.1)
    (notice,) = sim.events(reason="LinkDamped")
    assert notice.severity is Severity.WARNING
    assert set(dict(notice.details)) == {"a", "b", "penalty"}
    assert sorted((dict(notice.details)["a"], dict(notice.details)["b"])) == sorted(
        f"{switch}:{name}" for switch, name in (link.a, link.b)
    )
    assert [item.cost for item in sim.controller.topology.links()].count(10 + PENALTY) == 1
    sim.run(40)
    assert len(sim.events(reason="LinkReused")) == 1
    assert sim.controller.topology.links() == before
    assert sim.in_sync()


def test_a_relay_between_free_ports_is_told_as_a_link_that_was_not_declared(sim: Simulation) -> None:
    relay(sim)
    sim.run(8)
    (notice,) = sim.events(reason="WiringFault")
    assert dict(notice.details)["kind"] == "UnexpectedLink"
    (fault,) = sim.controller.topology.faults()
    assert {switch for switch, _ in fault.ends} == set(HOSTS)


def test_probes_that_are_not_believed_are_told_once_in_ten_seconds(sim: Simulation) -> None:
    leaf, spine = sim.devices["leaf1"], sim.devices["spine1"]
    port = next(p for p in spine.ports.values() if sim.wires["spine1", p.name][0] == "leaf1")
    free = next(leaf.ports[host.interface] for host in sim.declared.hosts if host.switch == "leaf1")
    frames = []
    for _ in range(12):
        sim.now += 0.1
        effects = sim.controller.turn([Tick()], sim.now, sim.wall)
        sent = [effect for effect in effects if isinstance(effect, SendPacket)]
        frames += [e.data for e in sent if e.session == spine.session and e.out_port == port.number]
        for frame in frames[-1:]:
            sim.turn(PacketIn(leaf.session, leaf.dpid, free.number, 0, 0, {}, frame))
        for effect in sent:
            sim.turn(*sim._carry(effect))
    assert frames
    told = [dict(notice.details) for notice in sim.events(reason="ProbeRejected")]
    assert {item["kind"] for item in told} <= {"taken", "stale"}
    assert [item["kind"] for item in told].count("taken") == 1
    assert all(item["port"] == str(free.number) for item in told)
    assert len(sim.controller.topology.links()) == len(sim.declared.links)


def test_links_of_an_earlier_life_stand_until_they_are_looked_at(sim: Simulation) -> None:
    before = sim.controller.topology.links()
    sim.start()
    assert sim.controller.topology.links() == before
    sim.connect("spine1", "leaf1")
    sim.run(5)
    assert sim.controller.topology.links() == before
    states = sim.controller.topology.link_states()
    assert {state.away for state in states} == {True, False}
    sim.writes()
    sim.connect("spine2", "leaf2", "leaf3")
    sim.run(5)
    assert sim.controller.topology.links() == before
    assert sim.writes() == 0


def test_latencies_come_from_the_times_that_the_southbound_tells(sim: Simulation) -> None:
    """Every frame takes 2 ms from controller to controller, an echo 1 ms; so the link takes 1 ms."""
    for step in range(400):
        sim.now += 0.1
        effects = sim.controller.turn([Tick()], sim.now, sim.wall)
        events: list[PacketIn | PacketsSent] = []
        for effect in effects:
            if isinstance(effect, SendPacket):
                device = sim._of_session(effect.session)
                assert device is not None
                events += [replace(event, at=sim.now + 0.002) for event in sim._carry(effect)]  # type: ignore[type-var]
                if effect.token:
                    events.append(PacketsSent(effect.session, device.dpid, (effect.token,), sim.now, 0.001))
        if step % 2:
            events.reverse()  # the answer to the echo may come before the probe, or behind it
        sim.turn(*events)
    found = [state.measured for state in sim.controller.topology.link_states()]
    assert [(m.microseconds, m.error) for m in found if m] == [(1000, 0)] * len(sim.declared.links)


def bind_two(sim: Simulation) -> tuple[list[str], list[DeclaredHost]]:
    """A tenant's ports at one host of two leaves."""
    places = [next(host for host in sim.declared.hosts if host.switch == leaf) for leaf in HOSTS]
    names = [f"tenants/t/ports/{place.name}" for place in places]
    ports = [
        Port(
            name=name,
            network="tenants/t/networks/n",
            mac=f"02:00:00:00:00:0{number}",
            binding=Binding(switch=place.switch, interface=place.interface),
        )
        for number, (name, place) in enumerate(zip(names, places, strict=True))
    ]
    sim.put(Tenant(name="tenants/t"), Network(name="tenants/t/networks/n"), *ports)
    return names, places


def test_a_port_that_was_bound_is_no_link_until_its_cable_is_pulled(sim: Simulation) -> None:
    """Whatever its host sent went by the switches alone."""
    names, places = bind_two(sim)
    sim.run(5)
    sim.submit(*map(Delete, names))
    links = len(sim.controller.topology.links())
    relay(sim)
    sim.run(8)
    assert len(sim.controller.topology.links()) == links
    for place in places:
        sim.set_link((place.switch, place.interface), up=False)
        sim.set_link((place.switch, place.interface), up=True)
    sim.run(3)
    assert len(sim.controller.topology.links()) == links + 1, "cables were pulled: it may be another one"


def test_a_link_whose_port_was_bound_by_mistake_is_back_when_it_is_not(sim: Simulation) -> None:
    before = sim.controller.topology.links()
    link = sim.declared.links[0]
    name = "tenants/t/ports/wrong"
    place = Binding(switch=link.a[0], interface=link.a[1])
    port = Port(name=name, network="tenants/t/networks/n", mac="02:00:00:00:00:09", binding=place)
    for wait in (0.1, 8.0):
        sim.put(Tenant(name="tenants/t"), Network(name="tenants/t/networks/n"), port)
        sim.run(wait)
        assert len(sim.controller.topology.links()) == len(before) - 1
        sim.submit(Delete(name))
        sim.run(4)
        assert sim.controller.topology.links() == before


def test_a_port_whose_tenant_was_heard_is_no_link_when_it_is_not_bound_any_more(sim: Simulation) -> None:
    names, places = bind_two(sim)
    device = sim.devices["leaf1"]
    number = device.ports[places[0].interface].number
    sim.turn(PacketIn(device.session, device.dpid, number, Table.PUNT, 0, {3: 1}, bytes(64)))
    sim.submit(*map(Delete, names))
    links = len(sim.controller.topology.links())
    relay(sim)
    sim.run(8)
    assert len(sim.controller.topology.links()) == links
    assert {dict(notice.details)["kind"] for notice in sim.events(reason="ProbeRejected")} == {"host-port"}
    sim.set_link((places[0].switch, places[0].interface), up=False)
    sim.set_link((places[0].switch, places[0].interface), up=True)
    sim.run(3)
    assert len(sim.controller.topology.links()) == links + 1, "the cable was pulled: it may be another one"


def test_a_port_that_was_bound_and_never_heard_may_be_a_link(sim: Simulation) -> None:
    """Somebody bound the wrong interface, and took it back."""
    place = next(host for host in sim.declared.hosts if host.switch == "leaf1")
    binding = Binding(switch=place.switch, interface=place.interface)
    port = Port(name="tenants/t/ports/p", network="tenants/t/networks/n", mac="02:00:00:00:00:01", binding=binding)
    sim.put(Tenant(name="tenants/t"), Network(name="tenants/t/networks/n"), port)
    sim.submit(Delete("tenants/t/ports/p"))
    links = len(sim.controller.topology.links())
    relay(sim)
    sim.run(3)
    assert len(sim.controller.topology.links()) == links + 1


@pytest.mark.parametrize("table", [Table.CLASSIFY, Table.SOURCE])
def test_a_probe_behind_a_bound_port_is_told_and_leaves_its_link_alone(sim: Simulation, table: Table) -> None:
    """As the host got it, and with the MAC of its port. The probe is heard where it is meant for as well."""
    place = next(host for host in sim.declared.hosts if host.switch == "leaf1")
    binding = Binding(switch=place.switch, interface=place.interface)
    port = Port(name="tenants/t/ports/p", network="tenants/t/networks/n", mac="02:00:00:00:00:01", binding=binding)
    sim.put(Tenant(name="tenants/t"), Network(name="tenants/t/networks/n"), port)
    leaf, spine = sim.devices["leaf1"], sim.devices["spine1"]
    number = leaf.ports[place.interface].number
    wired = next(p for p in spine.ports.values() if sim.wires["spine1", p.name][0] == "leaf1")
    heard = []
    for _ in range(12):
        sim.now += 0.1
        sent = [e for e in sim.controller.turn([Tick()], sim.now, sim.wall) if isinstance(e, SendPacket)]
        for effect in sent:
            if effect.session == spine.session and effect.out_port == wired.number:
                heard.append(effect.data)
                sim.turn(PacketIn(leaf.session, leaf.dpid, number, table, 0, {}, effect.data))
            sim.turn(*sim._carry(effect))
    assert heard
    told = {(dict(n.details)["kind"], dict(n.details)["port"]) for n in sim.events(reason="ProbeRejected")}
    assert told == {("bound-port", str(number))}
    assert len(sim.controller.topology.links()) == len(sim.declared.links)
