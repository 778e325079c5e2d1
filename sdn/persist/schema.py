"""The form of the database, version by version, and the checks that it has this form.

Version 1: records without checksums; the version stands in the table meta alone.
Version 2: a checksum in every record; PRAGMA user_version says the same as the table meta, which stays so that
older programs can tell that the file is newer than they are.

To add a version: raise SCHEMA_VERSION, add its tables to _TABLES and its step to _STEPS, and keep a database of the
version before as SQL text among the tests. Steps run in one transaction each; they see a sound database.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from sdn.model.errors import SdnError
from sdn.persist.errors import DAMAGE, damaged

SCHEMA_VERSION = 2
APPLICATION_ID = 0x53444E31
"""Marks the file as ours (https://www.sqlite.org/pragma.html#pragma_application_id)."""

_META = "CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID"
_RECORDS_1 = """CREATE TABLE records(
    bucket TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (bucket, key)
) WITHOUT ROWID"""
_RECORDS_2 = """CREATE TABLE records(
    bucket TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, crc INTEGER NOT NULL, PRIMARY KEY (bucket, key)
) WITHOUT ROWID"""
_TABLES: dict[int, dict[str, str]] = {
    1: {"meta": _META, "records": _RECORDS_1},
    2: {"meta": _META, "records": _RECORDS_2},
}

Rows = Iterator[tuple[str, str, str]]


def create(database: sqlite3.Connection) -> None:
    """Make an empty database of the present version, in one transaction."""
    database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    database.execute("BEGIN")
    for sql in _TABLES[SCHEMA_VERSION].values():
        database.execute(sql)
    database.execute("INSERT INTO meta VALUES ('schema', ?)", (SCHEMA_VERSION,))
    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    database.execute("COMMIT")


def checksum(bucket: str, key: str, value: str) -> int:
    """CRC-32 of a record; raises UnicodeEncodeError for text that cannot be stored."""
    return zlib.crc32(f"{bucket}\0{key}\0{value}".encode())


def check(database: sqlite3.Connection, path: Path, *, thorough: bool = False) -> int:
    """The version of a sound database of ours; raises SdnError naming what is wrong. path: to name it.

    Reads the whole file. thorough: looks at the order of keys as well (integrity_check instead of quick_check).
    """
    if database.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise damaged(path, "it was not written by this program")
    found = database.execute(f"PRAGMA {'integrity' if thorough else 'quick'}_check(1)").fetchone()[0]
    if found != "ok":
        raise damaged(path, f"the database is damaged: {found}")
    version = _version(database, path)
    tables = dict(database.execute("SELECT name, sql FROM sqlite_schema").fetchall())
    if tables != _TABLES[version]:
        raise damaged(path, f"its tables are not those of schema version {version}")
    return version


def _version(database: sqlite3.Connection, path: Path) -> int:
    row = None
    if database.execute("SELECT 1 FROM sqlite_schema WHERE name = 'meta' AND sql = ?", (_META,)).fetchone():
        row = database.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone()
    version = row[0] if row else None
    if not isinstance(version, int) or version < 1:
        raise damaged(path, "it has no schema version")
    stamped = database.execute("PRAGMA user_version").fetchone()[0]
    if max(version, stamped) > SCHEMA_VERSION:
        raise SdnError.of(
            "",
            f"{path}: it has schema version {max(version, stamped)}, newer than {SCHEMA_VERSION}",
            "Run the version of the program that wrote it, or restore a backup from before the upgrade.",
        )
    if stamped != (version if version > 1 else 0):
        raise damaged(path, f"its schema version is {version} in one place and {stamped} in another")
    return version


def migrate(database: sqlite3.Connection, version: int, path: Path) -> None:
    """Bring a checked database of an older version to the present one, version by version.

    Each step is one transaction: after a crash the database has the version before or the one behind it.
    """
    for following in range(version + 1, SCHEMA_VERSION + 1):
        database.execute("BEGIN IMMEDIATE")
        try:
            _STEPS[following](database, path)
            database.execute("UPDATE meta SET value = ? WHERE name = 'schema'", (following,))
            database.execute(f"PRAGMA user_version = {following}")
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise


def _add_checksums(database: sqlite3.Connection, path: Path) -> None:
    """Version 1 to 2."""
    rows = list(read_rows(database, 1, path))
    database.execute("DROP TABLE records")
    database.execute(_RECORDS_2)
    database.executemany("INSERT INTO records VALUES (?, ?, ?, ?)", ((*row, checksum(*row)) for row in rows))


_STEPS: dict[int, Callable[[sqlite3.Connection, Path], None]] = {2: _add_checksums}
"""By the version to which a step leads."""


def read_rows(database: sqlite3.Connection, version: int, path: Path) -> Rows:
    """All records (bucket, key, value) ordered by bucket and key; raises SdnError naming a damaged one."""
    crc = "crc" if version > 1 else "NULL"
    # As bytes, so that one that is no text can be named.
    factory, database.text_factory = database.text_factory, bytes
    try:
        query = f"SELECT bucket, key, value, typeof(value), {crc} FROM records ORDER BY bucket, key"
        for bucket, key, value, kind, check in database.execute(query):
            # What is empty or a number is no bytes: damage, which the comparison finds.
            parts = [part if isinstance(part, bytes) else str(part).encode() for part in (bucket, key, value)]
            if kind != b"text" or (version > 1 and zlib.crc32(b"\0".join(parts)) != check):
                raise _damaged_record(path, parts, "it is not what was written")
            try:
                yield parts[0].decode(), parts[1].decode(), parts[2].decode()
            except UnicodeDecodeError:
                raise _damaged_record(path, parts, "it is not text") from None
    finally:
        database.text_factory = factory


def _damaged_record(path: Path, parts: list[bytes], reason: str) -> SdnError:
    bucket, key = (part.decode(errors="replace") for part in parts[:2])
    return SdnError.of(f"{bucket[:80]}[{key[:200]}]", f"{path}: the stored record is damaged: {reason}", DAMAGE)
