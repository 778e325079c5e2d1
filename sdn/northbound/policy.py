"""What every method of the API needs, and what every role has. This table is the whole policy.

Rules: a method that is not in the table is refused to everybody; tests/northbound/test_policy.py finds it. A new method
gets a line here, with what it needs, and whether it changes anything (then it is in the audit log). What a request says
is looked at in scope.py, for roles that concern some tenants alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from sdn.model.ids import Kind
from sdn.security.subjects import ADMIN, MEMBER, OPERATOR, TENANT_VIEWER, VIEWER


class Need(Enum):
    """What a caller needs to have; the value says it to people."""

    NOTHING = "nothing"
    IDENTITY = "to be known"
    READ = "to read objects"
    WRITE = "to write objects of tenants"
    EVENTS = "to read events"
    NETWORK = "to see switches, links, flows and the daemon"
    OPERATE = "to operate the network"
    ADMIN = "to administer"


@dataclass(frozen=True, slots=True)
class Rule:
    """need: of the caller; writes: whether the audit log has it."""

    need: Need
    writes: bool = False


def _objects(kind: Kind) -> dict[str, Rule]:
    service = f"/sdn.v1.{kind}Service"
    write = Rule(Need.ADMIN if kind is Kind.TENANT else Need.WRITE, writes=True)
    return {
        f"{service}/Get{kind}": Rule(Need.READ),
        f"{service}/List{kind}s": Rule(Need.READ),
        f"{service}/Watch{kind}s": Rule(Need.READ),
        f"{service}/Create{kind}": write,
        f"{service}/Update{kind}": write,
        f"{service}/Delete{kind}": write,
    }


POLICY: dict[str, Rule] = {
    **{method: rule for kind in Kind for method, rule in _objects(kind).items()},
    "/sdn.v1.ApplyService/Apply": Rule(Need.WRITE, writes=True),
    "/sdn.v1.EventService/ListEvents": Rule(Need.EVENTS),
    "/sdn.v1.EventService/WatchEvents": Rule(Need.EVENTS),
    "/sdn.v1.TopologyService/GetTopology": Rule(Need.NETWORK),
    "/sdn.v1.TopologyService/GetResilience": Rule(Need.NETWORK),
    "/sdn.v1.TopologyService/ListFlows": Rule(Need.NETWORK),
    "/sdn.v1.TopologyService/AuditSwitch": Rule(Need.OPERATE, writes=True),
    "/sdn.v1.TopologyService/SetMaintenance": Rule(Need.OPERATE, writes=True),
    "/sdn.v1.TopologyService/GetMaintenance": Rule(Need.NETWORK),
    "/sdn.v1.TopologyService/ForgetSwitch": Rule(Need.OPERATE, writes=True),
    "/sdn.v1.PathService/CheckConnection": Rule(Need.NETWORK),  # names what stands in the way
    "/sdn.v1.PathService/FindPaths": Rule(Need.NETWORK),
    "/sdn.v1.PathService/WhatIf": Rule(Need.NETWORK),
    "/sdn.v1.TraceService/TracePacket": Rule(Need.NETWORK),
    "/sdn.v1.TraceService/TracePacketLive": Rule(Need.OPERATE, writes=True),  # sends something into the network
    "/sdn.v1.SystemService/GetSystemStatus": Rule(Need.NETWORK),
    "/sdn.v1.CounterService/GetCounters": Rule(Need.READ),
    "/sdn.v1.CounterService/ListCounters": Rule(Need.READ),
    "/sdn.v1.CounterService/WatchCounters": Rule(Need.READ),
    "/sdn.v1.AdminService/GetLogLevels": Rule(Need.NETWORK),
    "/sdn.v1.AdminService/GetSettings": Rule(Need.OPERATE),  # says how the daemon is guarded
    "/sdn.v1.AdminService/SetLogLevel": Rule(Need.OPERATE, writes=True),
    "/sdn.v1.AdminService/Backup": Rule(Need.ADMIN, writes=True),  # it changes nothing, and hands out secrets
    "/sdn.v1.AdminService/Restore": Rule(Need.ADMIN, writes=True),
    "/sdn.v1.AccessService/WhoAmI": Rule(Need.IDENTITY),
    "/grpc.health.v1.Health/Check": Rule(Need.NOTHING),  # what watches daemons has no key
    "/grpc.health.v1.Health/List": Rule(Need.IDENTITY),
    "/grpc.health.v1.Health/Watch": Rule(Need.IDENTITY),
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": Rule(Need.IDENTITY),
}

_KNOWN = frozenset({Need.NOTHING, Need.IDENTITY})
_TENANT_READ = _KNOWN | {Need.READ, Need.EVENTS}
HAS: dict[str, frozenset[Need]] = {
    "": _KNOWN,
    ADMIN: frozenset(Need),
    OPERATOR: _TENANT_READ | {Need.NETWORK, Need.OPERATE},
    VIEWER: _TENANT_READ | {Need.NETWORK},
    MEMBER: _TENANT_READ | {Need.WRITE},
    TENANT_VIEWER: _TENANT_READ,
}
"""By role; '' is a certificate without one. member and tenant-viewer have it within their tenants alone."""


def allows(role: str, need: Need) -> bool:
    """Whether a role has what is needed."""
    return need in HAS.get(role, _KNOWN)


def roles_with(need: Need) -> tuple[str, ...]:
    """The roles that have it, for remedies."""
    return tuple(role for role, has in HAS.items() if role and need in has)
