"""What goes wrong around real switches and a real sdnd: packets go on as far as they can, and all is well afterwards.

Every test leaves the network of its module as it found it, so their order does not matter.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import networkx as nx
import pytest
from cloud_lab import WAIT, CloudLab, cloud_lab

from sdn.client import Client
from sdn.lab.daemon import Daemon, free_port
from sdn.model.topology import DeclaredLink
from sdn.v1 import resources_pb2 as pb

pytestmark = pytest.mark.lab
SPEC = "random-regular:switches=6,degree=3,seed=1,hosts=1"
STORMS = 3
COOKIE = "0x7e57"
"""Of an entry that is nobody's, which sdnd leaves alone."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudLab]:
    """Every switch is an Open vSwitch of its own."""
    with cloud_lab(SPEC, tmp_path_factory.mktemp("faults"), daemons="each") as lab:
        yield lab


@pytest.fixture
def lab(whole: CloudLab) -> Iterator[CloudLab]:
    """In order, before and after a test."""
    whole.ready()
    yield whole
    whole.ready()
    assert whole.differences(4) == ""


def until(done: Callable[[], bool], what: str) -> None:
    """Wait for something that is not told, with a deadline."""
    end = time.monotonic() + WAIT
    while not done():
        assert time.monotonic() < end, f"not within {WAIT:g} s: {what}"


def reached(lab: CloudLab) -> None:
    """Everybody reaches whom they must, before long: what was lost meanwhile is not waited for, but sent again."""
    until(lambda: lab.differences(4, timeout=1.0) == "", "everybody is reached")


def told(client: Client, reason: str) -> set[str]:
    """Objects of events with this reason."""
    return {event.object for event in client.events(reason=reason)}


def storm(lab: CloudLab) -> list[DeclaredLink]:
    """As many links as can fail at once without dividing the network."""
    graph = nx.MultiGraph()
    links: list[DeclaredLink] = []
    for link in lab.network.topology.links:
        before = nx.number_connected_components(graph)
        graph.add_nodes_from((link.a[0], link.b[0]))
        joined = nx.has_path(graph, link.a[0], link.b[0]) if before else False
        if joined:
            links.append(link)
        else:
            graph.add_edge(link.a[0], link.b[0])
    return links


def test_link_storms(lab: CloudLab) -> None:
    links = storm(lab)
    assert len(links) >= 4
    for _ in range(STORMS):
        for link in links:
            lab.network.cut(link)
        for link in links:
            lab.network.mend(link)
    for link in links:
        lab.network.cut(link)
    reached(lab)
    for link in links:
        lab.network.mend(link)


def test_a_flapping_port(lab: CloudLab) -> None:
    link = lab.network.topology.links[0]
    for _ in range(5):
        lab.network.cut(link)
        assert lab.differences(4) == ""
        lab.network.mend(link)
        until(lambda: up(lab, link.a), "the link is back")
    until(lambda: bool(told(lab.client, "LinkDamped")), "the link is damped")
    assert lab.differences(4) == ""


def test_one_direction_dead(lab: CloudLab) -> None:
    """Frames vanish in one direction while both ports stay up: only probes can tell."""
    link = lab.network.topology.links[0]
    (switch, interface), other = link.b, link.a
    port = lab.network.ports(switch)[interface]
    lab.network.ofctl(switch, "add-flow", f"cookie={COOKIE},table=0,priority=65535,in_port={port},actions=drop")
    try:
        until(lambda: not up(lab, other), "the link is lost")
        reached(lab)
    finally:
        lab.network.ofctl(switch, "del-flows", f"cookie={COOKIE}/-1")


def up(lab: CloudLab, end: tuple[str, str]) -> bool:
    """Whether the link at an interface is up."""
    links = lab.client.topology().links
    return next(
        link.up for link in links if end in ((link.a.switch, link.a.interface), (link.b.switch, link.b.interface))
    )


def test_a_switch_that_restarts_empty(lab: CloudLab) -> None:
    switch = next(iter(lab.network.topology.switches))
    lab.network.stop_switch(switch)
    lab.network.start_switch(switch)
    lab.ready()
    assert lab.network.flows(switch).count("actions=") > 50
    reached(lab)


def test_open_vswitch_is_killed_and_started(lab: CloudLab) -> None:
    switch = list(lab.network.topology.switches)[1]
    ovs = lab.network.ovs_of(switch)
    ovs.stop_vswitchd(kill=True)
    ovs.start_vswitchd()
    lab.ready()
    reached(lab)


def test_control_is_lost_and_the_data_plane_lives(lab: CloudLab) -> None:
    lab.ready()
    target = f"tcp:127.0.0.1:{lab.daemon.openflow}"
    # Without any controller Open vSwitch would empty its tables (ofproto_flush_flows in its connmgr.c).
    lab.network.set_controller(f"tcp:127.0.0.1:{free_port()}")
    until(lambda: lab.client.status().switches_connected == 0, "nobody is connected")
    assert lab.differences(4) == ""
    link = lab.network.topology.links[0]
    lab.network.cut(link)
    assert lab.differences(4) == ""
    lab.network.mend(link)
    lab.network.set_controller(target)
    lab.ready()
    for switch in lab.network.topology.switches:
        report = lab.client.audit(switch)
        assert (report.missing, report.changed, report.extra) == (0, 0, 0), report
    reached(lab)


