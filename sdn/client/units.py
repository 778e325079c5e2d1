"""Bandwidths as people write them, in decimal units of bits per second."""

from __future__ import annotations

import re
from decimal import Decimal

_FORM = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,12})?)\s*([kKMGT]?)(?:bit/s|bps|bit)?")
_SCALE = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
MAX_BANDWIDTH = 2**64 - 1
RATES = ("bandwidth", "ceiling", "reverse_ceiling")
"""Fields that manifests may have as people write them: ``bandwidth: 100M`` for ``bandwidth_bps``."""


def parse_bandwidth(text: str | int) -> int:
    """bits/s of ``100M``, ``1.5G``, ``10k`` or a plain number; raises ValueError with the remedy."""
    match = _FORM.fullmatch(str(text).strip())
    value = Decimal(match[1]) * _SCALE[match[2]] if match else Decimal(-1)
    if not 0 <= value <= MAX_BANDWIDTH or value != int(value):
        raise ValueError(
            f"{str(text)[:40]!r} is not a bandwidth. "
            "Write whole bits per second, or a number with k, M, G or T, as 100M."
        )
    return int(value)


def format_bandwidth(bps: int) -> str:
    """The shortest exact form that ``parse_bandwidth`` reads: 100M, 1.5G, 64k, 100."""
    for unit in "TGMk":
        scale = _SCALE[unit]
        if bps >= scale and (bps % scale == 0 or (bps < 1000 * scale and bps * 1000 % scale == 0)):
            return f"{(Decimal(bps) / scale).normalize():f}{unit}"
    return str(bps)
