"""sdnctl certs: a working set, its names, modes and ends; what is refused; and that TLS accepts and refuses it."""

from __future__ import annotations

import json
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from sdn.cli.main import cli
from sdn.security.authority import names_of, read_certificate, subject_in
from sdn.security.subjects import Subject, subject_of


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(cli, ["certs", *arguments], prog_name="sdnctl")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


def made(*arguments: str) -> list[dict[str, Any]]:
    result = run(*arguments, "-o", "json")
    assert result.exit_code == 0, result.output
    rows: list[dict[str, Any]] = json.loads(result.stdout)
    return rows


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made("init", str(tmp_path / "certs"))
    return tmp_path / "certs"


def load(file: Path) -> x509.Certificate:
    return read_certificate(file.read_bytes())


def test_init_makes_a_whole_set(tmp_path: Path) -> None:
    rows = made("init", str(tmp_path / "c"), "--san", "sdn.example.org", "--san", "192.0.2.7", "--days", "30")
    assert [(row["kind"], row["role"]) for row in rows] == [("ca", ""), ("server", ""), ("client", "admin")]
    directory = tmp_path / "c"
    assert names_of(load(directory / "server.crt"))[2] == ("sdn.example.org", "192.0.2.7")
    assert subject_in(load(directory / "client-admin.crt")) == Subject("admin", "admin")
    now = datetime.now(UTC)
    for name, days in (("ca", 3650), ("server", 30), ("client-admin", 30)):
        certificate = load(directory / f"{name}.crt")
        left = certificate.not_valid_after_utc - now
        assert timedelta(days=days - 1) < left <= timedelta(days=days)
        key = certificate.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        assert key.curve.name == "secp256r1"
    assert names_of(load(directory / "ca.crt"))[0].startswith("sdn-authority-")


def test_without_names_the_server_is_this_machine(directory: Path) -> None:
    assert names_of(load(directory / "server.crt"))[2] == ("localhost", "127.0.0.1", "::1")


def test_keys_are_for_their_owner_alone_and_that_of_the_authority_lies_apart(directory: Path) -> None:
    keys = sorted(directory.rglob("*.key"))
    assert [str(key.relative_to(directory)) for key in keys] == ["ca-key/ca.key", "client-admin.key", "server.key"]
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}
    assert stat.S_IMODE((directory / "ca-key").stat().st_mode) == 0o700


def test_a_client_and_a_switch(directory: Path) -> None:
    where = ("--dir", str(directory))
    made("client", "ci", "--role", "member", "--tenant", "red", "--tenant", "tenants/blue", *where)
    assert subject_in(load(directory / "client-ci.crt")) == Subject("ci", "member", ("blue", "red"))
    made("switch", "1", "0x2A", "--name", "rack1", *where)
    assert subject_in(load(directory / "switch-rack1.crt")).switches == (1, 42)
    made("switch", "ff", *where)
    assert (directory / "switch-00000000000000ff.key").exists()
    listed = {Path(row["file"]).name: row for row in made("show", *where)}
    assert next(iter(listed)) == "ca.crt"
    assert listed["switch-rack1.crt"]["switches"] == ["0000000000000001", "000000000000002a"]
    assert listed["client-ci.crt"]["tenants"] == ["blue", "red"]


def test_nothing_is_replaced_silently(directory: Path) -> None:
    before = {file: file.read_bytes() for file in directory.rglob("*.*") if file.is_file()}
    for arguments in (
        ("init", str(directory)),
        ("client", "admin", "--role", "viewer", "--dir", str(directory)),
    ):
        result = run(*arguments)
        assert result.exit_code == 1
        assert "exists already" in result.stderr
        assert "renew" in result.stderr
    assert {file: file.read_bytes() for file in directory.rglob("*.*") if file.is_file()} == before


def test_renewing_keeps_names_and_takes_a_new_key(directory: Path) -> None:
    where = ("--dir", str(directory))
    made("switch", "7", *where)
    names = ("server", "client-admin", "switch-0000000000000007")
    before = {name: load(directory / f"{name}.crt") for name in names}
    made("renew", *names, "--days", "20", *where)
    for name, old in before.items():
        new = load(directory / f"{name}.crt")
        assert names_of(new) == names_of(old)
        assert new.public_key() != old.public_key()
        assert new.serial_number != old.serial_number
        assert new.not_valid_after_utc < old.not_valid_after_utc
        assert stat.S_IMODE((directory / f"{name}.key").stat().st_mode) == 0o600


def test_a_renewed_authority_keeps_its_key(directory: Path) -> None:
    old = load(directory / "ca.crt")
    made("renew", "ca", "--days", "100", "--dir", str(directory))
    new = load(directory / "ca.crt")
    assert (new.public_key(), new.subject) == (old.public_key(), old.subject)
    assert new.not_valid_after_utc < old.not_valid_after_utc
    load(directory / "server.crt").verify_directly_issued_by(new)


def test_no_certificate_outlives_its_authority(tmp_path: Path) -> None:
    made("init", str(tmp_path), "--ca-days", "10")
    assert load(tmp_path / "server.crt").not_valid_after_utc == load(tmp_path / "ca.crt").not_valid_after_utc


def test_other_names_for_the_server(directory: Path) -> None:
    made("server", "--san", "api.example.org", "--dir", str(directory))
    assert names_of(load(directory / "server.crt"))[2] == ("api.example.org",)


