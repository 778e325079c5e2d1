"""The compiled parts; all else is in pyproject.toml. Where no compiler is at hand, their twins in Python do the same.

Each is told which source it was made from, so that one older than its source is noticed (sdn/daemon/compiled.py).
"""

from hashlib import blake2b
from pathlib import Path

from setuptools import Extension, setup

PARTS = {"sdn.routing._dags": "sdn/routing/_dags.c", "sdn.pipeline._route_table": "sdn/pipeline/_route_table.c"}


def _made_from(source: str) -> list[tuple[str, str | None]]:
    return [("SOURCE_DIGEST", f'"{blake2b(Path(source).read_bytes(), digest_size=16).hexdigest()}"')]


setup(
    ext_modules=[
        Extension(name, [source], optional=True, define_macros=_made_from(source)) for name, source in PARTS.items()
    ]
)
