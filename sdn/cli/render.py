"""Messages as JSON, YAML and tables.

JSON and YAML have every field of a message under its name in the API, also when it is empty, so that scripts find the
same keys always: numbers are numbers, times are RFC 3339 text, enums are words, cookies (which would not survive as
JSON numbers) and frames are hexadecimal text, and what is not set is null.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import yaml

from sdn.client import AnyObject, kind_of

Plain = dict[str, Any]


def plain(message: Any) -> Plain:
    """A message as a dict of plain values, in the order of its fields."""
    return {field.name: _field(message, field) for field in message.DESCRIPTOR.fields}


def plain_object(message: AnyObject) -> Plain:
    """An object of a tenant, led by its kind, so that ``apply`` reads it back."""
    return {"kind": kind_of(message).kind, **plain(message)}


def _field(message: Any, field: Any) -> Any:
    value = getattr(message, field.name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return dict(sorted(value.items()))
    if field.is_repeated:
        return [_value(field, item) for item in value]
    if field.message_type is not None and not message.HasField(field.name):
        return None
    return _value(field, value)


def _value(field: Any, value: Any) -> Any:
    if field.message_type is not None:
        is_time = field.message_type.full_name == "google.protobuf.Timestamp"
        return value.ToJsonString() if is_time else plain(value)
    if field.enum_type is not None:
        return enum_word(field.enum_type, value)
    if isinstance(value, bytes):
        return value.hex()
    return f"{value:#018x}" if field.name == "cookie" else value


def enum_word(enum: Any, number: int) -> str:
    """The word of an enum's value; a number that a newer daemon sent stays a number."""
    known = enum.values_by_number.get(number)
    return known.name if known else str(number)


IN_PLACE = ("PROGRAMMED", "VERIFIED")
"""States of what every switch concerned has confirmed."""


def state_word(status: Any) -> str:
    """PROGRAMMED, PENDING, …; '-' when the daemon did not say."""
    word = enum_word(status.DESCRIPTOR.fields_by_name["state"].enum_type, status.state)
    return "-" if word == "STATE_UNSPECIFIED" else word


def as_json(data: Any) -> str:
    """Indented JSON."""
    return json.dumps(data, indent=2, ensure_ascii=False)


def as_json_line(data: Any) -> str:
    """JSON without a newline inside."""
    return json.dumps(data, ensure_ascii=False)


def as_yaml(data: Any) -> str:
    """YAML in the order given."""
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120).rstrip("\n")


def clean(text: str) -> str:
    """Text for a terminal: names that switches or other users chose cannot control it."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def count(number: int, noun: str) -> str:
    """1 link, 2 links, 2 switches."""
    ending = "" if number == 1 else "es" if noun.endswith("ch") else "s"
    return f"{number} {noun}{ending}"


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Aligned columns with two spaces between; columns of numbers to the right. Empty cells become '-'.

    The last column is as wide as it is; put the longest texts there.
    """
    body = list(rows)
    numeric = [bool(body) and all(isinstance(row[i], int) for row in body) for i in range(len(header))]
    lines = [tuple(header), *(tuple(_cell(cell) for cell in row) for row in body)]
    widths = [max(_width(line[i]) for line in lines) for i in range(len(header))]
    return "\n".join(
        "  ".join(_pad(text, width, right) for text, width, right in zip(line, widths, numeric, strict=True)).rstrip()
        for line in lines
    )


def _cell(value: object) -> str:
    text = clean(str(value))
    return text or "-"


def _width(text: str) -> int:
    """Columns on a terminal: East Asian characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def _pad(text: str, width: int, right: bool) -> str:
    space = " " * (width - _width(text))
    return space + text if right else text + space
