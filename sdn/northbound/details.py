"""The google.rpc details of an error beside its field violations: what programs need in order to act on it.

PreconditionFailure   who uses the object, or holds what is wanted (type USED_BY or HELD_BY)
ResourceInfo          the object that is missing or exists already
QuotaFailure          the limit that is reached
RetryInfo             when to try again
ErrorInfo             the reason as one word; metadata has the numbers

As many as fit into a given number of bytes; ErrorInfo always comes, so that its totals are told when lists are cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2  # type: ignore[import-untyped]  # ships stubs without py.typed

from sdn.model.errors import Limit, SdnError, Thing, Unavailable, UsedBy, Violation, WriteRefused

DOMAIN = "sdn"
_MAX_NAME = 220
"""Characters: full names have at most 213."""
_RETRY: tuple[tuple[type[SdnError], int], ...] = ((WriteRefused, 2), (Unavailable, 1))
"""Seconds after which it is worth trying again; writes that were refused are tried by the daemon itself that often."""


def details_of(cls: type[SdnError], violations: Sequence[Violation], room: int) -> list[any_pb2.Any]:
    """Details for an error of a class; room: bytes for those that come beside ErrorInfo."""
    kept: list[any_pb2.Any] = []
    for detail in chain(_retry(cls), _things(violations), _quotas(violations)):
        packed = pack(detail)
        if packed.ByteSize() <= room:
            kept.append(packed)
            room -= packed.ByteSize()
    failure = _users(violations, room)
    return [*kept, *([pack(failure)] if failure.violations else [])]


def info_of(reason: str, violations: Sequence[Violation]) -> error_details_pb2.ErrorInfo:
    """The reason, and the numbers of the first violation."""
    info = error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN)
    info.metadata["violations"] = str(len(violations))
    fact = violations[0].fact if violations else None
    if isinstance(fact, UsedBy):
        info.metadata["users"] = str(fact.total)
        if fact.name:
            info.metadata["object"] = fact.name[:_MAX_NAME]
    elif isinstance(fact, Thing):
        info.metadata["object"] = fact.name[:_MAX_NAME]
    elif isinstance(fact, Limit):
        numbers = {"limit": str(fact.most), "used": str(fact.used), "of": fact.what}
        info.metadata.update({**numbers, **({"object": fact.subject[:_MAX_NAME]} if fact.subject else {})})
    return info


def pack(detail: Message) -> any_pb2.Any:
    """As it stands in a status."""
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed


def _retry(cls: type[SdnError]) -> Iterator[Message]:
    for known, seconds in _RETRY:
        if issubclass(cls, known):
            yield error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=seconds))
            return


def _things(violations: Sequence[Violation]) -> Iterator[Message]:
    for violation in violations:
        fact = violation.fact
        if isinstance(fact, Thing):
            kind = f"sdn.v1.{fact.kind}" if fact.kind else ""
            yield error_details_pb2.ResourceInfo(resource_type=kind, resource_name=fact.name[:_MAX_NAME])


def _quotas(violations: Sequence[Violation]) -> Iterator[Message]:
    failure = error_details_pb2.QuotaFailure()
    for violation in violations[:5]:
        fact = violation.fact
        if isinstance(fact, Limit):
            description = f"{fact.used} of at most {fact.most} {fact.what}"
            failure.violations.add(subject=fact.subject[:_MAX_NAME], description=description)
    if failure.violations:
        yield failure


def _users(violations: Sequence[Violation], room: int) -> error_details_pb2.PreconditionFailure:
    """All users that fit, those of the first violation first."""
    failure = error_details_pb2.PreconditionFailure()
    room -= 80  # around it
    for violation in violations:
        fact = violation.fact
        if not isinstance(fact, UsedBy):
            continue
        kind = "USED_BY" if fact.name else "HELD_BY"
        for user in fact.users:
            item = error_details_pb2.PreconditionFailure.Violation(
                type=kind, subject=user, description=fact.name or violation.field[:_MAX_NAME]
            )
            room -= item.ByteSize() + 3
            if room < 0:
                return failure
            failure.violations.append(item)
    return failure
