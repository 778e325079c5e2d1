"""Who a certificate stands for, written into it as URIs beside the common name:

``urn:sdn:role:ROLE`` and ``urn:sdn:tenant:ID`` for a client, ``urn:sdn:switch:DPID`` (16 hexadecimal digits) for a
switch. Anything else in a certificate gives no right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sdn.model.errors import InvalidInput, SdnError
from sdn.model.ids import Dpid, Kind, format_dpid, parse_dpid, parse_name

ADMIN, OPERATOR, VIEWER, MEMBER, TENANT_VIEWER = "admin", "operator", "viewer", "member", "tenant-viewer"
ROLES = (ADMIN, OPERATOR, VIEWER, MEMBER, TENANT_VIEWER)
SCOPED = (MEMBER, TENANT_VIEWER)
"""Roles that concern the tenants of their holder alone."""
MAX_TENANTS = 100
MAX_SWITCHES = 1000
NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9@._-]{0,61}[A-Za-z0-9])?")
_PREFIX = "urn:sdn:"


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a certificate or token stands for. role: '' for none; tenants: ids; switches: datapath ids."""

    name: str
    role: str = ""
    tenants: tuple[str, ...] = ()
    switches: tuple[Dpid, ...] = ()

    def uris(self) -> tuple[str, ...]:
        """The names of it in a certificate."""
        role = [f"{_PREFIX}role:{self.role}"] if self.role else []
        tenants = (f"{_PREFIX}tenant:{tenant}" for tenant in self.tenants)
        return (*role, *tenants, *(f"{_PREFIX}switch:{format_dpid(dpid)}" for dpid in self.switches))


def check_subject(subject: Subject) -> Subject:
    """The subject of a client or switch to be, its tenants in order; raises InvalidInput."""
    if not NAME.fullmatch(subject.name):
        remedy = "Use 1 to 63 letters, digits, '@', '.', '_' and '-', a letter or digit first and last."
        raise InvalidInput.of("name", f"{subject.name[:80]!r} does not do", remedy)
    if subject.role and subject.role not in ROLES:
        raise InvalidInput.of("role", f"{subject.role[:80]!r} is no role", f"Choose from {', '.join(ROLES)}.")
    if subject.role in SCOPED and not subject.tenants:
        raise InvalidInput.of("tenants", f"a {subject.role} needs tenants", "Name at least one.")
    if subject.role not in SCOPED and subject.tenants:
        reason = f"the role {subject.role} concerns all tenants" if subject.role else "tenants without a role"
        raise InvalidInput.of("tenants", reason, f"Leave them out, or give the role {' or '.join(SCOPED)}.")
    if len(subject.tenants) > MAX_TENANTS or len(subject.switches) > MAX_SWITCHES:
        remedy = f"Name at most {MAX_TENANTS} tenants and {MAX_SWITCHES} switches."
        raise InvalidInput.of("tenants" if subject.tenants else "switches", "too many", remedy)
    for tenant in subject.tenants:
        parse_name(f"tenants/{tenant}", "tenants", Kind.TENANT)
    return Subject(subject.name, subject.role, tuple(sorted(set(subject.tenants))), subject.switches)


def subject_of(common_name: str, uris: Iterable[str]) -> Subject:
    """Who a certificate with these names stands for. What is not right as a whole gives no right at all."""
    words: dict[str, list[str]] = {"role": [], "tenant": [], "switch": []}
    for uri in uris:
        kind, _, value = uri.removeprefix(_PREFIX).partition(":")
        if uri.startswith(_PREFIX) and kind in words:
            words[kind].append(value)
    nobody = Subject(common_name)
    if len(words["role"]) > 1:
        return nobody
    try:
        switches = tuple(parse_dpid(text) for text in words["switch"])
        found = Subject(common_name, "".join(words["role"]), tuple(words["tenant"]), switches)
        return check_subject(found)
    except SdnError:
        return nobody
