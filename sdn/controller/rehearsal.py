"""What a transaction would do to the switches, found by doing it: on a controller that is thrown away afterwards.

Belongs here: taking a controller through a transaction to its end, with switches that confirm at once, and comparing.
Must not know: where such a controller comes from (the daemon makes copies of its process).

So a rehearsal says what the real code does, whatever that is, also where it takes several steps as when traffic moves
from one path to another; and its cost is that of the transaction.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import fields
from hashlib import blake2b

from sdn.controller.convergence.listening import LINGER
from sdn.controller.core import Controller
from sdn.controller.effects import Reply, SendBatch
from sdn.controller.events import BatchDone, Event, Request
from sdn.model.command import Transaction
from sdn.model.errors import SdnError
from sdn.model.ids import Dpid
from sdn.model.plan import Difference, Plan, SwitchPlan, Tally
from sdn.model.program import GRACE, Entry
from sdn.model.status import ChangeType
from sdn.pipeline.program import Content
from sdn.store import Change

Outcome = dict[int, dict[Entry, bytes]]
"""By datapath id: entries that were touched, with a hash of what they hold then; empty for what is gone."""
_MAX_ROUNDS = 10_000
_ROUND = GRACE + 0.1
"""Seconds."""
_QUIET = math.ceil(LINGER / _ROUND)
"""Rounds in which nothing is sent after which nothing more will be: nothing lingers longer."""
_TOKEN = -1


class Rehearsal:
    """Uses a controller up. now, wall: as for ``Controller.turn``."""

    def __init__(self, controller: Controller, now: float, wall: float) -> None:
        self._controller = controller
        self._now = now
        self._wall = wall
        self._touched: dict[int, dict[Entry, None]] = {}
        self._record()

    def _record(self) -> None:
        """Note what every compile changes, from now on."""
        compiler = self._controller.compiler
        compile_ = compiler.compile

        def recording() -> dict[int, list[Entry]]:
            changes = compile_()
            for dpid, entries in changes.items():
                self._touched.setdefault(dpid, {}).update(dict.fromkeys(entries))
            return changes

        compiler.compile = recording  # type: ignore[method-assign]  # of this one controller, which is not used again

    def settle(self) -> None:
        """Carry on until nothing is left to be done; what this changes is not recorded."""
        flying = (s for s in self._controller.fleet if s.batch and s.session is not None)
        self._run([BatchDone(s.session, s.dpid, s.batch, ()) for s in flying if s.session is not None])
        self._touched.clear()

    def carry_out(self, transaction: Transaction) -> Outcome | None:
        """What the transaction touches, and how that is afterwards; None if it is refused."""
        if not self._run([Request(_TOKEN, transaction)]):
            return None
        return {
            dpid: {entry: digest(self._content(dpid, entry)) for entry in entries}
            for dpid, entries in self._touched.items()
        }

    def _content(self, dpid: int, entry: Entry) -> Content | None:
        return self._controller.compiler.programs[dpid].content(entry)

    def _run(self, events: list[Event]) -> bool:
        """Turns until all is quiet; whether no request was refused."""
        quiet, accepted = 0, True
        for _ in range(_MAX_ROUNDS):
            effects = self._controller.turn(events, self._now, self._wall)
            accepted = accepted and not any(isinstance(e, Reply) and isinstance(e.result, SdnError) for e in effects)
            sent = [effect for effect in effects if isinstance(effect, SendBatch)]
            dpids = {switch.session: switch.dpid for switch in self._controller.fleet} if sent else {}
            events = [BatchDone(batch.session, dpids[batch.session], batch.batch_id, ()) for batch in sent]
            quiet = 0 if events else quiet + 1
            if quiet > _QUIET:
                break
            if not events:
                self._now += _ROUND
        return accepted


def differences_of(changes: Iterable[Change]) -> tuple[Difference, ...]:
    """Changes of the store as users see them."""
    found = []
    for change in changes:
        old, new = change
        if old is not None and new is not None:
            names = (item.name for item in fields(new) if item.name != "revision")
            changed = tuple(name for name in names if getattr(old, name) != getattr(new, name))
            found.append(Difference(change.name, ChangeType.MODIFIED, changed))
        else:
            found.append(Difference(change.name, ChangeType.ADDED if old is None else ChangeType.DELETED))
    return tuple(found)


def compare(controller: Controller, changes: Iterable[Change], outcome: Mapping[int, Mapping[Entry, bytes]]) -> Plan:
    """The plan, where ``controller`` is as before. changes: of the store; outcome: of a rehearsal on a copy."""
    switches = []
    for dpid, entries in outcome.items():
        program = controller.compiler.programs.get(dpid)
        counts = {kind: [0, 0, 0] for kind in ("flow", "group", "meter")}
        for entry, after in entries.items():
            before = digest(None if program is None else program.content(entry))
            if before != after:
                counts[entry.kind][0 if not before else 2 if not after else 1] += 1
        if any(map(any, counts.values())):
            tallies = (Tally(*counts[kind]) for kind in ("flow", "group", "meter"))
            switches.append(SwitchPlan(controller.topology.name_of(Dpid(dpid)), *tallies))
    return Plan(differences_of(changes), tuple(sorted(switches, key=lambda plan: plan.switch)))


def digest(content: Content | None) -> bytes:
    """What tells contents apart; empty for none."""
    return b"" if content is None else blake2b(repr(content).encode(), digest_size=12).digest()
