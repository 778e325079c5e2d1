"""topology resilience: what is shown, and how a script is told."""

from __future__ import annotations

import json
from typing import Any

import yaml

from sdn.model.resilience import Coverage, FailureCoverage, Resilience

BRIDGE = FailureCoverage((("a", "p1"), ("b", "p1")), True, Coverage(3, 0, 0, 0), ())
WHOLE = FailureCoverage((("b", "p2"), ("c", "p1")), False, Coverage(2, 2, 2, 2), ())
GAP = FailureCoverage(
    (("c", ""),), True, Coverage(9, 8, 3, 2), tuple((f"d{n}", "both repair ways end at e") for n in range(5))
)


def test_gaps_and_bridges_are_shown_with_their_reasons(run: Any, daemon: Any) -> None:
    daemon.survey = Resilience(True, True, (BRIDGE, WHOLE), (GAP,))
    result = run("topology", "resilience")
    assert result.exit_code == 1
    why = "both repair ways end at e"
    assert result.stdout.splitlines() == [
        "KIND    FAILURE      PAIRS  REPAIRABLE  REPAIRED  READY  REMARK",
        "link    a:p1 - b:p1      3           0         0      0  bridge",
        "switch  c                9           8         3      2  "
        f"cut switch; d0: {why}; d1: {why}; d2: {why}; and 2 more",
        "",
        "100 % of what can be repaired is, 100 % confirmed: 2 of 2 pairs (3 have no other way) of links",
        "37.5 % of what can be repaired is, 25 % confirmed: 2 of 8 pairs (1 have no other way) of switches",
        "",
        "Links have just changed; the repair entries follow.",
    ]


def test_all_that_can_be_repaired_is(run: Any, daemon: Any) -> None:
    daemon.survey = Resilience(True, False, (WHOLE,), ())
    result = run("topology", "resilience")
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 2)
    assert "b:p2 - c:p1" in run("topology", "resilience", "--all").stdout


def test_for_programs(run: Any, daemon: Any) -> None:
    daemon.survey = Resilience(True, False, (BRIDGE, WHOLE), ())
    found = json.loads(run("topology", "resilience", "-o", "json").stdout)
    assert found["links_total"] == {"pairs": 5, "repairable": 2, "repaired": 2, "ready": 2}
    assert [link["bridge"] for link in found["links"]] == [True, False]
    assert yaml.safe_load(run("topology", "resilience", "-o", "yaml").stdout) == found


def test_repair_that_is_off_is_told(run: Any, daemon: Any) -> None:
    daemon.survey = Resilience(False, False, (), ())
    result = run("topology", "resilience")
    assert (result.exit_code, result.stderr) == (1, "sdnctl: repair is off: see sdnd --repair\n")
