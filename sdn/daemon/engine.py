"""The loop around the controller: collects events, takes turns, makes records durable, then carries out the rest.

Requests go in three steps: the controller checks them, what they write is made durable, and only then the controller
takes them. So a write that the disk refuses is refused to its caller and has never been seen by anybody.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from sdn.controller.core import Controller
from sdn.controller.effects import (
    Audited,
    Effect,
    Flown,
    Forgotten,
    Log,
    Maintained,
    OutwardEffect,
    Persist,
    Publish,
    Reply,
)
from sdn.controller.errands import Errand, Seen
from sdn.controller.events import Audit, Event, Fly, Forget, Maintain, Request, Tick
from sdn.controller.questions.livetrace import with_loss
from sdn.controller.reader import Reader, Watched
from sdn.controller.staging import Staged
from sdn.daemon.durable import Durable, Journal, Tell
from sdn.daemon.meter import Latency, Meter, Unmetered
from sdn.daemon.rehearse import Rehearsals
from sdn.daemon.surveys import Surveys
from sdn.daemon.watch import NoticeHub, WatchHub
from sdn.model.command import Transaction, TransactionResult
from sdn.model.errors import SdnError, Unavailable
from sdn.model.ids import Kind
from sdn.model.intent import Resource
from sdn.model.maintenance import ForgottenView, MaintenanceView, Target
from sdn.model.notice import AuditReport, Filter, Notice
from sdn.model.plan import Plan
from sdn.model.resilience import Resilience
from sdn.model.selector import EVERYTHING, Selector
from sdn.model.status import ChangeType
from sdn.model.tracing import TraceQuestion, TraceView

TICK_SECONDS = 0.1
_log = logging.getLogger("sdn.controller")
_LEVELS = {name: getattr(logging, name.upper()) for name in ("debug", "info", "warning", "error")}


@dataclass(eq=False, slots=True)
class _Waiter:
    """names: what is still awaited, the next one last; generation: the newest when the wait began."""

    names: list[str]
    generation: int
    done: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


@dataclass(frozen=True, slots=True)
class _Asked:
    """make: the transaction, made when all that was asked before is known. at: monotonic seconds."""

    token: int
    make: Callable[[], Transaction]
    at: float

    def request(self) -> Request:
        """The event for the controller."""
        return Request(self.token, self.make())


class Engine:
    """Runs a controller; the Backend of the northbound. All methods belong to the event loop's thread.

    perform: carries out an effect that concerns a switch. tell: see Durable. first: see WatchHub.
    meter: told of the daemon's own work.
    """

    def __init__(
        self,
        controller: Controller,
        reader: Reader,
        journal: Journal,
        perform: Callable[[OutwardEffect], None],
        tell: Tell = lambda error: None,
        first: int = 0,
        *,
        meter: Meter | None = None,
    ) -> None:
        self.reader = reader
        self._controller = controller
        self._meter = meter or Unmetered()
        self._latency = Latency(self._meter)
        self._asked_at: float | None = None
        """When the oldest request of this turn came."""
        self._durable = Durable(journal, perform, tell, self._meter)
        self._asked: list[_Asked] = []
        self._events: list[Event] = []
        self._awake = asyncio.Event()
        self._token = 0
        self._replies: dict[int, asyncio.Future[TransactionResult]] = {}
        self._waiters: dict[_Waiter, None] = {}
        self._asking: dict[int, asyncio.Future[Any]] = {}
        """Those who wait for what becomes of an event that is no Request, by its token."""
        self._hub = WatchHub(first)
        self._notices = NoticeHub(controller.notices.page)
        self._rehearsals = Rehearsals(controller)
        self._surveys = Surveys(controller)
        self._failed: SdnError | None = None

    # The loop

    async def run(self) -> None:
        """Take turns until cancelled. Raises what stops the daemon: a disk whose content is not known, or a bug."""
        ticks = asyncio.create_task(self._tick())
        try:
            while True:
                await self._awake.wait()
                # What else is ready to be read belongs to the same turn: many switches answer at once.
                await asyncio.sleep(0)
                self._awake.clear()
                await self._turn()
        except Exception as error:
            self._fail(error)
            raise
        finally:
            ticks.cancel()

    async def _tick(self) -> None:
        while True:
            self.emit(Tick())
            await asyncio.sleep(TICK_SECONDS)

    def emit(self, event: Event) -> None:
        """Something happened; it is part of the next turn."""
        self._events.append(event)
        self._awake.set()

    async def _turn(self) -> None:
        events, self._events = self._events, []
        await self._durable.retry(time.monotonic())
        staged = await self._stage()
        start = time.monotonic()
        effects = self._controller.turn((staged, *events), start, time.time())
        self._meter.turned(len(events) + staged.taken, time.monotonic() - start)
        await self._carry_out(effects)

    async def _stage(self) -> Staged:
        """Requests that are durable; those that could not be are answered, and those that must wait stay asked."""
        asked, self._asked = self._asked, []
        limit = None if self._durable.trouble is None else 1
        staged = self._controller.stage((item.request for item in asked), time.time(), limit)
        left = asked[staged.taken :]
        self._asked_at = asked[0].at if staged.taken else None
        error = await self._durable.offer(staged.records, time.monotonic())
        if error is not None:
            if staged.taken == 1:
                _answer(self._replies.pop(asked[0].token, None), error)
            else:
                left = asked  # one by one from now on: each is to be told what becomes of it by itself
            staged = Staged()
        if left:
            self._asked[:0] = left
            self._awake.set()
        return staged

    async def _carry_out(self, effects: Sequence[Effect]) -> None:
        if effects and isinstance(effects[0], Persist):
            puts = {(bucket, key): text for bucket, key, text in effects[0].puts}
            await self._durable.keep({**puts, **dict.fromkeys(effects[0].deletes)}, time.monotonic())
        now = time.monotonic()
        for effect in effects:
            match effect:
                case Persist():
                    pass
                case Reply():
                    _answer(self._replies.pop(effect.token, None), effect.result)
                case Audited() | Maintained() | Forgotten() | Flown():
                    _answer(self._asking.pop(effect.token, None), effect.result)
                case Publish():
                    self._hub.publish(effect)
                    self._latency.published(effect, self._asked_at, now)
                case Log():
                    _log.log(_LEVELS[effect.level], effect.event, extra={"fields": dict(effect.fields)})
                case _:
                    self._durable.send(effect)
        self._advance_waiters()
        self._notices.wake(self._controller.notices.newest)

    def _fail(self, error: Exception) -> None:
        """Nothing more is done; whoever waits is told."""
        first = str(error) if isinstance(error, SdnError) else "an internal error stopped the daemon"
        self._failed = Unavailable.of("", first, "See the daemon's log; ask again when it runs.")
        for future in self._replies.values():
            _answer(future, self._failed)
        for asking in self._asking.values():
            _answer(asking, self._failed)
        self._replies.clear()
        self._asking.clear()

    @property
    def objects(self) -> Mapping[str, Resource]:
        """All objects by full name; a live view."""
        return self._controller.store.objects

    def queues(self) -> dict[str, int]:
        """What waits, by what it is."""
        held, batches = self._durable.waiting
        return {
            "inputs": len(self._events),
            "requests": len(self._asked),
            "waiters": len(self._waiters),
            "held_records": held,
            "held_batches": batches,
        }

    @property
    def revision(self) -> int:
        """Of the store."""
        return self._controller.store.revision

    # What the northbound asks

    async def submit(self, transaction: Transaction) -> TransactionResult:
        """Carry out a transaction; returns when it is durable. Raises SdnError."""
        return await self.submit_made(lambda: transaction)

    async def submit_made(self, make: Callable[[], Transaction]) -> TransactionResult:
        """The same for a transaction that is made when it is its turn, from the state that it will change."""
        if self._failed is not None:
            raise self._failed
        self._token += 1
        future: asyncio.Future[TransactionResult] = asyncio.get_running_loop().create_future()
        self._replies[self._token] = future
        self._asked.append(_Asked(self._token, make, time.monotonic()))
        self._awake.set()
        return await future

    async def rehearse(self, transaction: Transaction) -> Plan:
        """What a transaction would do; nothing changes. Raises Unavailable."""
        if self._failed is not None:
            raise self._failed
        return await self._rehearsals.plan(transaction, time.monotonic(), time.time())

    async def resilience(self) -> Resilience:
        """Which failures are repaired without the controller. Raises Unavailable."""
        return await self._surveys.resilience()

    async def maintain(
        self, target: Target, drained: bool | None, cost: int | None, oversubscription: float | None = None
    ) -> MaintenanceView:
        """Drain a link or switch (or end that), or give a link another cost. Raises SdnError."""
        told: MaintenanceView = await self._ask(lambda token: Maintain(token, target, drained, cost, oversubscription))
        return told

    async def forget(self, switch: str) -> ForgottenView:
        """A switch is gone for good; what was bound there. Raises SdnError."""
        view: ForgottenView = await self._ask(lambda token: Forget(token, switch))
        return view

    async def audit(self, switch: str) -> AuditReport:
        """Read a switch back and repair it; returns what was found. Raises SdnError."""
        report: AuditReport = await self._ask(lambda token: Audit(token, switch))
        return report

    async def trace_live(self, asked: TraceQuestion, caller: str) -> TraceView:
        """What would become of a packet, and what becomes of a probe that is made of it. Raises SdnError."""
        view, wish = self.reader.prepare_trace(asked)
        if wish is None:
            return view
        errand, ends = wish.errand, wish.ends
        seen: tuple[Seen, ...] = await self._ask(lambda token: Fly(token, errand, ends, caller))
        view, narrowing = self.reader.finish_trace(view, wish, seen)
        if narrowing is None or view.live is None:
            return view
        errands = [errand for look in narrowing.looks for errand in (look.over, look.into)]
        told = await asyncio.gather(*map(self._fly, errands))
        whole = [seen for seen in told if seen is not None]
        loss = narrowing.loss(whole if len(whole) == len(errands) else ())
        return replace(view, live=with_loss(view.live, loss))

    async def _fly(self, errand: Errand) -> tuple[Seen, ...] | None:
        """What was seen of a probe that belongs to an answer; None if it could not be sent."""
        try:
            seen: tuple[Seen, ...] = await self._ask(lambda token: Fly(token, errand, caller=None))
        except Unavailable:
            return None
        return seen

    async def _ask(self, make: Callable[[int], Event]) -> Any:
        """Give the controller an event with a token and wait for the effect that bears it; its result, or SdnError."""
        if self._failed is not None:
            raise self._failed
        self._token += 1
        token = self._token
        future = self._asking[token] = asyncio.get_running_loop().create_future()
        self.emit(make(token))
        try:
            return await future
        finally:
            self._asking.pop(token, None)

    async def wait_programmed(self, names: tuple[str, ...], timeout: float) -> None:  # noqa: ASYNC109 - see Backend
        """Return when all these are settled, or after ``timeout`` seconds."""
        waiter = _Waiter(list(reversed(names)), self._controller.progress.generation)
        if self._is_done(waiter):
            return
        self._waiters[waiter] = None
        try:
            await asyncio.wait_for(waiter.done, timeout)
        except TimeoutError:
            pass
        finally:
            self._waiters.pop(waiter, None)

    def watch(
        self, kind: Kind, tenant: str = "", selector: Selector = EVERYTHING, start: int = 0
    ) -> AsyncIterator[Watched]:
        """First every existing object as ADDED, unless there is a revision to start from, then each change."""
        revision = self._controller.store.revision
        existing = (
            Publish(revision, ChangeType.ADDED, resource, status)
            for resource, status in self.reader.list(kind, tenant, selector)
        )
        return self._hub.watch(kind, tenant, existing, selector, start)

    def watch_notices(self, start: int, wanted: Filter) -> AsyncIterator[Notice]:
        """Those kept from a number on, then each new one."""
        return self._notices.watch(start, wanted)

    def _advance_waiters(self) -> None:
        for waiter in [waiter for waiter in self._waiters if self._is_done(waiter)]:
            if not waiter.done.done():
                waiter.done.set_result(None)
            del self._waiters[waiter]

    def _is_done(self, waiter: _Waiter) -> bool:
        """Strike off what is settled by now, up to the first name that is not."""
        settled = self._controller.statuses.settled
        while waiter.names and settled(waiter.names[-1], waiter.generation):
            waiter.names.pop()
        return not waiter.names


_T = TypeVar("_T")


def _answer(future: asyncio.Future[_T] | None, result: _T | SdnError) -> None:
    """Give a caller, if it is still there, what it waits for."""
    if future is None or future.done():
        return
    if isinstance(result, SdnError):
        future.set_exception(result)
    else:
        future.set_result(result)
