"""What a turn brings about: effects in order, records to keep, and the objects that there is news of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sdn.controller.effects import Effect, Persist
from sdn.store import Change


class Outcome:
    """Filled by all parts of the controller; taken away at the end of each turn."""

    def __init__(self) -> None:
        self._news: dict[str, None] = {}
        self._written: dict[str, Change] = {}
        self._effects: list[Effect] = []
        self._records: dict[tuple[str, str], str | None] = {}

    def emit(self, *effects: Effect) -> None:
        """Effects, behind those that are there."""
        self._effects.extend(effects)

    def tell(self, *names: str) -> None:
        """There may be news of objects."""
        self._news.update(dict.fromkeys(names))

    def wrote(self, change: Change) -> None:
        """An object was written, perhaps not for the first time in this turn."""
        before = self._written.get(change.name)
        self._written[change.name] = change if before is None else Change(before.old, change.new)
        self.tell(change.name)

    def keep(self, bucket: str, records: Iterable[tuple[str, str | None]]) -> None:
        """Records of a bucket by key; None deletes one."""
        self._records.update(((bucket, key), text) for key, text in records)

    def keep_all(self, records: Mapping[tuple[str, str], str | None]) -> None:
        """Records by bucket and key; None deletes one."""
        self._records.update(records)

    def drain_news(self) -> tuple[dict[str, Change], dict[str, None]]:
        """What the turn did to objects of the store, by name; and all whose status may be another one."""
        written, self._written = self._written, {}
        news, self._news = self._news, {}
        return written, news

    def forget_news(self) -> None:
        """Nobody is to be told of what was done so far."""
        self.drain_news()

    def drain(self) -> list[Effect]:
        """All effects; what must be durable comes first, in one piece."""
        records, self._records = self._records, {}
        effects, self._effects = self._effects, []
        if not records:
            return effects
        puts = tuple((bucket, key, text) for (bucket, key), text in records.items() if text is not None)
        return [Persist(puts, tuple(record for record, text in records.items() if text is None)), *effects]
