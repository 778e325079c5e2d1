"""A port at two places: the exact flows that lead to both."""

from __future__ import annotations

from dataclasses import replace

from test_pairs import compiler, flows, port, single

from sdn.pipeline.layout import PROBE_METER, STRAY_METER

LABELS = "load:0xc000001->NXM_OF_ETH_DST[0..39],resubmit(,34),load:0xb000001->NXM_OF_ETH_DST[0..39],goto_table:30"
VIRTUAL = LABELS.replace("000001", "000009")


def test_two_switches() -> None:
    made = compiler(single())
    before = {dpid: flows(made, dpid) for dpid in (1, 2)}
    made.set_port("a", replace(port(1, 1, single()), target=(2, 7)))
    made.compile()
    assert {(unit.feature, unit.dpid) for unit in made.touched if unit.object == "a"} == {
        ("attach", 2),
        ("endpoint", 1),
        ("endpoint", 2),
    }, "nothing changes where it is, but how others reach it"
    for dpid in (1, 2):
        now = flows(made, dpid)
        assert f"l2 100 dl_dst=02:00:00:00:00:01,reg0=0x1 {LABELS}" in now
        assert f"neighbor 100 ip,nw_dst=10.0.1.11,reg0=0x1 {LABELS}" in now
        assert f"l2 100 dl_dst=00:00:5e:00:01:07,reg0=0x1 {VIRTUAL}" in now
        routed = "dec_ttl,set_field:06:00:00:00:00:03->eth_src,set_field:0x1->reg0"
        assert f"l3 100 ip,reg2=0x3 {routed},{VIRTUAL}" in now
    new = flows(made, 2)
    assert "output 100 reg4=0x1 output:7" in new
    assert any(flow.startswith("classify 100 in_port=7,dl_src=02:00:00:00:00:01") for flow in new)
    assert any(flow.startswith("classify 100 in_port=7,dl_src=00:00:5e:00:01:07") for flow in new)
    made.set_port("a", port(1, 1, single()))
    made.compile()
    assert {dpid: flows(made, dpid) for dpid in (1, 2)} == before


def test_two_interfaces_of_one_switch() -> None:
    made = compiler()
    before = flows(made, 2)
    made.set_port("a", replace(port(1, 1), target=(1, 7)))
    made.compile()
    assert flows(made, 2) == before, "nobody else notices"
    here = flows(made, 1)
    assert "output 100 reg4=0x1 output:1,output:7" in here
    assert sum(flow.startswith("classify 100") for flow in here) == 2
    assert sorted(made.programs[1].meters) == [1, PROBE_METER, STRAY_METER]


def test_a_place_whose_switch_is_away_has_no_number() -> None:
    made = compiler()
    made.set_port("a", replace(port(1, 1), target=(2, None)))
    made.compile()
    assert not any(unit.feature == "attach" and unit.dpid == 2 for unit in made.touched)
    assert f"l2 100 dl_dst=02:00:00:00:00:01,reg0=0x1 {LABELS}" in flows(made, 1)
