"""sdnd: puts the daemon together. This module alone imports everything."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from hashlib import blake2b
from pathlib import Path

from prometheus_client import CollectorRegistry

from sdn import __version__
from sdn.controller.core import Controller
from sdn.controller.effects import OutwardEffect, SetWatching
from sdn.controller.parts import Records
from sdn.controller.settings import Settings
from sdn.controller.switches.bfdrule import BfdRule
from sdn.daemon import collector, compiled, config, logs, revisions
from sdn.daemon.config import Config
from sdn.daemon.counting import Counting
from sdn.daemon.effective import Effective
from sdn.daemon.engine import Engine
from sdn.daemon.exposure import secure_api, secure_openflow, secure_ovsdb
from sdn.daemon.health import Health
from sdn.daemon.keeper import Keeper
from sdn.daemon.logs import LogLevels
from sdn.daemon.measuring import Measuring
from sdn.daemon.notify import Notifier
from sdn.daemon.reload import Reload
from sdn.daemon.scrapes import secure_metrics
from sdn.daemon.views import DaemonViews
from sdn.graph import load_topology
from sdn.metrics import Instruments, Web
from sdn.model.errors import InvalidInput, SdnError, Unavailable, WriteRefused
from sdn.model.intent import Resource
from sdn.northbound.server import Server
from sdn.openflow.mastery import IDENTITY_BITS, Claim
from sdn.persist import Journal, snapshot
from sdn.persist.files import REPLACED
from sdn.pipeline.layout import Table
from sdn.southbound import OpenFlowServer, OvsdbServer, Polling
from sdn.store import Store
from sdn.store.numbers import CURSORS
from sdn.store.store import STORE
from sdn.topology import DampingRule

META = "meta"
"""Bucket of the daemon itself: key ``probe_key``, the secret of link probes in hexadecimal digits."""
_PROBE_KEY_BYTES = 32
KEPT = (CURSORS, STORE, revisions.WATCH)
"""Buckets of what must not be given out twice; a restore keeps the present ones."""
_log = logging.getLogger("sdn")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until SIGTERM or SIGINT. Exit code 1 when it cannot start or go on, with the reason on standard error."""
    try:
        compiled.check()
        read = partial(config.load, sys.argv[1:] if arguments is None else arguments, os.environ)
        settings = read()
        logs.set_up(settings.log_level, settings.log_format)
        if settings.restore:
            print(restore(Path(settings.restore), Path(settings.state_dir)))
            return
        with Journal(Path(settings.state_dir)) as journal:
            asyncio.run(serve(settings, journal, read))
    except SdnError as error:
        for violation in error.violations:
            print(f"sdnd: {violation}", file=sys.stderr)
        sys.exit(1)


def restore(file: Path, directory: Path) -> str:
    """Make a snapshot the content of a state directory that no daemon uses; returns what to tell. Raises SdnError.

    Where the present state can be read, its revision and the places at which numbers go on are kept: what was given
    out since the backup is not given to something else soon.
    """
    try:
        with file.open("rb") as source:
            data = source.read(snapshot.MAX_BYTES + 1)
    except OSError as error:
        raise InvalidInput.of("restore", f"cannot read {file}: {error.strerror}", "Name a readable file.") from None
    records = snapshot.read(data)
    also: list[tuple[str, str, str]] = []
    # A damaged state, or none, is what a restore is for; one that is in use is refused by replace().
    with suppress(SdnError), Journal(directory) as journal:
        present = journal.load()
        Store.load(present)
        also = [(bucket, key, text) for bucket in KEPT for key, text in present.get(bucket, {}).items()]
    for bucket, key, text in also:
        records.setdefault(bucket, {})[key] = text
    store = _load_all(records)
    snapshot.replace(directory, data, also)
    return f"{directory} holds {len(store.objects)} objects of {file}; what was there before is in {REPLACED}"


def _load_all(records: Records) -> Store:
    """The store of records that a daemon could start with; raises SdnError."""
    return Controller(records, key=bytes(_PROBE_KEY_BYTES), random_bytes=secrets.token_bytes, now=0.0).store


