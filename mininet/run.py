#!/usr/bin/env python3
"""Boot a topology in Mininet under sdnd, apply a manifest, and show who reaches whom or give Mininet's prompt.

    python mininet/run.py --topology leaf-spine:spines=2,leaves=3,hosts=4 --manifest mininet/demo.yaml --cli

Manifest ports are bound to hosts by the switch and interface to which the topology attaches them (``--hosts`` lists
these). Exit code: 0 if everything is as the manifest says, 1 if not or if something failed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sdn_lab.lab import MininetLab
from sdn_lab.main import guarded
from sdn_lab.prompt import Prompt

from sdn.graph import assign_interfaces, load_topology


def show_matrix(lab: MininetLab, timeout: float) -> bool:
    """Print the matrices of both IP versions; returns whether all is as expected."""
    right = True
    for version in (4, 6):
        matrix = lab.matrix(version, timeout=timeout)
        if matrix.order:
            print(
                f"\nIPv{version} ping ('+' reaches, '.' does not and must not, '-' should but does not, '!' must not)"
            )
            print(matrix.table())
            print(matrix.explain() or "as the manifest says")
        right = right and matrix.right
    return right


def work(args: argparse.Namespace) -> int:
    if args.hosts:
        for host in assign_interfaces(load_topology(args.topology)).hosts:
            print(f"{host.name}\t{host.switch}\t{host.interface}")
        return 0
    with MininetLab(args.topology, state=args.state, openflow=args.openflow, grpc=args.grpc) as lab:
        print(f"sdnd runs: API on {lab.daemon.address}, OpenFlow on port {lab.daemon.openflow}, log {lab.daemon.log}")
        if args.manifest is not None:
            print(f"{lab.apply(args.manifest)} objects are programmed, {len(lab.endpoints)} hosts have a port")
        right = show_matrix(lab, args.timeout) if lab.endpoints and (args.matrix or not args.cli) else True
        if args.cli:
            Prompt(lab)
        return 0 if right else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--topology", default="leaf-spine:spines=2,leaves=3,hosts=4", help="NAME:key=value,… or a file")
    parser.add_argument("--manifest", type=Path, help="objects to apply (YAML or JSON)")
    parser.add_argument("--cli", action="store_true", help="give Mininet's prompt")
    parser.add_argument("--matrix", action="store_true", help="show who reaches whom even with --cli")
    parser.add_argument("--hosts", action="store_true", help="only list hosts, switches and interfaces of the topology")
    parser.add_argument("--state", type=Path, help="sdnd's state directory, kept afterwards (default: a temporary one)")
    parser.add_argument("--openflow", type=int, default=0, metavar="PORT", help="default: 6653 if free, else any")
    parser.add_argument("--grpc", type=int, default=0, metavar="PORT", help="default: 50051 if free, else any")
    parser.add_argument("--timeout", type=float, default=20.0, help="seconds until hosts must reach each other")
    args = parser.parse_args()
    return guarded(lambda: work(args))


if __name__ == "__main__":
    sys.exit(main())
