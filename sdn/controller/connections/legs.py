"""The state of a connection of many ends: that of its legs, the worst first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sdn.model.intent import Connection
from sdn.model.status import LegStatus, State, Status
from sdn.store import Store

_WORST = (State.FAILED, State.REJECTED, State.DEGRADED, State.PENDING, State.ADMITTED, State.PROGRAMMED, State.VERIFIED)
"""Of several legs the first of these that one is in is the state of the whole; EXPIRED when all are."""
_AWAY = "EndNotAttached"
_NAMED = 5


def status_of_legs(store: Store, connection: Connection, status_of: Callable[[Connection], Status]) -> Status:
    """What is said of a connection of many ends. O(its legs).

    Ports of a network that are attached nowhere have nothing to be connected and do not count, unless that are all.
    A leg that is refused does not refuse the whole while another one has a path: it is DEGRADED then.
    """
    legs = []
    for name in store.legs(connection.name):
        leg = store.objects[name]
        assert isinstance(leg, Connection)
        status = status_of(leg)
        port = leg.b if connection.a else leg.a
        if connection.network:
            port = leg.b if connection.network == connection.b else leg.a
        legs.append(LegStatus(name, port, status.state, status.reason, status.message, status.path))
    return replace(_judged(connection, legs), legs=tuple(legs))


def _judged(connection: Connection, legs: list[LegStatus]) -> Status:
    counted = [leg for leg in legs if not connection.network or leg.reason != _AWAY] or legs
    if not counted:
        return Status(State.PENDING, "NoLegs", f"{connection.network} has no other ports yet.")
    state = next((one for one in _WORST if any(leg.state is one for leg in counted)), State.EXPIRED)
    worst = [leg for leg in counted if leg.state is state and (leg.reason or state is not State.PROGRAMMED)]
    if state is State.REJECTED and any(leg.path for leg in counted):
        state = State.DEGRADED
    if connection.left_out and state in (State.PROGRAMMED, State.VERIFIED):
        message = f"{connection.left_out} more ports of {connection.network} have no leg: there are too many."
        return Status(State.DEGRADED, "TooManyLegs", message)
    if state in (State.PROGRAMMED, State.VERIFIED, State.EXPIRED) and not any(leg.reason for leg in worst):
        return Status(state)
    if not worst:
        return Status(state)
    shown = "; ".join(f"{leg.port.rpartition('/')[2]}: {leg.message or leg.reason}" for leg in worst[:_NAMED])
    more = f"; and {len(worst) - _NAMED} more" if len(worst) > _NAMED else ""
    reason = next((leg.reason for leg in worst if leg.reason), "")
    return Status(state, reason, f"{len(worst)} of {len(counted)} legs: {shown}{more}")
