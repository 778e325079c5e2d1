"""The file of tokens, identities, and the audit log, without a daemon."""

from __future__ import annotations

import errno
import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdn.model.errors import InvalidInput, Unauthenticated, WriteRefused
from sdn.security import Subject
from sdn.security.access import LOCAL, Access
from sdn.security.auditlog import MAX_LINE, REFUSALS_AT_ONCE, AuditLog, Record
from sdn.security.tokens import Tokens, _parse, add_token, load_tokens, make_token

NOW = 1_800_000_000.0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tokens"


def test_a_token_is_found_and_no_other(file: Path) -> None:
    one, _ = add_token(Subject("one", "member", ("red", "blue")), None, file)
    two, _ = add_token(Subject("two", "admin"), datetime(2030, 1, 1, tzinfo=UTC), file)
    tokens = load_tokens(file)
    assert tokens.wrong == ()
    found = tokens.find(one)
    assert found is not None
    assert (found.subject, found.expires) == (Subject("one", "member", ("blue", "red")), None)
    other = tokens.find(two)
    assert other is not None
    assert other.expires == datetime(2030, 1, 1, tzinfo=UTC).timestamp()
    mixed = one[:17] + two[17:]
    for wrong in ("", "x", one[:-1], one + "A", one.upper(), mixed, one.replace("sdn", "sdm"), "é" + one[1:]):
        assert tokens.find(wrong) is None
    text = file.read_text()
    assert one.split("_", 2)[2] not in text
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("nonsense", ""),
        ("[]", ""),
        ("1", ""),
        ('{"revoked": "xyz"}', "revoked"),
        ('{"revoked": 7}', "revoked"),
        ('{"revoked": "1f", "name": "x"}', "revoked"),
        ('{"id": "1"}', "id"),
        ('{"id": "0123456789ab", "sha256": "00"}', "sha256"),
    ],
)
def test_a_wrong_line_is_named_and_the_others_hold(line: str, field: str) -> None:
    token, good = make_token(Subject("x", "viewer"), None)
    found = _parse(["# comment", "", line, good], "F")
    assert found.find(token) is not None
    assert [v.field for v in found.wrong] == [f"F:3: {field}"]
    assert found.wrong[0].remedy.endswith(".")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": None}, "name"),
        ({"name": "a b"}, "name"),
        ({"role": ""}, "role"),
        ({"role": "root"}, "role"),
        ({"role": "member"}, "tenants"),
        ({"tenants": ["red"]}, "tenants"),
        ({"tenants": "red"}, "tenants"),
        ({"role": "member", "tenants": ["../red"]}, "tenants"),
        ({"role": "member", "tenants": [1]}, "tenants"),
        ({"expires": "soon"}, "expires"),
        ({"expires": 7}, "expires"),
        ({"admin": True}, "admin"),
    ],
)
def test_what_a_line_may_say(change: dict[str, object], field: str) -> None:
    token, good = make_token(Subject("x", "viewer"), None)
    found = _parse([json.dumps(json.loads(good) | change)], "F")
    assert found.find(token) is None
    assert [v.field for v in found.wrong] == [f"F:1: {field}"]


def test_the_same_id_twice_is_wrong() -> None:
    _, line = make_token(Subject("x", "viewer"), None)
    assert [v.field for v in _parse([line, line], "F").wrong] == ["F:2: id"]


