"""Places for what takes long: calls, and among them watches, of which there are so many and no more.

Rules: a caller has a share, so has a tenant, whoever calls for it, and so have all tenants together, so that operators
always find a place. Administrators and callers of this machine have no share of their own; they share what there is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from sdn.model.errors import Exhausted, Limit
from sdn.security.access import Identity
from sdn.security.subjects import ADMIN, SCOPED

_TENANTS = "all tenants"


class Shares(NamedTuple):
    """At most so many at a time: of one caller, of one tenant, of all tenants together."""

    caller: int
    tenant: int
    tenants: int


class Places:
    """what: of which there are places, in the plural; remedy: what a caller can do that finds none, a sentence."""

    def __init__(self, what: str, remedy: str) -> None:
        self._what = what
        self._remedy = remedy
        self._taken: Counter[str] = Counter()

    def enter(self, identity: Identity, shares: Shares) -> None:
        """Take one; raises Exhausted naming whose share is used up."""
        for key, most, name in _counted(identity, shares):
            if self._taken[key] >= most:
                reason = f"{most} {self._what} of {name} are open"
                raise Exhausted.of("", reason, self._remedy, Limit(name, self._what, most, self._taken[key]))
        self._taken.update(key for key, _, _ in _counted(identity, shares))

    def leave(self, identity: Identity) -> None:
        """Give it back."""
        for key, _, _ in _counted(identity, Shares(0, 0, 0)):
            self._taken[key] -= 1
            if not self._taken[key]:
                del self._taken[key]

    @contextmanager
    def held(self, identity: Identity, shares: Shares) -> Iterator[None]:
        """For as long as the block lasts; raises Exhausted."""
        self.enter(identity, shares)
        try:
            yield
        finally:
            self.leave(identity)


def _counted(identity: Identity, shares: Shares) -> Iterator[tuple[str, int, str]]:
    """What counts a call: key, how many there may be, and whose they are, for people."""
    subject = identity.subject
    if subject.role == ADMIN:
        return
    yield f"{identity.source} {identity.key}", shares.caller, subject.name
    if subject.role in SCOPED:
        for tenant in subject.tenants:
            yield f"tenants/{tenant}", shares.tenant, f"tenants/{tenant}"
        yield _TENANTS, shares.tenants, _TENANTS
