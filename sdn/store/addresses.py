"""Which addresses of a subnet are taken, so that the lowest free one is found without a search over ports.

A pool is a two-level bitmap of Python integers, which are immutable: a draft shares every chunk that it does not
change. Finding, taking and freeing an address cost the same in an empty subnet and in a full one. Only the first 2**24
addresses of a subnet are given out automatically; the others can be asked for and are not recorded here (their
uniqueness is kept by the index of claims).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sdn.model.intent import Prefix

CHUNK = 4096
"""Addresses in one integer; also the number of chunks a pool may have."""
LIMIT = CHUNK * CHUNK
_ALL = (1 << CHUNK) - 1


@dataclass(slots=True)
class AddressPool:
    """Offsets from the first address of a subnet. chunks: taken bits; full: bit of each chunk without a free offset."""

    size: int
    chunks: dict[int, int] = field(default_factory=dict)
    full: int = 0
    base: dict[int, int] | None = None

    @classmethod
    def of(cls, cidr: Prefix) -> AddressPool:
        """A pool with nothing taken but what hosts must not have.

        That is the network and broadcast address of IPv4, the subnet-router anycast address of IPv6 (RFC 4291, 2.6.1).
        """
        pool = cls(min(cidr.num_addresses, LIMIT))
        pool.take(0)
        if cidr.version == 4:
            pool.take(cidr.num_addresses - 1)
        return pool

    def draft(self) -> AddressPool:
        """A pool that begins like this one and can be changed without changing it."""
        return AddressPool(self.size, {}, self.full, self.chunks)

    def _chunk(self, index: int) -> int:
        bits = self.chunks.get(index)
        if bits is None:
            bits = self.base.get(index, 0) if self.base is not None else 0
        return bits

    def _set(self, index: int, bits: int) -> None:
        self.chunks[index] = bits
        width = min(CHUNK, self.size - index * CHUNK)
        if bits == _ALL >> (CHUNK - width):
            self.full |= 1 << index
        else:
            self.full &= ~(1 << index)

    def take(self, offset: int) -> None:
        """Mark an offset as taken; those beyond the pool are ignored."""
        if offset < self.size:
            index, bit = divmod(offset, CHUNK)
            self._set(index, self._chunk(index) | 1 << bit)

    def free(self, offset: int) -> None:
        """Mark an offset as free; those beyond the pool are ignored."""
        if offset < self.size:
            index, bit = divmod(offset, CHUNK)
            self._set(index, self._chunk(index) & ~(1 << bit))

    def lowest(self) -> int | None:
        """The lowest free offset, None if there is none."""
        index = _lowest_zero(self.full)
        if index * CHUNK >= self.size:
            return None
        return index * CHUNK + _lowest_zero(self._chunk(index))


def _lowest_zero(bits: int) -> int:
    return (~bits & (bits + 1)).bit_length() - 1
