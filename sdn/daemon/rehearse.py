"""Dry runs: a transaction carried out in a copy of the daemon, and compared with what was before.

Two copies are made, one of the other: the first brings to an end what is under way anyway and stays as it is then, the
second carries the transaction out. So what is told is the work of the transaction alone.
"""

from __future__ import annotations

import asyncio
import pickle
from functools import partial

from sdn.controller.core import Controller
from sdn.controller.rehearsal import Rehearsal, compare, differences_of
from sdn.daemon import copies
from sdn.model.command import Transaction
from sdn.model.errors import SdnError, Unavailable
from sdn.model.plan import Plan

SECONDS = 60
"""How long a dry run may take."""
MAX_WAITING = 16
"""Dry runs that may wait for each other; there is one at a time."""


class Rehearsals:
    """Dry runs of one daemon. For one event loop."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def plan(self, transaction: Transaction, now: float, wall: float) -> Plan:
        """What a transaction would do. Raises Unavailable when it cannot be tried out."""
        if self._waiting >= MAX_WAITING:
            raise Unavailable.of("dry_run", f"{MAX_WAITING} dry runs are under way", "Ask again in a moment.")
        self._waiting += 1
        try:
            async with self._turn:
                task = partial(task_of, self._controller, transaction, now, wall)
                return plan_of(await copies.run_async(task, SECONDS))
        finally:
            self._waiting -= 1


def task_of(controller: Controller, transaction: Transaction, now: float, wall: float) -> bytes:
    """To be run in a copy: the plan, for ``plan_of``. It uses the controller up."""
    rehearsal = Rehearsal(controller, now, wall)
    try:
        if not controller.started:
            changes = controller.store.prepare(transaction, wall).changes
            return pickle.dumps(Plan(differences_of(changes), unknown=controller.statuses.starting))
        rehearsal.settle()
        changes = controller.store.prepare(transaction, wall).changes
    except SdnError as error:
        return pickle.dumps(Plan(unknown=str(error.violations[0])))
    outcome = pickle.loads(copies.run(lambda: pickle.dumps(rehearsal.carry_out(transaction)), SECONDS))
    if outcome is None:
        return pickle.dumps(Plan(differences_of(changes), unknown="The network is changing; ask again in a moment."))
    return pickle.dumps(compare(controller, changes, outcome))


def plan_of(answer: bytes) -> Plan:
    """The plan in the answer of a copy."""
    plan: Plan = pickle.loads(answer)  # of a process of our own
    return plan
