"""TCP as fast as it goes between two hosts, measured over time by iperf3."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from .machine import MachineError

if TYPE_CHECKING:
    from .lab import MininetLab

_PORT = 5201
_INTERVAL = 0.5
_SLACK = 30.0


class Throughput:
    """Under way from the start. seconds: how long; IPv4."""

    def __init__(self, lab: MininetLab, sender: str, receiver: str, *, seconds: float) -> None:
        lab.endpoint(sender)
        address = lab.endpoint(receiver).address(4)
        if address is None:
            raise MachineError(f"{receiver} has no IPv4 address.")
        self._seconds = seconds
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        server = ["iperf3", "--server", "--one-off", "--forceflush", "--port", str(_PORT)]
        self._server = lab.network.node(receiver).popen(server, **pipes)
        # It tells when it listens.
        for line in self._server.stdout:
            if "listening" in line:
                break
        client = ["iperf3", "--client", str(address.interface.ip), "--port", str(_PORT), "--json"]
        client += ["--time", f"{seconds:g}", "--interval", str(_INTERVAL)]
        self._client = lab.network.node(sender).popen(client, **pipes)

    def result(self) -> list[tuple[float, float]]:
        """Await the end: (seconds from the start, bits/s in the half second before)."""
        try:
            text, _ = self._client.communicate(timeout=self._seconds + _SLACK)
        except subprocess.TimeoutExpired:
            raise MachineError("iperf3 does not end.") from None
        finally:
            for process in (self._client, self._server):
                process.kill()
                process.wait()
        try:
            report = json.loads(text)
        except ValueError:
            raise MachineError(f"iperf3 failed: {text.strip()[-500:]}") from None
        rows = [row["sum"] for row in report.get("intervals", ())]
        if not rows:
            raise MachineError(f"iperf3 failed: {report.get('error', 'no interval was measured')}.")
        return [(row["end"], row["bits_per_second"]) for row in rows]
