"""What a watcher of the API sees, to be waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")
DEADLINE = 30.0


class Observer(Generic[T]):
    """Reads a stream of the client (Watch, EventWatch) in a thread; ``take`` says what is kept of each item."""

    def __init__(self, stream: Iterable[object], take: Callable[[object], T | None]) -> None:
        self._stream = stream
        self._take = take
        self._seen: list[T] = []
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read)

    def _read(self) -> None:
        for item in self._stream:
            taken = self._take(item)
            if taken is not None:
                with self._changed:
                    self._seen.append(taken)
                    self._changed.notify_all()

    def until(self, done: Callable[[list[T]], bool]) -> list[T]:
        """All that was seen, as soon as something was and ``done`` says so; AssertionError when that does not come."""
        with self._changed:
            assert self._changed.wait_for(lambda: bool(self._seen) and done(self._seen), DEADLINE), (
                f"seen until now: {self._seen}"
            )
            return list(self._seen)

    def clear(self) -> None:
        """Forget what was seen."""
        with self._changed:
            self._seen.clear()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stream.close()  # type: ignore[attr-defined]
        self._thread.join(DEADLINE)
