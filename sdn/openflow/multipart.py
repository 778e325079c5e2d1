"""Bodies of multipart replies (OpenFlow 1.3.5, section 7.3.5), one function per type; each checks all lengths."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from sdn.openflow import wire
from sdn.openflow.decode import PORT_SIZE, match_of, port_of, printable
from sdn.openflow.errors import ProtocolError
from sdn.openflow.messages import PortDescription

_DESC = struct.Struct("!256s256s256s32s256s")
_FLOW = struct.Struct("!HB9x2s10xQ16x")
_FLOW_SIZE = 48
_FLOW_COUNTS, _FLOW_COUNTS_AT = struct.Struct("!2Q"), 32
_GROUP = struct.Struct("!HBxI")
_METER = struct.Struct("!HHI")
_BAND = struct.Struct("!HHII4x")
_PORT_STATS = struct.Struct("!I4x8Q40x")
_NOT_COUNTED = 2**64 - 1


def description(body: bytes) -> str:
    """Manufacturer, hardware and software version in one line."""
    if len(body) < _DESC.size:
        raise ProtocolError(f"description of {len(body)} bytes is shorter than {_DESC.size}")
    manufacturer, hardware, software, _, _ = (printable(part) for part in _DESC.unpack_from(body))
    return ", ".join(part for part in (manufacturer, hardware, software) if part)


def ports(body: bytes) -> Iterator[PortDescription]:
    """The ports of a piece."""
    if len(body) % PORT_SIZE:
        raise ProtocolError(f"{len(body)} bytes of port descriptions are not a multiple of {PORT_SIZE}")
    for at in range(0, len(body), PORT_SIZE):
        yield port_of(body, at)


def _entry(body: bytes, at: int, smallest: int, what: str) -> int:
    """Where the entry at ``at`` ends, by the length in its first two bytes."""
    length = int.from_bytes(body[at : at + 2], "big")
    if length < smallest or at + length > len(body):
        raise ProtocolError(f"{what} at byte {at} of {len(body)} says it has {length} bytes")
    return at + length


def _items(body: bytes, at: int, end: int, length_at: int, smallest: int, what: str) -> None:
    """Check that items with a 16-bit length at ``length_at`` fill ``body[at:end]`` exactly, in steps of 8 bytes."""
    while at < end:
        length = int.from_bytes(body[at + length_at : at + length_at + 2], "big")
        if end - at < smallest or length < smallest or length % 8 or at + length > end:
            raise ProtocolError(f"{what} at byte {at} says it has {length} bytes")
        at += length


def flows(body: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    """(key, cookie, instructions) of each flow; the key is ``table | priority | OXM fields without padding``."""
    at, size = 0, len(body)
    unpack = _FLOW.unpack_from
    while at < size:
        end = _entry(body, at, _FLOW_SIZE + 8, "flow")
        _, table, priority, cookie = unpack(body, at)
        fields = at + _FLOW_SIZE
        fields_end, padded = match_of(body, fields, end)
        _items(body, padded, end, 2, 8, "instruction")
        yield bytes((table,)) + priority + body[fields + 4 : fields_end], cookie, body[padded:end]
        at = end


def flow_counts(body: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(key, packets, bytes) of each flow (section 7.3.5.2); zero where the switch does not count."""
    at = 0
    while at < len(body):
        end = _entry(body, at, _FLOW_SIZE + 8, "flow")
        _, table, priority, _ = _FLOW.unpack_from(body, at)
        packets, octets = _FLOW_COUNTS.unpack_from(body, at + _FLOW_COUNTS_AT)
        fields = at + _FLOW_SIZE
        fields_end, padded = match_of(body, fields, end)
        _items(body, padded, end, 2, 8, "instruction")
        counted = (0 if count == _NOT_COUNTED else count for count in (packets, octets))
        yield bytes((table,)) + priority + body[fields + 4 : fields_end], *counted
        at = end


def groups(body: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(id, type, buckets as they came) of each group."""
    at = 0
    while at < len(body):
        end = _entry(body, at, _GROUP.size, "group")
        _, type_, group = _GROUP.unpack_from(body, at)
        _items(body, at + _GROUP.size, end, 0, 16, "bucket")
        yield group, type_, body[at + _GROUP.size : end]
        at = end


def meters(body: bytes) -> Iterator[tuple[int, tuple[int, int, bool] | None]]:
    """(id, (rate, burst, whether they are kbit/s and kbit)) of each meter that has one drop band, else (id, None)."""
    at = 0
    while at < len(body):
        end = _entry(body, at, _METER.size, "meter")
        _, flags, meter = _METER.unpack_from(body, at)
        bands = at + _METER.size
        _items(body, bands, end, 2, 8, "band")
        form: tuple[int, int, bool] | None = None
        bits = flags == wire.METER_BITS_AND_BURST
        if (bits or flags == wire.METER_PACKETS_AND_BURST) and end - bands == wire.BAND_SIZE:
            type_, length, rate, burst = _BAND.unpack_from(body, bands)
            form = (rate, burst, bits) if (type_, length) == (wire.BAND_DROP, wire.BAND_SIZE) else None
        yield meter, form
        at = end


def port_stats(body: bytes) -> Iterator[tuple[int, tuple[int | None, ...]]]:
    """(number, counters) of each port (section 7.3.5.6), None where the switch does not count.

    The counters are packets, bytes, drops and errors, of each first those received, then those sent.
    """
    size = _PORT_STATS.size
    if len(body) % size:
        raise ProtocolError(f"{len(body)} bytes of port statistics are not a multiple of {size}")
    for at in range(0, len(body), size):
        number, *counters = _PORT_STATS.unpack_from(body, at)
        yield number, tuple([None if value == _NOT_COUNTED else value for value in counters])
