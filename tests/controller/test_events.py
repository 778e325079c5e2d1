"""What the controller tells operators, and audits, on simulated switches."""

from __future__ import annotations

from dataclasses import replace

import pytest
from simulation import Simulation
from test_controller import WEB, T, cloud, port

from sdn.controller.events import Audit, PortChanged, ReadBack, SwitchDown
from sdn.controller.reporter import MAX_AT_ONCE
from sdn.model.command import Delete
from sdn.model.errors import NotFound, Unavailable
from sdn.model.notice import AuditReport, Severity
from sdn.model.program import Batch, Group, Meter, WriteFailure, cookie_of
from sdn.model.status import State
from sdn.pipeline.base import DROP
from sdn.pipeline.layout import GROUP_LOCAL, Table


@pytest.fixture
def sim() -> Simulation:
    """A leaf-spine fabric with a tenant, in sync."""
    sim = Simulation("leaf-spine:spines=2,leaves=3,hosts=2")
    sim.connect()
    sim.run(3)
    sim.put(*cloud(sim))
    sim.run(1)
    sim.writes()
    return sim


def details(sim: Simulation, reason: str) -> list[dict[str, str]]:
    return [dict(notice.details) for notice in sim.events(reason=reason)]


def test_switches_that_come_and_go(sim: Simulation) -> None:
    sim.disconnect("leaf1")
    sim.connect("leaf1")
    found = [(n.reason, n.severity) for n in sim.events(object="leaf1")]
    assert found[-3:] == [
        ("SwitchDisconnected", Severity.WARNING),
        ("SwitchConnected", Severity.INFO),
        ("SwitchAdopted", Severity.INFO),
    ]
    adopted = details(sim, "SwitchAdopted")[-1]
    assert (adopted["to_write"], adopted["alien"]) == ("0", "0")
    assert int(adopted["kept"]) == len(sim.devices["leaf1"].flows)
    times = [n.time for n in sim.events()]
    assert times == sorted(times)
    assert times[-1] == sim.wall


def test_an_audit_on_request_finds_names_and_repairs(sim: Simulation) -> None:
    device = sim.devices["leaf1"]
    lost, changed = sorted(device.flows)[:2]
    owner = sim.controller.compiler.programs[device.dpid]
    del device.flows[lost]
    device.flows[changed] = DROP + b""
    device.flows[b"\x00\x00\x01"] = DROP
    group = next(iter(device.groups))
    device.groups[group] = Group(0, b"")
    device.groups[GROUP_LOCAL | 4711] = Group(0, b"")
    meter = next(iter(device.meters))
    device.meters[meter] = Meter(1, 1)
    found = sim.audit("leaf1")
    assert (found.missing, found.changed, found.extra) == (1, 3, 2)
    assert found.checked == len(owner.flows) + len(owner.groups) + len(owner.meters)
    kinds = {(f.kind, f.entry) for f in found.findings}
    assert {("missing", "flow"), ("changed", "flow"), ("changed", "group"), ("changed", "meter")} < kinds
    assert {("extra", "flow"), ("extra", "group")} < kinds
    assert all(bool(f.owner) == (f.kind != "extra") for f in found.findings)
    sim.run(2)
    assert sim.in_sync()
    (event,) = sim.events(reason="AuditFoundDifferences")
    assert (event.object, event.severity) == ("leaf1", Severity.ERROR)
    assert dict(event.details)["entries"] == "6"
    assert dict(event.details)["owners"]
    assert sim.audit("leaf1").clean
    assert len(sim.events(reason="AuditFoundDifferences")) == 1


def test_objects_that_lost_entries_are_pending_until_they_are_there_again(sim: Simulation) -> None:
    device = sim.devices["leaf1"]
    name = f"{T}/ports/{next(host.name for host in sim.declared.hosts if host.switch == 'leaf1')}"
    before = device.writes
    sim.published.clear()
    device.flows.clear()
    sim.audit("leaf1")
    states = [(p.status.state, p.status.reason) for p in sim.published if p.resource.name == name]
    assert states == [(State.PENDING, "Repairing"), (State.PROGRAMMED, "")]
    assert device.writes > before
    device.flows.clear()
    device.silent = True
    sim.audit("leaf1")
    status = sim.controller.statuses.of(sim.controller.store.objects[name])
    assert (status.state, status.reason, status.switches_pending) == (State.PENDING, "Repairing", ("leaf1",))
    assert "leaf1" in status.message


