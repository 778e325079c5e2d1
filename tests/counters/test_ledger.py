"""Totals of interfaces: what a switch says, honest or not, never makes them go backwards or out of bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdn.counters import Growth, Ledger, ledger
from sdn.model.counters import MAX_COUNT, Counted, Counts, PortSample, Rates, Raw
from sdn.model.ids import Dpid

ONE = Dpid(1)
ZERO: Raw = (0,) * 8
COUNTERS = st.none() | st.integers(0, MAX_COUNT - 1) | st.integers(0, 1000)
RAWS = st.tuples(*[COUNTERS] * 8)


def names(number: int) -> str | None:
    return f"eth{number}" if number < 1000 else None


def take(found: Ledger, at: float, ports: dict[int, Raw], dpid: Dpid = ONE) -> dict[str, Growth]:
    sample = PortSample(dpid, ports, at, 1.7e9 + at)
    return {interface: growth for _, interface, growth in found.take(sample, names)}


def raw(packets: int, size: int = 100) -> Raw:
    return (packets, packets * 2, packets * size, packets * 2 * size, 0, 1, None, 0)


def test_counting_begins_at_the_first_observation() -> None:
    found = Ledger(30)
    assert take(found, 10, {1: raw(50)})["eth1"].counts == Counts()
    assert found.read(ONE, "eth1", 10) == Counted(Counts(), Rates(), 1.7e9 + 10)
    growth = take(found, 20, {1: raw(70)})["eth1"]
    assert growth == Growth(Counts(20, 40, 2000, 4000), Rates(2.0, 4.0, 1600.0, 3200.0))
    assert found.read(ONE, "eth1", 20) == Counted(growth.counts, growth.rates, 1.7e9 + 20)


def test_counters_that_begin_anew_are_counted_on() -> None:
    found = Ledger(30)
    for at, packets in ((0, 100), (10, 150), (20, 7), (30, 9)):
        take(found, at, {1: raw(packets)})
    assert found.read(ONE, "eth1", 30).counts == Counts(50 + 7 + 2, 2 * 59, 5900, 11800, 0, 1)


def test_a_counter_left_out_for_once_is_no_restart() -> None:
    found = Ledger(30)
    take(found, 0, {1: (100, None, *ZERO[2:])})
    take(found, 10, {1: (None, 5, *ZERO[2:])})
    take(found, 20, {1: (130, 9, *ZERO[2:])})
    assert found.read(ONE, "eth1", 20).counts == Counts(30, 4)


def test_old_observations_keep_their_totals_and_lose_their_rates() -> None:
    found = Ledger(30)
    take(found, 0, {1: raw(0)})
    take(found, 10, {1: raw(10)})
    assert found.read(ONE, "eth1", 40).rates.rx_packets == 1.0
    later = found.read(ONE, "eth1", 40.1)
    assert (later.rates, later.counts.rx_packets, later.wall) == (Rates(), 10, 1.7e9 + 10)
    assert found.read(ONE, "eth2", 0) == found.read(Dpid(2), "eth1", 0) == Counted()


def test_two_observations_at_one_moment_tell_no_rate() -> None:
    found = Ledger(30)
    for at, packets in ((0, 0), (10, 10), (10, 30)):
        take(found, at, {1: raw(packets)})
    known = found.read(ONE, "eth1", 10)
    assert (known.counts.rx_packets, known.rates.rx_packets) == (30, 1.0)


def test_switches_and_interfaces_are_kept_apart_and_ports_without_a_name_left_out() -> None:
    found = Ledger(30)
    for at, packets in ((0, 0), (1, 5)):
        assert set(take(found, at, {1: raw(packets), 2: raw(9), 1000: raw(packets)})) == {"eth1", "eth2"}
        take(found, at, {1: raw(packets * 10)}, Dpid(2))
    assert [found.read(ONE, f"eth{n}", 1).counts.rx_packets for n in (1, 2)] == [5, 0]
    assert found.read(Dpid(2), "eth1", 1).counts.rx_packets == 50


def test_an_interface_that_comes_back_goes_on_and_those_that_are_gone_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ledger, "MAX_GONE", 3)
    found = Ledger(30)
    take(found, 0, {1: raw(0)})
    take(found, 1, {1: raw(10)})
    take(found, 2, {2: raw(0), 3: raw(0)})
    take(found, 3, {1: raw(4)})
    assert found.read(ONE, "eth1", 3).counts.rx_packets == 14
    for number in range(10, 20):
        take(found, 4 + number, {number: raw(0)})
    assert [n for n in range(20) if found.read(ONE, f"eth{n}", 0).wall] == [16, 17, 18, 19]


@given(st.lists(RAWS, min_size=1, max_size=12))
def test_totals_never_go_backwards(said: list[Raw]) -> None:
    found = Ledger(30)
    before = Counts()
    for at, each in enumerate(said):
        growth = take(found, float(at), {1: each})["eth1"]
        assert all(0 <= value <= MAX_COUNT for value in growth.counts)
        now = found.read(ONE, "eth1", float(at)).counts
        assert all(old <= new <= MAX_COUNT for old, new in zip(before, now, strict=True))
        before = now


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=20))
def test_an_honest_counter_is_counted_exactly(steps: list[int]) -> None:
    found = Ledger(30)
    total = 0
    take(found, 0, {1: ZERO})
    for at, step in enumerate(steps, 1):
        total += step
        take(found, float(at), {1: (total,) * 8})
    assert found.read(ONE, "eth1", 0).counts == Counts(*[total] * 8)


def test_a_switch_that_is_not_known_any_more_is_forgotten() -> None:
    found = Ledger(30)
    for at, packets in ((0, 0), (10, 10)):
        take(found, at, {1: raw(packets)})
        take(found, at, {1: raw(packets)}, Dpid(2))
    found.prune({Dpid(2)})
    assert (found.newest(ONE), found.read(ONE, "eth1", 10)) == (0.0, Counted())
    assert found.read(Dpid(2), "eth1", 10).counts.rx_packets == 10
    assert take(found, 20, {1: raw(30)})["eth1"].counts == Counts(), "it begins anew"
