"""Where the numbering of changes begins in each life of the daemon, so that no revision is ever given twice.

Changes are counted from the wall clock in microseconds, and always from beyond what an earlier life can have reached:
the beginning is durable before the first one is given out. A watcher that comes back with a revision of an earlier
life is therefore always known as such.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from sdn.daemon.durable import Journal
from sdn.model.errors import WriteRefused

WATCH = "watch"
"""Bucket: key ``first``, value the number before the first change of the present life, in decimal digits."""
MOST_CHANGES = 2**36
"""Changes of one life at most: 10,000 a second for 79 days. The clock runs faster than that all the while."""
_FIRST = "first"
_log = logging.getLogger("sdn.store")


def begin(records: Mapping[str, Mapping[str, str]], journal: Journal, wall: float) -> int:
    """The number before the first change of this life, made durable; wall: Unix time in seconds.

    0 when the store cannot be written: then changes of this life have no numbers, and no watch of it can be resumed.
    """
    text = records.get(WATCH, {}).get(_FIRST, "")
    before = int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0
    first = max(int(wall * 1e6), before + MOST_CHANGES, 1)
    try:
        journal.commit([(WATCH, _FIRST, str(first))], [])
    except WriteRefused as error:
        _log.warning("watches cannot be resumed until the next start: %s", error)
        return 0
    return first
