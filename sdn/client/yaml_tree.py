"""YAML (and with it JSON) as a tree that keeps the line of every value and the text of every scalar.

The text matters: YAML 1.1 reads ``10:20:30:40:50:01`` as one number in base 60 and ``0010`` as octal, but a field of
type string wants what was written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import yaml

MAX_BYTES = 64 * 1024 * 1024
MAX_NODES = 1_000_000
MAX_DEPTH = 32
"""Manifests are flat; deeper nesting and more nodes (aliases multiply) are refused before they cost memory."""


_TOO_DEEP = ("nested too deeply", "Write the objects one below the other.")
_TOO_MANY = (f"more than {MAX_NODES} values", "Split the file, and use fewer aliases.")


@dataclass(frozen=True, slots=True)
class Scalar:
    """text: as written; value: None, bool, int, float or str as YAML understands it. line: from 1."""

    line: int
    text: str
    value: object


@dataclass(frozen=True, slots=True)
class Mapping:
    """items: (key, line of the key, value) in the file's order; keys do not repeat."""

    line: int
    items: tuple[tuple[str, int, Tree], ...]


@dataclass(frozen=True, slots=True)
class Sequence:
    """items: in the file's order."""

    line: int
    items: tuple[Tree, ...]


Tree = Scalar | Mapping | Sequence
_Fast: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's is seven times faster, where it was built in
_SURROGATE = re.compile(r"\\u[dD][89abAB]")  # how JSON escapes what is beyond 16 bits; libyaml refuses it


class SyntaxProblem(Exception):
    """The text is not YAML, or not the part of it that manifests need. line: from 1; field: key, or empty."""

    def __init__(self, line: int, reason: str, remedy: str, field: str = "") -> None:
        self.line = line
        self.reason = reason
        self.remedy = remedy
        self.field = field
        super().__init__(line, reason, remedy, field)


def documents(text: str) -> Iterator[Tree]:
    """The documents of a file; raises SyntaxProblem."""
    if len(text) > MAX_BYTES:
        raise SyntaxProblem(1, f"larger than {MAX_BYTES} characters", "Split the file.")
    text = _without_tabs(text)
    loader_class: Any = yaml.SafeLoader if _SURROGATE.search(text) else _Fast
    _check_depth(text, loader_class)
    loader: Any = None
    try:
        loader = loader_class(text)
        builder = _Builder(loader)
        while loader.check_node():
            node = loader.get_node()
            if node is not None:
                yield builder.build(node, 0)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        reason = " ".join(part for part in (error.context, error.problem) if part)
        raise SyntaxProblem(line, reason, "Correct the YAML or JSON at this place.") from None
    except yaml.reader.ReaderError as error:
        line = text.encode()[: max(error.position, 0)].count(b"\n") + 1
        reason = "a control character is not allowed"
        raise SyntaxProblem(line, reason, "Save the file as plain text in UTF-8.") from None
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        raise SyntaxProblem(line, "half a surrogate pair", "Save the file as plain text in UTF-8.") from None
    finally:
        if loader is not None:
            loader.dispose()


def _check_depth(text: str, loader_class: Any) -> None:
    """Refuse deep nesting from the flat stream of events, since libyaml builds trees by unguarded recursion."""
    depth = 0
    # What is not YAML is reported when the tree is built, in the order of the file.
    with suppress(yaml.YAMLError, UnicodeEncodeError):
        for event in yaml.parse(text, loader_class):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > MAX_DEPTH:
                mark: Any = event.start_mark
                raise SyntaxProblem(mark.line + 1, *_TOO_DEEP)


def _without_tabs(text: str) -> str:
    """JSON may be indented with tabs, YAML must not; a raw tab in valid JSON never belongs to a value."""
    if "\t" not in text or not text.lstrip().startswith(("{", "[")):
        return text
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text.replace("\t", " ")


class _Builder:
    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self._count = 0
        self._flat: dict[int, yaml.Node] = {}

    def build(self, node: yaml.Node, depth: int) -> Tree:
        line = node.start_mark.line + 1
        self._count += 1
        if self._count > MAX_NODES or depth > MAX_DEPTH:
            raise SyntaxProblem(line, *(_TOO_DEEP if depth > MAX_DEPTH else _TOO_MANY))
        if isinstance(node, yaml.MappingNode):
            return Mapping(line, tuple(self._items(node, depth)))
        if isinstance(node, yaml.SequenceNode):
            return Sequence(line, tuple(self.build(item, depth + 1) for item in node.value))
        if not node.tag.startswith("tag:yaml.org,2002:"):
            raise SyntaxProblem(line, f"the tag {node.tag!r} has no meaning here", "Leave the tag out.")
        text = _joined(node.value)
        try:
            value = self._loader.construct_object(node)
        except (ValueError, yaml.YAMLError):
            value = text
        return Scalar(line, text, _joined(value) if isinstance(value, str) else value)

    def _items(self, node: yaml.MappingNode, depth: int) -> Iterator[tuple[str, int, Tree]]:
        if id(node) not in self._flat:
            _check_keys(node)
            # Puts what is merged by '<<' before the mapping's own keys, in place; an alias may bring us here again.
            self._loader.flatten_mapping(node)
            self._flat[id(node)] = node
        pairs = {key.value: (key, value) for key, value in node.value}
        for name, (key, value) in pairs.items():
            yield _joined(name), key.start_mark.line + 1, self.build(value, depth + 1)


def _check_keys(node: yaml.MappingNode) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise SyntaxProblem(line, "a key is not text", "Use plain words as keys.")
        if key.value in seen:
            raise SyntaxProblem(line, "given twice", "Keep one of the two.", _joined(key.value))
        seen.add(key.value)


def _joined(text: str) -> str:
    r"""Text with the surrogate pairs of JSON's ``\ud83d\ude00`` joined; lone ones are replaced."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