def _objects_of(data: bytes) -> tuple[Resource, ...]:
    """The objects of a snapshot, every record of which a daemon could start with; raises SdnError."""
    try:
        return tuple(_load_all(snapshot.read(data)).objects.values())
    except InvalidInput:
        raise
    except SdnError as error:
        first = error.violations[0]
        raise InvalidInput.of("snapshot", f"{first.field}: {first.reason}", "Give another snapshot.") from None


async def serve(settings: Config, journal: Journal, read: Callable[[], Config]) -> None:
    """The daemon on an open journal, until a signal says to end. Switches go on forwarding afterwards.

    read: the settings as they are now, for SIGHUP.
    """
    daemon = _Daemon(settings, journal)
    reload = Reload(daemon.effective, read, daemon.notifier, *daemon.rechecks())
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload.hang_up)
    stopping = _stop_signal()
    running = asyncio.create_task(daemon.engine.run())
    try:
        await daemon.start()
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
    finally:
        await daemon.stop()
        running.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await running  # what it raised was raised above, or is logged
        _log.info("sdnd ends; the switches go on forwarding")


class _Daemon:
    """All parts of the daemon, put together. Raises SdnError for settings that do not go together."""

    def __init__(self, settings: Config, journal: Journal) -> None:
        self._settings = settings
        self.effective = Effective(settings)
        self._switches = secure_openflow(settings)
        self._api = secure_api(settings)
        self._scrapes = secure_metrics(settings, self._api.access, self._api.audit) if settings.metrics else None
        self._ovsdb = secure_ovsdb(settings) if settings.ovsdb else None
        self.notifier = Notifier(os.environ)
        collector.tune()
        records = journal.load()
        self._key = _probe_key(records, journal)
        self._controller = _controller(settings, self._key, records)
        first = revisions.begin(records, journal, time.time())
        del records
        collector.keep()
        self._reader = DaemonViews(self._controller, __version__, time.time())
        self._counting = Counting(self._controller, settings.counter_interval)
        self._southbound = self._openflow()
        self._databases = self._managers()
        self._registry = CollectorRegistry()
        self._instruments = Instruments(self._registry) if settings.metrics else None
        self.engine = Engine(
            self._controller,
            self._reader,
            journal,
            self._perform,
            self._tell,
            first,
            meter=self._instruments,
        )
        self._northbound = self._grpc(Keeper(self.engine, partial(snapshot.take, journal.file), _objects_of))
        self._web = Web(
            *(self._registry, self._measuring().measures, self._reader.missing),
            context=self._scrapes.context if self._scrapes else None,
            admit=self._scrapes.admit if self._scrapes else None,
        )
        self._health: asyncio.Task[None] | None = None

    def _openflow(self) -> OpenFlowServer:
        counting, access = self._counting, self._api.access
        return OpenFlowServer(
            lambda event: self.engine.emit(event),
            polling=Polling(counting.interval, counting.take, Table.STEER, counting.take_flows)
            if counting.interval
            else None,
            tls=self._switches.tls,
            barred=access.barred,
            claim=Claim(_identity(self._key), self._settings.take_over),
        )

    def _perform(self, effect: OutwardEffect) -> None:
        if isinstance(effect, SetWatching):
            self._databases.perform(effect)
        else:
            self._southbound.perform(effect)

    def _managers(self) -> OvsdbServer:
        tls = self._ovsdb.tls if self._ovsdb is not None else None
        server = OvsdbServer(lambda event: self.engine.emit(event), tls=tls, barred=self._api.access.barred)

        def recheck() -> None:
            self._southbound.recheck()
            server.recheck()

        self._api.access.changed = recheck
        return server

    def _grpc(self, keeper: Keeper) -> Server:
        return Server(
            *(self.engine, self._settings.grpc),
            insecure=self._settings.insecure,
            keeper=keeper,
            counters=self._counting if self._counting.interval else None,
            calls=self._instruments,
            logs=LogLevels(),
            settings=self.effective,
            tls=self._api.tls,
            access=self._api.access,
            audit=self._api.audit,
        )

    def _measuring(self) -> Measuring:
        return Measuring(
            *(self._controller, self._reader, self.engine, self._counting),
            lambda: self._southbound.load,
            per_port=not self._settings.metrics_without_ports,
            per_connection=not self._settings.metrics_without_connections,
        )

    def _tell(self, trouble: WriteRefused | None) -> None:
        """Writes are refused from now on, or taken again."""
        self._reader.trouble = trouble
        self._northbound.set_writable(trouble is None)

    def rechecks(self) -> list[Callable[[], None]]:
        """What is done at SIGHUP besides reading the settings."""
        audit = [self._api.audit.reopen] if self._api.audit is not None else []
        return [partial(self._northbound.recheck, force=True), *audit]

    async def start(self) -> None:
        """Listen everywhere; raises SdnError when an address cannot be had."""
        health = Health(self._reader.switches_missing, self._northbound.set_switches, self.notifier)
        self._health = asyncio.create_task(health.run())
        if self._scrapes is not None:
            self._web.start(self._scrapes.host, self._scrapes.port)
        await self._northbound.start()
        host = self._switches.host
        bound = await _listen(self._southbound, "openflow", host, self._switches.port)
        if self._ovsdb is not None:
            await _listen(self._databases, "ovsdb", self._ovsdb.host, self._ovsdb.port)
        self.notifier.ready()
        _log.info("sdnd runs", extra={"fields": {"version": __version__, "openflow": f"{host}:{bound}"}})

    async def stop(self) -> None:
        """End all that was started, as far as it was."""
        self.notifier.stopping()
        if self._health is not None:
            self._health.cancel()
        await self._web.stop()
        await self._northbound.stop()
        await self._southbound.close()
        await self._databases.close()


