"""The benchmark of convergence runs in its short form and prints exactly the fields it promises."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KEYS = [
    "topology",
    "full_ms",
    "repair_ms",
    "repair_ms_max",
    "networkx_ms",
    "scipy_ms",
    "ratio_vs_networkx",
    "ratio_vs_scipy",
    "flows_written",
]


def test_short_form():
    pytest.importorskip("scipy", reason="the extra 'bench' is not installed")
    command = [sys.executable, str(ROOT / "bench" / "convergence.py"), "--small", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    result = json.loads(done.stdout)
    assert list(result) == KEYS
    assert result["topology"] == "fat-tree:k=4"
    assert result["flows_written"] > 0
