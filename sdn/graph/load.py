"""Finding a topology by what the user writes: a file, a named file, or a generator with parameters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sdn.graph.files import read_topology
from sdn.graph.generators import GENERATORS, generate
from sdn.graph.graphml import read_graphml
from sdn.graph.limits import MAX_BYTES
from sdn.graph.sndlib import read_sndlib
from sdn.graph.xmlfile import parse_xml
from sdn.model.errors import InvalidInput, NotFound
from sdn.model.topology import DeclaredTopology

_SHIPPED = Path(__file__).with_name("topologies")
_FAMILIES = ("zoo", "sndlib")
"""Directories of shipped files whose names are written FAMILY:NAME."""
_TEXTS = (".yaml", ".yml", ".json")
_MARKUP = (".graphml", ".xml")
_FORMS = "a path to a YAML, JSON, GraphML or SNDlib XML file"


def _ignore(_text: str) -> None:
    """Remarks nobody asked for."""


def load_topology(spec: str, remark: Callable[[str], None] = _ignore) -> DeclaredTopology:
    """The topology that ``spec`` means: a path to a file, the name of a shipped one, or ``NAME:key=value,…``.

    ``zoo:NAME`` is a network of the Internet Topology Zoo and ``sndlib:NAME`` one of SNDlib, in any case. What holds a
    '/' or ends in .yaml, .yml, .json, .graphml or .xml is a path. remark: called with what an imported file holds and a
    topology cannot. Raises InvalidInput (with file, line and field, or the parameter) and NotFound.
    """
    if "/" in spec or spec.lower().endswith(_TEXTS + _MARKUP):
        return _read(Path(spec), spec, remark)
    name, colon, rest = spec.partition(":")
    if name in GENERATORS:
        return generate(name, _arguments(rest))
    if name in _FAMILIES:
        return _member(name, rest)
    if name not in _shipped():
        known = ", ".join(known_topologies())
        raise NotFound.of("topology", f"there is no topology {name[:80]!r}", f"Use {known}, or {_FORMS}.")
    if colon:
        raise InvalidInput.of("topology", f"{name} takes no parameters", f"Write {name} alone.")
    return _read(_SHIPPED / f"{name}.yaml", f"{name}.yaml", remark)


def known_topologies() -> tuple[str, ...]:
    """Names of the generators and of the shipped files, sorted."""
    members = (f"{family}:{path.stem}" for family in _FAMILIES for path in (_SHIPPED / family).glob("*.yaml"))
    return tuple(sorted({*GENERATORS, *_shipped(), *members}))


def _member(family: str, name: str) -> DeclaredTopology:
    for path in sorted((_SHIPPED / family).glob("*.yaml")):
        if path.stem.lower() == name.lower():
            return _read(path, f"{family}/{path.name}", _ignore)
    known = ", ".join(known for known in known_topologies() if known.startswith(f"{family}:"))
    raise NotFound.of("topology", f"there is no topology {family}:{name[:80]!r}", f"Use {known}, or {_FORMS}.")


def _shipped() -> set[str]:
    return {path.stem for path in _SHIPPED.glob("*.yaml")}


def _arguments(text: str) -> dict[str, str]:
    arguments: dict[str, str] = {}
    for part in text.split(",") if text else ():
        key, equals, value = part.partition("=")
        if not equals or not key or not value or key in arguments:
            reason = f"{part[:40]!r} is not key=value" if key not in arguments else f"{key[:40]} is given twice"
            raise InvalidInput.of("topology", reason, "Write it as leaf-spine:spines=2,leaves=4.")
        arguments[key] = value
    return arguments


def _read(path: Path, shown: str, remark: Callable[[str], None]) -> DeclaredTopology:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if path.suffix.lower() in _MARKUP:
            root = parse_xml(data, shown)
            if root.tag == "network":
                return read_sndlib(root, shown, path.stem)
            return read_graphml(root, shown, path.stem, remark)
        text = data.decode("utf-8")
    except FileNotFoundError:
        raise NotFound.of("topology", f"there is no file {shown}", f"Give {_FORMS}.") from None
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or a path that cannot be one
        raise InvalidInput.of("topology", f"{shown} cannot be read: {error}", "Give a readable UTF-8 file.") from None
    return read_topology(text, shown, path.stem)
