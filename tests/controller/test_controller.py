"""The controller on simulated switches: what is written, what is reported, and what survives."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest
from simulation import Simulation

from sdn.controller.events import PortChanged, Request
from sdn.model.command import Create, Delete, Transaction
from sdn.model.errors import AlreadyExists, InUse, Refused, SdnError
from sdn.model.intent import Binding, Connection, Network, Port, Resource, Router, Subnet, Tenant
from sdn.model.program import WriteFailure
from sdn.model.status import ChangeType, State

T = "tenants/acme"
WEB, DB = f"{T}/networks/web", f"{T}/networks/db"


def cloud(sim: Simulation) -> list[Resource]:
    """Two routed networks with a port on every host's interface."""
    objects: list[Resource] = [
        Tenant(name=T),
        Network(name=WEB),
        Network(name=DB),
        Subnet(name=f"{T}/subnets/web", network=WEB, cidr=IPv4Network("10.0.0.0/24"), gateway=IPv4Address("10.0.0.1")),
        Subnet(name=f"{T}/subnets/db", network=DB, cidr=IPv4Network("10.0.1.0/24"), gateway=IPv4Address("10.0.1.1")),
        Router(name=f"{T}/routers/r", subnets=(f"{T}/subnets/web", f"{T}/subnets/db")),
    ]
    for index, host in enumerate(sim.declared.hosts):
        network = (WEB, DB)[index % 2]
        objects.append(port(host.name, network, index + 10, host.switch, host.interface))
    return objects


def port(name: str, network: str, number: int, switch: str, interface: str) -> Port:
    third = 0 if network == WEB else 1
    return Port(
        name=f"{T}/ports/{name}",
        network=network,
        mac=f"02:aa:00:00:00:{number:02x}",
        addresses=(IPv4Address(f"10.0.{third}.{number}"),),
        binding=Binding(switch=switch, interface=interface),
    )


@pytest.fixture(params=[False, True], ids=["direct", "staged"])
def sim(request: pytest.FixtureRequest) -> Simulation:
    """A leaf-spine fabric with a tenant, in sync; requests taken at once, and in two steps as in the daemon."""
    sim = Simulation("leaf-spine:spines=2,leaves=3,hosts=2", staged=request.param)
    sim.connect()
    sim.run(3)
    sim.put(*cloud(sim))
    sim.run(1)
    sim.writes()
    return sim


def test_everything_is_programmed_and_the_switches_hold_their_programs(sim: Simulation) -> None:
    assert {sim.state(name) for name in sim.controller.store.objects} == {State.PROGRAMMED}
    assert sim.in_sync()
    assert len(sim.controller.topology.links()) == 6
    assert all(device.flows for device in sim.devices.values())


def test_nothing_is_written_while_nothing_changes(sim: Simulation) -> None:
    sim.run(30)
    assert sim.writes() == 0


def test_a_restart_writes_nothing(sim: Simulation) -> None:
    sim.start()
    sim.connect()
    sim.run(30)
    assert sim.writes() == 0
    assert sim.in_sync()
    assert {sim.state(name) for name in sim.controller.store.objects} == {State.PROGRAMMED}


def test_after_a_restart_nothing_is_written_until_all_known_switches_are_there(sim: Simulation) -> None:
    sim.start()
    names = list(sim.devices)
    sim.connect(*names[1:])
    sim.put(port("late", WEB, 99, "leaf1", "none"))
    sim.run(5)
    assert sim.writes() == 0
    assert sim.reason(f"{T}/ports/late") == "Starting"
    sim.connect(names[0])
    sim.run(1)
    assert sim.reason(f"{T}/ports/late") == "InterfaceMissing"


def test_a_switch_that_stays_away_delays_the_start_by_the_grace_alone(sim: Simulation) -> None:
    sim.start()
    sim.connect("leaf1", "leaf2", "leaf3", "spine1")
    sim.run(12)
    assert sim.controller.started
    sim.put(port("h1", WEB, 77, "leaf1", "eth3"))
    assert any(log.event == "started without switches" for log in sim.logs)


def test_a_reconnect_writes_nothing_that_is_right_already(sim: Simulation) -> None:
    sim.disconnect("leaf1")
    sim.run(1)
    sim.connect("leaf1")
    sim.run(3)
    assert sim.writes() == 0


