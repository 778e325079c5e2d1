"""Questions of what becomes of a packet: asked of the real controller, whose programs are followed on paper."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from simulation import Simulation

from sdn.controller.questions.views import Views
from sdn.model.errors import InvalidInput, NotFound
from sdn.model.intent import AddressPair, Binding, Connection, Network, Port, Router, StaticRoute, Subnet, Tenant
from sdn.model.tracing import Protocol, TraceQuestion, TraceStep, TraceView, Verdict

RED = "tenants/red"
H = [f"{RED}/ports/h{n}" for n in range(9)]
BLUE = "tenants/blue/ports/h6"


def port(name: str, network: str, place: int, *addresses: str, bound: bool = True) -> Port:
    switch = f"leaf{(place - 1) // 3 + 1}"
    return Port(
        name=name,
        network=f"{name.split('/ports/')[0]}/networks/{network}",
        mac=f"02:00:00:00:00:{place:02x}",
        addresses=tuple(map(ip_address, addresses)),
        binding=Binding(switch=switch, interface=f"{switch}-eth{(place - 1) % 3 + 3}") if bound else None,
    )


@pytest.fixture(scope="module")
def sim() -> Simulation:
    """Two spines, two leaves of 3 hosts. Red: a with h1, h4, h5 (unbound); b with h2; bare with h7, h8. Blue: h6."""
    sim = Simulation("leaf-spine:spines=2,leaves=2,hosts=3")
    sim.connect()
    sim.run(3)
    subnets = []
    sim.put(Tenant(name=RED), Tenant(name="tenants/blue"), Network(name="tenants/blue/networks/a"))
    sim.put(Network(name=f"{RED}/networks/bare"))
    for network, low in (("a", 1), ("b", 2)):
        sim.put(Network(name=f"{RED}/networks/{network}"))
        for version, cidr in (("v4", f"10.0.{low}.0/24"), ("v6", f"fd00:0:0:{low}::/64")):
            subnets.append(f"{RED}/subnets/{network}-{version}")
            range_ = ip_network(cidr)
            sim.put(Subnet(name=subnets[-1], network=f"{RED}/networks/{network}", cidr=range_, gateway=range_[1]))
    sim.put(
        Subnet(name="tenants/blue/subnets/a", network="tenants/blue/networks/a", cidr=ip_network("10.0.1.0/24")),
        Router(
            name=f"{RED}/routers/r",
            subnets=tuple(subnets),
            routes=(
                StaticRoute(prefix=ip_network("198.51.100.0/24"), next_hop=ip_address("10.0.2.12")),
                StaticRoute(prefix=ip_network("198.51.100.128/25")),
            ),
        ),
        port(H[1], "a", 1, "10.0.1.11", "fd00:0:0:1::11"),
        port(H[2], "b", 2, "10.0.2.12", "fd00:0:0:2::12"),
        port(H[4], "a", 4, "10.0.1.14", "fd00:0:0:1::14"),
        port(H[5], "a", 5, "10.0.1.15", bound=False),
        port(H[7], "bare", 3),
        port(H[8], "bare", 5),
        port(BLUE, "a", 6, "10.0.1.16"),
    )
    sim.run(3)
    assert sim.in_sync()
    return sim


def ask(sim: Simulation, source: str = H[1], destination: Any = H[4], **more: Any) -> TraceView:
    return Views(sim.controller, "1", 0.0).trace(TraceQuestion(source, destination, **more))


def last(view: TraceView) -> list[TraceStep]:
    return list(view.parts[-1].steps)


def ends(view: TraceView) -> set[str]:
    return {step.end for step in last(view)} - {""}


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(("protocol", "service"), [(Protocol.ICMP, 0), (Protocol.TCP, 80), (Protocol.UDP, 53)])
@pytest.mark.parametrize("destination", [H[4], H[2]])
def test_a_packet_within_a_network_and_through_the_router(
    sim: Simulation, version: int, protocol: Protocol, service: int, destination: str
) -> None:
    view = ask(sim, H[1], destination, version=version, protocol=protocol, port=service)
    assert view.verdict is Verdict.DELIVERED, view.reason
    question, packet = view.parts
    asked = "10.0.1.14" if destination == H[4] else "10.0.1.1"
    if version == 6:
        asked = "fd00:0:0:1::14" if destination == H[4] else "fd00:0:0:1::1"
    assert question.title == f"{'ARP' if version == 4 else 'ND'}: who has {asked}?"
    assert [d.port for d in question.deliveries] == [H[1]]
    assert [(d.port, d.always) for d in packet.deliveries] == [(destination, True)]
    assert len(packet.frame) >= 60
    routed = [step for step in packet.steps if step.table == "l3"]
    assert bool(routed) == (destination == H[2])
    for step in routed:
        assert (step.owner, step.feature) == (f"{RED}/routers/r", "router")
        assert ("nw_ttl", "64", "63") in {(c.field, c.before, c.after) for c in step.changes}
        assert ("network", f"{RED}/networks/a", f"{RED}/networks/b") in {
            (c.field, c.before, c.after) for c in step.changes
        }


def test_steps_name_switch_stage_flow_owner_and_what_they_change(sim: Simulation) -> None:
    steps = last(ask(sim))
    assert [(s.doing, s.switch, s.table or s.interface) for s in steps[:3]] == [
        ("arrive", "leaf1", "leaf1-eth3"),
        ("table", "leaf1", "classify"),
        ("table", "leaf1", "source"),
    ]
    classify = steps[1]
    assert (classify.owner, classify.feature, classify.state, classify.priority) == (H[1], "attach", "installed", 100)
    assert classify.match.startswith("in_port=")
    assert classify.actions.endswith("goto_table:4")
    assert {(c.field, c.after) for c in classify.changes} == {("network", f"{RED}/networks/a"), ("sender", H[1])}
    (choice,) = [step for step in steps if step.choice]
    assert choice.feature == "route"
    buckets = [steps[number - 1] for number in choice.next]
    assert [bucket.share for bucket in buckets] == [(32, 64), (32, 64)]
    assert {s.switch for s in steps} == {"leaf1", "spine1", "spine2", "leaf2"}
    assert [s.number for s in steps] == list(range(1, len(steps) + 1))
    ways = [step for step in steps if step.end == "Delivered"]
    assert len(ways) == 2, "one for each spine it may come from"
    for out in ways:
        assert (out.switch, out.interface, out.port, out.reason) == ("leaf2", "leaf2-eth3", H[4], f"to {H[4]}")


def test_destinations_by_address_and_mac(sim: Simulation) -> None:
    for destination in (ip_address("10.0.1.14"), bytes.fromhex("020000000004"), ip_address("fd00:0:0:2::12")):
        assert ask(sim, destination=destination).verdict is Verdict.DELIVERED
    nobody = ask(sim, destination=ip_address("10.0.1.77"))
    assert nobody.verdict is Verdict.NOT_DELIVERED
    assert nobody.reason == (
        "nobody answers ARP: who has 10.0.1.77?: "
        f"nobody in {RED}/networks/a has 10.0.1.77, so ARP is not answered (leaf1)"
    )
    assert [part.title for part in nobody.parts] == ["ARP: who has 10.0.1.77?"]
    unknown = ask(sim, destination=bytes.fromhex("020000000099"))
    assert unknown.verdict is Verdict.NOT_DELIVERED
    assert f"nobody in {RED}/networks/a has the MAC 02:00:00:00:00:99" in unknown.reason
    outside = ask(sim, destination=ip_address("192.0.2.1"))
    assert f"{RED}/routers/r has no route to 192.0.2.1 (leaf1)" in outside.reason
    routed = ask(sim, destination=ip_address("198.51.100.7"))
    assert (routed.verdict, routed.parts[-1].deliveries[0].port) == (Verdict.DELIVERED, H[2])
    nowhere = ask(sim, destination=ip_address("198.51.100.200"))
    assert f"a static route of {RED}/routers/r for 198.51.100.200 leads nowhere" in nowhere.reason
    behind = ask(sim, destination=ip_address("10.0.2.99"))
    assert f"nobody in {RED}/networks/b has 10.0.2.99" in behind.reason


def test_gateways_questions_and_groups(sim: Simulation) -> None:
    for address in ("10.0.1.1", "10.0.2.1", "fd00:0:0:1::1"):
        assert ask(sim, destination=ip_address(address)).reason == "it is answered by the switch"
    assert ask(sim, destination=ip_address("10.0.1.1"), protocol=Protocol.UDP, port=53).verdict is Verdict.NOT_DELIVERED
    for address in ("10.0.1.14", "10.0.1.1", "fd00:0:0:1::14"):
        view = ask(sim, destination=ip_address(address), protocol=Protocol.ARP)
        assert (view.verdict, len(view.parts)) == (Verdict.DELIVERED, 1)
    assert ask(sim, destination=ip_address("10.0.1.77"), protocol=Protocol.ARP).verdict is Verdict.NOT_DELIVERED
    for destination in (
        ip_address("255.255.255.255"),
        ip_address("ff02::1"),
        b"\xff" * 6,
        bytes.fromhex("01005e010203"),
    ):
        view = ask(sim, destination=destination)
        assert view.verdict is Verdict.DELIVERED, view.reason
        assert {d.port for d in view.parts[-1].deliveries} == {H[4]}
    odd = ask(sim, destination=bytes.fromhex("0180c2000000"))
    assert "multicast to 01:80:c2:00:00:00 that is not IP is not forwarded" in odd.reason


def test_addresses_that_a_port_may_use_beside_its_own(sim: Simulation) -> None:
    before = sim.controller.store.objects[H[4]]
    assert isinstance(before, Port)
    virtual = AddressPair(prefix=ip_network("10.0.1.100/32"), mac="02:00:00:00:aa:01", active=True)
    try:
        sim.put(replace(before, allowed_address_pairs=(virtual,)))
        to = ask(sim, destination=ip_address("10.0.1.100"), protocol=Protocol.UDP, port=53)
        assert to.verdict is Verdict.DELIVERED, to.reason
        assert to.parts[-1].frame[:6].hex() == "02000000aa01"
        assert {d.port for d in to.parts[-1].deliveries} == {H[4]}
        source = ask(sim, H[4], H[1], from_mac=bytes.fromhex("02000000aa01"), from_address=ip_address("10.0.1.100"))
        assert source.verdict is Verdict.DELIVERED, source.reason
        mixed = ask(sim, H[4], H[1], from_address=ip_address("10.0.1.100"))
        assert "10.0.1.100/32 with 02:00:00:00:aa:01" in mixed.reason
    finally:
        sim.put(before)
    assert sim.in_sync()


def test_what_is_forged_is_refused_with_the_reason(sim: Simulation) -> None:
    address = ask(sim, from_address=ip_address("10.0.1.99"))
    assert address.verdict is Verdict.NOT_DELIVERED
    assert address.reason == (
        f"it does not arrive: source address 10.0.1.99 is not allowed at {H[1]} "
        "(allowed: 02:00:00:00:00:01, 10.0.1.11, fd00:0:0:1::11) (leaf1)"
    )
    assert ends(address) == {"Dropped"}
    mac = ask(sim, from_mac=bytes.fromhex("020000000004"))
    assert f"source MAC 02:00:00:00:00:04 is not that of {H[1]}" in mac.reason
    question = ask(sim, destination=ip_address("10.0.1.14"), protocol=Protocol.ARP, from_address=ip_address("10.0.1.1"))
    assert "ARP that says 10.0.1.1 at 02:00:00:00:00:01 is not allowed" in question.reason
    tagged = bytes.fromhex("020000000004 020000000001 8100 0005 0800") + bytes(46)
    assert "tagged with VLAN 5" in ask(sim, frame=tagged).reason


def test_ends_beside_delivery(sim: Simulation) -> None:
    expired = ask(sim, destination=H[2], ttl=1)
    assert ends(expired) == {"Controller"}
    assert expired.reason == "it does not arrive: its TTL ends at the router, and the sender is told so"
    unbound = ask(sim, destination=H[5])
    assert unbound.verdict is Verdict.NOT_DELIVERED
    bare = ask(sim, H[7], H[8])
    assert (bare.verdict, len(bare.parts)) == (Verdict.DELIVERED, 1)
    assert bare.parts[0].title == "a frame that is not IP, to 02:00:00:00:00:05"
    other_tenant = ask(sim, destination=ip_address("10.0.1.16"))
    assert "nobody in" in other_tenant.reason
    no_gateway = ask(sim, BLUE, ip_address("10.0.2.12"))
    assert (no_gateway.verdict, no_gateway.parts) == (Verdict.NOT_DELIVERED, ())
    assert no_gateway.reason == f"{BLUE} has no way to 10.0.2.12: subnet tenants/blue/subnets/a has no gateway"


@pytest.mark.parametrize(
    ("question", "error", "field", "text"),
    [
        (TraceQuestion("tenants/red/ports/no", H[1]), NotFound, "source", "there is no port"),
        (TraceQuestion(f"{RED}/networks/a", H[1]), NotFound, "source", "there is no port"),
        (TraceQuestion(H[5], H[1]), NotFound, "source", "not attached"),
        (TraceQuestion(H[1], "tenants/red/ports/no"), NotFound, "destination", "there is no port"),
        (TraceQuestion(H[1], BLUE, version=6), InvalidInput, "destination", "no IPv6 address both"),
        (TraceQuestion(H[7], ip_address("10.0.1.11")), InvalidInput, "source", "has no IPv4 address"),
        (TraceQuestion(H[1], ip_address("10.0.1.14"), version=6), InvalidInput, "ip_version", "not of IPv6"),
        (TraceQuestion(H[1], H[4], size=1501), InvalidInput, "size", "more than the MTU 1500"),
        (
            TraceQuestion(H[1], ip_address("10.0.1.14"), from_address=ip_address("fd00::1")),
            InvalidInput,
            "from_address",
            "of two versions",
        ),
    ],
)
def test_what_cannot_be_asked(sim: Simulation, question: TraceQuestion, error: type, field: str, text: str) -> None:
    with pytest.raises(error) as caught:
        Views(sim.controller, "1", 0.0).trace(question)
    assert caught.value.violations[0].field == field
    assert text in str(caught.value)


def test_broken_links_engineered_paths_and_switches_that_are_away() -> None:
    sim = Simulation("ring:switches=4,hosts=1")
    sim.connect()
    sim.run(3)
    names = [f"{RED}/ports/h{n}" for n in range(1, 5)]
    hosts = sim.declared.hosts
    sim.put(Tenant(name=RED), Network(name=f"{RED}/networks/a"))
    sim.put(Subnet(name=f"{RED}/subnets/a", network=f"{RED}/networks/a", cidr=ip_network("10.0.1.0/24")))
    for n, (name, host) in enumerate(zip(names, hosts, strict=True), 1):
        place = Binding(switch=host.switch, interface=host.interface)
        sim.put(Port(name=name, network=f"{RED}/networks/a", mac=f"02:00:00:00:00:{n:02x}", binding=place))
    sim.put(Connection(name=f"{RED}/connections/c", a=names[0], b=names[2], bandwidth=10**6))
    sim.run(3)
    steered = ask(sim, names[0], names[2])
    assert steered.verdict is Verdict.DELIVERED
    owners = {step.owner for step in last(steered)}
    assert f"{RED}/connections/c" in owners
    assert not [step for step in last(steered) if step.choice]
    sim.disconnect(hosts[1].switch)
    sim.disconnect(hosts[3].switch)
    away = ask(sim, names[0], names[2])
    assert {step.switch for step in last(away) if step.away} <= {hosts[1].switch, hosts[3].switch}
    assert [step for step in last(away) if step.away]
    for link in sim.declared.links:
        if hosts[0].switch in (link.a[0], link.b[0]):
            sim.set_link(link.a, up=False)
    cut = ask(sim, names[0], names[2])
    assert cut.verdict is Verdict.NOT_DELIVERED
    assert ask(sim, names[0], names[0]).verdict is Verdict.NOT_DELIVERED, "a switch sends nothing back"
