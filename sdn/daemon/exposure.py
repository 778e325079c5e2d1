"""What the settings say of security: files read, and no start when strangers could reach something that is open."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from sdn.daemon.config import Config, split_address
from sdn.model.errors import InvalidInput
from sdn.security.access import LOCAL, Access
from sdn.security.auditlog import AuditLog
from sdn.security.hosts import is_local
from sdn.security.tls import TlsFiles, tls_files

_log = logging.getLogger("sdn.security")


@dataclass(frozen=True, slots=True)
class ApiSecurity:
    """Of the API: tls None for none, audit None for no log."""

    tls: TlsFiles | None
    access: Access
    audit: AuditLog | None


@dataclass(frozen=True, slots=True)
class SwitchSecurity:
    """Of the side of switches, or of their databases: where it listens; tls None for none."""

    host: str
    port: int
    tls: TlsFiles | None


def secure_openflow(settings: Config) -> SwitchSecurity:
    """From the settings; raises InvalidInput naming the one to change."""
    host, port = split_address(settings.openflow, "openflow")
    tls = _switch_tls(settings)
    if tls is None and not is_local(host):
        if not settings.insecure:
            reason = f"{settings.openflow} can be reached from other machines, where anybody could pose as a switch"
            remedy = (
                "Set openflow_tls_cert, openflow_tls_key and openflow_tls_ca (sdnctl certs init DIR makes a set), "
                "listen on 127.0.0.1 or [::1], or allow it with --insecure on a network that you trust."
            )
            raise InvalidInput.of("openflow", reason, remedy)
        _log.warning("INSECURE: anybody who reaches %s can pose as a switch (--insecure)", settings.openflow)
    return SwitchSecurity(host, port, tls)


def secure_ovsdb(settings: Config) -> SwitchSecurity:
    """Where databases of switches connect, with the certificates of OpenFlow; raises InvalidInput."""
    host, port = split_address(settings.ovsdb, "ovsdb")
    tls = _switch_tls(settings)
    if tls is None and not is_local(host):
        if not settings.insecure:
            reason = f"{settings.ovsdb} can be reached from other machines, where anybody could say where hosts are"
            remedy = (
                "Set openflow_tls_cert, openflow_tls_key and openflow_tls_ca, which serve databases too (sdnctl certs "
                "init DIR makes a set), listen on 127.0.0.1 or [::1], or allow it with --insecure on a network that "
                "you trust."
            )
            raise InvalidInput.of("ovsdb", reason, remedy)
        _log.warning("INSECURE: anybody who reaches %s can say where hosts are (--insecure)", settings.ovsdb)
    return SwitchSecurity(host, port, tls)


def _switch_tls(settings: Config) -> TlsFiles | None:
    names = ("openflow_tls_cert", "openflow_tls_key", "openflow_tls_ca")
    given = {name: getattr(settings, name) for name in names}
    if not any(given.values()):
        return None
    for name, value in given.items():
        if not value:
            raise InvalidInput.of(name, "not set, and another of the three is", f"Set {', '.join(names)} together.")
    certificate, key, ca = (Path(value) for value in given.values())
    return TlsFiles("openflow_tls", certificate, key, ca, names[2])


def secure_api(settings: Config) -> ApiSecurity:
    """From the settings; raises InvalidInput naming the one to change."""
    tls = tls_files("tls", settings.tls_cert, settings.tls_key, settings.tls_client_ca, "tls_client_ca")
    local = settings.grpc.startswith("unix:") or is_local(split_address(settings.grpc, "grpc")[0])
    ways = bool(settings.tokens or settings.tls_client_ca)
    if settings.require_auth and not ways:
        remedy = "Set tokens, or tls_client_ca with tls_cert and tls_key, so that somebody can."
        raise InvalidInput.of("require_auth", "nobody could say who it is", remedy)
    if not local and not settings.insecure:
        _refuse_open(settings.grpc, tls is not None, ways)
    asks = settings.require_auth or (ways and (tls is not None or not local))
    if not local and (tls is None or not asks):
        what = "unencrypted" if tls is None else "encrypted"
        who = "callers need a token" if asks else "anybody who reaches it administers the network"
        _log.warning("INSECURE: the API is %s at %s, and %s (--insecure)", what, settings.grpc, who)
    tokens = Path(settings.tokens) if settings.tokens else None
    access = Access(tokens, anonymous=None if asks else LOCAL, certificates=bool(settings.tls_client_ca))
    audit = AuditLog(Path(settings.audit_log)) if settings.audit_log else None
    return ApiSecurity(tls, access, audit)


def _refuse_open(address: str, encrypted: bool, ways: bool) -> None:
    reached = f"{address} can be reached from other machines, "
    if not encrypted:
        remedy = (
            "Set tls_cert and tls_key, and tls_client_ca or tokens (sdnctl certs init DIR makes a set), listen on "
            "127.0.0.1, [::1] or a unix socket, or allow it with --insecure on a network that you trust."
        )
        raise InvalidInput.of("grpc", reached + "and tls_cert is not set", remedy)
    if not ways:
        remedy = "Set tls_client_ca or tokens, or allow it with --insecure on a network that you trust."
        raise InvalidInput.of("grpc", reached + "and neither tls_client_ca nor tokens is set", remedy)
