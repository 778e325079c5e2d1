"""Totals of connections from what flows count: in full from the first observation, and never backwards."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sdn.counters import Counting, Traffic
from sdn.model.counters import NO_RATES, Counted, Counts, FlowSample
from sdn.model.ids import Dpid

C = "tenants/t/connections/c"
THERE, BACK = Counting(C, 1.0, forward=True), Counting(C, 1.0, forward=False)
WHOSE = {b"there": THERE, b"back": BACK}


def sample(at: float, dpid: int = 1, **flows: tuple[int, int]) -> FlowSample:
    return FlowSample(Dpid(dpid), {key.encode(): counts for key, counts in flows.items()}, at, 1000 + at)


def test_both_directions_add_up_from_the_first_observation() -> None:
    traffic = Traffic(10)
    traffic.take(sample(1, there=(5, 500), miss=(9, 9)), WHOSE.get)
    traffic.take(sample(2, 2, back=(1, 100)), WHOSE.get)
    traffic.take(sample(3, there=(7, 700)), WHOSE.get)
    found = traffic.read(C, 1.0, 3)
    assert found.counts == Counts(rx_packets=7, rx_bytes=700, tx_packets=1, tx_bytes=100)
    assert (found.rates.rx_packets, found.rates.rx_bits, found.rates.tx_bits) == (1, 800, 0)
    assert found.wall == 1003
    assert traffic.read(C, 1.0, 14).rates == NO_RATES
    assert traffic.read(C, 2.0, 3) == Counted()


def test_a_flow_that_is_written_anew_or_elsewhere_goes_on() -> None:
    traffic = Traffic(10)
    traffic.take(sample(1, there=(5, 500)), WHOSE.get)
    traffic.take(sample(2, there=(2, 200)), WHOSE.get)
    traffic.take(sample(3), WHOSE.get)
    traffic.take(sample(4, 2, there=(1, 100)), WHOSE.get)
    assert traffic.read(C, 1.0, 4).counts == Counts(rx_packets=8, rx_bytes=800)


def test_a_connection_made_anew_begins_at_zero_and_one_that_is_gone_is_forgotten() -> None:
    traffic = Traffic(10)
    traffic.take(sample(1, there=(5, 500)), WHOSE.get)
    again = THERE._replace(created=2.0)
    traffic.take(sample(2, there=(6, 600)), lambda key: again)
    assert traffic.read(C, 2.0, 2).counts == Counts(rx_packets=6, rx_bytes=600)
    traffic.prune(lambda name: False)
    assert traffic.read(C, 2.0, 2) == Counted()
    traffic.take(sample(3, there=(7, 700)), lambda key: again)
    assert traffic.read(C, 2.0, 3).counts.rx_packets == 7


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.sampled_from(["there", "back"]), st.integers(0, 2**64 - 1))))
def test_totals_never_go_backwards_whatever_a_switch_says(said: list[tuple[int, str, int]]) -> None:
    traffic, before = Traffic(10), Counts()
    for at, (dpid, key, count) in enumerate(said):
        traffic.take(sample(at, dpid, **{key: (count, count)}), WHOSE.get)
        counts = traffic.read(C, 1.0, at).counts
        assert all(new >= old for new, old in zip(counts, before, strict=True))
        assert max(counts) < 2**64
        before = counts
