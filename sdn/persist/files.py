"""Files of a state directory: names, private modes, copies and replacements that survive a crash at any point."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

DATABASE = "state.db"
LOCK = "lock"
RESTORING = f"{DATABASE}.restoring"
"""A complete database that takes the place of the present one; while it is there, that is what must happen next."""
REPLACED = f"{DATABASE}.replaced"
"""What was there before the last restore, with its write-ahead log beside it."""


def sync_directory(path: Path) -> None:
    """Make renames durable."""
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def empty_file(path: Path) -> None:
    """An empty file for this user alone, in place of what a crash may have left under this name."""
    for leftover in (path, path.with_name(f"{path.name}-journal")):
        leftover.unlink(missing_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def write_file(path: Path, data: bytes) -> None:
    """A private file with this content; either all of it or what was there before. Raises OSError."""
    partial = path.with_name(f"{path.name}.partial")
    empty_file(partial)
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def copy_database(database: sqlite3.Connection, target: Path) -> None:
    """A consistent copy of an open database, complete when it has its name. Raises OSError or sqlite3.Error."""
    partial = target.with_name(f"{target.name}.partial")
    empty_file(partial)
    try:
        copy = sqlite3.connect(partial, isolation_level=None)
        try:
            database.backup(copy)
        finally:
            copy.close()
        partial.rename(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_directory(target.parent)


def finish_restore(directory: Path) -> None:
    """Put a database that waits as ``state.db.restoring`` into its place; nothing happens if there is none.

    The old one is kept as ``state.db.replaced``. Every step can be repeated, so a crash between two of them is
    completed by the next call.
    """
    waiting, present, replaced = directory / RESTORING, directory / DATABASE, directory / REPLACED
    if not waiting.exists():
        return
    log = directory / f"{DATABASE}-wal"
    if present.exists() and not (replaced.exists() and replaced.samefile(present)):
        replaced.unlink(missing_ok=True)
        (directory / f"{REPLACED}-wal").unlink(missing_ok=True)
        os.link(present, replaced)
    # The log of the old one must never meet the new one.
    if log.exists():
        log.rename(directory / f"{REPLACED}-wal")
    (directory / f"{DATABASE}-shm").unlink(missing_ok=True)
    sync_directory(directory)
    waiting.rename(present)
    sync_directory(directory)
