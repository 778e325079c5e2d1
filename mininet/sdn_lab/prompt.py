"""Mininet's prompt with commands of ours. Whatever goes wrong is told; nothing is raised at the prompt."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from mininet.cli import CLI

from sdn.client import ApiError

from .agents import AgentError
from .lab import MininetLab
from .machine import MachineError

_COMMANDS = """
who                         hosts with their ports, places, MACs and addresses
matrix [4|6] [ping|udp|tcp] who reaches whom
cut A B, mend A B           take the link of two switches down, and bring it back
stop SWITCH, start SWITCH   a switch loses power, and comes back empty
move HOST SWITCH            plug a host into another switch; its port is bound there
load                        packets that links have carried since the last time
ctl ARGUMENTS               sdnctl, as: ctl get ports
"""


class Prompt(CLI):  # type: ignore[misc]
    """The prompt of a lab; returns when the user leaves it."""

    prompt = "lab> "

    def __init__(self, lab: MininetLab, **options: Any) -> None:
        self._lab = lab
        self._carried = lab.carried()
        super().__init__(lab.network.net, **options)

    def do_who(self, _: str) -> None:
        """Hosts with their ports, places, MACs and addresses."""
        place = {host.name: f"{host.switch} {host.interface}" for host in self._lab.network.topology.hosts}
        for host, where in place.items():
            end = self._lab.endpoints.get(host)
            addresses = "  ".join(str(a.interface) for a in end.addresses) if end else ""
            port = end.port.removeprefix("tenants/") if end else "(no port)"
            print(f"{host:6} {where:24} {port:28} {end.mac if end else '':18} {addresses}")

    def do_matrix(self, line: str) -> None:
        """Matrix [4|6] [ping|udp|tcp]: who reaches whom."""
        words = line.split()
        version = next((int(word) for word in words if word in ("4", "6")), 4)
        protocol: Any = next((word for word in words if word in ("ping", "udp", "tcp")), "ping")
        self._guard(lambda: self._show(self._lab.matrix(version, protocol, timeout=5)))

    @staticmethod
    def _show(found: Any) -> None:
        print("'+' reaches, '.' does not and must not, '-' should but does not, '!' must not")
        print(found.table())
        print(found.explain() or "as the objects say")

    def do_cut(self, line: str) -> None:
        """Cut A B: take the link of two switches down."""
        self._with(line, 2, "cut A B", lambda a, b: self._lab.cut((a, b)))

    def do_mend(self, line: str) -> None:
        """Mend A B: bring it back."""
        self._with(line, 2, "mend A B", lambda a, b: self._lab.mend((a, b)))

    def do_stop(self, line: str) -> None:
        """Stop SWITCH: it loses power."""
        self._with(line, 1, "stop SWITCH", self._lab.stop_switch)

    def do_start(self, line: str) -> None:
        """Start SWITCH: it comes back empty."""
        self._with(line, 1, "start SWITCH", self._lab.start_switch)

    def do_move(self, line: str) -> None:
        """Move HOST SWITCH: plug a host into another switch; its port is bound there."""
        self._with(line, 2, "move HOST SWITCH", lambda host, switch: print(self._lab.move(host, switch)))

    def do_load(self, _: str) -> None:
        """Packets that links have carried since the last time."""
        load = self._lab.carried(self._carried)
        self._carried = self._lab.carried()
        for (a, b), count in sorted(load.items(), key=lambda item: -item[1]):
            print(f"{a:12} to {b:12} {count:8}")

    def do_ctl(self, line: str) -> None:
        """Ctl ARGUMENTS: sdnctl with the daemon of this lab."""
        try:
            words = shlex.split(line)
        except ValueError as error:
            print(f"error: {error}")
            return
        command = [sys.executable, "-m", "sdn.cli.main", "--address", self._lab.daemon.address, *words]
        subprocess.run(command, check=False)

    def do_help(self, line: str) -> None:
        """What there is."""
        super().do_help(line)
        if not line:
            print(f"Of this lab:\n{_COMMANDS}")

    def _with(self, line: str, count: int, usage: str, work: Callable[..., object]) -> None:
        words = line.split()
        if len(words) != count:
            print(f"usage: {usage}")
            return
        self._guard(lambda: work(*words))

    @staticmethod
    def _guard(work: Callable[[], object]) -> None:
        try:
            work()
        except (MachineError, AgentError, ApiError, ValueError, KeyError) as error:
            print(f"error: {error}")
