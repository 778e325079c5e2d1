"""Quantities as people write them: capacities ("10G") and latencies ("5ms")."""

from __future__ import annotations

import re
from decimal import Decimal

_NUMBER = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*([A-Za-zµ/]*)", re.ASCII)
_CAPACITY_UNITS = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_LATENCY_UNITS = {"us": 1, "ms": 10**3, "s": 10**6}
MAX_CAPACITY = 10**15
"""bits/s."""
MAX_LATENCY = 60 * 10**6
"""Microseconds."""


def parse_capacity(text: str) -> int:
    """Bits/s of ``10G``, ``100M``, ``2.5Gbit/s`` or a plain number of bits/s; raises ValueError with the reason."""
    number, unit = _split(text, "10G or 100M")
    for suffix in ("bit/s", "bps", "bit"):
        unit = unit.removesuffix(suffix)
    if unit not in _CAPACITY_UNITS:
        raise ValueError(f"{text!r} has an unknown unit; write it as 10G or 100M")
    value = int(number * _CAPACITY_UNITS[unit])
    if not 1 <= value <= MAX_CAPACITY:
        raise ValueError(f"{text!r} is not between 1 bit/s and 1000T")
    return value


def parse_latency(text: str) -> int:
    """Microseconds of ``5ms``, ``250us`` or ``1s``, rounded; raises ValueError saying what is wrong."""
    number, unit = _split(text, "5ms or 250us")
    if unit not in _LATENCY_UNITS:
        raise ValueError(f"{text!r} has no unit us, ms or s; write it as 5ms or 250us")
    value = round(number * _LATENCY_UNITS[unit])
    if value > MAX_LATENCY:
        raise ValueError(f"{text!r} is more than 60s")
    return value


def _split(text: str, example: str) -> tuple[Decimal, str]:
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a number with a unit; write it as {example}")
    return Decimal(match[1]), match[2]
