"""Calendars: which times they mean, checked against the calendar of Python."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sdn.model.calendar import DAY, DAYS, FOREVER, MAX_OCCURRENCES, Calendar, active, next_change

START = int(datetime(2026, 3, 2, 22, tzinfo=UTC).timestamp())
"""A Monday."""


def test_once() -> None:
    assert Calendar(start=START, end=START + 5).windows(0) == ((START, START + 5),)
    assert Calendar(start=START).windows(START + 9) == ((START, FOREVER),)
    assert Calendar(end=START).windows(START) == ()


def test_times_that_touch_are_one() -> None:
    whole = Calendar(start=START, end=START + 3 * DAY, duration=DAY)
    assert whole.windows(0) == ((START, START + 3 * DAY),)


def test_the_last_one_ends_with_the_end_and_others_are_left() -> None:
    evenings = Calendar(start=START, end=START + 2 * DAY + 60, duration=3600)
    assert evenings.windows(0) == tuple((START + n * DAY, START + n * DAY + (3600, 3600, 60)[n]) for n in range(3))
    assert evenings.windows(START + 3599)[0] == (START, START + 3600)
    assert evenings.windows(START + 3600)[0] == (START + DAY, START + DAY + 3600)


def test_there_is_no_summer_time() -> None:
    """Around the nights in which clocks in Europe are changed."""
    for month, day in ((3, 27), (10, 23)):
        start = int(datetime(2026, month, day, 22, tzinfo=UTC).timestamp())
        found = Calendar(start=start, end=start + 4 * DAY, duration=3600).windows(0)
        assert [datetime.fromtimestamp(begin, UTC).hour for begin, _ in found] == [22] * 4
        assert [begin - start for begin, _ in found] == [0, DAY, 2 * DAY, 3 * DAY]


def test_a_time_belongs_to_the_day_on_which_it_begins() -> None:
    late = Calendar(start=START + 3600, end=START + 14 * DAY, duration=4 * 3600, days=("FRIDAY",))
    friday = START + 3600 + 4 * DAY
    assert late.windows(0) == ((friday, friday + 4 * 3600), (friday + 7 * DAY, friday + 7 * DAY + 4 * 3600))
    assert active(late.windows(friday + 3 * 3600), friday + 3 * 3600), "on Saturday morning"
    assert late.windows(friday + 4 * 3600)[0][0] == friday + 7 * DAY


def test_days_that_follow_each_other_whole_are_one_time() -> None:
    weekend = Calendar(start=START - 22 * 3600, end=START + 14 * DAY, duration=DAY, days=("SATURDAY", "SUNDAY"))
    first = START - 22 * 3600 + 5 * DAY
    assert weekend.windows(0) == ((first, first + 2 * DAY), (first + 7 * DAY, first + 9 * DAY))


@given(
    start=st.integers(1, 2**31),
    length=st.integers(1, 60 * DAY),
    duration=st.integers(1, DAY - 1),
    days=st.sets(st.sampled_from(DAYS)),
    ahead=st.integers(-DAY, 70 * DAY),
)
def test_days_are_those_of_the_calendar(start: int, length: int, duration: int, days: set[str], ahead: int) -> None:
    wish = Calendar(start=start, end=start + length, duration=duration, days=tuple(sorted(days)))
    now = start + ahead
    expected = []
    at = datetime.fromtimestamp(start, UTC)
    while at.timestamp() < wish.end:
        begin = int(at.timestamp())
        end = min(begin + duration, wish.end)
        if (not days or at.strftime("%A").upper() in days) and end > now:
            expected.append((begin, end))
        at += timedelta(days=1)
    found = wish.windows(now)
    assert found == tuple(expected[:MAX_OCCURRENCES])
    assert active(found, now) == any(begin <= now < end for begin, end in expected)
    later = [edge for window in expected for edge in window if edge > now]
    assert next_change(found, now) == (min(later) if later else None)
