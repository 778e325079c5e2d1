"""Which tests can run here: those marked ``lab`` need Open vSwitch, those marked ``system`` root and Mininet as well.

SDN_TESTS=unprivileged or SDN_TESTS=system keeps only that part, whatever else selects tests.

``./dev test`` runs two processes side by side (pytest-xdist), each of which takes one module after the other. What
would meet when two modules run at once, and why it does not:
- the system's Open vSwitch, interfaces and hosts of Mininet, the usual ports of sdnd: tests/system alone has them, and
  is one piece; ``mn`` itself runs in namespaces of its own
- the machine's time: tests/bench is one piece too
- Open vSwitch of tests marked ``lab``: in directories, and for root's devices in namespaces, of their own
- TCP ports: nobody else gets one by chance that ``sdn.lab.daemon.free_port`` has given
- limits of resources: set for processes that a test has started itself; nobody uses control groups or sysctl outside
  of namespaces
- caches of pytest and hypothesis: written by one process, and made to be shared
"""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

os.environ["GRPC_ENABLE_FORK_SUPPORT"] = (
    "0"  # as the daemon does before it imports gRPC; tests make copies of processes
)

LONGEST_FIRST = ("tests/system", "tests/bench", "tests/cloud")
"""Where tests take minutes: taken first, so that both processes end at the same time."""
ONE_PIECE = ("tests/system", "tests/bench")
"""Whose modules must not run at once."""
END_SECONDS = 120.0
"""What a process may take to end its labs on a busy machine; pytest-xdist alone would wait for ten."""
_processes: list[Any] = []


def pytest_configure(config: pytest.Config) -> None:
    """A checkout that was updated and not built anew fails in ways that say nothing of it."""
    if _is_one_of_several(config):
        os.setpgid(0, 0)  # a terminal interrupts the first process alone, which passes it on once
    from sdn.daemon.compiled import check  # later than the setting above
    from sdn.model.errors import SdnError

    try:
        check()
    except SdnError as error:
        raise pytest.UsageError(str(error.violations[0])) from None


def _missing_for_lab() -> str:
    return "" if shutil.which("ovs-vswitchd", path=_path()) else "Open vSwitch is not installed"


def _missing_for_system() -> str:
    if os.geteuid() != 0:
        return "needs root"
    for command in ("ovs-vsctl", "mnexec"):
        if shutil.which(command, path=_path()) is None:
            return f"{command} is not installed"
    return ""


def _path() -> str:
    """Daemons live in /usr/sbin, which a user's PATH may lack."""
    return os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """For ``--dist loadfile``: what a process is given at once is a module, or one piece."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            module: str = super()._split_scope(nodeid)
            return next((piece for piece in ONE_PIECE if PurePosixPath(module).is_relative_to(piece)), module)

    return Scheduling(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.hookimpl(optionalhook=True)
def pytest_testnodeready(node: Any) -> None:
    """A process has started."""
    _processes.append(node)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Whoever swallows the exception of an interrupt ends with its test, and no other one begins."""

    def stop(number: int, frame: object) -> None:
        session.shouldstop = "interrupted"
        raise KeyboardInterrupt

    if _is_one_of_several(session.config):
        signal.signal(signal.SIGINT, stop)


def pytest_keyboard_interrupt() -> None:
    """In the first of several processes: let fixtures of the others end what they have started."""
    if not _processes:
        return
    for children in Path("/proc/self/task").glob("*/children"):
        for pid in children.read_text().split():
            os.kill(int(pid), signal.SIGINT)
    for node in _processes:
        with suppress(Exception):  # it has ended in whatever way
            node.channel.waitclose(END_SECONDS)


def _is_one_of_several(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _place(item: pytest.Item) -> int:
    """Of its module in the order in which processes take them."""
    module = PurePosixPath(item.nodeid.partition("::")[0])
    first = [number for number, where in enumerate(LONGEST_FIRST) if module.is_relative_to(where)]
    return first[0] if first else len(LONGEST_FIRST)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if _is_one_of_several(config):
        items.sort(key=_place)
    part = os.environ.get("SDN_TESTS", "")
    if part:
        wanted = part == "system"
        left_out = [item for item in items if (item.get_closest_marker("system") is not None) != wanted]
        config.hook.pytest_deselected(items=left_out)
        kept = set(items) - set(left_out)
        items[:] = [item for item in items if item in kept]
    missing = {"lab": _missing_for_lab(), "system": _missing_for_system()}
    for item in items:
        for marker, reason in missing.items():
            if reason and item.get_closest_marker(marker) is not None:
                item.add_marker(pytest.mark.skip(reason=reason))
