"""Ids of groups named by their content: the same after a restart, also of those that want the same id."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import pytest

from sdn.model.errors import SdnError
from sdn.model.ids import Dpid
from sdn.model.program import Group
from sdn.model.route import NextHops
from sdn.pipeline import Compiler, fabric, route_table
from sdn.pipeline.fabric import salted_group
from sdn.pipeline.facts import SwitchFacts
from sdn.pipeline.layout import GROUP_ROUTE
from sdn.pipeline.program import SwitchProgram
from sdn.pipeline.routes import COMPILED, Routes
from sdn.pipeline.salts import Salts, SaltTable

FORMS: list[Any] = [route_table.RouteTable]
if COMPILED:
    from sdn.pipeline._route_table import RouteTable

    FORMS.append(RouteTable)

ONE, TWO = Group(1, b"one"), Group(1, b"two")


@pytest.fixture
def colliding(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """With the first salt all groups want the same id."""
    fabric._spreading.cache_clear()

    class Colliding:
        def __init__(self, data: bytes, digest_size: int, key: bytes) -> None:
            self._digest = bytes(4) if key[1] == 0 else blake2b(data, digest_size=digest_size, key=key).digest()

        def digest(self) -> bytes:
            return self._digest

    monkeypatch.setattr(fabric, "blake2b", Colliding)
    yield
    fabric._spreading.cache_clear()


def hashed(content: Group, taken: dict[int, Group], salts: Salts) -> int:
    return salted_group(GROUP_ROUTE, content, taken, salts)


def restarted(table: SaltTable) -> SaltTable:
    return SaltTable(dict(table.records()))


@pytest.mark.usefixtures("colliding")
def test_who_came_second_is_second_after_a_restart_too() -> None:
    table = SaltTable({})
    one = hashed(ONE, {}, table.of(1))
    two = hashed(TWO, {one: ONE}, table.of(1))
    assert one != two
    again = restarted(table)
    assert hashed(TWO, {}, again.of(1)) == two
    assert hashed(ONE, {two: TWO}, again.of(1)) == one
    assert list(again.records()) == [], "nothing new"


@pytest.mark.usefixtures("colliding")
def test_a_choice_is_of_its_switch_and_stays_when_the_first_one_is_free() -> None:
    table = SaltTable({})
    two = hashed(TWO, {hashed(ONE, {}, table.of(1)): ONE}, table.of(1))
    assert hashed(TWO, {}, table.of(1)) == two
    assert hashed(TWO, {}, table.of(2)) != two


@pytest.mark.usefixtures("colliding")
def test_content_that_is_there_already_is_shared() -> None:
    """Two units of one compile may choose before either is there."""
    salts = Salts()
    first = hashed(ONE, {}, salts)
    hashed(ONE, {first: TWO}, salts)
    assert hashed(ONE, {first: ONE}, salts) == first


@pytest.mark.usefixtures("colliding")
@pytest.mark.parametrize("form", FORMS)
def test_routes_keep_their_groups_over_a_restart_in_another_order(form: type[route_table.RouteTable]) -> None:
    hops = {to: NextHops(ports, 0) for to, ports in ((2, (1, 2)), (3, (1, 3)), (4, (2, 3)), (5, (1, 3)))}
    table = SaltTable({})
    first = routed(form, table, [[(2, hops[2])], [(3, hops[3]), (4, hops[4])], [(2, None)], [(5, hops[5])]])
    records = dict(table.records())
    assert len(records) == 2
    again = routed(form, SaltTable(records), [[(5, hops[5]), (4, hops[4]), (3, hops[3])]])
    assert (again.flows, again.groups) == (first.flows, first.groups)
    assert len([number for number in first.groups if number >= GROUP_ROUTE]) == 2, "shared by equal next hops"


def routed(
    form: type[route_table.RouteTable], table: SaltTable, turns: list[list[tuple[int, NextHops | None]]]
) -> SwitchProgram:
    """The program of switch 1 after these changes of its routes, turn by turn."""
    compiler = Compiler(Routes(form, table))
    for dpid in range(1, 6):
        compiler.set_switch(dpid, SwitchFacts(dpid))
    for turn in turns:
        compiler.set_routes([(Dpid(1), Dpid(to), hops) for to, hops in turn])
        compiler.compile()
    return compiler.programs[1]


def test_without_collisions_nothing_is_kept() -> None:
    table = SaltTable({})
    numbers = {hashed(Group(1, bytes([n])), {}, table.of(1)) for n in range(200)}
    assert len(numbers) == 200
    assert list(table.records()) == []
    assert not table.of(1)


@pytest.mark.parametrize(
    "record", [("0000000000000001/", "1"), ("0000000000000001/ab", "x"), ("1/ab", "256"), ("1/ab", "0000000001")]
)
def test_a_damaged_record_is_named(record: tuple[str, str]) -> None:
    with pytest.raises(SdnError, match="damaged"):
        SaltTable(dict([record]))
