"""Random clouds on real switches: the programs that the controller made of them, and what really happens to a frame.

The controller runs in memory (tests/controller/simulation.py) with the port numbers of the real switches; what it wrote
there is then written into these. So links can be cut without the controller noticing, and groups choose for themselves.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path
from random import Random

sys.path.append(str(Path(__file__).resolve().parents[1] / "controller"))
sys.path.append(str(Path(__file__).resolve().parents[1] / "southbound"))

from simulation import Simulation
from southbound_rig import Rig, serving

from sdn.controller.effects import SendBatch
from sdn.controller.events import BatchDone, SwitchUp
from sdn.lab import LabNetwork
from sdn.lab.host import Host
from sdn.model.errors import SdnError
from sdn.model.intent import (
    Address,
    AddressPair,
    Binding,
    Connection,
    Network,
    Port,
    Resource,
    Router,
    StaticRoute,
    Subnet,
    Tenant,
)
from sdn.model.topology import DeclaredLink, SwitchPort
from sdn.reconcile import SwitchSync
from sdn.trace import CONTROLLER, Delivery, Switch

SPECS = (
    "leaf-spine:spines=2,leaves=3,hosts=3",
    "leaf-spine:spines=3,leaves=2,hosts=4",
    "ring:switches=5,hosts=2",
    "linear:switches=3,hosts=3",
    "full-mesh:switches=4,hosts=2",
    "fat-tree:k=4",
    "torus:x=3,y=3,hosts=1",
)


ROUTES = (
    ("192.0.2.0/24", "10.0.1.2"),
    ("192.0.2.128/25", ""),
    ("169.254.0.0/16", "10.0.1.2"),
    ("198.51.100.1/32", "10.0.1.3"),
    ("2001:db8::/32", "fd00:0:0:1::2"),
    ("0.0.0.0/0", "10.0.2.2"),
)
"""Static routes: prefix, and next hop or nothing."""


VIRTUAL = "02:00:00:00:aa:01"
PAIRS = (
    ("10.0.1.20/32", "", True),
    ("10.0.1.21/32", VIRTUAL, True),
    ("10.200.0.0/16", "", False),
    ("0.0.0.0/0", VIRTUAL, False),
    ("fd00:0:0:1::20/128", VIRTUAL, True),
    ("2001:db8:7::/48", "", False),
)
"""Address pairs: prefix, MAC, whether a port may be the active one."""


@dataclass
class Plugged:
    """A host as its owner configured it. foreign: interface without a port of a tenant."""

    host: Host
    tenant: str = ""
    network: str = ""
    addresses: tuple[Address, ...] = ()


@dataclass
class Cloud:
    """A network of real switches that hold the programs of a random cloud. ``hosts`` by name of the lab's host."""

    sim: Simulation
    lab: LabNetwork
    hosts: dict[str, Plugged] = field(default_factory=dict)
    gateways: dict[str, list[Address]] = field(default_factory=dict)
    """By network."""
    routers: dict[str, str] = field(default_factory=dict)
    """MAC of the tenant's router, by network; one that nobody has where there is none."""

    def world(self, dpid: int) -> Switch | None:
        """A switch as the interpreter wants it, with links as they are now."""
        name = self.sim.by_dpid.get(dpid)  # type: ignore[call-overload]
        if name is None:
            return None
        device = self.sim.devices[name]
        links = {}
        for (switch, interface), (other, far) in self.sim.wires.items():
            if switch == name:
                peer = self.sim.devices[other]
                links[device.ports[interface].number] = (int(peer.dpid), peer.ports[far].number)
        ports = {port.number: port.up for port in device.ports.values()}
        return Switch(device.flows, device.groups, ports, links)

    def place(self, host: str) -> tuple[int, int]:
        """Where a host is plugged in."""
        declared = self.lab.hosts[host]
        device = self.sim.devices[declared.switch]
        return int(device.dpid), device.ports[declared.interface].number

    def really(self, host: str, frame: bytes) -> tuple[Delivery, ...]:
        """What the switches do with a frame of a host: the frames that come to hosts."""
        self.lab.send(host, frame)
        self.lab.settle()
        return tuple(
            sorted(Delivery(*self.place(name), got) for name in self.lab.hosts for got in self.lab.received(name))
        )

    def cut(self, link: DeclaredLink, mended: bool = False) -> None:
        """Interrupt (or mend) a link without the controller's knowledge; groups have noticed when this returns."""
        (self.lab.mend if mended else self.lab.cut)(link)
        for switch, interface in (link.a, link.b):
            ports = self.sim.devices[switch].ports
            old = ports[interface]
            ports[interface] = SwitchPort(old.number, old.name, old.mac, mended, old.speed)
        self.forget()

    def forget(self) -> None:
        """Let the switches look every packet up anew."""
        for ovs in {self.lab.ovs_of(switch) for switch in self.lab.topology.switches}:
            ovs.appctl("revalidator/purge")
            ovs.appctl("revalidator/wait")


def to_hosts(way: tuple[Delivery, ...]) -> tuple[Delivery, ...]:
    """Without what goes to the controller: meters may keep it back."""
    return tuple(delivery for delivery in way if delivery.port != CONTROLLER)


