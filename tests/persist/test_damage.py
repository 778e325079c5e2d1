"""Damaged files: a clear error that names file and remedy, never another state, and nothing is overwritten."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from sdn.model.errors import SdnError
from sdn.persist import Journal

Records = dict[str, dict[str, str]]

KILLED = """
import os, signal, sys
from sdn.persist import Journal
journal = Journal(sys.argv[1])
journal.open()
for n in range(40):
    journal.commit([("late", f"{n}-{i}", "w" * 100) for i in range(5)], [("data", str(n))])
os.kill(os.getpid(), signal.SIGKILL)
"""


def filled(path: Path) -> Records:
    with Journal(path) as journal:
        journal.commit([("data", str(n), f"value {n} " * 20) for n in range(400)], [])
        return journal.load()


def killed(path: Path) -> Records:
    """The same with much in the write-ahead log, as kill -9 leaves it."""
    filled(path)
    subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False, timeout=60)
    copy = path.with_name("copy")
    shutil.copytree(path, copy)
    with Journal(copy) as journal:
        return journal.load()


def contents(path: Path) -> dict[str, bytes]:
    """What must not change: the database and its log, if anything is in it."""
    files = {name: path / name for name in ("state.db", "state.db-wal")}
    return {name: data for name, file in files.items() if file.exists() and (data := file.read_bytes())}


def outcome(path: Path) -> Records | SdnError:
    """What a start makes of it."""
    try:
        with Journal(path) as journal:
            return journal.load()
    except SdnError as error:
        return error


def told(error: SdnError, path: Path) -> None:
    assert str(path / "state.db") in str(error)
    assert "Restore a backup with 'sdnd --restore FILE'" in error.violations[0].remedy


@pytest.mark.parametrize("width", [1, 8, 300])
def test_flipped_bytes_are_found_or_harmless(width: int, tmp_path: Path) -> None:
    """Damage of one bit, a word, a sector anywhere: either the records are all there as they were, or it is told."""
    choose = random.Random(width)
    original = tmp_path / "original"
    expected = filled(original)
    sound = (original / "state.db").read_bytes()
    found = 0
    for _ in range(150):
        path = tmp_path / "damaged"
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        data = bytearray(sound)
        at = choose.randrange(len(data) - width)
        for place in range(at, at + width):
            data[place] ^= 1 << choose.randrange(8) if width == 1 else choose.randrange(1, 256)
        (path / "state.db").write_bytes(data)
        result = outcome(path)
        if isinstance(result, SdnError):
            found += 1
            assert result.violations[0].remedy
            assert (path / "state.db").read_bytes() == data, "what is damaged must not be touched"
        else:
            assert result == expected
    assert found > 75


@pytest.mark.parametrize("pages", [0.0, 0.1, 1.5, 4.0, 10.2])
def test_a_truncated_file_is_refused_and_left_alone(pages: float, tmp_path: Path) -> None:
    filled(tmp_path)
    file = tmp_path / "state.db"
    file.write_bytes(file.read_bytes()[: int(pages * 4096)])
    before = contents(tmp_path)
    for _ in range(2):
        error = outcome(tmp_path)
        assert isinstance(error, SdnError)
        told(error, tmp_path)
        assert contents(tmp_path) == before


def test_damage_beside_a_log_leaves_both_alone(tmp_path: Path) -> None:
    """The log of a killed daemon is the last good state; opening a damaged file must not use it up."""
    path = tmp_path / "state"
    killed(path)
    file = path / "state.db"
    data = bytearray(file.read_bytes())
    for page in range(2, len(data) // 4096):
        data[page * 4096 + 8 : page * 4096 + 60] = bytes(52)
    file.write_bytes(data)
    before = contents(path)
    assert set(before) == {"state.db", "state.db-wal"}
    for _ in range(2):
        error = outcome(path)
        assert isinstance(error, SdnError)
        told(error, path)
        assert contents(path) == before


def test_a_torn_log_ends_where_it_is_torn(tmp_path: Path) -> None:
    """Whole commits up to the damage, as after a loss of power; never a part of one."""
    path = tmp_path / "state"
    killed(path)
    log = (path / "state.db-wal").read_bytes()
    choose = random.Random(4)
    for _ in range(25):
        copy = tmp_path / "torn"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(path, copy)
        (copy / "state.db-wal").write_bytes(log[: choose.randrange(len(log))])
        result = outcome(copy)
        assert not isinstance(result, SdnError)
        late = {key.partition("-")[0] for key in result.get("late", {})}
        assert late == {str(n) for n in range(len(late))}
        assert all(f"{n}-{i}" in result["late"] for n in late for i in range(5))
        assert not late & result["data"].keys()


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    filled(tmp_path)
    database = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    database.execute("UPDATE records SET value = 'other' WHERE key = '77'")
    database.close()
    error = outcome(tmp_path)
    assert isinstance(error, SdnError)
    assert error.violations[0].field == "data[77]"
    told(error, tmp_path)


def test_another_program_s_database_is_refused(tmp_path: Path) -> None:
    filled(tmp_path)
    database = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    database.execute("PRAGMA application_id = 7")
    database.close()
    error = outcome(tmp_path)
    assert isinstance(error, SdnError)
    told(error, tmp_path)
    assert "not written by this program" in str(error)


def test_modes_are_narrowed(tmp_path: Path) -> None:
    filled(tmp_path)
    (tmp_path / "state.db").chmod(0o644)
    with Journal(tmp_path) as journal:
        journal.commit([("x", "1", "one")], [])
        assert {file.stat().st_mode & 0o077 for file in tmp_path.iterdir()} == {0}


def test_a_file_that_another_program_locks_is_refused_for_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sdn.model.errors import WriteRefused
    from sdn.persist import journal as module

    monkeypatch.setattr(module, "BUSY_SECONDS", 0.0)
    with Journal(tmp_path) as journal:
        other = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(WriteRefused, match="Stop the other program"):
            journal.commit([("x", "1", "one")], [])
        other.close()
        journal.commit([("x", "2", "two")], [])
        assert journal.load() == {"x": {"2": "two"}}
