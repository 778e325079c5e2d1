"""create and update of one object by words, delete by labels, and what they wait for."""

from __future__ import annotations

import json
from typing import Any

import click
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sdn.cli.fields import object_of, read_words
from sdn.model.errors import Conflict
from sdn.model.status import State, Status

RED = "tenants/red"
H1, H2 = f"{RED}/ports/h1", f"{RED}/ports/h2"


def shown(run: Any, *arguments: str) -> Any:
    result = run(*arguments, "-o", "json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_every_kind_is_created_by_words(run: Any) -> None:
    shown(run, "create", "tenant", "red", "description=The first: ours, and 'quoted'", "labels.example.org/x=1:2")
    shown(run, "create", "network", "web", "-t", "red", "mtu=1400", "labels={env: lab, tier: '1'}")
    shown(run, "create", "subnets", f"{RED}/subnets/v4", "network=web", "cidr=10.0.0.0/24")
    words = ("network=web", "addresses=[10.0.0.11]", "mac=12:34:56:07:08:09")
    port = shown(run, "create", "port", "h1", "-t", "red", *words, "binding.switch=leaf1", "binding.interface=eth1")
    assert (port["mac"], port["addresses"]) == ("12:34:56:07:08:09", ["10.0.0.11"])
    assert (port["binding"]["switch"], port["binding"]["interface"]) == ("leaf1", "eth1")
    run("create", "port", "h2", "-t", "red", "network=web")
    shown(run, "create", "router", "r", "-t", "red", "subnets=[v4]")
    words = (f"a={H1}", f"b={H2}", "bandwidth=100M", "constraints={max_hops: 3}")
    connection = shown(run, "create", "connection", "gold", "-t", "red", *words)
    assert (connection["bandwidth_bps"], connection["constraints"]["max_hops"]) == (100_000_000, 3)
    tenant = shown(run, "get", "tenant", "red")
    assert tenant["metadata"]["description"] == "The first: ours, and 'quoted'"
    assert tenant["metadata"]["labels"] == {"example.org/x": "1:2"}
    again = run("create", "network", "web", "-t", "red")
    assert (again.exit_code, "exists" in again.stderr) == (1, True)


PRINTABLE = st.characters(codec="utf-8", exclude_categories=("C",))


@given(st.text(PRINTABLE, min_size=1, max_size=30).filter(lambda text: text[0] not in "[{\"'"))
@example("null")
@example("-")
@example("a: b # c")
@example("1.0")
@example("12:30:45")
@example(":")
@example("a:")
@example("<<")
@example("=")
def test_texts_arrive_as_they_were_written(text: str) -> None:
    words = read_words([f"description={text}", f"labels.a.b/c={text}"])
    found: Any = object_of({"kind": "Tenant", "name": RED}, words)
    assert found.metadata.description == text
    assert dict(found.metadata.labels) == {"a.b/c": text}


@given(st.text(max_size=30), st.text(max_size=30))
@example("labels", "[")
@example("description", "{a: }")
@example("quota.ports", "'")
def test_no_words_raise_anything_but_a_wrong_command_line(field: str, value: str) -> None:
    try:
        object_of({"kind": "Tenant", "name": RED}, read_words([f"{field}={value}"]))
    except (click.UsageError, click.exceptions.Exit):
        return


def test_an_update_changes_what_it_names_and_nothing_else(run: Any, red: str, daemon: Any) -> None:
    before = shown(run, "get", "port", H1)
    after = shown(run, "update", "port", "h1", "-t", "red", "addresses=[10.0.0.11, 10.0.0.13]")
    assert after["addresses"] == ["10.0.0.11", "10.0.0.13"]
    same = ("mac", "network", "binding")
    assert [after[key] for key in same] == [before[key] for key in same]
    assert after["metadata"]["labels"] == {"env": "lab"}
    after = shown(run, "update", "port", H1, "labels.tier=web", "labels.env=", "description=a b")
    assert (after["metadata"]["labels"], after["metadata"]["description"]) == ({"tier": "web"}, "a b")
    after = shown(run, "update", "port", H1, "binding.switch=leaf2")
    assert (after["binding"]["switch"], after["binding"]["interface"]) == ("leaf2", "h1-eth0")
    assert shown(run, "update", "port", H1, "binding=")["binding"] is None
    assert run("update", "port", H1, "labels={}", "-o", "name").stdout == f"{H1}\n"
    assert shown(run, "get", "port", H1)["metadata"]["labels"] == {}
    missing = run("update", "port", f"{RED}/ports/h9", "labels.a=b")
    assert (missing.exit_code, "does not exist" in missing.stderr) == (1, True)


def test_a_change_in_between_is_not_overwritten(
    run: Any, red: str, daemon: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []

    async def submit(transaction: Any) -> Any:
        given.extend(transaction.commands)
        raise Conflict.of("port.metadata.etag", "the object was changed", "Read it and try again.")

    monkeypatch.setattr(daemon, "submit", submit)
    result = run("update", "port", H1, "labels.a=b")
    assert (result.exit_code, "try again" in result.stderr) == (1, True)
    (command,) = given
    assert command.revision == daemon.store.objects[H1].revision


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("update", "port", H1), "which fields? Give FIELD=VALUE."),
        (("update", "port", H1, "mtu"), "'mtu' is not FIELD=VALUE."),
        (("update", "port", H1, "name=x"), "'name' is no field that can be set."),
        (("update", "port", H1, "status.state=x"), "'status.state' is no field that can be set."),
        (("update", "port", H1, "Mtu=1"), "'Mtu' is no field that can be set."),
        (("update", "port", H1, "mac=a", "mac=b"), "mac is given twice."),
        (("create", "port", "h1", "network=web"), "in which tenant?"),
        (("create", "port", H1, "colour=red"), "sdnctl: colour: "),
        (("create", "port", H1, "addresses=[10.0.0.1"), "sdnctl: "),
        (("create", "port", H1, "addresses=10.0.0.1"), "sdnctl: addresses: "),
    ],
)
def test_wrong_words(run: Any, red: str, arguments: tuple[str, ...], told: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr


@pytest.mark.parametrize(
    "command", [("create", "port", "h3", "-t", "red", "network=web"), ("update", "port", H1, "labels.a=b")]
)
def test_waiting_is_asked_for_and_judged(run: Any, red: str, daemon: Any, command: tuple[str, ...]) -> None:
    name = f"{RED}/ports/h3" if command[0] == "create" else H1
    assert run(*command, "--wait", "5s").exit_code == 0
    assert daemon.waits
    assert 0 < daemon.waits[-1] <= 5
    daemon.statuses[name] = Status(State.PENDING, "SwitchAway", "leaf1 is away")
    result = run("update", "port", name, "labels.c=d", "--wait", "5s")
    assert (result.exit_code, result.stderr) == (1, f"sdnctl: {name} is PENDING: SwitchAway: leaf1 is away\n")
    assert run("update", "port", name, "labels.e=f").exit_code == 0


def test_delete_by_labels(run: Any, red: str, daemon: Any) -> None:
    run("update", "port", H2, "labels.env=prod")
    tried = run("delete", "ports", "-l", "env in (lab, prod)", "--dry-run")
    assert tried.stdout == f"{H1}: would be deleted\n{H2}: would be deleted\n"
    assert run("delete", "ports", "-t", "blue", "-l", "env").stdout == "nothing to delete\n"
    assert {H1, H2} <= set(daemon.store.objects)
    assert run("delete", "ports", "-t", "red", "-l", "env=lab", "-o", "name").stdout == f"{H1}\n"
    assert H1 not in daemon.store.objects
    assert H2 in daemon.store.objects
    both = run("delete", "port", H2, "-l", "env")
    assert (both.exit_code, "Give either its NAME, or --selector." in both.stderr) == (2, True)
    wrong = run("delete", "ports", "-l", "=")
    assert (wrong.exit_code, daemon.store.objects.keys() >= {H2}) == (1, True)


def test_a_delete_waits_for_switches(run: Any, red: str, daemon: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("delete", "port", H1, "--wait", "5s").exit_code == 0
    assert run("delete", "-f", "-", "--ignore-missing", "--wait", "7s", stdin=red).exit_code == 0
    assert [round(seconds) for seconds in daemon.waits] == [5, 7]

    async def never(names: tuple[str, ...], timeout: float) -> None:  # noqa: ASYNC109 - the Backend's
        assert names == (RED,)

    assert run("create", "tenant", "red").exit_code == 0
    monkeypatch.setattr(daemon, "wait_programmed", never)
    result = run("delete", "tenant", "red", "--wait", "1ms")
    assert (result.exit_code, result.stdout) == (1, f"{RED}: deleted\n")
    assert "not all switches have confirmed within 0.001 s" in result.stderr
