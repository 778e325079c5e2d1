"""Learning mode on simulated switches: who is believed to be a host, what is learned, and what is refused."""

from __future__ import annotations

import string
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulation import Simulation

from sdn.controller.effects import TABLE
from sdn.controller.events import PacketIn, PortChanged
from sdn.controller.hosts import learning
from sdn.controller.hosts.heard import Heard, hear
from sdn.controller.hosts.held import AGAIN, PATIENCE
from sdn.controller.hosts.learning import AWAY_SECONDS, GONE_SECONDS, port_name
from sdn.controller.hosts.lessons import MAX_ADDRESSES
from sdn.controller.hosts.sought import MAX_PER_SENDER, Sought
from sdn.controller.hosts.sought import PATIENCE as SOUGHT_PATIENCE
from sdn.model.command import Delete
from sdn.model.errors import SdnError
from sdn.model.ids import Dpid, parse_name
from sdn.model.intent import LEARNED, AddressPair, Binding, Network, Port, Subnet, Tenant
from sdn.model.status import State
from sdn.pipeline.layout import PUNT_LEARN, PUNT_UNKNOWN, Table

NETWORK = "tenants/lab/networks/all"
BROADCAST = bytes.fromhex("ffffffffffff")
MAC = {name: bytes([0x02, 0xBB, 0, 0, 0, number]) for number, name in enumerate(("h1", "h2", "h3", "h4", "new"), 1)}


def arp(mac: bytes, address: str, target: str = "10.0.0.99") -> bytes:
    """A request from a host."""
    head = BROADCAST + mac + bytes.fromhex("0806 0001 0800 0604 0001")
    return head + mac + IPv4Address(address).packed + bytes(6) + IPv4Address(target).packed


def ipv4(mac: bytes, address: str, to: bytes = BROADCAST) -> bytes:
    return (
        to + mac + bytes.fromhex("0800 45") + bytes(11) + IPv4Address(address).packed + IPv4Address("10.0.0.9").packed
    )


def ipv6(mac: bytes, address: str) -> bytes:
    return BROADCAST + mac + bytes.fromhex("86dd 60") + bytes(7) + IPv6Address(address).packed + bytes(16)


def ports(sim: Simulation) -> set[str]:
    """Names of all ports in the store."""
    return {item.name for item in sim.controller.store.objects.values() if isinstance(item, Port)}


class Learned:
    """A leaf-spine fabric whose four host ports have been learned; nobody has spoken yet."""

    def __init__(self) -> None:
        self.sim = Simulation("leaf-spine:spines=2,leaves=2,hosts=2", learn=NETWORK)
        self.place = {host.name: (host.switch, host.interface) for host in self.sim.declared.hosts}
        self.sim.connect()
        self.sim.run(3)
        self.sim.sent.clear()

    def name(self, host: str) -> str:
        switch, interface = self.place[host]
        return port_name(NETWORK, (self.sim.devices[switch].dpid, interface))

    def port(self, host: str) -> Port:
        port = self.sim.controller.store.objects[self.name(host)]
        assert isinstance(port, Port)
        return port

    def silent(self) -> set[str]:
        return {host for host in self.place if dict(self.port(host).labels)[LEARNED] == "silent"}

    def say(self, host: str, frame: bytes, reason: int = PUNT_LEARN) -> None:
        """A frame of a host is punted."""
        switch, interface = self.place[host]
        device = self.sim.devices[switch]
        number = device.ports[interface].number
        self.sim.turn(PacketIn(device.session, device.dpid, number, Table.PUNT, 0, {3: reason}, frame))

    def number(self, host: str) -> int:
        switch, interface = self.place[host]
        return self.sim.devices[switch].ports[interface].number

    def everybody_speaks(self) -> None:
        for index, host in enumerate(self.place, 1):
            self.say(host, arp(MAC[host], f"10.0.0.{index}"))
        self.sim.run(1.5)
        self.sim.sent.clear()
        self.sim.writes()

    def refusals(self) -> list[str]:
        return [notice.message for notice in self.sim.events(reason="HostRefused")]


