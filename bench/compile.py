"""From facts to compiled programs, from scratch, on one core.

A cloud on a leaf-spine fabric: networks with ports round robin over the leaves, two subnets and a router each, IPv4.
The facts (numbers, places, routes) are at hand; measured is the CPU time from an empty compiler until every program is
complete, with the garbage collector set as in sdnd.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time

from sdn.daemon import collector
from sdn.pipeline import Compiler
from sdn.pipeline.facts import InterfaceFacts, PortFacts, RouterFacts, SwitchFacts

SPINES = 2


class Facts:
    """All facts of the cloud. Leaves have the datapath ids from 1, spines follow."""

    def __init__(self, leaves: int, networks: int, ports: int) -> None:
        leaf_ports = frozenset(range(1, SPINES + 1))
        self.switches = {n: SwitchFacts(n, leaf_ports, leaf_ports) for n in range(1, leaves + 1)}
        down = frozenset(range(1, leaves + 1))
        self.switches |= {leaves + n: SwitchFacts(leaves + n, down, down) for n in range(1, SPINES + 1)}
        up = tuple(1 + i % SPINES for i in range(64))
        self.routes = {(a, b): up for a in range(1, leaves + 1) for b in range(1, leaves + 1) if a != b}
        self.routes |= {(leaves + s, b): (b,) for s in range(1, SPINES + 1) for b in range(1, leaves + 1)}
        self.networks = {n: f"tenants/t{n}/networks/n" for n in range(1, networks + 1)}
        self.ports: dict[str, PortFacts] = {}
        self.routers: dict[str, RouterFacts] = {}
        next_port = dict.fromkeys(range(1, leaves + 1), SPINES)
        for n in self.networks:
            sides = [InterfaceFacts(n, bytes([10, 0, half, 0]), 24, bytes([10, 0, half, 1])) for half in (0, 1)]
            self.routers[f"tenants/t{n}/routers/r"] = RouterFacts(n, tuple(sides))
            for i in range(ports):
                dpid = 1 + (n + i) % leaves
                next_port[dpid] += 1
                service = len(self.ports) + 1
                mac, address = b"\2\0\0" + service.to_bytes(3, "big"), bytes([10, 0, i % 2, i // 2 + 10])
                name = f"tenants/t{n}/ports/p{i}"
                self.ports[name] = PortFacts(n, service, mac, (address,), (), dpid, next_port[dpid])


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


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--switches", type=int, default=10, help="leaves")
    parser.add_argument("--networks", type=int, default=100)
    parser.add_argument("--ports", type=int, default=50, help="ports per network")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--small", action="store_true", help="3 leaves, 4 networks, 6 ports, one run")
    parser.add_argument("--json", action="store_true", help="print the JSON object alone")
    args = parser.parse_args()
    if args.small:
        args.switches, args.networks, args.ports, args.runs = 3, 4, 6, 1
    collector.tune()
    facts = Facts(args.switches, args.networks, args.ports)
    rates, flows = [], 0
    for _ in range(args.runs):
        gc.collect()
        start = time.process_time()
        compiler = compiled(facts)
        seconds = time.process_time() - start
        flows = sum(len(program.flows) for program in compiler.programs.values())
        rates.append(flows / seconds)
        del compiler
    result = {"flows_per_s": round(statistics.median(rates)), "flows": flows, "runs": args.runs}
    if not args.json:
        print(f"{flows:,} flows of {len(facts.switches)} switches; flows/s of each run: {[f'{r:,.0f}' for r in rates]}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
