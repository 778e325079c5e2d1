"""BFD on the links of real switches, set over their databases by a real sdnd; and what tenants have to do with it.

Ports of the lab's datapath forward when ovs-vswitchd looks at them, so the sessions are slow here. How fast silent
links are found is measured with real cables (bench/failover.py, tests/bench).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from cloud_lab import WAIT, CloudLab, cloud_lab
from scapy.layers.inet import IP, UDP  # type: ignore[import-untyped]
from scapy.layers.l2 import Ether  # type: ignore[import-untyped]

from sdn.lab.daemon import free_port

pytestmark = pytest.mark.lab
SPEC = "ring:switches=3,hosts=2"
TARGET = "00:23:20:00:00:01"
FRAMES = [
    # RFC 5880, 4.1: version 1, administratively down, multiplier 3, 24 octets; discriminators of nobody and of the
    # first session that a switch could have.
    bytes([0x20, state << 6, 3, 24]) + mine.to_bytes(4) + yours.to_bytes(4) + (20_000).to_bytes(4) * 2 + bytes(4)
    for state in (0, 1, 3)
    for mine, yours in ((7, 0), (7, 1))
]


@pytest.fixture
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudLab]:
    """The databases of all switches connect."""
    port = free_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SDN_OVSDB", f"127.0.0.1:{port}")
        patch.setenv("SDN_BFD_INTERVAL", "1000")
        with cloud_lab(SPEC, tmp_path_factory.mktemp("bfd"), daemons="each") as lab:
            operators(lab)
            for switch in lab.network.topology.switches:
                lab.network.ovs_of(switch).vsctl("set-manager", f"tcp:127.0.0.1:{port}")
            yield lab


def operators(lab: CloudLab) -> None:
    """One end of the last link has settings of an operator."""
    switch, interface = lab.network.topology.links[-1].a
    lab.network.ovs_of(switch).vsctl("set", "interface", interface, "bfd:enable=false", "bfd:min_tx=333")


def until(done: Callable[[], bool], what: str) -> None:
    """Wait for something that is not told, with a deadline."""
    end = time.monotonic() + WAIT
    while not done():
        assert time.monotonic() < end, f"not within {WAIT:g} s: {what}"


def column(lab: CloudLab, end: tuple[str, str], name: str) -> str:
    return lab.network.ovs_of(end[0]).vsctl("get", "interface", end[1], name).strip()


def test_links_alone_are_watched_and_tenants_have_no_part_in_it(lab: CloudLab) -> None:
    links = lab.network.topology.links
    ends = [end for link in links[:-1] for end in (link.a, link.b)]
    until(lambda: all("state=up" in column(lab, end, "bfd_status") for end in ends), "all sessions are up")
    until(lambda: all(column(lab, end, "cfm_mpid") == "[]" for end in ends), "nothing else watches")
    assert all("owner=sdnd" in column(lab, end, "bfd") for end in ends)
    assert column(lab, links[-1].a, "bfd") == '{enable="false", min_tx="333"}', "an operator's stays"
    assert column(lab, links[-1].b, "bfd") == "{}", "and its peer is left alone"
    (told,) = lab.client.events(reason="BfdNotOurs")
    assert ":".join(links[-1].a) in told.message
    for place in lab.network.topology.hosts:
        assert column(lab, (place.switch, place.interface), "bfd") == "{}", "no host is watched"
    lab.ready()
    assert all(link.up for link in lab.client.topology().links)
    flaps = [column(lab, end, "bfd_status:flap_count") for end in ends]
    attack(lab)
    assert [column(lab, end, "bfd_status:flap_count") for end in ends] == flaps
    assert lab.differences(4) == ""
    assert not any(is_bfd(frame) for host in lab.hosts for frame in lab.network.received(host)), "hosts see none"

    lab.daemon.stop()
    lab.daemon.options += ("--bfd", "off")
    lab.daemon.start()
    until(lambda: all(column(lab, end, "bfd") == "{}" for end in ends), "it is taken off")
    assert column(lab, links[-1].a, "bfd") == '{enable="false", min_tx="333"}'


def attack(lab: CloudLab) -> None:
    """BFD frames of hosts: to the switch that they are at, and to another host across the fabric, where they arrive."""
    sender, receiver = "h1", peer_of(lab, "h1")
    mac, address = lab.hosts[receiver].mac, lab.hosts[receiver].address(4)
    for data in FRAMES:
        for target in (TARGET, mac):
            ip = IP(src=str(lab.hosts[sender].address(4)), dst=str(address), ttl=255)
            frame = bytes(Ether(src=lab.hosts[sender].mac, dst=target) / ip / UDP(sport=49152, dport=3784) / data)
            lab.network.received(receiver)
            lab.network.send(sender, frame)
            lab.network.settle()
            assert (frame in lab.network.received(receiver)) == (target == mac)


def peer_of(lab: CloudLab, host: str) -> str:
    """A host of its network at another switch."""
    return next(name for name in sorted(lab.members(host)) if lab.place[name].switch != lab.place[host].switch)


def is_bfd(frame: bytes) -> bool:
    """A frame of a switch's own session: its addresses are those that Open vSwitch gives."""
    return frame[:6] == bytes.fromhex(TARGET.replace(":", "")) and frame[36:38] == (3784).to_bytes(2)
