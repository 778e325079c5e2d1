"""Several connections between the same ends: it is never open which of them takes a packet.

Of two that both take it the one with the higher precedence has it; so two of one precedence must not overlap. A
connection without a classifier takes what no other does, and there is one of these between two ends at most (a claim).
"""

from __future__ import annotations

from collections.abc import Iterator

from sdn.model.errors import Exhausted, Limit, UsedBy
from sdn.model.intent import Connection
from sdn.store.classifiers import mirrored, overlapping
from sdn.store.draft import Draft
from sdn.store.names import Problems
from sdn.store.relations import conflict_class

MAX_BETWEEN = 64
"""Connections between two ends."""


def check_overlaps(draft: Draft, problems: Problems) -> None:
    """No two connections between the same ends contradict each other. Quadratic in those between two ends."""
    pairs: dict[frozenset[str], list[Connection]] = {}
    for _, new in draft.kept():
        if isinstance(new, Connection) and not new.many:
            pairs.setdefault(frozenset((new.a, new.b)), []).append(new)
    for mates in pairs.values():
        if any(mate.classifier is not None for mate in mates):
            stored = list(_stored(draft, mates[0]))
            for number, mate in enumerate(mates):
                with problems.at(mate.name):
                    _check(draft, mate, [*stored, *mates[:number]])


def _stored(draft: Draft, connection: Connection) -> Iterator[Connection]:
    """Those between the same ends that the transaction does not name."""
    users = draft.index.users
    first, second = (users.get(port, {}) for port in (connection.a, connection.b))
    for name in min(first, second, key=len):
        other = draft.index.objects[name]
        if (
            name in first
            and name in second
            and isinstance(other, Connection)
            and not other.many
            and not draft.touched(name)
        ):
            yield other


def _check(draft: Draft, connection: Connection, others: list[Connection]) -> None:
    if len(others) >= MAX_BETWEEN:
        reason = f"there are {len(others)} connections between these ports"
        limit = Limit("", "connections between two ports", MAX_BETWEEN, len(others))
        raise Exhausted.of("classifier", reason, f"Have at most {MAX_BETWEEN}.", limit)
    wish = connection.classifier
    for other in others:
        theirs = other.classifier
        if wish is None or theirs is None or wish.precedence != theirs.precedence:
            continue
        if overlapping(wish, theirs if other.a == connection.a else mirrored(theirs)):
            raise conflict_class(draft, other.name).of(
                "classifier",
                f"{other.name} takes some of these packets, with the same precedence {wish.precedence}",
                "Make them differ, or give one of them a higher precedence.",
                UsedBy("", (other.name,), 1),
            )
