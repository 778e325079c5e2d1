"""Somebody writes into real switches behind the controller's back: found, repaired, and told."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from cloud_lab import CloudLab, cloud_lab
from observer import Observer

from sdn.model.program import COOKIE_BASE
from sdn.v1 import events_pb2 as epb
from sdn.v1 import resources_pb2 as pb
from sdn.v1 import topology_pb2 as tpb

pytestmark = pytest.mark.lab
LEAF = "leaf1"
CONNECTION = "tenants/red/connections/c"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudLab]:
    with cloud_lab("leaf-spine:spines=2,leaves=3,hosts=4", tmp_path_factory.mktemp("tamper")) as lab:
        red = [lab.port_of(host) for host in lab.hosts if lab.tenant[host] == "red"]
        lab.client.connections.create(pb.Connection(name=CONNECTION, a=red[0], b=red[2], bandwidth_bps=10**9), wait=20)
        yield lab


@pytest.fixture
def lab(shared: CloudLab) -> Iterator[CloudLab]:
    """Everything is as before when a test ends."""
    shared.ready()
    before = contents(shared, LEAF)
    yield shared
    shared.ready()
    until_it_holds(shared, LEAF, before)
    assert shared.client.audit(LEAF).missing == 0
    states = dict(shared.client.status().objects_by_state)
    assert set(states) <= {"PROGRAMMED", "VERIFIED"}, states


def until_it_holds(lab: CloudLab, switch: str, wanted: tuple[list[str], list[str], list[str]]) -> None:
    """Return when a switch holds this: the labels of a connection that ended stay while packets may be on their way."""
    end = time.monotonic() + 20
    while (found := contents(lab, switch)) != wanted and time.monotonic() < end:
        lab.network.settle()
    assert found == wanted


def flows(lab: CloudLab, switch: str) -> list[str]:
    lines = lab.network.ofctl(switch, "dump-flows", "--no-stats").splitlines()
    return sorted(line.strip() for line in lines if "actions=" in line)


def numbered(lab: CloudLab, switch: str, command: str) -> list[str]:
    """Groups or meters, without the head of the answer."""
    text = lab.network.ofctl(switch, command).split("\n", 1)
    return sorted(line.strip() for line in text[1].splitlines() if line.strip()) if len(text) > 1 else []


def contents(lab: CloudLab, switch: str) -> tuple[list[str], list[str], list[str]]:
    return flows(lab, switch), numbered(lab, switch, "dump-groups"), numbered(lab, switch, "dump-meters")


def a_flow(lab: CloudLab, text: str) -> tuple[str, str]:
    """(cookie, match with table and priority) of the first flow whose line contains a text."""
    line = next(line for line in flows(lab, LEAF) if text in line)
    cookie, match = re.fullmatch(r"cookie=(\S+), (.*) actions=.*", line).groups()  # type: ignore[union-attr]
    return cookie, match.replace(" ", "")


def a_group(lab: CloudLab, kind: str) -> str:
    line = next(line for line in numbered(lab, LEAF, "dump-groups") if f"type={kind}," in line)
    return re.match(r"group_id=(\d+)", line)[1]  # type: ignore[index]


def last_event(lab: CloudLab, reason: str) -> epb.Event:
    return lab.client.events(object=LEAF, reason=reason)[-1]


def told(lab: CloudLab, report: tpb.AuditReport) -> dict[str, str]:
    """The details of the event of an audit, which says what the report says."""
    event = last_event(lab, "AuditFoundDifferences")
    details = dict(event.details)
    assert (details["missing"], details["changed"], details["extra"]) == tuple(
        str(n) for n in (report.missing, report.changed, report.extra)
    )
    assert event.severity == epb.Severity.ERROR
    return details


def found(report: tpb.AuditReport) -> list[tuple[str, str]]:
    return [(f.kind, f.entry) for f in report.findings]


def test_a_deleted_flow(lab: CloudLab) -> None:
    _, match = a_flow(lab, "table=48, priority=100")
    lab.network.ofctl(LEAF, "del-flows", "--strict", match)
    report = lab.client.audit(LEAF)
    (finding,) = report.findings
    assert (finding.kind, finding.entry, finding.table, finding.priority) == ("missing", "flow", "output", 100)
    assert finding.match in match
    assert finding.owner.startswith("tenants/")
    assert told(lab, report)["owners"] == finding.owner


def test_a_flow_changed_by_modify_keeps_its_cookie_and_is_found_all_the_same(lab: CloudLab) -> None:
    cookie, match = a_flow(lab, "table=36, priority=100")
    lab.network.ofctl(LEAF, "mod-flows", "--strict", f"{match},actions=drop")
    assert f"cookie={cookie},{match}actions=drop" in [line.replace(" ", "") for line in flows(lab, LEAF)]
    report = lab.client.audit(LEAF)
    assert found(report) == [("changed", "flow")]
    assert report.findings[0].owner.startswith("switches/")
    told(lab, report)


@pytest.mark.parametrize("kind", ["all", "select", "ff", "indirect"])
def test_a_changed_group(lab: CloudLab, kind: str) -> None:
    number = a_group(lab, kind)
    lab.network.ofctl(LEAF, "mod-group", f"group_id={number},type=indirect,bucket=actions=set_field:1->reg7")
    report = lab.client.audit(LEAF)
    assert found(report) == [("changed", "group")]
    assert report.findings[0].match == f"group_id={number}"
    assert report.findings[0].owner
    told(lab, report)


def test_a_deleted_group_takes_its_flows_with_it(lab: CloudLab) -> None:
    number = a_group(lab, "all")
    users = sum(f"group:{number}" in line for line in flows(lab, LEAF))
    assert users
    lab.network.ofctl(LEAF, "del-groups", f"group_id={number}")
    report = lab.client.audit(LEAF)
    assert (report.missing, report.changed, report.extra) == (users + 1, 0, 0)
    told(lab, report)


def test_a_flow_refused_for_want_of_a_deleted_group_is_written_all_the_same(lab: CloudLab) -> None:
    """The second connection goes by the same first link to the same switch, by another way: it has labels of its own,
    and shares the group of the first one, which is therefore not written anew.
    """
    first = lab.client.connections.get(CONNECTION)
    red = [lab.port_of(host) for host in lab.hosts if lab.tenant[host] == "red"]
    way = pb.Constraints(via=[first.status.path[1].switch, "leaf3"])
    other = pb.Connection(name=f"{CONNECTION}2", a=red[1], b=red[3], bandwidth_bps=1, constraints=way)
    for number in {re.search(r"group:(\d+)", f)[1] for f in flows(lab, LEAF) if "dl_dst=82:" in f and "group:" in f}:  # type: ignore[index]
        lab.network.ofctl(LEAF, "del-groups", f"group_id={number}")
    last = lab.client.events()[-1].number
    with Observer(lab.client.watch_events(last + 1, severity="ERROR"), lambda event: event) as seen:
        second = lab.client.connections.create(other, wait=20)
        ways = [[hop.switch for hop in connection.status.path] for connection in (first, second)]
        assert [way[index] for way in ways for index in (0, 1, -1)] == [*ways[0], *ways[0]]
        assert len(ways[1]) == 5
        events = seen.until(lambda events: "AuditFoundDifferences" in [event.reason for event in events])  # type: ignore[attr-defined]
    assert (events[0].reason, events[0].object) == ("EntryRefused", other.name)  # type: ignore[attr-defined]
    lab.ready()
    assert lab.client.connections.get(other.name).status.state in (pb.State.PROGRAMMED, pb.State.VERIFIED)
    lab.client.connections.delete(other.name, wait=20)


def test_a_changed_and_a_deleted_meter(lab: CloudLab) -> None:
    lab.network.ofctl(LEAF, "mod-meter", "meter=1,pktps,burst,band=type=drop,rate=1,burst_size=1")
    report = lab.client.audit(LEAF)
    assert found(report) == [("changed", "meter")]
    told(lab, report)
    lab.ready()
    lab.network.ofctl(LEAF, "mod-meter", "meter=1,kbps,band=type=drop,rate=1")
    assert found(lab.client.audit(LEAF)) == [("changed", "meter")]
    lab.ready()
    lab.network.ofctl(LEAF, "del-meter", "meter=1")
    report = lab.client.audit(LEAF)
    assert ("missing", "meter") in found(report)
    assert ("missing", "flow") in found(report), "the flows that use it are gone too"


def test_entries_of_others_are_left_alone_and_told(lab: CloudLab) -> None:
    ours = len(flows(lab, LEAF))
    lab.network.ofctl(LEAF, "add-flow", "cookie=0x77,table=50,priority=5,tcp,tp_dst=80,actions=drop")
    lab.network.ofctl(LEAF, "add-group", "group_id=7,type=all,bucket=actions=drop")
    report = lab.client.audit(LEAF)
    assert (found(report), report.alien_flows, report.alien_groups) == ([], 1, 1)
    assert dict(last_event(lab, "AlienEntries").details) == {"flows": "1", "groups": "1"}
    (leaf,) = (switch for switch in lab.client.topology().switches if switch.name == LEAF)
    assert (leaf.alien_flows, leaf.alien_groups) == (1, 1)
    count = len(lab.client.events(object=LEAF, reason="AlienEntries"))
    assert lab.client.audit(LEAF).alien_flows == 1
    assert len(lab.client.events(object=LEAF, reason="AlienEntries")) == count, "told once"
    assert len(flows(lab, LEAF)) == ours + 1
    lab.network.ofctl(LEAF, "del-flows", "table=50")
    lab.network.ofctl(LEAF, "del-groups", "group_id=7")
    assert lab.client.audit(LEAF).alien_flows == 0


def test_a_flow_of_another_program_in_the_place_of_ours_gives_way(lab: CloudLab) -> None:
    _, match = a_flow(lab, "table=40, priority=100")
    lab.network.ofctl(LEAF, "add-flow", f"cookie=0x77,{match},actions=drop")
    assert found(lab.client.audit(LEAF)) == [("changed", "flow")]


@pytest.mark.parametrize("cookie", [COOKIE_BASE | 1, COOKIE_BASE + (7 << 40)])
def test_what_bears_our_mark_and_is_not_wanted_goes(lab: CloudLab, cookie: int) -> None:
    lab.network.ofctl(LEAF, "add-flow", f"cookie={cookie:#x},table=50,priority=5,udp,tp_dst=53,actions=in_port")
    lab.network.ofctl(LEAF, "add-group", "group_id=1073746535,type=all,bucket=actions=drop")
    report = lab.client.audit(LEAF)
    assert sorted(found(report)) == [("extra", "flow"), ("extra", "group")]
    assert {f.owner for f in report.findings} == {""}
    assert told(lab, report)["owners"] == ""


def test_a_switch_whose_tables_were_emptied_is_refilled_and_its_objects_say_so(lab: CloudLab) -> None:
    port = next(lab.port_of(host) for host, place in lab.place.items() if place.switch == LEAF)

    def state(change: object) -> tuple[str, str] | None:
        resource = change.resource  # type: ignore[attr-defined]
        known = pb.State.Name(resource.status.state), resource.status.reason
        return known if resource.name == port else None

    with Observer(lab.client.ports.watch(), state) as seen:
        seen.until(lambda states: states == [("PROGRAMMED", "")])
        for command in ("del-flows", "del-groups", "del-meters"):
            lab.network.ofctl(LEAF, command)
        report = lab.client.audit(LEAF)
        assert report.missing == report.checked
        assert len(report.findings) == 100
        states = seen.until(lambda states: len(states) >= 3)
        assert states == [("PROGRAMMED", ""), ("PENDING", "Repairing"), ("PROGRAMMED", "")]
    assert "and" in told(lab, report)["owners"], "the first owners, and how many more"
    lab.ready()
    assert lab.differences() == ""


def test_events_come_to_a_watcher(lab: CloudLab) -> None:
    last = lab.client.events()[-1].number
    with Observer(lab.client.watch_events(last + 1), lambda event: event.reason) as seen:  # type: ignore[attr-defined]
        lab.network.ofctl(LEAF, "del-flows", "--strict", a_flow(lab, "table=48, priority=100")[1])
        lab.client.audit(LEAF)
        assert seen.until(bool) == ["AuditFoundDifferences"]


def test_a_daemon_with_another_layout_version_takes_over_what_the_old_one_left(lab: CloudLab) -> None:
    """As after an upgrade: all flows bear another version, and one is not wanted any more."""
    before = flows(lab, LEAF)
    lab.daemon.stop()
    file = lab.state / "older.flows"
    present, other = (f"cookie={base >> 40:#x}" for base in (COOKIE_BASE, COOKIE_BASE ^ 1 << 46))
    older = [line.replace(present, other).replace(" actions", ",actions") for line in before]
    file.write_text("\n".join([*older, f"{other}0000000001,table=50,priority=5,actions=drop\n"]))
    lab.network.ofctl(LEAF, "add-flows", str(file))
    assert not [line for line in flows(lab, LEAF) if present in line]
    assert lab.differences(4) == ""
    lab.daemon.start()
    lab.daemon.wait_answers(lab.client)
    lab.ready()
    adopted = dict(last_event(lab, "SwitchAdopted").details)
    assert (adopted["older"], adopted["alien"]) == (str(len(before) + 1), "0")
    assert (adopted["missing"], adopted["changed"], adopted["extra"]) == ("0", str(len(before)), "1")
    assert flows(lab, LEAF) == before
    assert lab.differences(4) == ""
