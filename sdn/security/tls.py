"""Certificate, key and authority of a server, read with reasons, and read anew when the files were renewed."""

from __future__ import annotations

import logging
import ssl
import stat
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from sdn.model.errors import InvalidInput, SdnError
from sdn.security.authority import read_certificate
from sdn.security.files import read_file
from sdn.security.watched import Watched

_log = logging.getLogger("sdn.security")


@dataclass(frozen=True, slots=True)
class Pem:
    """What a server needs. ca: authorities of its clients, None where clients show no certificate."""

    certificate: bytes
    key: bytes
    ca: bytes | None


def tls_files(prefix: str, certificate: str, key: str, ca: str, ca_setting: str) -> TlsFiles | None:
    """From settings PREFIX_cert, PREFIX_key and that of the authority, which may be empty; None if all are.

    Raises InvalidInput naming the setting that is missing or wrong.
    """
    given = {f"{prefix}_cert": certificate, f"{prefix}_key": key, ca_setting: ca}
    if not any(given.values()):
        return None
    for name in (f"{prefix}_cert", f"{prefix}_key"):
        if not given[name]:
            other = next(other for other, value in given.items() if value)
            raise InvalidInput.of(name, f"not set, and {other} is", f"Set {prefix}_cert and {prefix}_key together.")
    return TlsFiles(prefix, Path(certificate), Path(key), Path(ca) if ca else None, ca_setting)


class TlsFiles:
    """prefix: of the settings, for errors: ``tls`` or ``openflow_tls``. Raises InvalidInput when they do not do."""

    def __init__(self, prefix: str, certificate: Path, key: Path, ca: Path | None, ca_setting: str) -> None:
        self._prefix = prefix
        self._certificate, self._key, self._ca = certificate, key, ca
        self._ca_setting = ca_setting
        self._watched = Watched([certificate, key, *([ca] if ca else [])])
        self.pem = self._read()

    @property
    def mutual(self) -> bool:
        """Whether clients must show a certificate."""
        return self._ca is not None

    def renewed(self) -> Pem | None:
        """What is in the files now, if they changed and are right; else None, and the log says what is wrong."""
        if not self._watched.changed():
            return None
        try:
            self.pem = self._read()
        except SdnError as error:
            # A certificate and its key are two files: between the two writes they do not match.
            _log.warning("renewed certificate not taken yet: %s", error)
            return None
        _log.info("certificate read anew", extra={"fields": {"file": str(self._certificate)}})
        return self.pem

    def context(self, *, optional: bool = False) -> ssl.SSLContext:
        """TLS 1.2 or newer, clients with a certificate of the authority; optional: or with none."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_OPTIONAL if optional else ssl.CERT_REQUIRED
        if self._ca is None:
            context.verify_mode = ssl.CERT_NONE
        # Every session is a whole handshake, so that nothing of an earlier one is trusted.
        context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
        context.num_tickets = 0
        self.fill(context)
        return context

    def fill(self, context: ssl.SSLContext) -> None:
        """Put what is in the files into a context, also one that is in use."""
        context.load_cert_chain(self._certificate, self._key, "")
        if self._ca is not None:
            context.load_verify_locations(self._ca)

    def _read(self) -> Pem:
        certificate = read_file(self._certificate, f"{self._prefix}_cert")
        key = read_file(self._key, f"{self._prefix}_key")
        ca = read_file(self._ca, self._ca_setting) if self._ca else None
        found = read_certificate(certificate, f"{self._prefix}_cert")
        try:
            private = serialization.load_pem_private_key(key, None)
        except (ValueError, TypeError):
            remedy = "Name a PEM file without a passphrase."
            raise InvalidInput.of(f"{self._prefix}_key", f"{self._key} is not a key", remedy) from None
        if self._key.stat().st_mode & stat.S_IRWXO:
            raise InvalidInput.of(f"{self._prefix}_key", f"{self._key} is open to all", f"Do: chmod o= {self._key}")
        if private.public_key() != found.public_key():
            reason = f"{self._key} is not the key of {self._certificate}"
            raise InvalidInput.of(f"{self._prefix}_key", reason, "Name the two files that were made together.")
        if found.not_valid_after_utc <= datetime.now(UTC):
            reason = f"{self._certificate} expired on {found.not_valid_after_utc:%Y-%m-%d}"
            raise InvalidInput.of(f"{self._prefix}_cert", reason, "Renew it: sdnctl certs renew server.")
        if ca is not None:
            read_certificate(ca, self._ca_setting)
        return Pem(certificate, key, ca)


class Contexts:
    """What TLS is made with at each handshake, for servers with threads: another context when the files were renewed.

    A context that is in use is never changed. Clients may show a certificate, and need not.
    """

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._lock = threading.Lock()
        self._context = files.context(optional=True)

    def __call__(self) -> ssl.SSLContext:
        """The present one; from any thread."""
        with self._lock:
            if self._files.renewed() is not None:
                self._context = self._files.context(optional=True)
            return self._context
