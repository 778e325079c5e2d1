"""Probes of bare circuits on real switches: what they verify and find; none leaves, no frame of a customer is one."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from cloud_lab import WAIT, CloudLab, cloud_lab
from observer import Observer
from probe_free import ALIEN, no_probe_at_hosts, take_back

from sdn.pipeline.layout import PROBE_HOPS, PROBE_MAC_PREFIX, PROBE_QUIET
from sdn.topology.pathprobe import MAGIC
from sdn.v1 import resources_pb2 as pb

pytestmark = pytest.mark.lab
NAME, OTHER = "tenants/red/connections/line", "tenants/red/connections/other"
Told = tuple[str, str, str, str]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudLab]:
    """Of each leaf the last two hosts have no port: their interfaces are free."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SDN_PATH_PROBE_INTERVAL", "1")
        with cloud_lab("leaf-spine:spines=2,leaves=2,hosts=6,capacity=1G", tmp_path_factory.mktemp("lines")) as lab:
            for host in lab.free():
                lab.client.ports.delete(lab.port_of(host), wait=WAIT)
            yield lab


@pytest.fixture
def lab(shared: CloudLab) -> Iterator[CloudLab]:
    """Without circuits and without what was done to switches when a test ends; and no host has got a probe."""
    with no_probe_at_hosts(shared):
        yield shared
        take_back(shared)
    shared.ready()


def circuit(
    lab: CloudLab, a: str, b: str, tags: tuple[str, str] = ("", ""), *, name: str = NAME, ceiling: int = 0
) -> pb.Connection:
    ends = [f"{lab.place[host].switch}:{lab.place[host].interface}{tag}" for host, tag in ((a, tags[0]), (b, tags[1]))]
    return pb.Connection(name=name, a=ends[0], b=ends[1], bandwidth_bps=10**8, ceiling_bps=ceiling)


class States(Observer[Told]):
    """(state, reason, spine, message) of the circuit as a watcher sees them; a circuit within a switch has no spine."""

    def __init__(self, lab: CloudLab, name: str = NAME) -> None:
        self._name = name
        super().__init__(lab.client.connections.watch(), self._of)

    def _of(self, change: object) -> Told | None:
        resource = change.resource  # type: ignore[attr-defined]
        status = resource.status
        if resource.name != self._name or not status.path:
            return None
        spine = status.path[1].switch if len(status.path) > 1 else ""
        return pb.State.Name(status.state), status.reason, spine, status.message


def verified(states: States) -> list[Told]:
    return states.until(lambda known: bool(known) and known[-1][0] == "VERIFIED")


def found(states: States, reason: str) -> list[Told]:
    """Until it was DEGRADED for this, and is VERIFIED again."""
    states.until(lambda known: ("DEGRADED", reason) in [item[:2] for item in known])
    return verified(states)


def until(lab: CloudLab, wanted: Callable[[pb.ResourceStatus], bool]) -> pb.ResourceStatus:
    deadline = time.monotonic() + WAIT
    while not wanted(status := lab.client.connections.get(NAME).status):
        assert time.monotonic() < deadline, status
    return status


def carried(lab: CloudLab, source: str, *sent: bytes) -> dict[str, list[bytes]]:
    """What comes out, and where; without the probes by which discovery looks for links at free interfaces."""
    found = {host: [f for f in got if f[12:14] != b"\x88\xcc"] for host, got in lab.arrivals(source, *sent).items()}
    return {host: got for host, got in found.items() if got}


@pytest.mark.parametrize("tags", [("", ""), ("@100", "@200"), ("@untagged", "@300")], ids=["all", "vlans", "untagged"])
@pytest.mark.parametrize("far", [True, False], ids=["far", "one-switch"])
def test_a_circuit_is_verified_and_its_latency_told(lab: CloudLab, tags: tuple[str, str], far: bool) -> None:
    a, near, b, _ = lab.free()
    with States(lab) as states:
        lab.client.connections.create(circuit(lab, a, b if far else near, tags, ceiling=10**8), wait=WAIT)
        verified(states)
    status = until(lab, lambda status: bool(status.probes.latency_us))
    assert status.path == status.realised_path == status.verified_path
    assert status.probes.lost == 0
    counting = [line for line in lab.network.flows("leaf1").splitlines() if "table=30" in line and "reg1=" in line]
    assert counting, "its frames are counted"
    assert all("n_packets=0," in line for line in counting), "and probes are not"


