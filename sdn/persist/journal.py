"""The embedded journal: one SQLite database in a state directory that a lock keeps to one process.

The database is in WAL mode with synchronous=FULL, so that a commit that returned survives a loss of power
(https://www.sqlite.org/pragma.html#pragma_synchronous). A new database is made under another name and renamed when it
is complete; therefore an empty or half-made ``state.db`` is always damage and never taken for a fresh start.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from sdn.model.errors import SdnError, Unavailable

SCHEMA_VERSION = 1
APPLICATION_ID = 0x53444E31
"""Marks the file as ours (https://www.sqlite.org/pragma.html#pragma_application_id)."""

_DATABASE = "state.db"
_LOCK = "lock"
_SCHEMA = f"""
PRAGMA application_id = {APPLICATION_ID};
BEGIN;
CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE records(
    bucket TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (bucket, key)
) WITHOUT ROWID;
INSERT INTO meta VALUES ('schema', {SCHEMA_VERSION});
COMMIT;
"""
_PUT = "INSERT INTO records VALUES (?, ?, ?) ON CONFLICT (bucket, key) DO UPDATE SET value = excluded.value"
_DELETE = "DELETE FROM records WHERE bucket = ? AND key = ?"
_DAMAGE = "Restore the state directory from a backup, or move it away to begin with an empty one."


class Journal:
    """Records of a state directory. Calls block on the disk; they may come from any thread, but one at a time."""

    def __init__(self, path: Path | str) -> None:
        """path: the state directory. Nothing happens before ``open``."""
        self.path = Path(path)
        self._lock: int | None = None
        self._database: sqlite3.Connection | None = None

    def open(self) -> None:
        """Lock the directory (made with mode 0700 if it is not there) and open or make the database.

        Raises Unavailable when another process holds it or the directory cannot be written, SdnError when the database
        is damaged, foreign, or written by a newer version. After an error nothing is held.
        """
        if self._database is not None:
            raise RuntimeError("the journal is open already")
        try:
            with self._filesystem("open"):
                self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._lock = self._take_lock()
                self._create_if_missing()
            with self._sqlite("open"):
                self._database = self._connect()
                self._check()
        except BaseException:
            self.close()
            raise

    def _take_lock(self) -> int:
        descriptor = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise Unavailable.of(
                "",
                f"the state directory {self.path} is in use by process {holder or '(unknown)'}",
                "Stop that process, or choose another state directory.",
            ) from None
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def _create_if_missing(self) -> None:
        """Make a complete database and move it into place; refuse when only a part of an old one is there."""
        target = self.path / _DATABASE
        if target.exists():
            return
        if (self.path / f"{_DATABASE}-wal").exists():
            raise self._error(f"{_DATABASE} is missing beside its write-ahead log", _DAMAGE)
        fresh = self.path / f"{_DATABASE}.new"
        for leftover in (fresh, fresh.with_name(fresh.name + "-journal")):
            leftover.unlink(missing_ok=True)
        os.close(os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with self._sqlite("create"):
            database = sqlite3.connect(fresh, isolation_level=None)
            try:
                database.execute("PRAGMA synchronous = FULL")
                database.executescript(_SCHEMA)
            finally:
                database.close()
        fresh.rename(target)
        directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _connect(self) -> sqlite3.Connection:
        path = self.path / _DATABASE
        if path.stat().st_size == 0:
            raise self._error(f"{_DATABASE} is empty", _DAMAGE)
        return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)

    def _check(self) -> None:
        """Refuse what is not a sound database of ours of a version that we know."""
        database = self._opened()
        if database.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise self._error(f"{_DATABASE} was not written by this program", _DAMAGE)
        found = database.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise self._error(f"{_DATABASE} is damaged: {found}", _DAMAGE)
        row = database.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone()
        version = row[0] if row else None
        if not isinstance(version, int) or version < 1:
            raise self._error(f"{_DATABASE} has no schema version", _DAMAGE)
        if version > SCHEMA_VERSION:
            raise self._error(
                f"{_DATABASE} has schema version {version}, newer than {SCHEMA_VERSION}",
                "Run the version of the program that wrote it, or restore a backup from before the upgrade.",
            )
        if database.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
            raise self._error("the file system cannot keep a write-ahead log", "Use a local file system.")
        database.execute("PRAGMA synchronous = FULL")

    def load(self) -> dict[str, dict[str, str]]:
        """All records by bucket and key; raises SdnError when they cannot be read."""
        records: dict[str, dict[str, str]] = {}
        with self._sqlite("read"):
            for bucket, key, value in self._opened().execute("SELECT bucket, key, value FROM records"):
                if not (isinstance(bucket, str) and isinstance(key, str) and isinstance(value, str)):
                    raise self._error(f"the record {str(bucket)[:80]}[{str(key)[:200]}] is not text", _DAMAGE)
                records.setdefault(bucket, {})[key] = value
        return records

    def commit(self, puts: Iterable[tuple[str, str, str]], deletes: Iterable[tuple[str, str]]) -> None:
        """Delete and then write records (bucket, key[, value]) in one transaction; durable when it returns.

        Raises SdnError, with nothing written. When the disk failed rather than being full, what is on it is no longer
        known: the journal then closes, and a new process must load what is really there.
        """
        database = self._opened()
        with self._sqlite("write"):
            try:
                database.execute("BEGIN IMMEDIATE")
                database.executemany(_DELETE, deletes)
                database.executemany(_PUT, puts)
                database.execute("COMMIT")
            except BaseException as error:
                self._roll_back(database, error)
                raise

    def _roll_back(self, database: sqlite3.Connection, error: BaseException) -> None:
        try:
            if database.in_transaction:
                database.execute("ROLLBACK")
        except sqlite3.Error:
            self.close()
        if isinstance(error, sqlite3.Error) and _code(error) in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT):
            self.close()

    def close(self) -> None:
        """Close the database and let go of the directory; nothing happens if that was done."""
        database, self._database = self._database, None
        lock, self._lock = self._lock, None
        try:
            if database is not None:
                with self._sqlite("close"):
                    database.close()
        finally:
            if lock is not None:
                os.close(lock)

    def __enter__(self) -> Journal:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _opened(self) -> sqlite3.Connection:
        if self._database is None:
            raise Unavailable.of("", f"the journal in {self.path} is not open", "Restart the daemon.")
        return self._database

    def _error(self, reason: str, remedy: str) -> SdnError:
        return SdnError.of("", f"state directory {self.path}: {reason}", remedy)

    @contextmanager
    def _filesystem(self, verb: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Unavailable.of(
                "",
                f"cannot {verb} the state directory {self.path}: {error.strerror or error}",
                "Choose a directory on a local disk with free space that this user may write.",
            ) from error

    @contextmanager
    def _sqlite(self, verb: str) -> Iterator[None]:
        """Turn SQLite's errors into ours."""
        try:
            yield
        except (sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.IntegrityError):
            raise  # a mistake of the caller, not of the disk
        except sqlite3.Error as error:
            raise self._translated(verb, error) from error

    def _translated(self, verb: str, error: sqlite3.Error) -> SdnError:
        code = _code(error)
        reason = f"cannot {verb} {self.path / _DATABASE}: {error}"
        remedies = {
            sqlite3.SQLITE_FULL: "Free disk space and try again; what was stored before is intact.",
            sqlite3.SQLITE_IOERR: "Check the disk, then restart the daemon.",
            sqlite3.SQLITE_BUSY: "Stop the other program that has the file open.",
            sqlite3.SQLITE_LOCKED: "Stop the other program that has the file open.",
            sqlite3.SQLITE_CANTOPEN: "Make the state directory and its files writable for this user.",
            sqlite3.SQLITE_READONLY: "Make the state directory and its files writable for this user.",
            sqlite3.SQLITE_PERM: "Make the state directory and its files writable for this user.",
        }
        if code in remedies:
            return Unavailable.of("", reason, remedies[code])
        return SdnError.of("", reason, _DAMAGE)


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code, 0 when the error did not come from it."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
