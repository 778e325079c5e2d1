"""The settings in force, with where each comes from: what the daemon was started with, and what was changed since.

Rules: what is told are the settings themselves. They name files that hold keys and tokens; such files are never opened
here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sdn.daemon.config import FIELDS, Config, Value
from sdn.daemon.logs import LogLevels
from sdn.model.setting import Setting, Source

AT_ONCE = ("log_level",)
"""Settings that are taken while the daemon runs."""


class Effective:
    """settings: those of the start."""

    def __init__(self, settings: Config) -> None:
        self._now = settings
        self._read = settings

    def reread(self, found: Config) -> list[str]:
        """Settings were read again: takes what can be taken at once; returns those that change at the next start."""
        self._read = found
        origins = {**self._now.origins, **{name: found.origins[name] for name in AT_ONCE if name in found.origins}}
        self._now = replace(self._now, origins=origins, **{name: getattr(found, name) for name in AT_ONCE})
        return [name for name in FIELDS if getattr(found, name) != getattr(self._now, name)]

    def settings(self) -> list[Setting]:
        """All of them, in the order of ``sdnd --help``."""
        return [self._setting(name) for name in FIELDS]

    def _setting(self, name: str) -> Setting:
        value, read = getattr(self._now, name), getattr(self._read, name)
        source, where = self._now.origins.get(name, (Source.BUILT_IN, ""))
        if name == "log_level" and (level := LogLevels().levels()[""]) != value:
            value, read, source, where = level, value, Source.RUN_TIME, ""
        later = _text(read) if read != value else None
        item = FIELDS[name]
        default: Any = item.default
        return Setting(name, _text(value), _text(default), source, where, item.metadata["help"], later)


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else f"{value:g}" if value < 1e6 else f"{value:.0f}"
