"""What connections ask for, and how it is said that they cannot have it."""

from __future__ import annotations

from dataclasses import replace

from sdn.model.errors import SdnError, Violation
from sdn.model.intent import Connection, Resource
from sdn.model.status import State
from sdn.store import Change

WITHOUT = {"FAIL": State.REJECTED, "WAIT": State.PENDING, "BEST_EFFORT": State.DEGRADED}
"""The state of a connection that never had a path, by what it asks for."""
REASONS = {
    "bandwidth": "NoCapacity",
    "ceiling": "NoMeter",
    "": "NoPath",
    "path_numbers": "NoPathNumbers",
    "explicit_path": "PathNotThere",
    "protection": "NoProtection",
    "constraints": "UnknownName",
    "calendar": "TimeOver",
    "max_latency": "LatencyTooHigh",
    "max_hops": "TooManyHops",
    "max_cost": "CostTooHigh",
    "exclude": "Excluded",
    "via": "WaypointsNotPossible",
    "include_switches": "NotIncluded",
    "include_links": "NotIncluded",
    "include_risk_groups": "NotIncluded",
}
"""By the first part of the field that stands in the way, without an index."""


def reason_of(violation: Violation) -> str:
    """Why a connection has no path, in one word."""
    return violation.word or REASONS.get(violation.field.partition(".")[0].partition("[")[0], "NotPossible")


def is_placed(resource: Resource | None) -> bool:
    """Whether this is a connection with paths of its own, and not one that has legs."""
    return isinstance(resource, Connection) and not resource.many


def pinned_to(connection: Connection, pin: tuple[str, ...]) -> Connection:
    """A connection with the path to which it is pinned (() if it is not) as the only one that it asks for."""
    if not pin:
        return connection
    # What the path was to pass or use is on it; what it was to avoid may have come to it since.
    free = replace(connection.constraints, via=(), include_switches=(), include_links=(), include_risk_groups=())
    return replace(connection, constraints=replace(free, explicit_path=pin))


def asks_anew(change: Change) -> bool:
    """Whether this is a connection for which admission has to decide again, or which ends."""
    old, new = change
    if not isinstance(new or old, Connection) or any(isinstance(one, Connection) and one.many for one in change):
        return False
    if not isinstance(old, Connection) or not isinstance(new, Connection):
        return True
    return any(
        getattr(old, field) != getattr(new, field)
        for field in ("a", "b", "bandwidth", "reverse", "constraints", "protection", "calendar")
    )


_FIELDS = {
    "max_latency": "constraints.max_latency_us",
    "max_hops": "constraints.max_hops",
    "max_cost": "constraints.max_cost",
    "exclude": "constraints",
    "via": "constraints.via",
    "path_numbers": "",
    "explicit_path": "constraints.explicit_path",
    "include_switches": "constraints.include_switches",
    "include_links": "constraints.include_links",
    "include_risk_groups": "constraints.include_risk_groups",
}
"""Fields of a PathRequest as those of a connection; others are called the same."""


def placed(error: SdnError, prefix: str) -> SdnError:
    """An error of a search with its fields as those of the connection, behind a prefix, and its reasons as words."""
    violations = (replace(v, field=(prefix + _field(v.field)).rstrip("."), word=reason_of(v)) for v in error.violations)
    return type(error)(*violations)


def _field(field: str) -> str:
    name, bracket, index = field.partition("[")
    return _FIELDS.get(name, name) + bracket + index
