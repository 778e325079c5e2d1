"""What writes have in common: options, etags, field masks, waiting, and the answer afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google.protobuf import field_mask_pb2

from sdn.controller.reader import Backend, Reader
from sdn.model.command import TransactionResult, Update
from sdn.model.errors import NotFound
from sdn.model.intent import Connection
from sdn.model.status import Status
from sdn.northbound import check
from sdn.northbound.check import Problems
from sdn.northbound.kinds import Codec, quota
from sdn.northbound.rpc import Context

MAX_WAIT = 3600.0
_MARGIN = 0.25
"""Seconds kept of a caller's deadline, so that the answer arrives before it."""
_MAX_REVISION = 2**63 - 1
_OUTPUT_ONLY = ("name", "status", "metadata.etag", "metadata.create_time", "usage", "limits")


def read_options(options: Any, problems: Problems) -> float:
    """Check WriteOptions; returns the seconds to wait."""
    check.request_id(options.request_id, "options.request_id", problems)
    wait = options.wait
    seconds: float = wait.seconds + wait.nanos / 1e9
    field, remedy = "options.wait", f"Give 0 to {MAX_WAIT:.0f} seconds."
    if not -999_999_999 <= wait.nanos <= 999_999_999 or wait.seconds * wait.nanos < 0:
        problems.add(field, f"{wait.seconds} s and {wait.nanos} ns are not a duration", remedy)
    elif seconds < 0:
        problems.add(field, f"{seconds:g} s is negative", remedy)
    elif seconds > MAX_WAIT:
        problems.add(field, f"{seconds:.0f} s is too long", remedy)
    return seconds


def read_etag(text: str, field: str, problems: Problems) -> int | None:
    """The revision in an etag; None if none was given."""
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) <= 19 and 0 < int(text) <= _MAX_REVISION:
        return int(text)
    problems.add(field, f"{check.shown(text)} is not an etag", "Give the metadata.etag that was read, or leave it out.")
    return None


def given(request: Any, codec: Codec, problems: Problems) -> Any:
    """The object in a request."""
    if not request.HasField(codec.singular):
        problems.add(codec.singular, "not given", f"Send the {codec.singular} to write.")
    return getattr(request, codec.singular)


def read_mask(mask: Any, codec: Codec, problems: Problems) -> list[str] | None:
    """The paths to replace, None for all."""
    if not mask.paths or list(mask.paths) == ["*"]:
        return None
    known = {path for path in codec.paths if path not in codec.immutable}
    found: list[str] = []
    for index, path in enumerate(mask.paths):
        where = f"update_mask.paths[{index}]"
        choose = f"Choose from {', '.join(sorted({*known, 'metadata'}))}."
        if path == "metadata":
            found += ["metadata.description", "metadata.labels"]
        elif path in known:
            found.append(path)
        elif path in codec.immutable:
            problems.add(where, f"{path} cannot change after creation", "Delete the object and create it anew.")
        elif path in _OUTPUT_ONLY or path.startswith("status."):
            problems.add(where, f"{path} is written by the daemon alone", choose)
        else:
            problems.add(where, f"{check.shown(path)} is not a field of {codec.kind}", choose)
        if problems.full:
            break
    return found


def read_update(request: Any, codec: Codec, reader: Reader, problems: Problems) -> Update:
    """The command of an Update; raises InvalidInput with all that is wrong, or NotFound.

    Only the masked fields are looked at. The command depends on nothing stored but what cannot change, so that a
    repeated request is the same command.
    """
    message = given(request, codec, problems)
    problems.settle()
    paths = read_mask(request.update_mask, codec, problems)
    revision = read_etag(message.metadata.etag, f"{codec.singular}.metadata.etag", problems)
    check.name(message.name, f"{codec.singular}.name", codec.kind, problems)
    problems.settle()
    wish = codec.message(name=message.name)
    wanted = codec.paths if paths is None else paths
    field_mask_pb2.FieldMask(paths=wanted).MergeMessage(message, wish, True, True)
    _complete(wish, codec, reader)
    resource = codec.to_model(wish, codec.singular, problems)
    problems.settle()
    assert resource is not None
    fields = None if paths is None else frozenset(codec.paths[path] for path in paths)
    return Update(resource, fields, revision)


def _complete(wish: Any, codec: Codec, reader: Reader) -> None:
    """What cannot change need not be given: it is as it was created."""
    missing = [path for path in codec.immutable if not getattr(wish, path)]
    if missing:
        try:
            stored, status = reader.get(wish.name)
        except NotFound as error:
            first = error.violations[0]
            raise NotFound(first.at(f"{codec.singular}.name")) from None
        whole = codec.to_message(stored, status)
        for path in missing:
            setattr(wish, path, getattr(whole, path))


def awaited(result: TransactionResult, kept: int) -> tuple[str, ...]:
    """Names of what was written, and of legs that went with their connection. kept: resources before deleted ones."""
    names = dict.fromkeys(resource.name for resource in result.resources)
    if any(isinstance(gone, Connection) and gone.many for gone in result.resources[kept:]):
        names.update(dict.fromkeys(result.changed))
    return tuple(names)


async def wait_for(backend: Backend, names: Iterable[str], seconds: float, context: Context) -> None:
    """Wait until these are programmed or the time is over, a little before the caller's own deadline."""
    left = context.time_remaining()
    timeout = seconds if left is None else min(seconds, left - _MARGIN)
    if timeout > 0:
        await backend.wait_programmed(tuple(names), timeout)


def add_usage(message: Any, reader: Reader) -> None:
    """What a tenant has, and how much it may have."""
    usage, limits = reader.quota(message.name)
    message.usage.CopyFrom(quota(usage))
    message.limits.CopyFrom(quota(limits))


def status_now(reader: Reader, name: str) -> Status | None:
    """The status of an object, None if it is gone."""
    try:
        return reader.get(name)[1]
    except NotFound:
        return None
