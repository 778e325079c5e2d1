"""How often Python looks for reference cycles: the daemon keeps millions of small objects and makes few cycles."""

from __future__ import annotations

import gc

_THRESHOLDS = (20_000, 20, 50)
"""Objects until the youngest generation is looked at, and how many times until the next one is (``gc.set_threshold``).

With the thresholds of Python 3.11 the collector takes 30 % of the time of a compile from scratch (`bench/compile.py`).
"""


def tune() -> None:
    """For the whole process, at its start."""
    gc.set_threshold(*_THRESHOLDS)


def keep() -> None:
    """What is there now stays: never look at it again. After the state was loaded."""
    gc.collect()
    gc.freeze()
