"""Reading a whole switch back: requests, and their replies in pieces put together, bounded in size and number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sdn.openflow import encode, multipart, wire
from sdn.openflow.errors import ProtocolError, error_text
from sdn.openflow.messages import Error, MultipartReply, PortDescription

MAX_BYTES = 1 << 28
"""Of all replies to one reading: about a million and a half of flows."""
MAX_PIECES = 1_000_000
"""Messages of one reading."""
MAX_PORTS = 65_536

_OPTIONAL = (wire.MP_GROUP_DESC, wire.MP_METER_CONFIG)
"""A switch that refuses these has no groups or meters."""


@dataclass(slots=True)
class Contents:
    """What was read. flows: key → cookie; bodies: key → instructions if asked for; groups: id → (type, buckets).

    meters: id → as of ``multipart.meters``, None for a meter of another form; ports: number → port.
    """

    flows: dict[bytes, int] = field(default_factory=dict)
    bodies: dict[bytes, bytes] = field(default_factory=dict)
    groups: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    meters: dict[int, tuple[int, int, bool] | None] = field(default_factory=dict)
    ports: dict[int, PortDescription] = field(default_factory=dict)
    description: str = ""


class Reading:
    """One reading of a switch. Sans-IO: send ``requests``, give it what comes, until it is ``complete``.

    xid: of the first request; ``size`` numbers are used. with_ports: description and ports too; with_bodies: keep the
    instructions of flows. Replies to xids that are not of this reading, or complete already, are refused by
    ``expects``.
    """

    def __init__(self, xid: int, *, with_ports: bool, with_bodies: bool) -> None:
        self.contents = Contents()
        self._with_bodies = with_bodies
        self._first = xid
        self._types = [wire.MP_FLOW, wire.MP_GROUP_DESC, wire.MP_METER_CONFIG]
        if with_ports:
            self._types = [wire.MP_DESC, wire.MP_PORT_DESC, *self._types]
        self._open = {xid + n: type_ for n, type_ in enumerate(self._types)}
        self._bytes = 0
        self._pieces = 0

    @staticmethod
    def size() -> int:
        """How many xids a reading uses at most."""
        return len(_REQUESTS)

    @property
    def complete(self) -> bool:
        """Whether everything has come."""
        return not self._open

    def requests(self) -> bytes:
        """The messages to send."""
        return b"".join(_REQUESTS[type_](self._first + n) for n, type_ in enumerate(self._types))

    def expects(self, xid: int) -> bool:
        """Whether a reply or error of this xid belongs to the reading."""
        return xid in self._open

    def reply(self, piece: MultipartReply) -> None:
        """Take one piece. Raises ProtocolError when it is malformed, of the wrong type, or too much."""
        if self._open.get(piece.xid) != piece.type:
            raise ProtocolError(f"multipart reply of type {piece.type}, xid {piece.xid} was not asked for")
        self._bytes += len(piece.body)
        self._pieces += 1
        if self._bytes > MAX_BYTES or self._pieces > MAX_PIECES:
            raise ProtocolError(f"reading the switch back gives more than {MAX_BYTES} bytes or {MAX_PIECES} messages")
        self._take(piece.type, piece.body)
        if not piece.more:
            del self._open[piece.xid]

    def refused(self, error: Error) -> None:
        """The switch refused a request. Raises ProtocolError if that is not one it may lack."""
        type_ = self._open.pop(error.xid)
        if type_ not in _OPTIONAL:
            text = error_text(error.type, error.code, error.experimenter)
            raise ProtocolError(f"switch refuses multipart request {type_}: {text}")

    def port_changed(self, port: PortDescription, *, removed: bool) -> None:
        """A port status that came while reading: it is as new as the port descriptions, or newer."""
        if removed:
            self.contents.ports.pop(port.number, None)
        else:
            self._add_port(port)

    def _add_port(self, port: PortDescription) -> None:
        ports = self.contents.ports
        ports[port.number] = port
        if len(ports) > MAX_PORTS:
            raise ProtocolError(f"switch has more than {MAX_PORTS} ports")

    def _take(self, type_: int, body: bytes) -> None:
        contents = self.contents
        if type_ == wire.MP_FLOW:
            for key, cookie, instructions in multipart.flows(body):
                contents.flows[key] = cookie
                if self._with_bodies:
                    contents.bodies[key] = instructions
        elif type_ == wire.MP_GROUP_DESC:
            contents.groups.update((group, (kind, buckets)) for group, kind, buckets in multipart.groups(body))
        elif type_ == wire.MP_METER_CONFIG:
            contents.meters.update(multipart.meters(body))
        elif type_ == wire.MP_PORT_DESC:
            for port in multipart.ports(body):
                self._add_port(port)
        else:
            contents.description = multipart.description(body)


_REQUESTS: dict[int, Callable[[int], bytes]] = {
    wire.MP_DESC: encode.description_request,
    wire.MP_PORT_DESC: encode.ports_request,
    wire.MP_FLOW: encode.flows_request,
    wire.MP_GROUP_DESC: encode.groups_request,
    wire.MP_METER_CONFIG: encode.meters_request,
}
