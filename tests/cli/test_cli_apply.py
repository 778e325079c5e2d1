"""apply and connect: what is written, what is waited for, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sdn.model.errors import Refused, Unavailable
from sdn.model.status import LegStatus, State, Status

H2 = "tenants/red/ports/h2"


def test_apply_several_files_and_standard_input_together(run: Any, red: str, tmp_path: Path, daemon: Any) -> None:
    first, second = tmp_path / "a.yaml", tmp_path / "b.json"
    first.write_text("kind: Network\nname: tenants/blue/networks/web\n")
    second.write_text('{"kind": "Tenant", "name": "tenants/blue"}')
    port = "kind: Port\nname: tenants/blue/ports/h1\nnetwork: web\n"
    result = run("apply", "-f", str(first), "-f", str(second), "-f", "-", stdin=port)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == [
        "NAME                       RESULT   STATE",
        "tenants/blue/networks/web  changed  PROGRAMMED",
        "tenants/blue               changed  PROGRAMMED",
        "tenants/blue/ports/h1      changed  PROGRAMMED",
    ]
    assert {"tenants/blue", "tenants/blue/ports/h1"} <= set(daemon.store.objects)


def test_apply_again_changes_nothing(run: Any, red: str) -> None:
    result = run("apply", "-f", "-", stdin=red)
    assert result.exit_code == 0
    assert [line.split()[1] for line in result.stdout.splitlines()[1:]] == ["unchanged"] * 5


def test_a_dry_run_tells_what_would_change_and_writes_nothing(run: Any, red: str, daemon: Any) -> None:
    revision = daemon.store.revision
    result = run("apply", "-f", "-", "--dry-run", stdin=red.replace("the first", "the second"))
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "NAME                      RESULT        FIELDS",
        "tenants/red               would change  metadata.description",
        "tenants/red/networks/web  unchanged     -",
        "tenants/red/subnets/v4    unchanged     -",
        "tenants/red/ports/h1      unchanged     -",
        "tenants/red/ports/h2      unchanged     -",
        "",
        "SWITCH  FLOWS      GROUPS  METERS",
        "leaf1   +12 ~1 -3  +2 -1   -",
        "(+ new, ~ changed, - deleted)",
    ]
    created = run("apply", "-f", "-", "--dry-run", stdin="kind: Tenant\nname: tenants/new\n")
    assert "tenants/new  would be created" in created.stdout
    daemon.unknown = "Waiting."
    assert "Switches: not known. Waiting." in run("apply", "-f", "-", "--dry-run", stdin=red).stdout
    daemon.unknown = ""
    assert daemon.store.revision == revision
    answer = json.loads(run("apply", "-f", "-", "--dry-run", "-o", "json", stdin=red).stdout)
    assert list(answer) == [
        "dry_run",
        "revision",
        "changed",
        "resources",
        "changes",
        "switches",
        "switches_unknown",
    ]
    assert answer["switches"][0]["flows"] == {"added": 12, "changed": 1, "deleted": 3}
    assert (answer["dry_run"], answer["changed"], len(answer["resources"])) == (True, [], 5)


def test_a_dry_run_still_finds_what_is_wrong(run: Any, red: str) -> None:
    result = run("apply", "-f", "-", "--dry-run", stdin=red.replace("10.0.0.12", "10.9.9.9"))
    assert result.exit_code == 1
    assert "10.9.9.9" in result.stderr


def test_waiting_ends_well_when_everything_is_programmed(run: Any, red: str, daemon: Any) -> None:
    daemon.statuses[H2] = Status(State.PENDING, "Writing")
    daemon.after_wait[H2] = Status(State.PROGRAMMED)
    result = run("apply", "-f", "-", "--wait", "30s", stdin=red)
    assert result.exit_code == 0
    assert daemon.waits == [30.0]


def test_waiting_in_vain_names_what_is_not_programmed(run: Any, red: str, daemon: Any) -> None:
    daemon.after_wait[H2] = Status(State.PENDING, "SwitchAway", "leaf9 is away", ("leaf9",))
    result = run("apply", "-f", "-", "--wait=500ms", "-o", "json", stdin=red)
    assert result.exit_code == 1
    assert result.stderr == f"sdnctl: {H2} is PENDING: SwitchAway: leaf9 is away\n"
    assert json.loads(result.stdout)["resources"][4]["status"]["switches_away"] == ["leaf9"]
    assert daemon.waits == [0.5]


def test_without_waiting_pending_is_no_failure_but_refused_is(run: Any, red: str, daemon: Any) -> None:
    daemon.statuses[H2] = Status(State.PENDING, "Writing")
    assert run("apply", "-f", "-", stdin=red).exit_code == 0
    daemon.statuses[H2] = Status(State.FAILED, "TableFull", "leaf1 has no room")
    result = run("apply", "-f", "-", stdin=red)
    assert result.exit_code == 1
    assert result.stderr == f"sdnctl: {H2} is FAILED: TableFull: leaf1 has no room\n"


def test_problems_of_all_files_are_told_with_their_lines(run: Any, tmp_path: Path) -> None:
    first, missing = tmp_path / "a.yaml", tmp_path / "missing.yaml"
    first.write_text("kind: Network\nname: tenants/red/networks/web\nmtu: big\ncolour: red\n")
    result = run("apply", "-f", str(first), "-f", str(missing), "-f", "-", stdin=b"kind: \xff")
    assert (result.exit_code, result.stdout) == (1, "")
    lines = result.stderr.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith(f"sdnctl: {first}:3: document 1: mtu: 'big' is not a whole number")
    assert lines[1].startswith(f"sdnctl: {first}:4: document 1: colour: Network has no such field")
    assert lines[2].startswith(f"sdnctl: {missing}: No such file")
    assert lines[3].startswith("sdnctl: standard input: not UTF-8 text")


def test_what_the_daemon_objects_to_has_file_and_line_too(run: Any, red: str, tmp_path: Path) -> None:
    file = tmp_path / "red.yaml"
    file.write_text(red.replace("10.0.0.12", "10.9.9.9"))
    result = run("apply", "-f", str(file))
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith(f"sdnctl: {file}:24: document 5: addresses[0]: ")


def test_connect_names_the_connection_after_its_ends_and_shows_its_path(
    run: Any, red: str, daemon: Any, hops: Any
) -> None:
    name = "tenants/red/connections/h1-h2"
    daemon.after_wait[name] = Status(State.PROGRAMMED, path=hops)
    result = run("connect", "h1", "h2", "--tenant", "red", "--bandwidth", "100M", "--wait")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[:2] == [f"{name}: 100Mbit/s, PROGRAMMED", "HOP  SWITCH  IN       OUT"]
    assert daemon.waits == [60.0]
    assert daemon.store.objects[name].bandwidth == 100_000_000
    row = run("get", "connections").stdout.splitlines()[1]
    assert row == "red     h1-h2  h1  h2  100M       -           PROGRAMMED  leaf1 > spine1 > leaf2"


def test_connect_takes_the_tenant_from_a_full_name(run: Any, red: str, daemon: Any) -> None:
    arguments = ("connect", "tenants/red/ports/h1", "h2", "--bandwidth", "1", "--name", "gold", "-o", "json")
    answer = json.loads(run(*arguments).stdout)
    assert answer["name"] == "tenants/red/connections/gold"
    assert (answer["a"], answer["b"], answer["bandwidth_bps"]) == ("tenants/red/ports/h1", H2, 1)


def test_connect_with_many_ends_makes_legs(run: Any, red: str, daemon: Any, hops: Any) -> None:
    whole, ports = "tenants/red/connections/fan", [f"tenants/red/ports/h{number}" for number in (1, 2)]
    run("apply", "-f", "-", stdin="kind: Port\nname: tenants/red/ports/h3\nnetwork: web\n")
    daemon.statuses[whole] = Status(
        State.DEGRADED,
        "NoCapacity",
        legs=(
            LegStatus(f"{whole}.h1", ports[0], State.PROGRAMMED, path=hops),
            LegStatus(f"{whole}.h2", ports[1], State.REJECTED, "NoCapacity"),
        ),
    )
    result = run("connect", "h3", "h1,h2", "-t", "red", "--bandwidth", "10M", "--name", "fan")
    assert "h1    PROGRAMMED  -           leaf1 > spine1 > leaf2  tenants/red/connections/fan.h1" in result.stdout
    assert (daemon.store.objects[whole].a, list(daemon.store.objects[whole].targets)) == (f"{ports[0][:-1]}3", ports)
    rows = run("get", "connections").stdout.splitlines()
    assert rows[1].startswith("red     fan     h3  h1,h2  10M")
    assert "2 legs" in rows[1]
    assert rows[2].startswith("red     fan.h1  h3  h1     10M")
    printed = run("get", "connections", "-o", "yaml").stdout
    again = run("apply", "-f", "-", stdin=printed)
    assert again.exit_code == 0, again.stderr
    assert again.stdout.count("unchanged") == 3, "legs may be in a manifest as they are"
    run("delete", "-f", "-", stdin=printed)
    back = run("apply", "-f", "-", stdin=printed)
    assert back.exit_code == 0, back.stderr
    assert "Legs:\nPORT" in run("describe", "connection", "fan", "-t", "red").stdout
    assert run("delete", "connection", "fan", "-t", "red").exit_code == 0
    made = json.loads(run("connect", "network:web", "h1", "-t", "red", "--bandwidth", "1", "-o", "json").stdout)
    assert (made["name"], made["a"]) == ("tenants/red/connections/web-h1", "tenants/red/networks/web")
    refused = run("delete", "connection", "web-h1.h2", "-t", "red")
    assert (refused.exit_code, "is a leg of tenants/red/connections/web-h1" in refused.stderr) == (1, True)


def test_a_connection_that_does_not_fit_is_refused_with_the_reason(run: Any, red: str, daemon: Any) -> None:
    daemon.failure = Refused.of("bandwidth_bps", "leaf1:up1 has 20M left", "Ask for 20M at most")
    result = run("connect", "h1", "h2", "-t", "red", "--bandwidth", "100M")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "leaf1:up1 has 20M left" in result.stderr


def test_a_connection_rejected_in_its_status_fails_too(run: Any, red: str, daemon: Any) -> None:
    daemon.statuses["tenants/red/connections/h1-h2"] = Status(State.REJECTED, "NoCapacity", "leaf1:up1 is full")
    result = run("connect", "h1", "h2", "-t", "red", "--bandwidth", "100M")
    assert result.exit_code == 1
    assert "is REJECTED: NoCapacity: leaf1:up1 is full" in result.stderr


def test_a_daemon_that_cannot_write_now_has_answered(run: Any, red: str, daemon: Any) -> None:
    daemon.failure = Unavailable.of("", "the disk is full", "Make room")
    result = run("apply", "-f", "-", stdin=red)
    assert result.exit_code == 1
    assert result.stderr == "sdnctl: the disk is full. Make room\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("connect", "h1", "h2", "--bandwidth", "1M"), "in which tenant?"),
        (("connect", "h1", "h2", "-t", "red"), "Missing option '--bandwidth'"),
        (("connect", "h1", "h2", "-t", "red", "--bandwidth", "fast"), "is not a bandwidth"),
        (("connect", "h1", "h2", "-t", "red", "--bandwidth", "1M", "--wait", "soon"), "is not a time"),
        (("connect", "h1", "-t", "red", "--bandwidth", "1M"), "Missing argument 'B'"),
        (("apply",), "Missing option '-f'"),
    ],
)
def test_a_wrong_command_line(run: Any, arguments: tuple[str, ...], told: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr
