"""The demo as a user starts it."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.system
pytest.importorskip("mininet.net", reason="Mininet's Python package is not installed")
pytest.importorskip("sdn.app", reason="there is no daemon in this checkout")

RUNNER = Path(__file__).parents[2] / "mininet"


def bridges() -> set[str]:
    return set(subprocess.run(["ovs-vsctl", "list-br"], capture_output=True, text=True, check=True).stdout.split())


def test_demo_tells_its_story_and_leaves_nothing_behind() -> None:
    before = bridges()
    done = subprocess.run(
        [sys.executable, str(RUNNER / "demo.py")], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All as it must be" in done.stdout
    assert bridges() == before
