"""Where traffic of connections comes in: exact entries, and which connection an entry counts for."""

from __future__ import annotations

import pytest

from sdn.model.ids import Dpid
from sdn.model.notation import format_body, format_match, split_key
from sdn.model.program import Meter
from sdn.model.route import Path
from sdn.pipeline import Compiler
from sdn.pipeline.facts import (
    Ceiling,
    CircuitFacts,
    ClassFacts,
    ConnectionFacts,
    EdgeFacts,
    SideFacts,
    SwitchFacts,
    Way,
)
from sdn.pipeline.layout import STRAY_METER, Table
from sdn.pipeline.probes import UNCOUNTED as PROBES

NAME = "tenants/t/connections/c"
WAY = Way(Path((Dpid(1), Dpid(2)), ((7, 8),)), 5, 6)


def edge(there: Ceiling | None = None, back: Ceiling | None = None, at: int = 2) -> EdgeFacts:
    return EdgeFacts(SideFacts(11, 12, (1,), there), SideFacts(12, 11, (at,), back))


@pytest.fixture
def compiler() -> Compiler:
    made = Compiler()
    for dpid in (1, 2):
        made.set_switch(dpid, SwitchFacts(dpid))
    made.compile()
    return made


def shown(compiler: Compiler, dpid: int) -> list[str]:
    """The entries of STEER and PATH but for the miss and for probes."""
    found = []
    for key, body in compiler.programs[dpid].flows.items():
        table, priority, match = split_key(key)
        if table in (Table.STEER, Table.PATH) and priority not in (0, PROBES):
            found.append(f"{table} {priority} {format_match(match)} {format_body(body)}")
    return sorted(found)


def ceilings(compiler: Compiler, dpid: int) -> dict[int, Meter]:
    """The meters that are no ports' and not that of probes."""
    return {number: meter for number, meter in compiler.programs[dpid].meters.items() if number > STRAY_METER}


TO_12, TO_11 = "dl_dst=00:00:00:00:00:0c/00:00:00:ff:ff:ff", "dl_dst=00:00:00:00:00:0b/00:00:00:ff:ff:ff"


def test_entries_at_both_ends(compiler: Compiler) -> None:
    compiler.set_connection(NAME, ConnectionFacts(11, 12, (WAY,), WAY))
    compiler.set_edge(NAME, edge(Ceiling(65536, 50_000)))
    compiler.compile()
    assert shown(compiler, 1) == [
        f"30 100 {TO_12},reg1=0xb meter:65536,goto_table:32",
        f"32 100 {TO_12},reg1=0xb load:0x820005->NXM_OF_ETH_DST[24..47],goto_table:36",
    ]
    assert shown(compiler, 2) == [
        f"30 100 {TO_11},reg1=0xc goto_table:32",
        f"32 100 {TO_11},reg1=0xc load:0x820006->NXM_OF_ETH_DST[24..47],goto_table:36",
    ]
    assert ceilings(compiler, 1) == {65536: Meter(50_000, 10_000, bits=True)}
    assert ceilings(compiler, 2) == {}


def test_classified_packets_come_first(compiler: Compiler) -> None:
    web = ClassFacts(4, (bytes([10, 1, 0, 0]), 16), None, 6, 0, 80)
    marked = ClassFacts(6, None, (bytes(15) + b"\1", 128), dscp=46)
    compiler.set_edge(
        NAME, EdgeFacts(SideFacts(11, 12, (1,), Ceiling(65536, 9), (web, marked), 5), SideFacts(12, 11, ()))
    )
    compiler.set_edge("all", EdgeFacts(SideFacts(11, 12, (1,)), SideFacts(12, 11, (1,))))
    compiler.compile()
    assert shown(compiler, 1) == [
        f"30 100 {TO_11},reg1=0xc goto_table:32",
        f"30 100 {TO_12},reg1=0xb goto_table:32",
        f"30 205 ipv6,{TO_12},ipv6_dst=::1,ip_dscp=46,reg1=0xb meter:65536,goto_table:32",
        f"30 205 tcp,{TO_12},nw_src=10.1.0.0/16,tcp_dst=80,reg1=0xb meter:65536,goto_table:32",
        f"32 100 {TO_11},reg1=0xc goto_table:34",
        f"32 100 {TO_12},reg1=0xb goto_table:34",
        f"32 205 ipv6,{TO_12},ipv6_dst=::1,ip_dscp=46,reg1=0xb goto_table:34",
        f"32 205 tcp,{TO_12},nw_src=10.1.0.0/16,tcp_dst=80,reg1=0xb goto_table:34",
    ]
    keys = [key for key in compiler.programs[1].flows if key[0] == Table.STEER and key[1:3] == bytes([0, 205])]
    assert [compiler.counts(1, key) for key in keys] == [(NAME, True)] * 2


