"""The computed ways of a packet as hops from switch to switch.

A switch tells of a probe in FABRIC, when it is about to send it on or has just received it. So of a probe that is lost
it matters which steps of a switch come before FABRIC, and which from it on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sdn.pipeline.layout import Table
from sdn.trace import Doing, Step, Trace


@dataclass(frozen=True, slots=True)
class Onward:
    """A link that a way takes. out: port of this switch; hop: number of that to which it leads."""

    out: int
    hop: int


@dataclass(frozen=True, slots=True)
class Hop:
    """A frame in a switch. number: of the step by which it came.

    before, behind: numbers of the steps there, up to FABRIC and from it on.
    """

    number: int
    dpid: int
    in_port: int
    frame: bytes
    onward: tuple[Onward, ...]
    before: tuple[int, ...]
    behind: tuple[int, ...]


def hops(found: Trace) -> dict[int, Hop]:
    """All hops by number; 0 is where the packet came in. O(steps)."""
    return {step.number: _hop(found, step) for step in found.steps if step.doing is Doing.ARRIVE}


def _hop(found: Trace, arrival: Step) -> Hop:
    onward: dict[Onward, None] = {}
    before: dict[int, None] = {}
    behind: dict[int, None] = {}
    for step, labelled in _inside(found, arrival):
        (behind if labelled else before)[step.number] = None
        for number in step.next:
            if found.steps[number].doing is Doing.ARRIVE:
                onward[Onward(step.port, number)] = None
    return Hop(
        *(arrival.number, arrival.dpid, arrival.port, arrival.frame, tuple(onward)),
        *(tuple(sorted(before)), tuple(sorted(behind))),
    )


def _inside(found: Trace, arrival: Step) -> Iterator[tuple[Step, bool]]:
    """Steps of a switch from an arrival on, each with whether FABRIC was met on the way to it."""
    stack, known = [(arrival.number, False)], set()
    while stack:
        item = stack.pop()
        if item in known:
            continue
        known.add(item)
        step = found.steps[item[0]]
        labelled = item[1] or (step.doing is Doing.TABLE and step.table == Table.FABRIC)
        yield step, labelled
        stack += [(number, labelled) for number in step.next if found.steps[number].doing is not Doing.ARRIVE]
