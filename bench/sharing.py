"""What switches hold for many connections along few ways: with the path numbers of each way shared, and without.

Two edge switches are joined by disjoint chains of others; the connections are made one behind the other and dealt to
the chains. No switch takes part: counted is what the compiler says they are to hold and what is to be written, the
entries at the edges that steer and count included. Without sharing, every connection has numbers of its own, as long as
it would be so in all else.
"""

from __future__ import annotations

import time
from collections.abc import Collection

from _common import arguments, report

from sdn.controller.connections.pathnumbers import PathNumbers
from sdn.controller.connections.steering import Steerings, Wish
from sdn.model.ids import Dpid
from sdn.model.route import Path
from sdn.pipeline import Compiler
from sdn.pipeline.facts import EdgeFacts, SideFacts, SwitchFacts, Way
from sdn.store.numbers import Numbers

EDGES = Dpid(1), Dpid(2)


class Own(PathNumbers):
    """Numbers for each who comes."""

    def take(self, path: Path, user: str) -> Way:
        """New ones."""
        self._by_path.clear()
        return super().take(path, user)


class Switches:
    """All of them, which confirm at once. ways: paths from one edge to the other, by ports counted up."""

    def __init__(self, ways: int, length: int) -> None:
        self.compiler = Compiler()
        self.generation = 0
        self.written = 0
        chains = [[Dpid(10 + way * length + at) for at in range(length)] for way in range(ways)]
        self.transit = [dpid for chain in chains for dpid in chain]
        self.paths = [
            Path((EDGES[0], *chain, EDGES[1]), ((way + 1, 1), *[(2, 1)] * (length - 1), (2, way + 1)))
            for way, chain in enumerate(chains)
        ]
        for dpid in (*EDGES, *self.transit):
            self.compiler.set_switch(dpid, SwitchFacts(dpid))
        self.compiler.compile()
        self.before = self.entries()

    def entries(self) -> int:
        """In the transit switches."""
        programs = [self.compiler.programs[dpid] for dpid in self.transit]
        return sum(len(program.flows) + len(program.groups) for program in programs)

    def compile(self) -> None:
        """One turn."""
        self.generation += 1
        self.written += sum(map(len, self.compiler.compile().values()))

    # For Steerings

    def has(self, name: str, switches: Collection[int], generation: int) -> bool:
        """Whether it was compiled."""
        return generation <= self.generation

    holds = has

    def refused(self, name: str, switches: Collection[int]) -> bool:
        """Never."""
        return False


def measure(connections: int, ways: int, length: int, kind: type[PathNumbers]) -> dict[str, float]:
    """Make them all; keys end with their unit."""
    switches, numbers = Switches(ways, length), Numbers()
    compiler = switches.compiler
    steerings = Steerings(numbers, compiler.set_connection, lambda: switches.generation + 1, switches)
    steerings.ways = kind(numbers)
    begin = time.process_time()
    for index in range(connections):
        name, a, b = f"c{index}", 2 * index + 1, 2 * index + 2
        compiler.set_edge(name, EdgeFacts(SideFacts(a, b, EDGES[:1]), SideFacts(b, a, EDGES[1:])))
        steerings.want(name, Wish(a, b, switches.paths[index % ways]))
        while not steerings.resting:
            steerings.step(0.0)
            switches.compile()
    return {
        "transit_entries": switches.entries() - switches.before,
        "written": switches.written,
        "numbers": len(list(numbers.items("path"))),
        "cpu_s": round(time.process_time() - begin, 3),
    }


def main() -> None:
    """The command line."""
    parser = arguments(__doc__, "50 connections along 5 ways")
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--ways", type=int, default=10)
    parser.add_argument("--length", type=int, default=5, help="switches between the edges")
    args = parser.parse_args()
    if args.small:
        args.connections, args.ways = 50, 5
    result: dict[str, float] = {
        "connections": args.connections,
        "ways": args.ways,
        "transit_switches": args.ways * args.length,
    }
    for suffix, kind in (("", PathNumbers), ("_own", Own)):
        found = measure(args.connections, args.ways, args.length, kind)
        result |= {key + suffix: value for key, value in found.items()}
    report(result, args.json)


if __name__ == "__main__":
    main()
