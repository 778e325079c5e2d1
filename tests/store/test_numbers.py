from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdn.model.errors import Exhausted, SdnError
from sdn.store import Numbers, StoreMoved
from sdn.store import numbers as module


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Numbers:
    monkeypatch.setitem(module.RANGES, "path", (1, 4))
    return Numbers()


def test_ranges_are_those_of_the_labels() -> None:
    assert module.RANGES == {
        "switch": (1, 65533),
        "network": (1, 8388606),
        "router": (1, 16777214),
        "service": (1, 8388606),
        "path": (1, 65533),
        "meter": (65536, 196607),
    }


def test_allocation_is_stable_and_released_numbers_come_back_last(small: Numbers) -> None:
    assert [small.allocate("path", key) for key in "abca"] == [1, 2, 3, 1]
    small.release("path", "b")
    small.release("path", "b")
    assert small.get("path", "b") is None
    assert small.allocate("path", "b") == 4
    assert small.allocate("path", "d") == 2
    assert small.key_of("path", 2) == "d"
    with pytest.raises(Exhausted, match="all 4 path numbers"):
        small.allocate("path", "e")


def test_a_number_freed_ahead_of_the_cursor_rests_until_it_wraps(small: Numbers) -> None:
    for key in "abcd":
        small.allocate("path", key)
    small.release("path", "a")
    assert small.allocate("path", "e") == 1
    small.release("path", "c")
    small.release("path", "b")
    small.release("path", "e")
    assert small.allocate("path", "f") == 1, "all others ahead rest, so the cursor wraps"
    assert small.allocate("path", "g") == 2


def test_records_rebuild_it_and_the_cursor(small: Numbers) -> None:
    kept: dict[tuple[str, str], str] = {}

    def drain() -> None:
        puts, deletes = small.drain_records()
        for delete in deletes:
            del kept[delete]
        kept.update({(bucket, key): value for bucket, key, value in puts})

    small.allocate("path", "a/b|c")
    small.allocate("path", "x")
    small.allocate("switch", "0000000000000001")
    drain()
    small.release("path", "x")
    small.allocate("path", "gone")
    small.release("path", "gone")
    drain_before = dict(kept)
    puts, deletes = small.drain_records()
    assert ("numbers", "path/x") in deletes
    for delete in deletes:
        drain_before.pop(delete, None)
    drain_before.update({(bucket, key): value for bucket, key, value in puts})
    assert small.drain_records() == ((), ())
    records: dict[str, dict[str, str]] = {}
    for (bucket, key), value in drain_before.items():
        records.setdefault(bucket, {})[key] = value
    again = Numbers.load(records)
    assert dict(again.items("path")) == {"a/b|c": 1}
    assert again.records() == small.records()
    assert again.allocate("path", "y") == small.allocate("path", "y") == 4


def test_a_draft_changes_nothing_and_notices_others(small: Numbers) -> None:
    small.allocate("path", "a")
    draft = small.draft()
    assert draft.next("path") == 2
    assert draft.take("path", "b") == 2
    draft.drop("path", "a")
    assert dict(small.items("path")) == {"a": 1}
    assert draft.records() == ((("numbers", "path/b", "2"), ("cursors", "path", "3")), (("numbers", "path/a"),))
    small.allocate("switch", "1")
    late = small.draft()
    late.take("path", "c")
    small.apply(draft)
    assert dict(small.items("path")) == {"b": 2}
    with pytest.raises(StoreMoved):
        small.apply(late)
    assert dict(small.items("path")) == {"b": 2}


@pytest.mark.parametrize(
    ("bucket", "key", "text"),
    [
        ("numbers", "path/a", "0"),
        ("numbers", "path/a", "65534"),
        ("numbers", "path/a", "true"),
        ("numbers", "path/a", "1.0"),
        ("numbers", "path/a", ""),
        ("numbers", "path/", "1"),
        ("numbers", "path", "1"),
        ("numbers", "colour/a", "1"),
        ("cursors", "colour", "1"),
        ("cursors", "path", "65535"),
        ("cursors", "path", "null"),
    ],
)
def test_damaged_records_are_named(bucket: str, key: str, text: str) -> None:
    with pytest.raises(SdnError) as caught:
        Numbers.load({bucket: {key: text}})
    violation = caught.value.violations[0]
    assert violation.field == f"{bucket}[{key}]"
    assert "backup" in violation.remedy


def test_a_number_held_twice_is_damage() -> None:
    with pytest.raises(SdnError, match="held by 'a' too"):
        Numbers.load({"numbers": {"path/a": "1", "path/b": "1"}})


@given(st.lists(st.tuples(st.sampled_from("ar"), st.sampled_from("abcdef")), max_size=60))
def test_no_number_has_two_owners_or_returns_within_a_lap(steps: list[tuple[str, str]]) -> None:
    numbers: Any = Numbers()
    pool = numbers.pool("path")
    pool.last = 5
    freed_in_lap: set[int] = set()
    for verb, key in steps:
        held = dict(numbers.items("path"))
        cursor = pool.cursor
        if verb == "r":
            if key in held:
                freed_in_lap.add(held[key])
            numbers.release("path", key)
            continue
        if key not in held and len(held) == 5:
            with pytest.raises(Exhausted):
                numbers.allocate("path", key)
            continue
        number = numbers.allocate("path", key)
        if key in held:
            assert number == held[key]
            continue
        assert number not in held.values()
        assert 1 <= number <= 5
        if number < cursor or set(range(1, 6)) - set(held.values()) <= freed_in_lap:
            freed_in_lap.clear()
        assert number not in freed_in_lap


def test_a_retired_number_is_nobodys_until_its_key_comes_back_or_it_is_freed(small: Numbers) -> None:
    for key in "abcd":
        small.allocate("path", key)
    small.retire("path", "a")
    small.retire("path", "b")
    small.retire("path", "none")
    assert (small.get("path", "a"), dict(small.items("path")), small.room("path")) == (None, {"c": 3, "d": 4}, 0)
    with pytest.raises(Exhausted, match="2 of them are retired"):
        small.allocate("path", "e")
    again = Numbers.load(small.records())
    assert sorted(again.retired("path")) == ["a", "b"]
    assert again.records() == small.records()
    assert again.allocate("path", "a") == 1
    again.release_retired("path", "b")
    assert again.retired("path") == []
    assert again.allocate("path", "e") == 2, "the cursor has wrapped"


def test_records_of_retired_numbers_move_with_them(small: Numbers) -> None:
    small.allocate("path", "a")
    small.drain_records()
    small.retire("path", "a")
    assert small.drain_records() == ((("retired", "path/a", "1"),), (("numbers", "path/a"),))
    small.allocate("path", "a")
    assert small.drain_records() == ((("numbers", "path/a", "1"),), (("retired", "path/a"),))
    small.retire("path", "a")
    small.drain_records()
    small.release_retired("path", "a")
    assert small.drain_records() == ((), (("numbers", "path/a"), ("retired", "path/a")))


@pytest.mark.parametrize(
    "retired", [{"path/x": "1"}, {"path/y": "1"}, {"nowhere/x": "2"}, {"path/": "2"}, {"path/z": "0"}]
)
def test_damaged_records_of_retired_numbers_are_told(retired: dict[str, str]) -> None:
    with pytest.raises(SdnError, match=r"retired\["):
        Numbers.load({"numbers": {"path/x": "1"}, "retired": retired})
