"""The embedded journal: one SQLite database in a state directory that a lock keeps to one process.

The database is in WAL mode with synchronous=FULL, so that a commit that returned survives a loss of power
(https://www.sqlite.org/pragma.html#pragma_synchronous). A new database is made under another name and renamed when it
is complete; therefore an empty or half-made ``state.db`` is always damage and never taken for a fresh start. Before
anything is written the file is checked through a connection that cannot write, so a damaged one stays as it is.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from sdn.model.errors import SdnError, Unavailable
from sdn.persist import schema
from sdn.persist.errors import damaged, file_errors, leaves_doubt, sqlite_errors
from sdn.persist.files import DATABASE, LOCK, copy_database, empty_file, finish_restore, sync_directory
from sdn.persist.schema import SCHEMA_VERSION

BUSY_SECONDS = 5.0
"""How long a write waits for a program that has the file locked against the advice of our own lock."""

_PUT = (
    "INSERT INTO records VALUES (?, ?, ?, ?) "
    "ON CONFLICT (bucket, key) DO UPDATE SET value = excluded.value, crc = excluded.crc"
)
_DELETE = "DELETE FROM records WHERE bucket = ? AND key = ?"


class Journal:
    """Records of a state directory. Calls block on the disk; they may come from any thread, but one at a time.

    ``file`` alone may be read while another call is under way.
    """

    def __init__(self, path: Path | str, factory: type[sqlite3.Connection] = sqlite3.Connection) -> None:
        """path: the state directory. factory: class of connections, for tests. Nothing happens before ``open``."""
        self.path = Path(path)
        self.file = self.path / DATABASE
        self._factory = factory
        self._lock: int | None = None
        self._database: sqlite3.Connection | None = None

    def open(self) -> None:
        """Lock the directory (made with mode 0700 if it is not there) and open or make the database.

        A database of an older version is copied to ``state.db.schema-N`` and brought to the present one.
        Raises Unavailable when another process holds it or the directory cannot be written, SdnError when the database
        is damaged, foreign, or written by a newer version. After an error nothing is held.
        """
        if self._database is not None:
            raise RuntimeError("the journal is open already")
        try:
            with file_errors("open the state directory", self.path):
                self.lock()
                finish_restore(self.path)
                self._create_if_missing()
                self.file.chmod(0o600)  # SQLite gives its other files the same mode
            with sqlite_errors("open", self.file):
                version = self._examine()
                self._database = self._connect(version)
        except BaseException:
            self.close()
            raise

    def lock(self) -> None:
        """Take the state directory for this process, without looking at the database; ``close`` lets go of it."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = self._take_lock()

    def _take_lock(self) -> int:
        descriptor = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
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
        if self.file.exists():
            return
        log = self.path / f"{DATABASE}-wal"
        if log.exists() and log.stat().st_size > 0:
            raise damaged(self.file, "it is missing beside its write-ahead log")
        fresh = self.path / f"{DATABASE}.new"
        empty_file(fresh)
        with sqlite_errors("create", self.file):
            database = sqlite3.connect(fresh, isolation_level=None)
            try:
                database.execute("PRAGMA synchronous = FULL")
                schema.create(database)
            finally:
                database.close()
        fresh.rename(self.file)
        sync_directory(self.path)

    def _examine(self) -> int:
        """Check everything without writing, keep a copy of what is about to be migrated; returns the version."""
        if self.file.stat().st_size == 0:
            raise damaged(self.file, "it is empty")
        uri = f"{self.file.absolute().as_uri()}?mode=ro"
        database = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_SECONDS)
        try:
            version = schema.check(database, self.file)
            if version < SCHEMA_VERSION:
                with file_errors("back up", self.file):
                    copy_database(database, self.path / f"{DATABASE}.schema-{version}")
        finally:
            database.close()
        return version

    def _connect(self, version: int) -> sqlite3.Connection:
        database = sqlite3.connect(
            self.file, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS, factory=self._factory
        )
        try:
            if database.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
                raise SdnError.of("", f"{self.file}: no write-ahead log can be kept", "Use a local file system.")
            database.execute("PRAGMA synchronous = FULL")
            schema.migrate(database, version, self.file)
        except BaseException:
            database.close()
            raise
        return database

    def load(self) -> dict[str, dict[str, str]]:
        """All records by bucket and key; raises SdnError naming a damaged one."""
        records: dict[str, dict[str, str]] = {}
        with sqlite_errors("read", self.file):
            for bucket, key, value in schema.read_rows(self._opened(), SCHEMA_VERSION, self.file):
                records.setdefault(bucket, {})[key] = value
        return records

    def commit(self, puts: Iterable[tuple[str, str, str]], deletes: Iterable[tuple[str, str]]) -> None:
        """Delete and then write records (bucket, key[, value]) in one transaction; durable when it returns.

        Raises WriteRefused with nothing written, after which the journal works on. Raises another SdnError when it is
        not known what is on the disk: the journal then closes, and a new process must load what is really there.
        """
        database = self._opened()
        with sqlite_errors("write", self.file):
            try:
                database.execute("BEGIN IMMEDIATE")
                database.executemany(_DELETE, deletes)
                database.executemany(_PUT, ((*put, schema.checksum(*put)) for put in puts))
                database.execute("COMMIT")
            except BaseException as error:
                self._roll_back(database, error)
                raise

    def _roll_back(self, database: sqlite3.Connection, error: BaseException) -> None:
        """Undo what a failed commit has begun; closes, and raises Unavailable, when that is not certain to be done."""
        doubt: BaseException | None = error if isinstance(error, sqlite3.Error) and leaves_doubt(error) else None
        try:
            if database.in_transaction:
                database.execute("ROLLBACK")
        except sqlite3.Error as second:
            doubt = second
        if doubt is None:
            return
        with suppress(SdnError):
            self.close()
        raise Unavailable.of(
            "",
            f"cannot write {self.file}: {doubt}; whether the write took effect is not known",
            "Check the disk, then restart the daemon; it shows what is really stored.",
        ) from error

    def close(self) -> None:
        """Close the database and let go of the directory; nothing happens if that was done."""
        database, self._database = self._database, None
        lock, self._lock = self._lock, None
        try:
            if database is not None:
                with sqlite_errors("close", self.file):
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
