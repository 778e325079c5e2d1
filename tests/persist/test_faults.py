"""Faults of the storage at every statement of a series of writes: each is all there or not at all."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sdn.model.errors import SdnError, StorageFull, WriteRefused
from sdn.persist import Journal

Records = dict[str, dict[str, str]]


class Faulty(sqlite3.Connection):
    """Fails with ``code`` at the step with the number ``at``, from 0: a statement, or a record of a list of them."""

    at = -1
    count = 0
    code = sqlite3.SQLITE_FULL

    def _step(self) -> None:
        cls = type(self)
        cls.count += 1
        if cls.count - 1 == cls.at:
            error = sqlite3.OperationalError("a fault of the test")
            error.sqlite_errorcode = cls.code
            raise error

    def execute(self, sql: str, *more: Any) -> sqlite3.Cursor:
        self._step()
        return super().execute(sql, *more)

    def executemany(self, sql: str, rows: Iterable[Any]) -> sqlite3.Cursor:
        def stepping() -> Iterator[Any]:
            for row in rows:
                self._step()
                yield row

        return super().executemany(sql, stepping())


def write(journal: Journal, turn: int) -> None:
    puts = [("data", str(n), str(turn)) for n in range(5)] + [("mark", str(turn), "x")]
    journal.commit(puts, [("mark", str(turn - 1))])


def state(turn: int) -> Records:
    return {"data": {str(n): str(turn) for n in range(5)}, "mark": {str(turn): "x"}}


@contextmanager
def failing(at: int, code: int) -> Iterator[None]:
    Faulty.at, Faulty.count, Faulty.code = at, 0, code
    try:
        yield
    finally:
        Faulty.at = -1


def attempt(journal: Journal, turn: int, at: int, code: int) -> SdnError | None:
    try:
        with failing(at, code):
            write(journal, turn)
    except SdnError as error:
        return error
    return None


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_FULL, StorageFull),
        (sqlite3.SQLITE_IOERR_WRITE, WriteRefused),
        (sqlite3.SQLITE_BUSY, WriteRefused),
        (sqlite3.SQLITE_READONLY, WriteRefused),
    ],
)
def test_a_refused_write_leaves_what_was_there_and_the_next_one_works(
    code: int, kind: type[WriteRefused], tmp_path: Path
) -> None:
    with Journal(tmp_path, Faulty) as journal:
        write(journal, 1)
        turn, at, refused = 1, 0, 0
        while (error := attempt(journal, turn + 1, at, code)) is not None:
            assert type(error) is kind
            assert "intact" in error.violations[0].remedy
            assert journal.load() == state(turn)
            write(journal, turn + 1)
            turn, at, refused = turn + 1, at + 1, refused + 1
        assert journal.load() == state(turn + 1)
    assert refused > 8
    with Journal(tmp_path) as journal:
        assert journal.load() == state(turn + 1)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_CORRUPT])
def test_doubt_closes_the_journal(code: int, tmp_path: Path) -> None:
    for at in range(9):
        with Journal(tmp_path / str(at), Faulty) as journal:
            write(journal, 1)
            error = attempt(journal, 2, at, code)
            assert error is not None
            assert not isinstance(error, WriteRefused)
            assert "not known" in str(error)
            with pytest.raises(SdnError, match="not open"):
                write(journal, 2)
        with Journal(tmp_path / str(at)) as journal:
            assert journal.load() == state(1)


KILLS = """
import os, signal, sqlite3, sys
from pathlib import Path
from sdn.persist import Journal

class Killing(sqlite3.Connection):
    left = 0
    def step(self):
        Killing.left -= 1
        if Killing.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    def execute(self, sql, *more):
        self.step()
        done = super().execute(sql, *more)
        self.step()
        return done
    def executemany(self, sql, rows):
        def stepping():
            for row in rows:
                self.step()
                yield row
        return super().executemany(sql, stepping())

def child(path, at, out):
    journal = Journal(path, Killing)
    journal.open()
    Killing.left = at
    for turn in range(1, 4):
        puts = [("data", str(n), str(turn)) for n in range(5)] + [("mark", str(turn), "x")]
        journal.commit(puts, [("mark", str(turn - 1))])
        os.write(out, b".")
    os._exit(0)

points = 0
for at in range(1, 200):
    path = Path(sys.argv[1]) / str(at)
    source, out = os.pipe()
    pid = os.fork()
    if pid == 0:
        child(path, at, out)
    os.close(out)
    _, status = os.waitpid(pid, 0)
    done = len(os.read(source, 100))
    os.close(source)
    def state(turn):
        if not turn:
            return {}
        return {"data": {str(n): str(turn) for n in range(5)}, "mark": {str(turn): "x"}}
    with Journal(path) as journal:
        found = journal.load()
    assert found in (state(done), state(done + 1)), (at, done, found)
    if not os.WIFSIGNALED(status):
        break
    points += 1
print(points)
"""


def test_a_process_killed_at_every_step_leaves_all_or_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLS, str(tmp_path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 30


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte, with root alone."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    path = tmp_path / "disk"
    path.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", str(path)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("cannot mount a tmpfs here")
    try:
        yield path
    finally:
        subprocess.run(["umount", str(path)], check=True)


def fill(journal: Journal, stored: dict[str, str]) -> StorageFull:
    """Writes until there is no room; notes what was written."""
    for number in range(1000):
        try:
            journal.commit([("data", str(number), "x" * 5000)], [])
        except StorageFull as error:
            return error
        stored[str(number)] = "x" * 5000
    raise AssertionError("there is always room")


def test_a_disk_that_is_really_full(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(400_000))
    stored: dict[str, str] = {}
    with Journal(small_disk / "state") as journal:
        error = fill(journal, stored)
        assert "Free disk space" in str(error)
        assert journal.load() == {"data": stored}
        with pytest.raises(StorageFull):
            journal.commit([("data", str(n), "y" * 50_000) for n in range(20)], [])
        assert journal.load() == {"data": stored}
        ballast.unlink()
        journal.commit([("data", "late", "x" * 5000)], [])
        stored["late"] = "x" * 5000
    with Journal(small_disk / "state") as journal:
        assert journal.load() == {"data": stored}
