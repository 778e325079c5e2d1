"""Who has a shared address, as ports announce it: moves, what counts more, who is not heard, fights, and a restart."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_address

import pytest
from simulation import Simulation
from test_controller import T, cloud

from sdn.controller.events import PacketIn
from sdn.controller.hosts.announcements import BURST, HOLDERS
from sdn.controller.hosts.attachments import packed_mac
from sdn.controller.questions.views import Views
from sdn.model.command import Delete
from sdn.model.intent import AddressPair, Network, Port, Resource, Tenant
from sdn.model.status import State
from sdn.model.tracing import TraceQuestion, Verdict
from sdn.pipeline.layout import PUNT_ANNOUNCED, Table

VIRTUAL, VIP, VIP6 = "00:00:5e:00:01:07", "10.0.0.100", "fd00::100"
H1, H3, H5 = (f"{T}/ports/h{number}" for number in (1, 3, 5))


@pytest.fixture
def sim() -> Simulation:
    """h1 and h3 may use the address with the virtual MAC, on different leaves; nobody is active."""
    sim = Simulation("leaf-spine:spines=2,leaves=3,hosts=2", staged=True)
    sim.connect()
    sim.run(3)
    sim.put(*cloud(sim))
    sim.put(*(with_pairs(sim, name, pair()) for name in (H1, H3)))
    sim.run(1)
    return sim


def pair(address: str = VIP, mac: str = VIRTUAL, active: bool = False) -> AddressPair:
    prefix = IPv6Network(address) if ":" in address else IPv4Network(address)
    return AddressPair(prefix=prefix, mac=mac, active=active)


def port_of(sim: Simulation, name: str) -> Port:
    port = sim.controller.store.objects[name]
    assert isinstance(port, Port)
    return port


def with_pairs(sim: Simulation, name: str, *pairs: AddressPair) -> Port:
    return replace(port_of(sim, name), allowed_address_pairs=pairs)


def arp(operation: int, mac: str, sender: str, target: str) -> bytes:
    body = b"\x00\x01\x08\x00\x06\x04" + operation.to_bytes(2, "big") + packed_mac(mac) + ip_address(sender).packed
    return b"\xff" * 6 + packed_mac(mac) + b"\x08\x06" + body + bytes(6) + ip_address(target).packed


def advertisement(mac: str, target: str) -> bytes:
    head = (
        b"\x60\0\0\0"
        + (32).to_bytes(2, "big")
        + b"\x3a\xff"
        + ip_address(target).packed
        + b"\xff\x02"
        + bytes(13)
        + b"\x01"
    )
    message = b"\x88\0\0\0\x20\0\0\0" + ip_address(target).packed + b"\x02\x01" + packed_mac(mac)
    return b"\x33\x33\0\0\0\x01" + packed_mac(mac) + b"\x86\xdd" + head + message


def announce(
    sim: Simulation, name: str, frame: bytes = b"", *, mac: str = VIRTUAL, switch: str = "", by: str = ""
) -> None:
    """What the switch of a port hands up. by: the port whose number the switch tells, the same if not given."""
    port = port_of(sim, name)
    assert port.binding is not None
    device = sim.devices[switch or port.binding.switch]
    service = sim.controller.store.numbers.get("service", f"{by or name}|{mac}")
    assert service is not None
    registers = {1: service, 3: PUNT_ANNOUNCED}
    frame = frame or arp(1, mac, VIP, VIP)
    sim.turn(PacketIn(device.session, device.dpid, 1, Table.PUNT, 0, registers, frame))


def holder(sim: Simulation, name: str = H1, address: str = VIP) -> tuple[str, str]:
    """(port, reason), as the status of a port tells."""
    status = sim.controller.statuses.of(port_of(sim, name))
    return next((item.holder, item.reason) for item in status.shared if item.address == address)


def reasons(sim: Simulation) -> list[str]:
    return [notice.reason for notice in sim.events() if notice.reason.startswith("SharedAddress")]


def test_an_announcement_moves_the_address_and_its_mac(sim: Simulation) -> None:
    assert sim.state(H1) is State.DEGRADED
    assert holder(sim) == ("", "")
    for name in (H3, H1, H3):
        announce(sim, name)
        assert holder(sim) == holder(sim, H3) == holder(sim, H1, VIRTUAL) == (name, "Announced")
        sim.run(0.2)
        assert sim.in_sync()
        assert sim.state(H1) is sim.state(H3) is State.PROGRAMMED
        since = sim.controller.statuses.of(port_of(sim, H1)).shared[0].since
        sim.run(10)
        assert sim.controller.statuses.of(port_of(sim, H1)).shared[0].since == since == pytest.approx(sim.wall - 10.2)


@pytest.mark.parametrize(
    ("frame", "counts"),
    [
        (arp(1, VIRTUAL, VIP, VIP), True),
        (arp(2, VIRTUAL, VIP, VIP), True),
        (arp(2, VIRTUAL, VIP, "10.0.0.2"), True),
        (arp(1, VIRTUAL, VIP, "10.0.0.2"), False),
        (arp(1, VIRTUAL, "10.0.0.101", "10.0.0.101"), False),
        (arp(1, VIRTUAL, VIP, VIP)[:30], False),
        (b"", False),
        (advertisement(VIRTUAL, VIP6), False),
    ],
)
def test_what_is_an_announcement(sim: Simulation, frame: bytes, counts: bool) -> None:
    announce(sim, H3, frame or b"\0" * 14)
    assert holder(sim)[0] == (H3 if counts else "")


def test_ipv6_with_the_own_mac(sim: Simulation) -> None:
    sim.put(*(with_pairs(sim, name, pair(VIP6, "")) for name in (H1, H3)))
    for name in (H1, H3):
        mac = port_of(sim, name).mac
        announce(sim, name, advertisement(mac, VIP6), mac=mac)
        assert holder(sim, H1, VIP6) == (name, "Announced")


def test_who_is_not_heard(sim: Simulation) -> None:
    announce(sim, H1)
    sim.put(with_pairs(sim, H5, pair("10.0.0.101")))
    announce(sim, H5)
    announce(sim, H3, switch="leaf3")
    announce(sim, H3, by=H5)
    assert holder(sim) == (H1, "Announced"), "one that may not; a switch where it is not"
    sim.put(replace(with_pairs(sim, H5), addresses=(ip_address(VIP),)))
    assert holder(sim) == (H5, "Own")
    announce(sim, H3)
    assert holder(sim) == (H5, "Own"), "it belongs to a port"


def test_the_last_word_counts_be_it_of_the_api(sim: Simulation) -> None:
    announce(sim, H1)
    sim.put(with_pairs(sim, H3, pair(active=True)))
    assert holder(sim) == (H3, "Active")
    announce(sim, H1)
    assert holder(sim) == (H1, "Announced"), "until somebody announces it"
    sim.put(replace(port_of(sim, H3), description="another"))
    assert holder(sim) == (H1, "Announced"), "what was active before is no new word"
    sim.put(with_pairs(sim, H3, pair()), with_pairs(sim, H1, pair(active=True)))
    assert holder(sim) == (H1, "Active")
    assert sim.records[HOLDERS] == {}


def test_it_keeps_what_it_announced_when_another_port_comes(sim: Simulation) -> None:
    """As virtual machines start: the first one is alone, announces, and only then there is another."""
    sim.put(with_pairs(sim, H3))
    assert holder(sim) == (H1, "Alone")
    announce(sim, H1)
    sim.put(with_pairs(sim, H3, pair()))
    sim.run(0.2)
    assert holder(sim) == (H1, "Announced")
    assert sim.state(H1) is State.PROGRAMMED
    assert reasons(sim) == []


def test_what_a_port_may_not_use_any_more_is_forgotten(sim: Simulation) -> None:
    announce(sim, H1)
    assert len(sim.records[HOLDERS]) == 2
    sim.put(with_pairs(sim, H1, pair("10.0.0.101")))
    assert holder(sim, H3) == (H3, "Alone")
    assert list(sim.records[HOLDERS]) == [f"{port_of(sim, H1).network}|{VIRTUAL}"], "the MAC it may use still"
    sim.put(with_pairs(sim, H1, pair()))
    assert holder(sim) == ("", "")
    announce(sim, H3)
    sim.submit(Delete(H3))
    sim.run(0.2)
    assert sim.records[HOLDERS] == {}
    assert holder(sim) == (H1, "Alone")


def test_nothing_is_remembered_of_a_network_that_is_gone(sim: Simulation) -> None:
    theirs = "tenants/other"
    old = port_of(sim, H5)
    sim.put(replace(old, binding=None))
    port = replace(old, name=f"{theirs}/ports/p", network=f"{theirs}/networks/n", addresses=(), revision=0)
    sim.put(Tenant(name=theirs), Network(name=port.network), replace(port, allowed_address_pairs=(pair(),)))
    announce(sim, port.name)
    assert len(sim.records[HOLDERS]) == 2
    sim.submit(Delete(port.name), Delete(port.network), Delete(theirs))
    sim.run(1)
    assert sim.records[HOLDERS] == {}


def test_a_port_that_is_away_has_it_again_when_it_returns(sim: Simulation) -> None:
    announce(sim, H3)
    bound = port_of(sim, H3)
    sim.put(replace(bound, binding=None))
    assert holder(sim) == (H1, "Alone")
    sim.put(bound)
    assert holder(sim) == (H3, "Announced")


def test_a_restart_knows_who_has_it_and_writes_nothing(sim: Simulation) -> None:
    announce(sim, H3)
    sim.run(1)
    since = sim.controller.statuses.of(port_of(sim, H1)).shared[0].since
    sim.writes()
    sim.start()
    assert holder(sim) == ("", "") or holder(sim) == (H3, "Announced")
    sim.connect()
    sim.run(30)
    assert holder(sim) == (H3, "Announced")
    assert sim.controller.statuses.of(port_of(sim, H1)).shared[0].since == since
    assert sim.writes() == 0


@pytest.mark.parametrize("text", ["", "[]", "7", f'["{H3}", "x", 1]', f'["{H3}", "{VIRTUAL}", "y"]', '["none", "", 1]'])
def test_a_damaged_record_counts_as_none(sim: Simulation, text: str) -> None:
    announce(sim, H3)
    key = next(key for key in sim.records[HOLDERS] if key.endswith(VIP))
    sim.records[HOLDERS] |= {key: text, "nowhere|10.0.0.1": text, f"{key}x": text, "x": text}
    sim.start()
    sim.connect()
    sim.run(30)
    assert holder(sim) == ("", "")
    assert list(sim.records[HOLDERS]) == [key.replace(VIP, VIRTUAL)]


def test_a_fight_is_damped_and_the_last_one_gets_it(sim: Simulation) -> None:
    moves, last = 0, holder(sim)
    for _ in range(500):
        for name in (H1, H3):
            announce(sim, name)
            moves, last = moves + (holder(sim) != last), holder(sim)
        sim.run(0.1)
    assert moves == 8
    assert last == (H3, "Announced")
    assert reasons(sim).count("SharedAddressFight") == 1
    assert len(reasons(sim)) <= 5
    sim.run(30)
    assert holder(sim) == (H3, "Announced"), "who announced it last"
    assert reasons(sim)[-2:].count("SharedAddressSettled") == 1
    announce(sim, H1)
    assert holder(sim) == (H1, "Announced"), "it is as before"
    assert sim.in_sync()


def test_many_addresses_at_once_move_and_wait_beyond_a_bound(sim: Simulation) -> None:
    """Ports have at most 64 pairs, so several ports share these with one."""
    addresses = [f"10.0.0.{low}" for low in range(100, 164)]
    for name in (H1, H3):
        sim.put(with_pairs(sim, name, *(pair(address, "") for address in addresses)))
    moved = []
    for name in (H1, H3, H1, H3):
        mac = port_of(sim, name).mac
        for address in addresses:
            announce(sim, name, arp(2, mac, address, address), mac=mac)
        moved.append([holder(sim, H1, address)[0] for address in addresses].count(name))
    assert moved[:3] == [64, 64, 64]
    assert 8 <= moved[3] < 64, "the others wait their turn"
    assert 3 * len(addresses) < BURST < 4 * len(addresses)
    sim.run(4)
    assert {holder(sim, H1, address) for address in addresses} == {(H3, "Announced")}
    assert sim.in_sync()


def test_another_tenant_with_the_same_addresses_is_never_touched(sim: Simulation) -> None:
    theirs = "tenants/other"
    wishes: list[Resource] = [Tenant(name=theirs), Network(name=f"{theirs}/networks/n")]
    for number in (5, 6):
        old = port_of(sim, f"{T}/ports/h{number}")
        sim.put(replace(old, binding=None))
        port = replace(old, name=f"{theirs}/ports/p{number}", network=f"{theirs}/networks/n", addresses=())
        wishes.append(replace(port, allowed_address_pairs=(pair(),), revision=0, created=0.0))
    sim.put(*wishes)
    p5, p6 = (f"{theirs}/ports/p{number}" for number in (5, 6))
    announce(sim, p6)
    for name in (H1, H3, H1):
        sim.published.clear()
        announce(sim, name)
        sim.run(0.5)
        assert holder(sim) == (name, "Announced")
        assert holder(sim, p5) == (p6, "Announced")
        assert {publication.resource.name for publication in sim.published} <= {H1, H3}
    announce(sim, p5)
    assert (holder(sim), holder(sim, p6)) == ((H1, "Announced"), (p5, "Announced"))


def test_a_trace_goes_to_whoever_announced_it(sim: Simulation) -> None:
    for name in (H1, H3):
        announce(sim, name)
        sim.run(0.2)
        told = Views(sim.controller, "1", 0.0).trace(TraceQuestion(H5, ip_address(VIP)))
        assert told.verdict is Verdict.DELIVERED, told
        assert name.rpartition("/")[2] in told.reason


def test_a_trace_of_an_announcement_says_that_a_copy_is_for_the_controller(sim: Simulation) -> None:
    sim.put(*(replace(port_of(sim, name), binding=None) for name in (H3, H5)))
    told = Views(sim.controller, "1", 0.0).trace(TraceQuestion(H1, frame=arp(1, VIRTUAL, VIP, VIP)))
    assert told.verdict is Verdict.NOT_DELIVERED
    assert "as it is an announcement" in told.reason
    assert "TTL" not in told.reason
