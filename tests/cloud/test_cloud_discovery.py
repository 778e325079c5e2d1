"""Hosts on real switches that forge, replay, reflect and relay probes; links that flap or carry one way only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from click.testing import CliRunner, Result
from cloud_lab import WAIT, CloudLab, cloud_lab

from sdn.cli.main import cli
from sdn.graph import assign_interfaces, load_topology
from sdn.graph.write import to_yaml
from sdn.topology import lldp
from sdn.v1 import events_pb2 as epb
from sdn.v1 import topology_pb2 as tpb

pytestmark = pytest.mark.lab
FREE_A, FREE_B = "free1", "free2"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudLab]:
    """Two tenants, and on two leaves a host that nobody has bound. The wiring is declared interface by interface.

    A probe is good for three seconds, so that a slow machine does not make the attacker too late.
    """
    directory = tmp_path_factory.mktemp("discovery")
    plan = directory / "plan.yaml"
    plan.write_text(to_yaml(assign_interfaces(load_topology("leaf-spine:spines=2,leaves=2,hosts=4"))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SDN_PROBE_INTERVAL", "0.3")
        patch.setenv("SDN_PROBE_MISSES", "10")
        patch.setenv("SDN_DAMPING_HALF_LIFE", "4")
        with cloud_lab(str(plan), directory) as lab:
            lab.network.add_host(FREE_A, "leaf1", "f1")
            lab.network.add_host(FREE_B, "leaf2", "f2")
            yield lab


def sdnctl(lab: CloudLab, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--address", lab.daemon.address, *arguments])


def links(lab: CloudLab) -> set[tuple[str, str]]:
    found = (link for link in lab.client.topology().links if link.up)
    return {(f"{link.a.switch}:{link.a.interface}", f"{link.b.switch}:{link.b.interface}") for link in found}


def probe_at(lab: CloudLab, host: str) -> bytes:
    """The next probe that comes to a host."""
    for _ in range(2000):
        frames = [frame for frame in lab.network.received(host) if frame[12:14] == lldp.ETHERTYPE]
        if frames:
            return frames[-1]
        lab.network.settle()
    raise AssertionError(f"no probe came to {host}")


def newest(lab: CloudLab) -> int:
    return max((event.number for event in lab.client.events()), default=0)


def told(lab: CloudLab, after: int, reason: str, count: int = 1) -> list[epb.Event]:
    """So many events of a reason, the first ones behind a number."""
    found: list[epb.Event] = []
    with lab.client.watch_events(after + 1, reason=reason) as stream:
        for event in stream:
            found.append(event)
            if len(found) == count:
                return found
    raise AssertionError("the watch ended")


def told_of(lab: CloudLab, after: int, number: str, count: int) -> list[epb.Event]:
    """So many events of probes that were not believed at a port."""
    found: list[epb.Event] = []
    with lab.client.watch_events(after + 1, reason="ProbeRejected") as stream:
        for event in stream:
            found += [event] if event.details["port"] == number else []
            if len(found) == count:
                return found
    raise AssertionError("the watch ended")


def fault_told(lab: CloudLab, after: int, reason: str, kind: str) -> epb.Event:
    with lab.client.watch_events(after + 1, reason=reason) as stream:
        return next(event for event in stream if event.details["kind"] == kind)


def test_only_ports_that_are_not_bound_get_probes(lab: CloudLab) -> None:
    probe_at(lab, FREE_A)
    for host in lab.hosts:
        lab.network.received(host)  # from before they were bound
    for _ in range(3):
        probe_at(lab, FREE_B)
        for host in lab.hosts:
            assert [frame for frame in lab.network.received(host) if frame[12:14] == lldp.ETHERTYPE] == []


def test_forged_replayed_and_reflected_probes_make_no_link_and_are_told(lab: CloudLab) -> None:
    before, start = links(lab), newest(lab)
    genuine = probe_at(lab, FREE_A)
    parsed = lldp.parse(genuine)
    mac = genuine[6:12]
    forged = lldp.build(b"not the key, not the key", parsed.dpid, parsed.interface, mac, parsed.nonce, 4)
    elsewhere = lldp.build(b"not the key, not the key", 1, "leaf1-eth1", mac, bytes(16), 4)  # type: ignore[arg-type]
    malformed = genuine.replace(b"\x05f1", b"\x05\xff\xff")
    lab.network.send(FREE_A, genuine, forged, malformed)
    lab.network.send(FREE_B, elsewhere)
    found = told(lab, start, "ProbeRejected", 4)
    kinds = sorted((event.object, event.details["kind"]) for event in found)
    assert kinds == [("leaf1", "forged"), ("leaf1", "malformed"), ("leaf1", "reflected"), ("leaf2", "forged")]
    old = probe_at(lab, FREE_A)
    start = newest(lab)
    lab.network.send(FREE_B, old)
    lab.network.send(FREE_B, old)
    fault_told(lab, start, "ProbeRejected", "stale")
    lab.network.remove_host(FREE_A)
    lab.network.add_host(FREE_A, "leaf1", "f1")
    assert links(lab) == before


@pytest.mark.parametrize("own", [False, True], ids=["as it came", "with the MAC of its port"])
def test_a_bound_host_that_relays_or_forges_probes_makes_no_link_and_is_told(lab: CloudLab, own: bool) -> None:
    """The MAC is not signed: with its own a host passes CLASSIFY. Probes that left afterwards are believed as ever."""
    before, start = links(lab), newest(lab)
    bound, place = [(name, place) for name, place in lab.place.items() if place.switch == "leaf2"][own]
    mac = bytes.fromhex(lab.hosts[bound].mac.replace(":", ""))
    genuine = probe_at(lab, FREE_A)
    parsed = lldp.parse(genuine)
    forged = lldp.build(b"not the key, not the key", parsed.dpid, "f1", mac, parsed.nonce, 4)
    relayed = genuine[:6] + mac + genuine[12:] if own else genuine
    lab.network.send(bound, relayed, forged)
    number = str(lab.network.ports("leaf2")[place.interface])
    found = {(event.object, event.details["port"], event.details["kind"]) for event in told_of(lab, start, number, 2)}
    assert found == {("leaf2", number, "bound-port"), ("leaf2", number, "forged")}
    assert links(lab) == before


def relay(lab: CloudLab) -> bool:
    """Carry what comes to the two free hosts to the other one; whether it is a link by now."""
    for a, b in ((FREE_A, FREE_B), (FREE_B, FREE_A)):
        lab.network.send(b, probe_at(lab, a))
    return any("f1" in a + b for a, b in links(lab))


def test_a_relay_between_free_ports_is_told_and_ends_with_a_binding(lab: CloudLab) -> None:
    """What probes cannot tell from a cable: the declaration tells it. No link of others changes."""
    before, start = links(lab), newest(lab)
    assert any(relay(lab) for _ in range(20))
    assert before < links(lab)
    assert len(links(lab)) == len(before) + 1
    checked = sdnctl(lab, "topology", "check", "-o", "json")
    assert checked.exit_code == 1
    wrong = [line for line in json.loads(checked.stdout)["links"] if line["state"] != "ok"]
    assert [(line["state"], line["a"], line["b"]) for line in wrong] == [("unexpected", "leaf1:f1", "leaf2:f2")]
    while not any(event.number > start for event in lab.client.events(reason="WiringFault")):
        relay(lab)
    for host in (FREE_A, FREE_B):
        switch, interface = lab.network.hosts[host].switch, lab.network.hosts[host].interface
        lab.network.remove_host(host)
        lab.network.add_host(host, switch, interface)
    fault_told(lab, start, "WiringFaultCleared", "UnexpectedLink")
    assert links(lab) == before
    assert sdnctl(lab, "topology", "check").exit_code == 0


def test_a_link_that_carries_one_way_only_is_not_used_and_told(lab: CloudLab) -> None:
    """Somebody writes a flow above ours that swallows the probes of one direction."""
    before, start = links(lab), newest(lab)
    link = lab.network.link("leaf1", "spine1")
    (leaf, interface) = link.a if link.a[0] == "leaf1" else link.b
    number = lab.network.ports(leaf)[interface]
    match = f"table=0,priority=60000,in_port={number},dl_type=0x88cc"
    lab.network.ofctl(leaf, "add-flow", f"{match},actions=drop")
    try:
        event = fault_told(lab, start, "WiringFault", "OneWayLink")
        assert "spine1" in event.message
        assert len(links(lab)) == len(before) - 1
        lines = json.loads(sdnctl(lab, "topology", "check", "-o", "json").stdout)["links"]
        assert sorted(line["state"] for line in lines if line["state"] != "ok") == ["missing"]
    finally:
        lab.network.ofctl(leaf, "del-flows", "--strict", match)
    fault_told(lab, start, "WiringFaultCleared", "OneWayLink")
    lab.ready()
    assert links(lab) == before


def test_a_link_that_flaps_is_damped(lab: CloudLab) -> None:
    start = newest(lab)
    link = lab.network.link("leaf2", "spine2")
    for _ in range(20):
        lab.network.cut(link)
        assert any(state_of(lab, "leaf2", "spine2").up is False for _ in range(2000))
        lab.network.mend(link)
        lab.ready()
        if state_of(lab, "leaf2", "spine2").damped:
            break
    (event,) = told(lab, start, "LinkDamped")
    assert {event.details["a"].split(":")[0], event.details["b"].split(":")[0]} == {"leaf2", "spine2"}
    assert lab.differences(4) == "", "there is another way"
    assert sdnctl(lab, "topology", "check").exit_code == 0
    told(lab, start, "LinkReused")
    assert not state_of(lab, "leaf2", "spine2").damped


def state_of(lab: CloudLab, a: str, b: str) -> tpb.Link:
    return next(link for link in lab.client.topology().links if {link.a.switch, link.b.switch} == {a, b})


def test_latencies_are_measured_and_shown(lab: CloudLab) -> None:
    """Nothing is said about how long: the machine may be busy. The estimate is one of its samples' size."""
    for _ in range(20_000):
        found = lab.client.topology().links
        if all(link.HasField("measured") for link in found):
            break
    for link in found:
        assert link.measured.samples >= 10
        assert link.measured.latency_us < 1_000_000
        assert link.latency_us == 0, "routing keeps to what is declared unless told otherwise"
    assert "±" in sdnctl(lab, "topology", "show").stdout