async def _listen(server: OpenFlowServer | OvsdbServer, setting: str, host: str, port: int) -> int:
    try:
        return await server.start(host, port)
    except OSError as error:
        raise Unavailable.of(
            setting,
            f"cannot listen on {host}:{port}: {error.strerror}",
            "Stop the program that uses it (another controller?), or choose another address.",
        ) from None


def _controller(settings: Config, key: bytes, records: Records) -> Controller:
    if settings.use_links == "declared" and not settings.topology:
        raise InvalidInput.of("use-links", "no topology is declared", "Name one with --topology, or use links as seen.")
    return Controller(
        records,
        key=key,
        random_bytes=secrets.token_bytes,
        now=time.monotonic(),
        wall=time.time(),
        declared=load_topology(settings.topology) if settings.topology else None,
        settings=Settings(
            *(settings.probe_interval, settings.probe_misses, settings.start_grace, settings.audit_interval),
            damping=DampingRule(half_life=settings.damping_half_life),
            only_declared=settings.use_links == "declared",
            repair=settings.repair == "on",
            measured_latency=settings.link_latency == "measured",
            quota=settings.quota,
            path_probe_interval=settings.path_probe_interval,
            bfd=BfdRule(settings.bfd, settings.bfd_interval, settings.bfd_multiplier),
            learn=settings.learn,
            oversubscription=settings.oversubscription,
        ),
    )


def _probe_key(records: Records, journal: Journal) -> bytes:
    """The secret of link probes, made at the first start."""
    text = records.get(META, {}).get("probe_key", "")
    with suppress(ValueError):
        if len(key := bytes.fromhex(text)) >= _PROBE_KEY_BYTES:
            return key
    key = secrets.token_bytes(_PROBE_KEY_BYTES)
    journal.commit([(META, "probe_key", key.hex())], [])
    return key


def _identity(key: bytes) -> int:
    """Of this controller, for switches that ask whose they are: a state directory is one, wherever it is restored."""
    return int.from_bytes(blake2b(key, digest_size=IDENTITY_BITS // 8, person=b"sdn identity").digest(), "big")


def _stop_signal() -> asyncio.Future[None]:
    """Done when the process is asked to end."""
    loop = asyncio.get_running_loop()
    stopping: asyncio.Future[None] = loop.create_future()

    def stop() -> None:
        if not stopping.done():
            stopping.set_result(None)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    return stopping


if __name__ == "__main__":
    main()
