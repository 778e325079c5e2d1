"""Whether the compiled parts are made from the sources that lie beside them.

In a checkout that was updated and not built anew they are not, and Python would call functions that have changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from sdn.model.errors import Unavailable

PARTS = ("sdn.routing._dags", "sdn.pipeline._route_table")


def stale(parts: Iterable[str]) -> list[str]:
    """The parts whose source is another one than that which they were made from.

    What was not compiled is not stale, and neither is an installed part without a source beside it.
    """
    found = []
    for name in parts:
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            continue
        source = Path(spec.origin).with_name(f"{name.rpartition('.')[2]}.c")
        if source.exists():
            digest = blake2b(source.read_bytes(), digest_size=16).hexdigest()
            if getattr(import_module(name), "SOURCE", "") != digest:
                found.append(name)
    return found


def check() -> None:
    """Raises Unavailable, with the remedy, where a compiled part is stale."""
    if found := stale(PARTS):
        raise Unavailable.of(
            "",
            f"{' and '.join(found)} {'was' if len(found) == 1 else 'were'} compiled from another source than is there",
            "Build it anew: ./dev setup, or pip install -e . in the checkout.",
        )
