"""Checks and normal forms of one connection by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sdn.model.calendar import DAY, DAYS, MAX_OCCURRENCES, Calendar
from sdn.model.circuit import is_circuit_end
from sdn.model.errors import InvalidInput
from sdn.model.ids import Kind
from sdn.model.intent import Connection, Constraints
from sdn.model.request import Protect, Strategy
from sdn.store.circuits import check_circuit
from sdn.store.classifiers import check_classifier
from sdn.store.forms import no_repetition
from sdn.store.manyends import check_many, check_shared, network_end
from sdn.store.names import reference

MAX_BANDWIDTH = 10**15
MAX_CEILING = (2**32 - 1) * 1000
"""Bits/s: a band of a meter has 32 bits for kbit/s (OpenFlow 1.3.5, section 7.3.4.4)."""
NO_PATH = ("FAIL", "WAIT", "BEST_EFFORT")
MAX_PRIORITY = 7
MAX_TIME = 253_370_764_800
"""Unix time of the year 9999."""
PROTECTION_MODES = ("NONE", "PREFERRED", "REQUIRED")
MAX_CONSTRAINTS = 64
"""Entries of each list of a connection's constraints."""
MAX_CONSTRAINT_TEXT = 128
MAX_INCLUDED = 4
"""Things that a path is to use in any order, all three lists together: the search takes twice as long with each."""
_PATHS = ("explicit_path", "affine_to")
_EXCLUDED = ("exclude_switches", "exclude_links", "exclude_risk_groups")
_INCLUDED = ("include_switches", "include_links", "include_risk_groups")
_BOUNDS = {"max_latency_us": 10**9, "target_latency_us": 10**9, "max_hops": 65535, "max_cost": 2**40}


def check_connection(connection: Connection) -> dict[str, Any]:
    """The fields that have a normal form; raises InvalidInput."""
    ends: dict[str, Any] = {}
    if connection.sources or connection.targets or network_end(connection):
        ends = check_many(connection)
        a, b = ends["a"], ends["b"]
    elif is_circuit_end(connection.a) or is_circuit_end(connection.b):
        a, b = check_circuit(connection)
    else:
        a = reference("a", connection.a, connection.name, Kind.PORT)
        b = reference("b", connection.b, connection.name, Kind.PORT)
    if a == b:
        raise InvalidInput.of("b", f"both ends are {a}", "Name two different ports.")
    for field, least in (("bandwidth", 1), ("reverse", 0)):
        value = getattr(connection, field)
        if not least <= value <= MAX_BANDWIDTH:
            raise InvalidInput.of(field, f"{value} bits/s is out of range", f"Give {least} to {MAX_BANDWIDTH} bits/s.")
    _ceilings(connection)
    check_classifier(connection)
    _life(connection)
    _one_of("protection.mode", connection.protection.mode, PROTECTION_MODES)
    _one_of("protection.scope", connection.protection.scope, tuple(Protect))
    return {**ends, "a": a, "b": b, "constraints": _constraints(connection)}


def _ceilings(connection: Connection) -> None:
    reserved = connection.bandwidth, connection.reverse or connection.bandwidth
    for field, bandwidth in zip(("ceiling", "reverse_ceiling"), reserved, strict=True):
        value = getattr(connection, field)
        if not value:
            continue
        if value > MAX_CEILING:
            raise InvalidInput.of(field, f"{value} bits/s is out of range", f"Give at most {MAX_CEILING} bits/s, or 0.")
        if value < bandwidth:
            reason = f"{value} bits/s is less than the {bandwidth} bits/s that are reserved"
            raise InvalidInput.of(field, reason, "Give at least as much, or 0 for no ceiling.")
    check_shared(connection)


def _calendar(wish: Calendar) -> None:
    for field in ("start", "end"):
        value = getattr(wish, field)
        if not 0 <= value <= MAX_TIME:
            raise InvalidInput.of(f"calendar.{field}", f"{value} is out of range", "Give a time before the year 9999.")
    if wish.end and wish.end <= wish.start:
        raise InvalidInput.of("calendar.end", "it is not after the start", "Give a later time.")
    for index, day in enumerate(wish.days):
        _one_of(f"calendar.days[{index}]", day, DAYS)
    no_repetition("calendar.days", wish.days)
    if not wish.duration:
        if wish.days:
            raise InvalidInput.of("calendar.duration", "not given beside days", "Say how long each time lasts.")
        return
    if not 1 <= wish.duration <= DAY:
        raise InvalidInput.of("calendar.duration", f"{wish.duration} is out of range", f"Give 1 to {DAY} seconds.")
    if not wish.start or not wish.end:
        field = "end" if wish.start else "start"
        raise InvalidInput.of(f"calendar.{field}", "not given, and it recurs", "Say from when until when.")
    times = -1 if (wish.end - wish.start) // DAY > 7 * MAX_OCCURRENCES else len(tuple(wish.occurrences()))
    if not 0 <= times <= MAX_OCCURRENCES:
        raise InvalidInput.of("calendar.end", f"there are more than {MAX_OCCURRENCES} times", "Let it end earlier.")
    if not times:
        reason = "on none of them a time begins between start and end; days are those of UTC"
        raise InvalidInput.of("calendar.days", reason, "Name a day between them, or let it end later.")