def test_entries_of_others_are_left_alone_and_told_once(sim: Simulation) -> None:
    device = sim.devices["leaf1"]
    session = device.session
    installed = replace(device.installed(), bodies=dict(device.flows))
    installed.flows[b"\x07\x00\x01"] = 0xABC
    installed.groups[7] = Group(0, b"")
    for _ in range(2):
        sim.controller.turn([Audit(900, "leaf1")], sim.now, sim.wall)
        sim.controller.turn([ReadBack(session, device.dpid, installed)], sim.now, sim.wall)
    assert details(sim, "AlienEntries") == [{"flows": "1", "groups": "1"}]
    assert sim.events(reason="AuditFoundDifferences") == ()
    assert sim.writes() == 0


def test_what_changes_during_an_audit_is_not_judged(sim: Simulation) -> None:
    """The read-back shows the switch before the writes that were made meanwhile."""
    device = sim.devices["leaf1"]
    sim.controller.turn([Audit(900, "leaf1")], sim.now, sim.wall)
    before = replace(device.installed(), bodies=dict(device.flows))
    host = next(host for host in sim.declared.hosts if host.switch == "leaf1")
    sim.put(*(o for o in cloud(sim) if o.name == f"{T}/ports/{host.name}"))
    before_port = sim.controller.store.objects[f"{T}/ports/{host.name}"]
    sim.put(replace(before_port, mac="02:aa:00:00:00:fe"))  # type: ignore[call-arg]
    assert sim.writes() > 0
    sim.turn(ReadBack(device.session, device.dpid, before))
    report = sim.audits[900]
    assert isinstance(report, AuditReport)
    assert report.clean
    assert sim.in_sync()


def test_a_switch_that_is_away_or_unknown_cannot_be_audited(sim: Simulation) -> None:
    with pytest.raises(NotFound, match="leaf99"):
        sim.audit("leaf99")
    sim.disconnect("leaf1")
    with pytest.raises(Unavailable, match="leaf1 is not connected"):
        sim.audit("leaf1")
    leaf2 = sim.devices["leaf2"]
    sim.controller.turn([Audit(900, "leaf2")], sim.now, sim.wall)
    effects = sim.controller.turn([SwitchDown(leaf2.session, leaf2.dpid, "gone")], sim.now, sim.wall)
    answers = [effect for effect in effects if type(effect).__name__ == "Audited"]
    assert [str(effect.result) for effect in answers if effect.token == 900] == [  # type: ignore[union-attr]
        "switch: switch leaf2 went away before it was read back. Ask again when it is connected."
    ]


def test_refused_entries_are_told_by_object_and_in_bounds(sim: Simulation) -> None:
    device = sim.devices["leaf1"]
    keys = sorted(device.flows)[: MAX_AT_ONCE + 5]
    for key in keys:
        del device.flows[key]
    bad = tuple(WriteFailure("flow", key, 4, 9, "no") for key in keys)
    original = device.write
    answers = [bad]
    device.write = lambda batch: answers.pop() if answers else original(batch)  # type: ignore[method-assign]
    sim.audit("leaf1")
    refused = sim.events(reason="EntryRefused")
    assert 0 < len(refused) <= MAX_AT_ONCE
    assert {dict(notice.details)["switch"] for notice in refused} == {"leaf1"}
    assert all(notice.object.startswith(("tenants/", "switches/")) for notice in refused)
    assert details(sim, "MoreEntriesRefused")


def test_an_audit_that_repairs_tries_again_what_was_refused(sim: Simulation) -> None:
    """As a flow that was refused because its group was deleted behind our back."""
    device = sim.devices["leaf1"]
    key = sorted(device.flows)[0]
    del device.flows[key]
    bad = WriteFailure("flow", key, 2, 9, "no such group")
    original = device.write
    answers = [(bad,)]
    device.write = lambda batch: answers.pop() if answers else original(batch)  # type: ignore[method-assign]
    sim.audit("leaf1")
    assert sim.controller.compiler.blocked_units
    del device.flows[sorted(device.flows)[0]]
    sim.audit("leaf1")
    assert not sim.controller.compiler.blocked_units
    assert sim.in_sync()


def test_a_refusal_makes_the_switch_suspect_once_in_an_interval(sim: Simulation) -> None:
    """Somebody took away a group, and a flow that needs it is refused: both are there again, and nobody had to ask."""
    device = sim.devices["leaf1"]
    missing = next(iter(device.groups))
    del device.groups[missing]
    original = device.write
    refusals = []

    def write(batch: Batch) -> tuple[WriteFailure, ...]:
        needing = [key for key, _ in batch.flows if key[0] == Table.CLASSIFY]
        if missing not in device.groups and missing not in dict(batch.groups) and needing:
            refusals.append(batch)
            return tuple(WriteFailure("flow", key, 2, 9, "no such group") for key in needing)
        return original(batch)

    device.write = write  # type: ignore[method-assign]
    host = next(host for host in sim.declared.hosts if host.switch == "leaf1")
    name = f"{T}/ports/{host.name}"
    sim.put(replace(sim.controller.store.objects[name], mac="02:aa:00:00:00:fe"))  # type: ignore[call-arg]
    assert len(refusals) == 1
    assert sim.in_sync()
    assert sim.state(name) is State.PROGRAMMED
    assert [n.reason for n in sim.events(severity=Severity.ERROR)] == ["EntryRefused", "AuditFoundDifferences"]
    device.write = lambda batch: (
        refusals.append(batch)
        or (  # type: ignore[method-assign, func-returns-value]
            (WriteFailure("flow", batch.flows[0][0], 4, 9, "no"),) if batch.flows else original(batch)
        )
    )
    sim.put(replace(sim.controller.store.objects[name], mac="02:aa:00:00:00:fd"))  # type: ignore[call-arg]
    assert sim.state(name) is State.FAILED, "it does not go on for ever"


