"""Ceilings of connections: meters with stable numbers, without a path too, and on switches that have no meters."""

from __future__ import annotations

from dataclasses import replace

import pytest
from simulation import Simulation
from test_many_ends import fan, funnel, star
from test_priorities import network

from sdn.model.calendar import Calendar
from sdn.model.command import Create, Delete
from sdn.model.errors import InvalidInput
from sdn.model.intent import Binding, Connection, Network, Port, Tenant
from sdn.model.program import Batch, Meter, WriteFailure
from sdn.model.status import State
from sdn.pipeline.layout import Table
from sdn.pipeline.probes import UNCOUNTED
from sdn.store.connection_rules import MAX_CEILING

T = "tenants/t"
NAME = f"{T}/connections/c"
MEGA = 10**6


@pytest.fixture
def sim() -> Simulation:
    sim = Simulation("leaf-spine:spines=2,leaves=2,hosts=1")
    sim.connect()
    sim.run(3)
    hosts = [
        Port(
            name=f"{T}/ports/{host.name}",
            network=f"{T}/networks/n",
            mac="",
            binding=Binding(switch=host.switch, interface=host.interface),
        )
        for host in sim.declared.hosts
    ]
    sim.put(Tenant(name=T), Network(name=f"{T}/networks/n"), *hosts)
    sim.run(1)
    return sim


def wish(name: str = NAME, **values: object) -> Connection:
    return Connection(name=name, a=f"{T}/ports/h1", b=f"{T}/ports/h2", bandwidth=MEGA, **values)  # type: ignore[arg-type]


def ceilings(sim: Simulation) -> dict[str, dict[int, Meter]]:
    return {
        name: found
        for name, device in sim.devices.items()
        if (found := {number: meter for number, meter in device.meters.items() if meter.bits})
    }


def test_a_ceiling_is_one_meter_at_the_end_that_sends(sim: Simulation) -> None:
    sim.put(wish(ceiling=20 * MEGA))
    assert ceilings(sim) == {"leaf1": {65536: Meter(20_000, 4_000, bits=True)}}
    sim.put(wish(ceiling=30 * MEGA, reverse_ceiling=1_000_001))
    assert ceilings(sim) == {
        "leaf1": {65536: Meter(30_000, 6_000, bits=True)},
        "leaf2": {65537: Meter(1_001, 400, bits=True)},
    }
    sim.put(wish(reverse_ceiling=2 * MEGA))
    assert ceilings(sim) == {"leaf2": {65537: Meter(2_000, 400, bits=True)}}
    sim.run(1)
    assert sim.state(NAME) is State.PROGRAMMED
    sim.submit(Delete(NAME))
    sim.run(3)
    assert ceilings(sim) == {}
    assert not list(sim.controller.store.numbers.items("meter"))
    sim.put(wish(ceiling=20 * MEGA))
    assert list(ceilings(sim)["leaf1"]) == [65538], "a number is not given again at once"


def test_a_restart_writes_nothing_and_gives_back_what_nobody_has(sim: Simulation) -> None:
    sim.put(wish(ceiling=20 * MEGA))
    sim.run(3)
    sim.controller.store.numbers.allocate("meter", f"{T}/connections/gone|ab")
    before = {name: (dict(d.flows), dict(d.meters), d.writes) for name, d in sim.devices.items()}
    sim.start()
    sim.connect()
    sim.run(3)
    assert {name: (d.flows, d.meters, d.writes) for name, d in sim.devices.items()} == before
    assert list(sim.controller.store.numbers.items("meter")) == [(f"{NAME}|ab", 65536)]


def test_a_connection_that_has_lost_its_path_is_still_counted_and_bounded(sim: Simulation) -> None:
    sim.put(wish(ceiling=20 * MEGA))
    sim.run(3)
    for link in sim.declared.links:
        sim.set_link(link.a, up=False)
    sim.run(3)
    assert sim.state(NAME) is State.DEGRADED
    assert list(ceilings(sim)) == ["leaf1"]
    priorities = [key[1:3] for key in sim.devices["leaf2"].flows if key[0] == Table.STEER]
    assert sorted(priorities) == [b"\0\0", b"\0\x64", UNCOUNTED.to_bytes(2, "big")], "the miss, its own, that of probes"


