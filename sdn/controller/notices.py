"""The notices that are kept for operators: numbered, bounded in number and size, the oldest dropped first.

Numbers grow over restarts too, so that who reads on from a number after a restart is told of the gap instead of
reading other notices under known numbers: they are reserved in blocks, with one durable record per block.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping

from sdn.model.errors import Gone, SdnError
from sdn.model.notice import Filter, Notice, NoticePage, Severity

NOTICES = "notices"
"""Bucket: key ``reserved``, value the last number of the block that is being given out."""
KEPT = 10_000
"""Notices in memory: some 5 MB."""
MAX_TEXT = 1000
"""Characters of a message or of a detail's value; more is cut."""
_RESERVED = "reserved"
_BLOCK = 10_000


class Notices:
    """saved: the bucket as it was left."""

    def __init__(self, saved: Mapping[str, str], kept: int = KEPT) -> None:
        self._reserved = _number(saved.get(_RESERVED, "0"))
        self._next = self._reserved + 1
        self._first = self._next
        self._kept: deque[Notice] = deque(maxlen=kept)
        self._reserve = False
        self.counts: Counter[tuple[str, str]] = Counter()
        """Of all that were added, by (severity, reason)."""

    def add(
        self,
        wall: float,
        severity: Severity,
        reason: str,
        object_: str,
        message: str,
        details: Mapping[str, str | int] | None = None,
    ) -> None:
        """Note something. wall: Unix time in seconds; details: a few short ones."""
        if self._next > self._reserved:
            self._reserved += _BLOCK
            self._reserve = True
        pairs = tuple((key, _cut(str(value))) for key, value in (details or {}).items())
        self._kept.append(Notice(self._next, wall, severity, reason, object_, _cut(message), pairs))
        self._next += 1
        self.counts[severity.value, reason] += 1

    def records(self) -> dict[str, str]:
        """Records to put into the bucket since the last call."""
        if not self._reserve:
            return {}
        self._reserve = False
        return {_RESERVED: str(self._reserved)}

    @property
    def newest(self) -> int:
        """Number of the newest notice, or of the last one that cannot be read any more."""
        return self._next - 1

    @property
    def _oldest(self) -> int:
        return self._kept[0].number if self._kept else self._next

    def page(self, start: int, wanted: Filter, size: int) -> NoticePage:
        """At most ``size`` notices with the number ``start`` or a higher one; 0: from the oldest that is kept.

        Raises Gone when some from ``start`` on were dropped, are of an earlier life of the daemon, or when ``start`` is
        beyond the one that comes next. O(kept).
        """
        if start:
            self._check(start)
        found: list[Notice] = []
        more = False
        for notice in self._kept:
            if notice.number >= start and wanted.wants(notice):
                more = len(found) == size
                if more:
                    break
                found.append(notice)
        return NoticePage(tuple(found), more, self._oldest, self.newest, self._oldest - self._first)

    def _check(self, start: int) -> None:
        remedy = "List the events, or watch from 0 for all that are kept."
        if start < self._oldest:
            reason = f"event {start} is not kept any more; the oldest is {self._oldest}"
            raise Gone.of("from_number", reason, remedy)
        if start > self._next:
            raise Gone.of("from_number", f"there is no event {start} yet; the next one is {self._next}", remedy)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 3]}..."


def _number(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 18:
        return int(text)
    raise SdnError.of(
        f"{NOTICES}[{_RESERVED}]",
        f"the stored record is damaged: {text[:40]!r} is not a number",
        "Restore the state directory from a backup; nothing was changed.",
    )
