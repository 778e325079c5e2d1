"""Pages of lists. A token says behind which name the next page begins, so writes between two pages do no harm:
what exists all the while is listed exactly once.

A token is bound to its list by a checksum. That finds mistakes, and is no secret: a forged token can only begin
elsewhere in the same list.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from hashlib import blake2b
from itertools import islice
from typing import TypeVar

from sdn.northbound import check
from sdn.northbound.check import Problems

DEFAULT_SIZE = 100
MAX_SIZE = 1000
_DIGEST = 9
_MAX_TOKEN = 512
T = TypeVar("T")


def read_size(size: int, problems: Problems) -> int:
    """Objects on a page: 100 if not given, never more than 1000."""
    if size < 0:
        problems.add("page_size", f"{size} is negative", f"Give 1 to {MAX_SIZE}, or 0 for {DEFAULT_SIZE}.")
    return min(size, MAX_SIZE) if size > 0 else DEFAULT_SIZE


def make_token(scope: str, last: str) -> str:
    """The token of the page behind the name ``last`` in the list ``scope``."""
    return base64.urlsafe_b64encode(_digest(scope, last.encode()) + last.encode()).decode().rstrip("=")


def read_token(token: str, scope: str, problems: Problems) -> str:
    """The name behind which the page begins, '' for the first page."""
    if not token:
        return ""
    try:
        if len(token) > _MAX_TOKEN:
            raise ValueError
        data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        digest, last = data[:_DIGEST], data[_DIGEST:].decode()
        if digest != _digest(scope, last.encode()) or not last:
            raise ValueError
    except (ValueError, binascii.Error):
        problems.add(
            "page_token",
            f"{check.shown(token)} is not a token of this list",
            "Give next_page_token of the answer before with the same parent and filter, or nothing for the first page.",
        )
        return ""
    return last


def _digest(scope: str, last: bytes) -> bytes:
    return blake2b(scope.encode() + b"\0" + last, digest_size=_DIGEST).digest()


def page(items: Iterable[T], name_of: Callable[[T], str], after: str, size: int) -> tuple[list[T], str]:
    """The page of ``items`` (ordered by name) behind the name ``after``, and the last name if there is more."""
    found = list(islice((item for item in items if name_of(item) > after), size + 1))
    if len(found) <= size:
        return found, ""
    return found[:size], name_of(found[size - 1])
