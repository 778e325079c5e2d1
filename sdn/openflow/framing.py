"""Cuts the byte stream of a connection into OpenFlow messages (OpenFlow 1.3.5, section 7.1)."""

from __future__ import annotations

from sdn.openflow import wire
from sdn.openflow.errors import ProtocolError

_ANY_VERSION = (wire.HELLO, wire.ERROR)


class Framer:
    """Holds at most one unfinished message between calls, so at most 65,535 bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def pending(self) -> int:
        """Bytes of the unfinished message."""
        return len(self._buffer)

    def feed(self, chunk: bytes) -> list[bytes]:
        """The messages that ``chunk`` completes, each from header to end.

        Raises ProtocolError at a length below that of the header, or a version other than 4 in any message but Hello
        and Error. The messages before it are lost then: the connection is over.
        """
        buffer = self._buffer
        buffer += chunk
        messages = []
        at, end = 0, len(buffer)
        while end - at >= wire.HEADER:
            length = buffer[at + 2] << 8 | buffer[at + 3]
            if length < wire.HEADER:
                raise ProtocolError(f"message of {length} bytes is shorter than its header")
            if buffer[at] != wire.VERSION and buffer[at + 1] not in _ANY_VERSION:
                raise ProtocolError(f"version 0x{buffer[at]:02x} of message type {buffer[at + 1]} is not OpenFlow 1.3")
            if end - at < length:
                break
            messages.append(bytes(buffer[at : at + length]))
            at += length
        del buffer[:at]
        return messages
