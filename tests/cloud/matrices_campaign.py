"""Reachability on large networks, whatever happens to them. ``./dev campaign matrices --help``.

For each network: matrices over IPv4 and IPv6; it falls in parts and is joined; a switch, and all of them, come back
with empty tables; with unequal costs and parallel links every packet is counted on the cheapest way; and on networks of
up to 40 switches one of as many ovs-vswitchd is killed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import traceback
from pathlib import Path
from random import Random
from time import monotonic

sys.path.append(str(Path(__file__).resolve().parent))

from large_lab import LargeLab, large_lab, weighted

from sdn.graph import load_topology
from sdn.model.errors import SdnError
from sdn.model.topology import DeclaredTopology

NAMES = (
    "fat-tree:k=8",
    "torus:x=10,y=20",
    "random-regular:switches=200,degree=4",
    "sndlib:geant",
    "sndlib:germany50",
    "zoo:Abilene",
    "zoo:Nsfnet",
    "zoo:AttMpls",
    "zoo:BtNorthAmerica",
    "zoo:Geant2012",
    "zoo:UsCarrier",
    "zoo:Cogentco",
)
PROCESSES = 40
"""Switches, each of which may have an ovs-vswitchd and a database of its own."""
_LINES = 40
"""Of the log of sdnd, when something is not as it must be."""


def run(name: str, topology: DeclaredTopology, seed: int, directory: Path) -> None:
    """All scenarios on one network, with a line for each. Raises AssertionError."""

    def told(lab: LargeLab, what: str, scenario: str) -> None:
        must, must_not = lab.pairs
        took = f"{lab.seconds[scenario]:.1f} s"
        print(f"  {what:32} {must:6} must {must_not:6} must not {took:>10}", flush=True)

    start = monotonic()
    with large_lab(topology, directory / "plain", seed) as lab:
        size = f"{len(topology.switches)} switches, {len(topology.links)} links, {len(topology.hosts)} hosts"
        print(f"{name}: {size}; up after {monotonic() - start:.1f} s", flush=True)
        lab.start()
        told(lab, "as applied, IPv4 and IPv6", "start")
        parts = lab.partition()
        told(lab, f"in {parts} parts, and joined", "partition")
        lab.restart_switch()
        told(lab, "a switch comes back empty", "restart_switch")
        lab.restart_all()
        told(lab, "all switches come back empty", "restart_all")
    with large_lab(weighted(topology, Random(seed)), directory / "weighted", seed) as lab:
        lab.cheapest_ways()
        told(lab, "unequal costs, parallel links", "cheapest_ways")
    if len(topology.switches) <= PROCESSES:
        with large_lab(topology, directory / "each", seed, each=True) as lab:
            lab.restart_switch()
            told(lab, "one ovs-vswitchd of many killed", "restart_switch")


def main() -> int:
    """One network after the other; goes on behind one that fails."""
    parser = argparse.ArgumentParser(prog="./dev campaign matrices", description=(__doc__ or "").split(" ``")[0])
    parser.add_argument(
        "names", nargs="*", default=NAMES, metavar="NAME", help=f"topologies; without: {' '.join(NAMES)}"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the samples, and of what fails (default 1)")
    arguments = parser.parse_args()
    begun, failed = monotonic(), []
    try:
        topologies = {name: load_topology(name) for name in arguments.names}
    except SdnError as error:
        print(*error.violations, sep="\n", file=sys.stderr)
        return 2
    for name, topology in topologies.items():
        with tempfile.TemporaryDirectory(prefix="sdn-matrices-") as directory:
            try:
                run(name, topology, arguments.seed, Path(directory))
            except Exception:  # a failure is a result; those behind it are wanted too
                traceback.print_exc()
                for log in Path(directory).rglob("sdnd.log"):
                    print(*log.read_text(errors="replace").splitlines()[-_LINES:], sep="\n", file=sys.stderr)
                failed.append(name)
    print(f"{len(topologies) - len(failed)} of {len(topologies)} networks as they must be, {monotonic() - begun:.0f} s")
    if failed:
        print(f"not: {' '.join(failed)} (seed {arguments.seed})", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
