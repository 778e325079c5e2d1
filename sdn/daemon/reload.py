"""SIGHUP: reads the settings again, and takes what can be changed while the daemon runs."""

from __future__ import annotations

import logging
from collections.abc import Callable

from sdn.daemon.config import Config
from sdn.daemon.effective import Effective
from sdn.daemon.logs import LogLevels
from sdn.daemon.notify import Notifier
from sdn.model.errors import SdnError

_log = logging.getLogger("sdn")


class Reload:
    """read: the settings as they are now; raises SdnError. more: done at each reload as well."""

    def __init__(
        self, effective: Effective, read: Callable[[], Config], notifier: Notifier, *more: Callable[[], None]
    ) -> None:
        self._effective = effective
        self._read = read
        self._notifier = notifier
        self._more = more

    def hang_up(self) -> None:
        """All levels of logs are those of the settings again; other settings that changed are named in the log."""
        self._notifier.reloading()
        try:
            found = self._read()
        except SdnError as error:
            _log.error("settings not read again: %s", error)
        else:
            LogLevels().reset(found.log_level)
            changed = self._effective.reread(found)
            later = f"; changed, but only taken at the next start: {', '.join(changed)}" if changed else ""
            _log.warning("settings read again%s", later)
        for act in self._more:
            act()
        self._notifier.ready()
