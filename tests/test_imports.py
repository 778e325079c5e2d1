"""The import rules of docs/architecture.md, read from the source without running it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SDN = ROOT / "sdn"

_COMPUTING = ("model",)
_ADAPTER = ("model", "controller.events", "controller.effects", "controller.reader")

ALLOWED: dict[str, tuple[str, ...]] = {
    "model": (),
    "openflow": (),
    "store": _COMPUTING,
    "topology": _COMPUTING,
    "routing": _COMPUTING,
    "pipeline": _COMPUTING,
    "reconcile": _COMPUTING,
    "counters": _COMPUTING,
    "trace": _COMPUTING,
    "controller": ("model", "store", "topology", "routing", "pipeline", "reconcile", "trace"),
    "southbound": (*_ADAPTER, "openflow", "security"),
    "northbound": (*_ADAPTER, "v1", "security"),
    "persist": _ADAPTER,
    "graph": ("model",),
    "daemon": ("model", "controller", "counters", "security", "__version__"),
    "v1": (),
    "client": ("v1",),
    "security": ("model",),
    "cli": ("client", "graph", "security"),
    "metrics": ("model",),
    "lab": ("model", "graph", "client"),
}
"""Package → what of ours it may import beside itself. sdn/app.py alone, the composition root, imports everything."""

_TOLD = ("events", "effects", "errands", "reporter")
CONTROLLER: dict[str, tuple[str, ...]] = {
    "switches": (*_TOLD, "outcome", "hosts"),
    "hosts": _TOLD,
    "convergence": ("switches", "hosts"),
    "connections": ("hosts",),
    "probes": (*_TOLD, "connections"),
    "questions": ("core", "parts", "reader", "errands", "connections", "hosts"),
}
"""Room of the controller → what of the controller it may import beside itself."""

PURE = ("model", "openflow", "store", "topology", "routing", "pipeline", "reconcile", "trace", "counters", "controller")
IMPURE_MODULES = {"asyncio", "socket", "grpc", "time", "random", "os", "threading"} | {
    # the same by other doors
    "concurrent",
    "importlib",
    "multiprocessing",
    "secrets",
    "select",
    "selectors",
    "signal",
    "sqlite3",
    "ssl",
    "subprocess",
}
GRAPH_LIBRARIES = {"networkx", "scipy", "numpy", "rustworkx"}
LIBRARIES = {package: set[str]() for package in PURE} | {
    "routing": GRAPH_LIBRARIES,
    "cli": {"click", "resvg_py", "yaml"},
    "security": {"cryptography"},
}
"""Third-party libraries of the packages that are held to a list."""


@dataclass(frozen=True)
class Import:
    """One imported module, absolute. line: from 1."""

    line: int
    module: str


def imports_of(source: str, package: str) -> Iterator[Import]:
    """All imports of a module, also those inside functions and under TYPE_CHECKING. package: that it is in."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join((*above, base)).rstrip(".")
            # What is imported may be a module, so the rule looks at the longer name.
            yield from (Import(node.lineno, f"{base}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "__import__":
            yield Import(node.lineno, "importlib")


def objection(package: str, module: str) -> str:
    """Why a package must not import a module; empty if it may."""
    top, _, rest = module.partition(".")
    if top == "sdn":
        allowed = (package, *ALLOWED[package])
        inside = any(f"{rest}.".startswith(f"{name}.") for name in allowed)
        return "" if inside else f"{package} may import of ours only {', '.join(allowed)}"
    if package in PURE and top in IMPURE_MODULES:
        return f"{package} is pure"
    if package in LIBRARIES and top not in sys.stdlib_module_names and top not in LIBRARIES[package] | {"__future__"}:
        return f"{package} may use only the libraries {sorted(LIBRARIES[package]) or 'of the standard library'}"
    return ""


def violations(source: str, package: str, inside: str) -> list[str]:
    """package: the room; inside: dotted name of the package that holds the module."""
    return [
        f"line {found.line} imports {found.module}: {why}"
        for found in imports_of(source, inside)
        if (why := objection(package, found.module))
    ]


def modules() -> list[Path]:
    return sorted(path for path in SDN.rglob("*.py") if path.parent != SDN)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_module_keeps_the_import_rules(path: Path) -> None:
    parts = path.relative_to(ROOT).parts
    assert violations(path.read_text(encoding="utf-8"), parts[1], ".".join(parts[:-1])) == []


@pytest.mark.parametrize("room", CONTROLLER)
def test_rooms_of_the_controller_keep_their_rules(room: str) -> None:
    allowed = tuple(f"sdn.controller.{name}" for name in (room, *CONTROLLER[room]))
    wrong = [
        f"{path.name}, line {found.line} imports {found.module}"
        for path in (SDN / "controller" / room).glob("*.py")
        for found in imports_of(path.read_text(encoding="utf-8"), f"sdn.controller.{room}")
        if found.module.startswith("sdn.controller.")
        and not f"{found.module}.".startswith(tuple(f"{a}." for a in allowed))
    ]
    assert wrong == [], f"{room} may import of the controller only {', '.join(CONTROLLER[room])}"


def test_every_package_has_a_rule() -> None:
    packages = {path.relative_to(SDN).parts[0] for path in modules()}
    assert packages <= set(ALLOWED), "add the new package to ALLOWED, and to docs/architecture.md"
    assert all((SDN / package / "__init__.py").is_file() for package in packages)
    rooms = {path.name for path in (SDN / "controller").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms == set(CONTROLLER), "add the new room to CONTROLLER, and to docs/architecture.md"


def test_only_the_composition_root_lies_beside_the_packages() -> None:
    assert {path.name for path in SDN.glob("*.py")} <= {"__init__.py", "__main__.py", "app.py"}
    assert list(imports_of((SDN / "__init__.py").read_text(encoding="utf-8"), "sdn")) == []


def test_nothing_of_ours_hides_mininet() -> None:
    assert not (ROOT / "mininet" / "__init__.py").exists()
    assert list((ROOT / "mininet").rglob("test_*.py")) == []
    assert list((ROOT / "mininet").rglob("*_test.py")) == []


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("model", "import sdn.store.store"),
        ("model", "import yaml"),
        ("store", "from sdn.topology import links"),
        ("store", "from sdn import topology"),
        ("store", "from ..topology import links"),
        ("store", "from .. import topology"),
        ("store", "from sdn import *"),
        ("routing", "import time"),
        ("routing", "def f():\n    from os.path import join"),
        ("pipeline", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import asyncio"),
        ("pipeline", "import networkx"),
        ("reconcile", "__import__('socket')"),
        ("controller", "from sdn.southbound import server"),
        ("controller", "import sdn.openflow.codec"),
        ("openflow", "from sdn.model import ids"),
        ("northbound", "from sdn.controller.core import Controller"),
        ("northbound", "from sdn.controller import core"),
        ("northbound", "import sdn.southbound"),
        ("northbound", "import sdn.openflow"),
        ("persist", "from sdn.v1 import resources_pb2"),
        ("client", "from sdn.model import ids"),
        ("cli", "from sdn.v1 import resources_pb2"),
        ("cli", "import grpc"),
        ("graph", "import sdn.modelling"),
    ],
)
def test_the_check_finds(package: str, source: str) -> None:
    assert violations(source, package, f"sdn.{package}")


@pytest.mark.parametrize(
    ("package", "source"),
    [
        (
            "store",
            "from __future__ import annotations\nimport json\nfrom sdn.model.ids import Dpid",
        ),
        ("store", "from . import numbers\nfrom .rules import check"),
        ("controller", "from sdn.store.store import Store\nfrom sdn.pipeline import compiler"),
        ("northbound", "from sdn.controller import effects\nfrom sdn.controller.reader import Backend\nimport grpc"),
        ("southbound", "import asyncio\nfrom sdn.openflow.codec import decode"),
        ("routing", "import networkx as nx\nfrom scipy.sparse import csgraph"),
        ("cli", "import os\nimport click\nfrom sdn.client import Client"),
    ],
)
def test_the_check_allows(package: str, source: str) -> None:
    assert violations(source, package, f"sdn.{package}") == []
