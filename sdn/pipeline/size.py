"""Packets that are too large for the network behind a router: reported to the sender, not delivered.

Only routers that join networks of different MTU look at sizes, and only on the way into a network with a smaller one.
Where L3 writes the length check, the packet goes on by way of SIZE, which knows by a register where from.
"""

from __future__ import annotations

from sdn.model.oxm import ETH_DST
from sdn.model.program import FlowBody, FlowKey
from sdn.pipeline.layout import COPY, LABELLED, PUNT_SIZE, REASON, ROUTER, SIZED, TOO_LARGE, Table
from sdn.pipeline.shapes import ARG, Action, Body, Match, check_larger, load, resubmit, set_field

ETHERNET = 14
"""Bytes of a frame beside its IP packet; frames in the pipeline are untagged."""

CHECK = check_larger(ARG, SIZED, 0)
_LABEL = load(ETH_DST, 0, 40, ARG)


def _mark(value: int) -> Action:
    return load(SIZED, 1, 2, value >> 1)


LABELLED_TO_SIZE = [_mark(LABELLED), _LABEL]
BOTH_TO_SIZE = [_mark(COPY), _LABEL, resubmit(Table.SIZE), *LABELLED_TO_SIZE]
_SIZED = Match(Table.SIZE, 100, (ROUTER, ARG), (SIZED, ARG))
_PUNT = Body([set_field(REASON, PUNT_SIZE)], goto=Table.PUNT)()
_NEXT = {0: Table.NEIGHBOR, LABELLED: Table.STEER, COPY: Table.STAMP}


def length_of(limit: int) -> bytes:
    """The longest frame that carries an IP packet of this size, packed."""
    return (limit + ETHERNET).to_bytes(2, "big")


def compile_sizes(router: bytes) -> dict[FlowKey, FlowBody]:
    """Entries of a router that looks at sizes. A copy that is too large is dropped: its twin is reported."""
    flows = {_SIZED(router, value.to_bytes(4, "big")): Body(goto=table)() for value, table in _NEXT.items()}
    for value in (TOO_LARGE, TOO_LARGE | LABELLED):
        flows[_SIZED(router, value.to_bytes(4, "big"))] = _PUNT
    return flows
