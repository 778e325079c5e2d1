"""Tells systemd how the daemon is: the datagrams of sd_notify(3). Without systemd nothing is sent.

Sent from the event loop, so a loop that does not turn is not alive for the watchdog either.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Mapping

_log = logging.getLogger("sdn")


class Notifier:
    """environment: NOTIFY_SOCKET says where, WATCHDOG_USEC and WATCHDOG_PID how often signs of life are wanted."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        path = environment.get("NOTIFY_SOCKET", "")
        self._address = f"\0{path[1:]}" if path.startswith("@") else path
        self.watchdog_seconds = 0.0
        """Between two signs of life: half of what systemd allows; 0 when it wants none."""
        interval, process = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
        if self._address and interval.isdigit() and process in ("", str(os.getpid())):
            self.watchdog_seconds = int(interval) / 2e6

    def ready(self) -> None:
        """The start, or a reload, is over."""
        self._send("READY=1")

    def reloading(self) -> None:
        """A reload begins; ``ready`` ends it."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def status(self, text: str) -> None:
        """What ``systemctl status`` shows."""
        self._send(f"STATUS={text}")

    def stopping(self) -> None:
        """The end begins."""
        self._send("STOPPING=1")

    async def live(self) -> None:
        """Give signs of life until cancelled."""
        while self.watchdog_seconds:
            self._send("WATCHDOG=1")
            await asyncio.sleep(self.watchdog_seconds)

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        data = "\n".join(line.replace("\n", " ") for line in lines).encode()
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.setblocking(False)
                channel.sendto(data, self._address)
        except OSError as error:
            _log.warning("systemd cannot be told %s: %s", lines[0], error)
