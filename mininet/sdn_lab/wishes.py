"""What experiments ask of connections: a state that is waited for, a refusal, a time that is booked."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sdn.client import ApiError, Client, load
from sdn.v1 import resources_pb2 as pb

_POLL_SECONDS = 0.1


def is_as(status: pb.ResourceStatus, fields: Mapping[str, Any]) -> bool:
    """Whether state and reason are those of a step; what was probed (VERIFIED) is PROGRAMMED, too."""
    states = {pb.State.Name(status.state)} | ({"PROGRAMMED"} if status.state == pb.VERIFIED else set())
    return fields["state"] in ("", *states) and fields["reason"] in ("", status.reason)


def await_state(client: Client, fields: Mapping[str, Any]) -> pb.Connection:
    """A connection when it is as the step says, or as it is after the step's time."""
    end = time.monotonic() + fields["timeout"]
    while True:
        connection = client.connections.get(fields["name"])
        if is_as(connection.status, fields) or time.monotonic() >= end:
            return connection
        time.sleep(_POLL_SECONDS)


def refusal(client: Client, file: Path) -> str | None:
    """What the daemon says against a manifest; None if it takes it."""
    try:
        client.apply([document.message for document in load(file)])
    except ApiError as error:
        return str(error)
    return None


def book(client: Client, ends: Mapping[str, str], fields: Mapping[str, Any]) -> str:
    """Ask for a connection for a time to come, in whole seconds; answers when it begins."""
    start = math.ceil(time.time() + fields["after"])
    calendar = pb.Calendar()
    calendar.start.seconds, calendar.end.seconds = start, start + math.ceil(fields["seconds"])
    via = pb.Constraints(via=[fields["via"]]) if fields["via"] else None
    bandwidth = round(fields["megabits"] * 1e6)
    wish = pb.Connection(name=fields["name"], **ends, bandwidth_bps=bandwidth, calendar=calendar, constraints=via)
    client.connections.create(wish)
    return datetime.fromtimestamp(start, UTC).strftime("%H:%M:%SZ")
