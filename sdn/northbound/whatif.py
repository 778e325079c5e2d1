"""PathService.WhatIf: what failures would do to connections, as a stream of pieces.

Rules: between two steps of the computation other work goes on; how many questions are computed at a time is bounded,
since each has a copy of all reservations.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

from google.protobuf.message import Message

from sdn.controller.reader import Backend
from sdn.model.errors import Exhausted, Limit
from sdn.model.whatif import Affected, Consequence, Overload, WhatIfQuery
from sdn.northbound import answers
from sdn.northbound.check import Problems
from sdn.northbound.rpc import Context
from sdn.v1 import paths_pb2 as ppb

MAX_AT_ONCE = 4
PIECE = 500
"""Connections and links in one message."""
MAX_NAMED, _MAX_NAME = 1000, 300


class WhatIfs:
    """Answers questions, a few at a time."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._running = 0

    async def ask(self, request: ppb.WhatIfRequest, context: Context) -> AsyncIterator[Message]:
        """The consequences of each failure."""
        query = _query(request)
        if self._running >= MAX_AT_ONCE:
            raise Exhausted.of(
                "",
                f"{self._running} such questions are being answered",
                "Ask again when one of them is.",
                Limit("", "questions at a time", MAX_AT_ONCE, self._running),
            )
        self._running += 1
        try:
            for found in self._backend.reader.what_if(query):
                if found is not None:
                    for piece in _pieces(found):
                        yield piece
                await asyncio.sleep(0)
        finally:
            self._running -= 1


def _query(request: ppb.WhatIfRequest) -> WhatIfQuery:
    problems = Problems()
    for field in ("links", "switches", "risk_groups"):
        names = getattr(request, field)
        if len(names) > MAX_NAMED:
            problems.add(field, f"{len(names)} are too many", f"Give at most {MAX_NAMED}.")
            continue
        for index, name in enumerate(names):
            if not name or len(name) > _MAX_NAME:
                reason = f"{len(name)} characters are too long for a name" if name else "is empty"
                problems.add(f"{field}[{index}]", reason, "Name what 'sdnctl topology show' shows.")
    problems.settle()
    return WhatIfQuery(
        tuple(request.links), tuple(request.switches), tuple(request.risk_groups), together=request.together
    )


def _pieces(found: Consequence) -> Iterator[ppb.Consequence]:
    """In one message, or several."""
    kind = ppb.FailureKind.Value(f"FAILED_{found.kind.value}")
    items: list[Affected | Overload] = [*found.affected, *found.overloads]
    for start in range(0, max(1, len(items)), PIECE):
        here = items[start : start + PIECE]
        yield ppb.Consequence(
            kind=kind,
            name=found.name,
            affected=[_affected(item) for item in here if isinstance(item, Affected)],
            overloads=[_overload(item) for item in here if isinstance(item, Overload)],
            last=start + PIECE >= len(items),
        )


def _affected(item: Affected) -> ppb.AffectedConnection:
    return ppb.AffectedConnection(
        name=item.name,
        fate=ppb.Fate.Value(item.fate.value),
        path=[answers.hop(hop) for hop in item.path],
        backup_path=[answers.hop(hop) for hop in item.backup_path],
        unprotected=item.unprotected,
        bandwidth_bps=item.bandwidth,
        message=item.message,
    )


def _overload(item: Overload) -> ppb.Overload:
    return ppb.Overload(
        sender_switch=item.sender[0],
        sender_interface=item.sender[1],
        receiver_switch=item.receiver[0],
        receiver_interface=item.receiver[1],
        capacity_bps=item.capacity,
        reserved_bps=item.reserved,
        unguaranteed_bps=item.unguaranteed,
    )
