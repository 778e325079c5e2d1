"""Address pairs: the exact flows that a pair adds, on the port's own switch and on others."""

from __future__ import annotations

from dataclasses import replace

from sdn.model.notation import format_body, format_match, split_key
from sdn.pipeline import Compiler
from sdn.pipeline.facts import InterfaceFacts, PairFacts, PortFacts, RouterFacts, StaticFacts, SwitchFacts
from sdn.pipeline.layout import TABLE_NAMES

OWN, VIRTUAL = bytes([2, 0, 0, 0, 0, 1]), bytes([0, 0, 0x5E, 0, 1, 7])
HUNDRED = bytes([10, 0, 1, 100])


def port(number: int, dpid: int, *pairs: PairFacts, network: int = 1) -> PortFacts:
    mac, v4 = bytes([2, 0, 0, 0, 0, number]), bytes([10, 0, network, number + 10])
    return PortFacts(network, number, mac, (v4,), (), dpid, number, pairs)


def single(active: bool = False, service: int = 9) -> PairFacts:
    return PairFacts(HUNDRED, 32, VIRTUAL, service, active)


def compiler(*pairs: PairFacts) -> Compiler:
    """A port with these pairs on the first switch, one without on the second, and one behind a router there."""
    made = Compiler()
    for dpid in (1, 2):
        made.set_switch(dpid, SwitchFacts(dpid + 10))
    for number in (1, 2):
        made.set_network(number, f"n{number}")
    made.set_port("a", port(1, 1, *pairs))
    made.set_port("b", port(2, 2))
    made.set_port("c", port(3, 2, network=2))
    interfaces = (
        InterfaceFacts(1, bytes([10, 0, 1, 0]), 24, bytes([10, 0, 1, 1])),
        InterfaceFacts(2, bytes([10, 0, 2, 0]), 24, bytes([10, 0, 2, 1])),
    )
    made.set_router("r", RouterFacts(3, interfaces, (StaticFacts(bytes(4), 0, 1, HUNDRED),)))
    made.compile()
    return made


def flows(made: Compiler, dpid: int) -> set[str]:
    found = set()
    for key, body in made.programs[dpid].flows.items():
        table, priority, match = split_key(key)
        found.add(f"{TABLE_NAMES[table]} {priority} {format_match(match)} {format_body(body)}")
    return found


def added(dpid: int, *pairs: PairFacts) -> list[str]:
    """The flows that pairs add to a switch, sorted."""
    bare, made = flows(compiler(), dpid), flows(compiler(*pairs), dpid)
    gone = bare - made
    assert all("reg2=0x3 drop" in flow for flow in gone), "but for the route that waited for a next hop"
    return sorted(made - bare)


def test_a_virtual_mac_on_its_own_switch() -> None:
    own = [flow for flow in added(1, single()) if not flow.startswith(("l2", "l3", "neighbor", "services 100"))]
    assert own == [
        "classify 100 in_port=1,dl_src=00:00:5e:00:01:07,vlan_tci=0x0000 "
        "set_field:0x1->reg0,set_field:0x9->reg1,goto_table:4",
        "deliver 100 dl_dst=00:00:00:00:00:09/00:00:00:ff:ff:ff "
        "set_field:00:00:5e:00:01:07->eth_dst,set_field:0x9->reg4,goto_table:48",
        "output 100 reg4=0x9 output:1",
        "punt 100 reg1=0x9 meter:1,CONTROLLER:256",
        "services 110 arp,arp_op=1,arp_tpa=10.0.1.100,reg1=0x9 goto_table:20",
        "services 115 arp,arp_op=1,arp_spa=10.0.1.100,arp_tpa=10.0.1.100,reg1=0x9 "
        "resubmit(,20),set_field:0x4->reg3,goto_table:60",
        "services 115 arp,arp_op=2,arp_spa=10.0.1.100,reg1=0x9 resubmit(,20),set_field:0x4->reg3,goto_table:60",
        "source 100 arp,arp_op=1,arp_spa=0.0.0.0,arp_sha=00:00:5e:00:01:07,reg1=0x9 goto_table:10",
        "source 100 arp,arp_spa=10.0.1.100,arp_sha=00:00:5e:00:01:07,reg1=0x9 goto_table:10",
        "source 100 ip,nw_src=10.0.1.100,reg1=0x9 goto_table:10",
    ]


def test_an_address_leads_to_its_port_from_everywhere() -> None:
    label = "load:0xb000009->NXM_OF_ETH_DST[0..39],goto_table:30"
    elsewhere = added(2, single())
    assert [flow for flow in elsewhere if not flow.startswith("services")] == [
        f"l2 100 dl_dst=00:00:5e:00:01:07,reg0=0x1 {label}",
        f"l3 100 ip,reg2=0x3 dec_ttl,set_field:06:00:00:00:00:03->eth_src,set_field:0x1->reg0,{label}",
        f"neighbor 100 ip,nw_dst=10.0.1.100,reg0=0x1 {label}",
    ]
    (answer,) = (flow for flow in elsewhere if flow.startswith("services"))
    assert "arp_tpa=10.0.1.100" in answer
    assert "set_field:00:00:5e:00:01:07->arp_sha" in answer


