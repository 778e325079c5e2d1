"""Structured logs on standard error: one line per record, as text with key=value pairs or as JSON."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from sdn.model.errors import InvalidInput, NotFound, Thing

_log = logging.getLogger("sdn")
_SHOWN = ("sdn", "grpc", "asyncio")
"""First parts of the names of loggers that can be chosen."""
FORMATS = ("text", "json")
LEVELS = ("debug", "info", "warning", "error")


def _fields(record: logging.LogRecord) -> dict[str, str | int | float]:
    fields = getattr(record, "fields", {})
    return fields if isinstance(fields, dict) else {}


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


class TextFormatter(logging.Formatter):
    """``TIME LEVEL LOGGER: MESSAGE key=value …``; values with blanks or control characters are quoted."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, with a traceback behind if there is one."""
        pairs = "".join(f" {key}={_shown(value)}" for key, value in _fields(record).items())
        line = f"{_time(record)} {record.levelname.lower():7} {record.name}: {record.getMessage()}{pairs}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time, level, logger, message, and the fields of the record."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        data = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            data["exception"] = self.formatException(record.exc_info)
        return json.dumps(data)


def _shown(value: str | float) -> str:
    text = str(value)
    plain = text.isprintable() and text and not any(char in text for char in ' "=')
    return text if plain else json.dumps(text)


class LogLevels:
    """The levels of all loggers of the daemon, while it runs. Names: '' for the root, ``sdn.southbound``, ..."""

    def levels(self) -> dict[str, str]:
        """By name; '' for a logger that has the level of the one above it."""
        known = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in _SHOWN]
        return {name: _level_of(logging.getLogger(name)) for name in ("", *sorted(known))}

    def set_level(self, logger: str, level: str) -> None:
        """From this level up; '' for that of the logger above. Raises InvalidInput, NotFound."""
        known = self.levels()
        if logger not in known:
            reason = f"there is no logger {logger[:80]!r}"
            remedy = f"Choose from {', '.join(name for name in known if name)}, or nothing for all."
            raise NotFound.of("logger", reason, remedy, Thing("Logger", logger[:80]))
        if level not in LEVELS and (level or not logger):
            remedy = f"Give {', '.join(LEVELS)}{', or nothing for that of the logger above' if logger else ''}."
            raise InvalidInput.of("level", f"{level[:80]!r} is not a level" if level else "not given", remedy)
        logging.getLogger(logger).setLevel(level.upper() if level else logging.NOTSET)
        _log.warning("log level", extra={"fields": {"of": logger or "all", "level": level or "as above"}})

    def reset(self, level: str) -> None:
        """All loggers log from this level up, as after a start."""
        for name in self.levels():
            logging.getLogger(name).setLevel(logging.NOTSET if name else level.upper())


def _level_of(logger: logging.Logger) -> str:
    return logging.getLevelName(logger.level).lower() if logger.level else ""


def set_up(level: str, form: str) -> None:
    """Log to standard error from this level up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(True)
