"""The kept notices: numbers, bounds, gaps that are told, and restarts."""

from __future__ import annotations

import pytest

from sdn.controller.notices import MAX_TEXT, Notices
from sdn.model.errors import Gone, SdnError
from sdn.model.notice import Filter, Severity

ALL = Filter()


def filled(count: int, kept: int = 5) -> Notices:
    notices = Notices({}, kept)
    for n in range(1, count + 1):
        notices.add(float(n), Severity.INFO, "Test", f"s{n}", f"the {n}th", {"n": n})
    return notices


def numbers(notices: Notices, start: int = 0, size: int = 100) -> list[int]:
    return [notice.number for notice in notices.page(start, ALL, size).notices]


def test_the_oldest_are_dropped_and_counted() -> None:
    page = filled(8).page(0, ALL, 100)
    assert [notice.number for notice in page.notices] == [4, 5, 6, 7, 8]
    assert (page.oldest, page.newest, page.dropped, page.more) == (4, 8, 3, False)
    assert page.notices[0].details == (("n", "4"),)


def test_pages_follow_each_other() -> None:
    notices = filled(5)
    page = notices.page(0, ALL, 2)
    assert ([notice.number for notice in page.notices], page.more) == ([1, 2], True)
    assert numbers(notices, 3, 2) == [3, 4]
    assert not notices.page(4, ALL, 2).more


def test_what_is_not_kept_and_what_is_not_there_yet_are_told() -> None:
    notices = filled(8)
    with pytest.raises(Gone, match="the oldest is 4"):
        notices.page(3, ALL, 1)
    assert numbers(notices, 9) == []
    with pytest.raises(Gone, match="the next one is 9"):
        notices.page(10, ALL, 1)


def test_a_filter_takes_what_belongs_to_an_object_and_what_is_more_severe() -> None:
    notices = Notices({})
    for object_, severity, reason in (
        ("tenants/red", Severity.INFO, "A"),
        ("tenants/red/ports/h1", Severity.ERROR, "B"),
        ("tenants/red2/ports/h1", Severity.ERROR, "B"),
        ("leaf1", Severity.WARNING, "A"),
    ):
        notices.add(0.0, severity, reason, object_, "")

    def found(wanted: Filter) -> list[int]:
        return [notice.number for notice in notices.page(0, wanted, 10).notices]

    assert found(Filter("tenants/red")) == [1, 2]
    assert found(Filter("leaf1")) == [4]
    assert found(Filter(reason="B")) == [2, 3]
    assert found(Filter(severity=Severity.WARNING)) == [2, 3, 4]
    assert found(Filter("tenants/red", "A", Severity.WARNING)) == []


def test_numbers_grow_over_restarts_and_the_gap_is_told() -> None:
    first = filled(3)
    saved = first.records()
    assert first.records() == {}, "one record for a block of numbers"
    second = Notices(saved)
    assert second.page(0, ALL, 1).notices == ()
    with pytest.raises(Gone):
        second.page(4, ALL, 1)
    second.add(0.0, Severity.INFO, "Test", "", "")
    assert numbers(second)[0] > 3
    assert second.records() != saved


def test_nothing_is_recorded_while_nothing_happens() -> None:
    assert Notices({}).records() == {}


def test_texts_are_cut() -> None:
    notices = Notices({})
    notices.add(0.0, Severity.INFO, "Test", "", "x" * 5000, {"y": "y" * 5000})
    (notice,) = notices.page(0, ALL, 1).notices
    assert len(notice.message) == len(notice.details[0][1]) == MAX_TEXT


def test_a_damaged_record_is_named() -> None:
    with pytest.raises(SdnError, match="notices"):
        Notices({"reserved": "-1"})
