"""Networks with a smaller MTU behind a router: the exact flows."""

from __future__ import annotations

from dataclasses import replace

from test_static import HOP, INTERFACES, ROUTES, compiler, port

from sdn.model.notation import format_body, format_match, split_key
from sdn.pipeline import Compiler
from sdn.pipeline.facts import RouterFacts
from sdn.pipeline.layout import TABLE_NAMES

LABEL = "load:0x1->NXM_NX_REG5[1..2],load:0xc000002->NXM_OF_ETH_DST[0..39]"
CHECK = "check_pkt_larger(1414)->NXM_NX_REG5[0],dec_ttl,set_field:06:00:00:00:00:03->eth_src,set_field:0x1->reg0"


def routed(made: Compiler, dpid: int) -> dict[str, str]:
    """Match → instructions of the router's flows in L3 and SIZE, as ``table priority match``."""
    found = {}
    for key, body in made.programs[dpid].flows.items():
        table, priority, match = split_key(key)
        if TABLE_NAMES[table] in ("l3", "size") and "reg2" in format_match(match):
            found[f"{TABLE_NAMES[table]} {priority} {format_match(match)}"] = format_body(body)
    return found


def test_flows_of_a_smaller_network() -> None:
    made = compiler()
    made.set_port("fw", port(2, 1, 2, HOP))
    made.compile()
    before = routed(made, 1)
    limited = tuple(replace(i, limit=1400 if i.network == 1 else 0) for i in INTERFACES)
    route = replace(ROUTES[0], limit=1400)
    made.set_router("r", RouterFacts(3, limited, (route, *ROUTES[1:])))
    made.compile()
    assert {unit.feature for unit in made.touched} == {"router", "static"}
    after = routed(made, 1)
    assert {key: body for key, body in after.items() if before.get(key) != body} == {
        "l3 124 ip,nw_dst=10.0.1.0/24,reg2=0x3": f"{CHECK},goto_table:25",
        "l3 164 ipv6,ipv6_dst=fd00::/64,reg2=0x3": f"{CHECK},goto_table:25",
        "l3 100 ip,reg2=0x3": f"{CHECK},{LABEL},goto_table:25",
        "size 100 reg2=0x3,reg5=0x0": "goto_table:26",
        "size 100 reg2=0x3,reg5=0x1": "set_field:0x2->reg3,goto_table:60",
        "size 100 reg2=0x3,reg5=0x2": "goto_table:30",
        "size 100 reg2=0x3,reg5=0x3": "set_field:0x2->reg3,goto_table:60",
        "size 100 reg2=0x3,reg5=0x4": "goto_table:34",
    }
    made.set_router("r", RouterFacts(3, INTERFACES, ROUTES))
    made.compile()
    assert routed(made, 1) == before


def test_a_next_hop_that_moves() -> None:
    made = compiler()
    made.set_port("fw", replace(port(2, 1, 2, HOP), target=(1, 9)))
    limited = tuple(replace(i, limit=1400 if i.network == 1 else 0) for i in INTERFACES)
    made.set_router("r", RouterFacts(3, limited, (replace(ROUTES[0], limit=1400),)))
    made.compile()
    assert routed(made, 1)["l3 100 ip,reg2=0x3"] == (
        f"{CHECK},load:0x2->NXM_NX_REG5[1..2],load:0xb000002->NXM_OF_ETH_DST[0..39],resubmit(,25),"
        "load:0x1->NXM_NX_REG5[1..2],load:0xc000002->NXM_OF_ETH_DST[0..39],goto_table:25"
    )
