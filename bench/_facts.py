"""Facts of a cloud on a leaf-spine fabric, as the compiler is told them."""

from __future__ import annotations

from sdn.model.ids import Dpid
from sdn.model.route import NextHops, Reroute
from sdn.pipeline import Compiler
from sdn.pipeline.facts import InterfaceFacts, PortFacts, RouterFacts, SwitchFacts

SPINES = 2


class Facts:
    """All facts of the cloud. Leaves have the datapath ids from 1, spines follow; dual: IPv6 beside IPv4."""

    def __init__(self, leaves: int, networks: int, ports: int, *, dual: bool = False) -> None:
        leaf_ports = frozenset(range(1, SPINES + 1))
        self.switches = {n: SwitchFacts(n, leaf_ports, leaf_ports) for n in range(1, leaves + 1)}
        down = frozenset(range(1, leaves + 1))
        self.switches |= {leaves + n: SwitchFacts(leaves + n, down, down) for n in range(1, SPINES + 1)}
        edges = [Dpid(n) for n in range(1, leaves + 1)]
        up = NextHops(tuple(range(1, SPINES + 1)), 1)
        self.routes: list[Reroute] = [(a, b, up) for a in edges for b in edges if a != b]
        self.routes += [(Dpid(leaves + s), b, NextHops((b,), 0)) for s in range(1, SPINES + 1) for b in edges]
        self.networks = {n: f"tenants/t{n}/networks/n" for n in range(1, networks + 1)}
        self.ports: dict[str, PortFacts] = {}
        self.routers: dict[str, RouterFacts] = {}
        next_port = dict.fromkeys(range(1, leaves + 1), SPINES)
        for n in self.networks:
            sides = [InterfaceFacts(n, bytes([10, 0, half, 0]), 24, bytes([10, 0, half, 1])) for half in (0, 1)]
            if dual:
                v6 = [bytes([0xFD, 0, 0, half]) + bytes(12) for half in (0, 1)]
                sides += [InterfaceFacts(n, prefix, 64, prefix[:15] + b"\1") for prefix in v6]
            self.routers[f"tenants/t{n}/routers/r"] = RouterFacts(n, tuple(sides))
            for i in range(ports):
                dpid = 1 + (n + i) % leaves
                next_port[dpid] += 1
                service = len(self.ports) + 1
                mac, address = b"\2\0\0" + service.to_bytes(3, "big"), bytes([10, 0, i % 2, i // 2 + 10])
                v6s = (bytes([0xFD, 0, 0, i % 2]) + bytes(10) + (i // 2 + 10).to_bytes(2, "big"),) if dual else ()
                name = f"tenants/t{n}/ports/p{i}"
                self.ports[name] = PortFacts(n, service, mac, (address,), v6s, dpid, next_port[dpid])


def compiled(facts: Facts) -> Compiler:
    """Every program, from nothing."""
    compiler = Compiler()
    for dpid, switch in facts.switches.items():
        compiler.set_switch(dpid, switch)
    compiler.set_routes(facts.routes)
    for number, name in facts.networks.items():
        compiler.set_network(number, name)
    for name, port in facts.ports.items():
        compiler.set_port(name, port)
    for name, router in facts.routers.items():
        compiler.set_router(name, router)
    compiler.compile()
    return compiler
