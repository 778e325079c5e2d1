"""sdnd as a process with TLS and tokens, and a set of certificates for it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
    """What sdnd says when it does not start."""
    command = [sys.executable, "-m", "sdn.app", "--state-dir", str(state)]
    for name in ("--grpc", "--openflow"):
        if name not in flags:
            command += [name, "127.0.0.1:0"]
    done = subprocess.run([*command, *flags], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr
