"""What the blocking and the asyncio client share: channel options, requests, helpers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from google.protobuf import duration_pb2, field_mask_pb2

from sdn.client.kinds import AnyObject, KindInfo, wrap
from sdn.v1 import events_pb2 as epb
from sdn.v1 import resources_pb2 as pb
from sdn.v1 import services_pb2 as spb

M = TypeVar("M", pb.Tenant, pb.Network, pb.Subnet, pb.Router, pb.Port, pb.Connection)

DEFAULT_ADDRESS = "127.0.0.1:50051"
DEFAULT_TIMEOUT = 30.0
"""Seconds for a call, beside what it is asked to wait."""
LONG_TIMEOUT = 600.0
"""Seconds for questions whose answer is computed piece by piece."""
PAGE_SIZE = 1000
SYNCED = "SYNCED"
_MAX_RECEIVE = 256 * 1024 * 1024

CHANNEL_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", _MAX_RECEIVE),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.enable_http_proxy", 0),
)
"""Quick reconnects, since the daemon is often on the same machine and just starting; never through a web proxy."""


@dataclass(frozen=True, slots=True)
class Change(Generic[M]):
    """One change of an object. type: 'ADDED', 'MODIFIED' or 'DELETED'; resource: as it is now, or was at last.

    revision: from which to go on watching after it; 0 within the initial list.
    """

    type: str
    resource: M
    revision: int = 0


def change(message: Any, singular: str) -> Change[Any]:
    """A change from its message."""
    return Change(spb.ChangeType.Name(message.type), getattr(message, singular), message.revision)


def options(wait: float, request_id: str) -> spb.WriteOptions:
    """wait: seconds, 0 to return when durable."""
    result = spb.WriteOptions(request_id=request_id)
    if wait:
        duration = duration_pb2.Duration()
        duration.FromNanoseconds(round(wait * 1e9))
        result.wait.CopyFrom(duration)
    return result


def request(info: KindInfo, verb: str, **fields: Any) -> Any:
    """The request message of a verb (``CreatePortRequest``); ``parent`` and ``resource`` go where they belong."""
    plural = "s" if verb in ("List", "Watch") else ""
    if "parent" in fields:
        parent = fields.pop("parent")
        if info.in_tenant:
            fields["parent"] = parent or "tenants/-"
        elif parent:
            raise ValueError("tenants have no parent. Leave it out.")
    if "resource" in fields:
        fields[info.singular] = fields.pop("resource")
    return getattr(spb, f"{verb}{info.kind}{plural}Request")(**fields)


def update_request(
    info: KindInfo, resource: AnyObject, mask: Iterable[str] | None, wait: float, request_id: str
) -> Any:
    """mask: paths of the fields to replace, None for all."""
    result = request(info, "Update", resource=resource, options=options(wait, request_id))
    if mask is not None:
        paths = list(mask)
        if not paths:
            raise ValueError("the mask is empty. Name fields to replace, or pass None to replace all.")
        result.update_mask.CopyFrom(field_mask_pb2.FieldMask(paths=paths))
    return result


def apply_request(
    resources: Iterable[AnyObject | pb.Resource], deletes: Iterable[str], dry_run: bool, wait: float, request_id: str
) -> spb.ApplyRequest:
    """The request for a whole manifest."""
    members = (r if isinstance(r, pb.Resource) else wrap(r) for r in resources)
    return spb.ApplyRequest(resources=members, deletes=deletes, dry_run=dry_run, options=options(wait, request_id))


def event_filter(object: str, reason: str, severity: str, selector: str) -> dict[str, Any]:
    """Fields that requests for events have in common; raises ValueError for an unknown severity."""
    return {"object": object, "reason": reason, "severity": epb.Severity.Value(severity), "filter": selector}


def not_ready(status_of: Iterable[str], timeout: float) -> str:
    """The text of the error when the daemon did not become ready."""
    missing = "; ".join(status_of) or "it does not say why"
    return f"not ready after {timeout:g} s: {missing}. Look at the switches named, or wait longer."
