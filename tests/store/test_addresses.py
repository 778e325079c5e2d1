from ipaddress import ip_network

from hypothesis import given
from hypothesis import strategies as st

from sdn.store import addresses
from sdn.store.addresses import AddressPool

STEPS = st.lists(st.tuples(st.sampled_from(["take", "free", "low"]), st.integers(0, 70)), max_size=80)


def _run(pool: AddressPool, taken: set[int], size: int, steps: list[tuple[str, int]]) -> None:
    for verb, offset in steps:
        if verb == "low":
            free = sorted(set(range(size)) - taken)
            assert pool.lowest() == (free[0] if free else None)
            if free:
                pool.take(free[0])
                taken.add(free[0])
        elif verb == "take":
            pool.take(offset)
            taken.add(offset)
        elif offset not in (0, size - 1):
            pool.free(offset)
            taken.discard(offset)


@given(STEPS, STEPS, STEPS)
def test_the_lowest_free_one_is_found_and_drafts_are_apart(
    before: list[tuple[str, int]], inside: list[tuple[str, int]], after: list[tuple[str, int]]
) -> None:
    size, chunk = 64, addresses.CHUNK
    addresses.CHUNK, addresses._ALL = 8, 255
    try:
        pool, taken = AddressPool.of(ip_network("10.0.0.0/26")), {0, 63}
        _run(pool, taken, size, before)
        _run(pool.draft(), set(taken), size, inside)
        _run(pool, taken, size, after)
    finally:
        addresses.CHUNK, addresses._ALL = chunk, (1 << chunk) - 1


def test_large_subnets_are_filled_over_chunks() -> None:
    pool = AddressPool.of(ip_network("10.0.0.0/19"))
    found = []
    while (offset := pool.lowest()) is not None:
        pool.take(offset)
        found.append(offset)
    assert found == list(range(1, 2**13 - 1))
    pool.free(5000)
    assert pool.lowest() == 5000


def test_addresses_far_away_are_left_alone() -> None:
    pool = AddressPool.of(ip_network("2001:db8::/64"))
    pool.take(2**64 - 1)
    pool.free(2**64 - 1)
    assert pool.lowest() == 1
    assert list(pool.chunks) == [0]
