"""The roots of circuits of many ends: what comes in there, and to which legs it is copied.

A root is an edge of the circuit itself, for as long as a leg of it has one: a leg that waits, because its end is
attached nowhere or its time has not come, gets no copies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from sdn.model.intent import Connection
from sdn.pipeline.facts import Ceiling, CircuitFacts, EdgeFacts, RootFacts, SideFacts
from sdn.store.names import circuit_keys, root_side
from sdn.store.numbers import Numbers


@dataclass(slots=True)
class _Root:
    end: CircuitFacts
    ceiling: Ceiling | None
    forth: bool
    copies: dict[str, tuple[int, CircuitFacts]] = field(default_factory=dict)
    """By leg."""

    @property
    def facts(self) -> EdgeFacts:
        copies = tuple(sorted(self.copies.values(), key=lambda copy: copy[0]))
        sends = SideFacts(self.end.service, 0, (self.end.dpid,), self.ceiling)
        sides = (sends, SideFacts(0, self.end.service, ()))
        return EdgeFacts(*(sides if self.forth else sides[::-1]), root=RootFacts(self.end, copies))


class Roots:
    """Of all circuits of many ends. set_edge: told of each, again and again."""

    def __init__(self, numbers: Numbers, set_edge: Callable[[str, EdgeFacts | None], None]) -> None:
        self._numbers, self._set_edge = numbers, set_edge
        self._roots: dict[str, _Root] = {}
        self._of: dict[str, str] = {}
        """By leg: its circuit."""

    def place(
        self, leg: Connection, whole: Connection, circuit: tuple[CircuitFacts, CircuitFacts], ceiling: Ceiling | None
    ) -> None:
        """Let a leg have copies. circuit: its ends; ceiling: of all that comes in at the root. O(legs)."""
        forth = root_side(leg) == "a"
        end, leaf = circuit if forth else circuit[::-1]
        service = self._numbers.get("service", circuit_keys(whole)[0])
        assert service is not None
        root = self._roots.setdefault(whole.name, _Root(end, ceiling, forth))
        root.end, root.ceiling = replace(end, service=service), ceiling
        root.copies[leg.name] = end.service, leaf
        self._of[leg.name] = whole.name
        self._set_edge(whole.name, root.facts)

    def leave(self, leg: str) -> str:
        """A leg has none any more; its circuit, if no other leg has any either. O(legs)."""
        whole = self._of.pop(leg, "")
        if not whole:
            return ""
        root = self._roots[whole]
        del root.copies[leg]
        if root.copies:
            self._set_edge(whole, root.facts)
            return ""
        del self._roots[whole]
        self._set_edge(whole, None)
        return whole
