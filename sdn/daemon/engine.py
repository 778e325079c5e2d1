"""The loop around the controller: collects events, takes turns, makes records durable, then carries out the rest."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from sdn.controller.core import Controller
from sdn.controller.effects import Audited, Effect, Log, Persist, Publish, Reply, SwitchEffect
from sdn.controller.events import Audit, Event, Request, Tick
from sdn.controller.reader import Reader
from sdn.daemon.watch import NoticeHub, WatchHub
from sdn.model.command import Transaction, TransactionResult
from sdn.model.errors import SdnError, Unavailable
from sdn.model.ids import Kind
from sdn.model.notice import AuditReport, Filter, Notice
from sdn.model.status import ChangeType

TICK_SECONDS = 0.1
_log = logging.getLogger("sdn.controller")
_LEVELS = {name: getattr(logging, name.upper()) for name in ("debug", "info", "warning", "error")}


class Journal(Protocol):
    """Where records are made durable; may block, and is called from one thread at a time."""

    def commit(self, puts: Iterable[tuple[str, str, str]], deletes: Iterable[tuple[str, str]]) -> None:
        """Returns when they are; raises SdnError when they cannot be."""
        ...


@dataclass(eq=False, slots=True)
class _Waiter:
    """names: what is still awaited, the next one last; generation: the newest when the wait began."""

    names: list[str]
    generation: int
    done: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Engine:
    """Runs a controller; the Backend of the northbound. All methods belong to the event loop's thread.

    perform: carries out an effect that concerns a switch.
    """

    def __init__(
        self, controller: Controller, reader: Reader, journal: Journal, perform: Callable[[SwitchEffect], None]
    ) -> None:
        self.reader = reader
        self._controller = controller
        self._journal = journal
        self._perform = perform
        self._events: list[Event] = []
        self._awake = asyncio.Event()
        self._token = 0
        self._replies: dict[int, asyncio.Future[TransactionResult]] = {}
        self._waiters: dict[_Waiter, None] = {}
        self._audits: dict[int, asyncio.Future[AuditReport]] = {}
        self._hub = WatchHub()
        self._notices = NoticeHub(controller.notices.page)
        self._failed: SdnError | None = None

    # The loop

    async def run(self) -> None:
        """Take turns until cancelled. Raises what stops the daemon: records that cannot be made durable, or a bug."""
        ticks = asyncio.create_task(self._tick())
        try:
            while True:
                await self._awake.wait()
                # What else is ready to be read belongs to the same turn: many switches answer at once.
                await asyncio.sleep(0)
                self._awake.clear()
                events, self._events = self._events, []
                await self._carry_out(self._controller.turn(events, time.monotonic(), time.time()))
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

    async def _carry_out(self, effects: Sequence[Effect]) -> None:
        if effects and isinstance(effects[0], Persist):
            # In a thread: a slow disk must not keep echo replies from switches.
            await asyncio.to_thread(self._journal.commit, effects[0].puts, effects[0].deletes)
        for effect in effects:
            match effect:
                case Persist():
                    pass
                case Reply():
                    _answer(self._replies.pop(effect.token, None), effect.result)
                case Audited():
                    _answer(self._audits.pop(effect.token, None), effect.result)
                case Publish():
                    self._hub.publish(effect)
                case Log():
                    _log.log(_LEVELS[effect.level], effect.event, extra={"fields": dict(effect.fields)})
                case _:
                    self._perform(effect)
        self._advance_waiters()
        self._notices.wake(self._controller.notices.newest)

    def _fail(self, error: Exception) -> None:
        """Nothing more is done; whoever waits is told."""
        first = str(error) if isinstance(error, SdnError) else "an internal error stopped the daemon"
        self._failed = Unavailable.of("", first, "See the daemon's log; ask again when it runs.")
        for future in self._replies.values():
            _answer(future, self._failed)
        for audit in self._audits.values():
            _answer(audit, self._failed)
        self._replies.clear()
        self._audits.clear()

    # What the northbound asks

    async def submit(self, transaction: Transaction) -> TransactionResult:
        """Carry out a transaction; returns when it is durable. Raises SdnError."""
        if self._failed is not None:
            raise self._failed
        self._token += 1
        future: asyncio.Future[TransactionResult] = asyncio.get_running_loop().create_future()
        self._replies[self._token] = future
        self.emit(Request(self._token, transaction))
        return await future

    async def audit(self, switch: str) -> AuditReport:
        """Read a switch back and repair it; returns what was found. Raises SdnError."""
        if self._failed is not None:
            raise self._failed
        self._token += 1
        token = self._token
        future: asyncio.Future[AuditReport] = asyncio.get_running_loop().create_future()
        self._audits[token] = future
        self.emit(Audit(token, switch))
        try:
            return await future
        finally:
            self._audits.pop(token, None)

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

    def watch(self, kind: Kind, tenant: str = "") -> AsyncIterator[Publish]:
        """First every existing object as ADDED, then each change."""
        revision = self._controller.store.revision
        existing = (
            Publish(revision, ChangeType.ADDED, resource, status) for resource, status in self.reader.list(kind, tenant)
        )
        return self._hub.watch(kind, tenant, existing)

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
