"""sdnd with TLS, certificates and tokens, and its clients: who gets in, and what the others are told."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from click.testing import CliRunner, Result
from secured import Certificates, Daemon, daemon, refusal

from sdn.cli.main import cli
from sdn.client import ApiError, AsyncClient, Client, Credentials
from sdn.security import Directory, Subject
from sdn.security.authority import read_certificate
from sdn.security.tokens import add_token
from sdn.v1 import resources_pb2 as pb


@pytest.fixture(scope="module")
def mutual(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Clients need certificates; it listens beyond this machine."""
    state = tmp_path_factory.mktemp("mutual")
    with daemon(state, *certificates.server(mutual=True), grpc="0.0.0.0:0") as running:
        yield running


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    return tmp_path / "tokens"


def ask(address: str, credentials: Credentials | None) -> Any:
    with Client(address, credentials=credentials, timeout=20) as client:
        return client.whoami()


def told(address: str, credentials: Credentials | None) -> ApiError:
    with pytest.raises(ApiError) as caught:
        ask(address, credentials)
    return caught.value


# Certificates


def test_a_certificate_tells_who_calls(mutual: Daemon, certificates: Certificates) -> None:
    found = ask(mutual.address, certificates.client())
    serial = read_certificate(Path(certificates["client-admin.crt"]).read_bytes()).serial_number
    assert (found.name, found.role, found.key) == ("admin", "admin", f"{serial:x}")
    found = ask(mutual.address, certificates.client("client-ci"))
    assert (found.name, found.role, list(found.tenants)) == ("ci", "member", ["tenants/red"])
    assert not any("INSECURE" in line for line in mutual.lines)


async def test_the_same_for_asyncio(mutual: Daemon, certificates: Certificates) -> None:
    async with AsyncClient(mutual.address, credentials=certificates.client(), timeout=20) as client:
        assert (await client.whoami()).role == "admin"


def test_a_certificate_without_a_role_may_do_nothing(mutual: Daemon, certificates: Certificates) -> None:
    credentials = certificates.client("switch-rack1")
    assert ask(mutual.address, credentials).role == ""
    with Client(mutual.address, credentials=credentials, timeout=20) as client, pytest.raises(ApiError) as caught:
        client.tenants.list()
    assert caught.value.code is grpc.StatusCode.PERMISSION_DENIED
    assert "rack1 has no role" in str(caught.value)


def test_handshakes_that_fail_say_why(mutual: Daemon, certificates: Certificates, foreign: Certificates) -> None:
    only_ca = Credentials.load(tls_ca=certificates["ca.crt"])
    strange = Credentials(
        True, only_ca.ca, *(Path(foreign[f"client-admin.{end}"]).read_bytes() for end in ("crt", "key"))
    )
    renamed = Credentials(True, only_ca.ca, server_name="sdn.example.org")
    for credentials, word in (
        (only_ca, "tls-cert and tls-key"),
        (strange, "tls-cert and tls-key"),
        (certificates.client("server"), "tls-cert and tls-key"),
        (foreign.client(), "another authority"),
        (renamed, "other names"),
        (None, "give tls-ca"),
    ):
        error = told(mutual.address, credentials)
        assert error.code is grpc.StatusCode.UNAVAILABLE
        assert word in str(error)
        assert str(error).startswith(f"no trust between this client and sdnd at {mutual.address}: ")


def test_tls_against_a_daemon_without(certificates: Certificates, tmp_path: Path) -> None:
    with daemon(tmp_path) as plain:
        assert "does not speak TLS" in str(told(plain.address, certificates.client()))
        with pytest.raises(ApiError, match="does not speak TLS"):
            Client.connect(plain.address, deadline=1, credentials=certificates.client())


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1")
def test_old_tls_is_refused(mutual: Daemon, certificates: Certificates) -> None:
    context = ssl.create_default_context(cafile=certificates["ca.crt"])
    context.load_cert_chain(certificates["client-admin.crt"], certificates["client-admin.key"])
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with socket.create_connection(("127.0.0.1", mutual.port), 20) as raw, pytest.raises((ssl.SSLError, OSError)):
        context.wrap_socket(raw, server_hostname="localhost")


