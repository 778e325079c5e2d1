"""JSON texts one behind the other in a stream of bytes, as OVSDB sends them (RFC 7047, section 4). No I/O.

The other end may be hostile: length and depth are bounded before anything is parsed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

MAX_MESSAGE = 16 << 20
"""Bytes of one text: what a switch with 65,536 interfaces tells at first has about this."""
MAX_DEPTH = 16
"""Nesting; what OVSDB sends has eight."""
_OUTSIDE = re.compile(rb'["{}\[\]]')
_INSIDE = re.compile(rb'["\\]')
_BLANK = b" \t\r\n"


class BadStream(Exception):
    """What came is not what may come; nothing behind it can be understood."""


class JsonStream:
    """Feed bytes, get objects. O(bytes), however they are cut."""

    def __init__(self, max_message: int = MAX_MESSAGE) -> None:
        self._max = max_message
        self._data = bytearray()
        self._at = 0
        """Up to here it was looked at."""
        self._depth = 0
        self._in_string = False

    def feed(self, data: bytes) -> Iterator[dict[str, Json]]:
        """The objects that are complete now. Raises BadStream."""
        self._data += data
        while (end := self._end()) is not None:
            text = bytes(self._data[:end])
            del self._data[:end]
            self._at = 0
            yield _parse(text)
        if len(self._data) > self._max:
            raise BadStream(f"a message of more than {self._max} bytes")

    def _end(self) -> int | None:
        """Where the first text ends."""
        if self._depth == 0 and self._at == 0:
            self._skip_blanks()
        while True:
            found = (_INSIDE if self._in_string else _OUTSIDE).search(self._data, self._at)
            if found is None:
                self._at = len(self._data)
                return None
            char, at = found[0], found.end()
            if char == b"\\":
                if at >= len(self._data):
                    self._at = found.start()  # what is escaped comes with the next bytes
                    return None
                self._at = at + 1
                continue
            self._at = at
            if self._step(char):
                if at > self._max:
                    raise BadStream(f"a message of more than {self._max} bytes")
                return at

    def _step(self, char: bytes) -> bool:
        """Take a quote or a bracket; whether it ends the text."""
        if char == b'"':
            self._in_string = not self._in_string
        elif char in b"{[":
            self._depth += 1
            if self._depth > MAX_DEPTH:
                raise BadStream(f"nested deeper than {MAX_DEPTH}")
        else:
            self._depth -= 1
            return self._depth == 0
        return False

    def _skip_blanks(self) -> None:
        stripped = self._data.lstrip(_BLANK)
        if len(stripped) != len(self._data):
            self._data = stripped
        if self._data and self._data[0] != 0x7B:
            raise BadStream("something that is not a JSON object")


def _parse(text: bytes) -> dict[str, Json]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise BadStream("a message that is not JSON") from None
    if not isinstance(value, dict):
        raise BadStream("something that is not a JSON object")
    return value
