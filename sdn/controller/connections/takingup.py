"""What is done for all connections when the daemon starts, before any of them is looked at: they come in turns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from sdn.controller.connections.circuits import Ends
from sdn.controller.connections.edges import Edges
from sdn.controller.connections.pathkeeping import Records
from sdn.controller.connections.placing import NOT_NOW
from sdn.model.calendar import ALWAYS
from sdn.model.intent import Connection


def take_up(
    names: Iterable[str], find: Callable[[str], Connection | None], records: Records, ends: Ends, edges: Edges
) -> dict[str, None]:
    """What has a path keeps it, before anybody looks for more, and all are counted and bounded as they were.

    Call it at the start, and once more when the time is known, for those with a calendar. Answers those who must not be
    looked at before that: they seek room, which might be what others had.
    """
    later: dict[str, None] = {}
    for name in names:
        connection = find(name)
        timed = connection is not None and connection.calendar != ALWAYS
        if connection is None or (timed and not records.placer.windows_left(connection)):
            later[name] = None
            continue
        a, b = ends.facts(connection)
        if a is None or b is None:
            later |= {} if name in records else {name: None}
            continue
        if not timed:
            with suppress(*NOT_NOW):  # no number for a meter: told when it is looked at
                edges.place(connection, a, b, ends.circuit(connection, a, b))
        records.restore(connection)
        if records.placer.seeks(connection):
            later[name] = None
    return later