@given(
    st.lists(
        st.one_of(st.text(max_size=200), st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
    )
)
def test_any_file_is_read_without_a_fall(lines: list[str]) -> None:
    found = _parse(lines, "F")
    assert isinstance(found, Tokens)
    assert found.by_id == {}


@given(st.text(max_size=300))
def test_any_text_is_no_token(text: str) -> None:
    assert _parse([], "F").find(text) is None


def test_identities_end(file: Path) -> None:
    now = NOW
    token, _ = add_token(Subject("x", "viewer"), datetime.fromtimestamp(NOW + 10, UTC), file)
    forever, _ = add_token(Subject("y", "viewer"), None, file)
    access = Access(file, anonymous=None, now=lambda: now)
    short, long = access.by_token(f"Bearer {token}"), access.by_token(f"bearer   {forever}")
    assert access.holds(short)
    now += 10
    assert not access.holds(short)
    assert access.holds(long)
    with pytest.raises(Unauthenticated, match="expired"):
        access.by_token(f"Bearer {token}")
    with pytest.raises(Unauthenticated, match="not known who"):
        access.by_certificate(None)
    assert access.holds(LOCAL)


def test_a_token_whose_rights_changed_must_be_shown_again(file: Path) -> None:
    token, line = add_token(Subject("x", "member", ("red",)), None, file)
    access = Access(file, anonymous=None)
    before = access.by_token(f"Bearer {token}")
    file.write_text(json.dumps(json.loads(line) | {"tenants": ["blue"]}))
    access.refresh()
    assert not access.holds(before)
    assert access.by_token(f"Bearer {token}").subject.tenants == ("blue",)


def test_a_file_that_cannot_be_read_any_more_lets_nobody_in_and_keeps_the_barred_out(file: Path) -> None:
    token, _ = add_token(Subject("x", "viewer"), None, file)
    with file.open("a") as more:
        more.write('{"revoked": "abc"}\n')
    access = Access(file, anonymous=None)
    assert access.barred("abc")
    for spoil in (lambda: file.chmod(0o666), file.unlink):
        spoil()
        access.refresh()
        with pytest.raises(Unauthenticated):
            access.by_token(f"Bearer {token}")
        assert access.barred("abc")


def lines_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_lines_of_the_audit_log_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    log = AuditLog(path, lambda: NOW)
    text = 'é\n"\\' * 2000
    names = [f"tenants/red/ports/{text}"] + [f"tenants/red/ports/p{n:05}" for n in range(20_000)]
    for few in (names, names[1:], []):
        log.add(Record("/x.Y/Z", text, "a", "admin", "token", "k", text, few, code="OK", reason=text, revision=2**63))
    raw = path.read_bytes().splitlines()
    assert max(map(len, raw)) <= MAX_LINE
    found = lines_of(path)
    assert [line["names_total"] for line in found] == [20_001, 20_000, 0]
    listed = found[1]["names"]
    assert isinstance(listed, list)
    assert 100 < len(listed) < 20_000
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_refusals_are_bounded_and_counted(tmp_path: Path) -> None:
    now = NOW
    path = tmp_path / "a.log"
    log = AuditLog(path, lambda: now)
    for _ in range(REFUSALS_AT_ONCE + 50):
        log.refuse(Record("/x.Y/Z", code="UNAUTHENTICATED"))
    assert len(lines_of(path)) == REFUSALS_AT_ONCE
    now += 1
    log.refuse(Record("/x.Y/Z", code="UNAUTHENTICATED"))
    log.refuse(Record("/x.Y/Z", code="UNAUTHENTICATED"))
    found = lines_of(path)[REFUSALS_AT_ONCE:]
    assert [line.get("suppressed") for line in found] == [50, None]
    log.add(Record("/x.Y/Z", code="OK"))
    assert lines_of(path)[-1]["code"] == "OK"


def test_half_a_line_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.log"
    log = AuditLog(path, lambda: NOW)
    real = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:10]))
        log.add(Record("/x.Y/Z", code="OK", names=["a"]))
        with pytest.raises(WriteRefused, match="no room"):
            log.ready()
    assert path.read_bytes() == b""
    log.ready()
    log.add(Record("/x.Y/Z", code="OK", names=["b"]))
    assert [line["names"] for line in lines_of(path)] == [["a"], ["b"]]


def test_a_directory_that_vanished(tmp_path: Path) -> None:
    path = tmp_path / "d" / "a.log"
    path.parent.mkdir()
    log = AuditLog(path, lambda: NOW)
    path.unlink()
    path.parent.rmdir()
    log.reopen()
    with pytest.raises(WriteRefused, match=os.strerror(errno.ENOENT)):
        log.ready()
    path.parent.mkdir()
    log.ready()
    log.add(Record("/x.Y/Z", code="OK"))
    assert len(lines_of(path)) == 1


def test_a_file_that_was_moved_away_or_deleted_is_not_written_any_more(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    log = AuditLog(path, lambda: NOW)
    for word in ("a", "b", "c"):
        log.add(Record("/x.Y/Z", code="OK", names=[word]))
        assert [line["names"] for line in lines_of(path)] == [[word]]
        if word == "a":
            path.rename(tmp_path / "a.log.1")
        else:
            path.unlink()
    assert [line["names"] for line in lines_of(tmp_path / "a.log.1")] == [["a"]]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a.log").symlink_to(tmp_path / "passwd")
    with pytest.raises(InvalidInput, match="audit_log"):
        AuditLog(tmp_path / "a.log")
    assert not (tmp_path / "passwd").exists()
