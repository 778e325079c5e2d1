"""The Mininet network of the runner by itself, with learning switches in place of a controller."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.system
pytest.importorskip("mininet.net", reason="Mininet's Python package is not installed")

from ipaddress import ip_interface  # noqa: E402

from sdn_lab import machine  # noqa: E402 - only where Mininet is
from sdn_lab.agents import AgentError, Agents  # noqa: E402
from sdn_lab.intent import Address, Endpoint, HostSettings  # noqa: E402
from sdn_lab.machine import MachineError  # noqa: E402
from sdn_lab.matrix import measure  # noqa: E402
from sdn_lab.network import MininetNetwork  # noqa: E402

from sdn.graph import load_topology  # noqa: E402

TOPOLOGY = load_topology("linear:switches=2,hosts=2")


def settings(n: int) -> HostSettings:
    return HostSettings(f"02:00:00:00:00:0{n}", (f"10.9.0.{n}/24", f"fd09::{n}/64"), ("10.9.0.254",), 1400)


@pytest.fixture(scope="module")
def network() -> Iterator[MininetNetwork]:
    with MininetNetwork(TOPOLOGY) as network:
        network.configure(
            {
                host.name: HostSettings(
                    f"02:00:00:00:00:0{n}", (f"10.9.0.{n}/24", f"fd09::{n}/64"), ("10.9.0.254",), 1400
                )
                for n, host in enumerate(TOPOLOGY.hosts, 1)
            }
        )
        network.wait_addresses(host.name for host in TOPOLOGY.hosts)
        yield network


@pytest.fixture
def agents(network: MininetNetwork) -> Iterator[Agents]:
    """Two isolated halves: hosts with odd and with even numbers, told apart by VLAN inside the switches."""
    for switch in network.topology.switches:
        for host in network.topology.hosts:
            if host.switch == switch:
                machine.run("ovs-vsctl", "set", "port", host.interface, f"tag={1 + int(host.name[1:]) % 2}")
        network.ofctl(switch, "add-flow", "actions=NORMAL")
    with Agents({host.name: network.node(host.name).popen for host in network.topology.hosts}) as agents:
        yield agents


def ends() -> list[Endpoint]:
    return [
        Endpoint(
            f"h{n}", "", "", str(n % 2), "", 1400,
            tuple(Address(ip_interface(text), "", "", "") for text in (f"10.9.0.{n}/24", f"fd09::{n}/64")),
        )
        for n in range(1, 5)
    ]  # fmt: skip


def pairs() -> set[tuple[str, str]]:
    return {(f"h{a}", f"h{b}") for a in range(1, 5) for b in range(1, 5) if a != b and a % 2 == b % 2}


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("protocol", ["ping", "udp", "tcp"])
def test_matrix(agents: Agents, version: int, protocol: str) -> None:
    result = measure(agents, ends(), pairs(), version, protocol)  # type: ignore[arg-type]
    assert result.explain() == ""
    assert len(result.tried) == 12
    everybody = {(a, b) for a, b in result.tried}
    wrong = measure(agents, ends(), everybody, version, protocol, timeout=0.1)  # type: ignore[arg-type]
    assert wrong.missing == everybody - pairs()
    nobody = measure(agents, ends(), set(), version, protocol, timeout=0.1)  # type: ignore[arg-type]
    assert nobody.leaks == pairs()
    assert "!" in nobody.table()
    assert "reaches" in nobody.explain()


def test_hosts_are_set_as_told(network: MininetNetwork) -> None:
    host = network.node("h1")
    shown = host.cmd("ip addr show h1-eth0; ip route; ethtool -k h1-eth0")
    for text in ("02:00:00:00:00:01", "10.9.0.1/24", "fd09::1/64", "mtu 1400", "fe80::ff:fe00:1/64", "via 10.9.0.254"):
        assert text in shown
    assert "tx-checksumming: off" in shown
    assert "tentative" not in shown


def test_cut_link_is_seen_by_both_switches_and_carries_nothing(network: MininetNetwork, agents: Agents) -> None:
    network.cut(("s1", "s2"))
    try:
        assert link_state(network, "s1", "s1-eth1") == link_state(network, "s2", "s2-eth1") == "LINK_DOWN"
        assert measure(agents, ends(), pairs(), timeout=0.1).missing == pairs()
    finally:
        network.mend(("s1", "s2"))
    assert measure(agents, ends(), pairs()).right


def link_state(network: MininetNetwork, switch: str, interface: str) -> str:
    """What OpenFlow says of a port; OVS takes a moment to hear of the kernel's news."""
    for _ in range(1000):
        text = network.ofctl(switch, "dump-ports-desc").split(f"({interface}):")[1].split("speed")[0]
        if "LINK_DOWN" in text:
            return "LINK_DOWN"
    return "LIVE"