@pytest.fixture
def lab() -> Learned:
    return Learned()


# Who is believed to be a host


def test_host_ports_are_put_into_the_network_and_links_are_not(lab: Learned) -> None:
    assert ports(lab.sim) == {lab.name(host) for host in lab.place}
    assert lab.silent() == set(lab.place)
    assert {lab.sim.state(name) for name in ports(lab.sim)} == {State.PROGRAMMED}
    assert len(lab.sim.controller.topology.links()) == 4
    assert lab.sim.in_sync()
    assert {lab.port(host).addresses for host in lab.place} == {()}


def test_nothing_is_believed_before_the_quarantine_is_over() -> None:
    sim = Simulation("leaf-spine:spines=2,leaves=2,hosts=2", learn=NETWORK)
    sim.connect()
    sim.run(1.4)
    assert ports(sim) == set()
    sim.run(0.5)
    assert len(ports(sim)) == 4


def test_time_in_which_nothing_could_be_heard_does_not_count() -> None:
    sim = Simulation("leaf-spine:spines=2,leaves=2,hosts=2", learn=NETWORK)
    sim.connect()
    sim.now += 60
    sim.run(0.2)
    assert ports(sim) == set()


def test_a_port_that_hears_probes_without_being_heard_is_no_host() -> None:
    sim = Simulation("linear:switches=2,hosts=1", learn=NETWORK)
    link = sim.declared.links[0]
    del sim.wires[link.a]  # what a sends is lost
    sim.connect()
    sim.run(5)
    hosts = {(sim.devices[host.switch].dpid, host.interface) for host in sim.declared.hosts}
    assert ports(sim) == {port_name(NETWORK, place) for place in hosts}


def test_a_port_that_turns_out_to_be_a_link_is_taken_back_at_once() -> None:
    sim = Simulation("leaf-spine:spines=2,leaves=2,hosts=1", learn=NETWORK)
    sim.connect("leaf1", "leaf2")
    sim.run(15)  # the grace for switches that are away
    assert len(ports(sim)) == 2 * 3
    sim.connect("spine1", "spine2")
    sim.run(0.1)
    assert len(ports(sim)) == 2
    sim.run(2)
    assert len(sim.controller.topology.links()) == 4
    assert len(ports(sim)) == 2
    assert len(sim.events(reason="LearnedPortIsLink")) == 4
    assert sim.events(reason="ProbeRejected") == ()
    assert sim.in_sync()


def relay(lab: Learned, seconds: float) -> None:
    """Hosts h1 and h3 relay what they get; h3's port has just become unknown, so it is probed."""
    lab.everybody_speaks()
    lab.sim.run(seconds)
    lab.sim.wires[lab.place["h3"]] = lab.place["h1"]
    lab.sim.submit(Delete(lab.name("h3")))


def test_a_relayed_probe_does_not_take_the_port_of_a_host_that_was_heard(lab: Learned) -> None:
    relay(lab, 15)
    lab.sim.run(3)
    assert lab.port("h1").mac == MAC["h1"].hex(":")
    assert "h3" in lab.silent()
    assert len(lab.sim.events(reason="ProbeRejected")) == 1
    assert lab.sim.events(reason="LearnedPortIsLink") == ()


def test_it_does_just_after_the_cable_was_pulled(lab: Learned) -> None:
    relay(lab, 15)
    set_up(lab, "h1", up=False)
    set_up(lab, "h1", up=True)
    lab.sim.run(1)
    assert len(lab.sim.events(reason="LearnedPortIsLink")) == 1


def test_an_interface_whose_name_is_no_id_has_a_name_all_the_same() -> None:
    names = ["eth0", "Eth0", "-x", "x-", "a_b", "_a", "ä", "45746830", "_45746830x"]
    found = [port_name(NETWORK, (Dpid(0xAB), name)) for name in names]
    assert len(set(found)) == len(names)
    assert [parse_name(name).tenant for name in found] == ["lab"] * len(names)
    assert found[0] == "tenants/lab/ports/learned-ab-eth0"
    longest = parse_name(port_name(NETWORK, (Dpid(2**64 - 1), "Ä" * 7 + "B")))
    assert len(longest.id) <= 63


