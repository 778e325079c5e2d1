"""The cloud of _facts as objects that a controller is asked to create, one transaction for each tenant."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

from sdn.controller.core import Controller
from sdn.controller.events import Request, SwitchUp, Tick
from sdn.controller.settings import Settings
from sdn.graph import load_topology
from sdn.model.command import Create, Transaction
from sdn.model.ids import Dpid
from sdn.model.intent import Binding, Network, Port, Resource, Router, Subnet, Tenant
from sdn.model.program import Installed
from sdn.model.topology import SwitchPort


def tenant(number: int, ports: int, leaves: int) -> list[Resource]:
    """A network, two subnets, a router, and ports round robin over the leaves."""
    name = f"tenants/t{number}"
    network, subnets = f"{name}/networks/n", tuple(f"{name}/subnets/s{half}" for half in (0, 1))
    objects: list[Resource] = [Tenant(name=name), Network(name=network)]
    for half, subnet in enumerate(subnets):
        gateway = IPv4Address(f"10.0.{half}.1")
        objects.append(Subnet(name=subnet, network=network, cidr=IPv4Network(f"10.0.{half}.0/24"), gateway=gateway))
    objects.append(Router(name=f"{name}/routers/r", subnets=subnets))
    for i in range(ports):
        octets = bytes([2, 0]) + number.to_bytes(2, "big") + i.to_bytes(2, "big")
        binding = Binding(switch=f"leaf{1 + (number + i) % leaves}", interface=f"t{number}p{i}")
        addresses = (IPv4Address(f"10.0.{i % 2}.{i // 2 + 10}"),)
        port = f"{name}/ports/p{i}"
        objects.append(Port(name=port, network=network, mac=octets.hex(":"), addresses=addresses, binding=binding))
    return objects


def controller_of(leaves: int, tenants: list[list[Resource]]) -> Controller:
    """A controller without objects whose leaves are connected, empty, and have the interfaces of all ports."""
    names: dict[str, list[str]] = {}
    for port in (port for objects in tenants for port in objects if isinstance(port, Port)):
        assert port.binding is not None
        names.setdefault(port.binding.switch, []).append(port.binding.interface)
    declared = load_topology(f"leaf-spine:spines=2,leaves={leaves},hosts=0")
    controller = Controller(
        {}, key=bytes(32), random_bytes=bytes, now=0.0, declared=declared, settings=Settings(start_grace=0.0)
    )
    ups = [
        SwitchUp(session, Dpid(dpid), "peer", _ports(names.get(name, [])), Installed({}, {}, {}))
        for session, (name, dpid) in enumerate(declared.switches.items(), 1)
    ]
    controller.turn(ups, 0.0, 0.0)
    controller.turn([Tick()], 1.0, 1.0)
    assert controller.started
    return controller


def _ports(names: list[str]) -> tuple[SwitchPort, ...]:
    return tuple(SwitchPort(n, name, n.to_bytes(6, "big"), True, 0) for n, name in enumerate(names, 1))


def requests(tenants: list[list[Resource]]) -> Iterator[Request]:
    """What a client would send: each tenant as a whole."""
    for token, objects in enumerate(tenants, 1):
        yield Request(token, Transaction(tuple(Create(resource) for resource in objects)))
