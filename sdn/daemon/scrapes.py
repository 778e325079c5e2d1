"""Who may read metrics, from the settings.

Rules: metrics hold the names of all tenants and their traffic, so whoever reads them needs a role that sees the whole
network. Callers are asked who they are under the same conditions as those of the API. /healthz is open to all.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from sdn.daemon.config import Config, split_address
from sdn.model.errors import InvalidInput, PermissionDenied, SdnError, Unauthenticated
from sdn.security.access import Access
from sdn.security.auditlog import AuditLog, Record
from sdn.security.hosts import is_local
from sdn.security.subjects import ADMIN, OPERATOR, VIEWER
from sdn.security.tls import Contexts, tls_files

READERS = (ADMIN, OPERATOR, VIEWER)
"""Roles that may read metrics: those that see the whole network."""
_SETTINGS = "metrics_tls_cert, metrics_tls_key, and metrics_tls_client_ca or tokens"
_log = logging.getLogger("sdn.security")


@dataclass(frozen=True, slots=True)
class MetricsSecurity:
    """Where metrics are told. context: None for plain HTTP; admit: None lets everybody in."""

    host: str
    port: int
    context: Callable[[], ssl.SSLContext] | None
    admit: Callable[[str, str, str | None, bytes | None], None] | None


def secure_metrics(settings: Config, access: Access, audit: AuditLog | None = None) -> MetricsSecurity:
    """From the settings; raises InvalidInput naming the one to change.

    access, audit: of the API, whose tokens serve here too.
    """
    host, port = split_address(settings.metrics, "metrics")
    local, authority = is_local(host), settings.metrics_tls_client_ca
    tls = tls_files(
        *("metrics_tls", settings.metrics_tls_cert, settings.metrics_tls_key, authority, "metrics_tls_client_ca")
    )
    ways = bool(settings.tokens or authority)
    if settings.require_auth and not ways:
        reason = "require_auth is set, and nobody could say who it is"
        raise InvalidInput.of("metrics", reason, "Set tokens, or metrics_tls_cert, _key and _client_ca.")
    if not local and not settings.insecure and not (tls and ways):
        missing = "metrics_tls_cert is not set" if tls is None else "neither metrics_tls_client_ca nor tokens is set"
        remedy = (
            f"Set {_SETTINGS} (sdnctl certs init DIR makes a set), listen on 127.0.0.1 or [::1], "
            "or allow it with --insecure on a network that you trust."
        )
        raise InvalidInput.of(
            "metrics", f"{settings.metrics} can be reached from other machines, and {missing}", remedy
        )
    asks = settings.require_auth or (ways and (tls is not None or not local))
    if not local and not (tls and asks):
        who = "callers need a token" if asks else "anybody who reaches it can read them"
        what = "encrypted" if tls else "unencrypted"
        _log.warning("INSECURE: metrics are %s at %s, and %s (--insecure)", what, settings.metrics, who)
    admit = Admission(access, audit, certificates=bool(authority)) if asks else None
    return MetricsSecurity(host, port, Contexts(tls) if tls else None, admit)


class Admission:
    """audit: None for no log; certificates: whether those of clients are asked for."""

    def __init__(self, access: Access, audit: AuditLog | None = None, *, certificates: bool) -> None:
        self._access = access
        self._audit = audit
        self._certificates = certificates

    def __call__(self, path: str, peer: str, authorization: str | None, certificate: bytes | None) -> None:
        """Returns if the caller may read metrics; raises Unauthenticated or PermissionDenied, and notes it.

        authorization: the header; a token that is given decides. certificate: PEM, verified by TLS.
        """
        record = Record(f"GET {path}", peer)
        try:
            self._check(record, authorization, certificate)
        except SdnError as error:
            if self._audit is not None:
                denied = isinstance(error, PermissionDenied)
                record.code = "PERMISSION_DENIED" if denied else "UNAUTHENTICATED"
                record.reason = str(error.violations[0])
                self._audit.refuse(record)
            raise

    def _check(self, record: Record, authorization: str | None, certificate: bytes | None) -> None:
        access = self._access
        if authorization is not None:
            found = access.by_token(authorization)
        elif certificate is not None:
            found = access.holder(certificate)
        else:
            ways = "a client certificate or a bearer token" if self._certificates else "a bearer token"
            raise Unauthenticated.of("authorization", "it is not known who calls", f"Call with {ways}.")
        role = found.subject.role
        record.identity, record.role, record.source, record.key = found.subject.name, role, found.source, found.key
        if role not in READERS:
            reason = f"{found.subject.name} has {f'the role {role}' if role else 'no role'}, which sees no metrics"
            raise PermissionDenied.of("", reason, f"Call as {', '.join(READERS[:-1])} or {READERS[-1]}.")
