"""What programs of this directory share: they always clean up, and end with an exit code that tells the truth."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

from sdn.client import ApiError, ManifestError
from sdn.lab import LabError
from sdn.model.errors import SdnError

from .agents import AgentError
from .machine import MachineError

_FAILED = 1
_INTERRUPTED = 130


def guarded(work: Callable[[], int]) -> int:
    """Run ``work`` and return its exit code; every error becomes a message and exit code 1."""
    if os.geteuid() != 0:
        print("Mininet needs root. Use ./dev demo, or start this with sudo.", file=sys.stderr)
        return _FAILED
    # Ended from outside, the network must be taken down all the same.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return work()
    except KeyboardInterrupt:
        print("interrupted; everything was taken down", file=sys.stderr)
        return _INTERRUPTED
    except (MachineError, LabError, AgentError, ApiError, ManifestError, SdnError) as error:
        print(f"error: {error}", file=sys.stderr)
    except Exception as error:
        # Mininet's own handler would delete every bridge of the machine; nothing may reach it.
        print(f"error: {type(error).__name__}: {error}", file=sys.stderr)
    return _FAILED


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
