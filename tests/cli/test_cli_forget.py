"""forget: what is asked for, what is told, and the exit codes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from sdn.model.errors import InUse


def test_a_switch_is_forgotten(run: Any, daemon: Any) -> None:
    result = run("forget", "leaf9")
    assert (result.exit_code, result.stdout) == (0, "leaf9: forgotten, nothing was bound there\n")
    assert daemon.asked == "leaf9"


def test_what_is_bound_there_is_told(run: Any, daemon: Any) -> None:
    daemon.forgotten = replace(daemon.forgotten, bound=("tenants/t/ports/a", "tenants/t/ports/b"), total=3)
    assert run("forget", "leaf9").stdout == (
        "leaf9: forgotten; bound there, and to be bound elsewhere or deleted:\n"
        "  tenants/t/ports/a\n  tenants/t/ports/b\n  and 1 other\n"
    )
    found = json.loads(run("forget", "leaf9", "-o", "json").stdout)
    assert (found["dpid"], found["bound_total"]) == ("0000000000000009", 3)
    assert found["bound"] == ["tenants/t/ports/a", "tenants/t/ports/b"]


def test_refusals_say_what_to_do(run: Any, daemon: Any) -> None:
    daemon.failure = InUse.of("switch", "switch leaf9 is connected", "End its connection first.")
    result = run("forget", "leaf9")
    assert result.exit_code == 1
    assert "switch leaf9 is connected. End its connection first." in result.stderr
