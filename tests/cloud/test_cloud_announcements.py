"""A shared address moves to the port that announces it, as VRRP and keepalived do: with packets, on real switches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address

import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from cloud_lab import WAIT, CloudLab, cloud_lab
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6NDOptDstLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether

from sdn.lab.host import BROADCAST, Host, answer_of
from sdn.v1 import resources_pb2 as pb

pytestmark = pytest.mark.lab
ROUTER_MAC = "06:00:00:00:00:01"


def shared(version: int, number: int) -> tuple[str, str]:
    """An address and a virtual MAC; each test has its own, so that none is damped for another."""
    return f"{'10.0.1.' if version == 4 else 'fd00:0:0:1::'}{number}", f"00:00:5e:00:0{version}:{number % 100:02x}"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudLab]:
    with cloud_lab("leaf-spine:spines=2,leaves=2,hosts=8", tmp_path_factory.mktemp("cloud")) as lab:
        yield lab


@pytest.fixture(autouse=True)
def no_pairs_left(lab: CloudLab) -> Iterator[None]:
    yield
    allow(lab, {name: [] for name in members(lab)})


def members(lab: CloudLab, subnet: str = "red-1") -> list[str]:
    """Hosts of a network: the first two on one leaf, the others on the other."""
    return [name for name, its in lab.subnet.items() if its == subnet]


def allow(lab: CloudLab, pairs: dict[str, list[tuple[str, str, bool]]]) -> None:
    """Give ports these pairs (address, MAC, active), in one transaction."""
    wishes = []
    for name, wanted in pairs.items():
        port = lab.client.ports.get(lab.port_of(name))
        del port.allowed_address_pairs[:]
        port.metadata.etag = ""
        for address, mac, active in wanted:
            port.allowed_address_pairs.add(address=address, mac=mac, active=active)
        wishes.append(port)
    lab.client.apply(wishes, wait=WAIT)
    lab.forget_caches()


def announcement(host: Host, address: str, *, reply: bool = False) -> bytes:
    """To everybody: a gratuitous ARP request or reply, or an unsolicited advertisement (RFC 4861, section 7.2.6)."""
    if ":" not in address:
        body = ARP(op=2 if reply else 1, hwsrc=host.mac, psrc=address, hwdst=BROADCAST if reply else None, pdst=address)
        return bytes(Ether(src=host.mac, dst=BROADCAST) / body)
    told = ICMPv6ND_NA(tgt=address, R=0, S=0, O=1) / ICMPv6NDOptDstLLAddr(lladdr=host.mac)
    return bytes(Ether(src=host.mac, dst="33:33:00:00:00:01") / IPv6(src=address, dst="ff02::1", hlim=255) / told)


def held_by(lab: CloudLab, address: str, holder: Host, *sharing: Host) -> None:
    """Return when all who share an address say that this one has it, and switches have confirmed that."""
    missing = {lab.port_of(host.name) for host in sharing}
    with lab.client.ports.watch("tenants/red") as changes:
        for change in changes:
            status, name = change.resource.status, change.resource.name
            found = {item.address: (item.port, item.reason) for item in status.shared_addresses}
            if found.get(address) == (lab.port_of(holder.name), "Announced") and status.state == pb.PROGRAMMED:
                missing.discard(name)
            elif name in missing or name in {lab.port_of(host.name) for host in sharing}:
                missing.add(name)
            if not missing:
                break
    lab.forget_caches()


def asked(lab: CloudLab, sender: Host, address: str) -> str:
    """The MAC that is answered, '' if nobody answers."""
    got = lab.arrivals(sender.name, sender.ask(ip_address(address))).get(sender.name, [])
    answers = [answer for frame in got if (answer := answer_of(frame))]
    return answers[0][1] if len(answers) == 1 else ""


def reached(lab: CloudLab, sender: Host, address: str, mac: str) -> dict[str, str]:
    """Who gets a packet, with the destination MAC it has then."""
    got = lab.arrivals(sender.name, sender.udp(ip_address(address), mac))
    return {name: Ether(frames[0]).dst for name, frames in got.items() if len(frames) == 1}


@pytest.mark.parametrize("virtual", [False, True], ids=["own-mac", "virtual-mac"])
@pytest.mark.parametrize("version", [4, 6])
def test_traffic_follows_the_announcement(lab: CloudLab, version: int, virtual: bool) -> None:
    first, near, second, far = (lab.hosts[name] for name in members(lab)[:4])
    routed, (address, mac) = lab.hosts[members(lab, "red-2")[0]], shared(version, 150 + virtual)
    allow(lab, {host.name: [(address, mac if virtual else "", False)] for host in (first, second)})
    assert reached(lab, routed, address, ROUTER_MAC) == {}, "nobody has announced it yet"
    for number, host in enumerate((first, second, first)):
        sender = replace(host, mac=mac) if virtual else host
        frame = announcement(sender, address, reply=number == 1)
        assert lab.arrivals(host.name, frame) == {name: [frame] for name in lab.members(host.name)}, "as without it"
        held_by(lab, address, host, first, second)
        for asker in (near, far):
            assert asked(lab, asker, address) == sender.mac
            assert reached(lab, asker, address, sender.mac) == {host.name: sender.mac}
        assert reached(lab, routed, address, ROUTER_MAC) == {host.name: sender.mac}
    for switch in lab.network.topology.switches:
        report = lab.client.audit(switch)
        assert (report.missing, report.changed, report.extra) == (0, 0, 0), report


@pytest.mark.parametrize("version", [4, 6])
def test_a_port_that_is_not_allowed_cannot_take_it(lab: CloudLab, version: int) -> None:
    first, near, second, far = (lab.hosts[name] for name in members(lab)[:4])
    address, virtual = shared(version, 152)
    allow(
        lab,
        {
            first.name: [(address, virtual, False)],
            second.name: [(address, virtual, True)],
            near.name: [(shared(version, 153)[0], virtual, False)],
        },
    )
    lab.network.send(first.name, announcement(replace(first, mac=virtual), address))
    held_by(lab, address, first, first, second)
    strangers = [near, far, lab.hosts[members(lab, "red-2")[0]]]
    for stranger in strangers:
        for mac in (stranger.mac, virtual):
            assert lab.arrivals(stranger.name, announcement(replace(stranger, mac=mac), address)) == {}
    assert lab.arrivals(second.name, announcement(second, address)) == {}, "not with another MAC than that of the pair"
    blue = members(lab, "blue-1")
    for name in blue:  # with the same address, rightfully
        lab.client.apply([with_pair(lab, name, address, virtual)], wait=WAIT)
        frame = announcement(replace(lab.hosts[name], mac=virtual), address)
        assert lab.arrivals(name, frame) == {other: [frame] for other in lab.members(name)}
    for name in blue:
        lab.client.apply([with_pair(lab, name, "", "")], wait=WAIT)
    lab.forget_caches()
    status = lab.client.ports.get(lab.port_of(second.name)).status
    assert {item.address: item.port for item in status.shared_addresses} == {
        address: lab.port_of(first.name),
        virtual: lab.port_of(first.name),
    }
    assert reached(lab, far, address, virtual) == {first.name: virtual}


def with_pair(lab: CloudLab, name: str, address: str, mac: str) -> pb.Port:
    port = lab.client.ports.get(lab.port_of(name))
    port.metadata.etag = ""
    del port.allowed_address_pairs[:]
    if address:
        port.allowed_address_pairs.add(address=address, mac=mac)
    return port


def test_a_storm_of_announcements_is_bounded_at_the_controller(lab: CloudLab) -> None:
    """Two ports fight: everything is forwarded, 50 in a second are handed up, few moves, one event."""
    first, near, second, _ = (lab.hosts[name] for name in members(lab)[:4])
    address, _ = shared(4, 154)
    allow(lab, {host.name: [(address, "", False)] for host in (first, second)})
    before = lab.client.events()[-1].number
    switch = lab.place[first.name].switch
    punted = passed(lab, switch)
    sent = {host.name: announcement(host, address) for host in (first, second)}
    arrived = 0
    for _ in range(30):
        for host in (first, second):
            arrived += len(lab.arrivals(host.name, *[sent[host.name]] * 20)[near.name])
    assert arrived == 30 * 2 * 20
    packets, dropped, seconds = (after - b for after, b in zip(passed(lab, switch), punted, strict=True))
    assert packets >= 600
    assert dropped > 0
    assert packets - dropped <= 50 * (seconds + 2), "the rate, and its burst"
    told = [event.reason for event in lab.client.events() if event.number > before]
    assert told.count("SharedAddressMoved") <= 8
    assert told.count("SharedAddressFight") == 1
    assert lab.client.status().ready


def passed(lab: CloudLab, switch: str) -> tuple[int, int, float]:
    """Of all meters of a switch: packets that came, those that were dropped, and seconds for which it exists."""
    text = lab.network.ovs_of(switch).ofctl("meter-stats", switch)
    packets = sum(map(int, re.findall(r"packet_in_count:(\d+)", text)))
    dropped = sum(map(int, re.findall(r"\d+: packet_count:(\d+)", text)))
    return packets, dropped, max(map(float, re.findall(r"duration:([\d.]+)s", text)))
