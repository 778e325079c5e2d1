"""drain, undrain and topology cost: what is asked for, what is told, and the exit codes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from sdn.model.errors import NotFound
from sdn.model.maintenance import Target

LINK = Target(a=("leaf1", "eth2"), b=("spine1", ""))


def test_a_switch_and_a_link_are_drained(run: Any, daemon: Any) -> None:
    result = run("drain", "spine1")
    assert (result.exit_code, result.stdout) == (0, "spine1: drained, traffic has moved\n")
    assert daemon.asked == (Target("spine1"), True, None)
    run("drain", "leaf1:eth2", "spine1")
    assert daemon.asked == (LINK, True, None)
    assert run("undrain", "leaf1:eth2", "spine1").stdout == "leaf1:eth2 - spine1:: in use, traffic has moved\n"
    assert daemon.asked == (LINK, False, None)


def test_waiting_ends_when_traffic_has_moved(run: Any, daemon: Any) -> None:
    daemon.maintained = replace(daemon.maintained, settled=False)
    assert run("drain", "spine1").stdout == "spine1: drained, traffic is moving\n"
    assert run("drain", "spine1", "--wait", "10s").stdout == "spine1: drained, traffic has moved\n"
    late = run("drain", "spine1", "--wait", "0s")
    assert (late.exit_code, "has not moved within 0 seconds" in late.stderr) == (1, True)


def test_what_stays_is_told_with_its_reason(run: Any, daemon: Any) -> None:
    staying = (("tenants/t/connections/c", "no path has 1G free"),)
    daemon.maintained = replace(daemon.maintained, needed_by=("leaf2",), staying=staying)
    result = run("drain", "spine1")
    assert result.exit_code == 1
    assert "there is no other way to leaf2" in result.stderr
    assert "tenants/t/connections/c stays: no path has 1G free" in result.stderr


def test_a_cost_is_set_and_taken_back(run: Any, daemon: Any) -> None:
    assert run("topology", "cost", "leaf1:eth2", "spine1", "25").stdout == (
        "leaf1:eth2 - spine1:: in use, cost 25, traffic has moved\n"
    )
    assert daemon.asked == (LINK, None, 25)
    run("topology", "cost", "leaf1:eth2", "spine1", "0")
    assert daemon.asked == (LINK, None, 0)
    assert run("topology", "cost", "leaf1", "spine1", "70000").exit_code == 2


def test_more_than_the_capacity_may_be_reserved_of_a_link(run: Any, daemon: Any) -> None:
    assert run("topology", "oversubscription", "leaf1:eth2", "spine1", "1.5").stdout == (
        "leaf1:eth2 - spine1:: in use, oversubscription 1.5, traffic has moved\n"
    )
    assert run("topology", "oversubscription", "leaf1", "spine1", "2000").exit_code == 2


def test_for_programs_and_refusals(run: Any, daemon: Any) -> None:
    found = json.loads(run("drain", "spine1", "-o", "json").stdout)
    assert (found["target"]["switch"], found["drained"], found["settled"]) == ("spine1", True, True)
    daemon.failure = NotFound.of("target.switch", "there is no switch 'leaf9'", "List the topology for names.")
    result = run("drain", "leaf9")
    assert (result.exit_code, "there is no switch 'leaf9'" in result.stderr) == (1, True)
