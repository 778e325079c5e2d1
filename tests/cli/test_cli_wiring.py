"""topology check: link by link, for people, for programs, and by its exit code."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sdn.controller.reader import LinkView, SwitchView, TopologyView
from sdn.model.ids import Dpid
from sdn.model.topology import WiringFault

A, B, C, D = ("leaf1", "up1"), ("spine1", "d1"), ("leaf2", "up1"), ("spine1", "d2")
SWITCHES = tuple(
    SwitchView(Dpid(n), name, True, "", (), 0, 0, 0, 0) for n, name in enumerate(("leaf1", "leaf2", "spine1"), 1)
)


def link(a: tuple[str, str], b: tuple[str, str], **other: bool) -> LinkView:
    facts = {"up": True, "declared": True} | other
    return LinkView(a, b, cost=10, capacity=10**9, latency=0, reserved=(0, 0), **facts)


@pytest.fixture
def show(run: Any, daemon: Any) -> Any:
    def show(*arguments: str, links: tuple[LinkView, ...] = (), faults: tuple[WiringFault, ...] = ()) -> Any:
        daemon.topology = lambda: TopologyView(SWITCHES, links, faults, "plan.yaml")
        return run("topology", "check", *arguments)

    return show


def test_all_as_declared(show: Any) -> None:
    links = (link(A, B), link(C, D, damped=True))
    result = show(links=links)
    assert (result.exit_code, result.stdout) == (0, "2 links as declared by plan.yaml\n")
    assert show("--all", links=links).stdout.splitlines() == [
        "STATE  A          B          MESSAGE",
        "ok     leaf1:up1  spine1:d1  -",
        "ok     leaf2:up1  spine1:d2  -",
        "",
        "2 links as declared by plan.yaml",
    ]


def test_every_difference_has_its_line(show: Any) -> None:
    ghost = ("leaf9", "up1")
    links = (link(A, B), link(("leaf2", ""), ("spine1", "d2"), up=False), link(C, ("spine1", "d3"), declared=False))
    links += (link(ghost, ("spine1", "d9"), away=True),)
    faults = (
        WiringFault("MissingSwitch", "switch leaf9 is not connected"),
        WiringFault("MissingLink", "no link between spine1:d2 and leaf2", (("spine1", "d2"), ("leaf2", ""))),
        WiringFault("UnexpectedLink", "leaf2:up1 is wired to spine1:d3", (C, ("spine1", "d3"))),
        WiringFault("OneWayLink", "leaf1:up7 hears leaf2:up7", (("leaf2", "up7"), ("leaf1", "up7"))),
    )
    result = show(links=links, faults=faults)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "STATE          A          B          MESSAGE",
        "missing        leaf2      spine1:d2  no link between spine1:d2 and leaf2",
        "unexpected     leaf2:up1  spine1:d3  leaf2:up1 is wired to spine1:d3",
        "away           leaf9:up1  spine1:d9  -",
        "one-way        leaf1:up7  leaf2:up7  leaf1:up7 hears leaf2:up7",
        "MissingSwitch  -          -          switch leaf9 is not connected",
        "",
        "1 link as declared by plan.yaml, 1 away, 1 missing, 1 one-way, 1 unexpected",
    ]


def test_for_programs(show: Any) -> None:
    faults = (WiringFault("WrongPeer", "leaf1:up1 is wired to spine1:d7", (B, A)),)
    result = show("-o", "json", links=(link(A, B, up=False), link(C, D)), faults=faults)
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert (found["declaration"], found["as_declared"]) == ("plan.yaml", False)
    assert [line["state"] for line in found["links"]] == ["wrong", "ok"]
    assert found["links"][0]["message"] == "leaf1:up1 is wired to spine1:d7"
    assert found["faults"][0]["a"] == {"switch": "spine1", "interface": "d1"}
    fine = show("-o", "json", links=(link(A, B),))
    assert (fine.exit_code, json.loads(fine.stdout)["as_declared"]) == (0, True)


def test_nothing_was_declared(run: Any) -> None:
    result = run("topology", "check")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no topology was declared" in result.stderr


def test_a_daemon_that_is_not_there(run: Any) -> None:
    assert run("topology", "check", address="127.0.0.1:1").exit_code == 3


def test_the_table_of_links_tells_what_is_not_ordinary(run: Any, daemon: Any) -> None:
    links = (link(A, B, away=True, damped=True), link(C, D, declared=False, unused=True), link(A, D, up=False))
    daemon.topology = lambda: TopologyView(SWITCHES, links, (), "")
    lines = run("topology", "show").stdout.splitlines()
    assert [line.split()[2] for line in lines if line.startswith("leaf") and "spine1" in line] == [
        "away,damped",
        "unused",
        "down",
    ]
