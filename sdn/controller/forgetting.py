"""Switches that are gone for good: an operator says so, and nothing of them is known, shown or waited for any more.

Rules
- A switch that is connected is not forgotten, nor one that the topology file declares: both would be back at once.
- What is bound there is bound to a switch that has never been seen. A forgotten switch that connects is a new one.
- Its number must not stand for another switch while somebody may still hold routes with it. So it is retired: for the
  rest of this life (its empty program stays, as that of a switch that is dead), and in the next one until all switches
  that could act upon it have confirmed what that life asked for, and a grace is over, as with epochs.
- What only had a meaning beside its number (epochs, choices of group ids) is dropped when a life begins without that.

Belongs here: what is forgotten, in which order. Must not know: how the others keep what they know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sdn.controller.convergence.epochs import EPOCHS, Epochs
from sdn.controller.convergence.lingering import Fading
from sdn.controller.effects import Forgotten
from sdn.controller.events import Forget
from sdn.controller.parts import MAINTENANCE, Parts, Records
from sdn.model.errors import InUse, NotFound, SdnError, Thing
from sdn.model.ids import Dpid, format_dpid, parse_dpid
from sdn.model.maintenance import ForgottenView
from sdn.pipeline.salts import GROUPS, SaltTable
from sdn.store.numbers import NUMBERS, RETIRED

MAX_NAMED = 100
"""Ports and connections that are named in one answer."""
CHECK = 1.0
"""Seconds between looks whether retired numbers may be freed. O(links) each, until they are."""

_POOL = "switch"
_OF_SWITCH = re.compile(r"([0-9a-f]{16})(/.*)?")
"""Keys of the buckets that mean nothing without a switch's number."""


def without_leftovers(records: Records) -> tuple[Records, dict[str, list[str]]]:
    """The records without those of switches that have no number; and these, keys by bucket. Raises SdnError when one
    of these is damaged."""
    numbered = {key for bucket in (NUMBERS, RETIRED) for key in records.get(bucket, {})}
    left: dict[str, list[str]] = {}
    kept: dict[str, Mapping[str, str]] = dict(records)
    for bucket in (EPOCHS, GROUPS):
        names = ((key, _OF_SWITCH.fullmatch(key)) for key in records.get(bucket, {}))
        gone = {key: None for key, found in names if found is not None and f"{_POOL}/{found[1]}" not in numbered}
        if gone:
            left[bucket] = list(gone)
            kept[bucket] = {key: text for key, text in records[bucket].items() if key not in gone}
    Epochs({key: records[EPOCHS][key] for key in left.get(EPOCHS, ())}, lambda dpid: None)
    SaltTable({key: records[GROUPS][key] for key in left.get(GROUPS, ())})
    return kept, left


class Forgetting:
    """Carries it out."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._fading: Fading | None = None
        self._done = not parts.store.numbers.retired(_POOL)
        """Whether no number is left that was retired in an earlier life."""
        self._due = 0.0

    def take(self, event: Forget, now: float) -> Dpid | None:
        """Forget a switch and answer; its records are among those of the turn, which come first. None: refused."""
        try:
            dpid = self._find(event.switch)
        except SdnError as error:
            self._parts.outcome.emit(Forgotten(event.token, error))
            return None
        self._parts.outcome.emit(Forgotten(event.token, self._forget(dpid, now)))
        return dpid

    def tick(self, now: float) -> None:
        """Time passed, and switches are written to: free the numbers that were retired before the start."""
        if self._done or now < self._due:
            return
        self._due = now + CHECK
        parts = self._parts
        if self._fading is None:
            self._fading = Fading(parts.progress.generation, set(map(Dpid, parts.compiler.programs)))
        linked = {end.dpid for link in parts.topology.links() for end in (link.a, link.b)}

        def left(dpid: Dpid, generation: int) -> bool:
            """Whether a switch does nothing any more of what was before. One that is dead does nothing to anybody."""
            dead = parts.fleet.session(dpid) is None and dpid not in linked
            return dead or parts.fleet.confirmed(dpid, generation)

        if self._fading.over(now, left):
            self._done = True
            for key in parts.store.numbers.retired(_POOL):
                if parse_dpid(key) not in parts.compiler.programs:
                    parts.store.numbers.release_retired(_POOL, key)

    # ---- inside --------------------------------------------------------------------------------------------------

    def _find(self, switch: str) -> Dpid:
        """One that is known, and may be forgotten. Raises NotFound, InUse."""
        topology = self._parts.topology
        dpid = topology.resolve(switch)
        if dpid is None or not self._is_known(dpid):
            remedy = "List the topology for names and datapath ids."
            raise NotFound.of("switch", f"there is no switch {switch!r}", remedy, Thing("Switch", switch))
        name, thing = topology.name_of(dpid), Thing("Switch", switch)
        if self._parts.fleet.session(dpid) is not None:
            remedy = "Only a switch that is gone can be forgotten: end its connection first (ovs-vsctl del-controller)."
            raise InUse.of("switch", f"switch {name} is connected", remedy, thing, "SwitchConnected")
        if topology.declared is not None and dpid in topology.declared.switches.values():
            remedy = "Take it out of the topology file and start sdnd anew; then forget it."
            raise InUse.of("switch", f"switch {name} is declared", remedy, thing, "SwitchDeclared")
        return dpid

    def _is_known(self, dpid: Dpid) -> bool:
        topology, numbers = self._parts.topology, self._parts.store.numbers
        known = dpid in topology.switches() or numbers.get(_POOL, format_dpid(dpid)) is not None
        return known or topology.maintenance.drained_switch(dpid)

    def _forget(self, dpid: Dpid, now: float) -> ForgottenView:
        parts = self._parts
        name, bound = parts.topology.name_of(dpid), parts.attachments.owners_on(dpid)
        parts.topology.forget_switch(dpid)
        parts.outcome.keep(MAINTENANCE, parts.topology.maintenance.records().items())
        parts.store.numbers.retire(_POOL, format_dpid(dpid))
        parts.fleet.forget(dpid)
        parts.epochs.forget(dpid)
        parts.strangers.forget(dpid)
        parts.compiler.unblock(dpid)
        parts.managers.forget(dpid, now)
        parts.attachments.switch_changed(dpid)
        parts.learning.forget(dpid, now)
        parts.outcome.tell(*parts.progress.forget(dpid))
        parts.reporter.forgotten(name, format_dpid(dpid), len(bound))
        return ForgottenView(name, dpid, tuple(bound[:MAX_NAMED]), len(bound))
