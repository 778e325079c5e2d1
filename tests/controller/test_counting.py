"""Whose counters they are: what is attached to an interface, as the controller knows it."""

from __future__ import annotations

import pytest
from simulation import Simulation

from sdn.daemon.counting import Counting
from sdn.model.command import Delete
from sdn.model.counters import Counted, PortSample
from sdn.model.ids import Kind
from sdn.model.intent import Binding, Network, Port, Tenant
from sdn.model.selector import parse_selector

WEB = "tenants/t/networks/web"


class Counters:
    """Simulated switches that count. counts: packets by switch and interface."""

    def __init__(self) -> None:
        self.sim = Simulation("leaf-spine:spines=1,leaves=2,hosts=2")
        self.sim.connect()
        self.sim.run(3)
        self.sim.put(Tenant(name="tenants/t"), Network(name=WEB))
        self.counting = Counting(self.sim.controller, 10.0, lambda: self.sim.now)
        self.counts: dict[tuple[str, str], int] = {}

    def poll(self, *switches: str, seconds: float = 10) -> None:
        self.sim.now += seconds
        for name in switches or self.sim.devices:
            device = self.sim.devices[name]
            ports = {
                port.number: (self.counts.get((name, port.name), 0), None, *[0] * 6) for port in device.ports.values()
            }
            ports[0xFFFFFFFE] = (77, *[0] * 7)
            self.counting.take(PortSample(device.dpid, ports, self.sim.now, self.sim.wall))

    def bind(self, port: str, host: int) -> tuple[str, str]:
        """A port at the interface of a host; its place."""
        place = self.sim.declared.hosts[host]
        binding = Binding(switch=place.switch, interface=place.interface)
        self.sim.put(
            Port(name=f"tenants/t/ports/{port}", network=WEB, mac=f"02:00:00:00:00:{host:02x}", binding=binding)
        )
        return place.switch, place.interface

    def packets(self, port: str) -> int:
        found = self.counting.read(f"tenants/t/ports/{port}")
        return found.counts.rx_packets if found is not None else -1

    @property
    def network(self) -> Counted:
        found = self.counting.read(WEB)
        assert found is not None
        return found


@pytest.fixture
def counters() -> Counters:
    return Counters()


def test_ports_and_their_network(counters: Counters) -> None:
    a, b = counters.bind("a", 0), counters.bind("b", 2)
    counters.counts |= {a: 1000, b: 1000}
    counters.poll()
    counters.counts |= {a: 1010, b: 1030}
    counters.poll()
    assert (counters.packets("a"), counters.packets("b"), counters.network.counts.rx_packets) == (10, 30, 40)
    assert counters.network.rates.rx_packets == 4.0
    counters.sim.now += 31
    assert counters.network.rates.rx_packets == 0.0


def test_a_port_that_moves_takes_its_total_along(counters: Counters) -> None:
    a = counters.bind("a", 0)
    counters.poll()
    counters.counts[a] = 5
    counters.poll()
    c = counters.bind("a", 3)
    counters.counts |= {a: 105, c: 7}
    counters.poll()
    assert counters.packets("a") == counters.network.counts.rx_packets == 12


def test_a_switch_that_restarts_and_one_that_is_away(counters: Counters) -> None:
    a = counters.bind("a", 0)
    counters.poll()
    counters.counts[a] = 50
    counters.poll()
    counters.sim.disconnect(a[0])
    counters.sim.run(5)
    assert counters.packets("a") == 50
    counters.counts[a] = 3
    counters.sim.connect(a[0])
    counters.poll()
    assert counters.packets("a") == 53


def test_a_deleted_port_is_forgotten_and_its_network_is_not(counters: Counters) -> None:
    a = counters.bind("a", 0)
    counters.poll()
    counters.counts[a] = 9
    counters.poll()
    counters.sim.submit(Delete("tenants/t/ports/a"))
    counters.counts[a] = 20
    counters.poll(seconds=61)
    assert (counters.packets("a"), counters.network.counts.rx_packets) == (-1, 9)


def test_ports_are_selected_by_labels(counters: Counters) -> None:
    counters.bind("a", 0)
    counters.sim.put(Port(name="tenants/t/ports/b", network=WEB, mac="02:00:00:00:00:99", labels=(("env", "lab"),)))
    names = [name[-1] for name in counters.counting.names(Kind.PORT, "t")]
    chosen = counters.counting.names(Kind.PORT, "", parse_selector("env=lab"))
    assert (names, chosen) == (["a", "b"], ["tenants/t/ports/b"])


def test_links_are_counted_at_both_ends(counters: Counters) -> None:
    counters.poll()
    for switch, interface in counters.sim.wires:
        counters.counts[switch, interface] = 8 if switch == "leaf1" else 4
    counters.poll()
    links = counters.counting.links()
    assert len(links) == 2
    for link in links:
        ends = dict(zip((link.a[0], link.b[0]), (link.a_side, link.b_side), strict=True))
        assert {name: side.counts.rx_packets for name, side in ends.items()} == {
            name: 8 if name == "leaf1" else 4 for name in ends
        }
        assert link.up
        assert link.capacity > 0
    cut = links[0]
    counters.sim.set_link(cut.a, False)
    counters.poll()
    down = next(link for link in counters.counting.links() if link.a == cut.a)
    assert (down.up, down.a_side.counts) == (False, cut.a_side.counts)
