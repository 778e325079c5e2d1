"""Traces in the data plane on real switches: what is to blame where a probe is lost, and that no host gets it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from cloud_lab import WAIT, CloudLab, cloud_lab
from probe_free import ALIEN, no_probe_at_hosts, take_back

from sdn.client import ApiError
from sdn.v1 import trace_pb2 as pb

pytestmark = pytest.mark.lab
Live = pb.LiveTrace
PORTS = range(8000, 8008)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudLab]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SDN_PROBE_INTERVAL", "5")  # a cable that loses everything is not noticed at once
        with cloud_lab("leaf-spine:spines=2,leaves=2,hosts=4,capacity=1G", tmp_path_factory.mktemp("live")) as lab:
            yield lab


@pytest.fixture
def lab(shared: CloudLab) -> Iterator[CloudLab]:
    """Repaired when a test ends; and no host has seen anything of a probe."""
    with no_probe_at_hosts(shared):
        yield shared
    take_back(shared)
    for switch in shared.network.topology.switches:
        shared.client.audit(switch)
    shared.ready()
    shared.forget_caches()


def live(lab: CloudLab, source: str, target: str, **fields: Any) -> pb.TracePacketResponse:
    """The answer, when there are probes to spend."""
    deadline = time.monotonic() + WAIT
    while True:
        try:
            return lab.client.trace(lab.port_of(source), lab.port_of(target), live=True, **fields)
        except ApiError as error:
            if error.code.name != "RESOURCE_EXHAUSTED" or time.monotonic() > deadline:
                raise


def far(lab: CloudLab) -> tuple[str, str]:
    """h1 and a host of its network on the other leaf."""
    return "h1", next(host for host in lab.members("h1") if lab.place[host].switch != lab.place["h1"].switch)


def way(found: pb.TracePacketResponse) -> list[str]:
    """The switches that a probe has passed or arrived at."""
    return [hop.switch for hop in found.live.hops if hop.event != "sent"]


def blamed(found: pb.TracePacketResponse) -> tuple[str, str, str, str]:
    assert found.live.verdict == Live.LOST, found.live
    loss = found.live.loss
    return loss.after, loss.before, pb.LiveLoss.Fault.Name(loss.fault), loss.switch


def test_of_equal_ways_it_takes_the_one_that_the_packet_takes(lab: CloudLab) -> None:
    source, target = far(lab)
    taken = set()
    for port in PORTS:
        found = live(lab, source, target, protocol="TCP", port=port)
        assert found.live.verdict == Live.ARRIVED, found.live
        spine = way(found)[1]
        taken.add(spine)
        assert {step.switch for step in found.parts[-1].steps} >= {"spine1", "spine2"}, "on paper both"
        before = through(lab, spine)
        assert lab.arrivals(source, *[found.parts[-1].frame] * 50).keys() == {target}
        assert through(lab, spine) - before >= 50, "the host's packets of the same headers go there"
    assert taken == {"spine1", "spine2"}


def through(lab: CloudLab, switch: str) -> int:
    """Frames that left a switch."""
    return sum(counter.tx_packets for counter in lab.network.counters(switch).values())


@pytest.mark.parametrize(
    ("where", "match"),
    [
        ("ingress", "table=0,dl_src={mac}"),
        ("ingress", "table=20"),
        ("ingress", "table=36,dl_dst=42:00:00:00:00:00/c3:00:00:00:00:00"),
        ("spine", "table=36,dl_dst=42:00:00:00:00:00/c3:00:00:00:00:00"),
        ("egress", "table=36,dl_dst=42:00:00:00:00:00/c3:00:00:00:00:00"),
        ("egress", "table=40,dl_dst={service}"),
    ],
)
def test_a_flow_deleted_by_hand_is_told_where_it_is_missing(lab: CloudLab, where: str, match: str) -> None:
    source, target = far(lab)
    here, spine, there, _ = way(live(lab, source, target, protocol="TCP", port=80))
    switch = {"ingress": here, "spine": spine, "egress": there}[where]
    services = re.findall(r"table=40,.*dl_dst=(\S+/00:00:00:ff:ff:ff)", lab.network.flows(switch))
    for service in services if "{service}" in match else [""]:
        lab.network.ofctl(switch, "del-flows", match.format(mac=lab.hosts[source].mac, service=service))
    lab.forget_caches()
    found = live(lab, source, target, protocol="TCP", port=80)
    assert found.verdict == pb.TracePacketResponse.DELIVERED, "on paper"
    after, _, fault, blame = blamed(found)
    assert (fault, blame) == ("IN_SWITCH", switch), found.live.reason
    assert after == ("" if "table=0" in match or "table=20" in match else switch)
    steps = {step.number: step for step in found.parts[-1].steps}
    assert {steps[number].switch for number in found.live.loss.steps} == {switch}, "what should have happened there"
    report = lab.client.audit(switch)
    assert report.missing, "the remedy that is told"
    lab.ready()
    lab.forget_caches()
    assert live(lab, source, target, protocol="TCP", port=80).live.verdict == Live.ARRIVED


def test_a_link_that_carries_nothing_any_more_is_told(lab: CloudLab) -> None:
    source, target = far(lab)
    here, spine, there, _ = way(live(lab, source, target, protocol="TCP", port=80))
    link = lab.network.link(spine, there)
    ends = dict((link.a, link.b))
    lab.network.ofctl(spine, "mod-port", ends[spine], "no-forward")
    try:
        lab.forget_caches()
        found = live(lab, source, target, protocol="TCP", port=80)
    finally:
        lab.network.ofctl(spine, "mod-port", ends[spine], "forward")
    assert blamed(found) == (spine, there, "ON_LINK", ""), found.live.reason
    loss = found.live.loss
    assert (loss.after_interface, loss.before_interface) == (ends[spine], ends[there])
    assert f"the link {spine}:{ends[spine]} - {there}:{ends[there]} loses it" in found.live.reason
    assert way(found) == [here, spine]


def test_frames_that_the_next_switch_drops_are_told(lab: CloudLab) -> None:
    source, target = far(lab)
    _, spine, there, _ = way(live(lab, source, target, ip_version=6))
    link = lab.network.link(spine, there)
    number = lab.network.ports(there)[dict((link.a, link.b))[there]]
    drop = f"{ALIEN},priority=60000,in_port={number},dl_dst=02:00:00:00:00:00/03:00:00:00:00:00,actions=drop"
    lab.network.ofctl(there, "add-flow", drop)
    lab.forget_caches()
    found = live(lab, source, target, ip_version=6)
    assert blamed(found) == (spine, there, "IN_SWITCH", there), found.live.reason


def test_a_cut_link_is_gone_round(lab: CloudLab) -> None:
    source, target = far(lab)
    here, spine, *_ = way(live(lab, source, target, protocol="TCP", port=80))
    lab.network.cut(lab.network.link(here, spine))
    try:
        wait_for(lab, 3)
        found = live(lab, source, target, protocol="TCP", port=80)
        other = {"spine1": "spine2", "spine2": "spine1"}[spine]
        assert (found.live.verdict, way(found)[1]) == (Live.ARRIVED, other), found.live
        lab.network.cut(lab.network.link(here, other))
        wait_for(lab, 2)
        alone = live(lab, source, target, protocol="TCP", port=80)
        assert (alone.live.verdict, alone.verdict) == (Live.ENDED, pb.TracePacketResponse.NOT_DELIVERED), alone.live
        assert not alone.live.HasField("loss"), "by the programs it must not arrive"
    finally:
        for name in ("spine1", "spine2"):
            lab.network.mend(lab.network.link(here, name))
        wait_for(lab, 4)


def wait_for(lab: CloudLab, links: int) -> None:
    """Until so many links are up, and traffic goes where it should."""
    deadline = time.monotonic() + WAIT
    while sum(link.up for link in lab.client.topology().links) != links:
        assert time.monotonic() < deadline, f"there are not {links} links"
    lab.wait_settled()


def test_what_a_switch_answers_itself_does_not_come_back_to_the_port(lab: CloudLab) -> None:
    """It enters as a probe does: an entry that sends back where a packet came from sends it nowhere."""
    host, switch, interface = lab.hosts["h1"], lab.place["h1"].switch, lab.place["h1"].interface
    frame = lab.client.trace(lab.port_of("h1"), "10.0.1.1", protocol="ARP").parts[0].frame
    assert lab.arrivals("h1", frame).keys() == {"h1"}, "the host's own question is answered"
    number = lab.network.ports(switch)[interface]
    answers = counted(lab, switch, "10.0.1.1")
    actions = f"load:0x80000002->NXM_NX_REG7[],resubmit({number},0)"
    lab.network.ofctl(switch, "packet-out", f"in_port=controller packet={frame.hex()} actions={actions}")
    lab.network.settle()
    assert counted(lab, switch, "10.0.1.1") == answers + 1, "it was answered"
    assert lab.network.received(host.name) == []


def counted(lab: CloudLab, switch: str, address: str) -> int:
    """Questions for an address that a switch has answered; red's network is the first one."""
    lines = [line for line in lab.network.flows(switch).splitlines() if f"arp_tpa={address},arp_op=1" in line]
    return sum(int(re.search(r"n_packets=(\d+)", line)[1]) for line in lines)  # type: ignore[index]


def test_a_client_that_knows_nothing_but_the_address(lab: CloudLab) -> None:
    source, target = far(lab)
    with grpc.insecure_channel(lab.daemon.address) as channel:
        pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        method = pool.FindServiceByName("sdn.v1.TraceService").methods_by_name["TracePacketLive"]
        make = message_factory.GetMessageClass(method.input_type)
        request = make(source=lab.port_of(source), destination=lab.port_of(target))
        response = message_factory.GetMessageClass(method.output_type)
        path = f"/{method.containing_service.full_name}/{method.name}"
        call = channel.unary_unary(path, make.SerializeToString, response.FromString)
        found = json_format.MessageToDict(call(request, timeout=5))
    assert found["live"]["verdict"] == "ARRIVED"
    assert found["live"]["hops"][-1]["port"] == lab.port_of(target)
