"""The agents of all hosts, as seen from outside: commands go to many hosts at once, answers are awaited together."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_AGENT = Path(__file__).with_name("agent.py")
_SLACK = 10.0
"""Seconds that an answer may come later than it should on a busy machine."""

Json = dict[str, Any]


class AgentError(RuntimeError):
    """A host's agent does not answer; the message holds what it wrote."""


class Agents:
    """One agent per host, as a context manager. spawn: starts a command in a host, as Mininet's ``Host.popen``."""

    def __init__(self, hosts: Mapping[str, Callable[..., subprocess.Popen[bytes]]]) -> None:
        self._spawn = hosts
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._buffers: dict[str, bytes] = {}
        self._answers: dict[tuple[str, int], Json] = {}
        self._number = 0

    def __enter__(self) -> Self:
        try:
            for name, spawn in self._spawn.items():
                self._processes[name] = spawn(
                    [sys.executable, "-S", str(_AGENT), name],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                )
                self._buffers[name] = b""
            self._await({(name, 0) for name in self._processes}, 20.0)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End all agents."""
        for process in self._processes.values():
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()
        self._processes.clear()

    def start(self, commands: Mapping[str, Json]) -> dict[str, tuple[str, int]]:
        """Send a command to each named host; returns what ``finish`` takes."""
        tickets = {}
        for name, command in commands.items():
            self._number += 1
            tickets[name] = (name, self._number)
            pipe = self._processes[name].stdin
            assert pipe is not None  # made with PIPE
            pipe.write(json.dumps({"id": self._number, **command}).encode() + b"\n")
            pipe.flush()
        return tickets

    def finish(self, tickets: Mapping[str, tuple[str, int]], timeout: float) -> dict[str, Json]:
        """Await the answers, by host. timeout: seconds until the last should be there."""
        self._await(set(tickets.values()), timeout + _SLACK)
        return {name: self._answers.pop(ticket) for name, ticket in tickets.items()}

    def ask(self, commands: Mapping[str, Json], timeout: float = 0.0) -> dict[str, Json]:
        """Send and await."""
        return self.finish(self.start(commands), timeout)

    def _await(self, wanted: set[tuple[str, int]], timeout: float) -> None:
        end = time.monotonic() + timeout
        with selectors.DefaultSelector() as selector:
            for name in {name for name, _ in wanted}:
                pipe = self._processes[name].stdout
                assert pipe is not None  # made with PIPE
                selector.register(pipe, selectors.EVENT_READ, name)
            while missing := wanted - self._answers.keys():
                ready = selector.select(max(0.0, end - time.monotonic()))
                if not ready:
                    raise AgentError(f"no answer from {', '.join(sorted(name for name, _ in missing))}")
                for key, _ in ready:
                    self._read(key.data, key.fd)

    def _read(self, name: str, descriptor: int) -> None:
        data = os.read(descriptor, 1 << 20)
        if not data:
            errors = self._processes[name].stderr
            text = errors.read().decode(errors="replace") if errors is not None else ""
            raise AgentError(f"the agent of {name} ended: {text.strip()[-2000:]}")
        *lines, self._buffers[name] = (self._buffers[name] + data).split(b"\n")
        for line in lines:
            answer = json.loads(line)
            self._answers[name, answer["id"]] = answer
