"""Documents keep up with the code: tables of the pipeline, rooms, links between files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sdn.northbound.policy import POLICY, Need, allows
from sdn.pipeline.layout import Table
from sdn.security.subjects import ROLES, SCOPED

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


_WORDS = {
    "Get, List, Watch of objects": r"/(Get|List|Watch)(Network|Subnet|Router|Port|Connection|Tenant)s?$",
    "Create, Update, Delete of objects": r"/(Create|Update|Delete)(Network|Subnet|Router|Port|Connection)$",
}


def test_the_table_of_roles_is_the_policy() -> None:
    text = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.*) \|$", text.partition("## Roles")[2].partition("\n\n`Health")[0], re.MULTILINE)
    header, _, *body = ([cell.strip() for cell in re.split(r" ?\| ?", row)] for row in rows)
    assert header == ["method", *ROLES]
    seen: set[str] = set()
    for what, *cells in body:
        ends = _WORDS.get(what) or "(" + "|".join(f"[/.]{word}" for word in what.split(", ")) + ")$"
        methods = {method for method in POLICY if re.search(ends, method)}
        assert methods
        assert not methods & seen
        seen |= methods
        for role, cell in zip(ROLES, cells, strict=True):
            tenant = role in SCOPED and POLICY[min(methods)].need in (Need.READ, Need.WRITE, Need.EVENTS)
            expected = {
                method: ("own" if tenant else "yes") if allows(role, POLICY[method].need) else "" for method in methods
            }
            assert set(expected.values()) == {cell}, (what, role)
    assert seen == set(POLICY)
