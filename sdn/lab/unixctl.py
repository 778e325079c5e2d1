"""The control socket of Open vSwitch, as ovs-appctl(8) uses it, without starting a program for each command.

The protocol is JSON-RPC 1.0 over a Unix socket (ovs-appctl(8); RFC 7047, section 4): one object per request, answers in
the order of the requests. A thousand packets injected this way cost a thousand small writes, not a thousand processes.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_PIPELINE = 64
"""Requests sent before answers are read, few enough for both socket buffers."""
_CHUNK = 65536


class CommandError(Exception):
    """The command was refused; the text is what Open vSwitch said."""


class Connection:
    """A connection to a control socket. timeout: seconds for each answer. Raises OSError when it cannot be reached."""

    def __init__(self, path: Path, timeout: float) -> None:
        self._decoder = json.JSONDecoder()
        self._buffer = ""
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.settimeout(timeout)
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def call(self, commands: Sequence[Sequence[str]]) -> list[str]:
        """Send the commands and return their answers in order.

        Raises CommandError with the first refusal, after all answers were read, and OSError when the peer is gone.
        """
        answers: list[str] = []
        refusal = ""
        for start in range(0, len(commands), _PIPELINE):
            part = commands[start : start + _PIPELINE]
            self._socket.sendall(b"".join(_request(c) for c in part))
            for command in part:
                answer = self._answer()
                if answer.get("error") is not None and not refusal:
                    refusal = f"{command[0]}: {str(answer['error']).strip()}"
                answers.append(str(answer.get("result") or ""))
        if refusal:
            raise CommandError(refusal)
        return answers

    def _answer(self) -> dict[str, Any]:
        while True:
            text = self._buffer.lstrip()
            if text:
                try:
                    value, end = self._decoder.raw_decode(text)
                except json.JSONDecodeError:
                    pass  # not whole yet
                else:
                    self._buffer = text[end:]
                    if not isinstance(value, dict):
                        raise CommandError(f"not an answer: {text[:60]!r}")
                    return value
            data = self._socket.recv(_CHUNK)
            if not data:
                raise ConnectionResetError("ovs-vswitchd closed the control socket")
            self._buffer += data.decode(errors="replace")


def _request(command: Sequence[str]) -> bytes:
    return json.dumps({"id": 0, "method": command[0], "params": list(command[1:])}).encode()
