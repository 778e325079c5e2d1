"""Every benchmark runs in its short form and prints the fields it promises; nothing is said about times."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KEYS = {
    "api": {"unary_per_s", "unary_per_s_16", "empty_per_s", "apply_objects_per_s"},
    "admission": {"p50_ms", "p99_ms", "per_s", "e2e_p50_ms", "e2e_p99_ms", "limit_barrier_ms_p50"},
    "compile": {"flows_per_s"},
    "discovery": {"links", "packets_per_s", "heard_per_s", "daemon_cpu", "probe_us", "switches_cpu", "learn_s"},
    "failover": {"median_gap_ms", "p99_gap_ms", "repaired_share", "median_gap_ms_without_repair"},
    "programming": {"flows", "flows_per_s", "limit_flows_per_s", "ratio", "encode_per_s"},
    "tenancy": {
        "wall_s",
        "cpu_s_all",
        "daemon_cpu_s",
        "flows",
        "rss_mb",
        "bytes_per_flow",
        "add_port_ms_p50",
        "add_port_ms_p99",
        "delete_port_ms_p50",
        "add_network_ms",
        "limit_change_ms_p50",
        "barrier_ms_p50",
    },
    "sharing": {"transit_entries", "transit_entries_own", "written", "written_own", "numbers", "cpu_s"},
    "restart": {"adopt_s", "flow_writes", "packets_lost"},
}


@pytest.mark.lab
@pytest.mark.parametrize("name", sorted(KEYS))
def test_short_form(name: str) -> None:
    pytest.importorskip("scapy", reason="the extra 'lab' is not installed")
    if "# needs: root" in (ROOT / "bench" / f"{name}.py").read_text(encoding="utf-8") and os.geteuid() != 0:
        pytest.skip("needs root")
    command = [sys.executable, str(ROOT / "bench" / f"{name}.py"), "--small", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    result = json.loads(line)
    assert KEYS[name] <= result.keys()
    assert all(result[key] > 0 for key in KEYS[name] - {"flow_writes", "packets_lost"})
    if name == "failover":
        assert result["repaired_share"] == 1.0
    if name == "restart":
        assert (result["flow_writes"], result["packets_lost"]) == (0, 0)


@pytest.mark.lab
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_silent_failures_are_repaired_while_the_controller_is_stopped() -> None:
    """Frames vanish in both directions, and in one, while all ports stay up."""
    pytest.importorskip("scapy", reason="the extra 'lab' is not installed")
    interval = 50  # milliseconds: a busy machine is to be no failure
    options = ["--small", "--silent", "--json", "--bfd-interval", str(interval)]
    command = [sys.executable, str(ROOT / "bench/failover.py"), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["repaired_share"] == 1.0
    # Detection, as much again for whatever keeps the machine busy, and what OVS needs to look at its flows again.
    assert 0 < result["worst_lost"] <= result["rate"] * (2 * 3 * interval + 100) / 1000


@pytest.mark.lab
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_flaps_lose_nothing_but_what_was_sent_while_they_were_unseen() -> None:
    pytest.importorskip("scapy", reason="the extra 'lab' is not installed")
    command = [sys.executable, str(ROOT / "bench/failover.py"), "--small", "--json", "--flaps", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert {"detection_ms_median", "told_ms_median", "lost_ratio", "lost_median"} <= result.keys()
    assert (result["flaps"], result["lost_beyond"]) == (2, 0)
    assert result["lost"] > 0


def test_every_benchmark_has_its_section() -> None:
    text = (ROOT / "docs/benchmarks.md").read_text(encoding="utf-8")
    assert {path.stem for path in (ROOT / "bench").glob("[a-z]*.py") if f"## {path.stem}\n" not in text} == set()
