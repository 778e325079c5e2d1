"""Allowed address pairs with packets: what a port may send and gets, and nothing beyond its pairs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

pytest.importorskip("scapy", reason="the extra 'lab' is not installed")

from cloud_lab import WAIT, CloudLab, cloud_lab
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Ether

from sdn.lab.host import Host, answer_of
from sdn.v1 import resources_pb2 as pb

pytestmark = pytest.mark.lab
VIRTUAL, STRANGER = "00:00:5e:00:01:07", "02:77:77:77:77:77"
ROUTER_MAC = "06:00:00:00:00:01"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudLab]:
    with cloud_lab("leaf-spine:spines=2,leaves=2,hosts=8", tmp_path_factory.mktemp("cloud")) as lab:
        yield lab


@pytest.fixture(autouse=True)
def no_pairs_left(lab: CloudLab) -> Iterator[None]:
    yield
    allow(lab, {name: [] for name in (*members(lab), *beyond(lab))})


def members(lab: CloudLab) -> list[str]:
    """Hosts of red's network a: the first two on one leaf, the others on the other."""
    return [name for name, subnet in lab.subnet.items() if subnet == "red-1"]


def beyond(lab: CloudLab) -> list[str]:
    """Hosts of red's other network, behind the router."""
    return [name for name, subnet in lab.subnet.items() if subnet == "red-2"]


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


def state(lab: CloudLab, name: str) -> tuple[int, str]:
    status = lab.client.ports.get(lab.port_of(name)).status
    return status.state, status.reason


def other(version: int, low: int) -> str:
    return f"10.0.1.{low}" if version == 4 else f"fd00:0:0:1::{low}"


PAIRS = [
    ("10.0.1.100", "", False),
    ("10.0.1.101", VIRTUAL, False),
    ("192.0.2.0/24", "", False),
    ("198.51.0.0/16", VIRTUAL, False),
    ("fd00:0:0:1::100", "", False),
    ("fd00:0:0:1::101", VIRTUAL, False),
    ("2001:db8:5::/48", "", False),
    ("2001:db8:6::/48", VIRTUAL, False),
    ("fe80::7", VIRTUAL, False),
]
SOURCES = {
    4: ("10.0.1.100", "10.0.1.101", "10.0.1.102", "192.0.2.9", "192.0.3.9", "198.51.7.7", "198.52.0.1", "10.0.1.1"),
    6: (
        *(f"fd00:0:0:1::{low}" for low in ("100", "101", "102", "1")),
        *(f"2001:db8:{group}::9" for group in (5, 6, 7)),
        "fe80::7",
        "fe80::8",
    ),
}


def permitted(host: Host) -> set[tuple[str, str]]:
    """(address or start of a range, MAC) by the pairs."""
    return {(address.partition("/")[0], mac or host.mac) for address, mac, _ in PAIRS}


def may(host: Host, address: str, mac: str) -> bool:
    if mac == host.mac and address in (str(host.address(4)), str(host.address(6))):
        return True
    starts = {"192.0.2.9": "192.0.2.0", "198.51.7.7": "198.51.0.0"}
    starts |= {f"2001:db8:{group}::9": f"2001:db8:{group}::" for group in (5, 6)}
    return (starts.get(address, address), mac) in permitted(host)


