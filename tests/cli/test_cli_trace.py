"""sdnctl trace: the tree that people read, and exit codes."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

sys.path.append(str(Path(__file__).resolve().parents[1] / "controller"))

from simulation import Simulation

from sdn.controller.questions.views import Views
from sdn.model.intent import Binding, Network, Port, Subnet, Tenant
from sdn.model.tracing import Fault, LiveHop, LiveLoss, LiveTrace, LiveVerdict, TraceQuestion, TraceView

RED = "tenants/red"


@pytest.fixture(scope="module")
def sim() -> Simulation:
    sim = Simulation("leaf-spine:spines=2,leaves=2,hosts=1")
    sim.connect()
    sim.run(3)
    sim.put(Tenant(name=RED), Network(name=f"{RED}/networks/a"))
    sim.put(Subnet(name=f"{RED}/subnets/a", network=f"{RED}/networks/a", cidr=ip_network("10.0.1.0/24")))
    for n, host in enumerate(sim.declared.hosts, 1):
        place = Binding(switch=host.switch, interface=host.interface)
        name, mac, address = f"{RED}/ports/h{n}", f"02:00:00:00:00:0{n}", ip_address(f"10.0.1.1{n}")
        sim.put(Port(name=name, network=f"{RED}/networks/a", mac=mac, addresses=(address,), binding=place))
    sim.run(3)
    return sim


@pytest.fixture
def trace(sim: Simulation, daemon: Any, run: Any) -> Any:
    daemon.trace = Views(sim.controller, "1", 0.0).trace

    def trace(*arguments: str) -> Result:
        result: Result = run("trace", *arguments)
        return result

    return trace


def test_the_tree_tells_the_way(trace: Any) -> None:
    result = trace("h1", "h2", "-t", "red", "--tcp", "80")
    assert result.exit_code == 0
    question, packet, verdict = result.stdout.rstrip("\n").split("\n\n")
    assert question.splitlines()[0] == "ARP: who has 10.0.1.12?"
    lines = packet.splitlines()
    assert lines[0] == "TCP port 80 from 10.0.1.11 to 10.0.1.12, 40 bytes"
    assert lines[1] == f"  leaf1: in by leaf1-eth3, {RED}/ports/h1"
    assert lines[2].startswith("    classify: in_port=")
    assert lines[2].endswith(f"[{RED}/ports/h1 attach]")
    assert lines[3] == f"        network={RED}/networks/a, sender={RED}/ports/h1"
    words = [line.strip() for line in lines]
    assert words.count("32 of 64") == 2
    assert "spine1: in by spine1-eth1" in words
    assert lines[-1].strip() == f"* to {RED}/ports/h2"
    assert verdict == f"delivered: it reaches {RED}/ports/h2; 4 switches may take part"


def test_drops_tell_the_reason_and_the_exit_code(trace: Any) -> None:
    result = trace("h1", "10.0.1.77", "-t", "red")
    assert result.exit_code == 1
    assert f"      * nobody in {RED}/networks/a has 10.0.1.77, so ARP is not answered" in result.stdout.splitlines()
    forged = trace(f"{RED}/ports/h1", "h2", "-t", "red", "--from-mac", "02:00:00:00:00:99")
    assert forged.exit_code == 1
    assert "    classify: no match" in forged.stdout.splitlines()
    missing = trace("h9", "h2", "-t", "red")
    assert (missing.exit_code, missing.stderr) == (
        1,
        f"sdnctl: source: there is no port {RED}/ports/h9. List the ports to find its name.\n",
    )


@pytest.mark.parametrize(
    ("body", "says"), [(b"", "some of several equal ways"), (b"\x00\x63\x00\x08" + bytes(4), "cannot be told")]
)
def test_what_is_not_certain_has_its_own_exit_code(trace: Any, sim: Simulation, body: bytes, says: str) -> None:
    """One of two spines drops everything, or does something that nobody knows."""
    flows = sim.controller.compiler.programs[sim.devices["spine1"].dpid].flows
    before = dict(flows)
    try:
        flows.update({key: body for key in flows if key[0] == 36})
        result = trace("h1", "h2", "-t", "red")
    finally:
        flows.update(before)
    assert result.exit_code == 4
    assert says in result.stdout.splitlines()[-1]


def test_forms_of_output(trace: Any) -> None:
    found = json.loads(trace("h1", "h2", "-t", "red", "-o", "json").stdout)
    assert found["verdict"] == "DELIVERED"
    assert bytes.fromhex(found["parts"][0]["frame"])[:6] == b"\xff" * 6
    assert found["parts"][1]["steps"][0]["doing"] == "arrive"
    assert trace("h1", "h2", "-t", "red", "-o", "name").stdout == f"{RED}/ports/h2\n"
    verbose = trace("h1", "h2", "-t", "red", "-v").stdout
    assert "        goto_table:10" in verbose.splitlines()
    frame = trace("h1", "--frame", "ff:ff:ff:ff:ff:ff" + "020000000001" + "88b5" + "00" * 46, "-t", "red")
    assert frame.stdout.splitlines()[0] == "a frame of 60 bytes"
    assert frame.exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("h1", "-t", "red"), "give either DST, or --frame HEX"),
        (("h1", "h2", "-t", "red", "--frame", "00"), "give either DST, or --frame HEX"),
        (("h1", "-t", "red", "--frame", "xy"), "--frame takes hexadecimal digits"),
        (("h1", "h2", "-t", "red", "--tcp", "80", "--udp", "53"), "give one of --tcp, --udp and --arp"),
        (("h1", "h2", "-t", "red", "--tcp", "80", "--arp"), "give one of --tcp, --udp and --arp"),
        (("h1", "h2"), "'h1' is in which tenant?"),
    ],
)
def test_wrong_command_lines(trace: Any, arguments: tuple[str, ...], says: str) -> None:
    result = trace(*arguments)
    assert result.exit_code == 2
    assert says in result.stderr or says.replace("h1", "h2") in result.stderr


def test_a_probe_is_told_hop_by_hop_and_has_its_own_exit_code(trace: Any, daemon: Any) -> None:
    strange = LiveHop("leaf2", "passed", "eth1", after=(300, 20), expected=False)
    hops = (LiveHop("leaf1", "sent", after=(0, 0)), strange, LiveHop("leaf3", "arrived", port=f"{RED}/ports/h2"))

    async def trace_live(asked: TraceQuestion, caller: str) -> TraceView:
        view: TraceView = daemon.trace(asked)
        return replace(view, live=LiveTrace(LiveVerdict.DETOURED, "it strayed", hops))

    daemon.trace_live = trace_live
    result = trace("h1", "h2", "-t", "red", "--live")
    assert result.exit_code == 5
    *_, probe, verdict = result.stdout.rstrip("\n").split("\n\n")
    assert probe.splitlines() == [
        "probe",
        "     0.00 ms +-0.00   leaf1: sent",
        "     0.30 ms +-0.02   leaf2: passed by eth1  * not by the programs",
        "  ?                   leaf3: arrived for tenants/red/ports/h2",
    ]
    assert verdict == "the probe strayed: it strayed"


def test_of_a_lost_probe_it_tells_what_should_have_happened_there(trace: Any, daemon: Any) -> None:
    async def trace_live(asked: TraceQuestion, caller: str) -> TraceView:
        view: TraceView = daemon.trace(asked)
        here = [step.number for step in view.parts[-1].steps if step.switch == "leaf1" and step.table == "fabric"]
        loss = LiveLoss("leaf1", "spine1", "a", "b", Fault.SWITCH, "leaf1", tuple(here))
        return replace(view, live=LiveTrace(LiveVerdict.LOST, "it was seen last in leaf1", (), loss))

    daemon.trace_live = trace_live
    result = trace("h1", "h2", "-t", "red", "--live")
    assert result.exit_code == 5
    *_, lost, verdict = result.stdout.rstrip("\n").split("\n\n")
    title, step = lost.splitlines()
    assert title == "what should have happened where it was lost"
    assert step.strip().startswith("fabric: dl_dst=42:")
    assert verdict == "the probe was lost: it was seen last in leaf1"
    found = json.loads(trace("h1", "h2", "-t", "red", "--live", "-o", "json").stdout)
    assert (found["live"]["loss"]["fault"], found["live"]["loss"]["switch"]) == ("IN_SWITCH", "leaf1")