def test_what_is_not_a_network_name_is_refused() -> None:
    with pytest.raises(SdnError, match="tenants/T/networks/ID"):
        Simulation("linear:switches=1,hosts=1", learn="all")


def test_no_more_ports_than_the_limit_are_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "MAX_PORTS", 3)
    sim = Simulation("leaf-spine:spines=2,leaves=2,hosts=2", learn=NETWORK)
    sim.connect()
    sim.run(15)
    first = ports(sim)
    assert len(first) == 3
    assert len(sim.events(reason="LearningFull")) == 2, "once in ten seconds"
    sim.submit(Delete(min(first)))
    sim.run(3)
    assert len(ports(sim)) == 3


# What is learned


def test_a_frame_teaches_mac_and_address_and_goes_on_when_all_switches_know(lab: Learned) -> None:
    frame = arp(MAC["h1"], "10.0.0.1")
    lab.sim.devices["leaf2"].silent = True
    lab.say("h1", frame)
    lab.sim.run(0.5)
    assert lab.port("h1").mac == MAC["h1"].hex(":")
    assert lab.port("h1").addresses == (IPv4Address("10.0.0.1"),)
    assert lab.silent() == {"h2", "h3", "h4"}
    assert lab.sim.sent == [], "leaf2 has not confirmed"
    lab.sim.run(PATIENCE)
    (sent,) = lab.sim.sent
    assert (sent.out_port, sent.in_port, sent.data) == (TABLE, lab.number("h1"), frame)


def test_a_frame_goes_on_at_once_where_switches_confirm_at_once(lab: Learned) -> None:
    lab.say("h1", arp(MAC["h1"], "10.0.0.1"))
    assert [packet.out_port for packet in lab.sim.sent] == [TABLE]
    assert lab.sim.in_sync()
    assert len(lab.sim.events(reason="HostHeard")) == 1


def test_addresses_of_all_kinds_are_learned(lab: Learned) -> None:
    lab.say("h1", ipv4(MAC["h1"], "192.0.2.7"))
    lab.say("h1", arp(MAC["h1"], "10.0.0.1"))
    lab.say("h1", ipv6(MAC["h1"], "2001:db8::1"))
    lab.say("h1", ipv6(MAC["h1"], "fe80::1234"))
    wanted = [ip_address(text) for text in ("192.0.2.7", "10.0.0.1", "2001:db8::1", "fe80::1234")]
    assert list(lab.port("h1").addresses) == wanted
    assert lab.sim.in_sync()


@pytest.mark.parametrize(
    "frame",
    [
        ipv4(MAC["h1"], "0.0.0.0"),
        ipv4(MAC["h1"], "127.0.0.1"),
        ipv4(MAC["h1"], "224.0.0.1"),
        ipv6(MAC["h1"], "::"),
        ipv6(MAC["h1"], "ff02::1"),
        BROADCAST + MAC["h1"] + b"\x88\xb5",
    ],
)
def test_what_no_host_may_have_is_not_learned_but_the_mac_is(lab: Learned, frame: bytes) -> None:
    lab.say("h1", frame)
    assert lab.port("h1").mac == MAC["h1"].hex(":")
    assert lab.port("h1").addresses == ()


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        arp(bytes(6), "10.0.0.1"),
        arp(b"\x01" + bytes(5), "10.0.0.1"),
        arp(b"\x06\x00\x00\x00\x00\x01", "10.0.0.1"),
        arp(MAC["h1"], "10.0.0.1")[:30],
        BROADCAST + MAC["h2"] + arp(MAC["h1"], "10.0.0.1")[12:],
    ],
)
def test_frames_that_cannot_be_of_a_host_teach_nothing(lab: Learned, frame: bytes) -> None:
    lab.say("h1", frame)
    assert lab.silent() == set(lab.place)
    assert lab.sim.sent == []


@given(st.binary(max_size=80))
def test_any_bytes_can_be_heard(frame: bytes) -> None:
    for data in (frame, BROADCAST + MAC["h1"] + frame):
        found = hear(data)
        assert found is None or isinstance(found, Heard)


