"""What every benchmark shares: its command line, medians, facts about the machine, and how the result is printed.

The last line of the output is one JSON object; with ``--json`` it is the only one.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def arguments(doc: str | None, small: str) -> argparse.ArgumentParser:
    """The parser with what all benchmarks take. doc: of the module; small: what the short form does."""
    parser = argparse.ArgumentParser(description=(doc or "").split("\n\n")[0])
    parser.add_argument("--small", action="store_true", help=f"short form: {small}")
    parser.add_argument("--json", action="store_true", help="print the JSON object alone")
    return parser


def report(result: Mapping[str, object], json_alone: bool) -> None:
    """Print what was measured, a line each, and last as a JSON object."""
    if not json_alone:
        for key, value in result.items():
            print(f"{key:20} {value!s:>14}")
    print(json.dumps(result))


def machine() -> str:
    """Processors, Python and Open vSwitch, for the report."""
    try:
        command = ["ovs-vswitchd", "--version"]
        told = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout.split("\n")[0]
    except (OSError, subprocess.TimeoutExpired):
        told = ""
    ovs = told.rpartition(" ")[2] or "none"
    return f"{len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}, Open vSwitch {ovs}"


def cpu_seconds(pid: int) -> float:
    """User and system time of a process since its start."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def finish(result: Mapping[str, object], lines: Iterable[str], *, as_json: bool) -> None:
    """Print the report (``lines``, then every field) unless ``as_json``, and the JSON object."""
    if not as_json:
        print(machine())
        for line in lines:
            print(line)
        for key, value in result.items():
            shown = f"{value:,}" if isinstance(value, int | float) else str(value)
            print(f"{key:30} {shown:>16}")
    print(json.dumps(result))
