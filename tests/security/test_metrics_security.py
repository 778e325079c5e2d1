"""Metrics of a real sdnd: who may read them, with certificates, tokens, neither, and what ends a right."""

from __future__ import annotations

import http.client
import json
import re
import signal
import ssl
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from secured import TIMEOUT, Certificates, Daemon, daemon

from sdn.daemon import config
from sdn.daemon.scrapes import secure_metrics
from sdn.model.errors import InvalidInput
from sdn.security import Subject
from sdn.security.access import Access
from sdn.security.tokens import add_token

_BOUND = re.compile(r"metrics on .*, port (\d+)")


@pytest.fixture(scope="module")
def known(certificates: Certificates) -> Certificates:
    certificates.directory.client(Subject("prometheus", "viewer"), 30)
    return certificates


def flags(certificates: Certificates, *, mutual: bool) -> list[str]:
    made = ["--metrics-tls-cert", certificates["server.crt"], "--metrics-tls-key", certificates["server.key"]]
    return [*made, "--metrics-tls-client-ca", certificates["ca.crt"]] if mutual else made


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    return tmp_path / "tokens"


@pytest.fixture
def running(known: Certificates, tmp_path: Path, tokens: Path) -> Iterator[Daemon]:
    """Beyond this machine, since TLS allows it."""
    tokens.touch(0o600)
    more = ("--tokens", str(tokens), "--audit-log", str(tmp_path / "audit"), *flags(known, mutual=True))
    with daemon(tmp_path / "s", "--metrics", "0.0.0.0:0", *more) as found:
        yield found


def get(running: Daemon, path: str, context: ssl.SSLContext | None, token: str = "") -> tuple[int, str, str]:
    """Status, text and the challenge."""
    port = next(int(match[1]) for line in running.lines if (match := _BOUND.search(line)))
    if context is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    else:
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=TIMEOUT, context=context)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        response = connection.getresponse()
        return response.status, response.read().decode(), response.getheader("WWW-Authenticate", "")
    finally:
        connection.close()


def caller(certificates: Certificates, name: str = "") -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certificates["ca.crt"])
    if name:
        context.load_cert_chain(certificates[f"{name}.crt"], certificates[f"{name}.key"])
    return context


def test_roles_that_see_the_network_read_metrics(running: Daemon, known: Certificates, tokens: Path) -> None:
    subjects = Subject("v", "viewer"), Subject("m", "member", ("red",))
    viewer, member = (add_token(subject, None, tokens)[0] for subject in subjects)
    running.signal(signal.SIGHUP)
    running.wait_for("settings read again")
    for path in ("/metrics", "/readyz"):
        assert get(running, path, caller(known, "client-prometheus"))[0] == 200
        assert get(running, path, caller(known, "client-admin"))[0] == 200
        assert get(running, path, caller(known), viewer)[0] == 200
        status, text, challenge = get(running, path, caller(known))
        assert (status, challenge) == (401, "Bearer")
        assert "Call with a client certificate or a bearer token." in text
        assert get(running, path, caller(known), "wrong")[0] == 401
        # A token that is given decides, as it does for the API.
        assert get(running, path, caller(known, "client-admin"), "wrong")[0] == 401
        for refused in (get(running, path, caller(known, "client-ci")), get(running, path, caller(known), member)):
            assert refused[0] == 403
            assert "role member, which sees no metrics. Call as admin, operator or viewer." in refused[1]
        assert get(running, path, caller(known, "switch-rack1"))[0] == 403
    assert get(running, "/healthz", caller(known))[:2] == (200, "ok\n")
    lines = [json.loads(line) for line in (tokens.parent / "audit").read_text().splitlines()]
    told = {(line["method"], line["code"], line["identity"], line["role"]) for line in lines}
    assert told == {
        (f"GET {path}", code, *who)
        for path in ("/metrics", "/readyz")
        for code, *who in (
            ("UNAUTHENTICATED", "", ""),
            ("PERMISSION_DENIED", "ci", "member"),
            ("PERMISSION_DENIED", "m", "member"),
            ("PERMISSION_DENIED", "rack1", ""),
        )
    }
    assert {line["peer"] for line in lines} == {"127.0.0.1"}


