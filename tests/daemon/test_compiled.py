"""Compiled parts that are older than their sources are noticed at the start, not by a call that fails."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from sdn.daemon import compiled
from sdn.model.errors import Unavailable


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A compiled part under another package's name, with its source beside it; returns the source."""
    part = next(Path(compiled.__file__).parents[1].glob("routing/_dags.*.so"), None)
    if part is None:
        pytest.skip("nothing is compiled here")
    directory = tmp_path / "made_elsewhere"
    directory.mkdir()
    (directory / "__init__.py").touch()
    shutil.copy(part, directory / part.name)
    shutil.copy(part.parent / "_dags.c", directory / "_dags.c")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(compiled, "PARTS", ("made_elsewhere._dags",))
    for name in ("made_elsewhere", "made_elsewhere._dags"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return directory / "_dags.c"


def test_parts_of_this_checkout_are_made_from_its_sources() -> None:
    assert compiled.stale(compiled.PARTS) == []
    compiled.check()


def test_a_source_that_has_changed_is_told_with_the_remedy(copy: Path) -> None:
    compiled.check()
    copy.write_text(copy.read_text() + "\n")
    with pytest.raises(Unavailable) as caught:
        compiled.check()
    (violation,) = caught.value.violations
    assert "made_elsewhere._dags was compiled from another source" in violation.reason
    assert "./dev setup" in violation.remedy
    copy.unlink()
    compiled.check()


def test_what_is_not_compiled_is_not_stale() -> None:
    assert compiled.stale(["sdn.routing._nothing_of_this_name"]) == []
