"""Fields of an object as words of a command line: ``FIELD=VALUE``, written into a document as ``apply`` reads it.

``description`` and ``labels.KEY`` are those of the metadata, and whatever follows ``labels.`` is the key. A value that
begins with a bracket, a brace or a quote is YAML; any other is taken as it stands. An empty one takes the field away.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import click

from sdn.cli.session import EXIT_USAGE, fail
from sdn.client import AnyObject, ManifestError, parse

_FIELD = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*")
_PLAIN = re.compile(r"(?!(?i:null)$)-?[A-Za-z0-9_./:+][A-Za-z0-9_./:+-]*(?<!:)")
"""What YAML does not read as anything but itself; numbers are among these."""
_MASKS = {"bandwidth": "bandwidth_bps", "reverse_bandwidth": "reverse_bandwidth_bps"}
_NOT = ("kind", "name", "status")
Path = tuple[str, ...]


class Word(str):
    """A value as it was given."""


def read_words(words: Iterable[str]) -> dict[Path, Word]:
    """Values by path; a usage error for what has not the form."""
    found: dict[Path, Word] = {}
    for word in words:
        field, given, value = word.partition("=")
        if not given:
            raise click.UsageError(f"{word[:60]!r} is not FIELD=VALUE.")
        if field.startswith("labels.") and len(field) > len("labels."):
            path: Path = ("metadata", "labels", field.removeprefix("labels."))
        elif field in ("description", "labels"):
            path = ("metadata", field)
        elif not _FIELD.fullmatch(field) or field.partition(".")[0] in _NOT:
            raise click.UsageError(f"{field[:60]!r} is no field that can be set.")
        else:
            path = tuple(field.split("."))
        if path in found:
            raise click.UsageError(f"{field} is given twice.")
        found[path] = Word(value)
    return found


def mask_of(paths: Iterable[Path]) -> list[str]:
    """The update mask of these."""
    return list(dict.fromkeys(".".join(p[:2]) if p[0] == "metadata" else _MASKS.get(p[0], p[0]) for p in paths))


def object_of(document: dict[str, Any], values: dict[Path, Word]) -> AnyObject:
    """The object of a document in which these fields are other ones; ends the program with what is wrong."""
    for path, value in values.items():
        _set(document, path, value)
    try:
        (found,) = parse("\n".join(_lines(document, "")), "command line")
    except ManifestError as error:
        fail((f"{p.field}: {p.reason}. {p.remedy}" for p in error.problems), EXIT_USAGE)
    return found.message


def _set(document: dict[str, Any], path: Path, value: Word) -> None:
    *above, last = path
    for key in above:
        inner = document.get(key)
        if not isinstance(inner, dict):
            inner = document[key] = {}
        document = inner
    if value:
        document[last] = value
    else:
        document.pop(last, None)


def _lines(document: dict[str, Any], indent: str) -> Iterator[str]:
    """YAML; what was given is between quotes where it would be read as something else than it says."""
    for key, value in document.items():
        name = f"{indent}{json.dumps(key)}:"
        if isinstance(value, dict) and value:
            yield name
            yield from _lines(value, indent + "  ")
        elif isinstance(value, Word):
            raw = value[0] in "[{\"'" or _PLAIN.fullmatch(value)
            yield f"{name} {value if raw else json.dumps(value)}"
        else:
            yield f"{name} {json.dumps(value)}"
