"""Paths for connections: protected against any link, and within a latency, until the network has taken many.

Computation alone, from the request to both paths and their reservation, on the links of a topology. Pairs are random
and seeded; the bound is twice the least latency of the pair. What is refused, because no two paths are disjoint or the
bound cannot be kept twice, is measured too. The last quarter of the requests is compared with the first one: the cost
must not grow with the number of connections.

Then end to end, from the call of the API to the last barrier, on a smaller network of real switches
(``_admission_lab.py``).
"""

from __future__ import annotations

import argparse
import random
import statistics
import time

import _admission_lab
from _common import report

from sdn.graph import load_topology
from sdn.model.errors import Exhausted, Refused
from sdn.model.ids import Dpid
from sdn.model.request import PathRequest, Protect, Strategy
from sdn.model.topology import Link, LinkChanges, LinkEnd
from sdn.routing import Finder, Ledger


def links_of(spec: str) -> tuple[list[Link], list[Dpid]]:
    """All links of a topology with ports counted up, and its switches."""
    topology = load_topology(spec)
    ports: dict[str, int] = {}
    links = []
    for declared in topology.links:
        ends = []
        for switch, _ in (declared.a, declared.b):
            ports[switch] = ports.get(switch, 0) + 1
            ends.append(LinkEnd(topology.switches[switch], ports[switch]))
        a, b = sorted(ends)
        links.append(Link(a, b, declared.cost, declared.capacity, declared.latency, declared.risk_groups))
    return links, list(topology.switches.values())


class Requests:
    """Random requests, admitted one behind the other."""

    def __init__(self, spec: str, seed: int) -> None:
        links, self._switches = links_of(spec)
        self._ledger = Ledger()
        self._ledger.change_links(LinkChanges(new=tuple(links)))
        self._finder = Finder(self._ledger.mesh)
        self._chance = random.Random(seed)
        self.seconds: list[float] = []
        self.admitted = 0
        self.given_up = 0

    def one(self) -> None:
        """One request, measured."""
        source, destination = self._chance.sample(self._switches, 2)
        quickest = self._finder.way(PathRequest(source=source, destination=destination, strategy=Strategy.LATENCY))
        if quickest is None:
            return
        request = PathRequest(
            source=source,
            destination=destination,
            forward=10**6,
            backward=10**6,
            max_latency=2 * sum(arc.link.latency for arc in quickest),
        )
        start = time.perf_counter()
        try:
            for way, path in zip("pb", self._finder.pair(request, Protect.LINK), strict=True):
                self._ledger.reserve(f"{len(self.seconds)}{way}", path, request.forward)
            self.admitted += 1
        except Refused:
            pass
        except Exhausted:
            self.given_up += 1
        self.seconds.append(time.perf_counter() - start)


def measure(spec: str, count: int, seed: int) -> dict[str, object]:
    """All requests; times in milliseconds."""
    requests = Requests(spec, seed)
    for _ in range(count):
        requests.one()
    times = requests.seconds
    quarter = max(1, len(times) // 4)
    ordered = sorted(times)
    return {
        "topology": spec,
        "requests": len(times),
        "admitted": requests.admitted,
        "given_up": requests.given_up,
        "p50_ms": round(1000 * statistics.median(times), 3),
        "p99_ms": round(1000 * ordered[int(len(ordered) * 0.99)], 3),
        "max_ms": round(1000 * ordered[-1], 3),
        "per_s": round(len(times) / sum(times), 1),
        "last_to_first": round(statistics.median(times[-quarter:]) / statistics.median(times[:quarter]), 2),
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--topology", default="zoo:Kdl")
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lab-topology", default="zoo:Abilene", help="of the switches for end to end")
    parser.add_argument("--lab-requests", type=int, default=400, help="admitted end to end; 0: not measured")
    parser.add_argument("--small", action="store_true", help="Abilene, 100 requests, 10 end to end")
    parser.add_argument("--json", action="store_true", help="print the JSON object alone")
    args = parser.parse_args()
    if args.small:
        args.topology, args.requests, args.lab_requests = "zoo:Abilene", 100, 10
    result = measure(args.topology, args.requests, args.seed)
    if args.lab_requests:
        found = _admission_lab.measure(args.lab_topology, args.lab_requests, args.seed)
        result |= {"e2e_topology": args.lab_topology, **{key: round(value, 3) for key, value in found.items()}}
    report(result, args.json)


if __name__ == "__main__":
    main()