def test_frames_that_came_before_the_flows_go_on_too_but_not_for_ever(lab: Learned) -> None:
    frame = arp(MAC["h1"], "10.0.0.1")
    for _ in range(100):
        lab.say("h1", frame)
    assert len(lab.sim.sent) == 1 + AGAIN
    lab.sim.run(2)
    assert len(lab.sim.sent) == 1 + AGAIN


def test_addresses_of_a_port_are_bounded_and_the_refusal_is_told_once(lab: Learned) -> None:
    for number in range(1, MAX_ADDRESSES + 50):
        lab.say("h1", arp(MAC["h1"], f"10.0.1.{number}"))
    assert len(lab.port("h1").addresses) == MAX_ADDRESSES
    assert len(lab.refusals()) == 1
    assert "16 addresses" in lab.refusals()[0]


def test_another_mac_on_the_same_port_takes_its_place_not_more_than_once_a_second(lab: Learned) -> None:
    lab.everybody_speaks()
    lab.say("h1", arp(MAC["new"], "10.0.0.50"))
    assert lab.port("h1").mac == MAC["new"].hex(":")
    assert lab.port("h1").addresses == (IPv4Address("10.0.0.50"),)
    revision = lab.sim.controller.store.revision
    for number in range(100):
        lab.say("h1", arp(bytes([2, 0xCC, 0, 0, 0, number]), "10.0.0.50"))
    assert lab.sim.controller.store.revision == revision
    assert lab.sim.in_sync()


# Moves and hijacks


def test_a_host_heard_elsewhere_has_moved_with_all_its_addresses(lab: Learned) -> None:
    lab.say("h1", ipv6(MAC["h1"], "2001:db8::1"))
    lab.everybody_speaks()
    lab.say("h4", arp(MAC["h1"], "10.0.0.1"))
    assert lab.port("h4").mac == MAC["h1"].hex(":")
    assert set(lab.port("h4").addresses) == {ip_address("2001:db8::1"), ip_address("10.0.0.1")}
    assert lab.silent() == {"h1"}
    assert lab.port("h1").addresses == ()
    assert len(lab.sim.events(reason="HostMoved")) == 1
    assert lab.sim.in_sync()


def test_an_address_heard_elsewhere_goes_there(lab: Learned) -> None:
    lab.everybody_speaks()
    lab.say("h2", arp(MAC["h2"], "10.0.0.1"))
    assert lab.port("h1").addresses == ()
    assert lab.port("h1").mac == MAC["h1"].hex(":")
    assert lab.port("h2").addresses == (IPv4Address("10.0.0.2"), IPv4Address("10.0.0.1"))


def test_two_hosts_with_one_mac_do_not_keep_the_controller_busy(lab: Learned) -> None:
    lab.everybody_speaks()
    revision = lab.sim.controller.store.revision
    for _ in range(30):
        for host in ("h1", "h2"):
            lab.say(host, arp(MAC["new"], "10.0.0.77"))
        lab.sim.run(0.1)
    assert lab.sim.controller.store.revision - revision <= 4


def declare(lab: Learned, *, subnet: bool = False) -> None:
    """h2's interface belongs to a declared port with a MAC, and with an address if there is a subnet."""
    switch, interface = lab.place["h2"]
    objects = [Subnet(name="tenants/lab/subnets/s", network=NETWORK, cidr=IPv4Network("10.0.0.0/24"),
                      gateway=IPv4Address("10.0.0.254"))]  # fmt: skip
    port = Port(
        name="tenants/lab/ports/server",
        network=NETWORK,
        mac=MAC["h2"].hex(":"),
        addresses=(IPv4Address("10.0.0.2"),) if subnet else (),
        allowed_address_pairs=(AddressPair(prefix=IPv4Network("10.0.0.200/32")),) if subnet else (),
        binding=Binding(switch=switch, interface=interface),
    )
    lab.sim.put(*objects[:subnet], port)
    lab.sim.run(1)


