"""YAML with places: the tree of a file whose every value knows its line and field.

Must not know what a topology is. Refused before anything is built: files too large, nested too deeply or with too many
values, and aliases, by which a small file can stand for a huge one. JSON is read too, as the part of YAML that it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from sdn.graph.limits import MAX_BYTES, MAX_VALUES
from sdn.model.errors import InvalidInput, SdnError

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's where PyYAML was built with it: ten times faster."""
_MAX_DEPTH = 16
_OPENING = (
    yaml.FlowSequenceStartToken,
    yaml.FlowMappingStartToken,
    yaml.BlockSequenceStartToken,
    yaml.BlockMappingStartToken,
)
_CLOSING = (yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken, yaml.BlockEndToken)


@dataclass(frozen=True, slots=True)
class Item:
    """A mapping of a file, or a single value that stands for one; it says where its values are when they are wrong."""

    source: Source
    node: yaml.Node
    field: str
    parts: dict[str, yaml.Node]

    def error(self, key: str, reason: str, remedy: str) -> SdnError:
        """The error for a key of this mapping, at its line; '' for the mapping itself."""
        return self.source.error(self.parts.get(key, self.node), self._inner(key), reason, remedy)

    def row(self, *lists: str) -> dict[str, str]:
        """Key → text of all values but ``lists``."""
        return {key: self.source.text(node, self._inner(key)) for key, node in self.parts.items() if key not in lists}

    def texts(self, key: str) -> tuple[str, ...]:
        """The texts of a list, empty if it is not there."""
        items = self.source.items(self.parts.get(key), self._inner(key))
        return tuple(self.source.text(node, field) for field, node in items)

    def _inner(self, key: str) -> str:
        return f"{self.field}.{key}".strip(".")


class Source:
    """One file: reads it and names its places in errors."""

    def __init__(self, file: str) -> None:
        self.file = file

    def error(self, node: yaml.Node, field: str, reason: str, remedy: str) -> SdnError:
        """The error at a node."""
        return self.at(node.start_mark.line + 1, field, reason, remedy)

    def at(self, line: int, field: str, reason: str, remedy: str) -> SdnError:
        """The error at a line, counted from 1."""
        return InvalidInput.of(f"{self.file}:{line}: {field}".removesuffix(": "), reason, remedy)

    def compose(self, text: str) -> yaml.Node:
        """The tree of a text."""
        if len(text) > MAX_BYTES:
            raise self.at(1, "", f"larger than {MAX_BYTES} characters", "Split the network into several files.")
        try:
            self._check_tokens(text)
            node: yaml.Node | None = yaml.compose(text, Loader=_LOADER)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            reason = error.problem or error.context or "not YAML"
            line = min(mark.line + 1, len(text.splitlines())) if mark else 1  # libyaml may point behind the end
            raise self.at(line, "", reason, "Correct the YAML at this place.") from None
        except yaml.YAMLError as error:
            raise self.at(1, "", str(error).splitlines()[0], "Save the file as UTF-8 text.") from None
        if node is None:
            raise self.at(1, "", "empty", "List at least one switch under 'switches:'.")
        return node

    def mapping(self, node: yaml.Node, field: str, keys: tuple[str, ...]) -> Item:
        """A mapping whose keys are all known and not repeated."""
        if not isinstance(node, yaml.MappingNode):
            raise self.error(node, field, "not a mapping", f"Write it with the keys {', '.join(keys)}.")
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            inner = f"{field}.{name}" if field else name
            if name not in keys:
                raise self.error(key, inner, "unknown key", f"Use {', '.join(keys)}.")
            if name in found:
                raise self.error(key, inner, "given twice", "Keep one of the two.")
            found[name] = value
        return Item(self, node, field, found)

    def items(self, node: yaml.Node | None, field: str) -> Iterator[tuple[str, yaml.Node]]:
        """(field, node) of each element of a list; nothing when it is absent."""
        if node is None or (isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null")):
            return
        if not isinstance(node, yaml.SequenceNode):
            raise self.error(node, field, "not a list", "Write one '- …' line per element.")
        for index, item in enumerate(node.value):
            yield f"{field}[{index}]", item

    def text(self, node: yaml.Node, field: str) -> str:
        """A scalar as it was written: YAML's reading of it (octal, base 60, yes and no) is not wanted here."""
        if not isinstance(node, yaml.ScalarNode) or not node.value:
            raise self.error(node, field, "not a text", "Write one word or number.")
        return str(node.value)

    def _check_tokens(self, text: str) -> None:
        """Refuse before anything is built what topologies have no use for and what would cost much time or memory."""
        depth = values = 0
        for token in yaml.scan(text, Loader=_LOADER):
            line = token.start_mark.line + 1
            if isinstance(token, yaml.AliasToken):
                raise self.at(line, "", "aliases are not supported", "Write the value out.")
            values += isinstance(token, yaml.ScalarToken | yaml.BlockEntryToken | yaml.FlowEntryToken)
            depth += isinstance(token, _OPENING)
            depth -= isinstance(token, _CLOSING)
            if depth > _MAX_DEPTH:
                raise self.at(line, "", "nested too deeply", "Write the topology as described in the documentation.")
            if values > MAX_VALUES:
                raise self.at(line, "", f"more than {MAX_VALUES} values", "Split the network into several files.")
