"""Messages for requests about connections and paths, so that users need not know the generated modules."""

from sdn.v1.paths_pb2 import CheckConnectionResponse, FoundPath, PathQuery
from sdn.v1.resources_pb2 import (
    Calendar,
    Classifier,
    Connection,
    Constraints,
    NoPath,
    PathStrategy,
    Protection,
    ProtectionMode,
    Scope,
    Weekday,
)

__all__ = [
    "Calendar",
    "CheckConnectionResponse",
    "Classifier",
    "Connection",
    "Constraints",
    "FoundPath",
    "NoPath",
    "PathQuery",
    "PathStrategy",
    "Protection",
    "ProtectionMode",
    "Scope",
    "Weekday",
]
