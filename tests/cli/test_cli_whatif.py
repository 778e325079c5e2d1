"""what-if and topology utilisation: for people, for programs, and by exit codes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from sdn.cli.utilisation import bar
from sdn.controller.reader import CheckedConnection, FoundPath, LinkView, TopologyView
from sdn.model.calendar import Calendar
from sdn.model.counters import Counted, Counts, LinkCounters, Rates
from sdn.model.errors import NotFound
from sdn.model.ids import Kind
from sdn.model.selector import Selector
from sdn.model.status import PathHop, State, Status, Transition
from sdn.model.whatif import Affected, Consequence, FailureKind, Fate, Overload, WhatIfQuery

GIGA = 10**9
HOPS = (PathHop("leaf1", "h1", "up2"), PathHop("spine2", "d1", "d2"), PathHop("leaf2", "up2", "h2"))
SAFE = Affected("tenants/red/connections/safe", Fate.CHANGES_OVER, HOPS, (), True, 10**8, "no second path")
LOST = Affected("tenants/red/connections/lost", Fate.UNGUARANTEED, bandwidth=4 * 10**8, message="no room\x1b")
OVER = Overload(("leaf1", "up2"), ("spine2", "d1"), GIGA, 6 * 10**8, 7 * 10**8)
HARMLESS = Consequence(FailureKind.RISK_GROUP, "duct", (), ())


class Counting:
    """One link is counted, the other is not."""

    interval = 1.0

    def names(self, kind: Kind, tenant: str, selector: Selector) -> Sequence[str]:
        return []

    def read(self, name: str) -> Counted | None:
        return Counted()

    def links(self, switch: str) -> Sequence[LinkCounters]:
        counted = Counted(Counts(), Rates(tx_bits=2.5e8), 1.7e9)
        ends = ("leaf1", "up1"), ("spine1", "d1")
        return [LinkCounters(*ends, True, GIGA, counted, Counted())]


@pytest.fixture
def counters() -> Any:
    return Counting()


@pytest.fixture
def asked(daemon: Any) -> list[WhatIfQuery]:
    found: list[WhatIfQuery] = []

    def what_if(query: WhatIfQuery) -> Iterator[Consequence | None]:
        found.append(query)
        if "nowhere" in query.switches:
            raise NotFound.of("switches[0]", "there is no switch nowhere", "List the topology.")
        lost = (SAFE, LOST) if "spine1" in query.switches else (SAFE,)
        return iter([None, Consequence(FailureKind.SWITCH, "spine1", lost, (OVER,) * (len(lost) - 1)), HARMLESS])

    daemon.what_if = what_if
    return found


def test_what_becomes_of_whom(run: Any, asked: list[WhatIfQuery]) -> None:
    result = run("what-if", "--switch", "spine1", "--link", "leaf1:up1-spine1:d1", "--together")
    assert result.exit_code == 1
    assert asked == [WhatIfQuery(("leaf1:up1-spine1:d1",), ("spine1",), (), together=True)]
    lines = [line.split("  ") for line in result.stdout.splitlines()]
    assert lines[0] == ["If switch spine1 fails:"]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines[2:4]]
    assert cells == [
        [SAFE.name, "changes over to its backup", "no longer", "100M", "leaf1 > spine2 > leaf2"],
        [LOST.name, "has no path with its bandwidth", "-", "400M", "no room\\x1b"],
    ]
    assert "Overloaded: leaf1:up2 > spine2:d1: 600M reserved and 700M unguaranteed of 1G" in result.stdout
    assert "1 failure would concern no connection." in result.stdout
    assert result.stdout.endswith("2 failures; with 1 of them a connection would lose its guarantee.\n")


def test_for_programs_and_when_nothing_is_lost(run: Any, asked: list[WhatIfQuery]) -> None:
    result = run("what-if", "--all", "-o", "json")
    assert result.exit_code == 0
    assert asked == [WhatIfQuery()]
    first, second = json.loads(result.stdout)
    assert first["affected"][0]["fate"] == "CHANGES_OVER"
    assert (second["kind"], second["name"], second["last"]) == ("FAILED_RISK_GROUP", "duct", True)


def test_many_come_in_pieces_and_are_one_again(run: Any, daemon: Any) -> None:
    many = tuple(Affected(f"tenants/red/connections/c{n}", Fate.MOVES, HOPS) for n in range(1200))
    daemon.what_if = lambda query: iter([Consequence(FailureKind.LINK, "x", many, (OVER,) * 5)])
    (found,) = json.loads(run("what-if", "--link", "a:1", "-o", "json").stdout)
    assert [item["name"] for item in found["affected"]] == [item.name for item in many]
    assert len(found["overloads"]) == 5


def test_wrong_questions(run: Any, asked: list[WhatIfQuery]) -> None:
    assert run("what-if").exit_code == 2
    assert run("what-if", "--all", "--switch", "a").exit_code == 2
    result = run("what-if", "--switch", "nowhere")
    assert (result.exit_code, result.stderr) == (
        1,
        "sdnctl: switches[0]: there is no switch nowhere. List the topology.\n",
    )
    assert "links[0]: is empty" in run("what-if", "--link", "").stderr


def test_utilisation(run: Any, daemon: Any) -> None:
    views = (
        LinkView(("leaf1", "up1"), ("spine1", "d1"), True, True, 10, GIGA, 0, (5 * 10**8, 0)),
        LinkView(("leaf2", "up1"), ("spine1", "d2"), False, True, 10, GIGA, 0, (0, 9 * 10**8)),
    )
    daemon.topology = lambda: TopologyView((), views, ())
    result = run("topology", "utilisation")
    assert [line.split(None, 7) for line in result.stdout.splitlines()] == [
        ["FROM", "TO", "CAPACITY", "RESERVED", "SHARE", "USED", "SHARE", "LOAD"],
        ["spine1:d2", "leaf2:up1", "1G", "900M", "90.0%", "?", "?", "down"],
        ["leaf1:up1", "spine1:d1", "1G", "500M", "50.0%", "250M", "25.0%", "[#####=====          ]"],
        ["leaf2:up1", "spine1:d2", "1G", "0", "0.0%", "?", "?", "down"],
        ["spine1:d1", "leaf1:up1", "1G", "0", "0.0%", "?", "?", "[                    ]"],
    ]
    assert run("topology", "utilisation", "--sort", "used", "-n", "1", "-o", "name").stdout == "leaf1:up1>spine1:d1\n"
    found = json.loads(run("topology", "utilisation", "--switch", "leaf2", "-o", "json").stdout)
    assert [(one["sender"], one["reserved_share"], one["used_bps"]) for one in found] == [
        ("spine1:d2", 0.9, None),
        ("leaf2:up1", 0.0, None),
    ]


def test_bars() -> None:
    assert bar(0, 0) == "[" + " " * 20 + "]"
    assert bar(0.001, 0) == "[=" + " " * 19 + "]"
    assert bar(0.25, 0.5) == "[#####-----" + " " * 10 + "]"
    assert bar(2, 3) == "[" + "#" * 20 + "]"


def test_connect_and_describe_tell_of_levels_priorities_and_history(run: Any, daemon: Any, red: str) -> None:
    options = ("--level", "5", "--priority", "2", "--hold", "4", "--if-no-path", "best-effort")
    name = "tenants/red/connections/gold"
    assert run("connect", "h1", "h2", "-t", "red", "--bandwidth", "1M", "--name", "gold", *options).exit_code == 0
    made = daemon.store.objects[name]
    assert (made.level, made.priority, made.hold, made.no_path) == (5, 2, 4, "BEST_EFFORT")
    history = (
        Transition(1.7e9, None, State.PENDING, "Programming", ""),
        Transition(1.7e9 + 1, State.PENDING, State.PROGRAMMED, "", "leaf1 > leaf2"),
    )
    daemon.statuses[name] = Status(State.PROGRAMMED, history=history)
    result = run("describe", "connection", "gold", "-t", "red")
    assert result.exit_code == 0, result.stderr
    text = result.stdout
    assert [line.split() for line in text.split("History:\n")[1].splitlines()[:3]] == [
        ["TIME", "FROM", "TO", "REASON", "PATH"],
        ["2023-11-14T22:13:21Z", "PENDING", "PROGRAMMED", "-", "leaf1", ">", "leaf2"],
        ["2023-11-14T22:13:20Z", "-", "PENDING", "Programming", "-"],
    ]
    words = {line.split(":")[0]: line.split(":")[1].strip() for line in text.splitlines() if ":" in line}
    assert (words["Service level"], words["Hold priority"], words["No path"]) == ("5", "4", "best effort")


def test_a_calendar_on_the_command_line_and_in_a_manifest(run: Any, daemon: Any, red: str) -> None:
    options = ("--start", "2026-03-02T22:00Z", "--end", "2026-04-01T06:00:00+02:00", "--for", "4h", "--day", "friday")
    name = "tenants/red/connections/h1-h2"
    assert run("connect", "h1", "h2", "-t", "red", "--bandwidth", "1M", *options).exit_code == 0
    made = daemon.store.objects[name]
    assert made.calendar == Calendar(start=1772488800, end=1775016000, duration=14400, days=("FRIDAY",))
    text = run("describe", "connection", "h1-h2", "-t", "red").stdout
    assert "from 2026-03-02T22:00:00Z until 2026-04-01T04:00:00Z for 14400 s on friday" in text
    printed = run("get", "connection", "h1-h2", "-t", "red", "-o", "yaml").stdout
    again = run("apply", "-f", "-", stdin=printed)
    assert again.exit_code == 0, again.stderr + printed
    assert daemon.store.objects[name].calendar == made.calendar
    wrong = run("apply", "-f", "-", stdin=printed.replace("2026-03-02T22:00:00Z", "tomorrow"))
    assert "calendar.start: not a time. Write it as 2026-03-01T18:00:00Z." in wrong.stderr
    assert "is not a time" in run("connect", "h1", "h2", "-t", "red", "--bandwidth", "1M", "--start", "soon").stderr


def test_why_not_tells_who_would_be_displaced(run: Any, daemon: Any, red: str) -> None:
    found = FoundPath(HOPS, 20, 3000, GIGA, GIGA)
    daemon.check_connection = lambda connection: CheckedConnection(found, None, (), (SAFE.name,))
    result = run("why-not", "h1", "h2", "-t", "red", "--bandwidth", "1M", "--priority", "1")
    assert result.exit_code == 0
    assert f"It would displace:\n{SAFE.name}" in result.stdout
    legs = (("tenants/red/connections/c.h2", found, None),)
    daemon.check_connection = lambda connection: CheckedConnection(None, None, (), (SAFE.name,), legs)
    result = run("why-not", "h1", "h2", "-t", "red", "--bandwidth", "1M", "--priority", "1")
    assert "LEG" in result.stdout
    assert f"It would displace:\n{SAFE.name}" in result.stdout
