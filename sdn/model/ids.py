"""Names of resources and datapath ids.

Resource names follow the form ``tenants/T`` and ``tenants/T/COLLECTION/ID`` (https://google.aip.dev/122).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from sdn.model.errors import InvalidInput, Thing

Dpid = NewType("Dpid", int)
"""OpenFlow datapath id, 64 bits."""

_ID = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")
_DPID = re.compile(r"(?:0x)?([0-9a-fA-F]{1,16})")


class Kind(StrEnum):
    """The kinds of resources; the value is the word used in manifests."""

    TENANT = "Tenant"
    NETWORK = "Network"
    SUBNET = "Subnet"
    ROUTER = "Router"
    PORT = "Port"
    CONNECTION = "Connection"

    @property
    def collection(self) -> str:
        """The plural in resource names: ``networks``."""
        return self.value.lower() + "s"


COLLECTIONS = {kind.collection: kind for kind in Kind}


@dataclass(frozen=True, slots=True)
class Ref:
    """A parsed resource name."""

    kind: Kind
    tenant: str
    id: str

    def __str__(self) -> str:
        if self.kind is Kind.TENANT:
            return f"tenants/{self.id}"
        return f"tenants/{self.tenant}/{self.kind.collection}/{self.id}"


def parse_name(name: str, field: str = "name", kind: Kind | None = None) -> Ref:
    """Parse a full resource name.

    Raises InvalidInput naming ``field`` when the form or the kind (if given) is wrong.
    """
    parts = name.split("/")
    ref: Ref | None = None
    if len(parts) == 2 and parts[0] == "tenants":
        ref = Ref(Kind.TENANT, parts[1], parts[1])
    elif len(parts) == 4 and parts[0] == "tenants" and parts[2] in COLLECTIONS and parts[2] != "tenants":
        ref = Ref(COLLECTIONS[parts[2]], parts[1], parts[3])
    expected = "tenants/T" if kind is Kind.TENANT else f"tenants/T/{kind.collection if kind else 'COLLECTION'}/ID"
    if ref is None or (kind is not None and ref.kind is not kind):
        raise InvalidInput.of(field, f"{name!r} is not a name of the form {expected}", f"Write it as {expected}.")
    for part in (ref.tenant, ref.id):
        if not _ID.fullmatch(part):
            raise InvalidInput.of(
                field,
                f"{part!r} in {name!r} is not an id",
                "Use 1 to 63 of a-z, 0-9, '.', '_' and '-', beginning and ending with a letter or digit.",
            )
    return ref


def thing_of(name: str) -> Thing:
    """The object of a full name, for errors; without a kind if it is no name."""
    try:
        return Thing(parse_name(name).kind.value, name)
    except InvalidInput:
        return Thing("", name)


def qualify(name: str, tenant: str, kind: Kind) -> str:
    """Complete a short reference within a tenant: ``web`` becomes ``tenants/T/networks/web``."""
    if not name or "/" in name:
        return name
    return str(Ref(kind, tenant, name))


def format_dpid(dpid: int) -> str:
    """16 hexadecimal digits, as ovs-vsctl and Mininet write it."""
    return f"{dpid:016x}"


def parse_dpid(text: str, field: str = "dpid") -> Dpid:
    """Parse hexadecimal digits, with or without ``0x``; raises InvalidInput."""
    match = _DPID.fullmatch(text)
    if match is None or int(match[1], 16) == 0:
        raise InvalidInput.of(field, f"{text!r} is not a datapath id", "Give 1 to 16 hexadecimal digits, not all zero.")
    return Dpid(int(match[1], 16))