def test_entries_that_are_deleted_are_written_again_and_a_detour_is_told_as_one(lab: CloudLab) -> None:
    """Of one circuit what wraps and what unwraps, at both leaves; another one is led off its path."""
    a, a2, b, b2 = lab.free()
    lab.client.connections.create(circuit(lab, a2, b2, name=OTHER), wait=WAIT)
    (sender,) = re.findall(r"table=32,.*(reg1=0x\w+)", lab.network.flows("leaf2"))
    with States(lab) as states, States(lab, OTHER) as others:
        lab.client.connections.create(circuit(lab, a, b), wait=WAIT)
        verified(states)
        verified(others)
        detour = f"{ALIEN},table=32,priority=60000,mpls,{sender},actions=resubmit(,34)"
        lab.network.ofctl("leaf2", "add-flow", detour)
        port = lab.network.ports("leaf1")[lab.place[a].interface]
        lab.network.ofctl("leaf1", "del-flows", f"table=0,in_port={port}")
        lab.network.ofctl("leaf2", "del-flows", "table=40,mpls")
        others.until(lambda known: ("DEGRADED", "ProbeDetoured") in [item[:2] for item in known])
        lab.network.ofctl("leaf2", "del-flows", f"{ALIEN}/-1")
        found(states, "ProbeLost")
        verified(others)
    for leaf in ("leaf1", "leaf2"):
        assert not lab.client.audit(leaf).missing, "the switches were read back, and written, at once"
    frame = bytes(range(200))
    assert carried(lab, a, frame) == {b: [frame]}


def test_a_link_that_loses_what_is_labelled_is_left(lab: CloudLab) -> None:
    a, _, b, _ = lab.free()
    with States(lab) as states:
        lab.client.connections.create(circuit(lab, a, b), wait=WAIT)
        spine = verified(states)[-1][2]
        cable = lab.network.link("leaf1", spine)
        interface = next(end[1] for end in (cable.a, cable.b) if end[0] == spine)
        number = lab.network.ports(spine)[interface]
        lab.network.ofctl(spine, "add-flow", f"{ALIEN},priority=60000,mpls,in_port={number},actions=drop")
        known = found(states, "ProbeLost")
        (message,) = {item[3] for item in known if item[:2] == ("DEGRADED", "ProbeLost")}
        assert message.endswith(f"are lost between leaf1 and {spine}.")
        assert known[-1][2] != spine
    lab.forget_caches()
    frame = bytes(range(200))
    assert carried(lab, a, frame) == {b: [frame]}


def test_frames_that_look_like_probes_come_out_as_they_went_in(lab: CloudLab) -> None:
    """Also within a switch; while no daemon runs, so that nothing of its own meets the entries for probes."""
    a, near, b, _ = lab.free()
    with States(lab) as states, States(lab, OTHER) as others:
        lab.client.connections.create(circuit(lab, a, b, ("@100", "@100")), wait=WAIT)
        lab.client.connections.create(circuit(lab, a, near, ("@untagged", "@untagged"), name=OTHER), wait=WAIT)
        verified(states)
        verified(others)
    lab.daemon.stop(kill=True)
    macs = [PROBE_MAC_PREFIX + bytes([kind]) for kind in (PROBE_QUIET, PROBE_HOPS)]
    labels = [b"\x42\x00\x01\x00\x00\x01", b"\x82\x00\x01\x00\x00\x01"]
    before = counts(lab)
    for target, tag in ((b, b"\x81\x00\x00\x64"), (near, b"")):
        sent = [to + mac + tag + b"\x88\xb5" + MAGIC + bytes(60) for mac in macs for to in (*macs, *labels)]
        assert carried(lab, a, *sent) == {target: sent}
        assert carried(lab, target, *sent) == {a: sent}
    assert counts(lab) == before, "none came to an entry for probes"
    lab.daemon.start()
    lab.ready()
    until(lab, lambda status: status.state == pb.VERIFIED)
    for host in lab.hosts:  # what looks like a probe here was sent by a host
        lab.network.received(host)


def counts(lab: CloudLab) -> dict[str, list[str]]:
    """What the entries for probes have counted."""
    found = {}
    for switch in lab.network.topology.switches:
        lines = [line for line in lab.network.flows(switch).splitlines() if "reg7" in line]
        assert len(lines) == 5
        found[switch] = [f"{re.findall('table=[0-9]+', line)} {re.findall('n_packets=[0-9]+', line)}" for line in lines]
    return found
