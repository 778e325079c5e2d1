"""Selectors: which objects a list or a watch is about, told by their labels.

The syntax is that of Kubernetes' label selectors with one addition, values in quotes, since labels here may hold any
printable text::

    env=prod, tier!=web, has, !hasnot, zone in (a, b), owner notin ("Smith, J.", none)

All requirements must hold. ``==`` is ``=``; ``!=`` and ``notin`` hold also where the label is missing. In quotes a
backslash takes the next character as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sdn.model.errors import InvalidInput, SdnError

MAX_LENGTH = 1024
"""Characters of a selector."""
MAX_REQUIREMENTS = 16
MAX_VALUES = 32
"""Values within one pair of parentheses."""
FIELD = "filter"
LABEL_KEY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?")

_TOKEN = re.compile(
    r'(?P<word>[A-Za-z0-9._/:@+-]+)|(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<sign>==|!=|[=!,()])|(?P<wrong>.)', re.DOTALL
)
_EXAMPLE = "Write it as env=prod,tier!=web,has,!hasnot,zone in (a,b)."

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on a label. values: None asks whether the key is there at all; negated: the contrary holds."""

    key: str
    values: frozenset[str] | None
    negated: bool

    def holds(self, labels: dict[str, str]) -> bool:
        """Whether it holds for these labels."""
        value = labels.get(self.key)
        found = value is not None and (self.values is None or value in self.values)
        return found is not self.negated


@dataclass(frozen=True, slots=True)
class Selector:
    """Requirements that must all hold; without any, everything is selected."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Labels) -> bool:
        """Whether an object with these labels is selected."""
        if not self.requirements:
            return True
        known = dict(labels)
        return all(requirement.holds(known) for requirement in self.requirements)


EVERYTHING = Selector()


def parse_selector(text: str) -> Selector:
    """The selector that a text means; raises InvalidInput naming the field ``filter`` and the place in it, from 1."""
    if len(text) > MAX_LENGTH:
        raise InvalidInput.of(FIELD, f"{len(text)} characters are too long", f"Use at most {MAX_LENGTH}.")
    return _Parser(text).parse() if text.strip() else EVERYTHING


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int

    @property
    def shown(self) -> str:
        return repr(self.text) if self.kind != "end" else "the end"


class _Parser:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._next = 0

    def parse(self) -> Selector:
        found = [self._requirement()]
        while self._take("sign", ","):
            found.append(self._requirement())
            if len(found) > MAX_REQUIREMENTS:
                raise self._wrong(f"more than {MAX_REQUIREMENTS} requirements", "Use fewer.")
        if self._here.kind != "end":
            raise self._expected("',' or the end")
        return Selector(tuple(found))

    @property
    def _here(self) -> _Token:
        return self._tokens[self._next]

    def _take(self, kind: str, *texts: str) -> _Token | None:
        token = self._here
        if token.kind != kind or (texts and token.text not in texts):
            return None
        self._next += 1
        return token

    def _requirement(self) -> Requirement:
        if self._take("sign", "!"):
            return Requirement(self._key(), None, True)
        key = self._key()
        sign = self._take("sign", "=", "==", "!=")
        if sign:
            return Requirement(key, frozenset({self._value()}), sign.text == "!=")
        word = self._take("word", "in", "notin")
        if word:
            return Requirement(key, self._values(), word.text == "notin")
        if self._here.kind == "end" or self._here.text == ",":
            return Requirement(key, None, False)
        raise self._expected("'=', '!=', 'in', 'notin', ',' or the end")

    def _key(self) -> str:
        token = self._here
        if token.kind != "word":
            raise self._expected("a label's key")
        if not LABEL_KEY.fullmatch(token.text):
            raise self._wrong(f"{token.text[:80]!r} is not a label's key", _EXAMPLE)
        self._next += 1
        return token.text

    def _value(self) -> str:
        token = self._here
        if token.kind in ("word", "quoted"):
            self._next += 1
            return token.text if token.kind == "word" else re.sub(r"\\(.)", r"\1", token.text[1:-1])
        if token.kind == "end" or token.text in (",", ")"):
            return ""  # env= selects what has an empty label
        raise self._expected("a value")

    def _values(self) -> frozenset[str]:
        if not self._take("sign", "("):
            raise self._expected("'('")
        found = [self._value()]
        while self._take("sign", ","):
            found.append(self._value())
            if len(found) > MAX_VALUES:
                raise self._wrong(f"more than {MAX_VALUES} values", "Use fewer.")
        if not self._take("sign", ")"):
            raise self._expected("',' or ')'")
        return frozenset(found)

    def _expected(self, what: str) -> SdnError:
        return self._wrong(f"expected {what}, found {self._here.shown[:80]}", _EXAMPLE)

    def _wrong(self, reason: str, remedy: str) -> SdnError:
        return InvalidInput.of(FIELD, f"at character {self._here.at}: {reason}", remedy)


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    for match in _TOKEN.finditer(text):
        at = match.start() + 1
        kind = match.lastgroup or ""
        if kind == "wrong" and match[0] == " ":
            continue
        if kind == "wrong":
            found = "a quotation mark that is not closed" if match[0] == '"' else f"{match[0]!r}"
            raise InvalidInput.of(
                FIELD, f"at character {at}: {found} does not belong here", f"Put it in quotes. {_EXAMPLE}"
            )
        yield _Token(kind, match[0], at)
    yield _Token("end", "", len(text) + 1)