def test_an_empty_switch_gets_its_whole_program(sim: Simulation) -> None:
    device = sim.devices["leaf1"]
    sim.disconnect("leaf1")
    device.flows, device.groups, device.meters = {}, {}, {}
    sim.run(1)
    sim.connect("leaf1")
    assert sim.in_sync()


def test_what_is_missed_while_away_is_made_up_for_and_reported(sim: Simulation) -> None:
    sim.disconnect("leaf1")
    host = sim.declared.hosts[0]
    sim.submit(Delete(f"{T}/ports/{host.name}"))
    sim.put(port("again", DB, 200, host.switch, host.interface))
    status = sim.controller.statuses.of(sim.controller.store.objects[f"{T}/ports/again"])
    assert (status.state, status.reason, status.switches_away) == (State.PENDING, "SwitchAway", ("leaf1",))
    sim.connect("leaf1")
    assert sim.state(f"{T}/ports/again") is State.PROGRAMMED
    sim.run(2)
    assert sim.in_sync()


def test_a_silent_switch_keeps_what_concerns_it_pending(sim: Simulation) -> None:
    sim.devices["leaf2"].silent = True
    sim.put(port("new", WEB, 200, "leaf1", "eth99"))
    assert sim.reason(f"{T}/ports/new") == "InterfaceMissing"
    host = next(host for host in sim.declared.hosts if host.switch == "leaf1")
    sim.submit(Delete(f"{T}/ports/{host.name}"))
    sim.put(port("new", WEB, 200, host.switch, host.interface))
    assert (sim.state(f"{T}/ports/new"), sim.reason(f"{T}/ports/new")) == (State.PENDING, "Programming")
    assert not sim.controller.statuses.settled(f"{T}/ports/new", sim.controller.progress.generation)


def test_a_refused_entry_fails_its_object_alone(sim: Simulation) -> None:
    host = next(host for host in sim.declared.hosts if host.switch == "leaf1")
    name = f"{T}/ports/{host.name}"
    sim.submit(Delete(name))
    probe = Simulation("leaf-spine:spines=2,leaves=3,hosts=2")
    probe.connect()
    probe.run(3)
    probe.put(*cloud(probe))
    device = sim.devices["leaf1"]

    def refuse(batch: object) -> tuple[WriteFailure, ...]:
        flows = getattr(batch, "flows", ())
        return tuple(WriteFailure("flow", key, 4, 9, "bad") for key, _ in flows if key[0] == 0)[:1]

    original = device.write
    device.write = lambda batch: refuse(batch) or original(batch)  # type: ignore[method-assign]
    sim.put(port(host.name, WEB, 10, host.switch, host.interface), port("other", DB, 99, "leaf2", "none"))
    assert sim.state(name) is State.FAILED
    status = sim.controller.statuses.of(sim.controller.store.objects[name])
    assert "leaf1" in status.message
    assert "bad" in status.message
    device.write = original  # type: ignore[method-assign]
    sim.run(1)
    assert sim.in_sync(), "the rest is written"
    sim.disconnect("leaf1")
    sim.connect("leaf1")
    assert sim.state(name) is State.PROGRAMMED, "a reconnect tries again"


def test_a_cut_link_changes_routes_and_its_return_restores_them(sim: Simulation) -> None:
    before = {name: dict(device.flows) for name, device in sim.devices.items()}
    end = sim.declared.links[0].a
    sim.set_link(end, up=False)
    assert sim.writes() > 0
    assert len(sim.controller.topology.links()) == 5
    sim.run(5)
    assert sim.in_sync()
    sim.set_link(end, up=True)
    sim.run(3)
    assert {name: dict(device.flows) for name, device in sim.devices.items()} == before


def test_binding_before_and_after_the_interface_appears(sim: Simulation) -> None:
    name = f"{T}/ports/vm"
    sim.put(port("vm", WEB, 150, "leaf2", "tap0"))
    assert sim.reason(name) == "InterfaceMissing"
    device = sim.devices["leaf2"]
    added = device.add_port("tap0")
    sim.turn(PortChanged(device.session, device.dpid, added))
    assert sim.state(name) is State.PROGRAMMED
    del device.ports["tap0"]
    sim.turn(PortChanged(device.session, device.dpid, added, removed=True))
    assert sim.reason(name) == "InterfaceMissing"
    assert sim.in_sync()


