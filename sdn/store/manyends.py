"""What a connection of many ends may say."""

from __future__ import annotations

from typing import Any

from sdn.model.circuit import is_circuit_end
from sdn.model.errors import InvalidInput
from sdn.model.ids import Kind
from sdn.model.intent import Connection
from sdn.store.circuits import check_rooted
from sdn.store.forms import no_repetition
from sdn.store.names import reference

MAX_ENDS = 64
"""Ends named in one list."""
_NETWORKS = "/networks/"


def network_end(connection: Connection) -> str:
    """The field of the end that is a network, '' if none is."""
    return next((field for field in ("a", "b") if _NETWORKS in getattr(connection, field)), "")


def check_many(connection: Connection) -> dict[str, Any]:
    """Its ends in normal form; raises InvalidInput."""
    side = _side(connection)
    other = "a" if side in ("b", "targets") else "b"
    hub = getattr(connection, other)
    if any(map(is_circuit_end, (hub, *connection.sources, *connection.targets))):
        return _circuit(connection, other, side)
    if _NETWORKS in hub:
        remedy = "Name one port there; a mesh between many ends is many connections."
        raise InvalidInput.of(other, "there are many ends at the other side as well", remedy)
    values: dict[str, Any] = {"a": "", "b": "", other: reference(other, hub, connection.name, Kind.PORT)}
    if side in ("a", "b"):
        values[side] = reference(side, getattr(connection, side), connection.name, Kind.NETWORK)
    else:
        ports = getattr(connection, side)
        _check_number(side, len(ports))
        ports = tuple(
            reference(f"{side}[{index}]", port, connection.name, Kind.PORT) for index, port in enumerate(ports)
        )
        no_repetition(side, ports)
        if values[other] in ports:
            field = f"{side}[{ports.index(values[other])}]"
            raise InvalidInput.of(field, f"{values[other]} is the other end", "Name other ports.")
        values[side] = ports
    _check_rest(connection, len(connection.sources) + len(connection.targets))
    return values


def _circuit(connection: Connection, root: str, side: str) -> dict[str, Any]:
    """The ends of a circuit. root: the field of the one end; side: that of the many."""
    if side in ("a", "b"):
        remedy = "Name interfaces of switches there, in sources or targets."
        raise InvalidInput.of(side, "a network is no end of a circuit", remedy)
    _check_number(side, len(getattr(connection, side)))
    ends = check_rooted(connection, root, side)
    _check_rest(connection, len(getattr(connection, side)))
    return {"a": "", "b": "", **ends}


def _check_number(side: str, ends: int) -> None:
    if ends > MAX_ENDS:
        raise InvalidInput.of(side, f"{ends} ends are too many", f"Keep to {MAX_ENDS}.")


def _side(connection: Connection) -> str:
    """The field with the many ends; all other fields of that side, and the other list, are empty."""
    given = [field for field in ("sources", "targets") if getattr(connection, field)]
    network = network_end(connection)
    if len(given) == 2:
        raise InvalidInput.of(
            "targets", "given beside sources", "Give several ports at one side, and one at the other."
        )
    if not given:
        return network
    single = "a" if given[0] == "sources" else "b"
    if getattr(connection, single):
        raise InvalidInput.of(single, f"given beside {given[0]}", "Leave out one of the two.")
    return given[0]


def _check_rest(connection: Connection, ports: int) -> None:
    """ports: how many are named at the side of the many, 0 of a network."""
    if connection.constraints.explicit_path and ports != 1:
        reason = "one path cannot lead to several ends"
        remedy = (
            "Name switches or links that all legs pass (via, include_links), keep each leg on its first path (pinned), "
            "or connect the ports one by one."
        )
        raise InvalidInput.of("constraints.explicit_path", reason, remedy)


def check_shared(connection: Connection) -> None:
    """Whether there is a ceiling that all legs can share; raises InvalidInput."""
    if not connection.shared_ceiling or connection.leg_of:
        return
    if not connection.many:
        reason = "a connection of two ends has no legs that could share a ceiling"
        raise InvalidInput.of("shared_ceiling", reason, "Leave it out.")
    field = "ceiling" if connection.from_one else "reverse_ceiling"
    if not getattr(connection, field):
        reason = "the one port has no ceiling for what it sends"
        remedy = (
            "Give that ceiling, or leave this out: what the many send is held where each of them is, "
            "and no switch can hold all of it together."
        )
        raise InvalidInput.of(field, reason, remedy)
