"""Snapshots: everything durable in one piece of bytes, made while the journal is in use, and what becomes of it.

A snapshot is a database of the same form as the journal's, with a SHA-256 over all records in its table meta. It is
never trusted: its form, its checksums and every record are checked before anything is done with it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path

from sdn.model.errors import InvalidInput, SdnError
from sdn.persist import schema
from sdn.persist.errors import damaged, file_errors, sqlite_errors
from sdn.persist.files import RESTORING, finish_restore, write_file
from sdn.persist.journal import Journal

MAX_BYTES = 2**30
"""Size of a snapshot that is read: it is held in memory, where its objects take several times as much."""

_MAGIC = b"SQLite format 3\0"
_DIGEST = "sha256"
_NAME = Path("the snapshot")
_REMEDY = "Give a file that 'sdnctl backup' made and that arrived whole, or an older one."

Records = dict[str, dict[str, str]]
Puts = Iterable[tuple[str, str, str]]


def take(file: Path) -> bytes:
    """A consistent snapshot of a database that this or another process may be writing. Raises SdnError.

    Writers do not wait for it. Memory: the size of the database, twice for a moment.
    """
    uri = f"{file.absolute().as_uri()}?mode=ro"
    with (
        sqlite_errors("back up", file),
        closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as source,
        closing(sqlite3.connect(":memory:", isolation_level=None)) as copy,
    ):
        source.backup(copy)
        digest = _digest(copy, schema.SCHEMA_VERSION, file)
        copy.execute("INSERT INTO meta VALUES (?, ?)", (_DIGEST, digest))
        return _plain(copy.serialize())


def read(data: bytes) -> Records:
    """The records of a snapshot by bucket and key; raises InvalidInput saying what is wrong with it."""
    records: Records = {}
    with _checked(data) as database:
        for bucket, key, value in schema.read_rows(database, schema.SCHEMA_VERSION, _NAME):
            records.setdefault(bucket, {})[key] = value
    return records


def replace(directory: Path, data: bytes, also: Puts = ()) -> None:
    """Make a snapshot the content of a state directory that no process uses; what was there is kept beside it.

    also: records (bucket, key, value) to be written over those of the snapshot. Raises SdnError with nothing changed.
    """
    with _checked(data) as database:
        rows = ((*put, schema.checksum(*put)) for put in also)
        database.executemany("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?)", rows)
        content = _plain(database.serialize())
    journal = Journal(directory)
    with file_errors("restore into", directory):
        journal.lock()
        try:
            write_file(directory / RESTORING, content)
            finish_restore(directory)
        finally:
            journal.close()


@contextmanager
def _checked(data: bytes) -> Iterator[sqlite3.Connection]:
    """A database in memory with the records of a sound snapshot, of the present version."""
    if len(data) > MAX_BYTES:
        raise InvalidInput.of(
            "snapshot", f"{len(data)} bytes are more than {MAX_BYTES}", "Copy it into an empty state directory."
        )
    if not data.startswith(_MAGIC) or len(data) < 512:
        raise InvalidInput.of("snapshot", "it is not a database", _REMEDY)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        try:
            with sqlite_errors("read", _NAME):
                _load(database, data)
                yield database
        except InvalidInput:
            raise
        except SdnError as error:
            first = error.violations[0]
            where = f"{first.field}: " if first.field else ""
            newer = first.remedy if "newer than" in first.reason else _REMEDY
            raise InvalidInput.of("snapshot", f"{where}{first.reason}", newer) from None


def _load(database: sqlite3.Connection, data: bytes) -> None:
    database.deserialize(_plain(data))
    # https://www.sqlite.org/security.html#untrusted_sqlite_database_files
    database.execute("PRAGMA trusted_schema = OFF")
    database.execute("PRAGMA cell_size_check = ON")
    version = schema.check(database, _NAME, thorough=True)
    told = database.execute("SELECT value FROM meta WHERE name = ?", (_DIGEST,)).fetchone()
    # A copy of a stopped daemon's file has none; the checksums of its records stand for themselves.
    if told is not None and told[0] != _digest(database, version, _NAME):
        raise damaged(_NAME, "its records are not those that were backed up")
    database.execute("DELETE FROM meta WHERE name = ?", (_DIGEST,))
    schema.migrate(database, version, _NAME)


def _digest(database: sqlite3.Connection, version: int, path: Path) -> bytes:
    """SHA-256 over all records, ordered by bucket and key."""
    digest = sha256()
    for row in schema.read_rows(database, version, path):
        for text in row:
            data = text.encode()
            digest.update(len(data).to_bytes(8, "big"))
            digest.update(data)
    return digest.digest()


def _plain(data: bytes) -> bytes:
    """The same database with its header saying that it has no write-ahead log, which one in memory cannot have.

    Bytes 18 and 19 (https://www.sqlite.org/fileformat2.html#file_format_version_numbers).
    """
    return data[:18] + b"\x01\x01" + data[20:]
