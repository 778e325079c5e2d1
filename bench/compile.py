"""From facts to compiled programs, from scratch, on one core.

A cloud on a leaf-spine fabric: networks with ports round robin over the leaves, two subnets and a router each, IPv4.
The facts (numbers, places, routes) are at hand; measured is the CPU time from an empty compiler until every program is
complete, with the garbage collector set as in sdnd.
"""

from __future__ import annotations

import gc
import statistics
import time

from _common import arguments, finish
from _facts import Facts, compiled

from sdn.daemon import collector


def main() -> None:
    """The command line."""
    parser = arguments(__doc__, "3 leaves, 4 networks, 6 ports, one run")
    parser.add_argument("--switches", type=int, default=10, help="leaves")
    parser.add_argument("--networks", type=int, default=100)
    parser.add_argument("--ports", type=int, default=50, help="ports per network")
    parser.add_argument("--dual", action="store_true", help="IPv6 beside IPv4")
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    if args.small:
        args.switches, args.networks, args.ports, args.runs = 3, 4, 6, 1
    collector.tune()
    facts = Facts(args.switches, args.networks, args.ports, dual=args.dual)
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
    lines = [f"{len(facts.switches)} switches; flows/s of each run: {', '.join(f'{rate:,.0f}' for rate in rates)}"]
    finish(result, lines, as_json=args.json)


if __name__ == "__main__":
    main()