def test_links_stand_while_a_new_daemon_discovers(lab: CloudLab) -> None:
    lab.wait_settled()
    before = links(lab)
    flows = {switch: flow_ages(lab, switch) for switch in lab.network.topology.switches}
    lab.daemon.stop(kill=True)
    lab.daemon.start()
    lab.daemon.wait_answers(lab.client)
    assert links(lab) == before, "before anybody has sent a probe"
    lab.ready()
    assert links(lab) == before
    for switch, known in flows.items():
        now = flow_ages(lab, switch)
        assert known.keys() <= now.keys()
        assert all(now[flow] >= age for flow, age in known.items()), "no flow was written anew"


def flow_ages(lab: CloudLab, switch: str) -> dict[str, float]:
    """Flow without statistics → seconds since it was written."""
    ages = {}
    for line in lab.network.flows(switch).splitlines():
        fields = [field.strip() for field in line.split(", ")]
        if "duration=" in line:
            age = next(field for field in fields if field.startswith("duration="))
            rest = [f for f in fields if not f.startswith(("duration=", "n_packets=", "n_bytes=", "idle_age="))]
            ages[", ".join(rest)] = float(age.removeprefix("duration=").rstrip("s"))
    return ages


def test_where_only_declared_links_are_used_a_relay_carries_nothing(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SDN_PROBE_MISSES", "10")
        patch.setenv("SDN_USE_LINKS", "declared")
        with cloud_lab("leaf-spine:spines=1,leaves=2,hosts=2", tmp_path) as lab:
            lab.network.add_host(FREE_A, "leaf1", "f1")
            lab.network.add_host(FREE_B, "leaf2", "f2")
            assert any(relay(lab) for _ in range(20))
            used = {link.a.interface: link.unused for link in lab.client.topology().links}
            assert {name: used[name] for name in used if name == "f1"} == {"f1": True}
            assert sum(used.values()) == 1
            assert not any(
                "in_port=" in line and "actions=goto_table:36" in line and accepts(lab, line)
                for line in lab.network.flows("leaf1").splitlines()
            )
            lab.client.wait_ready(WAIT)
            assert lab.differences(4) == ""


def accepts(lab: CloudLab, line: str) -> bool:
    """Whether a flow takes labels from the free port of leaf1."""
    return f"in_port={lab.network.ports('leaf1')['f1']}," in line or "in_port=f1," in line