def _life(connection: Connection) -> None:
    _calendar(connection.calendar)
    _one_of("no_path", connection.no_path, NO_PATH)
    for field in ("level", "priority", "hold"):
        value = getattr(connection, field)
        if not 0 <= value <= MAX_PRIORITY:
            raise InvalidInput.of(field, f"{value} is out of range", f"Give 0 to {MAX_PRIORITY}.")
    if 0 < connection.hold < connection.priority:
        reason = f"{connection.hold} is below the priority {connection.priority}: it could be displaced by its like"
        raise InvalidInput.of("hold", reason, "Give at least the priority, or leave it out.")


def _constraints(connection: Connection) -> Constraints:
    wish = connection.constraints
    for field, most in _BOUNDS.items():
        value = getattr(wish, field)
        if not 0 <= value <= most:
            raise InvalidInput.of(f"constraints.{field}", f"{value} is out of range", f"Give 0 to {most}.")
    _one_of("constraints.strategy", wish.strategy, tuple(Strategy))
    _one_of("constraints.diversity", wish.diversity, tuple(Protect))
    for field in (*_EXCLUDED, *_INCLUDED, "via", "diverse_from", *_PATHS):
        values = getattr(wish, field)
        if len(values) > MAX_CONSTRAINTS:
            reason = f"{len(values)} entries are more than {MAX_CONSTRAINTS}"
            raise InvalidInput.of(f"constraints.{field}", reason, "Name fewer.")
        no_repetition(f"constraints.{field}", values)
        for index, value in enumerate(values):
            if not value or len(value) > MAX_CONSTRAINT_TEXT or not value.isprintable():
                where = f"constraints.{field}[{index}]"
                raise InvalidInput.of(where, f"{value[:80]!r} is not a name", "Give a name of printable characters.")
    for field in ("via", *_INCLUDED) if wish.explicit_path else ():
        if getattr(wish, field):
            raise InvalidInput.of(f"constraints.{field}", "given beside explicit_path", "Leave out one of the two.")
    _check_included(wish)
    others = {field: _others(connection, field) for field in ("diverse_from", "affine_to")}
    both = set(others["diverse_from"]) & set(others["affine_to"])
    if both:
        reason = f"{min(both)} is also in diverse_from"
        raise InvalidInput.of("constraints.affine_to", reason, "Name it in one of the two.")
    if all(getattr(wish, field) == names for field, names in others.items()):
        return wish
    return replace(wish, diverse_from=others["diverse_from"], affine_to=others["affine_to"])


def _check_included(wish: Constraints) -> None:
    """What is to be used is little, and not excluded."""
    count = sum(len(getattr(wish, field)) for field in _INCLUDED)
    if count > MAX_INCLUDED:
        field = next(field for field in reversed(_INCLUDED) if getattr(wish, field))
        remedy = f"Keep to {MAX_INCLUDED} in all; name switches in their order as via, or the whole path."
        raise InvalidInput.of(f"constraints.{field}", f"{count} things to be used are too many", remedy)
    for included, excluded in zip(_INCLUDED, _EXCLUDED, strict=True):
        for index, value in enumerate(getattr(wish, included)):
            if value in getattr(wish, excluded):
                where = f"constraints.{included}[{index}]"
                raise InvalidInput.of(where, f"{value} is also in {excluded}", "Name it in one of the two.")


def _others(connection: Connection, field: str) -> tuple[str, ...]:
    """Full names of the connections that a field of the constraints names."""
    where = f"constraints.{field}"
    others = tuple(
        reference(f"{where}[{index}]", name, connection.name, Kind.CONNECTION)
        for index, name in enumerate(getattr(connection.constraints, field))
    )
    if connection.name in others:
        raise InvalidInput.of(where, "names the connection itself", "Name others.")
    no_repetition(where, others)
    return others


def _one_of(field: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InvalidInput.of(field, f"{value[:40]!r} is not known", f"Choose from {', '.join(known)}.")
