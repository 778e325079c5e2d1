"""Connections change paths without losing a packet: nothing is sent along a path that is not there as a whole."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network

import pytest
from simulation import Device, Simulation

from sdn.model.command import Create, Delete, Put
from sdn.model.errors import InvalidInput, Refused
from sdn.model.intent import Binding, Connection, Constraints, Network, Port, Protection, Subnet, Tenant
from sdn.model.program import GRACE, Batch, WriteFailure
from sdn.model.status import State
from sdn.pipeline.layout import KIND_PATH, Table, octet0

T = "tenants/t"
NAME = f"{T}/connections/c"
SPEC = "leaf-spine:spines=3,leaves=3,hosts=2"
GUARDED = Protection(mode="REQUIRED", scope="SWITCH")


class Watched(Simulation):
    """After every write of every switch: whatever is sent along a path finds its label at each switch of the path."""

    def __init__(self, spec: str) -> None:
        super().__init__(spec)
        self.checked = 0
        self.names: list[str] = []
        for device in self.devices.values():
            device.write = self._checking(device)  # type: ignore[method-assign]

    def _checking(self, device: Device):  # type: ignore[no-untyped-def]
        write = device.write

        def checked(batch: Batch) -> tuple[WriteFailure, ...]:
            failures = write(batch)
            self.check()
            return failures

        return checked

    def check(self) -> None:
        for at, number in self.steered():
            path = self.follow(at, number)
            assert path[-1] == "own", f"sent from {at} along path {number}, which ends at {path}"
            self.checked += 1

    def steered(self) -> Iterator[tuple[str, int]]:
        """Where a switch sends packets along an engineered path, and its number."""
        for name, device in self.devices.items():
            for key, body in device.flows.items():
                at = body.find(bytes([octet0(KIND_PATH)]))
                if key[0] == Table.PATH and at >= 0:
                    label = body[at:][:3]
                    yield name, int.from_bytes(label[1:], "big")

    def follow(self, at: str, number: int) -> list[str]:
        """Switches that a packet passes while its path is alive, and how it ends."""
        label = bytes([octet0(KIND_PATH)]) + number.to_bytes(2, "big")
        passed = [at]
        for _ in range(10):
            device = self.devices[passed[-1]]
            bodies = [body for key, body in device.flows.items() if key[0] == Table.FABRIC and label + bytes(3) in key]
            if len(bodies) != 1:
                return [*passed, "no label"]
            groups = [group for number, group in device.groups.items() if number.to_bytes(4, "big") in bodies[0]]
            if not groups:
                return [*passed, "own"]
            port = int.from_bytes(groups[0].buckets[4:8], "big")
            (interface,) = (name for name, item in device.ports.items() if item.number == port)
            passed.append(self.wires[passed[-1], interface][0])
        return [*passed, "a loop"]


def ports(sim: Simulation) -> list[Port]:
    return [
        Port(
            name=f"{T}/ports/{host.name}",
            network=f"{T}/networks/n",
            mac="",
            binding=Binding(switch=host.switch, interface=host.interface),
        )
        for host in sim.declared.hosts
    ]


@pytest.fixture
def sim() -> Watched:
    return ready(SPEC)


def ready(spec: str) -> Watched:
    sim = Watched(spec)
    sim.connect()
    sim.run(3)
    sim.put(
        Tenant(name=T),
        Network(name=f"{T}/networks/n"),
        Subnet(name=f"{T}/subnets/s", network=f"{T}/networks/n", cidr=ip_network("10.0.0.0/24")),
        *ports(sim),
    )
    sim.run(1)
    return sim


def wish(sim: Simulation, name: str = NAME, **values: object) -> Connection:
    first, *_, last = sim.declared.hosts
    ends = {"a": f"{T}/ports/{first.name}", "b": f"{T}/ports/{last.name}"}
    return Connection(**{"name": name, **ends, "bandwidth": 10**6, **values})  # type: ignore[arg-type]


def path(sim: Simulation, name: str = NAME) -> list[str]:
    return [hop.switch for hop in sim.controller.statuses.of(sim.controller.store.objects[name]).path]


def backup(sim: Simulation, name: str = NAME) -> list[str]:
    connection = sim.controller.store.objects[name]
    assert isinstance(connection, Connection)
    return [hop.switch for hop in sim.controller.connections.backup_hops(connection)]


def cut(sim: Simulation, a: str, b: str, *, up: bool = False) -> None:
    for end, other in sim.wires.items():
        if end[0] == a and other[0] == b:
            sim.set_link(end, up=up)


def test_a_new_connection_is_steered_when_its_path_is_there(sim: Watched) -> None:
    sim.put(wish(sim))
    assert len(list(sim.steered())) == 2
    assert sim.checked
    assert sim.state(NAME) is State.PROGRAMMED


def test_a_change_of_constraints_moves_it_and_the_old_path_stays_for_a_while(sim: Watched) -> None:
    sim.put(wish(sim))
    before = path(sim)
    labels = sum(len(device.flows) for device in sim.devices.values())
    sim.put(wish(sim, constraints=Constraints(exclude_switches=(before[1],))))
    assert path(sim)[1] != before[1]
    assert sim.state(NAME) is State.PROGRAMMED
    assert sum(len(device.flows) for device in sim.devices.values()) == labels + 6, "both paths are there"
    sim.run(GRACE + 2)
    assert sum(len(device.flows) for device in sim.devices.values()) == labels
    assert sim.in_sync()


def test_a_protected_connection_has_two_paths_and_changes_over_at_the_ends_alone(sim: Watched) -> None:
    sim.put(wish(sim, protection=GUARDED))
    first, second = path(sim), backup(sim)
    assert len(first) == len(second) == 3
    assert first[1] != second[1]
    sim.run(2)
    sim.writes()
    made = sim.controller.compiler.made
    cut(sim, first[0], first[1])
    assert path(sim) == second
    assert sim.controller.compiler.made > made
    assert sim.state(NAME) is State.PROGRAMMED
    assert backup(sim)[1] not in (first[1], second[1]), "the third spine is the new backup path"
    cut(sim, second[0], second[1])
    assert (sim.state(NAME), sim.reason(NAME)) == (State.DEGRADED, "Unprotected")
    cut(sim, first[0], first[1], up=True)
    sim.run(3)
    assert sim.state(NAME) is State.PROGRAMMED
    assert sim.in_sync()


def test_both_paths_are_reserved(sim: Watched) -> None:
    sim.put(wish(sim, protection=GUARDED, reverse=3 * 10**6))
    ledger = sim.controller.connections.ledger
    held = [ledger.held(NAME), ledger.held(f"{NAME}|backup")]
    assert [(one.forward, one.backward) for one in held if one] == [(10**6, 3 * 10**6)] * 2
    sim.submit(Delete(NAME))
    assert not any(ledger.held(key) for key in (NAME, f"{NAME}|backup"))
    sim.run(3)
    assert not list(sim.controller.store.numbers.items("path"))
    assert not sim.records.get("paths")


def test_protection_that_cannot_be_had(sim: Watched) -> None:
    for spine in ("spine1", "spine2"):
        cut(sim, "leaf1", spine)
    with pytest.raises(Refused, match="no two paths are disjoint: all pass the link leaf1"):
        sim.submit(Create(wish(sim, protection=GUARDED)))
    sim.put(wish(sim, protection=replace(GUARDED, mode="PREFERRED")))
    assert (sim.state(NAME), sim.reason(NAME)) == (State.PROGRAMMED, "Unprotected")
    cut(sim, "leaf1", "spine1", up=True)
    sim.run(3)
    assert (sim.state(NAME), sim.reason(NAME)) == (State.PROGRAMMED, "")
    assert backup(sim)


def test_connections_that_keep_apart(sim: Watched) -> None:
    other = f"{T}/connections/d"
    hosts = sim.declared.hosts
    ends = {"a": f"{T}/ports/{hosts[1].name}", "b": f"{T}/ports/{hosts[-2].name}"}
    apart = Constraints(diverse_from=(NAME,), diversity="SWITCH")
    sim.put(wish(sim, other, constraints=apart, **ends), wish(sim))
    assert path(sim)[1] != path(sim, other)[1]
    # The one that is named keeps away as well.
    cut(sim, "leaf1", path(sim)[1])
    assert path(sim)[1] != path(sim, other)[1]
    assert sim.state(NAME) is State.PROGRAMMED


def test_names_that_are_not_known(sim: Watched) -> None:
    for constraints, field in (
        (Constraints(exclude_switches=("spine9",)), "constraints.exclude_switches[0]"),
        (Constraints(via=("spine1", "x")), "constraints.via[1]"),
        (Constraints(exclude_links=("leaf1:none",)), "constraints.exclude_links[0]"),
        (Constraints(exclude_links=("leaf1",)), "constraints.exclude_links[0]"),
        (Constraints(exclude_risk_groups=("duct",)), "constraints.exclude_risk_groups[0]"),
    ):
        with pytest.raises(InvalidInput, match="is not known") as caught:
            sim.submit(Create(wish(sim, constraints=constraints)))
        assert caught.value.violations[0].field == field
    assert not list(sim.controller.store.names("Connection"))  # type: ignore[arg-type]


def test_waypoints_and_excluded_links(sim: Watched) -> None:
    sim.put(wish(sim, constraints=Constraints(via=("spine3",))))
    assert path(sim)[1] == "spine3"
    interface = next(end[1] for end, other in sim.wires.items() if (end[0], other[0]) == ("leaf1", "spine1"))
    sim.put(wish(sim, constraints=Constraints(exclude_links=(f"leaf1:{interface}",), exclude_switches=("spine3",))))
    assert path(sim)[1] == "spine2"
    with pytest.raises(Refused, match="every path needs something excluded"):
        sim.put(wish(sim, constraints=Constraints(exclude_switches=("spine1", "spine2", "spine3"))))
    with pytest.raises(Refused, match=r"constraints\.max_hops: no path keeps 1 hops; the shortest .* 2 hops"):
        sim.put(wish(sim, constraints=Constraints(max_hops=1)))


@pytest.mark.parametrize("when", range(12))
def test_a_restart_at_any_moment_of_a_move(when: int) -> None:
    sim = ready(SPEC)
    sim.put(wish(sim, protection=GUARDED))
    turns = iter(range(100))
    take = sim.controller.turn

    def dying(events, now, wall):  # type: ignore[no-untyped-def]
        if next(turns) >= when:
            raise KeyboardInterrupt
        return take(events, now, wall)

    sim.controller.turn = dying  # type: ignore[method-assign]
    used = path(sim)[1]
    try:
        sim.put(wish(sim, protection=GUARDED, constraints=Constraints(exclude_switches=(used,))))
        sim.run(GRACE + 2)
    except KeyboardInterrupt:
        pass
    sim.start()
    sim.connect()
    sim.run(15)
    assert sim.state(NAME) is State.PROGRAMMED
    assert sim.in_sync()
    assert len(list(sim.controller.store.numbers.items("path"))) == 4
    sim.writes()
    sim.start()
    sim.connect()
    sim.run(15)
    assert sim.writes() == 0


@pytest.mark.parametrize("seed", range(8))
def test_random_changes_never_send_along_what_is_not_there(seed: int) -> None:
    chance = random.Random(seed)
    sim = ready("leaf-spine:spines=3,leaves=4,hosts=2")
    hosts = [host.name for host in sim.declared.hosts]
    down: set[tuple[str, str]] = set()
    for _ in range(60):
        match chance.randrange(6):
            case 0 | 1:
                a, b = chance.sample(hosts, 2)
                a, b = sorted((a, b))
                name = f"{T}/connections/{a}-{b}"
                protection = Protection(mode=chance.choice(["NONE", "PREFERRED"]), scope="LINK")
                avoid = chance.sample(["spine1", "spine2", "spine3"], chance.randrange(3))
                constraints = Constraints(exclude_switches=tuple(avoid))
                item = Connection(
                    name=name,
                    a=f"{T}/ports/{a}",
                    b=f"{T}/ports/{b}",
                    bandwidth=chance.randrange(1, 10**8),
                    protection=protection,
                    constraints=constraints,
                )
                try:
                    sim.submit(Put(item))
                except Refused:
                    continue
            case 2:
                names = list(sim.controller.store.names("Connection"))  # type: ignore[arg-type]
                if names:
                    sim.submit(Delete(chance.choice(sorted(names))))
            case 3 | 4:
                end = chance.choice(sorted(sim.wires))
                up = end in down
                sim.set_link(end, up=up)
                down ^= {end}
            case 5:
                sim.run(chance.choice([0.5, 2]))
    for end in sorted(down):
        sim.set_link(end, up=True)
    sim.run(8)
    sim.check()
    assert sim.in_sync()
    for name in sim.controller.store.names("Connection"):  # type: ignore[arg-type]
        assert sim.state(name) is State.PROGRAMMED, sim.reason(name)
        assert path(sim, name)
    assert sim.checked
