"""What a trace found: steps that lead to steps, and what becomes of the packet in the end.

Steps are numbered and name the steps that follow, so several may lead to one: where two ways meet with the same frame,
what comes then is told once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from itertools import product
from typing import TypeVar

T = TypeVar("T")

CONTROLLER = 0xFFFFFFFD
"""OFPP_CONTROLLER (OpenFlow 1.3.5, section 7.2.1)."""


class Doing(StrEnum):
    """What happens in a step."""

    ARRIVE = "arrive"
    """A frame enters a switch."""
    TABLE = "table"
    """A table is looked through; the flow that was met, if any."""
    GROUP = "group"
    """A group; what follows are its buckets. Of a select group one of them, else each."""
    BUCKET = "bucket"
    OUTPUT = "output"
    """Out of a port: over a link, to a host, to the controller, or nowhere."""


class Why(StrEnum):
    """Why nothing follows a step."""

    DELIVERED = "delivered"
    """The frame left towards a host."""
    CONTROLLER = "controller"
    """The frame went to the controller."""
    NO_MATCH = "no match"
    DROPPED = "dropped"
    """The flow says so: it has no instructions."""
    NO_OUTPUT = "no output"
    """There were instructions, and none of them sent the packet anywhere."""
    TTL = "TTL"
    """dec_ttl of a packet with a TTL of one or zero."""
    INGRESS = "ingress port"
    """Output to the port it came from, which is not done."""
    NO_PORT = "no such port"
    PORT_DOWN = "port down"
    NO_SWITCH = "no such switch"
    NO_GROUP = "no such group"
    NO_BUCKET = "no live bucket"
    LOOP = "loop"
    """The frame was here before, as it is: it goes round for ever."""
    TOO_DEEP = "too deep"
    """More resubmits than Open vSwitch carries out: it drops every copy of the packet (MAX_DEPTH, MAX_RESUBMITS)."""
    TOO_LONG = "too long"
    """The trace has reached its own limit and says nothing of the rest."""
    UNKNOWN = "unknown"
    """Something that this interpreter does not know, see the step's ``note``."""


UNSURE = (Why.TOO_LONG, Why.UNKNOWN)
"""Ends behind which more may happen than the trace tells."""


@dataclass(frozen=True, slots=True)
class Change:
    """A field that a step changed."""

    field: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Step:
    """One step. number: its place in the trace; dpid: the switch; table: of TABLE.

    key: the flow of a TABLE step, None where none matched; group: id, of GROUP and BUCKET. kind: type of the group.
    port: where the frame came in (ARRIVE) or goes out. bucket: which, from 0; share: of all of a select group's live
    buckets so many are alike, of so many. meters: that the packet passed. frame: of ARRIVE, and of what leaves.
    values: fields of the packet in a table that ends it.
    why: set where nothing follows. next: numbers of the steps that follow.
    """

    number: int
    doing: Doing
    dpid: int
    table: int = 0
    key: bytes | None = None
    group: int = 0
    kind: int = 0
    port: int = 0
    bucket: int = 0
    share: tuple[int, int] = (1, 1)
    meters: tuple[int, ...] = ()
    changes: tuple[Change, ...] = ()
    frame: bytes = b""
    values: Mapping[str, int] = field(default_factory=dict)
    why: Why | None = None
    note: str = ""
    next: tuple[int, ...] = ()

    @property
    def is_choice(self) -> bool:
        """Whether the packet takes one of the ways that follow, instead of each."""
        return self.doing is Doing.GROUP and self.kind == SELECT


ALL, SELECT, INDIRECT, FAST_FAILOVER = range(4)
"""Types of groups (OpenFlow 1.3.5, section 7.3.4.2)."""


@dataclass(frozen=True, slots=True, order=True)
class Delivery:
    """A frame that left the fabric. port: CONTROLLER if it went there."""

    dpid: int
    port: int
    frame: bytes


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What may become of a packet. ways: each possible end as the sorted deliveries that it makes; of choices (select
    groups) one happens, which one is not known. sure: no branch ended at something unknown, and all ways are here.
    """

    ways: frozenset[tuple[Delivery, ...]]
    sure: bool


@dataclass(frozen=True)
class Trace:
    """All steps; the first one is where the packet came in."""

    steps: tuple[Step, ...]

    def may(self, goal: Callable[[Step], bool]) -> bool:
        """Whether some way leads to a step like this."""
        return any(goal(step) for step in self.steps)

    def must(self, goal: Callable[[Step], bool]) -> bool:
        """Whether every way leads to a step like this, whatever select groups choose."""
        return bool(self.certain(lambda step: goal(step) or None))

    def certain(self, name: Callable[[Step], T | None]) -> frozenset[T]:
        """What happens on every way: the names of steps that do (None: of no interest). O(steps x names)."""
        found: list[frozenset[T]] = [frozenset()] * len(self.steps)
        for number in self._upwards:
            step = self.steps[number]
            below = [found[n] for n in step.next]
            if below:
                found[number] = below[0].intersection(*below[1:]) if step.is_choice else below[0].union(*below[1:])
            own = name(step)
            if own is not None:
                found[number] |= {own}
        return found[0]

    @property
    def sure(self) -> bool:
        """Whether nothing was met that the interpreter does not know, and no limit was reached."""
        return not any(step.why in UNSURE for step in self.steps)

    def outcomes(self, limit: int = 4096) -> Outcomes:
        """All that may become of the packet, at most ``limit`` ways at a time."""
        found: list[frozenset[tuple[Delivery, ...]]] = [frozenset()] * len(self.steps)
        complete = True
        for number in self._upwards:
            step = self.steps[number]
            if step.why in (Why.DELIVERED, Why.CONTROLLER):
                found[number] = frozenset({(Delivery(step.dpid, step.port, step.frame),)})
                continue
            ways: set[tuple[Delivery, ...]] = set() if step.is_choice and step.next else {()}
            for below in step.next:
                if step.is_choice:
                    ways |= found[below]
                    continue
                if len(ways) * len(found[below]) > limit:
                    complete = False
                    break
                ways = {tuple(sorted((*a, *b))) for a, b in product(ways, found[below])}
            found[number] = frozenset(ways)
        return Outcomes(found[0], complete and self.sure)

    @cached_property
    def _upwards(self) -> tuple[int, ...]:
        """All steps, each behind those that follow it. There are no circles: the interpreter has cut them."""
        order: list[int] = []
        state: dict[int, int] = {0: 0}
        stack = [0]
        while stack:
            number = stack[-1]
            following = self.steps[number].next
            at = state[number]
            if at == len(following):
                order.append(stack.pop())
                continue
            state[number] = at + 1
            if following[at] not in state:
                state[following[at]] = 0
                stack.append(following[at])
        return tuple(order)
