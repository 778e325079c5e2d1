"""Names of fields in errors of the store, which speak of the model, as paths in the request that was sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from sdn.model.errors import SdnError
from sdn.northbound.kinds import Codec

_COMMAND = re.compile(r"commands\[(\d{1,9})\]\.?(.*)", re.DOTALL)
_HEAD = re.compile(r"[a-z_]*")
_OF_REQUEST = {"request_id": "options.request_id", "dry_run": "dry_run"}
_METADATA = {"description": "metadata.description", "labels": "metadata.labels", "revision": "metadata.etag"}
_OF_DELETE = {"revision": "etag", "": "name"}

Translate = Callable[[str], str]


@contextmanager
def translated(translate: Translate) -> Iterator[None]:
    """Errors raised inside leave with their fields translated."""
    try:
        yield
    except SdnError as error:
        violations = (v.at(translate(v.field)) for v in error.violations)
        raise type(error)(*violations) from None


def of_object(codec: Codec, base: str) -> Translate:
    """For a write of one object at ``base`` in the request: ``bandwidth`` becomes ``connection.bandwidth_bps``."""
    names = {**_METADATA, **{field: path for path, field in codec.fields.items()}}

    def translate(field: str) -> str:
        head = _HEAD.match(field)
        first = head[0] if head else ""
        if first in _OF_REQUEST:
            return _OF_REQUEST[first]
        return f"{base}.{names.get(first, first)}{field[len(first) :]}" if field else base

    return translate


def of_delete(field: str) -> str:
    """For the deletion of one object."""
    return _OF_REQUEST.get(field) or _OF_DELETE.get(field, field)


def of_apply(codecs: Sequence[Codec], deletes: int) -> Translate:
    """For Apply: codecs of its resources in order, and the number of its deletes, which follow as commands."""
    total = len(codecs) + deletes

    def translate(field: str) -> str:
        match = _COMMAND.fullmatch(field)
        if match is None:
            if field in _OF_REQUEST:
                return _OF_REQUEST[field]
            if field == "commands":
                return "resources"
            if total != 1:
                return field
        index, rest = (int(match[1]), match[2]) if match else (0, field)
        if index < len(codecs):
            codec = codecs[index]
            return of_object(codec, f"resources[{index}].{codec.singular}")(rest)
        return f"deletes[{index - len(codecs)}]"

    return translate
