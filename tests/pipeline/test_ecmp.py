"""Slots of select groups: fair shares, and no polarisation between tiers."""

import pytest

from sdn.model.route import NextHops
from sdn.pipeline.ecmp import slots


def hops(count, tier):
    return NextHops(tuple(range(101, 101 + count)), tier)


def test_a_single_hop_needs_a_single_slot():
    assert slots(NextHops((7,), 3)) == (7,)
    assert slots(NextHops((), 0)) == ()


@pytest.mark.parametrize("count", range(2, 65))
@pytest.mark.parametrize("tier", range(1, 8))
def test_every_port_fills_the_even_share(count, tier):
    chosen = slots(hops(count, tier))
    assert len(chosen) in (64, 256)
    assert len(chosen) == 256 or count <= 8
    share = len(chosen) / count
    for port in hops(count, tier).ports:
        assert int(share) <= chosen.count(port) <= -int(-share // 1)


@pytest.mark.parametrize("first", [*range(2, 11), 16])
@pytest.mark.parametrize("second", [*range(2, 11), 16])
@pytest.mark.parametrize("tier", range(2, 9))
def test_with_one_hash_everywhere_two_tiers_still_use_every_pair(first, second, tier):
    upper, lower = slots(hops(first, tier)), slots(hops(second, tier - 1))
    # Open vSwitch keeps the low bits of the hash, as many as the group has slots.
    pairs = {(upper[h % len(upper)], lower[h % len(lower)]) for h in range(256)}
    assert len(pairs) == first * second


def test_six_tiers_of_two_hops_are_independent():
    tiers = [slots(hops(2, tier)) for tier in range(1, 7)]
    assert len({tuple(tier[h] for tier in tiers) for h in range(64)}) == 64


def test_beyond_what_fits_the_second_tier_still_uses_all_ports():
    upper, lower = slots(hops(24, 2)), slots(hops(24, 1))
    for port in hops(24, 2).ports:
        assert len({lower[h] for h in range(256) if upper[h] == port}) >= 8


def test_never_more_slots_than_open_vswitch_hashes_in_the_datapath():
    assert len(slots(hops(1000, 1))) == 256