def test_who_is_not_of_the_authority_gets_no_connection(
    running: Daemon, known: Certificates, foreign: Certificates
) -> None:
    stranger = ssl.create_default_context(cafile=known["ca.crt"])
    stranger.load_cert_chain(foreign["client-admin.crt"], foreign["client-admin.key"])
    with pytest.raises(OSError, match=r"(?i)unknown ca|reset|EOF|broken pipe"):
        get(running, "/metrics", stranger)
    with pytest.raises(ssl.SSLCertVerificationError):
        get(running, "/metrics", caller(foreign))
    with pytest.raises((OSError, http.client.HTTPException)):
        get(running, "/metrics", None)
    old = caller(known, "client-admin")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that is what is tested
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with pytest.raises(OSError, match=r"(?i)protocol|cipher|version"):
        get(running, "/metrics", old)


def test_rights_end_and_certificates_are_renewed_while_it_runs(tmp_path: Path, tokens: Path) -> None:
    own = Certificates(tmp_path / "c")
    tokens.touch(0o600)
    with daemon(tmp_path / "s", "--metrics", "127.0.0.1:0", "--tokens", str(tokens), *flags(own, mutual=True)) as found:
        admin = caller(own, "client-admin")
        assert get(found, "/readyz", admin)[0] == 200
        serials = {entry.file.stem: entry.serial for entry in own.directory.entries()}
        tokens.write_text(f'{{"revoked": "{serials["client-admin"]}"}}\n')
        found.signal(signal.SIGHUP)
        found.wait_for("settings read again")
        assert "revoked" in get(found, "/readyz", admin)[1]
        own.directory.renew("server", 5)
        own.directory.renew("client-admin", 5)
        assert get(found, "/readyz", caller(own, "client-admin"))[0] == 200
        assert "certificate read anew" in found.wait_for("certificate read anew")


def test_on_this_machine_nobody_is_asked_unless_the_settings_say_so(
    known: Certificates, tmp_path: Path, tokens: Path
) -> None:
    viewer, _ = add_token(Subject("v", "viewer"), None, tokens)
    with daemon(tmp_path / "a", "--metrics", "127.0.0.1:0", "--tokens", str(tokens)) as found:
        assert get(found, "/metrics", None)[0] == 200
    with daemon(tmp_path / "b", "--metrics", "127.0.0.1:0", *flags(known, mutual=False)) as found:
        assert get(found, "/metrics", caller(known))[0] == 200
    with daemon(tmp_path / "c", "--metrics", "127.0.0.1:0", "--tokens", str(tokens), "--require-auth") as found:
        assert get(found, "/metrics", None)[0] == 401
        assert get(found, "/metrics", None, viewer)[0] == 200
        assert get(found, "/healthz", None)[0] == 200


def test_insecure_metrics_are_loud(tmp_path: Path) -> None:
    with daemon(tmp_path / "a", "--metrics", "0.0.0.0:0", "--insecure") as found:
        assert any("INSECURE: metrics are unencrypted" in line and "anybody" in line for line in found.lines)
        assert get(found, "/metrics", None)[0] == 200


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ((), "metrics", ("other machines", "metrics_tls_cert is not set", "sdnctl certs init")),
        (("TLS",), "metrics", ("neither metrics_tls_client_ca nor tokens",)),
        (("--tokens", "TOKENS"), "metrics", ("metrics_tls_cert is not set",)),
        (("--metrics-tls-client-ca", "C/ca.crt"), "metrics_tls_cert", ("metrics_tls_client_ca is",)),
        (("--metrics-tls-cert", "C/server.crt"), "metrics_tls_key", ("together",)),
        (("--metrics-tls-cert", "C/none", "--metrics-tls-key", "C/server.key"), "metrics_tls_cert", ("cannot read",)),
        (("--require-auth", "MUTUAL-API"), "metrics", ("nobody could say who it is",)),
    ],
)
def test_it_does_not_start(
    known: Certificates, tmp_path: Path, tokens: Path, given: tuple[str, ...], field: str, words: tuple[str, ...]
) -> None:
    tokens.touch(0o600)
    more = {"TLS": flags(known, mutual=False), "MUTUAL-API": known.server(mutual=True), "TOKENS": [str(tokens)]}
    named = [word.replace("C/", f"{known.path}/") for flag in given for word in more.get(flag, [flag])]
    settings = config.load(["--metrics", "0.0.0.0:0", "--state-dir", str(tmp_path), *named], {})
    with pytest.raises(InvalidInput) as caught:
        secure_metrics(settings, Access(tokens))
    assert caught.value.violations[0].field == field
    for word in words:
        assert word in str(caught.value)
