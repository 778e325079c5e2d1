"""events and audit."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from sdn.model.notice import AuditReport, Finding, Severity

NOW = 1_700_000_000.0


@pytest.fixture
def told(daemon: Any) -> None:
    add = daemon.kept.add
    add(NOW, Severity.INFO, "SwitchConnected", "leaf1", "Switch leaf1 connected.", {"ports": 3})
    add(NOW + 1, Severity.ERROR, "AuditFoundDifferences", "leaf1", "Switch leaf1 had\x1b[2J 1 entry missing.")
    add(NOW + 2, Severity.WARNING, "EntryRefused", "tenants/red/ports/h1", "Switch leaf1 refused a flow.")


@pytest.mark.usefixtures("told")
def test_events_as_a_table(run: Any) -> None:
    assert run("events").stdout.splitlines() == [
        "NUMBER  TIME                  SEVERITY  REASON                 OBJECT                MESSAGE",
        "     1  2023-11-14T22:13:20Z  INFO      SwitchConnected        leaf1                 Switch leaf1 connected.",
        "     2  2023-11-14T22:13:21Z  ERROR     AuditFoundDifferences  leaf1                 "
        "Switch leaf1 had\\x1b[2J 1 entry missing.",
        "     3  2023-11-14T22:13:22Z  WARNING   EntryRefused           tenants/red/ports/h1  "
        "Switch leaf1 refused a flow.",
    ]


@pytest.mark.usefixtures("told", "red")
def test_events_about_objects_with_labels_and_names_alone(run: Any) -> None:
    assert run("events", "-l", "env=lab", "-o", "name").stdout == "tenants/red/ports/h1\n"
    assert run("events", "-l", "env=prod").stdout == "no events\n"
    assert run("events", "-o", "name").stdout.splitlines() == ["leaf1", "tenants/red/ports/h1"]
    watched = run("events", "-l", "env=lab", "-w", "-o", "name")
    assert (watched.exit_code, watched.stdout) == (1, "tenants/red/ports/h1\n")


@pytest.mark.usefixtures("told")
def test_events_for_programs_and_filtered(run: Any) -> None:
    found = json.loads(run("events", "--object", "leaf1", "-o", "json").stdout)
    assert [event["number"] for event in found] == [1, 2]
    assert found[0] == {
        "number": 1,
        "time": "2023-11-14T22:13:20Z",
        "severity": "INFO",
        "reason": "SwitchConnected",
        "object": "leaf1",
        "message": "Switch leaf1 connected.",
        "details": {"ports": "3"},
    }
    assert yaml.safe_load(run("events", "--object", "leaf1", "-o", "yaml").stdout) == found
    assert [e["number"] for e in json.loads(run("events", "--severity", "warning", "-o", "json").stdout)] == [2, 3]
    assert [e["number"] for e in json.loads(run("events", "--reason", "EntryRefused", "-o", "json").stdout)] == [3]


def test_no_events(run: Any) -> None:
    assert run("events").stdout == "no events\n"


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("output", ["table", "json", "yaml"])
def test_watch_prints_each_as_it_comes(run: Any, output: str) -> None:
    result = run("events", "--watch", "--from", "2", "-o", output)
    assert result.exit_code == 1
    assert "the daemon is stopping" in result.stderr
    if output == "json":
        assert [json.loads(line)["number"] for line in result.stdout.splitlines()] == [2, 3]
    elif output == "yaml":
        assert [event["number"] for event in yaml.safe_load_all(result.stdout)] == [2, 3]
    else:
        assert [line.split("  ")[0] for line in result.stdout.splitlines()] == ["2", "3"]


def test_what_is_not_kept_and_wrong_options(run: Any) -> None:
    result = run("events", "--watch", "--from", "7")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "there is no event 7 yet" in result.stderr
    assert run("events", "--from", "7").exit_code == 2
    assert run("events", "--severity", "loud").exit_code == 2


def test_audit_of_all_connected_switches(run: Any, daemon: Any) -> None:
    assert run("audit").stdout == "leaf1: 1200 entries, as it should be\n"
    finding = Finding("changed", "flow", "classify", 100, "in_port=1", "tenants/red/ports/h1")
    daemon.reports["leaf1"] = AuditReport("leaf1", 1200, 0, 1, 0, 2, 1, (finding,))
    assert run("audit").stdout.splitlines() == [
        "leaf1: 1200 entries, 1 changed; being repaired; 2 flows and 1 group of other programs left alone",
        "",
        "SWITCH  FOUND    ENTRY  TABLE     PRIORITY  OWNER                 MATCH",
        "leaf1   changed  flow   classify       100  tenants/red/ports/h1  in_port=1",
    ]
    (report,) = json.loads(run("audit", "leaf1", "-o", "json").stdout)
    assert (report["changed"], report["findings"][0]["owner"]) == (1, "tenants/red/ports/h1")


def test_audit_of_a_switch_that_is_away(run: Any) -> None:
    result = run("audit", "leaf9")
    assert result.exit_code == 1
    assert "leaf9 is not connected" in result.stderr
