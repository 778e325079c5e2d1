"""Which tests can run here: those marked ``lab`` need Open vSwitch, those marked ``system`` root and Mininet as well.

SDN_TESTS=unprivileged or SDN_TESTS=system keeps only that part, whatever else selects tests.
"""

from __future__ import annotations

import os
import shutil

import pytest

os.environ["GRPC_ENABLE_FORK_SUPPORT"] = (
    "0"  # as the daemon does before it imports gRPC; tests make copies of processes
)


def pytest_configure() -> None:
    """A checkout that was updated and not built anew fails in ways that say nothing of it."""
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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
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