def test_the_key_of_the_authority_may_lie_elsewhere(directory: Path, tmp_path: Path) -> None:
    key = tmp_path / "stick" / "ca.key"
    key.parent.mkdir()
    (directory / "ca-key/ca.key").rename(key)
    refused = run("client", "x", "--role", "viewer", "--dir", str(directory))
    assert refused.exit_code == 1
    assert "ca-key" in refused.stderr
    made("client", "x", "--role", "viewer", "--dir", str(directory), "--ca-key", str(key))


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("client", "x y", "--role", "viewer"), "name"),
        (("client", "../x", "--role", "viewer"), "name"),
        (("client", "x", "--role", "member"), "tenants"),
        (("client", "x", "--role", "admin", "--tenant", "red"), "tenants"),
        (("client", "x", "--role", "member", "--tenant", "Red!"), "tenants"),
        (("client", "x", "--role", "viewer", "--days", "0"), "days"),
        (("client", "x", "--role", "viewer", "--days", "99999"), "days"),
        (("switch", "0"), "dpid"),
        (("switch", "xyz"), "dpid"),
        (("server", "--san", "a b"), "san"),
        (("renew", "../server"), "name"),
        (("renew", "nobody"), "name"),
    ],
)
def test_wrong_wishes_name_field_and_remedy(directory: Path, arguments: tuple[str, ...], word: str) -> None:
    before = set(directory.rglob("*"))
    result = run(*arguments, "--dir", str(directory))
    assert result.exit_code == 1
    assert result.stderr.startswith(f"sdnctl: {word}: ")
    assert result.stderr.rstrip().endswith(".")
    assert set(directory.rglob("*")) == before


def test_a_key_of_another_authority_is_refused(directory: Path, tmp_path: Path) -> None:
    made("init", str(tmp_path / "other"))
    foreign = str(tmp_path / "other/ca-key/ca.key")
    result = run("client", "x", "--role", "viewer", "--dir", str(directory), "--ca-key", foreign)
    assert result.exit_code == 1
    assert "not the key of this authority" in result.stderr
    (directory / "client-b.crt").write_bytes((tmp_path / "other/client-admin.crt").read_bytes())
    result = run("renew", "client-b", "--dir", str(directory))
    assert result.exit_code == 1
    assert "another authority" in result.stderr


@pytest.mark.parametrize(
    "uris",
    [
        ("urn:sdn:role:admin", "urn:sdn:role:viewer"),
        ("urn:sdn:role:root",),
        ("urn:sdn:role:admin", "urn:sdn:tenant:red"),
        ("urn:sdn:role:member",),
        ("urn:sdn:tenant:red",),
        ("urn:sdn:role:member", "urn:sdn:tenant:../x"),
        ("urn:sdn:role:viewer", "urn:sdn:switch:zz"),
        ("https://example.org/role:admin",),
    ],
)
def test_what_is_not_right_as_a_whole_gives_no_right(uris: tuple[str, ...]) -> None:
    found = subject_of("x", uris)
    assert (found.role, found.tenants, found.switches) == ("", (), ())


def test_foreign_names_beside_ours_do_no_harm() -> None:
    found = subject_of("x", ("spiffe://a/b", "urn:sdn:role:viewer", "urn:sdn:future:1"))
    assert found.role == "viewer"


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> dict[str, Any]:
    """Both ends in memory; what the server sees of the client's certificate. Raises ssl.SSLError."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        server.wrap_bio(to_server, to_client, server_side=True),
        client.wrap_bio(to_client, to_server, server_hostname=name),
    )
    left = set(ends)
    for _ in range(20):
        for end in list(left):
            try:
                end.do_handshake()
                left.discard(end)
            except ssl.SSLWantReadError:
                pass
    assert not left
    with pytest.raises(ssl.SSLWantReadError):  # reads a late refusal in TLS 1.3
        ends[1].read(1)
    found: dict[str, Any] = ends[0].getpeercert() or {}
    return found


def _contexts(directory: Path, server: str, client: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    contexts = []
    for purpose, name in ((ssl.Purpose.CLIENT_AUTH, server), (ssl.Purpose.SERVER_AUTH, client)):
        context = ssl.create_default_context(purpose, cafile=str(directory / "ca.crt"))
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(directory / f"{name}.crt", directory / f"{name}.key")
        contexts.append(context)
    return contexts[0], contexts[1]


def test_tls_accepts_what_was_made(directory: Path) -> None:
    found = _handshake(*_contexts(directory, "server", "client-admin"), "127.0.0.1")
    assert ("URI", "urn:sdn:role:admin") in found["subjectAltName"]


@pytest.mark.parametrize(
    ("server", "client", "name"),
    [
        ("server", "client-admin", "192.0.2.1"),  # the server is not that machine
        ("client-admin", "client-admin", "127.0.0.1"),  # a client poses as the server
        ("switch-0000000000000001", "client-admin", "127.0.0.1"),  # a switch does
        ("server", "server", "127.0.0.1"),  # the server's certificate used by a client
    ],
)
def test_tls_refuses_what_was_made_for_something_else(directory: Path, server: str, client: str, name: str) -> None:
    made("switch", "1", "--dir", str(directory))
    with pytest.raises(ssl.SSLError):
        _handshake(*_contexts(directory, server, client), name)