def test_renewed_and_revoked_certificates_are_taken_while_it_runs(tmp_path: Path, tokens: Path) -> None:
    mine = Certificates(tmp_path / "c")
    tokens.touch(0o600)
    with daemon(tmp_path / "s", *mine.server(mutual=True), "--tokens", str(tokens)) as running:
        key = ask(running.address, mine.client()).key
        Directory(mine.path).renew("server", 5)
        context = ssl.create_default_context(cafile=mine["ca.crt"])
        context.load_cert_chain(mine["client-ci.crt"], mine["client-ci.key"])
        with (
            socket.create_connection(("127.0.0.1", running.port), 20) as raw,
            context.wrap_socket(raw, server_hostname="localhost") as wrapped,
        ):
            shown = wrapped.getpeercert(binary_form=True)
        assert shown == ssl.PEM_cert_to_DER_cert(Path(mine["server.crt"]).read_text())
        tokens.write_text(json.dumps({"revoked": key}) + "\n")
        running.signal(signal.SIGHUP)
        running.wait_for("tokens read")
        error = told(running.address, mine.client())
        assert (error.code, error.reason) == (grpc.StatusCode.UNAUTHENTICATED, "Unauthenticated")
        assert "revoked" in str(error)
        assert ask(running.address, mine.client("client-ci")).name == "ci"


# Tokens


def test_tokens_over_tls(certificates: Certificates, tmp_path: Path, tokens: Path) -> None:
    token, _ = add_token(Subject("ci", "member", ("red",)), None, tokens)
    assert tokens.stat().st_mode & 0o777 == 0o600
    flags = (*certificates.server(mutual=False), "--tokens", str(tokens))
    ca = certificates["ca.crt"]
    with daemon(tmp_path / "s", *flags, grpc="0.0.0.0:0") as running:
        good = Credentials.load(tls_ca=ca, token=token)
        with Client(running.address, credentials=good, timeout=20) as client:
            assert (client.whoami().key, client.whoami().role) == (token.split("_")[1], "member")
            assert client.ports.list("tenants/red") == []
            with client.ports.watch("tenants/red"), pytest.raises(ApiError) as caught:
                client.networks.create(pb.Network(name="tenants/blue/networks/x"))
            assert caught.value.code is grpc.StatusCode.PERMISSION_DENIED
        for credentials in (Credentials.load(tls_ca=ca), Credentials.load(tls_ca=ca, token="sdn_wrong")):
            assert told(running.address, credentials).code is grpc.StatusCode.UNAUTHENTICATED
        tokens.write_text("")
        running.signal(signal.SIGHUP)
        running.wait_for("tokens read")
        assert told(running.address, good).code is grpc.StatusCode.UNAUTHENTICATED
        add_token(Subject("x", "viewer"), None, tokens)
        with tokens.open("a") as file:
            file.write("nonsense\n")
        running.signal(signal.SIGHUP)
        assert f"{tokens}:2" in running.wait_for("token refused until this is corrected")


async def test_every_kind_of_call_carries_the_token(certificates: Certificates, tmp_path: Path, tokens: Path) -> None:
    token, _ = add_token(Subject("root", "admin"), None, tokens)
    credentials = Credentials.load(tls_ca=certificates["ca.crt"], token=token)
    with daemon(tmp_path / "s", *certificates.server(mutual=False), "--tokens", str(tokens)) as running:
        async with AsyncClient(running.address, credentials=credentials, timeout=20) as client:
            await client.tenants.create(pb.Tenant(name="tenants/red"))
            watch = client.tenants.watch()
            assert (await anext(watch)).resource.name == "tenants/red"
            await watch.aclose()  # type: ignore[attr-defined]
            data = await client.backup()
            assert (await client.restore(data, dry_run=True)).created == []
        with Client(running.address, credentials=credentials, timeout=20) as blocking:
            assert list(blocking.restore(blocking.backup(), dry_run=True).created) == []
            with blocking.tenants.watch() as stream:
                assert next(stream).resource.name == "tenants/red"


def test_on_this_machine_the_caller_is_admin_unless_asked(tmp_path: Path, tokens: Path) -> None:
    token, _ = add_token(Subject("ro", "viewer"), None, tokens)
    with daemon(tmp_path / "a", "--tokens", str(tokens)) as running:
        assert (ask(running.address, None).name, ask(running.address, None).role) == ("local", "admin")
        assert ask(running.address, Credentials(token=token)).role == "viewer"
        assert told(running.address, Credentials(token="x")).code is grpc.StatusCode.UNAUTHENTICATED
    where = f"unix:{tmp_path}/api.sock"
    with daemon(tmp_path / "b", "--tokens", str(tokens), "--require-auth", grpc=where):
        assert told(where, None).code is grpc.StatusCode.UNAUTHENTICATED
        assert ask(where, Credentials(token=token)).role == "viewer"


def test_a_token_does_not_leave_the_machine_unencrypted() -> None:
    with pytest.raises(ValueError, match="unencrypted"):
        Client("192.0.2.1:50051", credentials=Credentials(token="x"))


