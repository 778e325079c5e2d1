"""Spreading flows over equal paths without polarisation.

Open vSwitch picks a bucket of a select group by the low bits of a hash that is the same on every switch, so a second
tier that divided its flows as the first did would see only one of its choices. Here a group has many more slots than
next hops, and successive tiers (the switches on the way where there is a choice, counted from the destination) look at
different bits of the slot number: an even one first at bits 5, 4, 3, an odd one first at bits 0, 1, 2.

The number of slots is 64, or 256 where 64 cannot hold every pair of choices of two tiers. Never more: beyond 256 hash
values Open vSwitch leaves dp_hash and hashes in the slow path, flow by flow, the destination MAC included (seen on
OVS 3.1: "Too many hash values required: 512. Falling back to default hash method").
"""

from __future__ import annotations

from functools import lru_cache

from sdn.model.route import NextHops

_EVEN = (5, 4, 3)
_ODD = (0, 1, 2)


def slots(hops: NextHops) -> tuple[int, ...]:
    """The out port of each bucket of a select group, all buckets of equal weight.

    One entry for a single next hop, else 64 (up to 8 hops, but not for 7) or 256. Every port fills the even share of
    the slots, rounded down or up. For switches of up to 10 hops at successive tiers every pair of choices occurs. More
    than 256 hops cannot all be used.
    """
    count = len(hops.ports)
    if count <= 1:
        return hops.ports
    return tuple(hops.ports[index] for index in _choices(count, hops.tier % 6))


@lru_cache(maxsize=1024)
def _choices(count: int, tier: int) -> tuple[int, ...]:
    """Which of ``count`` hops fills each slot: the slot's bits in another order, scaled down to the count."""
    bits = 6 if count <= 8 and count != 7 else 8  # 64 slots miss some of the pairs of 7 and 7
    order = _bit_order(bits, tier)
    chosen = []
    for slot in range(1 << bits):
        permuted = 0
        for bit in order:
            permuted = permuted << 1 | (slot >> bit & 1)
        chosen.append(permuted * count >> bits)
    return tuple(chosen)


def _bit_order(bits: int, tier: int) -> tuple[int, ...]:
    """The bits of a slot number, those that decide first in front.

    The first bits of even and odd tiers never overlap, whatever the numbers of hops; and among tiers of the same
    parity the first one differs, so that six tiers of two hops each are independent.
    """
    own, other = (_EVEN, _ODD) if tier % 2 == 0 else (_ODD, _EVEN)
    turn = tier // 2 % 3
    first = own[turn:] + own[:turn]
    high = () if bits == 6 else ((6, 7) if tier % 2 == 0 else (7, 6))
    return first + high + tuple(reversed(other))
