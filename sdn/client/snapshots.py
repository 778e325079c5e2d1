"""Backups as the API sends them: from the parts of a stream to checked bytes, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256

import grpc

from sdn.client.errors import ApiError
from sdn.v1 import admin_pb2 as apb

CHUNK = 2**20
TIMEOUT = 600.0
"""Seconds for a backup or a restore, whatever the time-out of other calls."""


class Assembly:
    """Takes the messages of a backup one by one."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._info: apb.SnapshotInfo | None = None

    def add(self, message: apb.BackupResponse) -> None:
        """The next message."""
        if message.WhichOneof("part") == "info":
            self._info = message.info
        else:
            self._data += message.data

    @property
    def size(self) -> int:
        """Bytes that have come."""
        return len(self._data)

    def data(self) -> bytes:
        """The whole snapshot; raises ApiError (DATA_LOSS) when it is not what the daemon sent."""
        data = bytes(self._data)
        info = self._info
        if info is None or info.size != len(data) or info.sha256 != sha256(data).digest():
            raise ApiError(
                grpc.StatusCode.DATA_LOSS, "the snapshot did not arrive whole. Back up again.", reason="DataLoss"
            )
        return data


def parts(data: bytes, dry_run: bool, told: Callable[[int], None] = lambda size: None) -> Iterator[apb.RestoreRequest]:
    """The messages of a restore. told: how many bytes were taken of it."""
    yield apb.RestoreRequest(options=apb.RestoreOptions(sha256=sha256(data).digest(), dry_run=dry_run))
    for start in range(0, len(data), CHUNK):
        yield apb.RestoreRequest(data=data[start : start + CHUNK])
        told(min(start + CHUNK, len(data)))
