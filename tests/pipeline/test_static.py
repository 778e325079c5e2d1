"""Static routes: the exact flows, and what a change of the next hop costs."""

from __future__ import annotations

from sdn.model.notation import format_body, format_match, split_key
from sdn.pipeline import Compiler
from sdn.pipeline.facts import InterfaceFacts, PortFacts, RouterFacts, StaticFacts, SwitchFacts
from sdn.pipeline.layout import Table

GATEWAY, GATEWAY6 = bytes([10, 0, 1, 1]), bytes([0xFD]) + bytes(14) + b"\x01"
HOP, HOP6 = bytes([10, 0, 1, 9]), bytes([0xFD]) + bytes(14) + b"\x09"
INTERFACES = (
    InterfaceFacts(1, bytes([10, 0, 1, 0]), 24, GATEWAY),
    InterfaceFacts(1, bytes([0xFD]) + bytes(15), 64, GATEWAY6),
    InterfaceFacts(2, bytes([10, 0, 2, 0]), 24, bytes([10, 0, 2, 1])),
)
ROUTES = (
    StaticFacts(bytes(4), 0, 1, HOP),
    StaticFacts(bytes([10, 0, 0, 0]), 8),
    StaticFacts(bytes([10, 0, 2, 7]), 32, 1, HOP),
    StaticFacts(bytes(16), 0, 1, HOP6),
    StaticFacts(bytes([0xFD, 1]) + bytes(14), 32, 1, HOP6),
    StaticFacts(bytes([0xFD]) + bytes(14) + b"\x63", 128),
)


def port(number: int, network: int, dpid: int, v4: bytes, v6: bytes = b"") -> PortFacts:
    return PortFacts(network, number, bytes([2, 0, 0, 0, 0, number]), (v4,), (v6,) if v6 else (), dpid, number)


def compiler() -> Compiler:
    """Two switches; a sender of network 2 on the first one, nobody who has the next hop yet."""
    made = Compiler()
    for dpid in (1, 2):
        made.set_switch(dpid, SwitchFacts(dpid + 10))
    for number in (1, 2):
        made.set_network(number, f"n{number}")
    made.set_port("sender", port(1, 2, 1, bytes([10, 0, 2, 5])))
    made.set_router("r", RouterFacts(3, INTERFACES, ROUTES))
    made.compile()
    return made


def static_flows(made: Compiler, dpid: int) -> list[str]:
    program = made.programs[dpid]
    found = []
    for unit, (keys, groups, meters) in program._entries.items():
        if unit.feature == "static":
            assert not groups
            assert not meters
            for key in keys:
                table, priority, match = split_key(key)
                assert table == Table.L3
                found.append(f"{priority} {format_match(match)} {format_body(program.flows[key])}")
    return sorted(found)


def test_flows_without_anybody_at_the_next_hop_drop() -> None:
    made = compiler()
    assert static_flows(made, 1) == [
        "100 ip,reg2=0x3 drop",
        "100 ipv6,reg2=0x3 drop",
        "108 ip,nw_dst=10.0.0.0/8,reg2=0x3 drop",
        "132 ip,nw_dst=10.0.2.7,reg2=0x3 drop",
        "132 ipv6,ipv6_dst=fd01::/32,reg2=0x3 drop",
        "228 ipv6,ipv6_dst=fd00::63,reg2=0x3 drop",
    ]
    assert static_flows(made, 2) == []
    assert made.missing_hops("r") == (ROUTES[0], *ROUTES[2:5])


def test_flows_to_a_next_hop() -> None:
    made = compiler()
    made.set_port("fw", port(2, 1, 2, HOP, HOP6))
    made.compile()
    send = "dec_ttl,set_field:06:00:00:00:00:03->eth_src,set_field:0x1->reg0,load:0xc000002->NXM_OF_ETH_DST[0..39]"
    flows = [
        f"100 ip,reg2=0x3 {send},goto_table:30",
        f"100 ipv6,reg2=0x3 {send},goto_table:30",
        "108 ip,nw_dst=10.0.0.0/8,reg2=0x3 drop",
        f"132 ip,nw_dst=10.0.2.7,reg2=0x3 {send},goto_table:30",
        f"132 ipv6,ipv6_dst=fd01::/32,reg2=0x3 {send},goto_table:30",
        "228 ipv6,ipv6_dst=fd00::63,reg2=0x3 drop",
    ]
    assert static_flows(made, 1) == static_flows(made, 2) == flows
    assert made.missing_hops("r") == ()


def test_a_next_hop_that_moves_changes_the_routes_alone() -> None:
    made = compiler()
    made.set_port("fw", port(2, 1, 2, HOP))
    made.set_port("other", port(3, 1, 1, bytes([10, 0, 1, 10])))
    made.compile()
    made.set_port("other", port(3, 1, 2, bytes([10, 0, 1, 10])))
    made.compile()
    assert not [unit for unit in made.touched if unit.feature == "static"], "nobody routes to this one"
    made.set_port("fw", port(2, 1, 1, HOP))
    made.compile()
    assert {unit.feature for unit in made.touched if unit.object == "r"} <= {"static", "router"}
    assert all("load:0xb000002" in flow for flow in static_flows(made, 1) if flow.startswith("100 ip,"))


def test_other_routes_are_compiled_alone() -> None:
    made = compiler()
    made.set_port("fw", port(2, 1, 2, HOP))
    made.compile()
    before = made.made
    made.set_router("r", RouterFacts(3, INTERFACES, ROUTES[:2]))
    made.compile()
    assert {unit.feature for unit in made.touched} == {"static"}
    assert made.made - before == 2
    made.set_router("r", RouterFacts(3, INTERFACES))
    made.compile()
    assert static_flows(made, 1) == []


def test_an_address_that_changes_hands_in_one_go() -> None:
    for order in (("a", "b"), ("b", "a")):
        made = compiler()
        made.set_port("a", port(2, 1, 1, HOP))
        made.set_port("b", port(3, 1, 2, bytes([10, 0, 1, 10])))
        made.compile()
        after = {"a": port(2, 1, 1, bytes([10, 0, 1, 11])), "b": port(3, 1, 2, HOP)}
        for name in order:
            made.set_port(name, after[name])
        made.compile()
        assert "load:0xc000003" in static_flows(made, 1)[0]
        made.set_port("b", None)
        made.compile()
        assert static_flows(made, 1)[0] == "100 ip,reg2=0x3 drop"
