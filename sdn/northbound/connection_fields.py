"""Constraints, protection and classifiers of connections, message ⇄ model. The store knows their rules."""

from __future__ import annotations

from typing import Any

from sdn.model import intent
from sdn.model.calendar import ALWAYS, DAYS, Calendar
from sdn.northbound import check
from sdn.northbound.check import Problems
from sdn.v1 import resources_pb2 as pb

_LISTS = (
    "exclude_switches",
    "exclude_links",
    "exclude_risk_groups",
    "include_switches",
    "include_links",
    "include_risk_groups",
    "via",
    "diverse_from",
    "explicit_path",
    "affine_to",
)
_PREFIXES = ("a_prefix", "b_prefix")
_CLASS_NUMBERS = ("ip_version", "protocol", "a_port", "b_port", "precedence")
_NUMBERS = ("max_latency_us", "target_latency_us", "max_hops", "max_cost")


def read_constraints(message: pb.Constraints, path: str, problems: Problems) -> intent.Constraints:
    """path: prefix of fields, with its dot."""
    values: dict[str, Any] = {field: getattr(message, field) for field in _NUMBERS}
    values |= {field: tuple(getattr(message, field)) for field in _LISTS}
    return intent.Constraints(
        **values,
        pinned=message.pinned,
        strategy=word(message, "strategy", "COST", path, problems),
        diversity=word(message, "diversity", "LINK", path, problems),
    )


def write_constraints(value: intent.Constraints, message: pb.Constraints) -> None:
    """Fields that were not given stay so, but for the choices."""
    for field in _NUMBERS:
        setattr(message, field, getattr(value, field))
    for field in _LISTS:
        getattr(message, field).extend(getattr(value, field))
    message.pinned = value.pinned
    message.strategy = pb.PathStrategy.Value(value.strategy)
    message.diversity = pb.Scope.Value(value.diversity)


def read_protection(message: pb.Protection, path: str, problems: Problems) -> intent.Protection:
    """path: prefix of fields, with its dot."""
    return intent.Protection(
        mode=word(message, "mode", "NONE", path, problems), scope=word(message, "scope", "LINK", path, problems)
    )


def write_protection(value: intent.Protection, message: pb.Protection) -> None:
    """Both choices as they are."""
    message.mode = pb.ProtectionMode.Value(value.mode)
    message.scope = pb.Scope.Value(value.scope)


def read_classifier(message: pb.Connection, path: str, problems: Problems) -> intent.Classifier | None:
    """Of a connection; None if it has none. path: prefix of fields, with its dot."""
    if not message.HasField("classifier"):
        return None
    wish = message.classifier
    prefixes: dict[str, Any] = {
        field: check.prefix(getattr(wish, field), f"{path}{field}", problems) if getattr(wish, field) else None
        for field in _PREFIXES
    }
    numbers = {field: getattr(wish, field) for field in _CLASS_NUMBERS}
    return intent.Classifier(**numbers, **prefixes, dscp=wish.dscp if wish.HasField("dscp") else -1)


def write_classifier(value: intent.Classifier, message: pb.Classifier) -> None:
    """Fields that were not given stay so."""
    message.SetInParent()
    for field in _CLASS_NUMBERS:
        setattr(message, field, getattr(value, field))
    for field in _PREFIXES:
        prefix = getattr(value, field)
        setattr(message, field, "" if prefix is None else str(prefix))
    if value.dscp >= 0:
        message.dscp = value.dscp


def read_life(message: pb.Connection, path: str, problems: Problems) -> dict[str, Any]:
    """What is said about when there is a path and when there is none."""
    return {
        "calendar": _read_calendar(message.calendar, f"{path}calendar.", problems),
        "no_path": word(message, "no_path", "FAIL", path, problems),
        "level": message.service_level,
        "priority": message.priority,
        "hold": message.hold_priority,
    }


def write_life(value: intent.Connection, message: pb.Connection) -> None:
    """The same, as it is."""
    if value.calendar != ALWAYS:
        _write_calendar(value.calendar, message.calendar)
    message.no_path = pb.NoPath.Value(value.no_path)
    message.service_level, message.priority, message.hold_priority = value.level, value.priority, value.hold


def _read_calendar(message: pb.Calendar, path: str, problems: Problems) -> Calendar:
    times = {}
    for field in ("start", "end"):
        seconds, nanos = getattr(message, field).seconds, getattr(message, field).nanos
        if nanos or (message.HasField(field) and seconds <= 0):
            problems.add(f"{path}{field}", "is not a time in whole seconds after 1970", "Leave out parts of a second.")
        times[field] = seconds
    days = []
    for index, number in enumerate(message.days):
        if number == 0 or number not in pb.Weekday.values():
            problems.add(f"{path}days[{index}]", f"{number} is not known", f"Choose from {', '.join(DAYS)}.")
        else:
            days.append(pb.Weekday.Name(number))
    return Calendar(**times, duration=message.duration_s, days=tuple(days))


def _write_calendar(value: Calendar, message: pb.Calendar) -> None:
    if value.start:
        message.start.seconds = value.start
    if value.end:
        message.end.seconds = value.end
    message.duration_s = value.duration
    message.days.extend(pb.Weekday.Value(day) for day in value.days)


LIFE = {
    "calendar": "calendar",
    "no_path": "no_path",
    "service_level": "level",
    "priority": "priority",
    "hold_priority": "hold",
}
"""Path in the message → field of the model."""


def word(message: Any, field: str, default: str, path: str, problems: Problems) -> str:
    """The name of an enum's value; the first value means that it was not given. path: prefix of fields."""
    number = getattr(message, field)
    values = message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number
    if number == 0:
        return default
    if number not in values:
        known = ", ".join(value.name for value in values.values() if value.number)
        problems.add(f"{path}{field}", f"{number} is not known", f"Choose from {known}.")
        return default
    name: str = values[number].name
    return name
