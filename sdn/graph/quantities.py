"""Quantities as people write them: capacities ("10G"), latencies ("5ms"), costs and coordinates.

All parsers raise ValueError with a reason that says how to write it. The formatters give the shortest text that is read
back as the same number.
"""

from __future__ import annotations

import re
from decimal import Decimal

from sdn.graph.limits import MAX_COST

_NUMBER = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*([A-Za-zµ/]*)", re.ASCII)
_COORDINATE = re.compile(r"[+-]?[0-9]{1,12}(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)
_CAPACITY_UNITS = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_LATENCY_UNITS = {"us": 1, "ms": 10**3, "s": 10**6}
MAX_CAPACITY = 10**15
"""bits/s."""
MAX_LATENCY = 60 * 10**6
"""Microseconds."""
MAX_COORDINATE = 10**9


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


def format_capacity(value: int) -> str:
    """Bits/s as ``10G``; exact."""
    return _shortest(value, ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"), (1, "")))


def parse_latency(text: str) -> int:
    """Microseconds of ``5ms``, ``250us`` or ``1s``, rounded; raises ValueError saying what is wrong."""
    number, unit = _split(text, "5ms or 250us")
    if unit not in _LATENCY_UNITS:
        raise ValueError(f"{text!r} has no unit us, ms or s; write it as 5ms or 250us")
    value = round(number * _LATENCY_UNITS[unit])
    if value > MAX_LATENCY:
        raise ValueError(f"{text!r} is more than 60s")
    return value


def format_latency(value: int) -> str:
    """Microseconds as ``5ms``; exact."""
    return _shortest(value, ((10**6, "s"), (10**3, "ms"), (1, "us")))


def parse_cost(text: str) -> int:
    """A cost from 1 to 65535; raises ValueError."""
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= MAX_COST):
        raise ValueError(f"{text[:40]!r} is not a number from 1 to {MAX_COST}")
    return int(text)


def parse_coordinate(text: str, most: float = MAX_COORDINATE) -> float:
    """A number from -most to most; raises ValueError."""
    if not _COORDINATE.fullmatch(text.strip()) or not -most <= float(text) <= most:
        raise ValueError(f"{text[:40]!r} is not a number from {-most} to {most}")
    return float(text) + 0.0  # no negative zero


def _shortest(value: int, units: tuple[tuple[int, str], ...]) -> str:
    """With the largest unit that leaves at least 1, and no more digits than needed."""
    for size, unit in units:
        if value >= size:
            number = Decimal(value) / size
            # A number with more than three decimals reads better in the next smaller unit.
            if number == round(number, 3):
                return f"{number.normalize():f}{unit}"
    return f"{value}{units[-1][1]}"


def _split(text: str, example: str) -> tuple[Decimal, str]:
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a number with a unit; write it as {example}")
    return Decimal(match[1]), match[2]
