"""sdnd as a process with TLS and tokens, and a set of certificates for it."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from pathlib import Path

import pytest

from sdn.app import main
from sdn.client import Credentials
from sdn.security import Directory, Subject

TIMEOUT = 30
_BOUND = re.compile(r"gRPC on .*, port (\d+)")


class Certificates:
    """A directory of certificates of this machine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.directory = Directory(path)
        self.directory.init(["localhost", "127.0.0.1", "::1"], "admin", 30, 60)
        self.directory.client(Subject("ci", "member", ("red",)), 30)
        self.directory.switch("rack1", [1], 30)  # type: ignore[list-item]

    def __getitem__(self, name: str) -> str:
        return str(self.path / name)

    def server(self, *, mutual: bool) -> list[str]:
        """Flags of sdnd."""
        flags = ["--tls-cert", self["server.crt"], "--tls-key", self["server.key"]]
        return [*flags, "--tls-client-ca", self["ca.crt"]] if mutual else flags

    def client(self, name: str = "client-admin", ca: str = "ca.crt") -> Credentials:
        return Credentials.load(tls_ca=self[ca], tls_cert=self[f"{name}.crt"], tls_key=self[f"{name}.key"])


class Daemon:
    """port: of the API; lines: of its log up to its start."""

    def __init__(self, state: Path, *flags: str, grpc: str = "127.0.0.1:0") -> None:
        command = [sys.executable, "-m", "sdn.app", "--state-dir", str(state), "--grpc", grpc, *flags]
        if "--openflow" not in flags:
            command += ["--openflow", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env={**os.environ, "SDN_CONFIG": ""}
        )
        assert self.process.stderr is not None
        self.lines: list[str] = []
        self.port = 0
        for line in self.process.stderr:
            self.lines.append(line)
            if match := _BOUND.search(line):
                self.port = int(match[1])
            if "sdnd runs" in line:
                return
        raise AssertionError("".join(self.lines))

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait_for(self, text: str) -> str:
        """The next line of its log with this text."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if text in line:
                return line
        raise AssertionError(f"{text} never came: {''.join(self.lines)}")

    def end(self) -> str:
        """Kill it; what it logged since."""
        self.process.kill()
        self.process.wait()
        assert self.process.stderr is not None
        with self.process.stderr:
            return self.process.stderr.read()


@contextmanager
def daemon(state: Path, *flags: str, grpc: str = "127.0.0.1:0") -> Iterator[Daemon]:
    running = Daemon(state, *flags, grpc=grpc)
    try:
        yield running
    finally:
        running.end()


def refusal(state: Path, *flags: str) -> str:
    """What sdnd says when it does not start.

    Asked in this process: a new one takes seconds to import everything, and tests/daemon/test_app.py starts enough of
    them to show what becomes of its exit code.
    """
    arguments = ["--state-dir", str(state), *flags]
    for name in ("--grpc", "--openflow"):
        if name not in flags:
            arguments += [name, "127.0.0.1:0"]
    # If it starts all the same, this ends it as an operator would.
    deadline = threading.Timer(TIMEOUT, os.kill, (os.getpid(), signal.SIGTERM))
    deadline.start()
    try:
        with _own_logging(), redirect_stderr(StringIO()) as told, pytest.raises(SystemExit) as ended:
            main(arguments)
    finally:
        deadline.cancel()
    assert ended.value.code == 1, told.getvalue()
    assert "Traceback" not in told.getvalue()
    return told.getvalue()


@contextmanager
def _own_logging() -> Iterator[None]:
    """sdnd sets up the logging of its process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        logging.captureWarnings(False)
        root.handlers[:] = handlers
        root.setLevel(level)
