"""The root of a circuit of many ends: exact entries of what takes frames in, copies them, and lets probes through."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sdn.model.ids import Dpid
from sdn.model.notation import format_body, format_match, split_key
from sdn.model.oxm import ETH_DST
from sdn.model.program import Meter
from sdn.model.route import Path
from sdn.pipeline import Compiler
from sdn.pipeline.facts import Ceiling, CircuitFacts, ConnectionFacts, EdgeFacts, RootFacts, SideFacts, SwitchFacts, Way
from sdn.pipeline.layout import DESTINATION, GROUP_FAR, GROUP_NEAR, SOURCE, Table
from sdn.pipeline.shapes import Bucket, load, resubmit, set_field

WHOLE, NEAR, FAR = "tenants/t/connections/c", "tenants/t/connections/c.near", "tenants/t/connections/c.far"
ROOT = CircuitFacts(20, 1, 7, None)
HERE, THERE = CircuitFacts(12, 1, 8, None), CircuitFacts(14, 2, 9, None)
WAY = Way(Path((Dpid(1), Dpid(2)), ((5, 6),)), 70, 71)
SIDES = SideFacts(20, 0, (1,), Ceiling(65536, 1000)), SideFacts(0, 20, ())


def leg(sender: int, leaf: CircuitFacts) -> EdgeFacts:
    sides = SideFacts(sender, leaf.service, (1,)), SideFacts(leaf.service, sender, (leaf.dpid,))
    return EdgeFacts(*sides, (replace(ROOT, service=sender), leaf), rooted=0)


def root(*copies: tuple[int, CircuitFacts], end: CircuitFacts = ROOT) -> EdgeFacts:
    return EdgeFacts(*SIDES, root=RootFacts(end, copies))


@pytest.fixture
def compiler() -> Compiler:
    made = Compiler()
    for dpid in (1, 2):
        made.set_switch(dpid, SwitchFacts(dpid))
    made.compile()
    return made


def shown(compiler: Compiler, dpid: int, of: str) -> list[str]:
    """The entries of one object."""
    found = []
    for unit in compiler.programs[dpid].units():
        if unit.object == of:
            for kind, key in compiler.programs[dpid].held(unit):
                if kind == "flow" and isinstance(key, bytes):
                    table, priority, match = split_key(key)
                    body = format_body(compiler.programs[dpid].flows[key])
                    found.append(f"{table} {priority} {format_match(match)} {body}")
    return sorted(found)


def test_frames_are_counted_once_and_copied_for_each_leg(compiler: Compiler) -> None:
    compiler.set_edge(NEAR, leg(11, HERE))
    compiler.set_edge(FAR, leg(13, THERE))
    compiler.set_connection(FAR, ConnectionFacts(13, 14, (WAY,), WAY))
    compiler.set_edge(WHOLE, root((11, HERE), (13, THERE)))
    compiler.compile()
    near, far = GROUP_NEAR | 20, GROUP_FAR | 20
    assert shown(compiler, 1, WHOLE) == [
        "0 100 in_port=7 set_field:0x14->reg1,goto_table:30",
        "30 100 reg1=0x14 meter:65536,goto_table:32",
        f"32 100 reg1=0x14 group:{near},encap(mpls),encap(ethernet),group:{far}",
        f"32 110 dl_type=0x8847,reg1=0x14 group:{near}",
        f"32 110 dl_type=0x8848,reg1=0x14 group:{near}",
    ]
    groups = compiler.programs[1].groups
    known = Bucket([set_field(SOURCE, 11), set_field(DESTINATION, 12), resubmit(Table.STEER)])()
    label = Bucket([set_field(SOURCE, 13), load(ETH_DST, 0, 48, 2 << 24 | 14), resubmit(Table.STEER)])()
    assert (groups[near].buckets, groups[far].buckets) == (known, label)
    assert compiler.programs[1].meters[65536] == Meter(1000, 400, bits=True)


def test_a_leg_takes_nothing_in_at_the_root_but_leads_its_copies(compiler: Compiler) -> None:
    """And of probes that come in there only those for its leaf (reg6)."""
    compiler.set_edge(FAR, leg(13, THERE))
    compiler.set_connection(FAR, ConnectionFacts(13, 14, (WAY,), WAY))
    compiler.set_edge(WHOLE, root((13, THERE)))
    compiler.compile()
    to_leaf, to_root = (f"dl_dst=00:00:00:00:00:0{n}/00:00:00:ff:ff:ff" for n in "ed")
    own = [line for line in shown(compiler, 1, FAR) if not line.startswith("36 ")]
    assert own == [
        f"30 100 {to_leaf},reg1=0xd goto_table:32",
        "30 65521 reg1=0xd,reg7=0x20000000/0x20000000 drop",
        "30 65522 reg1=0xd,reg6=0xe,reg7=0x20000000/0x20000000 goto_table:32",
        f"32 100 {to_leaf},reg1=0xd load:0x820046->NXM_OF_ETH_DST[24..47],goto_table:36",
        f"40 110 {to_root},dl_type=0x8847 decap(),decap(packet_type(ns=0,type=0)),set_field:0xd->reg4,goto_table:48",
        "48 100 reg4=0xd output:7",
    ]
    assert (
        "0 100 in_port=9 encap(mpls),encap(ethernet),set_field:0xe->reg1,load:0x100000d->NXM_OF_ETH_DST[],goto_table:30"
        in (shown(compiler, 2, FAR))
    )


def test_another_path_of_a_leg_changes_one_entry_at_the_root(compiler: Compiler) -> None:
    other = Way(WAY.path, 80, 81)
    compiler.set_edge(FAR, leg(13, THERE))
    compiler.set_edge(NEAR, leg(11, HERE))
    compiler.set_edge(WHOLE, root((11, HERE), (13, THERE)))
    compiler.set_connection(FAR, ConnectionFacts(13, 14, (WAY, other), WAY))
    compiler.compile()
    compiler.set_connection(FAR, ConnectionFacts(13, 14, (WAY, other), other))
    (changed,) = compiler.compile()[1]
    assert isinstance(changed.key, bytes)
    assert changed.key[0] == Table.PATH


def test_tags_belong_to_ends_and_a_leaf_behind_an_unknown_switch_is_left_out(compiler: Compiler) -> None:
    away = CircuitFacts(16, 9, None, 0)
    end = replace(ROOT, vlan=100)
    compiler.set_edge(WHOLE, root((15, away), end=end))
    compiler.compile()
    assert shown(compiler, 1, WHOLE) == [
        "0 100 in_port=7,vlan_tci=0x1064 pop_vlan,set_field:0x14->reg1,goto_table:30",
        "30 100 reg1=0x14 meter:65536,goto_table:32",
        "32 100 reg1=0x14 drop",
    ]
    assert not compiler.programs[1].groups.keys() & {GROUP_FAR | 20, GROUP_NEAR | 20}
    compiler.set_switch(9, SwitchFacts(9))
    compiler.compile()
    assert GROUP_FAR | 20 in compiler.programs[1].groups
    compiler.set_edge(WHOLE, None)
    compiler.compile()
    assert (shown(compiler, 1, WHOLE), GROUP_FAR | 20 in compiler.programs[1].groups) == ([], False)


@pytest.mark.parametrize("forth", [True, False])
def test_whose_frames_an_entry_counts(compiler: Compiler, forth: bool) -> None:
    compiler.set_edge(FAR, leg(13, THERE))
    compiler.set_edge(WHOLE, EdgeFacts(*(SIDES if forth else SIDES[::-1]), root=RootFacts(ROOT, ((13, THERE),))))
    compiler.compile()
    counted = [compiler.counts(1, key) for key in compiler.programs[1].flows if key[0] == Table.STEER]
    assert sorted(found for found in counted if found) == [(WHOLE, forth), (FAR, True)], "and not what is for probes"
