"""Versions of the database: every older one is brought to the present one, whatever happens on the way."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from sdn.model.errors import SdnError
from sdn.persist import Journal
from sdn.persist.schema import SCHEMA_VERSION
from sdn.store import Store

HERE = Path(__file__).parent
OLDER = range(1, SCHEMA_VERSION)


def state_of(version: int, path: Path) -> dict[str, dict[str, str]]:
    """A state directory as the program of that version left it; returns its records."""
    path.mkdir(mode=0o700)
    database = sqlite3.connect(path / "state.db", isolation_level=None)
    database.executescript((HERE / f"schema-{version}.sql").read_text(encoding="utf-8"))
    records: dict[str, dict[str, str]] = {}
    for bucket, key, value in database.execute("SELECT bucket, key, value FROM records"):
        records.setdefault(bucket, {})[key] = value
    database.close()
    return records


def fixed(database: sqlite3.Connection) -> Iterator[object]:
    for question in ("PRAGMA user_version", "PRAGMA application_id", "SELECT * FROM meta"):
        yield database.execute(question).fetchall()
    yield sorted(database.execute("SELECT type, name, sql FROM sqlite_schema").fetchall())


def form(path: Path) -> list[object]:
    database = sqlite3.connect(path / "state.db")
    try:
        return list(fixed(database))
    finally:
        database.close()


@pytest.mark.parametrize("version", OLDER)
def test_an_older_version_is_brought_to_the_present_one(version: int, tmp_path: Path) -> None:
    records = state_of(version, tmp_path / "old")
    for _ in range(2):
        with Journal(tmp_path / "old") as journal:
            assert journal.load() == records
    with Journal(tmp_path / "new"):
        pass
    assert form(tmp_path / "old") == form(tmp_path / "new")
    assert set(Store.load(records).objects) >= {"tenants/red", "tenants/red/ports/h1", "tenants/red/connections/c"}


@pytest.mark.parametrize("version", OLDER)
def test_a_copy_of_before_is_kept(version: int, tmp_path: Path) -> None:
    state_of(version, tmp_path / "old")
    database = sqlite3.connect(tmp_path / "old" / "state.db")
    before = list(database.iterdump())
    database.close()
    with Journal(tmp_path / "old") as journal:
        journal.commit([("x", "1", "one")], [])
    copy = tmp_path / "old" / f"state.db.schema-{version}"
    assert copy.stat().st_mode & 0o777 == 0o600
    database = sqlite3.connect(copy)
    assert list(database.iterdump()) == before
    database.close()


class Failing(sqlite3.Connection):
    """Fails at the statement with this number, counted from 0."""

    at = -1
    count = 0

    def execute(self, sql: str, *more: object) -> sqlite3.Cursor:
        cls = type(self)
        cls.count += 1
        if cls.count - 1 == cls.at:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        return super().execute(sql, *more)  # type: ignore[arg-type]


def failure_of(path: Path) -> SdnError | None:
    try:
        with Journal(path, Failing):
            return None
    except SdnError as error:
        return error


@pytest.mark.parametrize("version", OLDER)
def test_a_migration_that_fails_at_any_statement_leaves_the_old_one(version: int, tmp_path: Path) -> None:
    at, failures = 0, 0
    while True:
        path = tmp_path / str(at)
        records = state_of(version, path)
        before = form(path)
        Failing.at, Failing.count = at, 0
        error = failure_of(path)
        if error is None:
            break
        failures += 1
        assert "Free disk space" in str(error)
        assert form(path) == before
        with Journal(path) as journal:
            assert journal.load() == records
        at += 1
    assert failures > 5


def test_every_older_version_has_its_fixture() -> None:
    assert {path.name for path in HERE.glob("schema-*.sql")} == {f"schema-{version}.sql" for version in OLDER}


def change(path: Path, *statements: str) -> None:
    database = sqlite3.connect(path / "state.db", isolation_level=None)
    for statement in statements:
        database.execute(statement)
    database.close()


@pytest.mark.parametrize("statement", [f"PRAGMA user_version = {SCHEMA_VERSION + 1}", "UPDATE meta SET value = 99"])
def test_a_newer_version_is_refused_with_a_remedy(statement: str, tmp_path: Path) -> None:
    with Journal(tmp_path):
        pass
    change(tmp_path, statement)
    before = (tmp_path / "state.db").read_bytes()
    with pytest.raises(SdnError, match="newer than") as caught:
        Journal(tmp_path).open()
    assert "Run the version" in caught.value.violations[0].remedy
    assert "backup" in caught.value.violations[0].remedy
    assert (tmp_path / "state.db").read_bytes() == before


@pytest.mark.parametrize(
    "statement",
    [
        "PRAGMA user_version = 1",
        "CREATE TABLE more(a)",
        "CREATE TRIGGER t AFTER INSERT ON records BEGIN DELETE FROM records; END",
        "CREATE VIEW v AS SELECT * FROM records",
        "ALTER TABLE records ADD COLUMN more",
        "DROP TABLE records",
    ],
)
def test_another_form_is_refused(statement: str, tmp_path: Path) -> None:
    with Journal(tmp_path):
        pass
    change(tmp_path, statement)
    with pytest.raises(SdnError, match=r"state\.db") as caught:
        Journal(tmp_path).open()
    assert "restore" in caught.value.violations[0].remedy.lower()
