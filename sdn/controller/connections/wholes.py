"""Connections of many ends that were displaced: all their legs get paths again, or none does.

For as long as who displaced them has what it took. Afterwards, and after failures, each leg is looked at for itself.
"""

from __future__ import annotations

from collections.abc import Callable

from sdn.controller.connections.admission import Admission
from sdn.controller.connections.lives import Lives
from sdn.controller.connections.placing import NOT_NOW, Grant
from sdn.model.errors import SdnError
from sdn.model.intent import Connection
from sdn.routing import Ledger
from sdn.store import Store


class Wholes:
    """as_placed: a connection as its path is sought."""

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        lives: Lives,
        admission: Admission,
        as_placed: Callable[[Connection], Connection],
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._lives = lives
        self._admission = admission
        self._as_placed = as_placed
        self._refused: dict[str, SdnError] = {}

    def begin(self) -> None:
        """What did not fit is tried again from now on."""
        self._refused.clear()

    def waits(self, leg: Connection) -> bool:
        """Whether this is a leg without a path, of a connection that was displaced."""
        by = self._lives.displaced(leg.name)
        without = bool(leg.leg_of and by) and self._ledger.held(leg.name) is None
        return without and self._ledger.held(by) is not None

    def grants(self, leg: Connection) -> dict[str, Grant]:
        """Paths for all legs that wait as this one does, by name; raises as NOT_NOW says. Nothing is kept of it.

        What did not fit is not tried again before ``begin``. O(legs) searches.
        """
        if leg.leg_of in self._refused:
            raise self._refused[leg.leg_of]
        legs = (self._store.objects[name] for name in self._store.legs(leg.leg_of))
        waiting = [self._as_placed(one) for one in legs if isinstance(one, Connection) and self.waits(one)]
        try:
            return self._admission.together(waiting)
        except NOT_NOW as error:
            self._refused[leg.leg_of] = error
            raise