@pytest.mark.parametrize("version", [4, 6])
def test_every_source_with_every_mac(lab: CloudLab, version: int) -> None:
    """UDP, and ARP replies or advertisements, to a host near and one far: what no pair allows never arrives."""
    first, near, far, *_ = (lab.hosts[name] for name in members(lab))
    allow(lab, {first.name: PAIRS})
    tried = 0
    for target in (near, far):
        for address in (str(first.address(version)), str(target.address(version)), *SOURCES[version]):
            for mac in (first.mac, VIRTUAL, STRANGER, target.mac):
                sender = replace(first, mac=mac)
                udp = sender.udp(target.address(version), target.mac, source=address)  # type: ignore[arg-type]
                told = (
                    sender.arp_reply(target, source=address)
                    if version == 4
                    else sender.advertisement(target, target=address)
                )
                # The first packets of two flows may overtake each other.
                expected = {target.name: {udp, told}} if may(first, address, mac) else {}
                got = lab.arrivals(first.name, udp, told)
                assert {host: set(frames) for host, frames in got.items()} == expected, (address, mac)
                assert sum(map(len, got.values())) in (0, 2), "nothing comes twice"
                tried += 1
    assert tried == 2 * 4 * (2 + len(SOURCES[version]))


def test_a_mac_in_arp_and_nd_is_that_of_the_pair(lab: CloudLab) -> None:
    first, _, far, *_ = (lab.hosts[name] for name in members(lab))
    allow(lab, {first.name: PAIRS})
    virtual = replace(first, mac=VIRTUAL)
    for sender, told, address in (
        (first, VIRTUAL, "10.0.1.101"),
        (virtual, first.mac, "10.0.1.101"),
        (virtual, first.mac, "10.0.1.100"),
        (first, STRANGER, "10.0.1.100"),
    ):
        assert lab.arrivals(first.name, sender.arp_reply(far, mac=told, source=address)) == {}
    for sender, told, address in (
        (first, VIRTUAL, "fd00:0:0:1::101"),
        (virtual, first.mac, "fd00:0:0:1::101"),
        (virtual, first.mac, "fd00:0:0:1::100"),
    ):
        assert lab.arrivals(first.name, sender.advertisement(far, mac=told, target=address)) == {}
        assert lab.arrivals(first.name, sender.solicitation(far.address(6), mac=told, source=address)) == {}  # type: ignore[arg-type]


def test_an_announcement_reaches_the_whole_network(lab: CloudLab) -> None:
    """As VRRP and keepalived do when an address moves: a request and a reply for it, to everybody."""
    first = lab.hosts[members(lab)[0]]
    allow(lab, {first.name: PAIRS})
    virtual = replace(first, mac=VIRTUAL)
    request = virtual.arp_request(IPv4Address("10.0.1.101"), source="10.0.1.101")
    reply = bytes(
        Ether(src=VIRTUAL, dst="ff:ff:ff:ff:ff:ff") / ARP(op=2, hwsrc=VIRTUAL, psrc="10.0.1.101", pdst="10.0.1.101")
    )
    assert lab.arrivals(first.name, request, reply) == {name: [request, reply] for name in lab.members(first.name)}
    wrong = virtual.arp_request(IPv4Address("10.0.1.100"), source="10.0.1.100")
    assert lab.arrivals(first.name, wrong) == {}


def asked(lab: CloudLab, sender: Host, address: str) -> str:
    """The MAC that is answered, '' if nobody answers."""
    got = lab.arrivals(sender.name, sender.ask(ip_address(address))).get(sender.name, [])
    answers = [answer for frame in got if (answer := answer_of(frame))]
    assert len(answers) <= 1
    return answers[0][1] if answers else ""


def reached(lab: CloudLab, sender: Host, address: str, mac: str) -> dict[str, str]:
    """Who gets a packet, with the destination MAC it has then."""
    got = lab.arrivals(sender.name, sender.udp(ip_address(address), mac))
    assert all(len(frames) == 1 for frames in got.values())
    return {name: Ether(frames[0]).dst for name, frames in got.items()}


