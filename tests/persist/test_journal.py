import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from sdn.model.errors import SdnError, Unavailable
from sdn.persist import Journal
from sdn.persist.journal import SCHEMA_VERSION


def test_records_survive_reopening(tmp_path: Path) -> None:
    with Journal(tmp_path / "a" / "b") as journal:
        assert journal.load() == {}
        journal.commit([("x", "1", "one"), ("x", "2", "zwei \u00fc"), ("y", "1", "{}")], [])
        journal.commit([("x", "1", "uno")], [("y", "1"), ("y", "not there")])
    with Journal(tmp_path / "a" / "b") as journal:
        assert journal.load() == {"x": {"1": "uno", "2": "zwei \u00fc"}}


def test_a_record_deleted_and_put_in_one_commit_stays(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.commit([("x", "1", "one")], [])
        journal.commit([("x", "1", "two")], [("x", "1")])
        assert journal.load() == {"x": {"1": "two"}}


def test_files_are_private(tmp_path: Path) -> None:
    path = tmp_path / "state"
    with Journal(path) as journal:
        journal.commit([("x", "1", "one")], [])
        assert path.stat().st_mode & 0o777 == 0o700
        assert {file.stat().st_mode & 0o077 for file in path.iterdir()} == {0}


def test_it_is_as_durable_as_promised(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        database = journal._opened()
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert database.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_second_opener_is_told_who_has_it(tmp_path: Path) -> None:
    with Journal(tmp_path):
        with pytest.raises(Unavailable) as caught:
            Journal(tmp_path).open()
        text = str(caught.value)
        assert f"process {os.getpid()}" in text
        assert str(tmp_path) in text
        assert caught.value.violations[0].remedy
    Journal(tmp_path).open()


def test_another_process_is_refused_until_this_one_is_gone(tmp_path: Path) -> None:
    child = _child(tmp_path, "print('ready', flush=True); sys.stdin.read()")
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    with pytest.raises(Unavailable, match=f"process {child.pid}"):
        Journal(tmp_path).open()
    child.kill()
    child.wait()
    with Journal(tmp_path) as journal:
        assert journal.load() == {}


def _child(path: Path, code: str) -> subprocess.Popen[str]:
    program = f"import sys\nfrom sdn.persist import Journal\nj = Journal({str(path)!r})\nj.open()\n{code}"
    return subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


WRITER = """
turn = int(j.load().get("turn", {"n": "0"})["n"])
while True:
    turn += 1
    puts = [("data", f"{i}", str(turn)) for i in range(200)] + [("turn", "n", str(turn))]
    deletes = [("mark", str(turn - 1))]
    j.commit(puts + [("mark", str(turn), "x")], deletes)
    print(turn, flush=True)
"""


def test_kill_in_the_midst_of_commits_leaves_all_or_nothing(tmp_path: Path) -> None:
    reported = 0
    for lines in (1, 2, 3, 5, 8, 13):
        child = _child(tmp_path, WRITER)
        assert child.stdout is not None
        for _ in range(lines):
            reported = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        reported = max([reported, *(int(line) for line in child.stdout.read().split("\n")[:-1])])
        child.wait()
        with Journal(tmp_path) as journal:
            records = journal.load()
        turn = records["turn"]["n"]
        assert int(turn) in (reported, reported + 1)
        assert records["data"] == {f"{i}": turn for i in range(200)}
        assert records["mark"] == {turn: "x"}


def test_a_failing_commit_changes_nothing(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.commit([("x", "1", "one")], [])
        with pytest.raises(sqlite3.IntegrityError):
            journal.commit([("x", "2", "two"), ("x", "3", None)], [("x", "1")])  # type: ignore[list-item]
        with pytest.raises(UnicodeEncodeError):
            journal.commit([("x", "2", "two"), ("x", "3", "\ud800")], [("x", "1")])
        assert journal.load() == {"x": {"1": "one"}}
        journal.commit([("x", "4", "four")], [])
        assert journal.load() == {"x": {"1": "one", "4": "four"}}


def test_a_full_disk_is_reported_and_harmless(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.commit([("x", "1", "one")], [])
        journal._opened().execute("PRAGMA max_page_count = 10")
        with pytest.raises(Unavailable, match=r"full.*Free disk space"):
            journal.commit([("x", str(i), "y" * 1000) for i in range(1000)], [("x", "1")])
        assert journal.load() == {"x": {"1": "one"}}
        journal.commit([("x", "2", "two")], [])
    with Journal(tmp_path) as journal:
        assert journal.load() == {"x": {"1": "one", "2": "two"}}


FULL = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
j.commit([("x", "1", "one")], [])
resource.setrlimit(resource.RLIMIT_FSIZE, (64000, 64000))
from sdn.model.errors import Unavailable
try:
    j.commit([("x", str(i), "y" * 1000) for i in range(1000)], [("x", "1")])
except Unavailable as error:
    print(error.violations[0].remedy)
try:
    j.commit([("x", "2", "z" * 100000)], [])
except Unavailable as error:
    print("refused")
"""


def test_a_disk_that_refuses_writes_keeps_what_was_stored(tmp_path: Path) -> None:
    child = _child(tmp_path, FULL)
    out, _ = child.communicate(timeout=60)
    lines = out.splitlines()
    assert len(lines) == 2
    assert "disk" in lines[0]
    assert lines[1] == "refused"
    with Journal(tmp_path) as journal:
        assert journal.load() == {"x": {"1": "one"}}


def _filled(path: Path) -> Path:
    with Journal(path) as journal:
        journal.commit([("x", str(i), "v" * 200) for i in range(500)], [])
    return path / "state.db"


def _refused(path: Path, reason: str) -> None:
    """Opening fails with this reason and a remedy, the file stays as it is, and the lock is free again."""
    before = {file.name: file.read_bytes() for file in path.iterdir() if file.name == "state.db"}
    for _ in range(2):
        with pytest.raises(SdnError, match=reason) as caught:
            Journal(path).open()
        assert str(path) in str(caught.value)
        assert caught.value.violations[0].remedy
    assert {file.name: file.read_bytes() for file in path.iterdir() if file.name == "state.db"} == before


def test_an_empty_file_is_not_a_fresh_start(tmp_path: Path) -> None:
    _filled(tmp_path).write_bytes(b"")
    _refused(tmp_path, "empty")


def test_garbage_is_refused(tmp_path: Path) -> None:
    _filled(tmp_path).write_bytes(b"garbage " * 1000)
    _refused(tmp_path, "not a database")


def test_a_damaged_page_is_found(tmp_path: Path) -> None:
    database = _filled(tmp_path)
    data = bytearray(database.read_bytes())
    for page in range(2, len(data) // 4096):
        data[page * 4096 : page * 4096 + 64] = os.urandom(64)
    database.write_bytes(data)
    _refused(tmp_path, "damaged|malformed")


def test_a_truncated_file_is_found(tmp_path: Path) -> None:
    database = _filled(tmp_path)
    database.write_bytes(database.read_bytes()[: 4096 * 5])
    _refused(tmp_path, "damaged|malformed")


def test_a_log_without_its_database_is_refused(tmp_path: Path) -> None:
    database = _filled(tmp_path)
    database.unlink()
    (tmp_path / "state.db-wal").write_bytes(b"x")
    _refused(tmp_path, "missing")


def test_a_foreign_database_is_refused(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "state.db")
    other.execute("CREATE TABLE records(a)")
    other.close()
    _refused(tmp_path, "not written by this program")


def _set_schema(path: Path, statement: str) -> None:
    database = sqlite3.connect(path, isolation_level=None)
    database.execute(statement)
    database.close()


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    _set_schema(_filled(tmp_path), f"UPDATE meta SET value = {SCHEMA_VERSION + 1}")
    with pytest.raises(SdnError, match="newer"):
        Journal(tmp_path).open()


def test_a_missing_schema_version_is_refused(tmp_path: Path) -> None:
    _set_schema(_filled(tmp_path), "DELETE FROM meta")
    with pytest.raises(SdnError, match="no schema version"):
        Journal(tmp_path).open()


@pytest.mark.parametrize("value", ["x'ff'", "CAST(x'ff' AS TEXT)"])
def test_a_value_that_is_not_text_is_refused(tmp_path: Path, value: str) -> None:
    _set_schema(_filled(tmp_path), f"UPDATE records SET value = {value} WHERE key = '7'")
    with Journal(tmp_path) as journal, pytest.raises(SdnError) as caught:
        journal.load()
    assert caught.value.violations[0].remedy


def test_a_directory_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "state", Path("/proc/state")):
        with pytest.raises(Unavailable, match="cannot open the state directory") as caught:
            Journal(path).open()
        assert "may write" in caught.value.violations[0].remedy


def test_half_made_databases_are_made_anew(tmp_path: Path) -> None:
    (tmp_path / "state.db.new").write_bytes(b"half")
    with Journal(tmp_path) as journal:
        assert journal.load() == {}
    assert not (tmp_path / "state.db.new").exists()


def test_a_closed_journal_says_so(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    with pytest.raises(Unavailable, match="not open"):
        journal.load()
    journal.open()
    with pytest.raises(RuntimeError):
        journal.open()
    journal.close()
    journal.close()
    with pytest.raises(Unavailable, match="not open"):
        journal.commit([], [])
