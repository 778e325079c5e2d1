"""What is done for all connections when the daemon starts, before any of them is looked at: they come in turns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from sdn.controller.circuits import Ends
from sdn.controller.edges import Edges
from sdn.controller.pathkeeping import Records
from sdn.controller.placing import NOT_NOW
from sdn.model.calendar import ALWAYS
from sdn.model.intent import Connection


def take_up(
    names: Iterable[str], find: Callable[[str], Connection | None], records: Records, ends: Ends, edges: Edges
) -> dict[str, None]:
    """What has a path keeps it, before anybody looks for more, and all are counted and bounded as they were.

    Answers those who come in the first turn: those with a calendar, as the time is not known, and those that seek room.
    """
    later: dict[str, None] = {}
    for name in names:
        connection = find(name)
        if name not in records or (connection is not None and connection.calendar != ALWAYS):
            later[name] = None
        a, b = (None, None) if connection is None or connection.calendar != ALWAYS else ends.facts(connection)
        if connection is None or a is None or b is None:
            continue
        with suppress(*NOT_NOW):  # no number for a meter: told when it is looked at
            edges.place(connection, a, b, ends.circuit(connection, a, b))
        if name in records:
            records.restore(connection)
    return later