@pytest.mark.parametrize(("alone", "virtual"), [("10.0.1.100", "10.0.1.101"), ("fd00:0:0:1::100", "fd00:0:0:1::101")])
def test_what_one_port_may_use_leads_to_it(lab: CloudLab, alone: str, virtual: str) -> None:
    first, near, far, *_ = (lab.hosts[name] for name in members(lab))
    allow(lab, {first.name: PAIRS})
    for sender in (near, far):
        assert asked(lab, sender, alone) == first.mac
        assert asked(lab, sender, virtual) == VIRTUAL
        assert reached(lab, sender, virtual, VIRTUAL) == {first.name: VIRTUAL}
        assert reached(lab, sender, alone, first.mac) == {first.name: first.mac}
    for name in (beyond(lab)[0], beyond(lab)[-1]):
        sender = lab.hosts[name]
        assert reached(lab, sender, virtual, ROUTER_MAC) == {first.name: VIRTUAL}
        assert reached(lab, sender, alone, ROUTER_MAC) == {first.name: first.mac}
    assert state(lab, first.name) == (pb.PROGRAMMED, "")
    stranger = lab.hosts[next(name for name in lab.hosts if lab.tenant[name] == "blue")]
    assert asked(lab, stranger, virtual) == ""
    assert reached(lab, stranger, virtual, VIRTUAL) == {}


@pytest.mark.parametrize(("own", "virtual"), [("10.0.1.150", "10.0.1.151"), ("fd00:0:0:1::150", "fd00:0:0:1::151")])
def test_an_address_of_several_ports_follows_the_active_one(lab: CloudLab, own: str, virtual: str) -> None:
    """``own`` is used with each port's own MAC, ``virtual`` with a MAC that they share."""
    first, watcher, second, *_ = (lab.hosts[name] for name in members(lab))
    routed = lab.hosts[beyond(lab)[0]]

    def share(active: Host | None) -> None:
        allow(lab, {h.name: [(own, "", h is active), (virtual, VIRTUAL, h is active)] for h in (first, second)})

    share(None)
    assert state(lab, first.name) == state(lab, second.name) == (pb.DEGRADED, "AddressShared")
    for address in (own, virtual):
        question = watcher.ask(ip_address(address))
        got = lab.arrivals(watcher.name, question)
        assert got == {name: [question] for name in lab.members(watcher.name)}, "whoever has it answers"
        assert reached(lab, routed, address, ROUTER_MAC) == {}
    assert reached(lab, watcher, virtual, VIRTUAL) == {}
    for active in (first, second, first):
        share(active)
        assert state(lab, first.name) == state(lab, second.name) == (pb.PROGRAMMED, "")
        assert asked(lab, watcher, own) == active.mac
        assert asked(lab, watcher, virtual) == VIRTUAL
        assert reached(lab, watcher, virtual, VIRTUAL) == {active.name: VIRTUAL}
        assert reached(lab, routed, virtual, ROUTER_MAC) == {active.name: VIRTUAL}
        assert reached(lab, routed, own, ROUTER_MAC) == {active.name: active.mac}
        for host in (first, second):  # both go on being allowed to send
            frame = replace(host, mac=VIRTUAL).udp(watcher.address(4), watcher.mac, source="10.0.1.151")  # type: ignore[arg-type]
            expected = {watcher.name: [frame]} if virtual == "10.0.1.151" else {}
            assert lab.arrivals(host.name, frame) == expected
    allow(lab, {first.name: []})
    assert asked(lab, watcher, virtual) == VIRTUAL, "the second is alone now"
    assert reached(lab, watcher, virtual, VIRTUAL) == {second.name: VIRTUAL}


def test_an_address_of_a_port_of_its_own_is_not_taken_by_a_pair(lab: CloudLab) -> None:
    first, near, far, *_ = (lab.hosts[name] for name in members(lab))
    taken = str(far.address(4))
    allow(lab, {first.name: [(taken, "", True), (taken, far.mac, True)]})
    assert asked(lab, near, taken) == far.mac
    assert reached(lab, near, taken, far.mac) == {far.name: far.mac}
    assert reached(lab, lab.hosts[beyond(lab)[0]], taken, ROUTER_MAC) == {far.name: far.mac}


