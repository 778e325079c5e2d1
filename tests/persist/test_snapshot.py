"""Snapshots: whole and checked, or refused; a restore that survives a crash between any two steps."""

from __future__ import annotations

import random
import shutil
import sqlite3
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from sdn.model.errors import InvalidInput, Unavailable
from sdn.persist import Journal, files, snapshot

HERE = Path(__file__).parent


def filled(path: Path, text: str = "value") -> bytes:
    with Journal(path) as journal:
        journal.commit([("data", str(n), f"{text} {n} " * 20) for n in range(200)], [])
        return snapshot.take(journal.file)


def test_a_snapshot_holds_every_record(tmp_path: Path) -> None:
    data = filled(tmp_path)
    with Journal(tmp_path) as journal:
        assert snapshot.read(data) == journal.load()


def test_a_snapshot_taken_while_writing_is_one_moment(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.commit([("n", str(i), "0") for i in range(50)], [])
        done = threading.Event()

        def write() -> None:
            for turn in range(1, 100):
                journal.commit([("n", str(i), str(turn)) for i in range(50)], [])
            done.set()

        writer = threading.Thread(target=write)
        writer.start()
        moments = []
        while not done.is_set():
            found = snapshot.read(snapshot.take(journal.file))["n"]
            assert len(found) == 50
            assert len(set(found.values())) == 1
            moments.append(int(found["0"]))
        writer.join()
        assert moments == sorted(moments)


def outcome(data: bytes) -> dict[str, dict[str, str]] | InvalidInput:
    try:
        return snapshot.read(data)
    except InvalidInput as error:
        return error


def test_damage_of_a_snapshot_is_always_found_or_harmless(tmp_path: Path) -> None:
    data = filled(tmp_path)
    whole = snapshot.read(data)
    choose = random.Random(1)
    for _ in range(200):
        damaged = bytearray(data)
        if choose.random() < 0.3:
            del damaged[choose.randrange(len(data)) :]
        else:
            damaged[choose.randrange(len(data))] ^= 1 << choose.randrange(8)
        found = outcome(bytes(damaged))
        assert found == whole or isinstance(found, InvalidInput)


@pytest.mark.parametrize("data", [b"", b"x" * 5000, b"SQLite format 3\0", b"SQLite format 3\0" + bytes(5000)])
def test_what_is_no_snapshot(data: bytes) -> None:
    with pytest.raises(InvalidInput, match="snapshot"):
        snapshot.read(data)


def test_a_missing_record_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "s.db").write_bytes(filled(tmp_path / "state"))
    database = sqlite3.connect(tmp_path / "s.db", isolation_level=None)
    database.execute("DELETE FROM records WHERE key = '7'")
    database.close()
    with pytest.raises(InvalidInput, match="not those that were backed up"):
        snapshot.read((tmp_path / "s.db").read_bytes())


def test_a_file_of_an_older_version_is_read(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "old.db", isolation_level=None)
    database.executescript((HERE / "schema-1.sql").read_text(encoding="utf-8"))
    database.close()
    assert "tenants/red" in snapshot.read((tmp_path / "old.db").read_bytes())["objects"]


def test_a_replaced_state_is_kept_beside(tmp_path: Path) -> None:
    data = filled(tmp_path / "a", "old")
    filled(tmp_path / "b", "new")
    before = (tmp_path / "b" / "state.db").read_bytes()
    snapshot.replace(tmp_path / "b", data, [("data", "more", "x")])
    assert (tmp_path / "b" / files.REPLACED).read_bytes() == before
    with Journal(tmp_path / "b") as journal:
        assert journal.load()["data"] == {**snapshot.read(data)["data"], "more": "x"}
        with pytest.raises(Unavailable, match="in use"):
            snapshot.replace(tmp_path / "b", data)
    snapshot.replace(tmp_path / "fresh", data)
    with Journal(tmp_path / "fresh") as journal:
        assert journal.load() == snapshot.read(data)
    assert {file.stat().st_mode & 0o077 for file in (tmp_path / "fresh").iterdir()} == {0}


@pytest.mark.parametrize("at", range(8))
def test_a_restore_that_was_cut_off_is_completed_by_the_next_start(
    at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = filled(tmp_path / "a", "old")
    state = tmp_path / "b"
    filled(state, "new")
    with Journal(state) as journal:
        present = journal.load()
        journal.commit([], [])
        shutil.copytree(state, tmp_path / "c")  # with a log, as after kill -9
    state = tmp_path / "c"
    calls = 0

    class CutError(BaseException):
        pass

    def cut(path: Path) -> None:
        nonlocal calls
        calls += 1
        if calls > at:
            raise CutError

    with monkeypatch.context() as patch:
        for name in ("rename", "unlink"):
            original = getattr(Path, name)

            def step(self: Path, *args: object, original: object = original, **more: object) -> object:
                cut(self)
                return original(self, *args, **more)  # type: ignore[operator]

            patch.setattr(Path, name, step)
        with suppress(CutError):
            snapshot.replace(state, data)
    with Journal(state) as journal:
        assert journal.load() in (present, snapshot.read(data))
    if (state / files.REPLACED).exists():
        with Journal(state) as journal:
            assert journal.load() == snapshot.read(data)
