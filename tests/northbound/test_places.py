"""Shares of places: whoever comes and goes, nobody has more than its share, and nothing is kept of who has left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdn.model.errors import Exhausted
from sdn.northbound.places import Places, Shares
from sdn.security.access import Identity
from sdn.security.subjects import ADMIN, MEMBER, VIEWER, Subject

SHARES = Shares(caller=2, tenant=3, tenants=4)
WHO = [
    Identity(Subject("root", ADMIN), "token", "0"),
    Identity(Subject("eye", VIEWER), "token", "1"),
    Identity(Subject("a1", MEMBER, ("a",)), "token", "2"),
    Identity(Subject("a2", MEMBER, ("a",)), "token", "3"),
    Identity(Subject("b", MEMBER, ("b",)), "token", "4"),
    Identity(Subject("ab", MEMBER, ("a", "b")), "certificate", "4"),
]


@given(st.lists(st.tuples(st.sampled_from(range(len(WHO))), st.booleans()), max_size=60))
def test_nobody_has_more_than_its_share(steps: list[tuple[int, bool]]) -> None:
    places = Places("calls", "Wait.")
    held = [0] * len(WHO)

    def used(number: int) -> bool:
        """Whether a share of this caller is used up."""
        subject = WHO[number].subject
        if subject.role == ADMIN:
            return False
        tenants = [
            sum(n for n, who in zip(held, WHO, strict=True) if t in who.subject.tenants) for t in subject.tenants
        ]
        scoped = sum(n for n, who in zip(held, WHO, strict=True) if who.subject.tenants)
        own = held[number] >= SHARES.caller
        return own or any(n >= SHARES.tenant for n in tenants) or bool(tenants and scoped >= SHARES.tenants)

    for number, enters in steps:
        if not enters:
            if held[number]:
                places.leave(WHO[number])
                held[number] -= 1
        elif used(number):
            with pytest.raises(Exhausted, match=r"are open\. Wait\."):
                places.enter(WHO[number], SHARES)
        else:
            places.enter(WHO[number], SHARES)
            held[number] += 1
    for number, count in enumerate(held):
        for _ in range(count):
            places.leave(WHO[number])
    assert not places._taken
