"""Peers that did not get a session: told, but not a thousand times a minute."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable

from sdn.controller.events import SessionRefused
from sdn.model.ids import Dpid, format_dpid

_log = logging.getLogger("sdn.southbound")
_MAX_KEPT = 1000
_NONE = Dpid(0)


class Refusals:
    """emit: takes the events; now: seconds; again: after how many the same is told once more.

    database: whether they are databases of switches.
    """

    def __init__(
        self,
        emit: Callable[[SessionRefused], None],
        now: Callable[[], float],
        again: float,
        *,
        database: bool = False,
    ) -> None:
        self._emit = emit
        self._database = database
        self._now = now
        self._again = again
        self._told: OrderedDict[tuple[str, Dpid, str], float] = OrderedDict()

    def tell(self, peer: str, reason: str, dpid: Dpid = _NONE) -> None:
        """peer: address and port; dpid: that it claimed, 0 if it came to none."""
        key, now = (peer.rpartition(":")[0], dpid, reason), self._now()
        before = self._told.pop(key, None)
        if before is not None and now - before < self._again:
            self._told[key] = before
            return
        self._told[key] = now
        while len(self._told) > _MAX_KEPT:
            self._told.popitem(last=False)
        fields = {"peer": peer, "reason": reason} | ({"dpid": format_dpid(dpid)} if dpid else {})
        _log.warning("%s refused", "database" if self._database else "switch", extra={"fields": fields})
        self._emit(SessionRefused(dpid, peer, reason, self._database))
