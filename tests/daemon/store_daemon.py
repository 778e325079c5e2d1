"""sdnd in a process of its own whose storage fails where a test says. Started as a program it is that daemon.

SDN_TEST_KILL_AT=N: SIGKILL at the N-th step of SQLite statements, counted after the start.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sdn.lab.daemon import free_port

TIMEOUT = 30


class Killing(sqlite3.Connection):
    """Ends the process before, within or behind a statement."""

    left = -1

    def _step(self) -> None:
        cls = type(self)
        cls.left -= 1
        if cls.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def execute(self, sql: str, *more: Any) -> sqlite3.Cursor:
        self._step()
        done = super().execute(sql, *more)
        self._step()
        return done

    def executemany(self, sql: str, rows: Iterable[Any]) -> sqlite3.Cursor:
        def stepping() -> Iterator[Any]:
            for row in rows:
                self._step()
                yield row

        return super().executemany(sql, stepping())


class Process:
    """address: of the API. limit: of the size of files, bytes."""

    def __init__(self, state: Path, *, kill_at: int = 0, limit: int = 0) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        command = [sys.executable, str(Path(__file__)), "--state-dir", str(state), "--openflow", "127.0.0.1:0"]
        command += ["--grpc", self.address, "--start-grace", "0"]
        environment = {**os.environ, "SDN_TEST_KILL_AT": str(kill_at), "SDN_TEST_LIMIT": str(limit)}
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        assert self.process.stderr is not None
        self.lines: list[str] = []
        for line in self.process.stderr:
            self.lines.append(line)
            if "sdnd runs" in line:
                return

    def end(self) -> str:
        """Kill it if it runs; what it logged since the start."""
        self.process.kill()
        self.process.wait()
        assert self.process.stderr is not None
        with self.process.stderr:
            return self.process.stderr.read()


@contextmanager
def process(state: Path, *, kill_at: int = 0, limit: int = 0) -> Iterator[Process]:
    running = Process(state, kill_at=kill_at, limit=limit)
    try:
        yield running
    finally:
        if running.process.stderr is not None and not running.process.stderr.closed:
            running.end()


def main() -> None:
    import resource

    from sdn import app
    from sdn.persist import Journal

    if limit := int(os.environ["SDN_TEST_LIMIT"]):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    Killing.left = int(os.environ["SDN_TEST_KILL_AT"]) + 1 if int(os.environ["SDN_TEST_KILL_AT"]) else -1
    app.Journal = partial(Journal, factory=Killing)  # type: ignore[misc, assignment]
    app.main(sys.argv[1:])


if __name__ == "__main__":
    main()
