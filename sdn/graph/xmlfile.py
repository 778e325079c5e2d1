"""XML with places: the tree of a file whose every element knows its line.

Must not know any format. Document types are refused, and with them all entities of a file's own, by which a few lines
can stand for gigabytes or name other files; so are too many elements and too deep ones, while they are read. Of tags
and attributes only the part behind a namespace's prefix is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from sdn.graph.limits import MAX_BYTES, MAX_DEPTH, MAX_VALUES
from sdn.model.errors import InvalidInput, SdnError

_REMEDY = "Correct the XML at this place."


@dataclass(slots=True)
class Element:
    """An element: its name without prefix, its line (from 1), and its own text without that of the elements in it."""

    tag: str
    line: int
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    chunks: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Its text, with blanks and line ends reduced to single blanks and unprintable characters left out."""
        return "".join(filter(str.isprintable, " ".join("".join(self.chunks).split())))

    def all(self, tag: str) -> Iterator[Element]:
        """Its children of that name."""
        return (child for child in self.children if child.tag == tag)

    def first(self, *path: str) -> Element | None:
        """The first element down that path, if there is one."""
        found: Element | None = self
        for tag in path:
            found = next(found.all(tag), None) if found else None
        return found

    def below(self, tag: str) -> Iterator[Element]:
        """All elements of that name below this one, in the order of the file."""
        for child in self.children:
            if child.tag == tag:
                yield child
            yield from child.below(tag)


@dataclass(frozen=True, slots=True)
class Place:
    """An element as a place for errors.

    name: how it is called in them. lines: of its values by key, where they are not its own.
    """

    file: str
    line: int
    name: str
    lines: dict[str, int] = field(default_factory=dict)

    def error(self, key: str, reason: str, remedy: str) -> SdnError:
        """The error for a key of the element; '' for the element itself."""
        line = self.lines.get(key, self.line)
        field = f"{self.name}.{key}".strip(".")
        return InvalidInput.of(f"{self.file}:{line}: {field}".removesuffix(": "), reason, remedy)


class _Reader:
    def __init__(self, file: str) -> None:
        self._file = file
        self._open: list[Element] = []
        self._count = 0
        self.root: Element | None = None
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._doctype

    def read(self, data: bytes) -> None:
        self._parser.Parse(data, True)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MAX_VALUES:
            raise self._error(f"more than {MAX_VALUES} elements", "Divide the network into smaller ones.")
        if len(self._open) >= MAX_DEPTH:
            raise self._error("nested too deeply", "Give a file in the form that the documentation names.")
        local = {key.rpartition(":")[2]: value for key, value in attributes.items() if not key.startswith("xmlns:")}
        element = Element(tag.rpartition(":")[2], self._parser.CurrentLineNumber, local)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def _end(self, _tag: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        self._open[-1].chunks.append(text)

    def _doctype(self, *_: object) -> None:
        raise self._error("it declares a document type", "Remove the declaration: the format needs none.")

    def _error(self, reason: str, remedy: str) -> SdnError:
        return Place(self._file, self._parser.CurrentLineNumber, "").error("", reason, remedy)


def parse_xml(data: bytes, file: str) -> Element:
    """The root element of a file's bytes. file: for errors. Raises InvalidInput with file and line."""
    start = Place(file, 1, "")
    if len(data) > MAX_BYTES:
        raise start.error("", f"larger than {MAX_BYTES} bytes", "Divide the network into smaller ones.")
    reader = _Reader(file)
    try:
        reader.read(data)
    except expat.ExpatError as error:
        raise Place(file, error.lineno, "").error("", f"not XML: {expat.ErrorString(error.code)}", _REMEDY) from None
    except (LookupError, ValueError) as error:  # an encoding that Python does not know, or cannot decode with
        raise start.error("", f"not readable: {error}", "Save the file as UTF-8.") from None
    assert reader.root is not None  # expat reports a file without any element itself
    return reader.root
