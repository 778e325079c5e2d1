"""The audit log: who wrote what, and who was refused, one JSON object a line.

Rules: a write whose line cannot be written was made all the same, so its line is kept and the *next* write is refused
until it is in the file. Lines are bounded, and so are refusals, of which anybody may cause many. Nothing here is a
secret: no tokens, no contents of objects, names alone.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sdn.model.errors import InvalidInput, WriteRefused

MAX_LINE = 8192
"""Bytes: no line is longer, because of the bounds below."""
_MAX_TEXT = 200
_MAX_NAMES = 4000
"""Characters of names in one line; how many there are in all is told beside."""
_MAX_KEPT = 10_000
REFUSALS_PER_SECOND = 10.0
REFUSALS_AT_ONCE = 200
_log = logging.getLogger("sdn.security")


@dataclass(slots=True)
class Record:
    """One call. names: objects or switches; code: of the answer; revision: of the store, 0 if nothing was written."""

    method: str
    peer: str = ""
    identity: str = ""
    role: str = ""
    source: str = ""
    key: str = ""
    request_id: str = ""
    names: Sequence[str] = ()
    dry_run: bool = False
    code: str = ""
    reason: str = ""
    revision: int = 0
    done: bool = field(default=False, repr=False)


class AuditLog:
    """Appends to a file of mode 0600. Raises InvalidInput when it cannot. clock: Unix time in seconds."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._kept: deque[bytes] = deque()
        self._descriptor = -1
        self._left = float(REFUSALS_AT_ONCE)
        self._filled_at = clock()
        self._suppressed = 0
        try:
            self._open()
        except OSError as error:
            remedy = "Name a file that sdnd may write."
            raise InvalidInput.of("audit_log", f"cannot write {path}: {error.strerror}", remedy) from None

    def reopen(self) -> None:
        """Go on in a new file, after logrotate has moved the old one away."""
        self.close()
        reason = self._flush()
        if reason:
            _log.error("the audit log cannot be written; writes are refused", extra={"fields": {"reason": reason}})
        else:
            _log.info("audit log reopened")

    def close(self) -> None:
        """End it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def ready(self) -> None:
        """Before a write; raises WriteRefused while lines of earlier ones are not in the file."""
        reason = self._flush() if self._kept or self._descriptor < 0 else ""
        if reason:
            remedy = "Give the audit log room on its disk; sdnd tries again with the next write."
            raise WriteRefused.of("", f"the audit log cannot be written: {reason}", remedy)

    def add(self, record: Record) -> None:
        """A write that was answered."""
        self._put(self._line(record))

    def refuse(self, record: Record) -> None:
        """A call that was not allowed; more than a few in a second are counted and not written."""
        now = self._clock()
        self._left = min(REFUSALS_AT_ONCE, self._left + (now - self._filled_at) * REFUSALS_PER_SECOND)
        self._filled_at = now
        if self._left < 1:
            self._suppressed += 1
            return
        self._left -= 1
        more = {"suppressed": self._suppressed} if self._suppressed else {}
        self._suppressed = 0
        self._put(self._line(record, **more))

    def _put(self, line: bytes) -> None:
        if len(self._kept) >= _MAX_KEPT:
            _log.error("a line of the audit log is lost: %s", line.decode())
            return
        self._kept.append(line)
        reason = self._flush()
        if reason:
            _log.error("the audit log cannot be written; writes are refused", extra={"fields": {"reason": reason}})

    def _flush(self) -> str:
        """Write what is kept; the reason if that does not work."""
        try:
            if self._descriptor >= 0 and self._moved():
                self.close()
            if self._descriptor < 0:
                self._open()
            while self._kept:
                line = self._kept[0]
                start = os.lseek(self._descriptor, 0, os.SEEK_END)
                if os.write(self._descriptor, line) < len(line):
                    os.ftruncate(self._descriptor, start)  # half a line would spoil the next one
                    return "no room"
                self._kept.popleft()
        except OSError as error:
            return error.strerror or str(error)
        return ""

    def _moved(self) -> bool:
        """Whether the file that is open is not that of the name any more."""
        try:
            return not os.path.samestat(self._path.lstat(), os.fstat(self._descriptor))
        except FileNotFoundError:
            return True

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._descriptor = os.open(self._path, flags, 0o600)
        os.fchmod(self._descriptor, 0o600)

    def _line(self, record: Record, **more: Any) -> bytes:
        names, room = [], _MAX_NAMES
        for name in record.names:
            room -= len(json.dumps(name)) + 2
            if room < 0:
                break
            names.append(name)
        data = {
            "time": datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="microseconds"),
            "method": record.method,
            "code": record.code,
            "reason": record.reason[:_MAX_TEXT],
            "identity": record.identity,
            "role": record.role,
            "source": record.source,
            "key": record.key,
            "peer": record.peer[:_MAX_TEXT],
            "request_id": record.request_id[:128],
            "names": names,
            "names_total": len(record.names),
            "dry_run": record.dry_run,
            "revision": record.revision,
        }
        return json.dumps(data | more).encode() + b"\n"
