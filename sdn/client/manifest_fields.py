"""From a YAML mapping to the fields of a message, led by the message's descriptor, with the line of every field.

Like ``google.protobuf.json_format.ParseDict``: names in snake_case or camelCase, null is not given, 64-bit numbers may
be text. Unlike it, all problems are found at once and a string field takes what was written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from sdn.client import yaml_tree as tree
from sdn.client.units import RATES, parse_bandwidth

Lines = dict[str, int]
"""Path of a field (``addresses[1]``) → line."""

_OUTPUT_ONLY = {"status", "metadata.etag", "metadata.create_time", "usage", "limits"}
_LIMITS = {
    FieldDescriptor.TYPE_UINT32: 2**32 - 1,
    FieldDescriptor.TYPE_UINT64: 2**64 - 1,
}
_Reader = Callable[[tree.Tree], Any]


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing wrong with a field."""

    line: int
    field: str
    reason: str
    remedy: str


class _WrongError(Exception):
    def __init__(self, reason: str, remedy: str) -> None:
        self.reason = reason
        self.remedy = remedy


def fill(message: Message, node: tree.Mapping, lines: Lines, problems: list[FieldProblem]) -> None:
    """Set the fields of an object from its document; what is wrong goes to ``problems``."""
    _Filler(lines, problems).message(message, node, "")


class _Filler:
    def __init__(self, lines: Lines, problems: list[FieldProblem]) -> None:
        self._lines = lines
        self._problems = problems

    def _wrong(self, line: int, field: str, reason: str, remedy: str) -> None:
        self._problems.append(FieldProblem(line, field, reason, remedy))

    def message(self, message: Any, node: tree.Mapping, prefix: str) -> None:
        descriptor: Descriptor = message.DESCRIPTOR
        names = {name: f for f in descriptor.fields for name in (f.name, f.json_name)}
        for key, line, value in node.items:
            if key == "kind" and not prefix:
                continue
            if not prefix and self._shorthand(message, key, line, value):
                continue
            field = names.get(key)
            path = f"{prefix}{field.name if field else key[:60]}"
            if field is None:
                known = ", ".join(_known(descriptor, prefix))
                self._wrong(line, path, f"{descriptor.name} has no such field", f"Known fields: {known}.")
            elif path not in _OUTPUT_ONLY:
                self._first(path, line)
                self._field(message, field, value, path, line)

    def _first(self, path: str, line: int) -> None:
        if path in self._lines:
            before = self._lines[path]
            self._wrong(line, path, f"given twice, also on line {before}", "Keep one of the two.")
        self._lines[path] = line

    def _shorthand(self, message: Any, key: str, line: int, value: tree.Tree) -> bool:
        """``bandwidth: 100M`` and the like, and ``description`` and ``labels`` without ``metadata``."""
        if key in RATES and f"{key}_bps" in message.DESCRIPTOR.fields_by_name:
            self._first(f"{key}_bps", line)
            self._set(message, f"{key}_bps", _bandwidth, value, f"{key}_bps", line)
            return True
        if key in ("description", "labels"):
            path = f"metadata.{key}"
            self._first(path, line)
            self._field(message.metadata, message.metadata.DESCRIPTOR.fields_by_name[key], value, path, line)
            return True
        return False

    def _field(self, message: Any, field: FieldDescriptor, value: tree.Tree, path: str, line: int) -> None:
        if isinstance(value, tree.Scalar) and value.value is None and value.text in ("", "~", "null", "Null", "NULL"):
            return
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            self._map(getattr(message, field.name), value, path, line)
        elif field.is_repeated:
            self._list(getattr(message, field.name), field, value, path, line)
        elif field.message_type is not None and field.message_type.full_name == "google.protobuf.Timestamp":
            self._time(getattr(message, field.name), value, path, line)
        elif field.message_type is not None:
            if isinstance(value, tree.Mapping):
                getattr(message, field.name).SetInParent()
            self._member(getattr(message, field.name), value, path, line)
        else:
            self._set(message, field.name, _reader(field), value, path, line)

    def _time(self, message: Any, value: tree.Tree, path: str, line: int) -> None:
        """RFC 3339, as 2026-03-01T18:00:00Z."""
        try:
            message.FromJsonString(value.text if isinstance(value, tree.Scalar) else "")
        except ValueError:
            self._wrong(line, path, "not a time", "Write it as 2026-03-01T18:00:00Z.")

    def _member(self, message: Any, value: tree.Tree, path: str, line: int) -> None:
        if isinstance(value, tree.Mapping):
            return self.message(message, value, f"{path}.")
        known = ", ".join(_known(message.DESCRIPTOR, f"{path}."))
        return self._wrong(line, path, "not an object", f"Give it the fields {known}.")

    def _set(self, message: Any, name: str, read: _Reader, value: tree.Tree, path: str, line: int) -> None:
        try:
            setattr(message, name, read(value))
        except _WrongError as error:
            self._wrong(line, path, error.reason, error.remedy)

    def _list(self, target: Any, field: FieldDescriptor, value: tree.Tree, path: str, line: int) -> None:
        if not isinstance(value, tree.Sequence):
            return self._wrong(line, path, "not a list", "Write [a, b], or one item a line after '- '.")
        if field.message_type is not None:
            for index, item in enumerate(value.items):
                self._lines[f"{path}[{index}]"] = item.line
                self._member(target.add(), item, f"{path}[{index}]", item.line)
            return None
        read = _reader(field)
        for index, item in enumerate(value.items):
            self._lines[f"{path}[{index}]"] = item.line
            try:
                target.append(read(item))
            except _WrongError as error:
                self._wrong(item.line, f"{path}[{index}]", error.reason, error.remedy)
        return None

    def _map(self, target: Any, value: tree.Tree, path: str, line: int) -> None:
        if not isinstance(value, tree.Mapping):
            return self._wrong(line, path, "not a mapping", "Write one 'key: value' a line.")
        for key, key_line, item in value.items:
            self._lines[f"{path}[{key}]"] = key_line
            try:
                target[key] = _text(item)
            except _WrongError as error:
                self._wrong(key_line, f"{path}[{key[:60]}]", error.reason, error.remedy)
        return None


