"""The table printer and the words."""

from __future__ import annotations

import click
import pytest

from sdn.cli.render import clean, count, table
from sdn.cli.words import DurationType, id_of, tenant_of


def test_columns_are_as_wide_as_their_widest_cell_and_lines_have_no_trailing_space() -> None:
    text = table(("NAME", "N", "REST"), [("a", 5, ""), ("longer", 1234, "x y")])
    assert text == "NAME       N  REST\na          5  -\nlonger  1234  x y"


def test_a_table_without_rows_is_its_header() -> None:
    assert table(("A", "B"), []) == "A  B"


def test_wide_and_combining_characters_keep_the_columns() -> None:
    lines = table(("A", "B"), [("日本", 1), ("e\u0301", 2)]).splitlines()
    assert lines == ["A     B", "日本  1", "e\u0301     2"]


@pytest.mark.parametrize(("text", "shown"), [("ok ä", "ok ä"), ("a\x1b[31m\n", "a\\x1b[31m\\x0a"), ("", "")])
def test_nothing_controls_the_terminal(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_plurals() -> None:
    assert [count(1, "link"), count(0, "link"), count(2, "switch")] == ["1 link", "0 links", "2 switches"]


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("2m", 120), ("1h", 3600), ("1.5", 1.5), ("250ms", 0.25), ("0", 0)]
)
def test_durations(text: str, seconds: float) -> None:
    assert DurationType().convert(text, None, None) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "-1s", "1d", "1 s", "1e3", "٣s", "9" * 30, "inf", "nan"])
def test_wrong_durations(text: str) -> None:
    with pytest.raises(click.UsageError, match="is not a time"):
        DurationType().convert(text, None, None)


def test_parts_of_names() -> None:
    assert id_of("tenants/red/ports/h1") == "h1"
    assert id_of("h1") == "h1"
    assert tenant_of("tenants/red/ports/h1") == "red"
    assert tenant_of("h1") == ""
