"""Asking a switch for the counters of its ports: one question, its reply in pieces put together, bounded in size."""

from __future__ import annotations

from sdn.openflow import encode, multipart, wire
from sdn.openflow.errors import ProtocolError
from sdn.openflow.messages import MultipartReply
from sdn.openflow.readback import MAX_PORTS

MAX_PIECES = 4096
"""Messages of one reply."""


class PortStatsReading:
    """Sans-IO: send ``request``, give it the pieces of its xid until it is ``complete``.

    ports: number → counters in the order of ``multipart.port_stats``.
    """

    def __init__(self, xid: int) -> None:
        self.ports: dict[int, tuple[int | None, ...]] = {}
        self.complete = False
        self._xid = xid
        self._pieces = 0

    def request(self) -> bytes:
        """The message to send."""
        return encode.port_stats_request(self._xid)

    def expects(self, xid: int) -> bool:
        """Whether a reply or error of this xid belongs to the question."""
        return xid == self._xid and not self.complete

    def reply(self, piece: MultipartReply) -> None:
        """Take one piece. Raises ProtocolError when it is malformed, of the wrong type, or too much."""
        if piece.type != wire.MP_PORT_STATS:
            raise ProtocolError(f"multipart reply of type {piece.type}, xid {piece.xid} was not asked for")
        self._pieces += 1
        self.ports.update(multipart.port_stats(piece.body))
        if len(self.ports) > MAX_PORTS or self._pieces > MAX_PIECES:
            raise ProtocolError(f"switch gives counters of more than {MAX_PORTS} ports or in {MAX_PIECES} messages")
        self.complete = not piece.more
