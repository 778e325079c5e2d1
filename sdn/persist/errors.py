"""What goes wrong with files and with SQLite, as errors that name file and remedy.

Rules: a write that certainly left nothing behind raises WriteRefused (StorageFull when there is no room), and the
database can be used further. Anything else says that it is not known what is on the disk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sdn.model.errors import SdnError, StorageFull, Unavailable, WriteRefused

DAMAGE = (
    "Nothing was changed. Restore a backup with 'sdnd --restore FILE', or move the state directory away to begin with "
    "an empty one."
)
_WRITABLE = "Make the state directory and its files writable for this user; what was stored before is intact."
_OTHER = "Stop the other program that has the file open; what was stored before is intact."
_ROOM = "Free disk space and try again; what was stored before is intact."
_REFUSED = {
    sqlite3.SQLITE_BUSY: _OTHER,
    sqlite3.SQLITE_LOCKED: _OTHER,
    sqlite3.SQLITE_CANTOPEN: _WRITABLE,
    sqlite3.SQLITE_READONLY: _WRITABLE,
    sqlite3.SQLITE_PERM: _WRITABLE,
    sqlite3.SQLITE_NOMEM: "Free memory and try again; what was stored before is intact.",
    sqlite3.SQLITE_TOOBIG: "Write smaller objects; what was stored before is intact.",
}
"""By primary result code (https://www.sqlite.org/rescode.html): SQLite has rolled back, or nothing had begun."""


def code_of(error: sqlite3.Error) -> int:
    """SQLite's primary result code, 0 when the error did not come from it."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def leaves_doubt(error: sqlite3.Error) -> bool:
    """Whether it is not known after a failed write what is on the disk.

    A write that failed (a quota, a limit on file sizes, a bad sector) never reached the frame that commits; a sync
    that failed may have, and after it the system may show what is not on the disk
    (https://www.sqlite.org/rescode.html#ioerr_fsync).
    """
    if int(getattr(error, "sqlite_errorcode", 0)) == sqlite3.SQLITE_IOERR_WRITE:
        return False
    return code_of(error) in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def damaged(path: Path, reason: str) -> SdnError:
    """A file that cannot be right."""
    return SdnError.of("", f"{path}: {reason}", DAMAGE)


@contextmanager
def sqlite_errors(verb: str, path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours."""
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.IntegrityError):
        raise  # a mistake of the caller, not of the disk
    except UnicodeDecodeError as error:  # SQLite quotes damaged text when it says what is wrong
        raise damaged(path, "the database is damaged: names in it are not text") from error
    except sqlite3.Error as error:
        raise translated(verb, path, error) from error


def translated(verb: str, path: Path, error: sqlite3.Error) -> SdnError:
    """What to tell about an error of SQLite; verb: what failed."""
    code = code_of(error)
    reason = f"cannot {verb} {path}: {error}"
    if code == sqlite3.SQLITE_FULL:
        return StorageFull.of("", reason, _ROOM)
    if code == sqlite3.SQLITE_IOERR and not leaves_doubt(error):
        remedy = "Check the disk, its quota and limits on file sizes; what was stored before is intact."
        return WriteRefused.of("", reason, remedy)
    if code == sqlite3.SQLITE_IOERR:
        return Unavailable.of("", reason, "Check the disk, then restart the daemon; it shows what is really stored.")
    if code in _REFUSED:
        return WriteRefused.of("", reason, _REFUSED[code])
    return SdnError.of("", reason, DAMAGE)


@contextmanager
def file_errors(verb: str, path: Path) -> Iterator[None]:
    """Turn errors of the file system into ours."""
    try:
        yield
    except OSError as error:
        raise Unavailable.of(
            "",
            f"cannot {verb} {path}: {error.strerror or error}",
            "Choose a directory on a local disk with free space that this user may write.",
        ) from error
