"""Makes the runner in ``mininet/`` importable; the directory must not come before the real package of that name."""

import sys
from pathlib import Path

_RUNNER = str(Path(__file__).parents[2] / "mininet")
if _RUNNER not in sys.path:
    sys.path.append(_RUNNER)
