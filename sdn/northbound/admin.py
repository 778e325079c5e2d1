"""AdminService: backups as streams of bytes, levels of logs, settings.

What is in a snapshot is not this package's business.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Protocol

import grpc
from google.protobuf.message import Message

from sdn.model.command import Restored
from sdn.model.errors import InvalidInput, Unavailable
from sdn.model.setting import Setting
from sdn.northbound import rpc
from sdn.northbound.rpc import Context
from sdn.v1 import admin_pb2 as apb

CHUNK = 2**20
MAX_CHUNK = 4 * 2**20
MAX_SNAPSHOT = 2**30
IDLE_SECONDS = 30.0
"""A client that sends a snapshot must go on within this time, since others wait for it."""


class Keeper(Protocol):
    """Who makes and takes snapshots."""

    async def backup(self) -> bytes:
        """Everything durable at one moment; raises SdnError."""
        ...

    async def restore(self, data: bytes, *, dry_run: bool) -> Restored:
        """Make the objects those of a snapshot, all or nothing; raises SdnError."""
        ...


class LogLevels(Protocol):
    """Who knows how much is logged."""

    def levels(self) -> Mapping[str, str]:
        """Level by name of the logger, '' for the root and for no level of its own."""
        ...

    def set_level(self, logger: str, level: str) -> None:
        """Change one; raises InvalidInput, NotFound."""
        ...


class Settings(Protocol):
    """Who knows the settings in force."""

    def settings(self) -> Sequence[Setting]:
        """All of them; paths of secrets, and never secrets."""
        ...


class AdminService:
    """AdminService of the API. One backup or restore at a time: a snapshot is held in memory."""

    def __init__(self, keeper: Keeper | None, logs: LogLevels | None = None, settings: Settings | None = None) -> None:
        self._keeper = keeper
        self._logs = logs
        self._settings = settings
        self._busy = False

    def handler(self) -> grpc.GenericRpcHandler:
        """For the server."""
        service = apb.DESCRIPTOR.services_by_name["AdminService"]
        methods: dict[str, rpc.Unary | rpc.Stream] = {
            "Backup": self.backup,
            "Restore": self.restore,
            "GetLogLevels": self.log_levels,
            "SetLogLevel": self.set_log_level,
            "GetSettings": self.settings,
        }
        return rpc.handler(service, methods)

    async def log_levels(self, request: apb.GetLogLevelsRequest, context: Context) -> Message:
        """How much is logged."""
        return _levels(self._known_logs())

    async def set_log_level(self, request: apb.SetLogLevelRequest, context: Context) -> Message:
        """Log more or less, from now on."""
        logs = self._known_logs()
        logs.set_level(request.logger, request.level)
        return _levels(logs)

    async def settings(self, request: apb.GetSettingsRequest, context: Context) -> Message:
        """What the daemon was told, and by what."""
        if self._settings is None:
            raise Unavailable.of("", "this server has no settings of its own", "Ask the daemon.")
        return apb.GetSettingsResponse(settings=map(_setting, self._settings.settings()))

    def _known_logs(self) -> LogLevels:
        if self._logs is None:
            raise Unavailable.of("", "this server has no log of its own", "Ask the daemon.")
        return self._logs

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[Keeper]:
        if self._keeper is None:
            raise Unavailable.of("", "this server keeps no state of its own", "Ask the daemon.")
        if self._busy:
            raise Unavailable.of("", "another backup or restore is under way", "Try again when it is done.")
        self._busy = True
        try:
            yield self._keeper
        finally:
            self._busy = False

    async def backup(self, request: apb.BackupRequest, context: Context) -> AsyncIterator[Message]:
        """The snapshot piece by piece, then its size and checksum."""
        async with self._alone() as keeper:
            data = await keeper.backup()
            for start in range(0, len(data), CHUNK):
                yield apb.BackupResponse(data=data[start : start + CHUNK])
            digest = await asyncio.to_thread(_digest, data)
            yield apb.BackupResponse(info=apb.SnapshotInfo(size=len(data), sha256=digest))

    async def restore(self, requests: AsyncIterator[apb.RestoreRequest], context: Context) -> Message:
        """Read the snapshot to its end, then hand it on."""
        async with self._alone() as keeper:
            options, data = await _receive(requests)
            if options.sha256 and options.sha256 != await asyncio.to_thread(_digest, data):
                raise InvalidInput.of(
                    "options.sha256", "the bytes that arrived have another checksum", "Send the whole file again."
                )
            done = await keeper.restore(data, dry_run=options.dry_run)
        return apb.RestoreResponse(
            created=done.created, updated=done.updated, deleted=done.deleted, revision=done.revision
        )


def _levels(logs: LogLevels) -> apb.LogLevels:
    return apb.LogLevels(levels=[apb.LogLevel(logger=name, level=level) for name, level in logs.levels().items()])


def _setting(found: Setting) -> apb.Setting:
    return apb.Setting(
        name=found.name,
        value=found.value,
        default_value=found.default,
        source=apb.SettingSource.Value(f"SETTING_{found.source}"),
        where=found.where,
        later=found.later,
        help=found.help,
    )


async def _receive(requests: AsyncIterator[apb.RestoreRequest]) -> tuple[apb.RestoreOptions, bytes]:
    options: apb.RestoreOptions | None = None
    data = bytearray()
    while (request := await _next(requests)) is not None:
        part = request.WhichOneof("part")
        if options is None:
            if part != "options":
                raise InvalidInput.of("options", "not given", "Send options first, then the bytes of the snapshot.")
            options = request.options
        elif part != "data":
            raise InvalidInput.of("data", "not given", "Send the bytes of the snapshot after the options.")
        elif len(request.data) > MAX_CHUNK or len(data) + len(request.data) > MAX_SNAPSHOT:
            remedy = f"Send at most {MAX_CHUNK} bytes in a message and {MAX_SNAPSHOT} altogether."
            raise InvalidInput.of("data", "too large", remedy)
        else:
            data += request.data
    if options is None or not data:
        raise InvalidInput.of("data", "not given", "Send options first, then the bytes of the snapshot.")
    return options, bytes(data)


async def _next(requests: AsyncIterator[apb.RestoreRequest]) -> apb.RestoreRequest | None:
    try:
        async with asyncio.timeout(IDLE_SECONDS):
            return await anext(requests, None)
    except TimeoutError:
        reason = f"nothing was sent for {IDLE_SECONDS:g} s"
        raise InvalidInput.of("data", reason, "Send the snapshot without pauses.") from None


def _digest(data: bytes) -> bytes:
    return sha256(data).digest()
