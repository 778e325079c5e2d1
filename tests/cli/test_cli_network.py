"""status, wait, topology, flows; and a daemon that is not there."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml


def test_status_at_a_glance(run: Any, red: str, daemon: Any) -> None:
    daemon.missing = ("spine1 is away", "leaf1:up1 is down")
    lines = run("status").stdout.splitlines()
    assert "Ready:         no" in lines
    assert "Switches:      2 of 2 connected" in lines
    assert "Objects:       1 tenant, 1 network, 1 subnet, 2 ports" in lines
    assert "States:        5 programmed" in lines
    assert lines[-3:] == ["Missing:", "  spine1 is away", "  leaf1:up1 is down"]


def test_status_for_programs(run: Any, red: str, daemon: Any) -> None:
    found = json.loads(run("status", "-o", "json").stdout)
    assert found["ready"] is True
    assert found["start_time"] == "2023-11-14T22:13:20Z"
    assert found["objects"]["Port"] == 2
    assert found["revision"] == daemon.store.revision
    assert yaml.safe_load(run("status", "-o", "yaml").stdout) == found


def test_wait_returns_when_ready(run: Any) -> None:
    result = run("wait", "--ready")
    assert (result.exit_code, result.stdout) == (0, "ready: 2 switches, 1 link\n")


def test_wait_in_vain_says_what_is_missing(run: Any, daemon: Any) -> None:
    daemon.missing = ("spine1 is away",)
    result = run("wait", "--ready", "--timeout", "10ms")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "not ready after 0.01 s: spine1 is away" in result.stderr


def test_wait_for_a_daemon_that_is_not_there_is_just_not_ready(run: Any) -> None:
    assert run("wait", "--ready", "--timeout", "10ms", address="127.0.0.1:1").exit_code == 1


def test_topology(run: Any) -> None:
    result = run("topology", "show")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "SWITCH  DPID              STATE      PORTS  FLOWS  GROUPS  PENDING  ALIEN  PEER",
        "leaf1   0000000000000001  connected      1  12345       3        1      2  127.0.0.1:4711",
        "spine1  00000000000000ff  away           0      0       0        0      0  -",
        "",
        "A          B          STATE  COST  CAPACITY  LATENCY  RESERVED A>B  RESERVED B>A  DECLARED",
        "leaf1:up1  spine1:d1  up       10  10G       1.5ms    100M          0             yes",
        "",
        "Wiring faults:",
        "KIND           MESSAGE",
        "MissingSwitch  spine1 is away\\x1b[2J",
    ]


def test_topology_for_programs(run: Any) -> None:
    found = json.loads(run("topology", "show", "-o", "json").stdout)
    assert found["switches"][0]["ports"] == [{"number": 1, "name": "up1", "up": True, "speed_bps": 10**10}]
    assert found["links"][0]["reserved_ab_bps"] == 100_000_000


def test_path_between_switches_and_between_ports(run: Any, red: str) -> None:
    between_switches = run("path", "leaf1", "leaf2")
    assert between_switches.stdout.splitlines()[1] == "leaf1 > spine1 > leaf2     2    20  3 ms     1G/2G"
    assert run("path", "h1", "h2", "-t", "red").stdout == between_switches.stdout
    answer = json.loads(run("path", "leaf1", "leaf2", "-o", "json").stdout)
    assert answer[0]["hops"][2] == {"switch": "leaf2", "ingress": "up1", "egress": "h2-eth0"}


def test_no_path(run: Any) -> None:
    result = run("path", "leaf1", "island")
    assert (result.exit_code, result.stderr) == (1, "sdnctl: no path. Mend a link.\n")


def test_why_not(run: Any, red: str) -> None:
    wish = ("why-not", "h1", "h2", "-t", "red", "--bandwidth")
    admitted = run(*wish, "1G")
    assert (admitted.exit_code, admitted.stdout.splitlines()[0]) == (0, "It would be admitted:")
    refused = run(*wish, "2G")
    assert refused.exit_code == 1
    expected = ["connection.bandwidth_bps", "NoCapacity", "too much", "Ask for 1 Gbit/s."]
    assert refused.stdout.splitlines()[2].split("  ") == expected


def test_flows_with_their_owners(run: Any) -> None:
    lines = run("flows", "leaf1").stdout.splitlines()
    space = " " * len(" and 1 more")
    assert lines[0] == f"TABLE     PRIORITY  STATE      OWNER                    {space}  FEATURE   MATCH       ACTIONS"
    assert (
        lines[2]
        == f"classify       100  pending    tenants/red/ports/h2     {space}  classify  in_port=1   load:1->reg1"
    )
    assert lines[4].startswith("group ")
    assert " switches/0000000000000001 and 1 more " in lines[4]


@pytest.mark.parametrize(
    ("arguments", "matches"),
    [
        (("--owner", "ports/h1"), ["in_port=0"]),
        (("--owner", "switches/"), ["in_port=2", "group_id=7"]),
        (("--owner", "switches/0000000000000002"), ["group_id=7"]),
        (("--owner", "switches/", "--table", "classify"), ["in_port=2"]),
        (("--table", "nothing"), []),
    ],
)
def test_flows_filtered(run: Any, arguments: tuple[str, ...], matches: list[str]) -> None:
    entries = json.loads(run("flows", "leaf1", *arguments, "-o", "json").stdout)
    assert [entry["match"] for entry in entries] == matches


def test_cookies_survive_json(run: Any) -> None:
    assert json.loads(run("flows", "leaf1", "-o", "json").stdout)[1]["cookie"] == "0x8000000000000001"


def test_flows_of_an_unknown_switch(run: Any) -> None:
    result = run("flows", "leaf7")
    assert (result.exit_code, result.stderr) == (1, "sdnctl: switch: leaf7 is not known. Name a switch.\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("topology", "show"),
        ("path", "a", "b"),
        ("flows", "leaf1"),
        ("get", "ports"),
        ("describe", "tenant", "red"),
        ("delete", "tenant", "red"),
        ("connect", "a", "b", "-t", "red", "--bandwidth", "1M"),
        ("apply", "-f", "-"),
    ],
)
def test_a_daemon_that_is_not_there(run: Any, arguments: tuple[str, ...]) -> None:
    result = run(*arguments, stdin="kind: Tenant\nname: tenants/red\n", address="127.0.0.1:1")
    assert (result.exit_code, result.stdout) == (3, "")
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("sdnctl: cannot reach sdnd at 127.0.0.1:1")


def test_the_address_is_taken_from_the_nearest_place(run: Any, api: Any) -> None:
    assert run("status", "--address", api.address, address="127.0.0.1:1").exit_code == 0
    assert run("--address", api.address, "status", address="127.0.0.1:1").exit_code == 0
    assert run("--address", "127.0.0.1:1", "status", "--address", api.address).exit_code == 0
    assert run("--address", "127.0.0.1:1", "status").exit_code == 3


def test_help_of_every_command_has_an_example(run: Any) -> None:
    main = run("--help").stdout
    assert "Exit codes:" in main
    assert "SDN_ADDRESS" in main
    commands = ["status", "wait", "connect", "apply", "get", "describe", "delete", "flows"]
    for path in (*((c,) for c in commands), ("topology", "show"), ("path",)):
        assert f"  sdnctl {path[0]} " in run(*path, "--help").stdout, path