# Starting


@pytest.mark.parametrize(
    ("flags", "field", "words"),
    [
        (("--grpc", "0.0.0.0:0"), "grpc", ("tls_cert is not set", "sdnctl certs init")),
        (("--grpc", "0.0.0.0:0", "CERT"), "grpc", ("neither tls_client_ca nor tokens",)),
        (("--grpc", "0.0.0.0:0", "TOKENS"), "grpc", ("tls_cert is not set",)),
        (("--grpc", "[::]:0"), "grpc", ("other machines",)),
        (("--require-auth",), "require_auth", ("nobody",)),
        (("--tls-cert", "C/server.crt"), "tls_key", ("tls_cert is",)),
        (("--tls-client-ca", "C/ca.crt"), "tls_cert", ("tls_client_ca is",)),
        (("--tls-cert", "C/none", "--tls-key", "C/server.key"), "tls_cert", ("cannot read",)),
        (("--tls-cert", "C/server.key", "--tls-key", "C/server.key"), "tls_cert", ("not a certificate",)),
        (("--tls-cert", "C/server.crt", "--tls-key", "C/server.crt"), "tls_key", ("not a key",)),
        (("--tls-cert", "C/server.crt", "--tls-key", "C/client-admin.key"), "tls_key", ("not the key of",)),
        (("--tokens", "C/none"), "tokens", ("cannot read",)),
        (("--audit-log", "C/none/x"), "audit_log", ("cannot write",)),
        (("--openflow", "0.0.0.0:0"), "openflow", ("pose as a switch", "openflow_tls_cert", "sdnctl certs init")),
        (("--openflow", "[::]:0", "--tls-cert", "C/server.crt"), "openflow", ("other machines",)),
        (("--openflow-tls-cert", "C/server.crt"), "openflow_tls_key", ("together",)),
        (
            ("--openflow-tls-cert", "C/server.crt", "--openflow-tls-key", "C/server.key"),
            "openflow_tls_ca",
            ("not set",),
        ),
    ],
)
def test_it_does_not_start(
    certificates: Certificates, tmp_path: Path, tokens: Path, flags: tuple[str, ...], field: str, words: tuple[str, ...]
) -> None:
    add_token(Subject("x", "viewer"), None, tokens)
    more = {"CERT": certificates.server(mutual=False), "TOKENS": ["--tokens", str(tokens)]}
    given = [word.replace("C/", f"{certificates.path}/") for flag in flags for word in more.get(flag, [flag])]
    text = refusal(tmp_path / "s", *given)
    assert text.startswith(f"sdnd: {field}: ")
    for word in words:
        assert word in text


def test_it_does_not_start_with_wrong_files(certificates: Certificates, tmp_path: Path, tokens: Path) -> None:
    tokens.write_text('\n# a comment\n{"id": "x"}\n[]\n')
    assert f"{tokens}:3: id" in (text := refusal(tmp_path / "s", "--tokens", str(tokens)))
    assert f"{tokens}:4" in text
    tokens.write_text("")
    tokens.chmod(0o666)
    assert "chmod go-w" in refusal(tmp_path / "s", "--tokens", str(tokens))
    key = tmp_path / "server.key"
    key.write_bytes(Path(certificates["server.key"]).read_bytes())
    key.chmod(0o644)
    text = refusal(tmp_path / "s", "--tls-cert", certificates["server.crt"], "--tls-key", str(key))
    assert "tls_key" in text
    assert "open to all" in text


def test_insecure_is_loud(certificates: Certificates, tmp_path: Path, tokens: Path) -> None:
    with daemon(tmp_path / "c", "--insecure", "--openflow", "0.0.0.0:0") as running:
        assert any("INSECURE" in line and "pose as a switch" in line for line in running.lines)
        assert not any("INSECURE: the API" in line for line in running.lines)
    with daemon(tmp_path / "a", "--insecure", grpc="0.0.0.0:0") as running:
        assert any("INSECURE: the API is unencrypted" in line and "anybody" in line for line in running.lines)
        assert ask(running.address, None).role == "admin"
    add_token(Subject("x", "viewer"), None, tokens)
    with daemon(tmp_path / "b", "--insecure", "--tokens", str(tokens), grpc="0.0.0.0:0") as running:
        assert any("INSECURE" in line and "need a token" in line for line in running.lines)
        assert told(running.address, None).code is grpc.StatusCode.UNAUTHENTICATED


# The audit log