def test_a_declared_port_takes_the_interface_of_a_learned_one_over(lab: Learned) -> None:
    declare(lab)
    assert lab.name("h2") not in lab.sim.controller.store.objects
    assert lab.sim.state("tenants/lab/ports/server") is State.PROGRAMMED
    assert len(lab.sim.events(reason="LearnedPortGone")) == 1
    assert lab.sim.in_sync()


@pytest.mark.parametrize(
    ("frame", "what"),
    [
        (arp(MAC["h2"], "10.0.0.1"), "MAC 02:bb:00:00:00:02"),
        (arp(MAC["h1"], "10.0.0.2"), "address 10.0.0.2"),
        (ipv4(MAC["h1"], "10.0.0.2"), "address 10.0.0.2"),
        (arp(MAC["h1"], "10.0.0.254"), "address 10.0.0.254"),
        (arp(MAC["h1"], "10.0.0.200"), "address 10.0.0.200"),
    ],
    ids=["mac", "arp", "ip", "gateway", "pair"],
)
def test_what_a_declared_port_or_a_gateway_has_is_never_learned_elsewhere(
    lab: Learned, frame: bytes, what: str
) -> None:
    declare(lab, subnet=True)
    before = lab.port("h1")
    lab.say("h1", frame)
    lab.sim.run(1)
    assert lab.port("h1") == before
    assert lab.sim.sent == []
    (told,) = lab.refusals()
    assert what in told
    assert lab.sim.in_sync()


# Unknown receivers


def test_a_frame_to_an_unknown_mac_is_handed_to_silent_ports_alone(lab: Learned) -> None:
    lab.say("h1", arp(MAC["h1"], "10.0.0.1"))
    lab.say("h2", arp(MAC["h2"], "10.0.0.2"))
    lab.sim.sent.clear()
    frame = ipv4(MAC["h1"], "10.0.0.1", MAC["h3"])
    lab.say("h1", frame, PUNT_UNKNOWN)
    assert sorted(packet.out_port for packet in lab.sim.sent) == sorted(lab.number(h) for h in ("h3", "h4"))
    assert {packet.in_port for packet in lab.sim.sent} == {None}
    assert {packet.data for packet in lab.sim.sent} == {frame}


def test_frames_to_unknown_macs_are_bounded_for_all_senders_together(lab: Learned) -> None:
    lab.say("h1", arp(MAC["h1"], "10.0.0.1"))
    lab.sim.sent.clear()
    for _ in range(1000):
        lab.say("h1", ipv4(MAC["h1"], "10.0.0.1", MAC["new"]), PUNT_UNKNOWN)
    assert len(lab.sim.sent) == learning.COPIES_PER_SECOND
    assert len(lab.sim.events(reason="LearningFull")) == 1


def quarantined(lab: Learned, host: str) -> None:
    """The host's port is in quarantine again; h1 has been heard."""
    lab.say("h1", arp(MAC["h1"], "10.0.0.1"))
    lab.sim.submit(Delete(lab.name(host)))
    lab.sim.run(0.5)
    lab.sim.sent.clear()


def handed(lab: Learned, frame: bytes) -> list[str]:
    """To whom a frame was handed, as often as it was."""
    hosts = {(lab.sim.devices[place[0]].session, lab.number(host)): host for host, place in lab.place.items()}
    return sorted(hosts[packet.session, packet.out_port] for packet in lab.sim.sent if packet.data == frame)


def test_a_frame_to_an_unknown_mac_waits_for_ports_in_quarantine(lab: Learned) -> None:
    """With static ARP entries the first packet may come while its receiver's port is watched: it is late, not lost."""
    quarantined(lab, "h3")
    frame = ipv4(MAC["h1"], "10.0.0.1", MAC["h3"])
    lab.say("h1", frame, PUNT_UNKNOWN)
    assert handed(lab, frame) == ["h2", "h4"]
    lab.sim.run(3)
    assert handed(lab, frame) == ["h2", "h3", "h4"]
    lab.sim.run(10)
    assert len(lab.sim.sent) == 3