def test_a_switch_without_meters_is_named_and_the_rest_works(sim: Simulation) -> None:
    device = sim.devices["leaf1"]
    write = device.write

    def without_meters(batch: Batch) -> tuple[WriteFailure, ...]:
        refused = [number for number, meter, _ in batch.meters if meter.bits]
        return tuple(WriteFailure("meter", number, 12, 7, "OFPMMFC_OUT_OF_METERS") for number in refused) or write(
            batch
        )

    device.write = without_meters  # type: ignore[method-assign]
    sim.put(wish(ceiling=20 * MEGA))
    sim.run(3)
    status = sim.controller.statuses.of(sim.controller.store.objects[NAME])
    assert (status.state, status.reason) == (State.FAILED, "SwitchRefused")
    assert "leaf1 refused a edge entry" in status.message
    assert "OFPMMFC_OUT_OF_METERS" in status.message
    assert ceilings(sim) == {}
    label = [key for key in device.flows if key[0] == Table.FABRIC and b"\x82" in key]
    assert len(label) == 2, "what the other end sends along the path arrives"
    sim.put(wish())
    sim.run(3)
    assert sim.state(NAME) is State.PROGRAMMED, "without a ceiling nothing is refused"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"ceiling": MEGA - 1}, "ceiling"),
        ({"reverse_ceiling": MEGA - 1}, "reverse_ceiling"),
        ({"reverse": 2 * MEGA, "reverse_ceiling": MEGA}, "reverse_ceiling"),
        ({"ceiling": MAX_CEILING + 1}, "ceiling"),
    ],
)
def test_ceilings_that_cannot_be(sim: Simulation, values: dict[str, int], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        sim.put(wish(**values))
    assert caught.value.violations[0].field.endswith(field)


def test_out_of_its_time_a_circuit_carries_nothing(sim: Simulation) -> None:
    now = int(sim.wall)
    times = Calendar(start=now + 100, end=now + 200)
    ends = {side: f"leaf{number}:free" for number, side in enumerate("ab", 1)}
    for leaf in ("leaf1", "leaf2"):
        sim.devices[leaf].add_port("free")
        sim.disconnect(leaf)
        sim.connect(leaf)
    sim.run(3)
    sim.put(Connection(name=NAME, **ends, bandwidth=MEGA, calendar=times))
    for state, open_ in ((State.ADMITTED, False), (State.PROGRAMMED, True), (State.EXPIRED, False)):
        sim.run(3)
        assert sim.state(NAME) is state
        port = sim.devices["leaf1"].ports["free"].number.to_bytes(4, "big")
        ways_in = [key for key in sim.devices["leaf1"].flows if key[0] == Table.CLASSIFY and port in key]
        assert bool(ways_in) == open_
        sim.run(110)


@pytest.fixture
def wide() -> Simulation:
    """Hosts 1 to 3 at leaf1, 4 to 6 at leaf2, 7 to 9 at leaf3."""
    return network("leaf-spine:spines=2,leaves=3,hosts=3,capacity=1G")


def metered(sim: Simulation, switch: str) -> dict[int, int]:
    """By number of a meter of ceilings: how many flows of a switch have it."""
    found: dict[int, int] = {}
    program = sim.controller.compiler.programs[sim.devices[switch].dpid]
    for number, meter in program.meters.items():
        if meter.bits:
            sign = b"\x00\x06\x00\x08" + number.to_bytes(4, "big")  # the instruction, OpenFlow 1.3.5, 7.2.4
            found[number] = sum(sign in body for body in program.flows.values())
    return found


@pytest.mark.parametrize("make", [fan, funnel])
def test_all_legs_share_one_meter_where_the_one_port_is(wide: Simulation, make: object) -> None:
    sim, forth = wide, make is fan
    from_one, to_one = ("ceiling", "reverse_ceiling") if forth else ("reverse_ceiling", "ceiling")
    rates = {from_one: 20 * MEGA, to_one: 30 * MEGA}
    many = make("c", 1, 4, 5, 7, 2, part=0.001, shared_ceiling=True, **rates)  # type: ignore[operator]
    sim.put(many)
    shared = {number for number, meter in ceilings(sim)["leaf1"].items() if meter.rate == 20_000}
    assert len(shared) == 1, "one for all"
    (number,) = shared
    assert metered(sim, "leaf1")[number] == 4
    assert sorted(meter.rate for meter in ceilings(sim)["leaf1"].values()) == [20_000, 30_000], "and that of h2"
    assert [len(ceilings(sim)[leaf]) for leaf in ("leaf2", "leaf3")] == [2, 1], "each of the many has its own"
    sim.put(replace(many, **{from_one: 25 * MEGA}))
    assert ceilings(sim)["leaf1"][number] == Meter(25_000, 5_000, bits=True)
    sim.start()
    sim.connect()
    sim.run(12)
    assert metered(sim, "leaf1")[number] == 4, "also after a restart"
    sim.put(replace(many, shared_ceiling=False))
    assert len(ceilings(sim)["leaf1"]) == 5
    assert set(metered(sim, "leaf1").values()) == {1}
    sim.put(many)
    sim.submit(Delete(NAME))
    sim.run(3)
    assert not ceilings(sim)
    assert not dict(sim.controller.store.numbers.items("meter"))


def test_a_shared_ceiling_goes_where_the_one_port_goes(wide: Simulation) -> None:
    sim = wide
    sim.put(star("c", 1, 0.001, ceiling=20 * MEGA, shared_ceiling=True))
    ((number, meter),) = ceilings(sim)["leaf1"].items()
    assert metered(sim, "leaf1") == {number: 8}
    hub = sim.controller.store.objects[f"{T}/ports/h1"]
    assert isinstance(hub, Port)
    sim.put(replace(hub, binding=None))
    sim.run(2)
    assert not ceilings(sim)
    sim.submit(Delete(f"{T}/ports/h9"))
    host = next(host for host in sim.declared.hosts if host.name == "h9")
    sim.put(replace(hub, binding=Binding(switch=host.switch, interface=host.interface)))
    sim.run(2)
    assert ceilings(sim) == {"leaf3": {number: meter}}
    assert metered(sim, "leaf3") == {number: 7}
    sim.submit(*(Delete(f"{T}/ports/h{n}") for n in range(2, 9)))
    sim.run(2)
    assert not ceilings(sim), "no legs, no meter"


def test_a_ceiling_that_cannot_be_shared_is_refused(wide: Simulation) -> None:
    for connection, field in (
        (wish(shared_ceiling=True, ceiling=20 * MEGA), "shared_ceiling"),
        (fan("c", 1, 4, 7, part=0.001, shared_ceiling=True, reverse_ceiling=20 * MEGA), "ceiling"),
        (funnel("c", 1, 4, 7, part=0.001, shared_ceiling=True, ceiling=20 * MEGA), "reverse_ceiling"),
    ):
        with pytest.raises(InvalidInput) as caught:
            wide.submit(Create(connection))
        assert caught.value.violations[0].field == field
