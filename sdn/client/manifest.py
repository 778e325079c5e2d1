"""Manifests: objects as YAML or JSON, several documents or lists, in the field names of the API.

A document is ``kind: Port``, ``name: tenants/red/ports/h1`` and the fields of the message in snake_case or camelCase.
Shorter forms: ``description`` and ``labels`` without ``metadata``, ``bandwidth: 100M`` for ``bandwidth_bps``
(ceilings likewise). What only
the daemon writes (``status``, ``metadata.etag``, ``metadata.create_time``) is passed over, so that what was read can be
applied again. Every error names file, line, document and field.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format

from sdn.client import yaml_tree as tree
from sdn.client.errors import ApiError
from sdn.client.kinds import KINDS, AnyObject, kind_of
from sdn.client.manifest_fields import FieldProblem, Lines, fill
from sdn.client.units import RATES, format_bandwidth

_OUTPUT_ONLY = ("etag", "create_time")
_MAX_PROBLEMS = 20
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_RESOURCE_FIELD = re.compile(r"resources\[(\d+)\](?:\.(?:[a-z]+)(?:\.|$)|$)(.*)")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a manifest. line: from 1, 0 if unknown; document: from 1 in its file, 0 for the whole."""

    source: str
    line: int
    document: int
    field: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        where = f"{self.source}:{self.line}" if self.line else self.source
        document = f" document {self.document}:" if self.document else ""
        field = f" {self.field}:" if self.field else ""
        return f"{where}:{document}{field} {self.reason}. {self.remedy}".replace(".. ", ". ").rstrip()


class ManifestError(Exception):
    """A manifest that cannot be read. problems: at least one, at most 20."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__(*problems)

    def __str__(self) -> str:
        return "\n".join(str(p) for p in self.problems)


@dataclass(frozen=True, slots=True)
class Document:
    """One object of a manifest. index: from 1 in its file; lines: of its fields, by path (``addresses[1]``)."""

    message: AnyObject
    source: str
    index: int
    line: int
    lines: Lines

    def line_of(self, field: str) -> int:
        """The line of a field, or of the nearest one around it that the file names."""
        while field:
            if field in self.lines:
                return self.lines[field]
            field = field[: max(field.rfind("."), field.rfind("["), 0)]
        return self.line


def load(path: str | Path) -> list[Document]:
    """The objects of a file; raises ManifestError."""
    source = str(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ManifestError(Problem(source, 0, 0, "", "not UTF-8 text", "Save the file as UTF-8.")) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise ManifestError(Problem(source, 0, 0, "", reason, "Give a file that can be read.")) from None
    return parse(text, source)


def parse(text: str, source: str = "<text>") -> list[Document]:
    """The objects of a text, which may be empty; raises ManifestError with up to 20 problems."""
    found: list[Document] = []
    problems: list[Problem] = []
    index = 0
    try:
        for node in tree.documents(text):
            for index, item in enumerate(_objects(node), index + 1):  # noqa: B020 - counts through all documents
                _read(item, source, index, found, problems)
    except tree.SyntaxProblem as error:
        problems.append(Problem(source, error.line, index + 1, error.field, error.reason, error.remedy))
    problems.extend(_repeated(found))
    if problems:
        raise ManifestError(*problems[:_MAX_PROBLEMS])
    return found


def _objects(node: tree.Tree) -> Iterator[tree.Tree]:
    if isinstance(node, tree.Sequence):
        yield from node.items
    elif not (isinstance(node, tree.Scalar) and node.value is None):
        yield node


def _read(node: tree.Tree, source: str, index: int, found: list[Document], problems: list[Problem]) -> None:
    def problem(line: int, field: str, reason: str, remedy: str) -> None:
        problems.append(Problem(source, line, index, field, reason, remedy))

    if not isinstance(node, tree.Mapping):
        return problem(node.line, "", "not an object", "Write 'kind: …', 'name: …' and its fields.")
    kind = next(((line, value) for key, line, value in node.items if key == "kind"), None)
    known = ", ".join(KINDS)
    if kind is None:
        return problem(node.line, "kind", "not given", f"Write one of {known}.")
    line, value = kind
    if not isinstance(value, tree.Scalar) or value.text not in KINDS:
        shown = value.text[:40] if isinstance(value, tree.Scalar) else "this"
        return problem(line, "kind", f"{shown!r} is not a kind", f"Write one of {known}.")
    message = KINDS[value.text].message()
    lines: Lines = {}
    errors: list[FieldProblem] = []
    fill(message, node, lines, errors)
    if not message.name and not any(e.field == "name" for e in errors):
        form = f"tenants/T/{KINDS[value.text].collection}/ID" if KINDS[value.text].in_tenant else "tenants/T"
        problem(node.line, "name", "not given", f"Write name: {form}.")
    for error in errors:
        problem(error.line, error.field, error.reason, error.remedy)
    found.append(Document(message, source, index, node.line, lines))
    return None


def _repeated(found: Iterable[Document]) -> Iterator[Problem]:
    first: dict[str, Document] = {}
    for document in found:
        name = document.message.name
        before = first.setdefault(name, document) if name else document
        if before is not document:
            reason = f"{name} is also on line {before.line_of('name')}"
            line = document.line_of("name")
            yield Problem(document.source, line, document.index, "name", reason, "Give each object once.")


def locate(error: ApiError, documents: Sequence[Document]) -> tuple[Problem, ...]:
    """What the daemon said about an Apply of these documents, in this order, with file and line.

    Violations that concern no document (deletes, the whole request) are left out.
    """
    return tuple(_located(error, documents))


def _located(error: ApiError, documents: Sequence[Document]) -> Iterator[Problem]:
    for violation in error.violations:
        match = _RESOURCE_FIELD.fullmatch(violation.field)
        if match and int(match[1]) < len(documents):
            document, field = documents[int(match[1])], match[2]
            line = document.line_of(field)
            yield Problem(document.source, line, document.index, field, violation.description, "")


def to_dict(message: AnyObject, *, status: bool = False) -> dict[str, Any]:
    """The object as a document of a manifest, which ``parse`` reads back.

    status: keep also what only the daemon writes. Bandwidths are written as people do where that is exact.
    """
    data = json_format.MessageToDict(message, preserving_proto_field_name=True)
    if not status:
        data.pop("status", None)
        for name in _OUTPUT_ONLY:
            data.get("metadata", {}).pop(name, None)
        if not data.get("metadata", True):
            del data["metadata"]
    names = {f"{rate}_bps": rate for rate in RATES}
    data = {names.get(key, key): format_bandwidth(int(v)) if key in names else v for key, v in data.items()}
    return {"kind": kind_of(message).kind, **data}


def to_yaml(messages: Iterable[AnyObject], *, status: bool = False) -> str:
    """The objects as a manifest of several documents."""
    return yaml.dump_all(
        (to_dict(m, status=status) for m in messages), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120
    )
