"""sdnd as a process of the lab's own: started, killed and started again on the same state."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Self

from sdn.client import ApiError, Client
from sdn.lab.ovs import LabError

_LOG_LINES = 15
_HELD: deque[socket.socket] = deque(maxlen=100)
"""Keep the ports that were given, so that no other process gets one of them by chance before it is used."""


class Daemon:
    """sdnd on free ports of 127.0.0.1, the usual ones if they are free.

    topology: as sdnd takes it; '' for none. learn: network for unknown hosts; '' for none. options: further
    arguments of sdnd.
    """

    def __init__(
        self,
        state: Path,
        topology: str = "",
        *,
        openflow: int = 0,
        grpc: int = 0,
        learn: str = "",
        options: tuple[str, ...] = (),
    ) -> None:
        self.state = state
        self.topology = topology
        self.learn = learn
        self.options = options
        self.openflow = openflow or free_port(6653)
        self.grpc = grpc or free_port(50051)
        self.log = state / "sdnd.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where the API listens."""
        return f"127.0.0.1:{self.grpc}"

    @property
    def pid(self) -> int:
        """Process id; raises LabError when it does not run."""
        if self._process is None or self._process.poll() is not None:
            raise LabError(f"sdnd does not run.\n{self.log_tail()}")
        return self._process.pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Start the process; ``wait_ready`` says when it works."""
        self.state.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "sdn.app", "--state-dir", str(self.state)]
        command += ["--openflow", f"127.0.0.1:{self.openflow}", "--grpc", self.address]
        if self.topology:
            command += ["--topology", self.topology]
        if self.learn:
            command += ["--learn", self.learn]
        command += self.options
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C at Mininet's prompt is not meant for it.
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=_environment()
            )

    def stop(self, *, kill: bool = False, timeout: float = 10.0) -> None:
        """End it, with SIGKILL if ``kill`` or if it does not end in time."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def wait_answers(self, client: Client, timeout: float = 20.0) -> None:
        """Return when the API serves; raises LabError with the end of the log when the process ended."""
        self._wait(client, timeout, needs_network=False)

    def wait_ready(self, client: Client, timeout: float = 60.0) -> None:
        """Return when all switches are in sync and all declared links are up."""
        self._wait(client, timeout, needs_network=True)

    def _wait(self, client: Client, timeout: float, needs_network: bool) -> None:
        if needs_network:
            try:
                client.wait_ready(timeout)
            except ApiError as error:
                raise LabError(f"{error}\n{self.log_tail()}") from None
            return
        process = self._process
        steps = max(1, round(timeout / 0.1))
        for _ in range(steps):
            if client.healthy():
                return
            try:
                code = process.wait(0.1) if process is not None else None
            except subprocess.TimeoutExpired:
                continue
            raise LabError(f"sdnd ended with exit code {code}.\n{self.log_tail()}")
        raise LabError(f"sdnd does not answer at {self.address} after {timeout:g} s.\n{self.log_tail()}")

    def log_tail(self) -> str:
        """The end of its log, for error messages."""
        text = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join([f"--- {self.log}", *text[-_LOG_LINES:]])


def free_port(preferred: int = 0) -> int:
    """A TCP port on 127.0.0.1 that nobody listens on: the preferred one if possible. Raises LabError.

    Whoever listens there sets SO_REUSEADDR, as servers do. Until this process has asked for a hundred more, the system
    gives the port to nobody who asks for any, only to those who name it.
    """
    for wanted in (preferred, 0):
        probe = socket.socket()
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.close()
            continue
        _HELD.append(probe)
        port: int = probe.getsockname()[1]
        return port
    raise LabError("no free TCP port on 127.0.0.1.")


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONUNBUFFERED": "1"}