def test_wiring_faults_are_told_when_they_last_and_when_they_are_gone(sim: Simulation) -> None:
    assert sim.events(reason="WiringFault") == (), "a start is no fault"
    end = sim.declared.links[0].a
    sim.set_link(end, up=False)
    sim.run(1)
    assert sim.events(reason="WiringFault") == ()
    sim.run(10)
    (fault,) = sim.events(reason="WiringFault")
    assert dict(fault.details)["kind"] == "MissingLink"
    sim.set_link(end, up=True)
    sim.run(10)
    assert [n.severity for n in sim.events(reason="WiringFaultCleared")] == [Severity.INFO]
    assert len(sim.events(reason="WiringFault")) == 1


def test_a_forged_probe_is_told(sim: Simulation) -> None:
    from sdn.controller.events import PacketIn
    from sdn.topology import lldp

    device = sim.devices["leaf1"]
    frame = lldp.build(b"x" * 32, device.dpid, "eth1", source=bytes(6), nonce=bytes(lldp.NONCE_SIZE), ttl=4)
    for _ in range(3):
        sim.turn(PacketIn(device.session, device.dpid, 1, 0, 0, {}, frame))
    assert [d["kind"] for d in details(sim, "ProbeRejected")] == ["forged"]


def test_a_start_without_a_known_switch_is_told(sim: Simulation) -> None:
    sim.start()
    sim.connect("leaf1", "leaf2", "leaf3", "spine1")
    sim.run(12)
    assert details(sim, "StartedWithoutSwitches") == [{"count": "1", "switches": "spine2"}]


def test_cookies_alone_do_not_hide_a_changed_body(sim: Simulation) -> None:
    device = sim.devices["leaf1"]
    key = sorted(device.flows)[0]
    wanted = device.flows[key]
    installed = replace(device.installed(), bodies={**device.flows, key: DROP if wanted != DROP else b"x"})
    assert installed.flows[key] == cookie_of(wanted)
    sim.controller.turn([Audit(900, "leaf1")], sim.now, sim.wall)
    sim.turn(ReadBack(device.session, device.dpid, installed))
    report = sim.audits[900]
    assert isinstance(report, AuditReport)
    assert report.changed == 1


def test_nobody_waits_for_a_switch_that_is_away_where_nothing_of_the_object_is_missing(sim: Simulation) -> None:
    """The network waits for leaf1, the port on leaf2 does not."""
    device = sim.devices["leaf1"]
    sim.turn(PortChanged(device.session, device.dpid, device.add_port("tap0")))
    sim.put(port("vm", WEB, 150, "leaf1", "tap0"))
    sim.disconnect("leaf1")
    sim.submit(Delete(f"{T}/ports/vm"))
    statuses, progress = sim.controller.statuses, sim.controller.progress
    assert sim.reason(WEB) == "SwitchAway"
    other = next(h for i, h in enumerate(sim.declared.hosts) if i % 2 == 0 and h.switch == "leaf2")
    name = f"{T}/ports/{other.name}"
    sim.put(replace(sim.controller.store.objects[name], description="another"))
    assert sim.state(name) is State.PROGRAMMED
    assert statuses.settled(name, progress.generation)
    assert not statuses.settled(WEB, progress.generation)


def test_pending_names_the_switches(sim: Simulation) -> None:
    for name in ("leaf2", "leaf3"):
        sim.devices[name].silent = True
    sim.disconnect("leaf1")
    host = sim.declared.hosts[0]
    sim.submit(Delete(f"{T}/ports/{host.name}"))
    status = sim.controller.statuses.of(sim.controller.store.objects[WEB])
    assert (status.reason, status.switches_away, status.switches_pending) == (
        "SwitchAway",
        ("leaf1",),
        ("leaf2", "leaf3"),
    )
    assert status.message == "Waiting for switches; not connected: leaf1; not confirmed by: leaf2, leaf3."
