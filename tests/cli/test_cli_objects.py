"""get, describe and delete, by every way of naming an object."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from sdn.controller.reader import Watched
from sdn.model.status import ChangeType, Condition, State, Status

H1 = "tenants/red/ports/h1"


def test_get_lists_ports_of_all_tenants_as_an_aligned_table(run: Any, red: str, daemon: Any) -> None:
    daemon.statuses["tenants/red/ports/h2"] = Status(State.PENDING, "NotBound", "the port is not bound")
    result = run("get", "ports")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "TENANT  NAME  NETWORK  MAC                ADDRESSES  BINDING        STATE",
        "red     h1    web      02:00:00:00:00:11  10.0.0.11  leaf1:h1-eth0  PROGRAMMED",
        "red     h2    web      02:00:00:00:00:02  10.0.0.12  -              PENDING (NotBound)",
    ]


@pytest.mark.parametrize("word", ["port", "ports", "Port", "PORTS"])
@pytest.mark.parametrize("name", [("h1", "-t", "red"), ("h1", "-t", "tenants/red"), (H1,), (H1, "-t", "blue")])
def test_get_understands_every_way_to_name_an_object(run: Any, red: str, word: str, name: tuple[str, ...]) -> None:
    result = run("get", word, *name, "-o", "json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["name"] == H1


@pytest.mark.parametrize("name", ["red", "tenants/red"])
def test_a_tenant_needs_no_tenant(run: Any, red: str, name: str) -> None:
    result = run("get", "tenant", name, "-o", "json")
    assert json.loads(result.stdout)["metadata"]["description"] == "the first"


def test_get_is_restricted_to_a_tenant(run: Any, red: str) -> None:
    assert run("apply", "-f", "-", stdin="kind: Tenant\nname: tenants/blue\n").exit_code == 0
    assert run("get", "ports", "-t", "blue").stdout == "no ports\n"
    assert json.loads(run("get", "ports", "-t", "blue", "-o", "json").stdout) == []
    assert len(json.loads(run("get", "ports", "-t", "red", "-o", "json").stdout)) == 2
    assert [t["name"] for t in json.loads(run("get", "tenants", "-o", "json").stdout)] == [
        "tenants/blue",
        "tenants/red",
    ]


def test_json_has_the_same_keys_whether_set_or_not(run: Any, red: str) -> None:
    first, second = json.loads(run("get", "ports", "-o", "json").stdout)
    assert list(first) == list(second)
    own = ["network", "mac", "addresses", "binding", "allowed_address_pairs", "migration_target"]
    assert list(first) == ["kind", "name", "metadata", "status", *own]
    assert first["binding"] == {"switch": "leaf1", "interface": "h1-eth0", "iface_id": ""}
    assert second["binding"] is None
    assert first["metadata"] == {
        "description": "",
        "labels": {"env": "lab"},
        "etag": "1",
        "create_time": "2023-11-14T22:13:20Z",
    }
    assert first["status"] == {
        "state": "PROGRAMMED",
        "reason": "",
        "message": "",
        "switches_away": [],
        "path": [],
        "switches_pending": [],
        "backup_path": [],
        "realised_path": [],
        "verified_path": [],
        "probes": None,
        "shared_addresses": [],
        "places": [],
        "legs": [],
        "conditions": [],
        "history": [],
    }
    assert json.loads(run("get", "networks", "-o", "json").stdout)[0]["mtu"] == 1500


@pytest.mark.parametrize("output", ["json", "yaml"])
@pytest.mark.parametrize("kind", ["tenants", "networks", "subnets", "ports"])
def test_what_get_prints_can_be_applied_again(run: Any, red: str, kind: str, output: str, daemon: Any) -> None:
    printed = run("get", kind, "-o", output).stdout
    revision = daemon.store.revision
    result = run("apply", "-f", "-", "-o", "json", stdin=printed)
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["changed"] == []
    assert daemon.store.revision == revision


def test_describe_shows_a_connection_hop_by_hop(run: Any, red: str, daemon: Any, hops: Any) -> None:
    daemon.statuses["tenants/red/connections/gold"] = Status(
        State.DEGRADED, "SwitchAway", "spine1 is away", ("spine1",), hops
    )
    assert run("connect", "h1", "h2", "-t", "red", "--bandwidth", "1.5G", "--name", "gold").exit_code == 0
    lines = run("describe", "connection", "gold", "-t", "red").stdout.splitlines()
    assert "Bandwidth:     1.5Gbit/s in each direction" in lines
    assert "State:         DEGRADED" in lines
    assert "Reason:        SwitchAway: spine1 is away" in lines
    assert "Switches away: spine1" in lines
    assert lines[-4:] == [
        "HOP  SWITCH  IN       OUT",
        "  1  leaf1   h1-eth0  up1",
        "  2  spine1  d1       d2",
        "  3  leaf2   up1      h2-eth0",
    ]


def test_describe_shows_what_is_in_a_tenant_and_in_a_network(run: Any, red: str) -> None:
    tenant = run("describe", "tenant", "red").stdout
    assert "Description: the first" in tenant
    assert [line for line in tenant.splitlines() if line.endswith("s:")] == ["Networks:", "Subnets:", "Ports:"]
    network = run("describe", "network", "web", "-t", "red").stdout
    assert [line for line in network.splitlines() if line.endswith("s:")] == ["Subnets:", "Ports:"]
    assert "MTU:     1500" in network


ROUTER = """\
kind: Router
name: tenants/red/routers/r
subnets: [v4]
routes: [{prefix: 0.0.0.0/0, next_hop: 10.0.0.12}, {prefix: 10.9.0.0/16, next_hop: blackhole}]
"""


def test_routes_of_a_router(run: Any, red: str, daemon: Any) -> None:
    assert run("apply", "-f", "-", stdin=ROUTER).exit_code == 0
    assert run("get", "routers").stdout.splitlines()[1].split() == ["red", "r", "v4", "2", "PROGRAMMED"]
    described = run("describe", "router", "r", "-t", "red").stdout.splitlines()
    assert "Routes:  0.0.0.0/0 via 10.0.0.12, 10.9.0.0/16 via blackhole" in described
    revision = daemon.store.revision
    printed = run("get", "router", "r", "-t", "red", "-o", "yaml").stdout
    assert run("apply", "-f", "-", stdin=printed).exit_code == 0
    assert daemon.store.revision == revision


def test_address_pairs_of_a_port(run: Any, red: str, daemon: Any) -> None:
    pairs = "[{address: 10.0.0.100}, {address: 10.0.0.101, mac: 00:00:5e:00:01:07, active: true}]"
    manifest = f"kind: Port\nname: tenants/red/ports/h3\nnetwork: web\nallowed_address_pairs: {pairs}\n"
    assert run("apply", "-f", "-", stdin=manifest).exit_code == 0
    described = run("describe", "port", "h3", "-t", "red").stdout
    assert "Allowed pairs: 10.0.0.100, 10.0.0.101 with 00:00:5e:00:01:07 (active)" in described
    revision = daemon.store.revision
    printed = run("get", "port", "h3", "-t", "red", "-o", "json").stdout
    assert run("apply", "-f", "-", stdin=printed).exit_code == 0
    assert daemon.store.revision == revision


def test_a_port_that_moves_shows_both_places(run: Any, red: str) -> None:
    target = "migration_target: {switch: leaf2, interface: h1-eth0}\n"
    manifest = f"kind: Port\nname: {H1}\nnetwork: web\nbinding: {{switch: leaf1, interface: h1-eth0}}\n{target}"
    assert run("apply", "-f", "-", stdin=manifest).exit_code == 0
    both = "leaf1:h1-eth0 > leaf2:h1-eth0"
    assert both in run("get", "ports").stdout
    assert f"Binding:       {both}" in run("describe", "port", H1).stdout
    assert run("apply", "-f", "-", stdin=run("get", "port", H1, "-o", "yaml").stdout).exit_code == 0


def test_describe_as_json_is_the_object(run: Any, red: str) -> None:
    described = run("describe", "port", H1, "-o", "json").stdout
    assert described == run("get", "port", H1, "-o", "json").stdout
    assert yaml.safe_load(run("describe", "port", H1, "-o", "yaml").stdout) == json.loads(described)


def test_delete_one(run: Any, red: str, daemon: Any) -> None:
    result = run("delete", "port", "h1", "-t", "red")
    assert (result.exit_code, result.stdout) == (0, f"{H1}: deleted\n")
    assert H1 not in daemon.store.objects


def test_delete_what_others_use_names_them(run: Any, red: str, daemon: Any) -> None:
    result = run("delete", "network", "web", "-t", "red")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "tenants/red/subnets/v4" in result.stderr
    assert "tenants/red/networks/web" in daemon.store.objects


def test_delete_a_manifest_in_one_transaction(run: Any, red: str, daemon: Any) -> None:
    result = run("delete", "-f", "-", "-o", "json", stdin=red)
    assert result.exit_code == 0, result.stderr
    assert len(json.loads(result.stdout)["deleted"]) == 5
    assert not daemon.store.objects


def test_delete_passes_over_what_is_missing_only_if_asked(run: Any, red: str, daemon: Any) -> None:
    assert run("delete", "port", H1).exit_code == 0
    refused = run("delete", "-f", "-", stdin=red)
    assert refused.exit_code == 1
    assert H1 in refused.stderr
    assert len(daemon.store.objects) == 4
    assert run("delete", "-f", "-", "--ignore-missing", stdin=red).exit_code == 0
    assert not daemon.store.objects
    again = run("delete", "-f", "-", "--ignore-missing", stdin=red)
    assert (again.exit_code, again.stdout) == (0, "nothing to delete\n")
    assert run("delete", "port", H1, "--ignore-missing").exit_code == 0


def test_get_of_something_missing(run: Any, red: str) -> None:
    result = run("get", "port", "h9", "-t", "red")
    assert result.exit_code == 1
    assert result.stderr == "sdnctl: name: tenants/red/ports/h9 does not exist. List what there is.\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("get", "prots"), "is not a kind. Give one of tenants, networks"),
        (("get", "port", "h1"), "in which tenant? Give -t TENANT, or the full name tenants/T/ports/h1"),
        (("get", "port", "tenants/red/networks/web"), "names a network, not a port"),
        (("get", "port", "red/h1"), "is not a resource name"),
        (("get", "ports", "-o", "xml"), "'xml' is not one of"),
        (("delete",), "give either KIND and NAME, or -f FILE"),
        (("delete", "port", "-t", "red"), "which port?"),
        (("delete", "port", "h1", "-t", "red", "-f", "x.yaml"), "give either KIND and NAME, or -f FILE"),
        (("describe", "port"), "Missing argument"),
        (("destroy",), "No such command"),
    ],
)
def test_a_wrong_command_line(run: Any, arguments: tuple[str, ...], told: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr


def test_get_by_labels_and_names_alone(run: Any, red: str) -> None:
    assert run("get", "ports", "-l", "env=lab", "-o", "name").stdout == f"{H1}\n"
    assert run("get", "ports", "-t", "red", "--selector", "env!=lab", "-o", "name").stdout == "tenants/red/ports/h2\n"
    assert run("get", "port", H1, "-o", "name").stdout == f"{H1}\n"
    assert run("get", "routers", "-o", "name").stdout == ""
    wrong = run("get", "ports", "-l", "env=lab;")
    assert (wrong.exit_code, wrong.stdout) == (1, "")
    assert "filter: at character 8: ';' does not belong here" in wrong.stderr
    for arguments in (("port", H1, "-l", "a"), ("ports", "--from", "7")):
        assert run("get", *arguments).exit_code == 2


@pytest.fixture
def changing(daemon: Any, red: str) -> None:
    """A change comes to those who watch ports."""
    daemon.statuses[H1] = Status(State.PENDING, "SwitchAway")
    daemon.coming.append(Watched(8, ChangeType.DELETED, *daemon.get(H1)))


def test_watch_prints_a_line_for_each_change(run: Any, changing: None) -> None:
    result = run("get", "ports", "--watch")
    assert result.stdout.splitlines() == [
        f"ADDED     {H1}  PENDING (SwitchAway)",
        "ADDED     tenants/red/ports/h2  PROGRAMMED",
        f"DELETED   {H1}  PENDING (SwitchAway)",
    ]
    assert (result.exit_code, result.stderr) == (1, "sdnctl: the daemon is stopping. Connect again in a moment.\n")
    assert run("get", "port", "h2", "-t", "red", "-w", "-o", "name").stdout == "tenants/red/ports/h2\n"


def test_watch_as_json_and_yaml_tells_where_to_go_on(run: Any, changing: None) -> None:
    lines = [json.loads(line) for line in run("get", "ports", "-w", "-o", "json").stdout.splitlines()]
    assert [(line["type"], line["revision"]) for line in lines] == [("ADDED", 0), ("ADDED", 0), ("DELETED", 8)]
    assert lines[0]["object"] == json.loads(run("get", "port", H1, "-o", "json").stdout)
    documents = list(yaml.safe_load_all(run("get", "ports", "-w", "-o", "yaml").stdout))
    assert documents == lines


def test_a_tenant_shows_its_usage(run: Any, red: str) -> None:
    text = "kind: Tenant\nname: tenants/red\nquota: {ports: 3}\n"
    assert run("apply", "-f", "-", stdin=text).exit_code == 0
    described = run("describe", "tenant", "red").stdout
    assert "1 of 50000 networks" in described
    assert "2 of 3 ports" in described
    again = run("apply", "-f", "-", stdin=run("get", "tenants", "-o", "yaml").stdout)
    assert "unchanged" in again.stdout
    many = "".join(f"---\nkind: Port\nname: tenants/red/ports/x{n}\nnetwork: web\n" for n in range(3))
    refused = run("apply", "-f", "-", stdin=many)
    assert refused.exit_code == 1
    assert (
        "standard input:7: document 2: name: tenants/red would have 5 ports, and its quota is 3. Delete ports"
        in refused.stderr
    )


def test_describe_shows_conditions_with_their_times(run: Any, red: str, daemon: Any) -> None:
    bound = Condition("Bound", "FALSE", "SwitchUnknown", "'leaf9' is not known.", 1_700_000_000.5)
    programmed = Condition("Programmed", "UNKNOWN", "Starting", "", 1_700_000_001.0)
    daemon.statuses[H1] = Status(State.PENDING, "SwitchUnknown", conditions=(bound, programmed))
    lines = run("describe", "port", H1).stdout.splitlines()
    at = lines.index("Conditions:")
    assert [line.split(maxsplit=4) for line in lines[at + 1 : at + 4]] == [
        ["TYPE", "STATUS", "SINCE", "REASON", "MESSAGE"],
        ["Bound", "FALSE", "2023-11-14T22:13:20.500Z", "SwitchUnknown", "'leaf9' is not known."],
        ["Programmed", "UNKNOWN", "2023-11-14T22:13:21Z", "Starting", "-"],
    ]
    shown = json.loads(run("get", "port", H1, "-o", "json").stdout)["status"]["conditions"]
    assert shown[0] == {
        "type": "Bound",
        "status": "CONDITION_FALSE",
        "reason": "SwitchUnknown",
        "message": "'leaf9' is not known.",
        "last_transition_time": "2023-11-14T22:13:20.500Z",
    }
