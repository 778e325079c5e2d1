"""Which connections stay on what operators have drained, and why."""

from __future__ import annotations

from collections.abc import Callable

from sdn.controller.connections.placing import Placer
from sdn.model.intent import Connection
from sdn.model.request import Exclusion

PlacedAs = Callable[[str], Connection | None]
"""A connection by name as its path is sought; None where there is none."""


def staying(placer: Placer, placed_as: PlacedAs, avoided: Exclusion, limit: int) -> list[tuple[str, str]]:
    """Connections that are on what is drained, and why. At most so many. O(reservations + searches)."""
    names = {key for key, held in placer.ledger.items() if placed_as(key) is not None}
    on_it = sorted(n for n in names if (r := placer.routes(n)) and placer.uses(r.primary, avoided))
    return [(name, _why(placer, placed_as(name))) for name in on_it[:limit]]


def _why(placer: Placer, connection: Connection | None) -> str:
    routes = None if connection is None else placer.routes(connection.name)
    if connection is None or routes is None:
        return ""
    ends = routes.primary.switches[0], routes.primary.switches[-1]
    return placer.why_not_elsewhere(placer.demands.of(connection, *ends))