@contextmanager
def paused(pid: int) -> Iterator[None]:
    """A process that does nothing meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_slow_switch_keeps_nobody_else_waiting(lab: CloudLab) -> None:
    slow, other = list(lab.network.topology.switches)[:2]
    for switch in (slow, other):
        lab.network.add_host(f"new-{switch}", switch, f"new-{switch}")
    objects: list[object] = [pb.Tenant(name="tenants/new"), pb.Network(name="tenants/new/networks/n")]
    lab.client.apply([*objects, pb.Subnet(name="tenants/new/subnets/s", network="n", cidr="10.9.0.0/24")], wait=WAIT)
    ports = [
        pb.Port(
            name=f"tenants/new/ports/{switch}",
            network="n",
            binding=pb.Binding(switch=switch, interface=f"new-{switch}"),
        )
        for switch in (other, slow)
    ]
    try:
        with paused(lab.network.ovs_of(slow).pids[1]):
            first = lab.client.ports.create(ports[0], wait=WAIT)
            assert first.status.state == pb.PROGRAMMED
            second = lab.client.ports.create(ports[1], wait=0.5)
            assert second.status.state == pb.PENDING
            assert slow in second.status.switches_pending
        until(lambda: lab.client.ports.get(second.name).status.state == pb.PROGRAMMED, "it is programmed")
    finally:
        lab.client.apply([], deletes=[port.name for port in ports], wait=WAIT)
        lab.client.apply([], deletes=["tenants/new/subnets/s", "tenants/new/networks/n", "tenants/new"], wait=WAIT)
        for switch in (slow, other):
            lab.network.remove_host(f"new-{switch}")


MOMENTS = ["at once", "when the first switch changes", "when all have changed"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_sdnd_is_killed_while_it_converges(lab: CloudLab, moment: str) -> None:
    link = lab.network.topology.links[0]
    near = [link.a[0], link.b[0]]
    before = [lab.network.flows(switch) for switch in near]
    lab.network.cut(link)
    if moment == MOMENTS[1]:
        until(lambda: any(map(differs, before, map(lab.network.flows, near))), "a switch changes")
    elif moment == MOMENTS[2]:
        until(lambda: not up(lab, link.a) and settled(lab), "all have confirmed")
    lab.daemon.stop(kill=True)
    try:
        assert lab.differences(4) == ""
        lab.daemon.start()
        lab.daemon.wait_answers(lab.client)
        until(lambda: settled(lab), "all have confirmed")
        assert lab.differences(4) == ""
        assert lab.client.resilience().links_total.pairs > 0
    finally:
        lab.network.mend(link)


def differs(before: str, after: str) -> bool:
    """Whether flows are others, apart from their counters."""
    return actions(before) != actions(after)


def actions(flows: str) -> set[str]:
    """What does not count up."""
    return {line.partition("priority=")[2] for line in flows.splitlines() if "actions=" in line}


def settled(lab: CloudLab) -> bool:
    """All switches are connected and hold what they must."""
    return {switch.repair for switch in lab.client.topology().switches} == {"READY"}


def test_a_second_sdnd_writes_nothing_to_switches_of_another_and_says_so(lab: CloudLab, tmp_path: Path) -> None:
    second = Daemon(tmp_path / "second", lab.spec, openflow=free_port(), grpc=free_port())
    switches = list(lab.network.topology.switches)
    with second, Client(second.address, timeout=WAIT) as client:
        second.wait_answers(client)
        held = {switch: actions(lab.network.flows(switch)) for switch in switches}
        connect(lab, lab.daemon, second)
        until(lambda: len(told(client, "SessionRefused")) == len(switches), "every switch is told to be another's")
        (why,) = {event.details["reason"] for event in client.events(reason="SessionRefused")}
        assert "another controller is its master" in why
        assert "--take-over" in why
        assert client.status().switches_connected == 0
        lab.daemon.stop(kill=True)  # that the other one is gone cannot be seen, and does not matter
        assert lab.differences(4) == ""
        assert client.status().switches_connected == 0
        assert {switch: actions(lab.network.flows(switch)) for switch in switches} == held
        lab.daemon.start()
        lab.daemon.wait_answers(lab.client)
        lab.ready()
    connect(lab, lab.daemon)


def test_a_switch_is_taken_over_when_that_is_said(tmp_path: Path) -> None:
    with cloud_lab("ring:switches=3,hosts=1", tmp_path / "first") as lab:
        second = Daemon(tmp_path / "2", lab.spec, openflow=free_port(), grpc=free_port(), options=("--take-over",))
        with second, Client(second.address, timeout=WAIT) as client:
            second.wait_answers(client)
            connect(lab, lab.daemon, second)
            client.wait_ready(WAIT)
            until(lambda: lab.client.status().switches_connected == 0, "the first one has given up")
            assert {event.object for event in lab.client.events(reason="SessionRefused")}


def connect(lab: CloudLab, *daemons: Daemon) -> None:
    """Let all switches connect to these."""
    targets = [f"tcp:127.0.0.1:{daemon.openflow}" for daemon in daemons]
    for switch in lab.network.topology.switches:
        bridge, ovs = lab.network.bridge_of(switch), lab.network.ovs_of(switch)
        ovs.vsctl("set-controller", bridge, *targets)
        for controller in ovs.vsctl("get", "bridge", bridge, "controller").strip("[] \n").split(","):
            ovs.vsctl("set", "controller", controller.strip(), "max_backoff=1000", "connection_mode=out-of-band")