def _known(descriptor: Descriptor, prefix: str) -> Iterator[str]:
    for field in descriptor.fields:
        if f"{prefix}{field.name}" not in _OUTPUT_ONLY:
            yield field.name


def _reader(field: FieldDescriptor) -> _Reader:
    if field.type == FieldDescriptor.TYPE_STRING:
        return _text
    if field.enum_type is not None:
        words = {value.name: value.number for value in field.enum_type.values if value.number}
        return lambda value: _choice(value, words)
    if field.type == FieldDescriptor.TYPE_BOOL:
        return _truth
    limit = _LIMITS[field.type]
    return lambda value: _number(value, limit)


def _text(value: tree.Tree) -> str:
    if not isinstance(value, tree.Scalar):
        raise _WrongError("not text", "Write a single value.")
    return value.text


def _choice(value: tree.Tree, words: dict[str, int]) -> int:
    """The number of a word, in any case."""
    text = _text(value)
    number = words.get(text.upper())
    if number is None:
        raise _WrongError(f"{text[:40]!r} is not known", f"Choose from {', '.join(words)}.")
    return number


def _truth(value: tree.Tree) -> bool:
    text = value.text.lower() if isinstance(value, tree.Scalar) else ""
    if text not in ("true", "false"):
        raise _WrongError(f"{text[:40]!r} is not true or false", "Write true or false.")
    return text == "true"


def _number(value: tree.Tree, limit: int) -> int:
    text = value.text if isinstance(value, tree.Scalar) else ""
    if not text.isascii() or not text.isdigit() or len(text) > 20 or int(text) > limit:
        shown = text[:40] if isinstance(value, tree.Scalar) else "this"
        raise _WrongError(f"{shown!r} is not a whole number in range", f"Write a number from 0 to {limit}.")
    return int(text)


def _bandwidth(value: tree.Tree) -> int:
    try:
        return parse_bandwidth(_text(value))
    except ValueError as error:
        reason, _, remedy = str(error).partition(". ")
        raise _WrongError(reason, remedy) from None
