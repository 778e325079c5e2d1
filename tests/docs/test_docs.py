"""Documents keep up with the code: tables of the pipeline, rooms, links between files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sdn.pipeline.layout import Table

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])


def test_every_table_has_its_section_in_order() -> None:
    text = (ROOT / "docs/pipeline.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (\d+) (\w+)$", text, re.MULTILINE)
    assert headings == [(str(int(table)), table.name) for table in Table]


def test_every_room_is_in_the_architecture() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    rooms = {path.parent.name for path in (ROOT / "sdn").glob("*/__init__.py")}
    assert {room for room in rooms if f"| `{room}` |" not in text} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_files_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
