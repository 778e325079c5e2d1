"""Asking a switch what the flows of a table have counted: one question, its reply in pieces, bounded in size."""

from __future__ import annotations

from sdn.openflow import encode, multipart, wire
from sdn.openflow.errors import ProtocolError
from sdn.openflow.messages import MultipartReply
from sdn.openflow.portstats import MAX_PIECES

MAX_FLOWS = 1 << 18
"""Of one table: two for each of 131,072 connections."""


class FlowCountsReading:
    """Sans-IO: send ``request``, give it the pieces of its xid until it is ``complete``.

    flows: key → (packets, bytes).
    """

    def __init__(self, xid: int, table: int) -> None:
        self.flows: dict[bytes, tuple[int, int]] = {}
        self.complete = False
        self._xid = xid
        self._table = table
        self._pieces = 0

    def request(self) -> bytes:
        """The message to send."""
        return encode.flows_request(self._xid, self._table)

    def expects(self, xid: int) -> bool:
        """Whether a reply or error of this xid belongs to the question."""
        return xid == self._xid and not self.complete

    def reply(self, piece: MultipartReply) -> None:
        """Take one piece. Raises ProtocolError when it is malformed, of the wrong type, or too much."""
        if piece.type != wire.MP_FLOW:
            raise ProtocolError(f"multipart reply of type {piece.type}, xid {piece.xid} was not asked for")
        self._pieces += 1
        self.flows.update((key, (packets, octets)) for key, packets, octets in multipart.flow_counts(piece.body))
        if len(self.flows) > MAX_FLOWS or self._pieces > MAX_PIECES:
            raise ProtocolError(f"switch gives counters of more than {MAX_FLOWS} flows or in {MAX_PIECES} messages")
        self.complete = not piece.more
