"""Selectors on labels: what they select, and where they are wrong."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdn.model.errors import InvalidInput
from sdn.model.selector import EVERYTHING, MAX_LENGTH, parse_selector

PROD = (("env", "prod"), ("tier", "web"), ("zone", "a"))

SELECTS = [
    ("", True),
    ("  ", True),
    ("env=prod", True),
    ("env==prod", True),
    (" env = prod ,tier = web", True),
    ("env=prod,tier!=web", False),
    ("env=dev", False),
    ("env", True),
    ("!env", False),
    ("owner", False),
    ("!owner", True),
    ("! owner", True),
    ("owner!=x", True),
    ("zone in (a,b)", True),
    ("zone in(a)", True),
    ("zone in (b)", False),
    ("zone notin (b,c)", True),
    ("zone notin (a)", False),
    ("owner notin (a)", True),
    ("owner in (a)", False),
    ('env="prod"', True),
    ('env="pr\\od"', True),
    ("env=", False),
    ("env!=", True),
    ("zone in (,a)", True),
]


@pytest.mark.parametrize(("text", "selected"), SELECTS)
def test_what_is_selected(text: str, selected: bool) -> None:
    assert parse_selector(text).matches(PROD) is selected


def test_values_with_any_text_and_keys_that_look_like_words_of_the_syntax() -> None:
    labels = (("in", "notin"), ("note", 'Smith, "J." \\ (a)'), ("sdn.dev/x", ""))
    for text in (r'note="Smith, \"J.\" \\ (a)"', "in=notin", "in in (in,notin)", "sdn.dev/x=", "notin notin (notin)"):
        assert parse_selector(text).matches(labels), text


def test_nothing_selects_everything() -> None:
    assert parse_selector("") is EVERYTHING
    assert EVERYTHING.matches(())


WRONG = [
    ("=a", 1, "a label's key"),
    ("env=prod,", 10, "found the end"),
    ("env=prod tier=web", 10, "',' or the end, found 'tier'"),
    ("env=prod;tier", 9, "';' does not belong here"),
    ('env="prod', 5, "not closed"),
    ("-env", 1, "'-env' is not a label's key"),
    ("env in a", 8, "expected '('"),
    ("env in (a", 10, "',' or ')', found the end"),
    ("env in (a b)", 11, "',' or ')', found 'b'"),
    ("env!", 4, "expected '=', '!='"),
    ("env ! = x", 5, "found '!'"),
    ("(a)", 1, "a label's key, found '('"),
    ("ä=b", 1, "'ä' does not belong"),
    ("a\nb", 2, "does not belong"),
    (",".join(["a"] * 17), 34, "more than 16 requirements"),
    ("a in (" + ",".join("b" * 33) + ")", 72, "more than 32 values"),
]


@pytest.mark.parametrize(("text", "at", "says"), WRONG)
def test_what_is_wrong_is_told_with_its_place(text: str, at: int, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_selector(text)
    (violation,) = caught.value.violations
    assert violation.field == "filter"
    assert violation.reason.startswith(f"at character {at}: "), violation
    assert says in violation.reason
    assert violation.remedy.endswith(".")


def test_length_is_bounded() -> None:
    parse_selector("a" * 63)
    with pytest.raises(InvalidInput, match="1025 characters"):
        parse_selector("a" * (MAX_LENGTH + 1))


@given(st.text(max_size=60))
def test_any_text_is_a_selector_or_told_as_wrong(text: str) -> None:
    with suppress(InvalidInput):
        parse_selector(text).matches(PROD)


KEYS = st.sampled_from(["a", "b", "c.d/e"])
VALUES = st.text(st.characters(categories=["L", "N", "P", "Zs"]), max_size=5)


@given(st.dictionaries(KEYS, VALUES), KEYS, st.lists(VALUES, min_size=1, max_size=4), st.booleans())
def test_in_and_notin_are_membership(labels: dict[str, str], key: str, values: list[str], negated: bool) -> None:
    quoted = ",".join('"' + v.replace("\\", r"\\").replace('"', r"\"") + '"' for v in values)
    selector = parse_selector(f"{key} {'notin' if negated else 'in'} ({quoted})")
    assert selector.matches(tuple(labels.items())) is ((labels.get(key) in values) is not negated)