@pytest.mark.parametrize("version", [4, 6])
def test_a_router_of_the_tenants_own(lab: CloudLab, version: int) -> None:
    """A host that may use every address is the next hop of a default route, and sends for those behind it."""
    gate, near, far, *_ = (lab.hosts[name] for name in members(lab))
    routed = lab.hosts[beyond(lab)[0]]
    everything, outside = (("0.0.0.0/0", "203.0.113.7"), ("::/0", "2001:db8:9::7"))[version == 6]
    allow(lab, {gate.name: [(everything, "", False)]})
    route = pb.StaticRoute(prefix=everything, next_hop=str(gate.address(version)))
    router = "tenants/red/routers/r"
    lab.client.routers.update(pb.Router(name=router, routes=[route]), mask=["routes"], wait=WAIT)
    lab.forget_caches()
    try:
        for host in (near, far, routed):
            assert reached(lab, host, outside, ROUTER_MAC) == {gate.name: gate.mac}
            mac = ROUTER_MAC if host is routed else host.mac
            back = gate.udp(host.address(version), mac, source=outside, ttl=9)  # type: ignore[arg-type]
            (frame,) = lab.arrivals(gate.name, back)[host.name]
            packet = Ether(frame)[IP if version == 4 else IPv6]
            assert packet.src == outside
            assert (packet.ttl if version == 4 else packet.hlim) == (8 if host is routed else 9)
        assert lab.arrivals(near.name, near.udp(far.address(version), far.mac, source=outside)) == {}  # type: ignore[arg-type]
        assert (
            lab.arrivals(gate.name, replace(gate, mac=VIRTUAL).udp(far.address(version), far.mac, source=outside)) == {}
        )  # type: ignore[arg-type]
    finally:
        lab.client.routers.update(pb.Router(name=router), mask=["routes"], wait=WAIT)


def test_the_switches_hold_what_was_compiled(lab: CloudLab) -> None:
    first, second, *_ = members(lab)
    every = [("0.0.0.0/0", VIRTUAL, False), ("::/0", VIRTUAL, False)]
    allow(lab, {first: PAIRS, second: every})
    for switch in lab.network.topology.switches:
        report = lab.client.audit(switch)
        assert (report.missing, report.changed, report.extra) == (0, 0, 0), report


@pytest.mark.parametrize("version", [4, 6])
def test_every_address_of_a_port_works_from_it_and_to_it(lab: CloudLab, version: int) -> None:
    first, near, far, *_ = (lab.hosts[name] for name in members(lab))
    routed = lab.hosts[beyond(lab)[0]]
    port = lab.client.ports.get(lab.port_of(first.name))
    more = [other(version, low) for low in (60, 61, 62)]
    wish = pb.Port(name=port.name, addresses=[*port.addresses, *more])
    lab.client.ports.update(wish, mask=["addresses"], wait=WAIT)
    lab.forget_caches()
    try:
        for address in (str(first.address(version)), *more):
            for sender in (near, far):
                assert asked(lab, sender, address) == first.mac
                assert reached(lab, sender, address, first.mac) == {first.name: first.mac}
                frame = first.udp(sender.address(version), sender.mac, source=address)  # type: ignore[arg-type]
                assert lab.arrivals(first.name, frame) == {sender.name: [frame]}
            assert reached(lab, routed, address, ROUTER_MAC) == {first.name: first.mac}
            frame = first.udp(routed.address(version), ROUTER_MAC, source=address)  # type: ignore[arg-type]
            assert list(lab.arrivals(first.name, frame)) == [routed.name]
    finally:
        before = pb.Port(name=port.name, addresses=port.addresses)
        lab.client.ports.update(before, mask=["addresses"], wait=WAIT)
    lab.forget_caches()
    frame = first.udp(far.address(version), far.mac, source=more[0])  # type: ignore[arg-type]
    assert lab.arrivals(first.name, frame) == {}
    assert isinstance(ip_address(more[0]), IPv4Address if version == 4 else IPv6Address)
