"""Ids of groups named by their content: the same after a restart, also of those that want the same id."""

from __future__ import annotations

from hashlib import blake2b

import pytest

from sdn.model.errors import SdnError
from sdn.model.program import Group
from sdn.pipeline import fabric
from sdn.pipeline.fabric import hashed_group
from sdn.pipeline.layout import GROUP_ROUTE
from sdn.pipeline.salts import Salts, SaltTable

ONE, TWO = Group(1, b"one"), Group(1, b"two")


@pytest.fixture
def colliding(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the first salt all groups want the same id."""

    class Colliding:
        def __init__(self, data: bytes, digest_size: int, key: bytes) -> None:
            self._digest = bytes(4) if key[1] == 0 else blake2b(data, digest_size=digest_size, key=key).digest()

        def digest(self) -> bytes:
            return self._digest

    monkeypatch.setattr(fabric, "blake2b", Colliding)


def restarted(table: SaltTable) -> SaltTable:
    return SaltTable(dict(table.records()))


@pytest.mark.usefixtures("colliding")
def test_who_came_second_is_second_after_a_restart_too() -> None:
    table = SaltTable({})
    one = hashed_group(GROUP_ROUTE, ONE, {}, table.of(1))
    two = hashed_group(GROUP_ROUTE, TWO, {one: ONE}, table.of(1))
    assert one != two
    again = restarted(table)
    assert hashed_group(GROUP_ROUTE, TWO, {}, again.of(1)) == two
    assert hashed_group(GROUP_ROUTE, ONE, {two: TWO}, again.of(1)) == one
    assert list(again.records()) == [], "nothing new"


@pytest.mark.usefixtures("colliding")
def test_a_choice_is_of_its_switch_and_stays_when_the_first_one_is_free() -> None:
    table = SaltTable({})
    two = hashed_group(GROUP_ROUTE, TWO, {hashed_group(GROUP_ROUTE, ONE, {}, table.of(1)): ONE}, table.of(1))
    assert hashed_group(GROUP_ROUTE, TWO, {}, table.of(1)) == two
    assert hashed_group(GROUP_ROUTE, TWO, {}, table.of(2)) != two


@pytest.mark.usefixtures("colliding")
def test_content_that_is_there_already_is_shared() -> None:
    """Two units of one compile may choose before either is there."""
    salts = Salts()
    first = hashed_group(GROUP_ROUTE, ONE, {}, salts)
    hashed_group(GROUP_ROUTE, ONE, {first: TWO}, salts)
    assert hashed_group(GROUP_ROUTE, ONE, {first: ONE}, salts) == first


def test_without_collisions_nothing_is_kept() -> None:
    table = SaltTable({})
    numbers = {hashed_group(GROUP_ROUTE, Group(1, bytes([n])), {}, table.of(1)) for n in range(200)}
    assert len(numbers) == 200
    assert list(table.records()) == []
    assert not table.of(1)


@pytest.mark.parametrize(
    "record", [("0000000000000001/", "1"), ("0000000000000001/ab", "x"), ("1/ab", "256"), ("1/ab", "0000000001")]
)
def test_a_damaged_record_is_named(record: tuple[str, str]) -> None:
    with pytest.raises(SdnError, match="damaged"):
        SaltTable(dict([record]))
