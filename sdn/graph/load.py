"""Finding a topology by what the user writes: a file, a named file, or a generator with parameters."""

from __future__ import annotations

from pathlib import Path

from sdn.graph.files import MAX_BYTES, read_topology
from sdn.graph.generators import GENERATORS, generate
from sdn.model.errors import InvalidInput, NotFound
from sdn.model.topology import DeclaredTopology

_SHIPPED = Path(__file__).with_name("topologies")
_ZOO = _SHIPPED / "zoo"


def load_topology(spec: str) -> DeclaredTopology:
    """The topology that ``spec`` means: a path to a YAML file, the name of a shipped one, or ``NAME:key=value,…``.

    ``zoo:NAME`` is a network of the Internet Topology Zoo, in any case. What holds a '/' or ends in .yaml
    or .yml is a path. Raises InvalidInput (with file, line and field, or the parameter) and NotFound.
    """
    if "/" in spec or spec.endswith((".yaml", ".yml")):
        return _read(Path(spec), spec)
    name, colon, rest = spec.partition(":")
    if name in GENERATORS:
        return generate(name, _arguments(rest))
    if name == "zoo":
        return _zoo(rest)
    if name not in _shipped():
        known = ", ".join(known_topologies())
        raise NotFound.of("topology", f"there is no topology {name[:80]!r}", f"Use {known}, or a path to a YAML file.")
    if colon:
        raise InvalidInput.of("topology", f"{name} takes no parameters", f"Write {name} alone.")
    return _read(_SHIPPED / f"{name}.yaml", f"{name}.yaml")


def known_topologies() -> tuple[str, ...]:
    """Names of the generators and of the shipped files, sorted."""
    return tuple(sorted({*GENERATORS, *_shipped(), *(f"zoo:{path.stem}" for path in _ZOO.glob("*.yaml"))}))


def _zoo(name: str) -> DeclaredTopology:
    for path in sorted(_ZOO.glob("*.yaml")):
        if path.stem.lower() == name.lower():
            return _read(path, f"zoo/{path.name}")
    known = ", ".join(known for known in known_topologies() if known.startswith("zoo:"))
    raise NotFound.of("topology", f"there is no topology zoo:{name[:80]!r}", f"Use {known}, or a path to a YAML file.")


def _shipped() -> set[str]:
    return {path.stem for path in _SHIPPED.glob("*.yaml")}


def _arguments(text: str) -> dict[str, str]:
    arguments: dict[str, str] = {}
    for part in text.split(",") if text else ():
        key, equals, value = part.partition("=")
        if not equals or not key or not value or key in arguments:
            reason = f"{part[:40]!r} is not key=value" if key not in arguments else f"{key} is given twice"
            raise InvalidInput.of("topology", reason, "Write it as leaf-spine:spines=2,leaves=4.")
        arguments[key] = value
    return arguments


def _read(path: Path, shown: str) -> DeclaredTopology:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise NotFound.of("topology", f"there is no file {shown}", "Give the path of a YAML file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput.of("topology", f"{shown} cannot be read: {error}", "Give a readable UTF-8 file.") from None
    return read_topology(text, shown, path.stem)
