"""What every kind of change costs: units compiled, routes moved, entries written; and which changes must cost nothing.

The fabric: two spines, three leaves with three hosts each; two routed networks with IPv4 ports on every leaf. The
numbers are worked out beside each case, so that a change which costs more than it must is seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

import pytest
from simulation import Simulation
from test_controller import WEB, T, cloud

from sdn.controller.events import PortChanged, SwitchUp
from sdn.model.command import Delete
from sdn.model.intent import Connection, Network, Port, Router, Subnet, Tenant
from sdn.model.program import Installed
from sdn.model.topology import SwitchPort

LEAVES = 3
ATTACHED = 8  # classify, deliver, output, punt, ARP probe; and for the address: ARP source, IPv4 source, own ARP
REMOTE = 3  # MAC, ARP answer, address behind the router; on every leaf
NOTHING = (0, 0, 0)


class Cost(NamedTuple):
    """units: compiled; routes: (switch, destination) pairs with other entries; writes: entries, deletions included."""

    units: int
    routes: int
    writes: int


class Costs:
    """A fabric in sync, and one port that is not there yet: ``spare``."""

    def __init__(self, repair: bool = True) -> None:
        self.sim = Simulation("leaf-spine:spines=2,leaves=3,hosts=3", repair=repair)
        self.sim.connect()
        self.sim.run(3)
        *objects, spare = cloud(self.sim)
        assert isinstance(spare, Port)
        self.spare = spare
        self.sim.put(*objects)
        self.sim.run(1)
        self.sim.writes()

    def of(self, change: Callable[[], object]) -> Cost:
        """Carry out a change, and count until half a second later."""
        compiler = self.sim.controller.compiler
        made, routes = compiler.made, compiler.routes_moved
        change()
        self.sim.run(0.5)
        return Cost(compiler.made - made, compiler.routes_moved - routes, self.sim.writes())

    def interface(self, switch: str, name: str, **changed: object) -> None:
        """A port of a switch reports something new."""
        device = self.sim.devices[switch]
        device.ports[name] = replace(device.ports[name], **changed)  # type: ignore[arg-type]
        self.sim.turn(PortChanged(device.session, device.dpid, device.ports[name]))


@pytest.fixture
def costs() -> Costs:
    return Costs()


def test_what_touches_no_port_that_is_plugged_in_costs_nothing(costs: Costs) -> None:
    put = costs.sim.put
    subnet = Subnet(
        name="tenants/x/subnets/s",
        network="tenants/x/networks/n",
        cidr=IPv4Network("10.0.0.0/24"),
        gateway=IPv4Address("10.0.0.1"),
    )
    unbound = replace(costs.spare, name=f"{T}/ports/u", mac="02:aa:00:00:01:01", addresses=(), binding=None)
    assert costs.of(lambda: put(Tenant(name="tenants/x"))) == NOTHING
    assert costs.of(lambda: put(Network(name="tenants/x/networks/n"))) == NOTHING
    assert costs.of(lambda: put(subnet)) == NOTHING
    assert costs.of(lambda: put(Router(name="tenants/x/routers/r", subnets=(subnet.name,)))) == NOTHING
    assert costs.of(lambda: put(unbound)) == NOTHING
    assert (
        costs.of(lambda: put(Subnet(name=f"{T}/subnets/v2", network=WEB, cidr=IPv4Network("10.9.0.0/24")))) == NOTHING
    )


def test_time_probes_and_what_is_there_already_cost_nothing(costs: Costs) -> None:
    sim = costs.sim
    everything = cloud(sim)[:-1]
    assert costs.of(lambda: sim.run(60)) == NOTHING
    assert costs.of(lambda: sim.put(*everything)) == NOTHING
    assert costs.of(lambda: costs.interface("leaf1", "leaf1-eth1", speed=10**10)) == NOTHING


def test_a_switch_that_goes_and_returns_costs_nothing(costs: Costs) -> None:
    sim = costs.sim
    assert costs.of(lambda: sim.disconnect("leaf2")) == NOTHING
    assert costs.of(lambda: sim.connect("leaf2")) == NOTHING


def test_a_restart_writes_nothing_and_compiles_everything_once(costs: Costs) -> None:
    sim = costs.sim
    sim.start()
    made = sim.controller.compiler.made
    sim.connect()
    sim.run(30)
    assert sim.writes() == 0
    ports = 8 + LEAVES * 8 + 2 * LEAVES + LEAVES  # attachments, endpoints, flood sets, the router
    wiring = 6 * 2 + 1  # both ends of six links, and the interface that has no port
    assert sim.controller.compiler.made - made <= ports + wiring + 4 * 5


def test_a_port(costs: Costs) -> None:
    sim, spare = costs.sim, costs.spare
    # Units: attachment, flood set and wiring on its leaf, endpoint on each leaf. The probe's flow goes.
    one = Cost(3 + LEAVES, 0, ATTACHED + LEAVES * REMOTE + 1 + 1)
    assert costs.of(lambda: sim.put(spare)) == one
    assert costs.of(lambda: sim.put(spare)) == NOTHING
    assert costs.of(lambda: sim.submit(Delete(spare.name))) == one


def test_another_address(costs: Costs) -> None:
    sim, spare = costs.sim, costs.spare
    sim.put(spare)
    sim.writes()
    # Three of its own and two on each leaf, each one new and one gone; no wiring.
    other = replace(spare, addresses=(IPv4Address("10.0.0.77"),))
    assert costs.of(lambda: sim.put(other)) == Cost(2 + LEAVES, 0, 2 * 3 + LEAVES * 2 * 2)


def test_another_mac(costs: Costs) -> None:
    sim, spare = costs.sim, costs.spare
    sim.put(spare)
    sim.writes()
    # Another service number: its own flows anew, the group of its flood set; on each leaf the MAC moves, two point on.
    other = replace(spare, mac="02:aa:00:00:01:02")
    assert costs.of(lambda: sim.put(other)) == Cost(2 + LEAVES, 0, 2 * ATTACHED + 1 + LEAVES * (2 + 2))


def test_a_port_whose_number_changes_concerns_its_switch_alone(costs: Costs) -> None:
    # Its attachment: classified by the new number, sent out there, punted under the meter of that number.
    cost = costs.of(lambda: costs.interface("leaf1", "leaf1-eth3", number=33))
    assert cost.units <= 2 + LEAVES
    assert cost.routes == 0
    assert cost.writes == 2 + 2 + 2  # classify moves; output and punt point elsewhere; one meter comes, one goes


def test_a_router(costs: Costs) -> None:
    sim = costs.sim
    # On each leaf the addresses of four ports and five flows of the interface; endpoints of both networks are compiled.
    both, one = (f"{T}/subnets/web", f"{T}/subnets/db"), (f"{T}/subnets/web",)
    cost = Cost(LEAVES + LEAVES * 8, 0, LEAVES * (4 + 5))
    assert costs.of(lambda: sim.put(Router(name=f"{T}/routers/r", subnets=one))) == cost
    assert costs.of(lambda: sim.put(Router(name=f"{T}/routers/r", subnets=both))) == cost


def test_the_first_and_the_last_port_of_a_network_on_a_switch(costs: Costs) -> None:
    sim = costs.sim
    for name in ("h3", "h5", "h1"):
        sim.submit(Delete(f"{T}/ports/{name}"))
    sim.writes()
    web = [item for item in cloud(sim) if isinstance(item, Port) and item.network == WEB]
    first = next(item for item in web if item.name.endswith("h5"))
    # h5 is the first of its network on leaf2; h7 is on leaf3. On leaf2 new are, beside what any port needs, MAC and ARP
    # of both, five flows and two groups of the flood set; on leaf3 MAC and ARP of h5, and where to flood; its address
    # behind the router on every leaf.
    cost = costs.of(lambda: sim.put(first))
    assert cost.routes == 0
    assert cost.writes == (ATTACHED + 1 + 2 * 2 + 5 + 2) + (2 + 1) + LEAVES
    assert costs.of(lambda: sim.submit(Delete(first.name))) == cost


def test_a_link(costs: Costs) -> None:
    sim = costs.sim
    end = next(end for end in sim.wires if end[0] == "leaf1")

    def mend() -> None:
        sim.set_link(end, True)
        sim.run(4)

    # leaf1 to both others and both others to leaf1: four flows, with groups that are new. The group that spread goes
    # when caches have forgotten it, and later no labels are taken at either end.
    before = costs.sim.controller.compiler.routes_moved
    sim.set_link(end, False)
    assert sim.controller.repairs.busy
    assert costs.sim.controller.compiler.routes_moved == before + 4
    assert sim.writes() == 7
    # When nothing is on its way to leaf1 over its spine any more, that goes over the others: a flow, its group, and one
    # to spread. Then repair, at three flows and three groups for each of the 12 pairs of a switch and a leaf at most.
    assert costs.of(lambda: sim.run(2)) <= Cost(0, 1, 3 + 12 * 6 * 2)
    assert costs.sim.controller.compiler.routes_moved == before + 5
    assert not sim.controller.repairs.busy
    sim.writes()
    assert costs.of(lambda: sim.run(2))[:2] == (2, 0)
    assert costs.of(lambda: sim.run(2)) == NOTHING
    assert costs.of(mend).routes == 5
    assert costs.of(lambda: sim.run(10)) == NOTHING


def test_a_link_without_repair() -> None:
    costs = Costs(repair=False)
    end = next(end for end in costs.sim.wires if end[0] == "leaf1")
    # leaf1 to both others, both others to leaf1, and its spine to leaf1: five flows; at the spine a group more, at
    # leaf1 a group less; and no labels are taken at either end of the link.
    cost = Cost(2, 5, 5 + 1 + 1 + 2)
    assert costs.of(lambda: (costs.sim.set_link(end, False), costs.sim.run(4))) == cost
    assert costs.of(lambda: (costs.sim.set_link(end, True), costs.sim.run(4))) == cost


def test_a_port_without_a_link_that_goes_down_costs_nothing(costs: Costs) -> None:
    name = costs.spare.binding.interface if costs.spare.binding else ""
    assert costs.of(lambda: costs.interface("leaf3", name, up=False)) == NOTHING
    assert costs.of(lambda: costs.interface("leaf1", "leaf1-eth3", up=False)) == NOTHING


def test_a_transit_switch_that_stays_away(costs: Costs) -> None:
    sim = costs.sim
    # Each leaf reaches the two others over one spine instead of two: two flows, one group that spreads less, and the
    # group that chooses between these and repair is another one. Repair itself stays as it is, everywhere.
    cost = Cost(0, LEAVES * 2, LEAVES * (2 + 1 + 1))
    assert costs.of(lambda: (sim.disconnect("spine1"), sim.run(5))) == cost
    assert costs.of(lambda: (sim.connect("spine1"), sim.run(3))) == cost


def test_a_new_switch_costs_the_others_nothing(costs: Costs) -> None:
    ports = (SwitchPort(1, "new-eth1", b"\2\0\0\0\0\7", True), SwitchPort(2, "new-eth2", b"\2\0\0\0\0\x08", True))
    event = SwitchUp(999, 0x99, "127.0.0.1:1", ports, Installed({}, {}, {}))  # type: ignore[arg-type]
    cost = costs.of(lambda: costs.sim.turn(event))
    assert cost == Cost(4 + len(ports), 0, 0), "its own units and ports; nothing is written to the others"


def test_a_connection(costs: Costs) -> None:
    sim = costs.sim
    connection = Connection(name=f"{T}/connections/c", a=f"{T}/ports/h1", b=f"{T}/ports/h5", bandwidth=10**6)
    # Three switches: labels of both directions on each; the spine has two groups, each end one. Both ends count, and
    # send by the shortest way. When the path is there, both ends are compiled again and steer.
    cost = Cost(3 + 2 + 2, 0, 3 * 2 + 2 + 2 + 2 * 2 + 2)
    assert costs.of(lambda: sim.put(connection)) == cost
    assert costs.of(lambda: sim.put(replace(connection, bandwidth=2 * 10**6))).writes == 0
    # First both ends stop counting and steering; when nothing can be on its way any more, the labels go.
    assert costs.of(lambda: sim.submit(Delete(connection.name))) == Cost(2, 0, 4)
    assert costs.of(lambda: sim.run(2)) == Cost(3, 0, 3 * 2 + 2 + 2)
