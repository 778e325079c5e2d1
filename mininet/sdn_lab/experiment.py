"""Experiment files: what they may say, read and checked before anything is booted. Pure but for reading the file.

    title: Failover
    about: A stream while a link is cut.
    topology: leaf-spine:spines=2,leaves=3,hosts=4
    manifest: ../demo.yaml                    # beside this file; or everybody: 10.0.0.0/24
    steps:
    - say: Before.
    - matrix: {version: 4, protocol: ping}
    - stream: {name: s, from: h1, to: h5, seconds: 4}
    - cut: [leaf1, spine1]
    - end: {of: s, lost: 50}

Every step is one key of ``STEPS``. Values are texts, numbers or lists of texts; which ones, and what they are if left
out, is said there. Errors name file, line, step and field.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from sdn.client import yaml_tree
from sdn.model.errors import InvalidInput, SdnError

MAX_STEPS = 1000
MAX_SECONDS = 3600.0
REQUIRED = object()


@dataclass(frozen=True, slots=True)
class Number:
    """A number within bounds. default: if it is left out; REQUIRED: it must not be."""

    least: float
    most: float
    default: object = REQUIRED


@dataclass(frozen=True, slots=True)
class Text:
    """A text, one of ``choices`` if there are any."""

    default: object = REQUIRED
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Names:
    """A list of so many names."""

    count: int
    default: object = REQUIRED


Field = Number | Text | Names
_ENDS: dict[str, Field] = {"from": Text(), "to": Text()}
_LOST = Number(0, 1e9, None)

STEPS: dict[str, dict[str, Field] | Field] = {
    "say": Text(),
    "apply": Text(),
    "matrix": {
        "version": Number(4, 6, 4),
        "protocol": Text("ping", ("ping", "udp", "tcp")),
        "timeout": Number(0, 600, 20),
    },
    "broadcast": {"from": Text()},
    "path": {**_ENDS, "packets": Number(1, 10_000, 100), "via": Text(""), "avoid": Text("")},
    "spread": {"rounds": Number(1, 1000, 10), "from": Text(), "least": Number(0, 1, 0.2)},
    "stream": {
        **_ENDS,
        "name": Text("stream"),
        "seconds": Number(0.1, MAX_SECONDS, 4),
        "interval": Number(0.001, 10, 0.01),
    },
    "throughput": {**_ENDS, "name": Text("throughput"), "seconds": Number(1, MAX_SECONDS, 4)},
    "end": {"of": Text("stream"), "lost": _LOST, "gap": Number(0, MAX_SECONDS, None), "least": Number(0, 1e6, None)},
    "cut": Names(2),
    "mend": Names(2),
    "stop": Text(),
    "start": Text(),
    "move": {"host": Text(), "to": Text()},
    "connection": {
        "name": Text(),
        "via": Text(""),
        "avoid": Text(""),
        "reason": Text(""),
        "state": Text("", ("", "PENDING", "ADMITTED", "PROGRAMMED", "VERIFIED", "DEGRADED", "EXPIRED")),
        "timeout": Number(0, 600, 20),
    },
    "refused": {"file": Text(), "because": Text()},
    "book": {
        **_ENDS,
        "name": Text(),
        "via": Text(""),
        "megabits": Number(0, 1e6, 0),
        "after": Number(0, MAX_SECONDS),
        "seconds": Number(1, MAX_SECONDS),
    },
    "ready": {"timeout": Number(0, 600, 60)},
    "wait": Number(0, MAX_SECONDS),
}
"""Step → its fields, or the single value that it takes. ``end`` of a throughput: least Mbit/s."""


@dataclass(frozen=True, slots=True)
class Step:
    """verb: a key of STEPS; fields: as declared there, a single value under ''. where: ``steps[i]`` with its line."""

    verb: str
    fields: Mapping[str, Any]
    where: str


@dataclass(frozen=True, slots=True)
class Experiment:
    """A file that was checked. topology: as sdnd takes it; manifest: None for none.

    everybody: an IPv4 range for a network with all hosts, '' for none.
    """

    file: Path
    title: str
    about: str
    topology: str
    manifest: Path | None
    everybody: str
    steps: tuple[Step, ...]


class _Place:
    """Where a value stands, for errors."""

    def __init__(self, file: Path, field: str, line: int) -> None:
        self.file, self.field, self.line = file, field, line

    def error(self, reason: str, remedy: str) -> SdnError:
        return InvalidInput.of(f"{self.file}:{self.line}: {self.field}".rstrip(": "), reason, remedy)

    def inside(self, key: str, line: int) -> _Place:
        return _Place(self.file, f"{self.field}.{key}".strip("."), line)


def load(file: Path) -> Experiment:
    """Read an experiment; raises InvalidInput."""
    place = _Place(file, "", 1)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise place.error(f"cannot be read: {error}", "Name a file that is there.") from None
    try:
        trees = list(yaml_tree.documents(text))
    except yaml_tree.SyntaxProblem as problem:
        raise _Place(file, problem.field, problem.line).error(problem.reason, problem.remedy) from None
    if len(trees) != 1 or not isinstance(trees[0], yaml_tree.Mapping):
        raise place.error("it is not one mapping", "Write title, topology and steps.")
    return _experiment(file, trees[0])


def _experiment(file: Path, tree: yaml_tree.Mapping) -> Experiment:
    known = {"title": Text(""), "about": Text(""), "topology": Text(), "manifest": Text(""), "everybody": Text("")}
    rows = {key: (line, value) for key, line, value in tree.items}
    steps = rows.pop("steps", None)
    place = _Place(file, "", tree.line)
    values = _fields(rows, known, place)
    if steps is None or not isinstance(steps[1], yaml_tree.Sequence) or not 1 <= len(steps[1].items) <= MAX_STEPS:
        raise place.inside("steps", steps[0] if steps else tree.line).error(
            f"there must be 1 to {MAX_STEPS} steps", "Write them as a list."
        )
    made = tuple(_step(item, _Place(file, f"steps[{index}]", item.line)) for index, item in enumerate(steps[1].items))
    manifest = file.parent / values["manifest"] if values["manifest"] else None
    title = values["title"] or file.stem
    if values["everybody"]:
        line = rows["everybody"][0]
        try:
            IPv4Network(values["everybody"])
        except ValueError as error:
            raise place.inside("everybody", line).error(str(error), "Give an IPv4 range, as 10.0.0.0/16.") from None
    return Experiment(file, title, values["about"], values["topology"], manifest, values["everybody"], made)


def _step(tree: yaml_tree.Tree, place: _Place) -> Step:
    if not isinstance(tree, yaml_tree.Mapping) or len(tree.items) != 1:
        raise place.error("a step is one key with its value", f"Use one of {', '.join(STEPS)}.")
    ((verb, line, value),) = tree.items
    if verb not in STEPS:
        raise place.inside(verb, line).error("there is no such step", f"Use one of {', '.join(STEPS)}.")
    shape, inner = STEPS[verb], place.inside(verb, line)
    where = f"line {line}"
    if not isinstance(shape, dict):
        return Step(verb, {"": _value(value, shape, inner)}, where)
    if isinstance(value, yaml_tree.Scalar) and value.value is None:
        value = yaml_tree.Mapping(line, ())
    if not isinstance(value, yaml_tree.Mapping):
        raise inner.error("it takes fields", f"Write {{{', '.join(shape)}}}.")
    rows = {key: (at, item) for key, at, item in value.items}
    return Step(verb, _fields(rows, shape, inner), where)


def _fields(
    rows: Mapping[str, tuple[int, yaml_tree.Tree]], known: Mapping[str, Field], place: _Place
) -> dict[str, Any]:
    for key, (line, _) in rows.items():
        if key not in known:
            raise place.inside(key, line).error("there is no such field", f"Use {', '.join(known)}.")
    found: dict[str, Any] = {}
    for key, shape in known.items():
        if key in rows:
            line, tree = rows[key]
            found[key] = _value(tree, shape, place.inside(key, line))
        elif shape.default is REQUIRED:
            raise place.inside(key, place.line).error("it is missing", f"Give {key}.")
        else:
            found[key] = shape.default
    return found


def _value(tree: yaml_tree.Tree, shape: Field, place: _Place) -> Any:
    if isinstance(shape, Names):
        if not isinstance(tree, yaml_tree.Sequence) or len(tree.items) != shape.count:
            raise place.error(f"it takes {shape.count} names", "Write them as [a, b].")
        return tuple(_value(item, Text(), place) for item in tree.items)
    if not isinstance(tree, yaml_tree.Scalar) or tree.value is None:
        raise place.error("it takes a single value", "Write a text or a number.")
    if isinstance(shape, Text):
        if shape.choices and tree.text not in shape.choices:
            raise place.error(f"{tree.text[:40]!r} is none of them", f"Use {', '.join(shape.choices)}.")
        return tree.text
    number = tree.value
    if isinstance(number, bool) or not isinstance(number, int | float) or not shape.least <= number <= shape.most:
        raise place.error(f"{tree.text[:40]!r} is no number in range", f"Give {shape.least:g} to {shape.most:g}.")
    return number


def to_json(value: object) -> str:
    """For results that programs read."""
    return json.dumps(value, indent=2, ensure_ascii=False)