def test_it_waits_until_the_switch_has_confirmed_that_the_port_is_to_be_heard(lab: Learned) -> None:
    quarantined(lab, "h3")
    frame = ipv4(MAC["h1"], "10.0.0.1", MAC["h3"])
    lab.sim.devices[lab.place["h3"][0]].silent = True
    lab.sim.run(3)
    assert dict(lab.port("h3").labels)[LEARNED] == "silent"
    lab.say("h1", frame, PUNT_UNKNOWN)
    lab.sim.run(1)
    assert "h3" not in handed(lab, frame)


def test_when_the_receiver_was_heard_first_the_frame_goes_to_it_through_the_switch(lab: Learned) -> None:
    quarantined(lab, "h3")
    lab.say("h1", arp(MAC["h1"], "10.0.0.1"))
    lab.sim.sent.clear()
    frame = ipv4(MAC["h1"], "10.0.0.1", MAC["new"])
    lab.say("h1", frame, PUNT_UNKNOWN)
    lab.sim.run(1.3)
    lab.say("h4", arp(MAC["new"], "10.0.0.4"))
    lab.sim.run(0.5)
    again = [packet for packet in lab.sim.sent if packet.data == frame and packet.out_port == TABLE]
    assert again == [], "h4 was silent and got the frame before it spoke"
    late = ipv4(MAC["h1"], "10.0.0.1", MAC["h2"])
    lab.say("h2", arp(MAC["h4"], "10.0.0.44"))
    lab.say("h1", late, PUNT_UNKNOWN)
    lab.sim.run(1.5)
    lab.say("h2", arp(MAC["h2"], "10.0.0.2"))
    lab.sim.run(0.5)
    again = [packet for packet in lab.sim.sent if packet.data == late and packet.out_port == TABLE]
    assert [packet.in_port for packet in again] == [lab.number("h1")], "h2 was not silent, so it had not got it"


def test_frames_to_unknown_macs_that_wait_are_few_and_do_not_wait_for_long(lab: Learned) -> None:
    quarantined(lab, "h3")
    lab.sim.devices[lab.place["h3"][0]].silent = True
    lab.sim.run(3)
    for number in range(20):
        lab.say("h1", ipv4(MAC["h1"], "10.0.0.1", bytes([2, 0, 0, 0, 9, number])), PUNT_UNKNOWN)
    lab.sim.sent.clear()
    lab.sim.devices[lab.place["h3"][0]].silent = False
    lab.sim.disconnect(lab.place["h3"][0])
    lab.sim.connect(lab.place["h3"][0])
    lab.sim.run(1)
    assert len([p for p in lab.sim.sent if p.out_port == lab.number("h3")]) == MAX_PER_SENDER
    lab.sim.run(SOUGHT_PATIENCE)
    lab.sim.submit(Delete(lab.name("h3")))
    lab.sim.sent.clear()
    lab.sim.run(3)
    assert "h3" in lab.silent()
    assert lab.sim.sent == []


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.sampled_from("pfgt")), max_size=60))
def test_what_is_kept_for_unknown_receivers_is_bounded_and_in_order(steps: list[tuple[str, str, str]]) -> None:
    sought, now, wanted = Sought(), 0.0, []
    for number, (sender, target, step) in enumerate(steps):
        event = PacketIn(1, Dpid(1), number, 0, 0, {}, b"")
        if step == "p":
            sought.put(sender, target, event, now)
            if sum(item[0] == sender for item in wanted) < MAX_PER_SENDER:
                wanted.append((sender, target, now, event))
        elif step == "f":
            assert sought.found(target) == [item[3] for item in wanted if item[1] == target]
            wanted = [item for item in wanted if item[1] != target]
        elif step == "g":
            sought.forget(sender)
            wanted = [item for item in wanted if item[0] != sender]
        else:
            now += 2
            sought.expire(now)
            wanted = [item for item in wanted if now - item[2] < SOUGHT_PATIENCE]
        assert list(sought.all()) == [item[3] for item in wanted]


# What goes, and what stays


def set_up(lab: Learned, host: str, up: bool) -> None:
    switch, interface = lab.place[host]
    device = lab.sim.devices[switch]
    device.ports[interface] = replace(device.ports[interface], up=up)
    lab.sim.turn(PortChanged(device.session, device.dpid, device.ports[interface]))


