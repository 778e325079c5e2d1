#!/usr/bin/env python3
"""Carry out experiment files: topology, manifest, steps and what is expected of them; write a report with pictures.

    ./dev experiment mininet/experiments/failover.yaml --output report

Each FILE gives DIRECTORY/NAME.html and NAME.json. Exit code: 0 if all was as expected, 1 if not or if something failed.
docs/experiments.md says what files may hold, and what one sees in those that are there.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sdn_lab import experiment, report
from sdn_lab.lab import MininetLab
from sdn_lab.main import guarded
from sdn_lab.report import Outcome
from sdn_lab.steps import Steps

from sdn.graph.svg import to_svg

_MARKS = {True: "ok   ", False: "WRONG", None: "     "}


def tell(outcome: Outcome) -> None:
    """One outcome on the terminal."""
    print(f"{outcome.time:6.1f} s  {_MARKS[outcome.right]}  {outcome.title}", flush=True)
    for line in outcome.text.splitlines():
        print(f"{'':17}{line}")


def carry_out(found: experiment.Experiment, directory: Path, prompt: bool) -> bool:
    """Boot, do, report; returns whether all was as expected."""
    print(f"{found.title}: {found.topology}", flush=True)
    with MininetLab(found.topology) as lab:
        drawing = to_svg(lab.network.topology)
        if found.manifest is not None:
            print(f"{lab.apply(found.manifest)} objects of {found.manifest.name} are programmed", flush=True)
        if found.everybody:
            print(f"{lab.everybody(found.everybody)} objects for all hosts are programmed", flush=True)
        steps = Steps(lab, found, tell)
        try:
            steps.run()
        finally:
            directory.mkdir(parents=True, exist_ok=True)
            name = found.file.stem
            (directory / f"{name}.html").write_text(report.html(found, steps.outcomes, drawing), encoding="utf-8")
            (directory / f"{name}.json").write_text(report.json_text(found, steps.outcomes), encoding="utf-8")
            print(f"report: {directory / name}.html\n", flush=True)
        if prompt:
            from sdn_lab.prompt import Prompt  # only here: most runs need no prompt

            Prompt(lab)
    return report.is_right(steps.outcomes)


def work(args: argparse.Namespace) -> int:
    """All files, each checked before the first one is booted."""
    experiments = [experiment.load(file) for file in args.file]
    results = [carry_out(found, args.output, args.cli) for found in experiments]
    return 0 if all(results) else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("file", type=Path, nargs="+", help="experiments (YAML)")
    parser.add_argument("--output", type=Path, default=Path("experiment-report"), metavar="DIRECTORY")
    parser.add_argument("--cli", action="store_true", help="give the prompt at the end")
    args = parser.parse_args()
    return guarded(lambda: work(args))


if __name__ == "__main__":
    sys.exit(main())