def test_stopped_switch_is_gone_and_comes_back_empty(network: MininetNetwork, agents: Agents) -> None:
    network.stop_switch("s2")
    assert network.bridge_of("s2") not in machine.run("ovs-vsctl", "list-br").split()
    assert link_state(network, "s1", "s1-eth1") == "LINK_DOWN"
    network.start_switch("s2")
    assert "actions" not in network.flows("s2")
    for n in (3, 4):  # the ports were made anew
        machine.run("ovs-vsctl", "set", "port", TOPOLOGY.hosts[n - 1].interface, f"tag={1 + n % 2}")
    network.ofctl("s2", "add-flow", "actions=NORMAL")
    assert measure(agents, ends(), pairs()).right


def test_stream_counts_what_is_lost(agents: Agents) -> None:
    command = {"op": "stream", "interval": 0.002, "count": 100, "timeout": 1}
    measure(agents, ends(), pairs())
    good = agents.ask({"h1": {**command, "target": "10.9.0.3"}}, 2)["h1"]
    assert (good["sent"], good["lost"]) == (100, 0)
    bad = agents.ask({"h1": {**command, "target": "10.9.0.4"}}, 2)["h1"]
    assert (bad["sent"], bad["lost"]) == (100, 100)
    assert bad["gap"] >= 0.2


def test_broadcast_stays_in_its_half(agents: Agents) -> None:
    everybody = {name: {"op": "seen"} for name in ("h1", "h2", "h3", "h4")}
    agents.ask(everybody)
    agents.ask({"h1": {"op": "broadcast", "address": "10.9.0.255", "tag": "hello"}})
    saw: set[str] = set()
    for _ in range(1000):
        saw |= {name for name, answer in agents.ask(everybody).items() if "hello" in answer["tags"]}
        if "h3" in saw:
            break
    assert saw <= {"h1", "h3"}
    assert "h3" in saw


def test_whole_frames_are_sent_and_seen_though_meant_for_another(agents: Agents) -> None:
    everybody = {name: {"op": "seen"} for name in ("h1", "h2", "h3", "h4")}
    agents.ask(everybody)
    frame = bytes.fromhex("02000000ffff" + "020000000001" + "88b5") + b"sdn-lab:" + b"forged".ljust(32, b"\0")
    agents.ask({"h1": {"op": "frames", "frames": [frame.hex()]}})
    saw: set[str] = set()
    for _ in range(1000):
        saw |= {name for name, answer in agents.ask(everybody).items() if "forged" in answer["frames"]}
        if "h3" in saw:
            break
    assert saw == {"h3"}


def test_dead_agent_is_reported(network: MininetNetwork) -> None:
    with Agents({"h1": network.node("h1").popen}) as agents:
        agents._processes["h1"].send_signal(signal.SIGKILL)
        with pytest.raises((AgentError, BrokenPipeError)):
            agents.ask({"h1": {"op": "seen"}})


def test_names_that_are_taken_are_refused_and_nothing_is_touched(network: MininetNetwork) -> None:
    before = machine.taken_names()
    with pytest.raises(MachineError, match="already"), MininetNetwork(TOPOLOGY):
        pass
    assert machine.taken_names() == before


def test_bridge_names() -> None:
    names = machine.bridge_names(["leaf1", "a very long name indeed", "x.y", "eth0"], {"eth0", "sdn1-4"})
    assert names["leaf1"] == "leaf1"
    assert len(set(names.values())) == 4
    assert all(len(name) <= 15 for name in names.values())
    assert names["eth0"] == "sdn2-4"


def test_everything_is_taken_away_even_after_an_error() -> None:
    before = machine.taken_names()
    made = MininetNetwork(load_topology("leaf-spine:spines=1,leaves=2,hosts=1"))
    with pytest.raises(MachineError, match="h1 cannot be set"):
        _break(made)
    assert machine.taken_names() == before


def _break(made: MininetNetwork) -> None:
    with made:
        machine.run("ovs-vsctl", "del-br", made.bridge_of("leaf2"))
        made.configure({"h1": HostSettings("02:00:00:00:00:01", (), ("10.9.9.9",))})


def test_runner_reports_errors_and_ends_with_1() -> None:
    runner = Path(__file__).parents[2] / "mininet" / "run.py"
    done = subprocess.run(
        [sys.executable, str(runner), "--topology", "nonsense"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "nonsense" in done.stderr
    assert "Traceback" not in done.stderr
    listed = subprocess.run(
        [sys.executable, str(runner), "--topology", "leaf-spine:spines=2,leaves=3,hosts=4", "--hosts"],
        capture_output=True, text=True, timeout=60, check=False, env={**os.environ},
    )  # fmt: skip
    assert listed.stdout.splitlines()[0].split() == ["h1", "leaf1", "leaf1-eth3"]
