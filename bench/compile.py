"""From objects to compiled programs, from scratch, on one core.

A cloud on a leaf-spine fabric: networks with ports round robin over the leaves, two subnets and a router each, IPv4.
Measured is CPU time, with the garbage collector set as in sdnd:

* ``flows_per_s``: the facts of all objects (numbers, places, routes) are at hand; from an empty compiler until every
  program is complete;
* ``controller_flows_per_s``: the same cloud as requests to a controller with connected empty leaves, a tenant in each:
  validation, numbers, records for the disk, attachment, compiling, status and the first batch of each switch.
"""

from __future__ import annotations

import gc
import statistics
import time
from argparse import Namespace

from _common import arguments, finish
from _facts import Facts, compiled
from _objects import controller_of, requests, tenant

from sdn.controller.effects import Reply
from sdn.daemon import collector
from sdn.pipeline import Compiler


def flows_of(compiler: Compiler) -> int:
    """In all programs."""
    return sum(len(program.flows) for program in compiler.programs.values())


def from_facts(facts: Facts) -> tuple[int, float]:
    """Flows, and CPU seconds."""
    gc.collect()
    start = time.process_time()
    compiler = compiled(facts)
    seconds = time.process_time() - start
    return flows_of(compiler), seconds


def from_objects(args: Namespace) -> tuple[int, float]:
    """Flows, and CPU seconds, of tenants added one by one to a fabric without any."""
    tenants = [tenant(number, args.ports, args.switches) for number in range(1, args.networks + 1)]
    controller = controller_of(args.switches, tenants)
    before = flows_of(controller.compiler)
    asked = list(requests(tenants))
    gc.collect()
    start = time.process_time()
    effects = [effect for request in asked for effect in controller.turn([request], 2.0, 2.0)]
    seconds = time.process_time() - start
    for reply in (effect for effect in effects if isinstance(effect, Reply)):
        if isinstance(reply.result, Exception):
            raise SystemExit(f"refused: {reply.result}")
    return flows_of(controller.compiler) - before, seconds


def main() -> None:
    """The command line."""
    parser = arguments(__doc__, "3 leaves, 4 networks, 6 ports, one run")
    parser.add_argument("--switches", type=int, default=10, help="leaves")
    parser.add_argument("--networks", type=int, default=100)
    parser.add_argument("--ports", type=int, default=50, help="ports per network")
    parser.add_argument("--dual", action="store_true", help="IPv6 beside IPv4 in the facts")
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    if args.small:
        args.switches, args.networks, args.ports, args.runs = 3, 4, 6, 1
    collector.tune()
    facts = Facts(args.switches, args.networks, args.ports, dual=args.dual)
    direct, whole = [], []
    for _ in range(args.runs):
        direct.append(from_facts(facts))
        whole.append(from_objects(args))
    rates, controller_rates = ([flows / seconds for flows, seconds in side] for side in (direct, whole))
    result = {
        "flows_per_s": round(statistics.median(rates)),
        "flows": direct[0][0],
        "controller_flows_per_s": round(statistics.median(controller_rates)),
        "controller_flows": whole[0][0],
        "runs": args.runs,
    }
    sides = {"from facts": rates, "through the controller": controller_rates}
    lines = [f"{name}, flows/s: {', '.join(f'{rate:,.0f}' for rate in side)}" for name, side in sides.items()]
    finish(result, lines, as_json=args.json)


if __name__ == "__main__":
    main()