def test_without_a_path_all_is_counted_and_metered_alike(compiler: Compiler) -> None:
    compiler.set_connection(NAME, ConnectionFacts(11, 12, (WAY,), None))
    compiler.set_edge(NAME, edge(Ceiling(65536, 10), Ceiling(65537, 20), at=1))
    compiler.compile()
    assert shown(compiler, 1) == [
        f"30 100 {TO_11},reg1=0xc meter:65537,goto_table:32",
        f"30 100 {TO_12},reg1=0xb meter:65536,goto_table:32",
        f"32 100 {TO_11},reg1=0xc goto_table:34",
        f"32 100 {TO_12},reg1=0xb goto_table:34",
    ]
    assert ceilings(compiler, 1) == {65536: Meter(10, 400, bits=True), 65537: Meter(20, 400, bits=True)}


def test_another_path_changes_nothing_of_what_counts(compiler: Compiler) -> None:
    other = Way(WAY.path, 7, 8)
    compiler.set_connection(NAME, ConnectionFacts(11, 12, (WAY, other), WAY))
    compiler.set_edge(NAME, edge(Ceiling(65536, 10)))
    compiler.compile()
    compiler.set_connection(NAME, ConnectionFacts(11, 12, (WAY, other), other))
    changed = compiler.compile()
    assert {dpid: [entry.key[0] for entry in entries] for dpid, entries in changed.items()} == {  # type: ignore[index]
        1: [Table.PATH],
        2: [Table.PATH],
    }


def test_a_circuit_within_a_switch_is_told_by_its_sender_alone(compiler: Compiler) -> None:
    ends = CircuitFacts(11, 1, 7, None), CircuitFacts(12, 1, 8, None)
    there, back = SideFacts(11, 12, (1,), Ceiling(65536, 9)), SideFacts(12, 11, (1,))
    compiler.set_edge(NAME, EdgeFacts(there, back, ends))
    compiler.compile()
    assert shown(compiler, 1) == [
        "30 100 reg1=0xb meter:65536,goto_table:32",
        "30 100 reg1=0xc goto_table:32",
        "32 100 reg1=0xb goto_table:48",
        "32 100 reg1=0xc goto_table:48",
    ]


def test_a_way_begins_at_its_own_end_and_not_where_a_port_moves_to(compiler: Compiler) -> None:
    compiler.set_connection(NAME, ConnectionFacts(11, 12, (WAY,), WAY))
    compiler.set_edge(NAME, EdgeFacts(SideFacts(11, 12, (1, 2)), SideFacts(12, 11, (2,))))
    compiler.compile()
    assert f"32 100 {TO_12},reg1=0xb goto_table:34" in shown(compiler, 2)


def test_whose_packets_an_entry_counts(compiler: Compiler) -> None:
    compiler.set_edge(NAME, edge(at=1))
    compiler.compile()
    keys = [key for key in compiler.programs[1].flows if key[0] == Table.STEER]
    assert sorted(str(compiler.counts(1, key)) for key in keys) == sorted(
        [str((NAME, True)), str((NAME, False)), *["None"] * 2]  # the miss, and probes
    )
    assert compiler.counts(9, keys[0]) is None
    compiler.set_edge(NAME, None)
    compiler.compile()
    assert {compiler.counts(1, key) for key in keys} == {None}
    assert not shown(compiler, 1)
