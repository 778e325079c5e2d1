"""Whole networks of private switches under sdnd: who reaches whom, whatever breaks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from time import monotonic

import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from cloud_lab import CloudLab, cloud_lab

pytestmark = pytest.mark.lab
SPECS = ("leaf-spine:spines=2,leaves=3,hosts=4", "ring:switches=5,hosts=2", "fat-tree:k=4", "linear:switches=1,hosts=6")
LINKED, CORED = SPECS[:3], (SPECS[0], SPECS[2])
"""Those with more than one switch, and those with switches that have no hosts."""


@pytest.fixture(scope="module", params=SPECS)
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudLab]:
    with cloud_lab(request.param, tmp_path_factory.mktemp("cloud")) as lab:
        yield lab


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("protocol", ["udp", "tcp", "icmp"])
def test_each_tenant_reaches_itself_alone(lab: CloudLab, version: int, protocol: str) -> None:
    matrix = lab.matrix(version, protocol)
    assert matrix.explain(lab.expected) == ""
    assert len(matrix.tried) == len(lab.hosts) * (len(lab.hosts) - 1)


def test_broadcast_and_multicast_come_once_to_each_member(lab: CloudLab) -> None:
    for sender in list(lab.hosts)[:4]:
        host = lab.hosts[sender]
        for frame in (
            host.broadcast(b"everybody"),
            host.multicast(ip_address("239.1.2.3"), b"everybody"),
            host.multicast(ip_address("ff05::1234"), b"everybody"),
        ):
            assert lab.arrivals(sender, frame) == {member: [frame] for member in lab.members(sender)}


@pytest.mark.parametrize("lab", LINKED, indirect=True)
def test_every_link_may_fail_and_come_back(lab: CloudLab) -> None:
    for link in lab.network.topology.links[:3]:
        lab.network.cut(link)
        try:
            assert lab.differences() == ""
        finally:
            lab.network.mend(link)
            lab.ready()
    assert lab.differences() == ""


@pytest.mark.parametrize("lab", CORED, indirect=True)
def test_a_switch_without_hosts_may_fail_and_come_back_empty(lab: CloudLab) -> None:
    """A core switch is not needed; when it is back it holds as much as before (its ports have other numbers)."""
    used = {host.switch for host in lab.network.topology.hosts}
    spare = [name for name in lab.network.topology.switches if name not in used]
    before = len(flows(lab, spare[0]))
    lab.network.stop_switch(spare[0])
    try:
        assert lab.differences() == ""
    finally:
        lab.network.start_switch(spare[0])
        lab.ready()
    assert lab.differences() == ""
    assert len(flows(lab, spare[0])) == before


def test_a_switch_with_hosts_comes_back_empty(lab: CloudLab) -> None:
    switch = lab.network.topology.hosts[0].switch
    lab.network.stop_switch(switch)
    lab.network.start_switch(switch)
    lab.ready()
    assert lab.differences() == ""


@pytest.mark.parametrize("kill", [True, False], ids=["killed", "stopped"])
def test_without_the_daemon_all_goes_on_and_its_restart_writes_no_flow(lab: CloudLab, kill: bool) -> None:
    lab.wait_settled()
    start = monotonic()
    lab.daemon.stop(kill=kill)
    assert lab.differences(4) == ""
    lab.daemon.start()
    lab.daemon.wait_answers(lab.client)
    lab.ready()
    seconds = monotonic() - start
    for switch in lab.network.topology.switches:
        ages = [float(age) for age in re.findall(r"duration=([\d.]+)s", lab.network.flows(switch))]
        assert ages
        assert min(ages) > seconds, f"{switch} was written to"
    assert lab.differences() == ""


def flows(lab: CloudLab, switch: str) -> list[str]:
    """Cookies, matches and actions, without counters."""
    lines = lab.network.ofctl(switch, "dump-flows", "--no-stats").splitlines()
    return sorted(line.strip() for line in lines if "actions=" in line)
