"""The state as it would be after a transaction: an overlay of the touched resources over the index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sdn.model.intent import Resource, Subnet
from sdn.store.index import Change, Index
from sdn.store.names import Claim


@dataclass(slots=True)
class Target:
    """What a command makes of one resource. fill: addresses were not given and are to be chosen.

    derived: no command names it; it follows from others.
    """

    name: str
    old: Resource | None
    new: Resource | None
    fill: bool = False
    derived: bool = False


class Draft:
    """Look-ups in the final state. Claims of touched resources count once ``claim`` was called for them."""

    def __init__(self, index: Index, targets: Mapping[str, Target]) -> None:
        self.index = index
        self.targets = targets
        self._claims: dict[Claim, str] = {}
        self._new_subnets: dict[str, list[str]] = {}
        self._subnets: dict[str, tuple[Subnet, ...]] = {}
        for target in targets.values():
            if target.old is None and isinstance(target.new, Subnet):
                self._new_subnets.setdefault(target.new.network, []).append(target.name)

    def touched(self, name: str) -> bool:
        """Whether the transaction names this resource."""
        return name in self.targets

    def get(self, name: str) -> Resource | None:
        """A resource as it would be."""
        target = self.targets.get(name)
        return self.index.objects.get(name) if target is None else target.new

    def kept(self) -> Iterator[tuple[Target, Resource]]:
        """The touched resources that would exist, as they are at the moment."""
        for target in self.targets.values():
            if target.new is not None:
                yield target, target.new

    def holder(self, claim: Claim) -> str | None:
        """The name of who would hold a unique key."""
        name = self._claims.get(claim)
        if name is None:
            name = self.index.claims.get(claim)
            if name is not None and name in self.targets:
                return None
        return name

    def claim(self, claim: Claim, name: str) -> str | None:
        """Give a unique key to a touched resource; if another holds it, nothing is done and its name returned."""
        holder = self.holder(claim)
        if holder is None:
            self._claims[claim] = name
        return None if holder == name else holder

    def subnets_of(self, network: str) -> tuple[Subnet, ...]:
        """The subnets that a network would have, stored ones first."""
        known = self._subnets.get(network)
        if known is None:
            names = (*self.index.subnets.get(network, ()), *self._new_subnets.get(network, ()))
            known = tuple(subnet for name in names if isinstance(subnet := self.get(name), Subnet))
            self._subnets[network] = known
        return known

    def users_left(self, name: str, limit: int) -> tuple[int, tuple[str, ...]]:
        """How many resources outside of the transaction use this one, and the names of the first ones."""
        users = self.index.users.get(name, {})
        first: list[str] = []
        for user in users:
            if len(first) == limit:
                break
            if user not in self.targets:
                first.append(user)
        if len(users) < len(self.targets):
            return sum(user not in self.targets for user in users), tuple(first)
        return len(users) - sum(target in users for target in self.targets), tuple(first)

    def changes(self) -> tuple[Change, ...]:
        """What would really change, in the order of the commands."""
        return tuple(Change(t.old, t.new) for t in self.targets.values() if t.old != t.new)