def test_a_port_that_is_down_for_long_is_forgotten_and_one_that_flaps_is_not(lab: Learned) -> None:
    lab.everybody_speaks()
    set_up(lab, "h1", up=False)
    lab.sim.run(GONE_SECONDS - 1)
    set_up(lab, "h1", up=True)
    lab.sim.run(GONE_SECONDS)
    assert lab.port("h1").mac == MAC["h1"].hex(":")
    set_up(lab, "h1", up=False)
    lab.sim.run(GONE_SECONDS + 1)
    assert lab.name("h1") not in lab.sim.controller.store.objects
    assert lab.sim.in_sync()
    set_up(lab, "h1", up=True)
    lab.sim.run(3)
    assert lab.silent() == {"h1"}


def test_a_port_that_is_removed_is_forgotten(lab: Learned) -> None:
    switch, interface = lab.place["h1"]
    device = lab.sim.devices[switch]
    lab.sim.turn(PortChanged(device.session, device.dpid, device.ports.pop(interface), removed=True))
    lab.sim.run(GONE_SECONDS + 1)
    assert lab.name("h1") not in lab.sim.controller.store.objects


def test_ports_of_a_switch_that_is_away_stay_for_a_while(lab: Learned) -> None:
    lab.everybody_speaks()
    lab.sim.disconnect("leaf1")
    lab.sim.run(AWAY_SECONDS - 5)
    assert lab.port("h1").mac == MAC["h1"].hex(":")
    lab.sim.run(10)
    gone = {host for host in lab.place if lab.name(host) not in lab.sim.controller.store.objects}
    assert gone == {host for host, (switch, _) in lab.place.items() if switch == "leaf1"}


def test_a_restart_writes_nothing_and_learns_nothing_anew(lab: Learned) -> None:
    lab.everybody_speaks()
    objects = dict(lab.sim.controller.store.objects)
    lab.sim.start()
    lab.sim.connect()
    lab.sim.run(20)
    assert lab.sim.writes() == 0
    assert dict(lab.sim.controller.store.objects) == objects
    assert lab.sim.in_sync()


def test_without_learning_mode_what_was_learned_is_as_if_declared(lab: Learned) -> None:
    lab.everybody_speaks()
    lab.sim.learn = ""
    lab.sim.start()
    lab.sim.connect()
    lab.sim.run(AWAY_SECONDS)
    lab.say("h1", arp(MAC["new"], "10.0.0.50"))
    assert lab.port("h1").mac == MAC["h1"].hex(":")
    assert lab.sim.in_sync()


def test_a_port_without_the_label_is_left_alone(lab: Learned) -> None:
    lab.everybody_speaks()
    port = replace(lab.port("h1"), labels=(), addresses=())
    lab.sim.put(Subnet(name="tenants/lab/subnets/s", network=NETWORK, cidr=IPv4Network("10.1.0.0/24")), port)
    set_up(lab, "h1", up=False)
    lab.sim.run(GONE_SECONDS + 1)
    assert lab.name("h1") in lab.sim.controller.store.objects


def test_an_existing_network_is_used() -> None:
    sim = Simulation("linear:switches=2,hosts=1")
    sim.connect()
    sim.put(Tenant(name="tenants/lab"), Network(name=NETWORK, mtu=1400))
    sim.learn = NETWORK
    sim.start()
    sim.connect()
    sim.run(5)
    network = sim.controller.store.objects[NETWORK]
    assert isinstance(network, Network)
    assert network.mtu == 1400
    assert len(ports(sim)) == 2


def test_a_storm_of_new_ports_is_one_object_each() -> None:
    sim = Simulation("linear:switches=1,hosts=1", learn=NETWORK)
    sim.connect()
    device = sim.devices["s1"]
    for number in range(200):
        port = device.add_port("".join(string.ascii_lowercase[int(d)] for d in f"{number:03}"))
        sim.turn(PortChanged(device.session, device.dpid, port))
    sim.run(3)
    assert len(ports(sim)) == 201
    assert sim.in_sync()
