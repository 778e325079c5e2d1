"""Files that may change while the daemon runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

Signature = tuple[tuple[int, int, int, int] | None, ...]


class Watched:
    """Says whether any of these files is another one than last time, by inode, size and times."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = tuple(files)
        self._seen = self._signature()

    def changed(self) -> bool:
        """Since the last call, or since the beginning."""
        before, self._seen = self._seen, self._signature()
        return before != self._seen

    def _signature(self) -> Signature:
        return tuple(_signature(file) for file in self._files)


def _signature(file: Path) -> tuple[int, int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