def test_two_ports_on_one_interface_by_two_names_are_a_conflict(sim: Simulation) -> None:
    host = sim.declared.hosts[0]
    dpid = f"{sim.declared.switches[host.switch]:016x}"
    sim.put(port("second", WEB, 150, dpid, host.interface))
    assert sim.reason(f"{T}/ports/second") == "BindingConflict"
    sim.submit(Delete(f"{T}/ports/{host.name}"))
    assert sim.state(f"{T}/ports/second") is State.PROGRAMMED


def test_the_audit_repairs_what_somebody_changed_behind_our_back(sim: Simulation) -> None:
    device = sim.devices["leaf1"]
    keys = sorted(device.flows)
    del device.flows[keys[0]]
    device.flows[keys[1]] = b""
    assert not sim.in_sync()
    sim.run(300 * len(sim.devices) + 1)
    assert sim.in_sync()
    assert [log for log in sim.logs if log.event == "audit found differences"]


def test_deleting_all_leaves_the_bare_fabric(sim: Simulation) -> None:
    with pytest.raises(InUse):
        sim.submit(Delete(WEB))
    names = list(sim.controller.store.objects)
    sim.submit(*(Delete(name) for name in names))
    sim.run(2)
    assert sim.in_sync()
    for name in names:
        assert sim.controller.statuses.settled(name, sim.controller.progress.generation)
        assert all(
            unit.object != name for program in sim.controller.compiler.programs.values() for unit in program.units()
        )


def test_watchers_hear_of_objects_and_of_status_changes(sim: Simulation) -> None:
    sim.published.clear()
    sim.put(port("vm", WEB, 150, "leaf2", "tap0"))
    assert [(p.type, p.status.reason) for p in sim.published] == [(ChangeType.ADDED, "InterfaceMissing")]
    sim.submit(Delete(f"{T}/ports/vm"))
    assert sim.published[-1].type is ChangeType.DELETED
    sim.published.clear()
    sim.run(5)
    assert sim.published == []


# Connections


def ends(sim: Simulation) -> tuple[str, str]:
    """Two ports of one network on different leaves."""
    web = [(h.name, h.switch) for i, h in enumerate(sim.declared.hosts) if i % 2 == 0]
    a = web[0]
    b = next(other for other in web if other[1] != a[1])
    return f"{T}/ports/{a[0]}", f"{T}/ports/{b[0]}"


def connection(name: str, sim: Simulation, bandwidth: int) -> Connection:
    a, b = ends(sim)
    return Connection(name=f"{T}/connections/{name}", a=a, b=b, bandwidth=bandwidth)


def capacity(sim: Simulation) -> int:
    return min(link.capacity for link in sim.controller.topology.links())


def test_a_connection_gets_a_path_and_reserves_it(sim: Simulation) -> None:
    name = f"{T}/connections/c"
    sim.put(connection("c", sim, capacity(sim)))
    status = sim.controller.statuses.of(sim.controller.store.objects[name])
    assert status.state is State.PROGRAMMED
    assert len(status.path) == 3
    assert status.path[0].ingress
    assert status.path[-1].egress
    held = sim.controller.connections.ledger.held(name)
    assert held is not None
    assert held[1] == capacity(sim)


def test_what_does_not_fit_is_refused_and_leaves_nothing(sim: Simulation) -> None:
    before = dict(sim.controller.store.objects)
    with pytest.raises(Refused) as caught:
        sim.submit(Create(connection("c", sim, capacity(sim) * 2)))
    assert caught.value.violations[0].field == "bandwidth"
    assert dict(sim.controller.store.objects) == before
    assert sim.writes() == 0


