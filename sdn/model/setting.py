"""A setting of the daemon as it is in force, for those who ask."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Source(StrEnum):
    """Where a value comes from; each wins over those before it."""

    BUILT_IN = "BUILT_IN"
    FILE = "FILE"
    ENVIRONMENT = "ENVIRONMENT"
    FLAG = "FLAG"
    RUN_TIME = "RUN_TIME"


@dataclass(frozen=True, slots=True)
class Setting:
    """value, default: as they would stand on a command line; of secrets they are the files that hold them.

    where: the file, variable or flag, '' for others. later: what it will be after the next start, None for the same.
    """

    name: str
    value: str
    default: str
    source: Source
    where: str
    help: str
    later: str | None = None