@asynccontextmanager
async def cloud(spec: str, chance: Random) -> AsyncIterator[Cloud]:
    """A random cloud on real switches."""
    sim = Simulation(spec)
    async with serving() as rig:
        with LabNetwork(sim.declared, controller=f"tcp:127.0.0.1:{rig.port}") as lab:
            for name, device in sim.devices.items():
                numbers = lab.ports(name)
                for port in list(device.ports.values()):
                    device.add_port(port.name, numbers[port.name])
            made = Cloud(sim, lab)
            sim.connect()
            sim.run(3)
            wish(made, chance)
            sim.run(3)
            assert sim.in_sync()
            await install(made, rig)
            made.forget()
            yield made


async def install(made: Cloud, rig: Rig) -> None:
    """Write every program into its switch."""
    for device in made.sim.devices.values():
        up = await rig.expect(SwitchUp, lambda event, dpid=device.dpid: event.dpid == dpid)  # type: ignore[misc]
        sync = SwitchSync(made.sim.controller.compiler.programs[device.dpid])
        sync.adopt(up.installed, 1)
        while (batch := sync.next_batch()) is not None:
            rig.server.perform(SendBatch(up.session, 1, batch))
            done = await rig.expect(BatchDone)
            assert done.failures == ()
            sync.done(())


def wish(made: Cloud, chance: Random) -> None:
    """Tenants, networks, subnets, routers, ports and connections; what the store refuses is left out."""
    networks: list[str] = []
    subnets: dict[str, list[Subnet]] = {}
    for tenant in [f"tenants/t{n}" for n in range(1, chance.randint(2, 4))]:
        put(made, Tenant(name=tenant))
        own: list[Subnet] = []
        for n in range(1, chance.randint(2, 4)):
            network = f"{tenant}/networks/n{n}"
            networks.append(network)
            put(made, Network(name=network))
            subnets[network] = []
            for cidr in (f"10.0.{n}.0/{chance.choice((24, 25, 28))}", f"fd00:0:0:{n}::/{chance.choice((64, 96, 120))}"):
                if chance.random() < 0.85:
                    subnet = Subnet(name=f"{tenant}/subnets/s{len(own)}", network=network, cidr=ip_network(cidr))
                    range_ = subnet.cidr
                    gateway = range_[1] if chance.random() < 0.9 else None
                    subnet = Subnet(name=subnet.name, network=network, cidr=range_, gateway=gateway)
                    if put(made, subnet):
                        own.append(subnet)
                        subnets[network].append(subnet)
                        made.gateways.setdefault(network, []).extend([gateway] if gateway else [])
        routed = [s.name for s in own if s.gateway is not None and chance.random() < 0.8]
        if routed:
            routes = tuple(
                StaticRoute(prefix=ip_network(prefix), next_hop=ip_address(hop) if hop else None)
                for prefix, hop in ROUTES
                if chance.random() < 0.5
            )
            router = Router(name=f"{tenant}/routers/r", subnets=tuple(routed), routes=routes)
            if not put(made, router):
                put(made, replace(router, routes=()))
    _ports(made, chance, networks, subnets)
    names = [name for name in made.sim.controller.store.objects if "/ports/" in name]
    for number in range(6):
        a, b = chance.choice(names), chance.choice(names)
        put(made, Connection(name=f"{a.split('/ports/')[0]}/connections/c{number}", a=a, b=b, bandwidth=10**6))
    for network in networks:
        router = made.sim.controller.store.numbers.get("router", f"{network.split('/networks/')[0]}/routers/r")
        made.routers[network] = f"06:00:00:00:00:{router or 0x77:02x}"


def _ports(made: Cloud, chance: Random, networks: list[str], subnets: dict[str, list[Subnet]]) -> None:
    used: Counter[str] = Counter()
    for number, (name, declared) in enumerate(made.lab.hosts.items(), 1):
        network = chance.choice(networks)
        tenant = network.split("/networks/")[0]
        mac = f"02:00:00:00:00:{number:02x}"
        addresses: list[str] = []
        for subnet in subnets[network]:
            for _ in range(chance.choice((0, 1, 1, 1, 2))):
                used[subnet.name] += 1
                addresses.append(f"{subnet.cidr[used[subnet.name] + 1]}/{subnet.cidr.prefixlen}")
        bound = chance.random() < 0.9
        port = Port(
            name=f"{tenant}/ports/{name}",
            network=network,
            mac=mac,
            addresses=tuple(ip_interface(text).ip for text in addresses),
            allowed_address_pairs=tuple(
                AddressPair(prefix=ip_network(prefix), mac=other, active=active and chance.random() < 0.3)
                for prefix, other, active in PAIRS
                if chance.random() < 0.15
            ),
            binding=Binding(switch=declared.switch, interface=declared.interface) if bound else None,
        )
        there = put(made, port) or put(made, replace(port, allowed_address_pairs=()))
        host = Host.of(name, mac, *addresses)
        made.hosts[name] = Plugged(host, tenant, network, port.addresses) if there and bound else Plugged(host)


def put(made: Cloud, resource: Resource) -> bool:
    """Whether the store took it."""
    try:
        made.sim.put(resource)
    except SdnError:
        return False
    return True