def test_logrotate(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    with daemon(tmp_path / "s", "--audit-log", str(log)) as running, Client(running.address, timeout=20) as client:
        client.tenants.create(pb.Tenant(name="tenants/a"))
        log.rename(tmp_path / "audit.log.1")
        running.signal(signal.SIGHUP)
        running.wait_for("audit log reopened")
        client.tenants.create(pb.Tenant(name="tenants/b"))
    for file, name in ((tmp_path / "audit.log.1", "tenants/a"), (log, "tenants/b")):
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        assert [(line["method"], line["code"], line["names"]) for line in lines] == [
            ("/sdn.v1.TenantService/CreateTenant", "OK", [name])
        ]
        assert (lines[0]["identity"], lines[0]["role"], lines[0]["source"]) == ("local", "admin", "local")
        assert file.stat().st_mode & 0o777 == 0o600


# sdnctl


def sdnctl(*arguments: str, **environment: str) -> Result:
    clean = {name: None for name in os.environ if name.startswith("SDN_")}
    result = CliRunner().invoke(cli, arguments, env={**clean, **environment}, prog_name="sdnctl")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


def test_flags_win_over_the_environment_and_that_over_the_context(
    mutual: Daemon, certificates: Certificates, tmp_path: Path
) -> None:
    file = tmp_path / "sdnctl.toml"
    lines = [f'tls_{word} = "{certificates[name]}"' for word, name in (("ca", "ca.crt"), ("cert", "client-admin.crt"))]
    lines += [f'tls_key = "{certificates["client-admin.key"]}"', f'address = "{mutual.address}"']
    file.write_text("\n".join(['current = "lab"', "[contexts.lab]", *lines, "[contexts.empty]", ""]))
    where = {"SDN_CONTEXTS": str(file)}
    found = sdnctl("whoami", "-o", "json", **where)
    assert json.loads(found.stdout)["name"] == "admin", found.stderr
    ci = {"SDN_TLS_CERT": certificates["client-ci.crt"], "SDN_TLS_KEY": certificates["client-ci.key"]}
    assert json.loads(sdnctl("whoami", "-o", "json", **where, **ci).stdout)["name"] == "ci"
    flags = ("--tls-cert", certificates["switch-rack1.crt"], "--tls-key", certificates["switch-rack1.key"])
    assert json.loads(sdnctl(*flags, "whoami", "-o", "json", **where, **ci).stdout)["name"] == "rack1"
    assert sdnctl("--context", "empty", "whoami", **where, SDN_ADDRESS="127.0.0.1:1").exit_code == 3
    table = sdnctl("whoami", **where).stdout
    assert "Role:     admin" in table
    assert "Tenants:  all" in table


def test_sdnctl_is_told_no_by_exit_code_and_text(mutual: Daemon, certificates: Certificates) -> None:
    ci = {"SDN_TLS_CERT": certificates["client-ci.crt"], "SDN_TLS_KEY": certificates["client-ci.key"]}
    ca = {"SDN_TLS_CA": certificates["ca.crt"], "SDN_ADDRESS": mutual.address}
    done = sdnctl("topology", "show", **ca, **ci)
    assert done.exit_code == 1
    assert "ci has the role member" in done.stderr
    done = sdnctl("whoami", **ca)
    assert done.exit_code == 3
    assert "no trust between" in done.stderr


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("nonsense", "not TOML"),
        ('current = "x"', "no context 'x'"),
        ('current = "x"\n[contexts.x]\nadress = ""', "no such setting"),
        ('current = "x"\n[contexts.x]\naddress = 1', "not text"),
        ('current = "x"\n[contexts.x]\ntls_ca = "/none"', "cannot read /none"),
        ('current = "x"\n[contexts.x]\ntls_cert = "a"\ntls_ca = "b"', "belong together"),
        ('current = "x"\n[contexts.x]\ntoken = "a"\ntoken_file = "b"', "Give one of them"),
        ('current = "x"\n[contexts.x]\ntoken = "a"\naddress = "192.0.2.1:1"', "unencrypted"),
    ],
)
def test_a_wrong_context_is_a_wrong_command_line(tmp_path: Path, text: str, word: str) -> None:
    file = tmp_path / "sdnctl.toml"
    file.write_text(text)
    done = sdnctl("whoami", SDN_CONTEXTS=str(file))
    assert done.exit_code == 2
    assert word in done.stderr


def test_new_tokens(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    done = sdnctl("tokens", "new", "ci", "--role", "member", "--tenant", "red", "--days", "9", "--file", str(file))
    token, line = done.stdout.splitlines()
    assert file.read_text() == line + "\n"
    assert token not in line
    assert token.split("_")[1] == json.loads(line)["id"]
    assert sdnctl("tokens", "new", "ci", "--role", "member").exit_code == 1