def test_ranges_permit_and_lead_nowhere() -> None:
    wide = PairFacts(bytes([192, 0, 2, 0]), 24, OWN, 1)
    every = PairFacts(bytes(4), 0, OWN, 1)
    assert added(2, wide, every) == []
    assert added(1, wide) == [
        "source 100 arp,arp_spa=192.0.2.0/24,arp_sha=02:00:00:00:00:01,reg1=0x1 goto_table:10",
        "source 100 ip,nw_src=192.0.2.0/24,reg1=0x1 goto_table:10",
    ]
    assert added(1, every) == [
        "source 100 arp,arp_sha=02:00:00:00:00:01,reg1=0x1 goto_table:10",
        "source 100 ip,reg1=0x1 goto_table:10",
    ]


def test_a_shared_address_is_asked_for_and_leads_to_the_active_one() -> None:
    made = compiler(single())
    made.set_port("b", port(2, 2, single(service=8)))
    made.compile()
    question = "services 100 arp,arp_op=1,arp_tpa=10.0.1.100,reg0=0x1 goto_table:20"
    for dpid in (1, 2):
        assert question in flows(made, dpid)
        assert not any("dl_dst=00:00:5e:00:01:07,reg0" in flow for flow in flows(made, dpid))
        assert "l3 100 ip,reg2=0x3 drop" in flows(made, dpid)
    assert made.shared("a") == made.shared("b") == (VIRTUAL, HUNDRED)
    assert made.missing_hops("r")
    for active, label in (("a", "0xb000009"), ("b", "0xc000008")):
        made.set_port("a", port(1, 1, single(active == "a")))
        made.set_port("b", port(2, 2, single(active == "b", service=8)))
        made.compile()
        assert {unit.feature for unit in made.touched} == {"endpoint", "static"}
        for dpid in (1, 2):
            l2 = [flow for flow in flows(made, dpid) if "dl_dst=00:00:5e:00:01:07,reg0" in flow]
            assert [label in flow for flow in l2] == [True]
            assert question not in flows(made, dpid)
        assert made.shared("a") == made.shared("b") == ()
    assert not made.missing_hops("r")


def test_an_address_of_its_own_comes_first() -> None:
    made = compiler(single(True))
    owner = replace(port(2, 2), v4=(HUNDRED,))
    made.set_port("b", owner)
    made.compile()
    assert any("arp_tpa=10.0.1.100,reg0" in flow and "02:00:00:00:00:02" in flow for flow in flows(made, 1))
    assert made.shared("a") == ()
    made.set_port("b", None)
    made.compile()
    assert any("arp_tpa=10.0.1.100,reg0" in flow and "00:00:5e:00:01:07" in flow for flow in flows(made, 1))


def test_who_announces_last_has_it_until_it_is_gone() -> None:
    made = compiler(single(active=True))
    made.set_port("b", port(2, 2, single(service=8)))
    made.compile()
    for by, label in ((("b", VIRTUAL), "0xc000008"), (("a", VIRTUAL), "0xb000009"), (("b", VIRTUAL), "0xc000008")):
        assert made.set_announced(1, HUNDRED, by) == {"a", "b", "r"}
        assert made.set_announced(1, VIRTUAL, by) == {"a", "b"}
        made.compile()
        assert {unit.feature for unit in made.touched} <= {"endpoint", "static"}
        for dpid in (1, 2):
            leading = [flow for flow in flows(made, dpid) if "0xb000009" in flow or "0xc000008" in flow]
            assert len(leading) == 3, "in L2, behind the router, and for its static route"
            assert all(label in flow for flow in leading)
        assert made.holder(1, HUNDRED) == (by[0], single(by[0] == "a", 9 if by[0] == "a" else 8))
    assert made.set_announced(1, HUNDRED, ("b", VIRTUAL)) == set(), "again"
    made.set_port("b", port(2, 2))
    made.compile()
    assert made.holder(1, HUNDRED) == ("a", single(active=True)), "it may not any more"
    made.set_port("b", port(2, 2, single(service=8)))
    assert made.holder(1, HUNDRED) == ("b", single(service=8))
    made.set_announced(1, HUNDRED, ("b", OWN))
    assert made.holder(1, HUNDRED) == ("a", single(active=True)), "with another MAC it may not"


def test_of_several_macs_the_one_that_was_announced_is_answered() -> None:
    made = compiler(PairFacts(HUNDRED, 32, OWN, 1), single())
    for mac, service in ((VIRTUAL, 9), (OWN, 1)):
        made.set_announced(1, HUNDRED, ("a", mac))
        made.compile()
        (answer,) = (flow for flow in flows(made, 2) if "services" in flow and "arp_tpa=10.0.1.100" in flow)
        assert f"set_field:{mac.hex(':')}->arp_sha" in answer
        (routed,) = (flow for flow in flows(made, 2) if "neighbor" in flow and "nw_dst=10.0.1.100" in flow)
        assert f"load:0xb00000{service:x}->" in routed


def test_what_is_announced_in_ipv6_and_what_is_not() -> None:
    six = bytes([0xFD]) + bytes(14) + bytes([9])
    pairs = (
        PairFacts(six, 128, OWN, 1),
        PairFacts(bytes(16), 0, VIRTUAL, 9),
        PairFacts(bytes([10, 0, 1, 11]), 32, OWN, 1),
    )
    copies = [flow for flow in added(1, *pairs) if "services 115" in flow]
    assert copies == [
        "services 115 icmp6,nw_ttl=255,icmpv6_type=136,nd_target=fd00::9,reg1=0x1 "
        "resubmit(,20),set_field:0x4->reg3,goto_table:60"
    ], "not a range, and not its own address"
