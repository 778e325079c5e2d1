"""The paths of connections over a restart: what is kept in the bucket ``paths``, and taken up again from there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

from sdn.controller.connections import pathrecords
from sdn.controller.connections.lives import Lives
from sdn.controller.connections.pathnumbers import Pair
from sdn.controller.connections.pathrecords import Saved
from sdn.controller.connections.placing import Placer, backup_of
from sdn.controller.connections.steering import Steerings
from sdn.model.errors import Refused
from sdn.model.intent import Connection
from sdn.store import Store
from sdn.topology import TopologyState

PATHS = "paths"
"""Bucket: key the connection's name, value see ``pathrecords``."""


class Records:
    """Of all connections. saved: those of an earlier life; ``in`` tells which were not taken up yet."""

    def __init__(
        self,
        store: Store,
        topology: TopologyState,
        placer: Placer,
        steerings: Steerings,
        lives: Lives,
        saved: Mapping[str, str],
    ) -> None:
        self._store = store
        self._topology = topology
        self.placer = placer
        self._steerings = steerings
        self._lives = lives
        self._saved = dict(saved)
        self._unsaved: dict[str, None] = {}
        ways = steerings.ways
        self._claims: dict[str, dict[int, Pair]] = {}
        """Of what was not taken up yet: the numbers of its slots."""
        for name, text in saved.items():
            said = {slot: pair or ways.former(name, slot) for slot, pair in pathrecords.numbers(text).items()}
            self._claims[name] = {slot: pair for slot, pair in said.items() if pair is not None and ways.claim(pair)}
        ways.sweep()

    def __contains__(self, name: str) -> bool:
        return name in self._saved

    def forget_deleted(self) -> None:
        """Those deleted just before the end of an earlier life; switches that still have their paths are told when
        adopted."""
        for name in [name for name in self._saved if name not in self._store.objects]:
            self.drop(name)
            self._unsaved[name] = None

    def drop(self, name: str) -> None:
        """What a connection had in an earlier life is of no use any more."""
        self._saved.pop(name, None)
        for pair in self._claims.pop(name, {}).values():
            self._steerings.ways.waive(pair)

    def stale(self, names: Iterable[str]) -> None:
        """Their paths are others than those that are kept."""
        self._unsaved.update(dict.fromkeys(names))

    def changes(self) -> dict[str, str | None]:
        """Records to put (None: delete) in the bucket ``paths`` since the last call."""
        unsaved, self._unsaved = self._unsaved, {}
        return {name: self._text(name) for name in unsaved if name not in self._saved}

    def restore(self, connection: Connection) -> None:
        """The paths of before a restart, as far as they exist and have room."""
        name = connection.name
        text = self._saved.pop(name, None)
        if text is None:
            return
        if not self._lives.admitted(name):
            self._lives.admit(name)  # records of earlier versions say it by being there
        saved = pathrecords.read(text, self._topology.port_number)
        claims, slots = self._claims[name], {} if saved is None else saved.slots
        known = {slot: (path, claims.pop(slot)) for slot, path in slots.items() if slot in claims}
        self.drop(name)  # also the claims of paths whose interfaces are gone
        if saved is None:
            return
        self._steerings.restore(name, known, saved.steered)
        paths = (None if slot is None else slots[slot] for slot in (saved.primary, saved.backup))
        booked = (*saved.booked, None, None)
        for key, path, other in zip((name, backup_of(name)), paths, booked, strict=False):
            if path is not None or other is not None:
                with suppress(Refused):
                    self.placer.reserve_one(key, connection, path or other)  # type: ignore[arg-type]

    def _text(self, name: str) -> str | None:
        ways, steered = self._steerings.installed(name)
        slots = {slot: way.path for slot, way in ways.items()}
        numbers = {slot: (way.forward, way.backward) for slot, way in ways.items()}
        routes = self.placer.routes(name)
        if not slots and routes is None:
            return None
        paths = {path: slot for slot, path in slots.items()}
        primary, backup = (
            paths.get(held.path) if (held := self.placer.ledger.held(key)) is not None else None
            for key in (name, backup_of(name))
        )
        return pathrecords.write(
            Saved(slots, steered, primary, backup, routes or (), numbers), self._topology.discovery.interface
        )
