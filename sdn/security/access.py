"""Who calls: from a token or a client certificate to an identity, and whether that identity still holds.

Rules: a token that is given decides, and a wrong one is refused even where a certificate, or nothing, would have done.
The file of tokens is read anew when it changed; where that fails nobody is let in by it (it fails closed).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cryptography import x509

from sdn.model.errors import InvalidInput, SdnError, Unauthenticated
from sdn.security.authority import subject_in
from sdn.security.subjects import ADMIN, Subject
from sdn.security.tokens import Tokens, load_tokens
from sdn.security.watched import Watched

_log = logging.getLogger("sdn.security")
_SCHEME = "bearer "


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls. source: 'local', 'token' or 'certificate'; key: a token's id or a certificate's serial number.

    expires: Unix time in seconds, None for never.
    """

    subject: Subject
    source: str
    key: str = ""
    expires: float | None = None


LOCAL = Identity(Subject("local", ADMIN), "local")
"""Callers that are not asked who they are: those of this machine, unless the settings demand it."""


class Access:
    """tokens: the file, None for none; anonymous: who callers are that say nothing, None to refuse them.

    now: Unix time in seconds. Raises InvalidInput when the file cannot be read, or has a wrong line, at the beginning.
    """

    def __init__(
        self,
        tokens: Path | None = None,
        *,
        anonymous: Identity | None = LOCAL,
        certificates: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._file = tokens
        self._now = now
        self.anonymous = anonymous
        self.certificates = certificates
        """Whether clients show certificates that TLS has verified."""
        self.changed: Callable[[], None] = lambda: None
        """Called after the file was read anew."""
        self._watched = Watched([tokens] if tokens else [])
        self._tokens = load_tokens(tokens) if tokens else Tokens()
        if self._tokens.wrong:
            raise InvalidInput(*self._tokens.wrong)

    def refresh(self, *, force: bool = False) -> None:
        """Read the file of tokens anew if it changed, or in any case."""
        if self._file is None or not (self._watched.changed() or force):
            return
        try:
            self._tokens = load_tokens(self._file)
        except SdnError as error:
            self._tokens = Tokens(revoked=self._tokens.revoked, wrong=error.violations)
        for violation in self._tokens.wrong:
            _log.error("token refused until this is corrected: %s", violation)
        _log.info("tokens read", extra={"fields": {"tokens": len(self._tokens.by_id)}})
        self.changed()

    def barred(self, serial: str) -> bool:
        """Whether the certificate with this serial number (hexadecimal) was revoked."""
        return serial in self._tokens.revoked

    def by_token(self, authorization: str) -> Identity:
        """The identity in the value of an Authorization header; raises Unauthenticated."""
        if not authorization.lower().startswith(_SCHEME):
            raise Unauthenticated.of("authorization", "not a bearer token", "Send 'authorization: Bearer TOKEN'.")
        token = self._tokens.find(authorization[len(_SCHEME) :].strip())
        if token is None:
            reason = "the token is not known, or was revoked"
            raise Unauthenticated.of("authorization", reason, "Ask an administrator for a token (sdnctl tokens new).")
        found = Identity(token.subject, "token", token.id, token.expires)
        self._check_time(found, "authorization")
        return found

    def by_certificate(self, pem: bytes | None) -> Identity:
        """The identity of a client certificate that TLS has verified, or of nobody; raises Unauthenticated."""
        if pem is None or not self.certificates:
            if self.anonymous is None:
                ways = "a client certificate" if self.certificates else "a token"
                raise Unauthenticated.of("", "it is not known who calls", f"Call with {ways} (sdnctl --help: access).")
            return self.anonymous
        return self.holder(pem)

    def holder(self, pem: bytes) -> Identity:
        """The identity of a client certificate that TLS has verified, also where the API asks for none.

        Raises Unauthenticated for one that was revoked or has expired.
        """
        found = _identity_of(pem)
        if found.key in self._tokens.revoked:
            raise Unauthenticated.of("certificate", "revoked", "Ask an administrator for a new one.")
        self._check_time(found, "certificate")
        return found

    def holds(self, identity: Identity) -> bool:
        """Whether an identity would be let in now."""
        if identity.expires is not None and identity.expires <= self._now():
            return False
        if identity.source == "token":
            token = self._tokens.by_id.get(identity.key)
            return token is not None and (token.subject, token.expires) == (identity.subject, identity.expires)
        return identity.source != "certificate" or identity.key not in self._tokens.revoked

    def _check_time(self, identity: Identity, field: str) -> None:
        if identity.expires is not None and identity.expires <= self._now():
            raise Unauthenticated.of(field, "expired", "Ask an administrator for a new one.")


@lru_cache(maxsize=1024)
def _identity_of(pem: bytes) -> Identity:
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError:
        raise Unauthenticated.of("certificate", "cannot be read", "Make it with sdnctl certs client.") from None
    expires = certificate.not_valid_after_utc.timestamp()
    return Identity(subject_in(certificate), "certificate", f"{certificate.serial_number:x}", expires)
