"""Versions of routes: entries of several epochs side by side, one of which packets are given."""

from __future__ import annotations

import pytest

from sdn.model.ids import Dpid
from sdn.model.notation import format_body, format_match, split_key
from sdn.model.program import Entry
from sdn.model.route import Leg, NextHops, RepairHops, epoch_of, unversioned, version
from sdn.pipeline import Compiler, routes
from sdn.pipeline.facts import SwitchFacts
from sdn.pipeline.layout import Table
from sdn.pipeline.route_table import RouteTable

A, B = Dpid(1), Dpid(2)
ONE, TWO = NextHops((1,), 0), NextHops((2,), 0)

FORMS = [
    pytest.param(RouteTable, id="python"),
    pytest.param(
        routes.COMPILED_FORM, id="compiled", marks=pytest.mark.skipif(not routes.COMPILED, reason="not built")
    ),
]


@pytest.fixture(params=FORMS)
def compiler(request: pytest.FixtureRequest) -> Compiler:
    made = Compiler(form=request.param)
    for dpid in (A, B):
        made.set_switch(dpid, SwitchFacts(dpid, frozenset({1, 2}), frozenset()))
    made.set_routes([(A, B, ONE)])
    made.compile()
    return made


def fabric(compiler: Compiler) -> dict[str, str]:
    """Entries of switch A for B, by match."""
    found = {}
    for key, body in compiler.programs[A].flows.items():
        table, _, oxm = split_key(key)
        match = format_match(oxm)
        if table in (Table.STAMP, Table.FABRIC) and ":00:02:" in match:
            found[match] = format_body(body)
    return found


STAMP = "dl_dst=00:00:02:00:00:00/00:ff:ff:00:00:00"


def label(octet: str) -> str:
    return f"dl_dst={octet}:00:02:00:00:00/ff:ff:ff:00:00:00"


def test_a_version_stands_beside_the_first_and_is_entered_by_one_entry(compiler: Compiler) -> None:
    before = fabric(compiler)
    assert before == {STAMP: "load:0x42->NXM_OF_ETH_DST[40..47],goto_table:36", label("42"): "output:1"}
    compiler.add_version(B, 1)
    compiler.set_routes([(A, version(B, 1), Leg(TWO, 1, stamped=False))])
    compiler.compile()
    assert fabric(compiler) == {**before, label("46"): "output:2"}
    compiler.set_routes([(A, B, Leg(ONE, 0, stamped=False)), (A, version(B, 1), Leg(TWO, 1, stamped=True))])
    changes = compiler.compile()
    assert [format_match(split_key(entry.key)[2]) for entry in dict.fromkeys(changes[A])] == [STAMP]  # type: ignore[arg-type]
    assert fabric(compiler)[STAMP] == "load:0x46->NXM_OF_ETH_DST[40..47],goto_table:36"
    compiler.set_routes([(A, B, None)])
    compiler.compile()
    assert fabric(compiler) == {
        STAMP: "load:0x46->NXM_OF_ETH_DST[40..47],goto_table:36",
        label("46"): "output:2",
    }


def test_what_switches_have_is_told_by_version(compiler: Compiler) -> None:
    leg = Leg(TWO, 3, stamped=False)
    compiler.add_version(B, 3)
    compiler.set_routes([(A, version(B, 3), leg)])
    keys = [(A, B), (A, version(B, 3)), (A, version(B, 1)), (B, A), (Dpid(9), B)]
    assert compiler.hops_of(keys) == [ONE, None, None, None, None], "until it is compiled"
    compiler.compile()
    assert compiler.hops_of(keys) == [ONE, leg, None, None, None]


def test_repair_stays_within_its_version(compiler: Compiler) -> None:
    compiler.add_version(B, 2)
    compiler.set_routes([(A, version(B, 2), Leg(ONE, 2, stamped=False))])
    compiler.set_repairs([(A, version(B, 2), RepairHops(2, 1))])
    compiler.compile()
    held = fabric(compiler)
    assert {label("4a"), label("5a"), label("6a")} <= held.keys()
    number = int(held[label("4a")].partition(":")[2])
    assert bytes.fromhex("5a") in compiler.programs[A].groups[number].buckets
    assert bytes.fromhex("52") not in compiler.programs[A].groups[number].buckets


def test_a_version_can_be_told_before_its_destination_is_known() -> None:
    compiler = Compiler()
    compiler.add_version(B, 1)
    compiler.set_routes([(A, version(B, 1), Leg(ONE, 1, stamped=True))])
    compiler.compile()
    for dpid in (A, B):
        compiler.set_switch(dpid, SwitchFacts(dpid))
    compiler.compile()
    assert label("46") in fabric(compiler)


def test_all_versions_belong_to_one_unit_and_are_refused_together(compiler: Compiler) -> None:
    compiler.add_version(B, 1)
    compiler.set_routes([(A, version(B, 1), Leg(TWO, 1, stamped=False))])
    compiler.compile()
    keys = [key for key in compiler.programs[A].flows if key[0] == Table.FABRIC and b"\x00\x02\x00" in key]
    units = {unit for key in keys for unit in compiler.programs[A].owners(Entry("flow", key))}
    (unit,) = (unit for unit in units if unit.feature == routes.ROUTE)
    compiler.block(unit)
    compiler.compile()
    assert fabric(compiler) == {}
    assert compiler.blocked_units == (unit,)
    compiler.unblock(A)
    compiler.compile()
    assert {label("42"), label("46")} <= fabric(compiler).keys()


def test_names_of_versions() -> None:
    for epoch in range(4):
        name = version(Dpid(0xFFFFFFFFFFFFFFFF), epoch)
        assert (unversioned(name), epoch_of(name)) == (0xFFFFFFFFFFFFFFFF, epoch)
    assert version(A, 0) == A