def test_a_connection_keeps_its_path_over_a_restart(sim: Simulation) -> None:
    name = f"{T}/connections/c"
    sim.put(connection("c", sim, capacity(sim) // 2))
    held = sim.controller.connections.ledger.held(name)
    sim.writes()
    sim.start()
    assert sim.controller.connections.ledger.held(name) == held
    sim.connect()
    sim.run(20)
    assert sim.controller.connections.ledger.held(name) == held
    assert sim.writes() == 0


def test_a_broken_path_is_replaced_and_without_one_the_connection_is_degraded(sim: Simulation) -> None:
    name = f"{T}/connections/c"
    sim.put(connection("c", sim, capacity(sim)))
    leaf = sim.controller.store.objects[ends(sim)[0]]
    assert isinstance(leaf, Port)
    assert leaf.binding is not None
    uplinks = [end for end in sim.wires if end[0] == leaf.binding.switch]
    used = sim.controller.statuses.of(sim.controller.store.objects[name]).path[0].egress
    sim.set_link((leaf.binding.switch, used), up=False)
    status = sim.controller.statuses.of(sim.controller.store.objects[name])
    assert status.state is State.PROGRAMMED
    assert status.path[0].egress != used
    for end in uplinks:
        sim.set_link(end, up=False)
    assert (sim.state(name), sim.reason(name)) == (State.DEGRADED, "NoPath")
    for end in uplinks:
        sim.set_link(end, up=True)
    sim.run(3)
    assert sim.state(name) is State.PROGRAMMED
    assert sim.in_sync()


def test_a_deleted_connection_gives_back_what_it_held(sim: Simulation) -> None:
    before = {name: (dict(d.flows), dict(d.groups)) for name, d in sim.devices.items()}
    sim.put(connection("c", sim, 1000))
    assert {name: (dict(d.flows), dict(d.groups)) for name, d in sim.devices.items()} != before
    sim.submit(Delete(f"{T}/connections/c"))
    sim.run(2)
    assert {name: (dict(d.flows), dict(d.groups)) for name, d in sim.devices.items()} == before
    assert sim.controller.connections.ledger.held(f"{T}/connections/c") is None
    assert f"{T}/connections/c" not in sim.records.get("paths", {})


def test_a_connection_waits_for_its_ends(sim: Simulation) -> None:
    a, _ = ends(sim)
    sim.put(
        port("vm", WEB, 150, "leaf2", "tap0"),
        Connection(name=f"{T}/connections/c", a=a, b=f"{T}/ports/vm", bandwidth=1000),
    )
    assert sim.reason(f"{T}/connections/c") == "EndNotAttached"


def test_an_apply_with_more_than_fits_changes_nothing(sim: Simulation) -> None:
    leaf1 = [h for h in sim.declared.hosts if h.switch == "leaf1"]
    leaf2 = [h for h in sim.declared.hosts if h.switch == "leaf2"]
    all_of_it = capacity(sim)
    pairs = [(x.name, y.name) for x in leaf1 for y in leaf2][:3]
    commands = tuple(
        Create(Connection(name=f"{T}/connections/c{i}", a=f"{T}/ports/{a}", b=f"{T}/ports/{b}", bandwidth=all_of_it))
        for i, (a, b) in enumerate(pairs)
    )
    with pytest.raises(Refused) as caught:
        sim.submit(*commands)
    assert caught.value.violations[0].field == "commands[2].bandwidth"
    sim.submit(*commands[:2])
    assert {sim.state(f"{T}/connections/c{i}") for i in range(2)} == {State.PROGRAMMED}


def test_requests_of_one_turn_see_each_other(sim: Simulation) -> None:
    """The second connection does not fit beside the first, and does beside nothing."""
    a, b = ends(sim)
    taken = connection("c", sim, capacity(sim))
    rest = next(
        f"{T}/ports/{host.name}"
        for index, host in enumerate(sim.declared.hosts)
        if index % 2 == 0 and f"{T}/ports/{host.name}" not in (a, b)
    )
    crowd = [Connection(name=f"{T}/connections/d{n}", a=rest, b=(a, b)[n], bandwidth=capacity(sim)) for n in range(2)]
    commands = [Create(taken), *map(Create, crowd), Create(taken), Delete(taken.name), Create(taken)]
    sim.turn(*(Request(1000 + n, Transaction((command,))) for n, command in enumerate(commands)))
    answers = [sim.replies[1000 + n] for n in range(len(commands))]
    assert not isinstance(answers[0], SdnError)
    assert isinstance(answers[3], AlreadyExists)
    assert not isinstance(answers[4], SdnError)
    assert not isinstance(answers[5], SdnError)
    sim.run(1)
    assert sim.in_sync()
    before = dict(sim.controller.store.objects)
    ledger = {name: sim.controller.connections.ledger.held(name) for name in before}
    sim.start()
    sim.connect()
    sim.run(3)
    assert dict(sim.controller.store.objects) == before
    assert {name: sim.controller.connections.ledger.held(name) for name in before} == ledger
